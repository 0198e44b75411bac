#!/usr/bin/env python3
"""cli_settle.py - a daemon that settles by itself: not while the fee is too
large a part of what is due, but at once when a payer's balance falls.

Payers are made up (scripts/payers.py), on anvil.

usage: cli_settle.py --bin DIR [--keep]
"""

import argparse
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import nodes  # noqa: E402
import payers  # noqa: E402
import stage  # noqa: E402
from nodes import COIN, Node  # noqa: E402
from payers import Payer  # noqa: E402

failed = 0
DUE = 10 * COIN


def check(name, good, detail=""):
    global failed
    failed += not good
    print("%s %s%s" % ("ok    " if good else "FAILED", name,
                       "" if good else ": %s" % (detail,)), flush=True)


def start_daemon(st, node):
    return st.spawn("seedbankd", [
        os.path.join(nodes.BIN, "seedbankd"), "--home", node.home, "--listen",
        node.address + ":6881", "--passphrase-file", node.passphrase])


def settled(daemon):
    """What it logged of each settlement by itself."""
    with open(daemon.log) as f:
        return [dict(w.split("=", 1) for w in line.split() if "=" in w)
                for line in f if "settled account=bandwidth" in line]


def covers(node, wallet):
    pairs = node.run("exposure", wallet=wallet)["pairs"]
    return {p["peer"].lower(): p["cover"] for p in pairs}


def price_of_ten_percent(node):
    """Of a coin, in tokens: so that cashing one receipt costs a tenth of it."""
    plan = node.run("settle", "--dry-run")
    fee = float(plan["batches"][0]["fee"]) / 2  # of three; about one alone
    return "%.6f" % (0.1 * DUE / COIN / fee)


def a_fee_of_ten_percent_waits(st, node, below, bank, all_of_them):
    daemon = start_daemon(st, node)
    stage.wait_for("a look at what is due", 60, lambda: settled(daemon), daemon)
    check("a daemon looks, and does not settle for a tenth of what is due",
          [s["receipts"] for s in settled(daemon)] == ["0"] and
          payers.paid(below, bank, all_of_them) == [0, 0, 0], settled(daemon))
    daemon.stop()
    st.forget(daemon)
    os.unlink(daemon.log)


def a_balance_that_falls_does_not(st, node, below, bank, all_of_them):
    calm, falling, going = all_of_them
    falling.free = 15 * COIN  # of 100: as much again, and it is not enough
    going.free = 6 * COIN
    payers.endow(below, bank, all_of_them)
    daemon = start_daemon(st, node)
    stage.wait_for("a settlement", 60, lambda: settled(daemon), daemon)
    check("it cashes those whose balance falls, at the same price",
          payers.paid(below, bank, all_of_them) == [0, DUE, 6 * COIN] and
          [(s["receipts"], s["moved"]) for s in settled(daemon)] ==
          [("1", "16")],
          (payers.paid(below, bank, all_of_them), settled(daemon)))
    told = covers(node, False)
    check("and tells how each stands", told.get(calm.account) == "good" and
          told.get(going.account) == "going", told)
    told = node.run("ledger", "check", wallet=False)
    check("its book is right", told["ok"], told)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.BIN = os.path.abspath(args.bin)
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    directory = tempfile.mkdtemp(prefix="seedbank-cli-settle-")
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain, below = payers.open_chain(st, addresses[0], "evm", 0)
            node, rich = (Node(directory, name, addresses[0], chain)
                          for name in ("seller", "rich"))
            bank = nodes.make_bank(chain, node, [rich], "1000")
            all_of_them = [Payer(DUE, 100 * COIN) for _ in range(3)]
            payers.owe(node, bank, below.chain_id(), all_of_them)
            payers.endow(below, bank, all_of_them)
            node.configure(coin_price=price_of_ten_percent(node))
            scene = (st, node, below, bank, all_of_them)
            a_fee_of_ten_percent_waits(*scene)
            a_balance_that_falls_does_not(*scene)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
