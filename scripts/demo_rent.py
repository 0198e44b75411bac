"""demo_rent.py - the second act of scripts/demo: a directory of real files is
stored with strangers, a third of whom are lost, and comes back.

Hosts and renters are separate processes with homes of their own, each host on
a /24 of its own. What is paid, missed, burnt and used of gas or energy is read
from the chain (bank.py).
"""

import lzma
import os
import shutil
import subprocess
import tarfile
import time

import rent
import stage
import tron
from bank import tokens
from nodes import say
from rent import Host, Party, each
from stage import Failed, MIB

WORK = os.path.join(stage.TOP, "build", "demo")
HOSTS = 18
K, N = 4, 12
KILLED = 5
NEIGHBOURS = 5  # renters besides the one whom the play is about
# Blocks of a second; elsewhere a day of blocks. On TRON a block is final two
# later, and nodes take longer to run a call.
PERIOD = {"evm": 16, "tron": 24}
TERM = 7  # periods
# of small things that each neighbour stores with every host; what is to last as
# long as something before it would go into the same agreements
SMALL_TERMS = 3, TERM
AWAY = 3  # of them the renter is away
PRICE, COLLATERAL = "1000000", "1024"  # tokens a GiB; the first in 30 days

# of the kernel's source: some 4,200 files, 60 MB
DIRECTORIES = {"init", "io_uring", "ipc", "kernel", "lib", "mm", "net", "rust",
               "samples", "scripts"}
FILES, BYTES = 4000, 60 * 10**6  # at most, of an installed tree


# --- the files ----------------------------------------------------------------

def unpack(package, out):
    """Some directories of the kernel's source out of a Debian package that has
    it as one archive. False: this file is another."""
    packed = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package],
                              stdout=subprocess.PIPE)
    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    found = False
    with packed, tarfile.open(fileobj=packed.stdout, mode="r|") as outer:
        for member in outer:
            if not os.path.basename(member.name).startswith("linux-source") or \
                    not member.name.endswith(".tar.xz"):
                continue
            found = True
            with tarfile.open(fileobj=outer.extractfile(member),
                              mode="r|xz") as inner:
                for m in inner:
                    parts = m.name.split("/")
                    if len(parts) > 1 and parts[1] in DIRECTORIES:
                        m.name = "/".join(parts[1:])
                        inner.extract(m, out, **safe)
            break
        packed.kill()
    return found


def try_unpack(package, out):
    if not package.endswith(".deb") or not shutil.which("dpkg-deb"):
        return False
    say("unpacking %s" % os.path.basename(package))
    try:
        return unpack(package, out)
    except (tarfile.TarError, lzma.LZMAError, EOFError) as e:
        say("%s cannot be unpacked: %s" % (os.path.basename(package), e))
        return False


def copy_installed(out):
    """Where the source cannot be had: files that this machine has anyway."""
    files = size = 0
    for top in ("/usr/include", "/usr/share/doc", "/usr/share", "/usr/lib"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path) or \
                        not os.access(path, os.R_OK) or \
                        size + os.path.getsize(path) > BYTES:
                    continue
                to = out + path
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copy2(path, to)
                files, size = files + 1, size + os.path.getsize(path)
                if files == FILES:
                    return


def source_tree(package):
    """build/demo/tree/source, made once."""
    tree = os.path.join(WORK, "tree", "source")
    if os.path.isdir(tree):
        return tree
    made = os.path.join(WORK, "tree", "new")
    shutil.rmtree(made, ignore_errors=True)
    os.makedirs(made)
    if not try_unpack(package, made):
        say("the kernel's source is not at hand; taking files that are "
            "installed here instead")
        shutil.rmtree(made)
        copy_installed(made)
    os.rename(made, tree)
    return tree


# --- who takes part -----------------------------------------------------------

def start_chain(st, kind):
    if kind == "tron":
        return tron.Chain(st, "127.0.0.1", 1000)
    return stage.Chain(st, "127.0.0.1", "--block-time", "1")


def set_up(st, run, kind):
    chain, period = start_chain(st, kind), PERIOD[kind]
    hosts = [Host(run, "host %02d" % (i + 1), "127.0.%d.1" % (i + 1), chain)
             for i in range(HOSTS)]
    renters = [Party(run, n, "127.0.0.%d" % (i + 2), chain)
               for i, n in enumerate(("renter", *(
                   "neighbour %d" % (i + 1) for i in range(NEIGHBOURS))))]
    everybody = hosts + renters
    say("%d wallets" % len(everybody))
    rent.make_wallets(st, everybody)
    say("deploying a test token and the bank, with periods of %d blocks" %
        period)
    bank = rent.deploy(st, chain, renters[0], everybody, period)
    for h in hosts[1:]:
        h.configure(host_peer=hosts[0].address + ":6881")
    say("starting %d hosts, each on a /24 of its own, all told of the first; "
        "and %d renters" % (len(hosts), len(renters)))
    rent.start_all(st, everybody)
    say("1,000 test tokens into the bank for each")
    rent.fund(st, everybody, "1000")
    say("each host rents out 64 MiB, for %s tokens a GiB and month (a period "
        "is %d s here, elsewhere a day), with a token of collateral a MiB" % (
            PRICE, period))
    rent.enable(st, hosts, "64MiB", PRICE, COLLATERAL)
    rent.find_hosts(renters, hosts)
    say("asked one of them, each renter knows all %d" % len(hosts))
    return bank, hosts, renters


# --- the play -----------------------------------------------------------------

def put(path, k, n, term):
    return ("store", "put", path, "--k", str(k), "--n", str(n), "--periods",
            str(term))


def everybody_stores(st, renters, tree, run):
    """The neighbours' small things; beside the last of them the renter's
    directory."""
    small = os.path.join(run, "small")
    os.makedirs(small)
    owner, neighbours = renters[0], renters[1:]
    say("%d neighbours store %d small things with all hosts, and the renter %d "
        "files and directories so that any %d of %d hosts bring them back" % (
            len(neighbours), len(neighbours) * len(SMALL_TERMS),
            len(rent.entries_of(tree)), K, N))
    for term in SMALL_TERMS:
        tasks = []
        for r in neighbours:
            path = os.path.join(small, "%s for %d" % (r.name, term))
            stage.make_file(path, 20000 + 1000 * term)
            tasks.append((r, put(path, 6, HOSTS, term)))
        if term == TERM:
            tasks.append((owner, put(tree, K, N, TERM)))
        told = each(st, tasks, len(tasks))[-1]
    print("   %.1f MiB became %.1f MiB at %d hosts, for %s tokens" % (
        told["bytes"] / MIB, told["stored_bytes"] / MIB, told["hosts"],
        told["cost"]), flush=True)
    return told


def disaster(st, bank, hosts, renter):
    """Of those who hold the renter's files five die and one lies; the renter
    goes away."""
    holds = {a.host for a in bank.opened(renter.storage_account)}
    holders = [h for h in hosts if h.key in holds]
    if len(holders) < N:
        raise Failed("only %d hosts hold the files" % len(holders))
    st.forget(renter.daemon)
    renter.daemon = None
    for h in holders[:KILLED]:
        h.kill()
    holders[KILLED].corrupt()
    say("the renter goes away; %s are killed; all that %s holds is "
        "overwritten, and it goes on" % (
            ", ".join(h.name for h in holders[:KILLED]),
            holders[KILLED].name))
    return holds, bank.block()


def wait_until(bank, period, hosts):
    """What the chain says meanwhile, a line a period."""
    last = None
    while (now := bank.now()) < period:
        rent.look_alive(hosts)
        if now != last:
            last = now
            proofs = bank.proofs()
            print("   period %d of %d: %d proofs so far, %.6f tokens paid for "
                  "them" % (now, period, len(proofs), tokens(
                      sum(p.paid for p in proofs))), flush=True)
        time.sleep(0.5)


def repair(st, bank, renter, held):
    say("the renter comes back and repairs")
    told = each(st, [(renter, ("store", "repair", "--all"))], 1)[0]
    now = {a.host for a in bank.opened(renter.storage_account)}
    print("   %d sectors were lost, %d are made again; %d hosts that had "
          "nothing of it hold them" % (told["lost"], told["repaired"],
                                       len(now - held)), flush=True)
    return (told["lost"] > 0 and told["repaired"] == told["lost"] and
            len(now - held) == KILLED + 1)


def restore(st, run, renter, host, tree):
    """Another machine: the phrase, what chain and bank it is, one host."""
    say("a new machine with nothing but the recovery phrase asks %s" %
        host.name)
    new = Party(run, "new machine", "127.0.0.99", renter.chain)
    new.write_passphrase()
    new.configure({**renter.chain.settings, **renter.settings})
    new.has_wallet(new.run("wallet", "import", "--passphrase-file",
                           new.passphrase, stdin=renter.phrase + "\n"))
    out = os.path.join(run, "restored")
    told = each(st, [(new, ("restore", "--host", host.address + ":6881",
                            "--out", out))], 1)[0]
    same = rent.same_tree(tree, os.path.join(out, os.path.basename(tree)))
    print("   %d files came back%s" % (
        told["files"], ", equal byte for byte, with their modes, times and "
        "links" if same else ", and they differ"), flush=True)
    return same


# --- the end ------------------------------------------------------------------

def end_agreements(bank, hosts, until):
    wait_until(bank, until, hosts)
    say("the terms are over; the blocks until anyone may close pass at once")
    by_hosts, others = rent.end_agreements(bank, hosts, until)
    say("%d agreements are closed by their hosts, and by a passer-by %d whose "
        "hosts are dead" % (by_hosts, others))


def check_books(parties):
    say("proving %d books against themselves and against the chain" %
        len(parties))
    for p in parties:
        p.run("ledger", "check", "--account", "storage",
              wallet=p.daemon is None)


def table(hosts):
    print("\n%-8s %-7s %8s %11s %7s %7s %13s %16s" % (
        "", "", "sectors", "agreements", "proofs", "missed", "earned",
        "collateral lost"))
    for h in hosts:
        print("%-8s %-7s %8d %11d %7d %7d %13.6f %16.6f" % (
            h.name, h.state(), h.locked, h.agreements, h.proofs, h.missed,
            h.earned, h.lost))
    print(flush=True)


def outcome(bank, hosts, block, repaired, restored):
    """The honest are paid and lose nothing; from `block` on the liar and the
    dead are paid nothing (but for what was on its way), and the liar loses
    collateral."""
    good = [h for h in hosts if not h.state()]
    liar = next(h for h in hosts if h.liar)
    lost = {h.key for h in hosts if h.state()}
    proofs = bank.proofs()
    used = bank.gas_of_proofs() // len(proofs)
    result = {
        "hosts_killed": sum(h.killed for h in hosts),
        "restored_ok": restored,
        "proofs_ok": len(proofs),
        "proofs_missed": sum(h.missed for h in hosts),
        "gas_per_proof": used,
        bank.chain.unit + "_per_proof": used,
        "repair_ok": repaired,
        "slashed": liar.lost > 0 and not any(
            p.host in lost and p.block > block + 3 for p in proofs),
        "liar_lost": str(liar.lost),
        "burnt": str(sum(h.lost for h in hosts)),
        "honest_paid": all(h.earned > 0 and h.lost == 0 and h.missed == 0
                           for h in good),
        "rent_books_ok": all(h.book() == h.earned for h in good + [liar])}
    result["ok"] = min(h.agreements for h in hosts) >= 10 and all(
        result[k] for k in ("restored_ok", "repair_ok", "slashed",
                            "honest_paid", "rent_books_ok"))
    return result


def verdict(result):
    if not result["ok"]:
        return "not all went well with the stored files (see the figures)"
    return ("%d of %d hosts were lost and every byte came back, %d proofs were "
            "paid for and the liar lost %s tokens" % (
                KILLED + 1, HOSTS, result["proofs_ok"], result["liar_lost"]))


def tidy():
    """A GiB of disk space that hosts rented out."""
    for name in os.listdir(os.path.join(WORK, "run-rent")):
        if name.endswith("-disk"):
            shutil.rmtree(os.path.join(WORK, "run-rent", name))


def perform(st, package, kind):
    """Returns the figures of --json; raises Failed."""
    tree = source_tree(package)
    run = os.path.join(WORK, "run-rent")
    shutil.rmtree(run, ignore_errors=True)
    os.makedirs(run)
    bank, hosts, renters = set_up(st, run, kind)
    owner = renters[0]
    told = everybody_stores(st, renters, tree, run)
    start = max(a.start for a in bank.opened(owner.storage_account))
    until = max(a.end for a in bank.opened())
    held, block = disaster(st, bank, hosts, owner)
    wait_until(bank, start + AWAY, hosts)
    repaired = repair(st, bank, owner, held)
    honest = [h for h in hosts if not h.state()]
    restored = restore(st, run, owner, honest[-1], tree)
    end_agreements(bank, hosts, until)
    check_books(renters + [h for h in hosts if not h.killed])
    rent.figures(bank, hosts)
    table(hosts)
    result = outcome(bank, hosts, block, repaired, restored)
    result["stored_bytes"] = told["stored_bytes"]
    return result
