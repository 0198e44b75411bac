"""town.py - a renter and some hosts on a chain, for tests of what is kept."""

import argparse
import concurrent.futures
import os
import shutil
import signal
import tempfile
import time

import checks
import nodes
import stage
from checks import check
from nodes import Node
from stage import wait_for

HOSTS = 6
AT_ONCE = 250  # blocks
DEPOSIT = 400
CODING = ("--k", "2", "--n", "5")
# of a put, which takes some five: at its prices, its sectors, its signatures
# and its transactions
KILLS = (0.6, 1.2, 1.8, 2.4, 3.2, 4)


class Town:
    """`blocks` of a second make a period: so many that none turns while it is
    looked at."""

    def __init__(self, st, chain, directory, addresses, blocks):
        self.blocks = blocks
        self.st, self.chain, self.directory = st, chain, directory
        self.renter = Node(directory, "renter", addresses[0], chain)
        self.hosts = [Node(directory, "host%d" % i, address, chain)
                      for i, address in enumerate(addresses[1:])]
        self.daemons = []
        self.seen = 0

    def all(self):
        return [self.renter] + self.hosts

    def each(self, fn, of=None):
        with concurrent.futures.ThreadPoolExecutor(HOSTS + 1) as pool:
            return list(pool.map(fn, of or self.all()))

    def fund(self, node):
        if not node.account:
            node.make_wallet()
        node.configure(rpc=self.chain.url, bank=self.bank, token=self.token,
                       confirmations="1")
        node.run("contract", "mint", "500", "--account", "storage")
        node.run("deposit", str(DEPOSIT), "--account", "storage")

    def enable(self, host):
        disk = host.home + ".disk"
        os.mkdir(disk)
        host.run("host", "enable", "--path", disk, "--space", "64MiB",
                 "--price", "512", "--span", "1", "--min-term", "1",
                 "--max-term", "1000")

    def begin(self):
        self.renter.make_wallet()
        self.renter.configure(rpc=self.chain.url, confirmations="1")
        made = self.renter.run("contract", "deploy", "--test-token",
                               "--period", str(self.blocks))
        self.bank, self.token = made["bank"], made["token"]
        self.each(self.fund)
        self.each(self.enable, self.hosts)
        self.daemons = [self.daemon(h) for h in self.hosts]
        for host, daemon in zip(self.hosts, self.daemons):
            wait_for("renting out", 60, lambda h=host: self.is_up(h), daemon)

    def daemon(self, node):
        return self.st.spawn(node.name, [
            os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
            "--listen", node.address + ":6881", "--passphrase-file",
            node.passphrase])

    def is_up(self, host):
        if not os.path.exists(os.path.join(host.home, "api.sock")):
            return False
        return host.run("host", "status", wallet=False)["state"] == "up"

    # ---- the renter's commands

    def named(self):
        return [w for h in self.hosts for w in ("--host", h.address + ":6881")]

    def store(self, *words):
        """Once more where it says so: hosts do not sign what was asked in a
        period that has ended meanwhile."""
        try:
            return self.renter.run("store", *words)
        except stage.Failed as e:
            if "run the command again" not in str(e):
                raise
            return self.renter.run("store", *words)

    def put(self, path, *options):
        return self.store("put", path, *CODING, *options, *self.named())

    def killed(self, seconds, *words):
        """A command of the renter's that is killed after so long."""
        argv = self.renter.argv("store", *words) + [
            "--passphrase-file", self.renter.passphrase]
        p = self.st.spawn("killed-%d" % int(seconds * 1000), argv)
        end = time.monotonic() + seconds
        while time.monotonic() < end and p.poll() is None:
            time.sleep(0.05)
        if p.poll() is not None:
            return False
        os.kill(p.pid, signal.SIGKILL)
        p.wait(20)
        self.st.forget(p)
        return True

    # ---- the chain

    def agreements(self):
        """How many every host has on the chain."""
        return [h.run("host", "status", wallet=False)["agreements"]
                for h in self.hosts]

    def spent(self):
        """Transactions and gas of the renter's storage account since."""
        last = int(self.chain.call("eth_blockNumber"), 16)
        gas, count = 0, 0
        for n in range(self.seen + 1, last + 1):
            block = self.chain.call("eth_getBlockByNumber", hex(n), True)
            for tx in block["transactions"]:
                if tx["from"].lower() == self.renter.storage_account.lower():
                    receipt = self.chain.call("eth_getTransactionReceipt",
                                              tx["hash"])
                    gas += int(receipt["gasUsed"], 16)
                    count += 1
        self.seen = last
        return count, gas

    def jump(self, period):
        """To the middle of a period, as soon as everyone has seen it."""
        last = int(self.chain.call("eth_blockNumber"), 16)
        left = period * self.blocks + 3 - last
        while left > 0:  # each call is answered before anybody gives up
            some = min(left, AT_ONCE)
            self.chain.call("anvil_mine", hex(some))
            left -= some
        for h in self.hosts:
            wait_for("the period", 60, lambda node=h: node.run(
                "host", "status", wallet=False)["period"] >= period)

    def passing(self, blocks=4):
        """For conditions that are waited for: some blocks pass while it looks,
        few enough for everyone to follow. False."""
        self.chain.call("anvil_mine", hex(blocks))
        return False

    def period(self):
        return int(self.chain.call("eth_blockNumber"), 16) // self.blocks

    def books(self, when):
        def one(node):
            proved = node.run("ledger", "check", "--account", "storage",
                              wallet=False)
            check("%s: the %s's book is right and equals the chain" % (
                when, node.name), proved["ok"] and
                "against the chain" in proved["text"], proved)
        self.each(one)


def content(n, size=120000):
    return bytes((i * 7 + n) & 255 for i in range(size))


def make(town, n):
    path = os.path.join(town.directory, "file%d" % n)
    with open(path, "wb") as f:
        f.write(content(n))
    return path


def is_there(town, n):
    out = os.path.join(town.directory, "out%d-%d" % (n, time.monotonic_ns()))
    os.mkdir(out)
    town.store("get", "file%d" % n, "--out", out, *town.named())
    with open(os.path.join(out, "file%d" % n), "rb") as f:
        good = f.read() == content(n)
    check("file%d comes back" % n, good)


def run(name, network, blocks, play, leave=None):
    """A test's main(): play(town) in a network namespace of its own. `leave`, when
    given, is told the directory before that goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true",
                        help="leave files and logs where they are")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(
        ["10.%d.%d.1" % (network, n) for n in range(HOSTS + 1)])
    directory = os.path.realpath(
        tempfile.mkdtemp(prefix="seedbank-%s-" % name))
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = stage.Chain(st, addresses[0], "--block-time", "1")
            town = Town(st, chain, directory, addresses, blocks)
            town.begin()
            play(town)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            if leave:
                leave(directory)
            shutil.rmtree(directory, ignore_errors=True)
    return checks.result()
