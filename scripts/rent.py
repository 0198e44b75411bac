"""rent.py - hosts and renters on the stage: many nodes with wallets, one bank,
disk space rented out, and what became of it by the chain.
"""

import decimal
import json
import os
import signal
import subprocess
import time

import nodes
from bank import WAIT, Bank, tokens
from nodes import Node
from stage import Failed, MIB, wait_for

AT_ONCE = 3  # programs that derive a key from a passphrase: a second of CPU


# --- files --------------------------------------------------------------------

def entries_of(tree):
    """Everything below by its path: kind, bytes or target, mode and time."""
    found = {}
    for folder, folders, names in os.walk(tree):
        for name in folders + names:
            path = os.path.join(folder, name)
            s = os.lstat(path)
            link = os.readlink(path) if os.path.islink(path) else None
            is_dir = link is None and os.path.isdir(path)
            found[os.path.relpath(path, tree)] = (
                is_dir, link, None if is_dir or link else s.st_size,
                None if link else s.st_mode & 0o777,
                None if link else s.st_mtime_ns)
    return found


def same_tree(a, b):
    return (subprocess.run(["diff", "-rq", "--no-dereference", a, b],
                           stdout=subprocess.DEVNULL).returncode == 0 and
            entries_of(a) == entries_of(b))


# --- many programs at once ----------------------------------------------------

def each(st, tasks, at_once, seconds=240):
    """Runs commands of many nodes, some at a time, started by this thread: they
    are to end when it does. What each printed, in their order."""
    waiting, running, told = list(enumerate(tasks)), {}, {}
    end = time.monotonic() + seconds
    while waiting or running:
        while waiting and len(running) < at_once:
            i, (node, words) = waiting.pop(0)
            running[i] = start_command(st, node, words)
        time.sleep(0.02)
        for i, p in list(running.items()):
            if p.poll() is not None:
                told[i] = end_command(st, running.pop(i), *tasks[i])
        if time.monotonic() > end:
            raise Failed("not done after %d s: %s" % (seconds, ", ".join(
                tasks[i][0].name for i in running)))
    return [told[i] for i in range(len(tasks))]


def start_command(st, node, words):
    if node.account and not node.daemon:
        words = (*words, "--passphrase-file", node.passphrase)
    name = "%s-%s" % (node.name.replace(" ", "-"), "-".join(words[:2]))
    out = os.path.join(st.directory, name + ".out")
    with open(out, "wb") as f:
        p = st.spawn(name, node.argv(*words), stdout=f)
    p.out = out
    return p


def end_command(st, p, node, words):
    with open(p.out) as out, open(p.log) as log:
        told, errors = out.read().strip(), log.read().strip()
    st.processes.remove(p)
    if p.status != 0:
        raise Failed("%s: seedbank %s: %s" % (
            node.name, " ".join(words[:2]),
            (told or errors or "exit %d" % p.status).splitlines()[-1]))
    return json.loads(told) if told else {}


# --- who takes part -----------------------------------------------------------

class Party(Node):
    daemon = None

    def start(self, st):
        self.daemon = st.spawn(self.name.replace(" ", "-"), [
            os.path.join(nodes.BIN, "seedbankd"), "--home", self.home,
            "--listen", self.address + ":6881", "--passphrase-file",
            self.passphrase])

    def is_ready(self):
        """Its wallet is open, and the bank's code was compared."""
        return os.path.exists(os.path.join(self.home, "api.sock")) and \
            self.run("status", wallet=False)["wallet"] == "open"

    def look(self):
        return self.run("host", "status", wallet=False)


class Host(Party):
    killed = liar = False

    def state(self):
        return "killed" if self.killed else "liar" if self.liar else ""

    @property
    def key(self):
        return self.chain.key(self.storage_account)

    @property
    def disk(self):
        return self.home + "-disk"

    def kill(self):
        os.kill(self.daemon.pid, signal.SIGKILL)
        self.daemon.wait(20)
        self.killed = True

    def corrupt(self):
        """All that it stores becomes something else, and it does not know."""
        path = os.path.join(self.disk, "seedbank.volume")
        with open(path, "r+b") as f:
            for _ in range(os.path.getsize(path) // MIB):
                f.write(os.urandom(MIB))
        self.liar = True

    def book(self):
        """Rent that it earned, by its own book."""
        return decimal.Decimal(self.run("status", wallet=False)["storage"][
            "rent_earned"])


def make_wallets(st, parties):
    for p in parties:
        p.write_passphrase()
        p.configure(p.chain.settings)
    made = each(st, [(p, ("wallet", "new", "--passphrase-file", p.passphrase))
                     for p in parties], AT_ONCE)
    for p, m in zip(parties, made):
        p.has_wallet(m)


def start_all(st, parties):
    for i in range(0, len(parties), AT_ONCE):
        some = parties[i:i + AT_ONCE]
        for p in some:
            p.start(st)
        for p in some:
            wait_for("answer from " + p.name, 60, p.is_ready, p.daemon)


def deploy(st, chain, owner, parties, period):
    """The bank of all of them; `owner` deploys and pays for it."""
    made = owner.run("contract", "deploy", "--test-token", "--period",
                     str(period))
    for p in parties:
        p.settings = {"bank": made["bank"], "token": made["token"]}
        p.configure(p.settings)
    return Bank(chain, made["bank"], period)


def fund(st, parties, amount):
    """Test tokens, all of them deposited; the daemons run."""
    for words in (("contract", "mint"), ("deposit",)):
        each(st, [(p, (*words, amount, "--account", "storage"))
                  for p in parties], len(parties))


def enable(st, hosts, space, price, collateral):
    """One proof a period, terms of two periods and more."""
    for h in hosts:
        os.makedirs(h.disk)
    each(st, [(h, ("host", "enable", "--path", h.disk, "--space", space,
                   "--price", price, "--collateral", collateral, "--span", "1",
                   "--min-term", "2")) for h in hosts], 2 * AT_ONCE)
    for h in hosts:
        wait_for("renting out", 60, lambda: h.look()["open"], h.daemon)


def find_hosts(renters, hosts):
    """Each renter is told of one host, which tells of all others."""
    for i, r in enumerate(renters):
        first = hosts[5 * i % len(hosts)].address + ":6881"

        def all_known():
            known = r.run("store", "hosts", "--host", first,
                          wallet=False)["hosts"]
            return len(known) == len(hosts)
        wait_for("word of all hosts at " + r.name, 120, all_known, r.daemon)
        r.configure(host_peer=first)


def look_alive(hosts):
    for h in hosts:
        if not h.killed and h.daemon.poll() is not None:
            raise Failed("%s ended with %s (%s)" % (
                h.name, h.daemon.status, h.daemon.log))


def end_agreements(bank, hosts, until):
    """The terms that end by `until` are over. The periods until anyone may
    close, in which nothing is due, pass at once; hosts close what is theirs,
    and a passer-by what those leave who were killed. How many either did."""
    over = [a for a in bank.opened() if a.end <= until]
    missing = (until + WAIT) * bank.period + 1 - bank.block()
    if missing > 0:
        bank.chain.pass_blocks(missing)
    dead = {h.key for h in hosts if h.killed}

    def closed_by_hosts():
        closed = bank.closed()
        return all(a[:3] in closed for a in over if a.host not in dead)
    wait_for("closing by hosts", 60, closed_by_hosts)
    closed = bank.closed()
    left = [a for a in over if a[:3] not in closed]
    for a in left:
        bank.close(a)
    return len(over) - len(left), len(left)


def figures(bank, hosts):
    """Of each host, as the chain has them."""
    opened, proofs, burnt = bank.opened(), bank.proofs(), bank.burnt()
    for h in hosts:
        mine = [a for a in opened if a.host == h.key]
        paid = [p.paid for p in proofs if p.host == h.key]
        h.agreements, h.proofs = len(mine), len(paid)
        h.missed = sum(bank.misses(a) for a in mine)
        h.earned, h.lost = tokens(sum(paid)), tokens(burnt[h.key])
        h.locked = tokens(sum(a.collateral for a in mine))
