#!/usr/bin/env python3
"""receipts.py - what receipts cost: the same transfer with and without a bid.

One seeder (a daemon with a wallet) and one leecher over loopback in a network
namespace, files on tmpfs, upload not limited; with and without --bid by turns.
CPU is user + system of the node and its signer: of the leecher to its end, of
the daemon from the leecher's start to its end. Start-up of the leecher is
counted too (opening its wallet takes some tenths of a second on purpose), so it
is measured apart, by transfers of a small file, and taken off.

usage: receipts.py [--size MIB] [--runs N] [--json]
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import nodes  # noqa: E402
import stage  # noqa: E402
from stage import Failed, GIB, MIB  # noqa: E402

WORK = os.path.join(stage.TOP, "build", "bench")
SMALL = 4 * MIB


def family_cpu(pid):
    """A process and its children: the signer is one."""
    total = stage.cpu_seconds(pid)
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        for child in f.read().split():
            total += stage.cpu_seconds(int(child))
    return total


class Bench:
    def __init__(self, st, directory, addresses):
        self.stage, self.directory, self.addresses = st, directory, addresses
        self.torrents = {}

    def prepare(self, sizes):
        for size in sizes:
            folder = os.path.join(self.directory, "seed")
            os.makedirs(folder, exist_ok=True)
            data = os.path.join(folder, "data%d" % size)
            stage.make_file(data, size)
            self.torrents[size] = data + ".torrent"
            stage.make_torrent(data, self.torrents[size])
        chain = stage.Chain(self.stage, self.addresses[0])
        self.seeder = nodes.Node(self.directory, "seeder", self.addresses[0],
                                 chain)
        self.payer = nodes.Node(self.directory, "payer", self.addresses[1],
                                chain)
        nodes.make_bank(chain, self.seeder, [self.payer], "1000")
        first, *rest = self.torrents.values()
        self.daemon = nodes.start_seeder(self.stage, self.seeder, folder,
                                         first, "--price", "0.001")
        for torrent in rest:
            self.stage.spawn("seed", self.seeder.argv(
                "seed", folder, "--torrent", torrent))
        stage.wait_for("seeding", 120, lambda: all(
            t["state"] == "seeding" for t in self.seeder.run(
                "list", wallet=False)["torrents"]), self.daemon)

    def transfer(self, size, paid):
        out = os.path.join(self.directory, "out")
        options = ["--passphrase-file", self.payer.passphrase]
        if paid:
            options += ["--bid", "0.01", "--budget", "100"]
        before, began = family_cpu(self.daemon.pid), time.monotonic()
        leech = self.payer.get(self.stage, self.torrents[size], out,
                               self.addresses[0] + ":6881", *options)
        if leech.wait(600) != 0:
            raise Failed("get ended with %d (%s)" % (leech.status, leech.log))
        took = time.monotonic() - began
        time.sleep(0.2)
        seed = family_cpu(self.daemon.pid) - before
        name = "data%d" % size
        if not stage.same(os.path.join(self.directory, "seed", name),
                          os.path.join(out, name)):
            raise Failed("the bytes differ")
        self.stage.forget(leech)
        shutil.rmtree(out)
        return {"seed": seed, "leech": leech.cpu_total(), "seconds": took}


def measure(bench, size, runs):
    rows = {(s, paid): [] for s in (SMALL, size) for paid in (False, True)}
    for n in range(runs):
        for key in rows:
            rows[key].append(bench.transfer(*key))
            r = rows[key][-1]
            print("%d/%d %4d MiB %-5s seed %.3f leech %.3f s CPU, %.1f s" % (
                n + 1, runs, key[0] // MIB, "paid" if key[1] else "free",
                r["seed"], r["leech"], r["seconds"]),
                file=sys.stderr, flush=True)
    return rows


def summary(rows, size):
    """CPU seconds a GiB, start-up taken off, medians."""
    scale = GIB / (size - SMALL)

    def per_gib(paid, side):
        of = lambda s: statistics.median(r[side] for r in rows[(s, paid)])
        return (of(size) - of(SMALL)) * scale
    out = {}
    for side in ("seed", "leech"):
        free, paid = per_gib(False, side), per_gib(True, side)
        out[side] = {"free": free, "paid": paid,
                     "percent": 100 * (paid - free) / free}
    free = out["seed"]["free"] + out["leech"]["free"]
    paid = out["seed"]["paid"] + out["leech"]["paid"]
    out["both"] = {"free": free, "paid": paid,
                   "percent": 100 * (paid - free) / free}
    return out


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--size", type=int, default=2048, help="MiB")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    size = args.size * MIB
    directory = "/dev/shm/seedbank-receipts.%d" % os.getpid()
    os.makedirs(directory)
    try:
        with stage.Stage(os.path.join(WORK, "log")) as st:
            bench = Bench(st, directory, addresses)
            bench.prepare((SMALL, size))
            result = summary(measure(bench, size, args.runs), size)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if args.json:
        print(json.dumps(result))
        return
    print("CPU s/GiB, medians of %d      free     paid    receipts cost" %
          args.runs)
    for side, r in result.items():
        print("%-26s %7.3f  %7.3f  %+9.1f %%" % (side, r["free"], r["paid"],
                                                r["percent"]))


try:
    main()
except Failed as e:
    sys.exit("receipts: %s" % e)
