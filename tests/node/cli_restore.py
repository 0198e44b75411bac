#!/usr/bin/env python3
"""cli_restore.py - a machine is lost, and a third of the hosts with it: all
that was stored comes back from the phrase alone. The hosts are found in the DHT,
of which one node is known that neither rents nor stores.

usage: cli_restore.py --bin DIR [--keep]
"""

import argparse
import concurrent.futures
import json
import os
import random
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import stage  # noqa: E402
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import wait_for  # noqa: E402

HOSTS = 6
K, N = 2, 5
GONE = 2
PERIOD = 40  # blocks of a second
DEPOSIT = 900
FILES = 12
FORGED = 2**62  # a sequence above all others
CODING = ("--k", str(K), "--n", str(N), "--per-network", "9")


def at_once(function, items):
    with concurrent.futures.ThreadPoolExecutor(HOSTS + 1) as pool:
        return list(pool.map(function, items))


def typed(node, *words):
    """As a person reads it: exit status, standard output, standard error."""
    argv = [w for w in node.argv(*words) if w != "--json"]
    done = subprocess.run([*argv, "--passphrase-file", node.passphrase],
                          capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    return done.returncode, done.stdout, done.stderr


def at(node):
    return node.address + ":6881"


def fund(node):
    node.run("contract", "mint", str(DEPOSIT), "--account", "storage")
    node.run("deposit", str(DEPOSIT), "--account", "storage")


def set_up(chain, owner, hosts):
    at_once(Node.make_wallet, (owner, *hosts))
    owner.configure(rpc=chain.url, confirmations="1")
    made = owner.run("contract", "deploy", "--test-token", "--period",
                     str(PERIOD))
    settings = {"rpc": chain.url, "bank": made["bank"],
                "token": made["token"], "confirmations": "1"}

    def enable(host):
        host.configure(**settings)
        fund(host)
        if host is owner:
            return
        disk = host.home + ".disk"
        os.mkdir(disk)
        host.run("host", "enable", "--path", disk, "--space", "64MiB",
                 "--price", "100", "--ingress", "3", "--egress", "5",
                 "--span", "1", "--min-term", "1",
                 "--max-term", "1000")
    at_once(enable, (owner, *hosts))
    check("a bank, a renter and hosts", True)
    return settings


def begin(st, node):
    return st.spawn(node.name, [
        os.path.join(nodes.BIN, "seedbankd"), "--home", node.home, "--listen",
        at(node), "--passphrase-file", node.passphrase])


def state(host):
    try:
        return host.run("host", "status", wallet=False)
    except stage.Failed:
        return {}  # the socket of one that was stopped


def start(st, hosts):
    for host in hosts:
        host.daemon = begin(st, host)
    for host in hosts:
        wait_for("renting out", 60, lambda: state(host).get("state") == "up" and
                 state(host).get("open"), host.daemon)


def stop(st, host):
    host.daemon.stop()
    st.forget(host.daemon)


def tree(directory):
    made = os.path.join(directory, "files")
    os.makedirs(os.path.join(made, "below", "it"))
    rng = random.Random(4)
    for i in range(FILES):
        name = os.path.join(made, "below" if i % 3 else ".", "file %d" % i)
        with open(name, "wb") as f:
            f.write(rng.randbytes(rng.choice((0, 1, 5000, 300000))))
        os.chmod(name, 0o600 if i % 2 else 0o755)
    os.symlink("file 0", os.path.join(made, "a link"))
    return made


def same(a, b):
    return subprocess.run(["diff", "-r", "--no-dereference", a, b],
                          capture_output=True, text=True)


def forge(host):
    """Its records are its own from here on, and newer than all others."""
    with sqlite3.connect(os.path.join(host.home, "sectors.db")) as db:
        db.execute("UPDATE head SET sequence = ?, bytes = ?",
                   (FORGED, os.urandom(101)))
        heads = db.total_changes
        for number, record in db.execute(
                "SELECT id, bytes FROM placement_part").fetchall():
            record = bytearray(record)
            record[40] ^= 1  # of its sequence, which is signed
            db.execute("UPDATE placement_part SET bytes = ? WHERE id = ?",
                       (bytes(record), number))
        db.execute("UPDATE placement SET sequence = ?", (FORGED,))
        check("a host has records to forge", heads == 1 and
              db.total_changes > heads + 1, db.total_changes)
    db.close()


def move_in(chain, directory, name, address, phrase, settings):
    """A new machine: the phrase alone."""
    node = Node(directory, name, address, chain)
    with open(node.passphrase, "w") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write("another passphrase\n")
    done = subprocess.run(
        node.argv("wallet", "import", "--passphrase-file", node.passphrase),
        input=phrase + "\n", capture_output=True, text=True, timeout=60)
    check("the phrase is taken", done.returncode == 0, done.stderr)
    node.cheapen(json.loads(done.stdout)["file"], phrase)
    node.account = "the phrase's"
    node.configure(**settings)
    return node


def proved(node, when):
    said = node.run("ledger", "check", "--account", "storage", wallet=False)
    check("%s: the book is right and equals the chain" % when, said["ok"] and
          "against the chain" in said["text"], said)
    held = node.run("status", wallet=False)["storage"]
    whole = sum(float(held[k]) for k in ("in_bank", "in_funds", "rent_paid"))
    check("%s: every unit is somewhere" % when, abs(whole - DEPOSIT) < 1e-6,
          held)
    return held


def refused(owner, stranger, host):
    got = typed(owner, "restore", "--host", at(host))
    check("a home with files of its own is left alone", got[0] == 1 and
          "stored files already" in got[2], got)
    got = typed(stranger, "restore", "--host", at(host))
    check("who never rented is told what to look at", got[0] == 1 and
          "wallet-index" in got[2], got)


def cut_off(new, live):
    """Killed before it has written anything down."""
    argv = [w for w in new.argv("restore", "--host", at(live))
            if w != "--json"]
    with subprocess.Popen([*argv, "--passphrase-file", new.passphrase],
                          text=True, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as p:
        line = next((s for s in p.stderr if "asking the hosts" in s), "")
        p.kill()
    ls = new.run("store", "ls")
    check("killed, it has changed nothing", line and not ls["files"] and
          not ls["objects"], (line, ls))


def begin_dht(st, directory, address):
    """The one node that everybody begins with."""
    os.environ["SEEDBANK_DHT_BOOTSTRAP"] = endpoint = address + ":6999"
    return st.spawn("dht", [
        os.path.join(nodes.BIN, "seedbankd"), "--home",
        os.path.join(directory, "dht"), "--listen", endpoint])


def found_hosts(owner, hosts):
    """They have announced themselves; each tells of those that it met."""
    found = lambda: owner.run("store", "hosts")["hosts"]
    wait_for("all hosts in the DHT", 60, lambda: len(found()) == len(hosts))
    check("the DHT finds the hosts", {h["endpoint"] for h in found()} ==
          {at(h) for h in hosts}, found())


def first_time(new, source, listed, directory):
    out = os.path.join(directory, "out")
    code, text, steps = typed(new, "restore")
    check("it is restored, and no host was named", code == 0, (text, steps))
    check("it says that the old home must not be used", "must not be\nused any "
          "more" in text and "takes over the account" in steps, (text, steps))
    check("hosts that are gone are counted", "%d hosts could not be reached" %
          GONE in text, text)
    check("a record that is not ours is told of", "its head record is not ours"
          in steps, steps)
    ls = new.run("store", "ls")
    check("everything is listed as it was", ls["files"] == listed["files"] and
          [o["id"] for o in ls["objects"] if o["state"] == "stored" and
           not o["catalogue"]] ==
          [o["id"] for o in listed["objects"] if not o["catalogue"]],
          (ls, listed))
    got = new.run("store", "get", "files", "--out", out)
    diff = same(source, os.path.join(out, "files"))
    check("and it is the same, byte for byte", got["files"] == FILES and
          diff.returncode == 0, (got, diff.stdout))


def long_away(new, source, directory):
    """For a fortnight: what was known of where hosts listen is no good."""
    with sqlite3.connect(os.path.join(new.home, "renter.db")) as db:
        db.execute("UPDATE host SET endpoint = NULL, endpoint_sig = NULL")
        check("endpoints to forget", db.total_changes >= HOSTS - GONE,
              db.total_changes)
    db.close()
    got = new.run("store", "get", "files", "--out", directory + "/found")
    check("hosts are found by their own names", got["files"] == FILES and same(
        source, directory + "/found/files").returncode == 0, got)


def go_on(new, live, directory):
    """The home is whole: it stores and reads as the old one did."""
    more = os.path.join(directory, "more.bin")
    stage.make_file(more, 700000)
    put = new.run("store", "put", more, "--k", "1", "--n", str(HOSTS - GONE),
                  "--per-network", "9", "--periods", "6", "--host", at(live))
    check("something more is stored", put["agreements"] > 0, put)
    new.run("store", "get", "more.bin", "--out", directory + "/again")
    check("and comes back", same(more, directory + "/again/more.bin")
          .returncode == 0)
    held = proved(new, "stored more")
    check("its funds are locked", float(held["in_funds"]) > 0, held)
    return more


def one_host(third, more, live, directory):
    """All but one are gone: what can be told is told."""
    got = third.run("restore", "--host", at(live))
    lacking = got["lacking_objects"]
    check("one host gives what it has", got["hosts"] == 1 and
          got["agreements"] > 0 and got["unreachable"] >= N - 1 and
          got["objects"] == 2 and got["files"] == FILES + 1, got)
    check("of what too few shards are known is named", got["lacking"] == 1 and
          lacking[0]["least"] == 1 and lacking[0]["k"] == K and
          lacking[0]["path"].startswith("files/"), got)
    code, _, said = typed(third, "restore", "--host", at(live), "--out",
                          directory + "/some")
    check("what can be had is fetched, and it says what is not", code == 1 and
          "too few shards are known of object " + lacking[0]["id"][:16] in said
          and "of %d files are there" % (FILES + 1) in said and same(
              more, directory + "/some/more.bin").returncode == 0, said)


def again(third, source, more, live, directory):
    """With a daemon, after the hosts came back; and with the files at once."""
    out = os.path.join(directory, "all")
    got = third.run("restore", "--host", at(live), "--out", out)
    check("hosts that came back are added", got["unreachable"] == 1 and
          got["agreements"] >= got["hosts"] >= N - 1, got)
    check("nothing is twice, or lacking", got["files"] == FILES + 1 and
          got["objects"] == 2 and got["lacking"] == 0, got)
    diff = same(source, os.path.join(out, "files"))
    check("--out fetches everything", diff.returncode == 0 and same(
        more, os.path.join(out, "more.bin")).returncode == 0, diff.stdout)
    least = [o["least"] for o in third.run("store", "ls")["objects"]
             if o["state"] == "stored" and not o["catalogue"]]
    check("more shards are known than are needed", min(least) > K, least)
    proved(third, "restored again")


def play(st, chain, addresses, directory):
    owner = Node(directory, "owner", addresses[0], chain)
    hosts = [Node(directory, "host%d" % i, a, chain)
             for i, a in enumerate(addresses[1:HOSTS + 1])]
    stranger = Node(directory, "stranger", addresses[0], chain)
    settings = set_up(chain, owner, hosts)
    stranger.make_wallet()
    stranger.configure(**settings)
    begin_dht(st, directory, addresses[0])
    start(st, hosts)
    check("the hosts are up", True)
    found_hosts(owner, hosts)
    source = tree(directory)
    put = owner.run("store", "put", source, *CODING, "--periods", "8")
    check("the tree is stored", put["agreements"] >= N, put)
    listed = owner.run("store", "ls")
    refused(owner, stranger, hosts[0])

    holding = [h for h in hosts if state(h)["sectors"] > 0]
    gone, liar, live = holding[:GONE], holding[GONE], holding[GONE + 1]
    for host in (*gone, liar):
        stop(st, host)
    forge(liar)
    start(st, [liar])
    new = move_in(chain, directory, "new", addresses[0], owner.phrase,
                  settings)
    cut_off(new, live)
    first_time(new, source, listed, directory)
    proved(new, "restored")
    long_away(new, source, directory)
    more = go_on(new, live, directory)

    others = [h for h in hosts if h not in (*gone, live)]
    for host in others:
        stop(st, host)
    third = move_in(chain, directory, "third", addresses[0], owner.phrase,
                    settings)
    one_host(third, more, live, directory)
    daemon = begin(st, third)
    start(st, (*others, gone[0]))
    wait_for("the daemon", 30, lambda: os.path.exists(
        os.path.join(third.home, "api.sock")), daemon)
    again(third, source, more, live, directory)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(
        ["10.77.%d.1" % i for i in range(HOSTS + 1)])
    with stage.workplace("seedbank-restore", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = stage.Chain(st, addresses[0], "--block-time", "1")
            play(st, chain, addresses, directory)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
