#!/usr/bin/env python3
"""cli_rent_book.py - the money of a stored file from its deposit to its last
proof: what a renter's and a host's programs book of it, against the chain.

usage: cli_rent_book.py --bin DIR [--keep]
"""

import argparse
import decimal
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import stage  # noqa: E402
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import MIB, wait_for  # noqa: E402

PERIOD = 14  # blocks of a second
DEPOSIT = 400


class Money:
    """What a node's storage account holds, once it has read the chain."""

    def __init__(self, node):
        self.proved = node.run("ledger", "check", "--account", "storage",
                               wallet=False)
        held = node.run("status", wallet=False)["storage"]
        self.bank, self.fund, self.collateral, self.earned, self.paid, \
            self.burnt = (decimal.Decimal(held[k]) for k in (
                "in_bank", "in_funds", "collateral", "rent_earned",
                "rent_paid", "burnt"))
        # nothing but what was there at first may be without a reason
        self.unexplained = [
            line for line in node.run(
                "ledger", "export", "--account", "storage",
                wallet=False)["csv"].splitlines() if ",observed,bank," in line]

    def whole(self):
        return self.bank + self.fund + self.collateral + self.paid + \
            self.burnt - self.earned

    def __str__(self):
        return str(self.__dict__)


def agree(when, *all_nodes):
    held = [Money(n) for n in all_nodes]
    for node, m in zip(all_nodes, held):
        check("%s: the %s's book is right and equals the chain" % (
            when, node.name), m.proved["ok"] and
              "against the chain" in m.proved["text"], m)
        check("%s: every unit of the %s's is somewhere" % (when, node.name),
              m.whole() == DEPOSIT and not m.unexplained, m)
    return held


def start(st, node, name):
    daemon = st.spawn(name, [
        os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
        "--listen", node.address + ":6881", "--passphrase-file",
        node.passphrase])

    def up():
        if not os.path.exists(os.path.join(node.home, "api.sock")):
            return False
        try:
            return node.run("host", "status", wallet=False)["open"]
        except stage.Failed:
            return False  # the socket of the one that was killed
    wait_for("renting out", 40, up, daemon)
    return daemon


def set_up(chain, host, renter, directory):
    for node in (host, renter):
        node.make_wallet()
        node.configure(rpc=chain.url)
    made = host.run("contract", "deploy", "--test-token", "--period",
                    str(PERIOD))
    for node in (host, renter):
        node.configure(bank=made["bank"], token=made["token"])
        node.run("contract", "mint", "500", "--account", "storage")
        node.run("deposit", str(DEPOSIT), "--account", "storage")
    disk = os.path.join(directory, "disk")
    os.mkdir(disk)
    host.run("host", "enable", "--path", disk, "--space", "32MiB", "--price",
             "1024", "--span", "1", "--min-term", "2")


def stored(host, renter, directory):
    stage.make_file(directory + "/file.bin", MIB)
    put = renter.run("store", "put", directory + "/file.bin", "--k", "1", "--n",
                     "2", "--per-host", "2", "--per-network", "2", "--periods",
                     "2", "--host", host.address + ":6881")
    check("the file is stored", put["agreements"] == 1, put)
    r, h = agree("stored", renter, host)
    check("the renter's fund and the host's collateral are locked",
          r.fund > 0 and r.bank == DEPOSIT - r.fund and h.collateral > 0 and
          h.bank == DEPOSIT - h.collateral, (str(r), str(h)))
    return r.fund


def proved(st, host, renter, daemon):
    """The first proof pays; the host's program is killed as soon as it did."""
    wait_for("a proof that pays", 60, lambda: float(host.run(
        "host", "status", wallet=False)["earned"]) > 0, daemon)
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait(20)
    daemon = start(st, host, "seedbankd-again")
    r, h = agree("proved, and killed", renter, host)
    check("what the host earned the renter paid, out of its fund", h.earned > 0
          and r.paid >= h.earned and r.fund > 0, (str(r), str(h)))
    return daemon


def ended(host, renter, daemon, fund):
    def closed():
        return Money(host).collateral == 0
    wait_for("the end of the agreement", 90, closed, daemon)
    r, h = agree("ended", renter, host)
    check("the collateral is back, and what is left of the fund",
          h.collateral == 0 and r.fund == 0 and h.bank == DEPOSIT + h.earned and
          r.bank == DEPOSIT - r.paid, (str(r), str(h)))
    check("one side's rent is the other's", r.paid == h.earned and
          0 < h.earned <= fund and h.burnt == 0, (str(r), str(h)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    with stage.workplace("seedbank-rent", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = stage.Chain(st, addresses[0], "--block-time", "1")
            host, renter = (Node(directory, name, address, chain)
                            for name, address in zip(("host", "renter"),
                                                     addresses))
            set_up(chain, host, renter, directory)
            daemon = start(st, host, "seedbankd")
            fund = stored(host, renter, directory)
            daemon = proved(st, host, renter, daemon)
            ended(host, renter, daemon, fund)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
