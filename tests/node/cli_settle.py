#!/usr/bin/env python3
"""cli_settle.py - when receipts are cashed, and when not.

A daemon settles by itself: not while the fee is too large a part of what is due,
but at once when a payer's balance falls (anvil). On TRON a run says what it lacks
before it fails, stops at the day's limit of fees, and uses stake first.

Payers are made up (scripts/payers.py).

usage: cli_settle.py --bin DIR [--keep]
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import payers  # noqa: E402
import stage  # noqa: E402
import tron  # noqa: E402
from checks import check  # noqa: E402
from nodes import COIN, Node  # noqa: E402
from payers import Payer  # noqa: E402
from stage import Failed  # noqa: E402

DUE = 10 * COIN
CASH = "212b8586"  # cash(address,address,bytes)


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


def sent(chain, bank):
    return len([c for c in chain.calls(bank)
                if c.data.startswith("0x" + CASH)])


def fails(node, *words):
    """What it says, when it fails as it should."""
    try:
        return "it did not fail: %s" % node.run(*words)
    except Failed as e:
        return str(e)


def on_tron(st, directory, address):
    chain, below = payers.open_chain(st, address, "tron", 200)
    node, rich = (Node(directory, name, address, chain)
                  for name in ("tron seller", "tron rich"))
    bank_text = nodes.make_bank(chain, node, [rich], "1000")
    bank, me = chain.key(bank_text), chain.key(node.account)
    many = [Payer(DUE, 20 * COIN) for _ in range(25)]
    payers.owe(node, bank_text, below.chain_id(), many)
    payers.endow(below, bank, many)
    chain.pass_blocks(5)
    node.configure(coin_price="0.01")
    plan = node.run("settle", "--dry-run")
    fees = [float(b["fee"]) for b in plan["batches"]]
    check("25 receipts take two transactions",
          [b["receipts"] for b in plan["batches"]] == [20, 5], plan)

    def has_coin(trx):
        below.ask([("anvil_setBalance", [me, hex(int(trx * tron.TRX))])])
        chain.pass_blocks(1)

    has_coin(1)
    plan = node.run("settle", "--dry-run")
    check("without coin a dry run says how much, and where it should go",
          not plan["batches"][0]["ok"] and
          plan["batches"][0]["reason"].startswith(
              "not enough TRX or energy: need ") and
          node.account in plan["batches"][0]["reason"], plan["batches"][0])
    said = fails(node, "settle")
    check("and so does a real one", "not enough TRX or energy: need " in said
          and node.account in said and not sent(chain, bank), said)
    has_coin(fees[0] + fees[1] / 2)
    said = fails(node, "settle")
    check("what there is coin for goes, and the rest is told",
          "not enough TRX or energy" in said and sent(chain, bank) == 1 and
          payers.paid(below, bank, many).count(DUE) == 20, said)
    has_coin(1000)
    node.configure(day_fee_limit="1")
    plan = node.run("settle", "--dry-run")
    check("a dry run says what the day's limit of fees leaves",
          float(plan["fees_left"]) == 0 and
          "the rest waits for tomorrow" in plan["text"], plan)
    said = fails(node, "settle")
    check("over which nothing is signed", "a day's fees" in said and
          sent(chain, bank) == 1, said)
    node.configure(day_fee_limit="1000")
    chain.post("/dev/stake", address=node.account, resource="ENERGY",
               sun=str(10**6 * tron.TRX))
    batch = node.run("settle", "--dry-run")["batches"][0]
    check("stake goes first, and is told", batch["staked"] > 0 and
          float(batch["fee"]) < fees[1] and
          "of stake)" in batch["text"], batch)
    done = node.run("settle")
    check("then the rest is cashed", done["receipts"] == 5 and
          payers.paid(below, bank, many) == 25 * [DUE], done)
    check("and the book is right", node.run("ledger", "check")["ok"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    with stage.workplace("seedbank-cli-settle", args.keep) as directory:
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
            if os.path.exists(tron.SERVER):
                on_tron(st, directory, addresses[0])
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
