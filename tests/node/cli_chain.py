#!/usr/bin/env python3
"""cli_chain.py - commands about money as a user types them, on a chain of this
machine.

usage: cli_chain.py --bin DIR [--keep]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import nodes  # noqa: E402
import stage  # noqa: E402
from nodes import Node  # noqa: E402

# nobody's, with its checksum
STRANGER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
failed = 0


def check(name, good, detail=""):
    global failed
    failed += not good
    print("%s %s%s" % ("ok    " if good else "FAILED", name,
                       "" if good else ": %s" % (detail,)), flush=True)


def typed(node, *words):
    """As a person reads it: exit status, standard output, standard error."""
    argv = [w for w in node.argv(*words) if w != "--json"]
    done = subprocess.run(argv + ["--passphrase-file", node.passphrase],
                          capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    return done.returncode, done.stdout, done.stderr


def a_bank_without_token(owner, node, made):
    """The bank tells which token it holds."""
    node.make_wallet()
    node.configure(rpc=owner.chain.url, bank=made["bank"])
    status = node.run("status", wallet=False)
    check("nothing is known of a book that nobody opened yet",
          "token" not in status, status)
    got = typed(node, "contract", "mint", "50")
    check("each step of minting is called mint, and ends in a word",
          got[0] == 0 and got[2] and all(
              line.startswith("mint 50: ") and line == line.rstrip()
              for line in got[2].splitlines()), got)
    got = typed(node, "deposit", "20")
    check("a deposit without `token` is one of the bank's token", got[0] == 0
          and "deposited 20" in got[1], got)
    status = node.run("status", wallet=False)
    check("status shows the token", status.get("token") == made["token"],
          status)
    check("tokens are counted, and coin is not",
          (float(status["in_bank"]), float(status["in_wallet"])) == (20, 30),
          status)
    got = typed(node, "ledger", "check")
    check("the book agrees with the chain", got[0] == 0 and
          "against the chain" in got[1], got)


def a_wrong_token(owner, node, made):
    node.make_wallet()
    node.configure(rpc=owner.chain.url, bank=made["bank"], token=made["bank"])
    for words in (["deposit", "1"], ["settle", "--all"], ["withdraw", "1"]):
        got = typed(node, *words)
        check("%s with another token that is set says how to mend it" %
              words[0], got[0] == 1 and "config token --unset" in got[2], got)
    status = node.run("status", wallet=False)
    check("and nothing was counted", float(status["in_wallet"]) == 0 and
          float(status["in_bank"]) == 0, status)
    node.run("config", "token", "--unset", wallet=False)
    got = typed(node, "contract", "mint", "1")
    check("with it unset all is well", got[0] == 0, got)


def cold_addresses(node):
    got = typed(node, "withdraw", "5", "--to", STRANGER)
    check("a cold address that is not set is named with the command for it",
          got[0] == 1 and "seedbank config cold ADDRESS" in got[2] and
          "fee" not in got[2].splitlines()[-2], got)
    node.configure(cold=STRANGER)
    got = typed(node, "withdraw", "5", "--to", STRANGER)
    check("once set it is withdrawn to", got[0] == 0 and
          "withdrew 5" in got[1], got)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.BIN = os.path.abspath(args.bin)
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    directory = tempfile.mkdtemp(prefix="seedbank-money-")
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = stage.Chain(st, addresses[0])
            owner, first, second = (
                Node(directory, name, addresses[0], chain)
                for name in ("owner", "first", "second"))
            owner.make_wallet()
            owner.configure(rpc=chain.url)
            made = owner.run("contract", "deploy", "--test-token")
            a_bank_without_token(owner, first, made)
            a_wrong_token(owner, second, made)
            cold_addresses(first)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
