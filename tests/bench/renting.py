#!/usr/bin/env python3
"""renting.py - what storing costs: files put at hosts and fetched again, by the
programs as typed, over loopback, beside dd on the same disk in the same run.

A chain, a renter and hosts with wallets, in a network of their own. Prices of
traffic are zero but with --paid. First one host is there, then all.

  writes    MiB/s that a host took in and acknowledged as durable, while a put
            was at it (between a tenth of its bytes and all but a tenth: what
            comes before and after is the chain's time)
  put       MiB/s of input, from the command to its end, the chain's time too
  reads     MiB/s of `store cat`, checked and decrypted, from command to end
  CPU       seconds a GiB that went over the wire (and, for the renter, a GiB of
            the file): user + system of the daemons, their signers apart
  RSS       the most that the renter's daemon had meanwhile
  dd        the same number of bytes from /dev/zero, synced (conv=fsync), after
            each put; the best of the two ways, with and without O_DIRECT

Figures are min / median / max of the runs.

usage: renting.py [--mib N] [--hosts N] [--runs N] [--files N] [--paid]
                  [--cases one,many,10/30,4/12,small] [--keep]
                  [--space MIB] [--json]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import nodes  # noqa: E402
import rent  # noqa: E402
import stage  # noqa: E402
from rent import Host, Party  # noqa: E402
from stage import Failed, GIB, MIB, wait_for  # noqa: E402

SMALL = 4096
SAMPLE_S = 0.01
WAYS = {"buffered": [], "O_DIRECT": ["oflag=direct"]}

# measured elsewhere: on another machine of this kind (2 cores, Zen 5), not here
PEERS = (
    ("writes into one host", "hostd StoreSector, SQLite + fsync: 244 / 286 / "
     "524 MB/s; Sia RHP4 WriteSector in one process, in memory: 315 / 328 / "
     "357"),
    ("verified reads", "hostd's store: 542 / 569 / 627 MB/s; Sia RHP4 "
     "ReadSector with proof, in memory: 186 / 197 / 206; iroh-blobs over QUIC "
     "loopback: 164 / 168 / 218"),
    ("CPU a GiB over the wire, both sides", "go-btfs `get`, two nodes: "
     "17-19 CPU s"),
    ("memory and CPU of a put, 10 of 30", "go-btfs RS add of 1 GiB: 8.62 GB, "
     "26.2 and 28.9 CPU s, local only"),
    ("memory and CPU of a get", "go-btfs RS cat of 1 GiB: 10.29 GB, 22.0 CPU "
     "s, local only"),
)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(child) for child in f.read().split()]


def written(daemon):
    """Bytes that it had written to a disk."""
    with open("/proc/%d/io" % daemon.pid) as f:
        for line in f:
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    raise Failed("no write_bytes of %s" % daemon.name)


def forget_peak(daemon):
    with open("/proc/%d/clear_refs" % daemon.pid, "w") as f:
        f.write("5")


def spread(values, form="%.0f"):
    return " / ".join(form % v for v in (
        min(values), statistics.median(values), max(values)))


def load():
    return os.getloadavg()[0]


class Bench:
    def __init__(self, st, directory, args):
        self.st, self.directory, self.args = st, directory, args
        self.rows, self.hosts, self.count = [], [], 0

    # --- the stage ---

    def set_up(self):
        chain = stage.Chain(self.st, "127.0.0.1", "--block-time", "1")
        self.all = [Host(self.directory, "host %d" % (i + 1),
                         "127.0.%d.1" % (i + 1), chain)
                    for i in range(self.args.hosts)]
        self.renter = Party(self.directory, "renter", "127.0.0.2", chain)
        everybody = [self.renter, *self.all]
        rent.make_wallets(self.st, everybody)
        rent.deploy(self.st, chain, self.renter, everybody, 3000)
        for h in self.all[1:]:
            h.configure(host_peer=self.all[0].address + ":6881")
        rent.start_all(self.st, everybody)
        rent.fund(self.st, everybody, "900")

    def open_hosts(self, count):
        new = self.all[len(self.hosts):count]
        for h in new:
            os.makedirs(h.disk)
        paid = ["--ingress", "0.01", "--egress", "0.01"] if self.args.paid \
            else []
        rent.each(self.st, [(h, (
            "host", "enable", "--path", h.disk, "--space",
            "%dMiB" % self.args.space, "--price", "0.01", "--collateral",
            "0.1", "--span", "1", "--min-term", "2", *paid)) for h in new], 3)
        for h in new:
            wait_for("renting out", 60, lambda: h.look()["open"], h.daemon)
        self.hosts = self.all[:count]
        rent.find_hosts([self.renter], self.hosts)

    # --- one command, watched ---

    def watch(self, words, stdout=None):
        daemon = self.renter.daemon
        forget_peak(daemon)
        hosts = [h.daemon for h in self.hosts]
        cpu = [stage.cpu_seconds(d.pid) for d in (daemon, *hosts)]
        signers = sum(map(stage.cpu_seconds, children(daemon.pid)))
        base = sum(map(written, hosts))
        samples, began = [], time.monotonic()
        if stdout:
            p = self.st.spawn("cat", self.renter.argv(*words), stdout=stdout)
        else:
            p = rent.start_command(self.st, self.renter, words)
        while p.poll() is None:
            samples.append((time.monotonic() - began,
                            sum(map(written, hosts)) - base))
            time.sleep(SAMPLE_S)
            if samples[-1][0] > 900:
                raise Failed("%s takes more than 900 s" % (words,))
        took = {
            "s": time.monotonic() - began,
            "renter": stage.cpu_seconds(daemon.pid) - cpu[0],
            "signer": sum(map(stage.cpu_seconds, children(daemon.pid))) -
            signers,
            "hosts": sum(stage.cpu_seconds(d.pid) for d in hosts) -
            sum(cpu[1:]),
            "rss": daemon.memory_kib("VmHWM") / 1024,
            "samples": samples, "load": load(),
        }
        if stdout:
            if p.status != 0:
                raise Failed("store cat ended with %d (%s)" % (p.status, p.log))
            self.st.processes.remove(p)
            return took, {}
        return took, rent.end_command(self.st, p, self.renter, words)

    @staticmethod
    def rate(samples, size):
        """Between the first and the last tenth of so many bytes."""
        low, high = size * 0.1, size * 0.9
        at = [next((t for t, n in samples if n >= x), None)
              for x in (low, high)]
        if None in at or at[1] <= at[0]:
            return 0.0
        return (high - low) / MIB / (at[1] - at[0])

    def dd(self, size):
        path = os.path.join(self.directory, "dd")
        best = 0.0
        for flags in WAYS.values():
            began = time.monotonic()
            done = subprocess.run(
                ["dd", "if=/dev/zero", "of=" + path, "bs=1M", "conv=fsync",
                 "count=%d" % (size // MIB), *flags],
                stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                best = max(best, size / MIB / (time.monotonic() - began))
            os.unlink(path)
        return best

    # --- cases ---

    def transfer(self, name, k, n, data, size):
        words = ["store", "put", data, "--as", name, "--k", str(k), "--n",
                 str(n), "--per-host", str(n), "--per-network", str(n),
                 "--periods", "2"]
        put, told = self.watch(words)
        stored = told["stored_bytes"]
        with open(os.devnull, "wb") as null:
            cat, _ = self.watch(["store", "cat", name], stdout=null)
        out = os.path.join(self.directory, "out")
        get, _ = self.watch(["store", "get", name, "--out", out])
        if not stage.same(data, os.path.join(out, name)):
            raise Failed("other bytes came back")
        shutil.rmtree(out)
        return {
            "writes": self.rate(put["samples"], stored),
            "dd": self.dd(stored), "put": size / MIB / put["s"],
            "reads": size / MIB / cat["s"], "get": size / MIB / get["s"],
            "put renter": put["renter"] * GIB / size,
            "put renter wire": put["renter"] * GIB / stored,
            "put hosts": put["hosts"] * GIB / stored,
            "put signer": put["signer"],
            "cat renter": cat["renter"] * GIB / size,
            "cat hosts": cat["hosts"] * GIB / size,
            "get renter": get["renter"] * GIB / size,
            "put rss": put["rss"], "cat rss": cat["rss"],
            "get rss": get["rss"], "load": put["load"],
        }

    def case(self, title, k, n):
        size = self.args.mib * MIB
        data = os.path.join(self.directory, "data")
        stage.make_file(data, size)
        runs = []
        for _ in range(self.args.runs):
            self.count += 1
            runs.append(self.transfer("f%d" % self.count, k, n, data, size))
            print("#", title, " ".join("%s=%.3g" % i for i in runs[-1].items()),
                  flush=True)
        self.rows.append((title, {
            key: [r[key] for r in runs] for key in runs[0]}))

    def small(self):
        tree = os.path.join(self.directory, "small")
        block = os.urandom(SMALL * 256)
        for i in range(self.args.files):
            folder = os.path.join(tree, "%03d" % (i // 100))
            if i % 100 == 0:
                os.makedirs(folder)
            at = i % 256 * SMALL
            with open(os.path.join(folder, "file%05d" % i), "wb") as f:
                f.write(i.to_bytes(8, "big") + block[at + 8:at + SMALL])
        k, n = 10, 30
        put, told = self.watch(["store", "put", tree, "--k", str(k), "--n",
                                str(n), "--per-host", str(n), "--per-network",
                                str(n), "--periods", "2"])
        out = os.path.join(self.directory, "out")
        get, _ = self.watch(["store", "get", "small", "--out", out])
        if not rent.same_tree(tree, os.path.join(out, "small")):
            raise Failed("other files came back")
        coded = self.args.files * SMALL * n / k
        self.rows.append(("%d files of 4 KiB, 10 of 30" % self.args.files, {
            "stored / coded": [told["stored_bytes"] / coded],
            "put rss": [put["rss"]], "get rss": [get["rss"]],
            "put s": [put["s"]], "get s": [get["s"]],
            "put renter s": [put["renter"]], "load": [put["load"]]}))
        shutil.rmtree(out)

    def run(self):
        cases = self.args.cases.split(",")
        self.set_up()
        self.open_hosts(1)
        if "one" in cases:
            self.case("one host, 10 of 10", 10, 10)
        self.open_hosts(self.args.hosts)
        if "many" in cases:
            self.case("%d hosts, 10 of 10" % self.args.hosts, 10, 10)
        for c in cases:
            if "/" in c:
                k, n = map(int, c.split("/"))
                self.case("%d hosts, %d of %d" % (self.args.hosts, k, n), k, n)
        if "small" in cases:
            self.small()


UNITS = {
    "writes": ("writes, MiB/s", "%.0f"), "dd": ("dd synced, MiB/s", "%.0f"),
    "put": ("put, MiB/s of input", "%.0f"),
    "reads": ("reads (cat), MiB/s", "%.0f"),
    "get": ("get into files, MiB/s", "%.0f"),
    "put renter": ("put: renter CPU s a GiB of file", "%.2f"),
    "put renter wire": ("put: renter CPU s a GiB sent", "%.2f"),
    "put hosts": ("put: hosts CPU s a GiB taken", "%.2f"),
    "put signer": ("put: renter's signer, CPU s", "%.2f"),
    "cat renter": ("cat: renter CPU s a GiB", "%.2f"),
    "cat hosts": ("cat: hosts CPU s a GiB", "%.2f"),
    "get renter": ("get: renter CPU s a GiB", "%.2f"),
    "put rss": ("put: RSS, MiB", "%.1f"), "cat rss": ("cat: RSS, MiB", "%.1f"),
    "get rss": ("get: RSS, MiB", "%.1f"), "load": ("load of the machine",
                                                   "%.1f"),
    "stored / coded": ("stored bytes / coded sum", "%.4f"),
    "put s": ("put, s", "%.1f"), "get s": ("get, s", "%.1f"),
    "put renter s": ("put: renter CPU s", "%.2f"),
}


def show(rows):
    for title, figures in rows:
        print("\n" + title)
        for key, values in figures.items():
            name, form = UNITS[key]
            print("  %-34s %s" % (name, spread(values, form)))
    print("\npeers, measured elsewhere (on a machine like this one; their "
          "programs do not run here)")
    for what, told in PEERS:
        print("  %s: %s" % (what, told))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--files", type=int, default=10000)
    parser.add_argument("--space", type=int, default=8192)
    parser.add_argument("--cases", default="one,many,10/30,4/12,small")
    parser.add_argument("--paid", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    stage.enter_namespace([])
    directory = os.path.realpath(tempfile.mkdtemp(prefix="seedbank-bench-"))
    status = 1
    try:
        with stage.Stage(directory) as st:
            bench = Bench(st, directory, args)
            bench.run()
            if args.json:
                print(json.dumps([{"case": t, **f} for t, f in bench.rows]))
            else:
                show(bench.rows)
            status = 0
    except Failed as e:
        print("renting.py: %s" % e, file=sys.stderr)
    finally:
        if not args.keep:
            shutil.rmtree(directory, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
