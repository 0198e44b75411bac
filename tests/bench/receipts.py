#!/usr/bin/env python3
"""receipts.py - what receipts cost: the same transfers with and without a bid.

Two daemons with wallets over loopback in a network namespace, files on tmpfs.
A round is four downloads, of a small and a large file, each with and without
--bid, in an order that turns; before each there is the same pause, since a
daemon that has just worked is cheaper than one that has rested. The seller
trusts its payer with all of it, so that every byte of a paid run is paid; a run
that is not ends the bench. CPU is user + system of a daemon and its signer,
from before the download is asked for until after its last byte; what it is
asked for with is a process of its own and not counted.

  opening   a daemon's start, once: the key derivation (argon2id) in the signer
  fixed     what a download costs however long it is: joining, checking the
            files, bidding, the steps that grow: small - small x (a GiB more)
  a GiB     (large - small) a GiB: what each further GiB costs
  receipts  paid - free of the same round, median and quartiles

usage: receipts.py [--small MIB] [--large MIB] [--runs N] [--limit MIB/S]
                   [--count] [--json]
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
FREE_MAX = 64 * MIB
PAUSE_S = 8  # a seller answers four asks a minute from one network
SIDES = ("seed", "leech")


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(child) for child in f.read().split()]


def family_cpu(pid):
    """A process and its children: the signer is one."""
    return sum(map(stage.cpu_seconds, [pid, *children(pid)]))


class Bench:
    def __init__(self, st, directory, addresses, args):
        self.stage, self.directory, self.addresses = st, directory, addresses
        self.args = args
        self.torrents, self.daemons, self.opening = {}, {}, {}

    def prepare(self, sizes):
        self.folder = os.path.join(self.directory, "seed")
        os.makedirs(self.folder)
        for size in sizes:
            data = os.path.join(self.folder, "data%d" % size)
            stage.make_file(data, size)
            self.torrents[size] = data + ".torrent"
            stage.make_torrent(data, self.torrents[size])
        stage.warm_memory(self.directory, 3 * max(sizes))
        chain = stage.Chain(self.stage, self.addresses[0])
        self.seeder = nodes.Node(self.directory, "seeder", self.addresses[0],
                                 chain)
        self.payer = nodes.Node(self.directory, "payer", self.addresses[1],
                                chain)
        nodes.make_bank(chain, self.seeder, [self.payer], "1000")
        limit = (["--limit-up", str(self.args.limit * MIB)]
                 if self.args.limit else [])
        self.start("seed", self.seeder, "--price", "0.001", "--trust", "1000",
                   *limit)
        self.start("leech", self.payer)
        for torrent in self.torrents.values():
            self.stage.spawn("seed", self.seeder.argv(
                "seed", self.folder, "--torrent", torrent))
        stage.wait_for("seeding", 120, self.seeding, *self.daemons.values())
        stage.wait_for("a balance", 30, lambda: self.payer.run(
            "status", wallet=False).get("in_bank", "0") != "0")

    def start(self, side, node, *options):
        daemon = self.stage.spawn(node.name + "d", [
            os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
            "--listen", node.address + ":6881", "--passphrase-file",
            node.passphrase, "--log-level",
            "debug" if self.args.count else "info", *options])
        stage.wait_for("seedbankd", 20, lambda: os.path.exists(
            os.path.join(node.home, "api.sock")), daemon)
        self.daemons[side] = daemon
        stage.wait_for("the wallet", 20, lambda: node.run(
            "status", wallet=False).get("address"), daemon)
        self.opening[side] = {
            "daemon": stage.cpu_seconds(daemon.pid),
            "signer": sum(map(stage.cpu_seconds, children(daemon.pid)))}

    def seeding(self):
        torrents = self.seeder.run("list", wallet=False)["torrents"]
        return (len(torrents) == len(self.torrents) and
                all(t["state"] == "seeding" for t in torrents))

    def receipts(self):
        with open(self.daemons["leech"].log) as f:
            return sum("receipt sent" in line for line in f)

    def transfer(self, size, paid):
        out = os.path.join(self.directory, "out")
        options = ["--bid", "0.01", "--budget", "100"] if paid else []
        time.sleep(PAUSE_S)
        sent = self.receipts()
        before = {k: family_cpu(d.pid) for k, d in self.daemons.items()}
        began = time.monotonic()
        client = self.payer.get(self.stage, self.torrents[size], out,
                                self.addresses[0] + ":6881", *options)
        if client.wait(600) != 0:
            raise Failed("get ended with %d (%s)" % (client.status,
                                                     client.log))
        took = time.monotonic() - began
        time.sleep(0.2)
        row = {k: family_cpu(d.pid) - before[k]
               for k, d in self.daemons.items()}
        row.update(seconds=took, receipts=self.receipts() - sent)
        self.check(size, paid, out)
        self.stage.forget(client)
        shutil.rmtree(out)
        return row

    def check(self, size, paid, out):
        """All bytes are there, and all of them were paid (or none). A slot is
        free until the first receipt is there, for some MiB."""
        name = "data%d" % size
        if not stage.same(os.path.join(self.folder, name),
                          os.path.join(out, name)):
            raise Failed("the bytes differ")
        mine = self.payer.run("list", wallet=False)["torrents"][0]
        charged = mine.get("paid_bytes", 0)
        if paid and charged < size - FREE_MAX or not paid and charged:
            raise Failed("%d of %d bytes were paid" % (charged, size))
        self.payer.run("remove", mine["info_hash"], wallet=False)


def measure(bench, sizes, runs):
    """One dictionary a round, by (size, paid)."""
    rounds = []
    for paid in (False, True):  # warm: pages, and the first receipt of all
        bench.transfer(sizes[0], paid)
    for n in range(runs):
        rows = {}
        order = [(size, paid) for size in sizes for paid in (False, True)]
        for key in order[n % 4:] + order[:n % 4]:
            rows[key] = r = bench.transfer(*key)
            print("%d/%d %4d MiB %-4s seed %.3f leech %.3f s CPU, %.1f s%s" % (
                n + 1, runs, key[0] // MIB, "paid" if key[1] else "free",
                r["seed"], r["leech"], r["seconds"],
                ", %d receipts" % r["receipts"] if bench.args.count else ""),
                file=sys.stderr, flush=True)
        rounds.append(rows)
    return rounds


def spread(values):
    """Median and quartiles."""
    if len(values) < 2:
        return values * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [middle, low, high]


def figures(rounds, sizes, sides):
    """CPU seconds; `percent` is of the same without receipts."""
    small, large = sizes

    def cpu(rows, size, paid):
        return sum(rows[size, paid][side] for side in sides)

    def more(rows, paid):
        return ((cpu(rows, large, paid) - cpu(rows, small, paid)) * GIB /
                (large - small))

    def fixed(rows, paid):
        return cpu(rows, small, paid) - more(rows, paid) * small / GIB

    def whole(rows, paid):
        return cpu(rows, large, paid) * GIB / large
    out = {}
    for name, f in (("fixed", fixed), ("a GiB", more),
                    ("%.3g GiB, a GiB" % (large / GIB), whole)):
        free = statistics.median(f(r, False) for r in rounds)
        cost = spread([f(r, True) - f(r, False) for r in rounds])
        out[name] = {"free": free, "paid": statistics.median(
            f(r, True) for r in rounds), "receipts": cost,
            "percent": 100 * cost[0] / free}
    return out


def show(result, args):
    print("\nCPU seconds, medians of %d%18s %8s  receipts (quartiles)" % (
        args.runs, "free", "paid"))
    for side, rows in result["transfers"].items():
        for name, r in rows.items():
            print("%-6s %-24s %9.3f %8.3f  %+.4f (%+.4f %+.4f) %+.1f %%" % (
                side, name, r["free"], r["paid"], *r["receipts"],
                r["percent"]))
    for side, r in result["opening"].items():
        print("%-6s opening a wallet, once: daemon %.3f, signer %.3f" % (
            side, r["daemon"], r["signer"]))
    if "receipts" in result:
        print("receipts: %s" % ", ".join(
            "%d for %s MiB" % (n, size)
            for size, n in result["receipts"].items()))


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--small", type=int, default=1024, help="MiB")
    p.add_argument("--large", type=int, default=3072, help="MiB")
    p.add_argument("--runs", type=int, default=8, help="rounds")
    p.add_argument("--limit", type=int, default=0,
                   help="MiB/s that the seeder may send; 0: no limit")
    p.add_argument("--count", action="store_true",
                   help="count receipts; logging them costs CPU too")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    sizes = (args.small * MIB, args.large * MIB)
    directory = "/dev/shm/seedbank-receipts.%d" % os.getpid()
    os.makedirs(directory)
    try:
        with stage.Stage(os.path.join(WORK, "log")) as st:
            bench = Bench(st, directory, addresses, args)
            bench.prepare(sizes)
            rounds = measure(bench, sizes, args.runs)
            result = {"opening": bench.opening, "transfers": {
                name: figures(rounds, sizes, sides) for name, sides in (
                    ("seed", ["seed"]), ("leech", ["leech"]),
                    ("both", SIDES))}}
            if args.count:
                result["receipts"] = {size // MIB: statistics.median(
                    r[size, True]["receipts"] for r in rounds)
                    for size in sizes}
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if args.json:
        print(json.dumps(result))
    else:
        show(result, args)


try:
    main()
except Failed as e:
    sys.exit("receipts: %s" % e)
