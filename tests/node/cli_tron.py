#!/usr/bin/env python3
"""cli_tron.py - commands about money as a user types them, on a TRON chain of
this machine: a bank is deployed, a download is paid for, and what was earned is
cashed.

usage: cli_tron.py --bin DIR [--keep]
Exit status 77: the tree has no such chain.
"""

import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import stage  # noqa: E402
import tron  # noqa: E402
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import MIB  # noqa: E402

SKIPPED = 77
EVM_ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
STRANGER = "TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L"


def typed(node, *words):
    """As a person reads it: exit status, standard output, standard error."""
    argv = [w for w in node.argv(*words) if w != "--json"]
    done = subprocess.run(argv + ["--passphrase-file", node.passphrase],
                          capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    return done.returncode, done.stdout, done.stderr


def settings(node, *words):
    """`config`, as a person reads it."""
    argv = [w for w in node.argv("config", *words) if w != "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def addresses_are_of_their_chain(seeder):
    check("accounts are TRON's", seeder.account.startswith("T") and
          seeder.storage_account.startswith("T"), seeder.account)
    got = settings(seeder, "bank", EVM_ADDRESS)
    check("an address of another kind of chain is named", got[0] != 0 and
          "0x (EVM)" in got[1] and "TRON (T...)" in got[1], got)
    got = settings(seeder, "confirmations", "5")
    check("blocks are not counted where some are solid", got[0] != 0 and
          "solid" in got[1], got)


def a_bank(seeder, payer):
    made = seeder.run("contract", "deploy", "--test-token")
    check("a bank is deployed and its code compared",
          made["bank"].startswith("T") and made["energy"] > 10**6 and
          not made["txid"].startswith("0x"), made)
    for node in (seeder, payer):
        node.configure(bank=made["bank"], token=made["token"])
    got = typed(payer, "contract", "mint", "100")
    check("tokens are minted", got[0] == 0 and "minted 100" in got[1], got)
    payer.configure(coin_price="10")
    got = typed(payer, "deposit", "59")
    check("and deposited, for TRX", got[0] == 0 and "deposited 59; fee" in
          got[1] and "TRX" in got[1], got)
    check("from which sum cashing costs little is said before anything else",
          re.match(r"cashing a receipt costs the payee about 2\.\d+ TRX, each "
                   r"of 20 at once 1\.\d+ TRX; that is under 2 % from 1\d{3} "
                   r"\w+ on, in such a batch from \d{3} \w+$",
                   got[2].splitlines()[0]), got)
    cashing = payer.run("deposit", "1").get("cashing", {})
    check("and in JSON, to the last digit", cashing.get("batch") == 20 and
          cashing.get("fee_share") == 2 and
          0 < 500 * float(cashing["fee"]) - float(cashing["from"]) + 1 < 2 and
          float(cashing["from_of_batch"]) < float(cashing["from"]), cashing)
    payer.run("config", "coin-price", "--unset", wallet=False)
    got = typed(payer, "withdraw", "10", "--to", STRANGER)
    check("nothing goes to a stranger", got[0] != 0 and "cold" in got[2], got)
    got = typed(payer, "withdraw", "10", "--to", EVM_ADDRESS)
    check("nor to an address of another kind", got[0] != 0 and
          "0x (EVM)" in got[2], got)
    got = typed(payer, "withdraw", "10")
    check("but to oneself", got[0] == 0 and "withdrew 10" in got[1], got)


def a_paid_download(st, seeder, payer, directory):
    source = os.path.join(directory, "source")
    torrent = os.path.join(directory, "file.torrent")
    os.mkdir(source)
    stage.make_file(source + "/file.bin", 24 * MIB)
    stage.make_torrent(source + "/file.bin", torrent, 262144)
    nodes.start_seeder(st, seeder, source, torrent, "--price", "1")
    get = st.spawn("get", payer.argv(
        "get", torrent, "--out", os.path.join(directory, "out"), "--listen",
        payer.address + ":6882", "--peer", seeder.address + ":6881", "--bid",
        "4", "--budget", "1", "--passphrase-file", payer.passphrase))
    get.wait(120)
    spent = float(payer.run("status", wallet=False)["spent"])
    check("a download is paid for", get.status == 0 and spent > 0 and
          stage.same(source + "/file.bin",
                     os.path.join(directory, "out", "file.bin")), spent)
    plan = seeder.run("settle", "--dry-run", "--all", wallet=False)
    check("what cashing takes is told before", plan["receipts"] == 1 and
          plan["batches"][0]["energy"] > 10**4, plan)
    check("and what there is for it, stake first",
          float(plan["coin"]) > float(plan["fee"]) > 0 and
          "staked_energy" in plan and plan["free_bandwidth"] <= 600 and
          float(plan["fees_left"]) > float(plan["fee_max"]), plan)
    check("and below which price of TRX it pays",
          float(plan["batches"][0]["pays_under"]) > 0, plan)
    cashed = seeder.run("settle", "--all", wallet=False)
    check("and what was earned is cashed", cashed["receipts"] == 1 and
          cashed["bounced"] == 0 and
          # the last receipt may not have come: the payer was done
          0.9 * spent < float(cashed["moved"]) < 1.001 * spent,
          (cashed, spent))
    got = typed(payer, "ledger", "check")
    check("the payer's book is right", got[0] == 0, got)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    if not os.path.exists(tron.SERVER):
        print("no TRON chain in this tree")
        return SKIPPED
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    with stage.workplace("seedbank-tron", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = tron.Chain(st, addresses[0], 100)
            seeder, payer = (Node(directory, name, addresses[0], chain)
                             for name in ("seeder", "payer"))
            for node in (seeder, payer):
                node.configure(chain.settings)
                node.make_wallet()
            addresses_are_of_their_chain(seeder)
            a_bank(seeder, payer)
            a_paid_download(st, seeder, payer, directory)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
