#!/usr/bin/env python3
"""cli_rent_pay.py - sectors brought and fetched at a price, between programs as
a user runs them: receipts of the storage accounts, cashed in the end.

usage: cli_rent_pay.py --bin DIR [--keep]
"""

import argparse
import decimal
import filecmp
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

PERIOD = 30  # blocks of a second
INGRESS, EGRESS = 64, 32  # tokens a GiB
A_SECTOR = decimal.Decimal(INGRESS) / 1024


class Receipts:
    """What a node's storage account took and gave by receipts."""

    def __init__(self, node):
        held = node.run("status", wallet=False)["storage"]
        self.earned, self.secured, self.promised, self.spent = (
            decimal.Decimal(held[k]) for k in (
                "earned", "secured", "promised", "spent"))
        self.right = node.run("ledger", "check", "--account", "storage",
                              wallet=False)["ok"]

    def taken(self):
        return self.earned + self.secured + self.promised

    def __str__(self):
        return str(self.__dict__)


def agree(when, host, renter, want):
    h, r = Receipts(host), Receipts(renter)
    check("%s: the host holds what the renter gave" % when,
          h.taken() == r.spent and h.right and r.right, (str(h), str(r)))
    # a unit for each connection, which proves it
    check("%s: and that is what the sheet asks" % when,
          0 <= r.spent - want < decimal.Decimal("1e-15"), (str(r), want))
    return h


def start(st, node, name="seedbankd"):
    daemon = st.spawn(name, [
        os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
        "--listen", node.address + ":6881", "--passphrase-file",
        node.passphrase])

    def up():
        try:
            return node.run("host", "status", wallet=False)["open"]
        except stage.Failed:
            return False
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
        node.run("deposit", "400", "--account", "storage")
    disk = os.path.join(directory, "disk")
    os.mkdir(disk)
    host.run("host", "enable", "--path", disk, "--space", "64MiB", "--price",
             "1024", "--ingress", str(INGRESS), "--egress", str(EGRESS),
             "--span", "2", "--min-term", "2")


def put(host, renter, directory, name, size, *more):
    stage.make_file(os.path.join(directory, name), size)
    return renter.run("store", "put", os.path.join(directory, name), "--k", "1",
                      "--n", "1", "--host", host.address + ":6881", "--periods",
                      "20", *more)


def brought(host, renter, directory):
    """Each sector, those of the catalogue too, is paid when it is stored."""
    made = put(host, renter, directory, "first.bin", 9 * MIB)
    due = decimal.Decimal(made["ingress"])
    check("bringing it has a price", due >= 10 * A_SECTOR, made)
    agree("brought", host, renter, due)
    return due


def killed(st, host, renter, daemon, directory, due):
    """The host counts on where it was; a budget that is too small for the
    sectors is told before anything is brought."""
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait(20)
    daemon = start(st, host, "seedbankd-again")
    agree("killed", host, renter, due)
    try:
        put(host, renter, directory, "second.bin", 5 * MIB, "--budget", "0.1")
        check("a budget without the bringing is refused", False)
    except stage.Failed as e:
        check("a budget without the bringing is refused", "budget" in str(e), e)
    agree("refused", host, renter, due)
    made = put(host, renter, directory, "second.bin", 5 * MIB, "--budget", "1")
    due += decimal.Decimal(made["ingress"])
    agree("and brought", host, renter, due)
    return daemon, due


def fetched(host, renter, directory, due):
    """Bytes are paid as they come, to the block."""
    out = os.path.join(directory, "out")
    try:
        renter.run("store", "get", "first.bin", "--out", out)
        check("what is dearer than max-egress is not paid", False)
    except stage.Failed:
        r = Receipts(renter)
        check("what is dearer than max-egress is not paid", r.spent - due <
              decimal.Decimal("1e-15"), (str(r), due))
    renter.run("config", "max-egress", str(EGRESS), wallet=False)
    renter.run("store", "get", "first.bin", "--out", out)
    check("it is what was stored", filecmp.cmp(
        os.path.join(directory, "first.bin"), os.path.join(out, "first.bin"),
        shallow=False))
    h, r = Receipts(host), Receipts(renter)
    price = r.spent - due
    least = decimal.Decimal(EGRESS) * 9 / 1024
    check("fetching it has a price", least <= price <= least * 2, (price,
                                                                   least))
    check("fetched: the host holds what the renter gave",
          h.taken() == r.spent and h.right and r.right, (str(h), str(r)))


def cashed(host, renter):
    before = Receipts(host)
    host.run("settle", "--account", "storage")
    h = Receipts(host)
    check("what was promised is cashed", h.promised == 0 and
          h.earned == before.taken() and h.right, (str(before), str(h)))
    renter.run("settle", "--account", "storage")
    r = Receipts(renter)
    check("and the renter's book knows", r.right and r.spent == h.earned,
          str(r))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(["10.78.0.1", "10.78.0.2"])
    with stage.workplace("seedbank-pays", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = stage.Chain(st, addresses[0], "--block-time", "1")
            host = Node(directory, "host", addresses[0], chain)
            renter = Node(directory, "renter", addresses[1], chain)
            set_up(chain, host, renter, directory)
            daemon = start(st, host)
            due = brought(host, renter, directory)
            daemon, due = killed(st, host, renter, daemon, directory, due)
            fetched(host, renter, directory, due)
            cashed(host, renter)
            daemon.stop()
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
