#!/usr/bin/env python3
"""cli_chain.py - commands about money as a user types them, on a chain of this
machine.

usage: cli_chain.py --bin DIR [--keep]
"""

import argparse
import os
import re
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import stage  # noqa: E402
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import MIB  # noqa: E402

# nobody's, with its checksum
STRANGER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


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
    lines = got[2].splitlines()
    check("before anything else it says what cashing costs, and what to set "
          "to know from which sum that is little",
          re.match(r"cashing a receipt costs the payee about 0\.0*[1-9]\d* "
                   r"ETH, each of 200 at once 0\.0*[1-9]\d* ETH; from which "
                   r"sum that is under 2 % is known once coin-price is set$",
                   lines[0]) and sum("cashing" in x for x in lines) == 1, got)
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


def the_storage_account(node):
    """Renting has an address, a book and a balance of its own."""
    before = node.run("status", wallet=False)
    check("status knows no storage account before it is used",
          "storage" not in before, before)
    got = typed(node, "ledger", "check", "--account", "storage")
    check("nor has it a book to check", got[0] == 1 and
          "storage account" in got[2] and "Traceback" not in got[2], got)
    for words in (["contract", "mint", "9"], ["deposit", "7"],
                  ["withdraw", "3"], ["settle", "--all"],
                  ["ledger", "check"]):
        got = typed(node, *words, "--account", "storage")
        check("%s for the storage account" % " ".join(words[:2]),
              got[0] == 0, got)
    check("its book agrees with the chain", "against the chain" in got[1], got)
    status = node.run("status", wallet=False)
    storage = status.get("storage", {})
    check("status shows its address and balances",
          (storage.get("address"), float(storage.get("in_bank", -1)),
           float(storage.get("in_wallet", -1))) ==
          (node.storage_account, 4, 5), status)
    check("and that nothing is rented", all(
        float(storage.get(k, -1)) == 0 for k in
        ("in_funds", "collateral", "rent_earned", "rent_paid", "burnt")),
          status)
    check("and the bandwidth account has not moved", all(
        status[k] == before[k] for k in
        ("address", "in_bank", "in_wallet", "reserved", "spent")), status)
    got = typed(node, "reserve", STRANGER, "1", "--account", "storage")
    check("it reserves from its own balance", got[0] == 0, got)
    pairs = node.run("exposure", "--account", "storage",
                     wallet=False).get("pairs")
    check("which its exposure does not count as owed", pairs == [], pairs)
    status = node.run("status", wallet=False)
    check("but its book as locked, and the other book not at all",
          (float(status["storage"]["reserved"]),
           float(status["storage"]["in_bank"]),
           float(status["reserved"])) == (1, 3, 0), status)
    lines = [node.run("ledger", "export", "--account", account,
                      wallet=False)["csv"].splitlines()
             for account in ("bandwidth", "storage")]
    check("each exports its own entries", len(lines[1]) > 1 and
          any("reserved" in line for line in lines[1]) and
          not any("reserved" in line for line in lines[0]), lines)
    got = typed(node, "deposit", "2", "--to", node.storage_account)
    check("the bandwidth account deposits for it", got[0] == 0, got)
    for account in ("bandwidth", "storage"):
        got = typed(node, "ledger", "check", "--account", account)
        check("the %s book agrees with the chain at the end" % account,
              got[0] == 0 and "against the chain" in got[1], got)
    status = node.run("status", wallet=False)
    check("what was deposited for it is in its balance",
          float(status["storage"]["in_bank"]) == 5 and
          float(status["in_wallet"]) == float(before["in_wallet"]) - 2, status)
    got = typed(node, "deposit", "1", "--account", "savings")
    check("an account that is none is wrong usage", got[0] == 2 and
          "--account" in got[2], got)


def cold_addresses(node):
    got = typed(node, "withdraw", "5", "--to", STRANGER)
    check("a cold address that is not set is named with the command for it",
          got[0] == 1 and "seedbank config cold ADDRESS" in got[2] and
          "fee" not in got[2].splitlines()[-2], got)
    node.configure(cold=STRANGER)
    got = typed(node, "withdraw", "5", "--to", STRANGER)
    check("once set it is withdrawn to", got[0] == 0 and
          "withdrew 5" in got[1], got)


def budgets(st, owner, node, directory):
    """A budget is of one download, however often that is interrupted."""
    source = os.path.join(directory, "source")
    torrent = os.path.join(directory, "file.torrent")
    os.mkdir(source)
    stage.make_file(source + "/file.bin", 12 * MIB)
    made = stage.make_torrent(source + "/file.bin", torrent, 262144)
    nodes.start_seeder(st, owner, source, torrent, "--limit-up", "4MiB",
                       "--price", "1")

    def get(name, out, what=torrent):
        argv = node.argv("get", what, "--out", os.path.join(directory, out),
                         "--listen", node.address + ":6882", "--peer",
                         owner.address + ":6881", "--bid", "4", "--budget",
                         "0.012", "--passphrase-file", node.passphrase)
        return st.spawn(name, [w for w in argv if w != "--json"])

    def told(p):
        with open(p.log, errors="replace") as f:
            return f.read()

    def spent():
        return float(node.run("status", wallet=False)["spent"])

    first = get("first-get", "one")
    stage.wait_for("progress", 60, lambda: re.search(" [4-8][0-9]%",
                                                     told(first)), first)
    os.kill(first.pid, signal.SIGINT)
    first.wait(20)
    had = spent()
    check("something was paid", 0 < had <= 0.012, had)
    second = get("second-get", "one")
    second.wait(60)
    check("the same download goes on, and says what it has spent",
          second.status == 0 and "was spent on it before" in told(second),
          told(second)[-400:])
    one = spent()
    check("both together keep to the budget", had < one <= 0.012, (had, one))
    third = get("third-get", "two", "magnet:?xt=urn:btih:" + made)
    third.wait(60)
    check("a new download has its whole budget", third.status == 0 and
          "before" not in told(third) and 0.006 < spent() - one < 0.0121,
          (one, spent(), told(third)[-400:]))
    check("and tells its cost once a link's metadata is here", re.search(
        "the metadata is here.*costs 0.012 at the most", told(third),
        re.DOTALL), told(third)[:400])
    got = typed(node, "ledger", "check")
    check("and the book is right", got[0] == 0, got)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    with stage.workplace("seedbank-money", args.keep) as directory:
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
            the_storage_account(first)
            budgets(st, owner, first, directory)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
