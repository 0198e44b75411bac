#!/usr/bin/env python3
"""money.py - settling with the real programs on a real chain, while what lies
between them drops, delays, repeats, reorders, lies and is rolled back.

A daemon with a book full of receipts reaches its chain through two proxies
(proxy.py). Each case makes some payers solvent, lets something go wrong, settles,
and then asks the chain itself: every receipt was cashed in exactly one
transaction, none of ours failed, nothing is left under way, and the book agrees.

usage: money.py --chain evm|tron --bin DIR --receipts PROGRAM [--only WORD]
       [--seed N] [--keep]
Exit status 77: the tree has no such chain.
"""

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import chains  # noqa: E402
import nodes  # noqa: E402
import proxy  # noqa: E402
import stage  # noqa: E402
import tron  # noqa: E402
from nodes import Node  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

SKIPPED = 77
COIN = 10**18
AMOUNT = 5 * COIN  # of each receipt
PAYERS = 1  # of each case
CASES_MOST = 34
TRIES = 5
ENOUGH_S = 60  # for a settle that stumbles
SECRET = "5eed-of-a-provider"
KEY = "X-Provider-Key: " + SECRET  # no node answers without it
PENDING = 1  # a transaction's state in the book
began = time.monotonic()


class World:
    """The daemon, its chain, and what lies between them."""

    def __init__(self, st, args, directory, address):
        self.st, self.directory, self.seed = st, directory, args.seed
        self.failed, self.settles, self.starts = 0, 0, 0
        self.chain = chains.KINDS[args.chain](st, address)
        self.a, self.b = self.ways = [proxy.Proxy(address, url)
                                      for url in self.chain.urls]
        self.chain.quiet_s = lambda: min(w.quiet_s() for w in self.ways)
        self.owner = Node(directory, "owner", address, self.chain)
        for way in self.ways:
            way.need_header(KEY)
        self.owner.configure({**self.chain.settings, "rpc": self.a.url,
                              "rpc-key-file": self.write_key()})
        self.owner.make_wallet()
        made = self.owner.run("contract", "deploy", "--test-token")
        self.owner.configure(bank=made["bank"], token=made["token"])
        self.bank, self.token = made["bank"], made["token"]
        self.me = self.chain.key(self.owner.account)
        self.owner.run("contract", "mint", "1000")
        self.owner.run("deposit", "500")
        self.write_receipts(args.receipts)
        self.fund = chains.Fund(self.chain, self.token, self.bank,
                                CASES_MOST * PAYERS * AMOUNT)
        with open(self.owner.home + "/config", "a") as f:
            f.write("rpc = %s\n" % self.b.url)
        self.daemon = None
        self.start()

    def write_key(self):
        path = os.path.join(self.directory, "key")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(KEY + "\n")
        return path

    def write_receipts(self, program):
        done = subprocess.run(
            [program, self.owner.home + "/book.db", str(self.chain.id()),
             self.chain.key(self.bank), self.me, "0",
             str(CASES_MOST * PAYERS), str(AMOUNT)],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("no receipts: %s" % done.stderr)
        self.payers = done.stdout.split()

    # --- the program ---

    def start(self):
        self.starts += 1
        self.heard_to = 0
        socket = os.path.join(self.owner.home, "api.sock")
        if os.path.exists(socket):
            os.unlink(socket)  # of one that was killed
        self.daemon = self.st.spawn("daemon-%d" % self.starts, [
            os.path.join(nodes.BIN, "seedbankd"), "--home", self.owner.home,
            "--listen", self.owner.address + ":6881", "--passphrase-file",
            self.owner.passphrase])
        wait_for("the daemon", 30, lambda: os.path.exists(socket) and
                 "bank checked" in self.logged(), self.daemon)

    def kill(self):
        """As a power cut: what is not on the disk is lost."""
        os.kill(self.daemon.pid, signal.SIGKILL)

    def restart(self):
        self.daemon.wait(10)
        self.st.forget(self.daemon)
        self.start()

    def command(self, *words):
        """Spawned, so that a test can act meanwhile."""
        self.settles += 1
        argv = [w for w in self.owner.argv(*words) if w != "--json"]
        return self.st.spawn("command-%d" % self.settles, argv)

    def told(self, process):
        with open(process.log, errors="replace") as f:
            return f.read()

    def logged(self):
        """All that the daemon said since it was started last."""
        return self.told(self.daemon)

    def heard(self):
        """What it said since the last listen()."""
        return self.logged()[self.heard_to:]

    def listen(self):
        """For what comes now. A node that failed is left alone for a while:
        until it is asked again."""
        for way in self.ways:
            if any(way.name in line and ("failed" in line or "refused" in line)
                   for line in self.heard().splitlines()):
                wait_for("a question to each node", 40,
                         lambda: self._is_asked(way), self.daemon)
        self.heard_to = len(self.logged())

    def _is_asked(self, way):
        was = way.passed
        self.command("ledger", "check").wait(ENOUGH_S)
        return way.passed > was

    def under_way(self):
        db = sqlite3.connect("file:%s/book.db?mode=ro" % self.owner.home,
                             uri=True)
        try:
            return db.execute("SELECT count(*) FROM tx WHERE state=?",
                              (PENDING,)).fetchone()[0]
        finally:
            db.close()

    def until_done(self):
        wait_for("an end of what is under way", ENOUGH_S,
                 lambda: not self.under_way(), self.daemon)

    # --- the chain's own word ---

    def word(self, signature, *accounts):
        return self.chain.words(self.bank, signature, *accounts)

    def paid(self, payer):
        return self.word("pair(address,address)", payer, self.me)[0]

    def in_bank(self):
        return self.word("free(address)", self.me)[0]

    # --- checking ---

    def check(self, name, good, detail=""):
        self.failed += not good
        print("%5.1f %s %s%s" % (
            time.monotonic() - began, "ok    " if good else "FAILED", name,
            "" if good else ": %s" % (detail,)), flush=True)

    def next_payers(self):
        mine, self.payers = self.payers[:PAYERS], self.payers[PAYERS:]
        for payer in mine:
            self.fund.deposit(payer, AMOUNT)
        self.chain.settle_down()
        return mine

    def heal(self):
        self.chain.heal()
        for way in self.ways:
            way.heal()
        self.chain.mining.set()

    def prove(self, name, payers, since):
        """What must be true after every case."""
        ours = [c for c in self.chain.calls(self.bank, since)
                if c.data.startswith(self.chain.selector(
                    "cash(address,address,bytes)"))]
        once = [sum(p[2:] in c.data for c in ours if c.good) for p in payers]
        self.check("%s: each receipt was cashed in full, once" % name,
                   once == [1] * len(payers) and
                   all(self.paid(p) == AMOUNT for p in payers),
                   (once, [self.paid(p) for p in payers]))
        self.check("%s: nothing was sent that failed" % name,
                   all(c.good for c in ours), ours)
        self.at_rest(name)

    def at_rest(self, name):
        self.until_done()
        book = self.command("ledger", "check", "--offline")
        book.wait(ENOUGH_S)
        self.check("%s: the book is right" % name, book.status == 0,
                   self.told(book))
        self.check("%s: the daemon is well" % name, self.daemon.poll() is None
                   and "Sanitizer" not in self.logged() and
                   "runtime error" not in self.logged(), self.daemon.log)

    def at_the_end(self):
        """All of it together, the book against the chain."""
        book = self.command("ledger", "check")
        book.wait(ENOUGH_S)
        self.check("at the end the book is right, by itself and against the "
                   "chain", book.status == 0 and
                   "against the chain" in self.told(book), self.told(book))
        logs = [os.path.join(self.st.directory, name)
                for name in os.listdir(self.st.directory)]
        telling = [path for path in logs
                   if SECRET.encode() in open(path, "rb").read()]
        self.check("no log holds the provider's key", logs and not telling,
                   telling)

    def settled(self, name, faults=lambda: None, meanwhile=None, again=False,
                payers=None):
        """One case: settles two payers, fresh ones if not given, under
        `faults`. `again`: some tries may fail."""
        payers, since = payers or self.next_payers(), self.chain.height()
        faults()
        p = self.command("settle", "--all")
        if meanwhile:
            meanwhile(p)
        p.wait(ENOUGH_S)
        said = self.told(p)
        self.heal()
        for _ in range(TRIES if again else 0):
            if p.status == 0 and all(self.paid(x) for x in payers):
                break
            self.until_done()
            self.chain.settle_down()  # nodes that failed are left alone
            p = self.command("settle", "--all")
            p.wait(ENOUGH_S)
        self.check("%s: it is settled" % name, p.status == 0,
                   (said, self.told(p)))
        self.prove(name, payers, since)
        return said

    def both(self, *words, **how):
        for way in self.ways:
            way.rule(*words, **how)


def main():
    import cases
    parser = argparse.ArgumentParser()
    parser.add_argument("--chain", choices=("evm", "tron"), required=True)
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--receipts", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    args.receipts = os.path.abspath(args.receipts)
    nodes.use(args.bin, cheap_keys=True)
    if args.chain == "tron" and not os.path.exists(tron.SERVER):
        print("no TRON chain in this tree")
        return SKIPPED
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    with stage.workplace("seedbank-faults", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            world = World(st, args, directory, addresses[0])
            try:
                cases.run(world, args.only)
                world.at_the_end()
            finally:
                world.chain.over.set()
            return 1 if world.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("money: %s" % e)
