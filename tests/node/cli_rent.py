#!/usr/bin/env python3
"""cli_rent.py - what becomes of hosts: six of them rent out, one is killed, one
loses all that it stores and goes on; by the programs as typed and by the chain.

usage: cli_rent.py --bin DIR [--keep]
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
from bank import tokens  # noqa: E402
from rent import Host, Party, each  # noqa: E402
from checks import check  # noqa: E402
from stage import wait_for  # noqa: E402

HOSTS, K, N = 6, 2, 5
PERIOD = 12  # blocks of a second
TERM = 2  # periods, each with its proof
DEPOSIT = "400"


def set_up(st, directory):
    chain = stage.Chain(st, "127.0.0.1", "--block-time", "1")
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
    check("told of one host, which all were told of, a renter knows all", True)
    return bank, hosts, renter


def make_files(directory):
    tree = os.path.join(directory, "tree")
    for i in range(40):
        folder = os.path.join(tree, "d%d" % (i % 7))
        os.makedirs(folder, exist_ok=True)
        stage.make_file(os.path.join(folder, "f%d" % i), 997 * i)
    return tree


def stored(st, bank, hosts, renter, tree):
    """The hosts that hold it, and the period of its end, by the chain."""
    put = each(st, [(renter, ("store", "put", tree, "--k", str(K), "--n",
                              str(N), "--periods", str(TERM)))], 1)[0]
    opened = bank.opened(renter.storage_account)
    check("each shard is at another host, and all agreements are opened",
          len({a.host for a in opened}) == len(opened) == N ==
          put["agreements"], opened)
    return [h for h in hosts if h.key in {a.host for a in opened}], \
        max(a.end for a in opened)


def fetched(renter, tree, directory):
    """Two shards are gone, and more than K are left."""
    got = renter.run("store", "get", "tree", "--out", directory + "/got",
                     wallet=False)
    check("with two of its hosts lost all files come back", got["files"] >= 40
          and rent.same_tree(tree, directory + "/got/tree"), got)


def judged(bank, hosts, holders, dead, liar, renter):
    good = [h for h in holders if h not in (dead, liar)]
    penalty = [TERM * h.locked / 10 for h in (dead, liar)]
    check("who keeps what it took is paid for every period", all(
        h.proofs == TERM and h.earned > 0 for h in good),
        [(h.proofs, h.earned) for h in good])
    check("and loses nothing", all(h.missed == 0 == h.lost for h in good),
          [(h.missed, h.lost) for h in good])
    check("neither the dead nor the liar is paid", dead.proofs == 0 ==
          liar.proofs, (dead.proofs, liar.proofs))
    check("both miss all, and lose a penalty for each", dead.missed == TERM ==
          liar.missed and [dead.lost, liar.lost] == penalty,
          (dead.missed, liar.missed, dead.lost, liar.lost, penalty))
    held = [h.run("status", wallet=False)["storage"] for h in good + [liar]]
    check("the hosts' books say the same", all(
        float(s["rent_earned"]) == float(h.earned) and
        float(s["burnt"]) == float(h.lost) and float(s["collateral"]) == 0
        for s, h in zip(held, good + [liar])), held)
    mine = renter.run("status", wallet=False)["storage"]
    check("the renter paid the good ones and nobody else, and has its fund back",
          float(mine["rent_paid"]) == float(sum(h.earned for h in good)) and
          float(mine["in_funds"]) == 0, mine)
    proofs = bank.proofs()
    check("a proof costs below 80,000 gas in small batches, the anchors apart",
          bank.gas_of_proofs() // len(proofs) < 80000, bank.gas_of_proofs())
    check("all that was paid is by proofs", tokens(sum(
        p.paid for p in proofs)) == sum(h.earned for h in hosts), proofs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    stage.enter_namespace([])
    with stage.workplace("seedbank-rent", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            bank, hosts, renter = set_up(st, directory)
            tree = make_files(directory)
            holders, until = stored(st, bank, hosts, renter, tree)
            dead, liar = holders[0], holders[-1]
            dead.kill()
            liar.corrupt()
            fetched(renter, tree, directory)
            wait_for("the end of the term", 120,
                     lambda: rent.look_alive(hosts) or bank.now() >= until)
            rent.end_agreements(bank, hosts, until)
            for p in (renter, *hosts):
                if p is not dead:
                    p.run("ledger", "check", "--account", "storage",
                          wallet=False)
            check("the books agree with the chain", True)
            rent.figures(bank, hosts)
            judged(bank, hosts, holders, dead, liar, renter)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
