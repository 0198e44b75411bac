#!/usr/bin/env python3
"""receipts.py - what receipts cost: the same transfer with and without a bid.

Two daemons with wallets, opened before anything is measured, over loopback in a
network namespace, files on tmpfs, upload not limited; with and without --bid by
turns, and the first of a pair changes too. The seller trusts its payer with all
of it, so that every byte of a paid run is paid; a run that is not ends the
bench. CPU is user + system of a daemon and its signer, from before the download
is asked for until after its last byte; what the download is asked for with is a
process of its own and not counted. Joining and bidding are counted.

usage: receipts.py [--size MIB] [--runs N] [--count] [--json]
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
ASK_S = 16  # a seller answers four asks a minute from one network


def family_cpu(pid):
    """A process and its children: the signer is one."""
    total = stage.cpu_seconds(pid)
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        for child in f.read().split():
            total += stage.cpu_seconds(int(child))
    return total


class Bench:
    def __init__(self, st, directory, addresses, count):
        self.stage, self.directory, self.addresses = st, directory, addresses
        self.count = count
        self.last_ask = -ASK_S

    def prepare(self, size):
        self.size = size
        self.folder = os.path.join(self.directory, "seed")
        os.makedirs(self.folder)
        data = os.path.join(self.folder, "data")
        stage.make_file(data, size)
        self.torrent = data + ".torrent"
        stage.make_torrent(data, self.torrent)
        chain = stage.Chain(self.stage, self.addresses[0])
        self.seeder = nodes.Node(self.directory, "seeder", self.addresses[0],
                                 chain)
        self.payer = nodes.Node(self.directory, "payer", self.addresses[1],
                                chain)
        nodes.make_bank(chain, self.seeder, [self.payer], "1000")
        self.daemons = {
            "seed": self.start(self.seeder, "--price", "0.001", "--trust",
                               "1000"),
            "leech": self.start(self.payer)}
        self.stage.spawn("seed", self.seeder.argv(
            "seed", self.folder, "--torrent", self.torrent))
        stage.wait_for("seeding", 120, self.seeding, *self.daemons.values())
        stage.wait_for("a balance", 30, lambda: self.payer.run(
            "status", wallet=False).get("in_bank", "0") != "0")

    def start(self, node, *options):
        daemon = self.stage.spawn(node.name + "d", [
            os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
            "--listen", node.address + ":6881", "--passphrase-file",
            node.passphrase, "--log-level", "debug" if self.count else "info",
            *options])
        stage.wait_for("seedbankd", 20, lambda: os.path.exists(
            os.path.join(node.home, "api.sock")), daemon)
        return daemon

    def seeding(self):
        torrents = self.seeder.run("list", wallet=False)["torrents"]
        return torrents and torrents[0]["state"] == "seeding"

    def receipts(self):
        with open(self.daemons["leech"].log) as f:
            return sum("receipt sent" in line for line in f)

    def transfer(self, paid):
        out = os.path.join(self.directory, "out")
        options = ["--bid", "0.01", "--budget", "100"] if paid else []
        if paid:
            time.sleep(max(0, self.last_ask + ASK_S - time.monotonic()))
            self.last_ask = time.monotonic()
        sent = self.receipts()
        before = {k: family_cpu(d.pid) for k, d in self.daemons.items()}
        began = time.monotonic()
        client = self.payer.get(self.stage, self.torrent, out,
                                self.addresses[0] + ":6881", *options)
        if client.wait(600) != 0:
            raise Failed("get ended with %d (%s)" % (client.status,
                                                     client.log))
        took = time.monotonic() - began
        time.sleep(0.2)
        row = {k: family_cpu(d.pid) - before[k]
               for k, d in self.daemons.items()}
        row.update(seconds=took, receipts=self.receipts() - sent)
        self.check(paid, out)
        self.stage.forget(client)
        shutil.rmtree(out)
        return row

    def check(self, paid, out):
        """All bytes are there, and all of them were paid (or none). A slot is
        free until the first receipt is there, for some MiB."""
        if not stage.same(os.path.join(self.folder, "data"),
                          os.path.join(out, "data")):
            raise Failed("the bytes differ")
        mine = self.payer.run("list", wallet=False)["torrents"][0]
        charged = mine.get("paid_bytes", 0)
        if paid and charged < self.size - FREE_MAX or not paid and charged:
            raise Failed("%d of %d bytes were paid" % (charged, self.size))
        self.payer.run("remove", mine["info_hash"], wallet=False)


def measure(bench, runs):
    rows = {False: [], True: []}
    for paid in rows:  # warm: pages, and the first receipt of all
        bench.transfer(paid)
    for n in range(runs):
        for paid in (False, True) if n % 2 else (True, False):
            r = bench.transfer(paid)
            rows[paid].append(r)
            print("%d/%d %-5s seed %.3f leech %.3f s CPU, %.1f s, %s" % (
                n + 1, runs, "paid" if paid else "free", r["seed"],
                r["leech"], r["seconds"],
                "%d receipts" % r["receipts"] if bench.count else ""),
                file=sys.stderr, flush=True)
    return rows


def summary(rows, size):
    """CPU seconds a GiB, medians; `both` is of the sums."""
    def per_gib(paid, *sides):
        return statistics.median(sum(r[s] for s in sides)
                                 for r in rows[paid]) * GIB / size
    out = {}
    for name, sides in (("seed", ["seed"]), ("leech", ["leech"]),
                        ("both", ["seed", "leech"])):
        free, paid = per_gib(False, *sides), per_gib(True, *sides)
        out[name] = {"free": free, "paid": paid,
                     "percent": 100 * (paid - free) / free}
    return out


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--size", type=int, default=2048, help="MiB")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--count", action="store_true",
                   help="count receipts; logging them costs CPU too")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    size = args.size * MIB
    directory = "/dev/shm/seedbank-receipts.%d" % os.getpid()
    os.makedirs(directory)
    try:
        with stage.Stage(os.path.join(WORK, "log")) as st:
            bench = Bench(st, directory, addresses, args.count)
            bench.prepare(size)
            result = summary(measure(bench, args.runs), size)
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
