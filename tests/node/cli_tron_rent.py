#!/usr/bin/env python3
"""cli_tron_rent.py - files stored with hosts on a TRON chain of this machine:
renting out, put, proofs, get and the end, by the programs as typed and by the
chain.

usage: cli_tron_rent.py --bin DIR [--keep]
Exit status 77: the tree has no such chain.
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import rent  # noqa: E402
import stage  # noqa: E402
import tron  # noqa: E402
from rent import Host, Party, each  # noqa: E402
from checks import check  # noqa: E402
from stage import wait_for  # noqa: E402

SKIPPED = 77
HOSTS, K = 3, 2
BLOCK_MS, PERIOD = 500, 24
TERM = 2  # periods, each with its proof
DEPOSIT = "400"


def set_up(st, directory):
    chain = tron.Chain(st, "127.0.0.1", BLOCK_MS)
    hosts = [Host(directory, "host %d" % (i + 1), "127.0.%d.1" % (i + 1), chain)
             for i in range(HOSTS)]
    renter = Party(directory, "renter", "127.0.0.2", chain)
    everybody = [renter, *hosts]
    rent.make_wallets(st, everybody)
    bank = rent.deploy(st, chain, renter, everybody, PERIOD)
    for h in hosts[1:]:
        h.configure(host_peer=hosts[0].address + ":6881")
    rent.start_all(st, everybody)
    rent.fund(st, everybody, DEPOSIT)
    rent.enable(st, hosts, "16MiB", "1000000", "1024")
    rent.find_hosts([renter], hosts)
    check("hosts rent out, and a renter finds them", True)
    return bank, hosts, renter


def stored(st, bank, renter, directory):
    """Where it ends, by the chain."""
    tree = os.path.join(directory, "tree")
    os.mkdir(tree)
    for i in range(10):
        stage.make_file(os.path.join(tree, "f%d" % i), 9973 * i)
    put = each(st, [(renter, ("store", "put", tree, "--k", str(K), "--n",
                              str(HOSTS), "--periods", str(TERM)))], 1)[0]
    opened = bank.opened(renter.storage_account)
    check("what is put opens an agreement with each host", put["agreements"] ==
          HOSTS == len({a.host for a in opened}), (put, opened))
    return tree, max(a.end for a in opened)


def proved(bank, hosts):
    wait_for("a proof of each host", 60, lambda: rent.look_alive(hosts) or len(
        {p.host for p in bank.proofs()}) == HOSTS)
    check("each host proves what it keeps, and is paid", all(
        p.paid > 0 for p in bank.proofs()), bank.proofs())


def fetched(renter, tree, directory):
    got = renter.run("store", "get", "tree", "--out", directory + "/got",
                     wallet=False)
    check("without one of them all files come back", got["files"] >= 10 and
          rent.same_tree(tree, directory + "/got/tree"), got)


def ended(bank, hosts, renter, until):
    wait_for("the end of the term", 90,
             lambda: rent.look_alive(hosts) or bank.now() >= until)
    by_hosts, others = rent.end_agreements(bank, hosts, until)
    check("hosts close what is over, and a passer-by the dead one's",
          (by_hosts, others) == (HOSTS - 1, 1), (by_hosts, others))
    rent.figures(bank, hosts)
    dead, *good = hosts
    check("who keeps what it took proves each period and loses nothing", all(
        h.proofs == TERM and h.missed == 0 == h.lost for h in good),
        [(h.proofs, h.missed, h.lost) for h in good])
    check("the dead one loses a penalty", dead.missed > 0 and
          dead.lost == dead.missed * dead.locked / 10,
          (dead.missed, dead.lost, dead.locked))
    for p in (renter, *good):
        p.run("ledger", "check", "--account", "storage", wallet=False)
    check("the books agree with the chain, and say what was earned", all(
        h.book() == h.earned for h in good), [h.book() for h in good])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    if not os.path.exists(tron.SERVER):
        print("no TRON chain in this tree")
        return SKIPPED
    stage.enter_namespace([])
    with stage.workplace("seedbank-tron-rent", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            bank, hosts, renter = set_up(st, directory)
            tree, until = stored(st, bank, renter, directory)
            proved(bank, hosts)
            hosts[0].kill()
            fetched(renter, tree, directory)
            ended(bank, hosts, renter, until)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
