#!/usr/bin/env python3
"""wire.py - CPU seconds per GiB of one seeder and one leecher, side by side with
other clients.

TCP over loopback in a network namespace, files on tmpfs, no DHT, PEX,
LSD or tracker but where a client can find its peer in no other way. The pairs
run by turns, so that what else the machine does falls on all alike; the output
is compared byte for byte each time. On loopback the kernel does the receiving
in the sender's time: compare seeders against the same leecher and leechers
against the same seeder.

  seed    CPU of the seeder from the leecher's start to its end (user + system,
          all threads). It has checked its file before.
  leech   CPU of the leecher to its end, by wait4; from its start, or for
          libtorrent from when Python has loaded it.
  MiB/s   bytes over the time from the leecher's start to its end.

usage: wire.py [--size MIB] [--runs N] [--pairs A:B,...] [--kinds K,...] [--json]
kinds: v1 (the default), v2, hybrid; made by libtorrent, not for aria2
clients: sb (build/release), lt208 (python3-libtorrent), lt211 (libtorrent 2.1.1,
fetched into build/bench/ when pip can), aria2: all of them plaintext; and
sb-enc, lt208-rc4, lt211-rc4, which take nothing but encrypted connections: two
sb-enc speak AES-256-GCM, all other pairs of them RC4; and sb-utp, lt208-utp,
lt211-utp, which take nothing but uTP, plaintext. plain is no client but the
least that a transfer can take (bench_plain.c), and goes with itself alone;
plain-raw is the same without hashing
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, MIB, GIB, wait_for  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(stage.TOP, "build", "bench")
VENV = os.path.join(WORK, "venv")
PLAIN = os.path.join(stage.TOP, "build", "release", "tests", "bench_plain")
SEEDBANK = os.path.join(stage.TOP, "build", "release", "seedbank")


class Run:
    """One transfer: where everything is."""

    def __init__(self, st, directory, kind, torrent, info_hash, tracker,
                 name):
        self.stage, self.directory, self.kind = st, directory, kind
        self.torrent, self.info_hash, self.tracker = torrent, info_hash, tracker
        self.name = name
        self.out = os.path.join(directory, "out")
        self.ends = 0


class Client:
    """seed() and leech() start a process that is ready to be measured."""

    def program(self):
        raise NotImplementedError

    def missing(self):
        return None if shutil.which(self.program()) else self.program()


# as the others are set
ALONE = "dht = no\nlsd = no\npex = no\nutp = no\nport-mapping = no\n"


class Seedbank(Client):
    def __init__(self, config=""):
        self.config = config if "utp =" in config else ALONE + config

    def program(self):
        return SEEDBANK

    def home(self, run, role):
        home = os.path.join(run.directory, "home-" + role)
        os.makedirs(home, 0o700)
        with open(os.path.join(home, "config"), "w") as f:
            f.write(self.config)
        return home

    def seed(self, run, address, port):
        log = os.path.join(run.stage.directory, "sb-seed.log")
        if os.path.exists(log):
            os.unlink(log)  # it is read below
        p = run.stage.spawn("sb-seed", [
            SEEDBANK, "--home", self.home(run, "seed"), "seed", os.path.join(run.directory, "seed"), "--torrent",
            run.torrent, "--listen", "%s:%d" % (address, port)])
        wait_for("seedbank with its file checked", 60,
                 lambda: "seeding on port" in open(p.log).read(), p)
        return p

    def leech(self, run, address, port, peer):
        return run.stage.spawn("sb-leech", [
            SEEDBANK, "--home", self.home(run, "leech"), "get", run.torrent, "--out", run.out, "--listen",
            "%s:%d" % (address, port), "--peer", peer])


UTP_ALONE = {"enable_incoming_utp": True, "enable_outgoing_utp": True,
             "enable_incoming_tcp": False, "enable_outgoing_tcp": False}
RC4_ONLY = {"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 2}


class Libtorrent(Client):
    def __init__(self, python, settings=None):
        self.python = python
        self.settings = settings or {}

    def program(self):
        return self.python

    def missing(self):
        ok = shutil.which(self.python) and subprocess.run(
            [self.python, "-c", "import libtorrent"],
            capture_output=True).returncode == 0
        return None if ok else "libtorrent of " + self.python

    def _start(self, run, role, directory, listen, *peer):
        p = run.stage.spawn("lt-" + role, [
            self.python, os.path.join(HERE, "lt_peer.py"), role, run.torrent,
            directory, listen, *peer], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ, LT_SETTINGS=json.dumps(self.settings)))
        if p.popen.stdout.readline().strip() != b"ready":
            raise Failed("libtorrent did not get ready (%s)" % p.log)
        return p

    def seed(self, run, address, port):
        return self._start(run, "seed", os.path.join(run.directory, "seed"),
                           "%s:%d" % (address, port))

    def leech(self, run, address, port, peer):
        p = self._start(run, "leech", run.out, "%s:%d" % (address, port), peer)
        p.cpu_before = stage.cpu_seconds(p.pid)
        p.go = lambda: p.popen.stdin.close()
        return p


class Aria2(Client):
    OPTIONS = ["--enable-dht=false", "--enable-dht6=false",
               "--bt-enable-lpd=false", "--enable-peer-exchange=false",
               "--console-log-level=warn", "--summary-interval=0",
               "--show-console-readout=false", "--no-conf",
               "--bt-tracker-interval=1"]

    def program(self):
        return "aria2c"

    def _start(self, run, role, directory, port, *options):
        return run.stage.spawn("aria2-" + role, [
            "aria2c", *self.OPTIONS, *options, "--listen-port=%d" % port,
            "--dir=" + directory, run.torrent])

    def seed(self, run, address, port):
        # It takes the bytes as they are (a check would end before it listens,
        # and is not part of what is measured), and never stops by ratio.
        p = self._start(run, "seed", os.path.join(run.directory, "seed"), port,
                        "--bt-seed-unverified=true", "--seed-ratio=0.0",
                        "--bt-external-ip=" + address)
        wait_for("listening aria2", 60,
                 lambda: stage.accepts(address, port), p)
        return p

    def leech(self, run, address, port, peer):
        ip, peer_port = peer.split(":")
        run.tracker.know(run.info_hash, ip, int(peer_port))
        return self._start(run, "leech", run.out, port, "--seed-time=0",
                           "--bt-tracker=" + run.tracker.url)


class Plain(Client):
    """bench_plain.c."""

    def __init__(self, hashes=True):
        self.hashes = hashes

    def program(self):
        return PLAIN

    def seed(self, run, address, port):
        log = os.path.join(run.stage.directory, "plain-seed.log")
        if os.path.exists(log):
            os.unlink(log)
        p = run.stage.spawn("plain-seed", [
            PLAIN, "seed", os.path.join(run.directory, "seed", "data"),
            address, str(port)])
        wait_for("listening bench_plain", 60,
                 lambda: "listening" in open(p.log).read(), p)
        return p

    def leech(self, run, address, port, peer):
        return run.stage.spawn("plain-leech", [
            PLAIN, "leech", os.path.join(run.out, "data"), *peer.split(":"),
            *([run.kind] if self.hashes else [])])


def lt211():
    """libtorrent 2.1.1 in a venv of its own, when there is a Python for its
    wheel and pip can get it. Made before the network is left."""
    python = os.path.join(VENV, "bin", "python")
    if os.path.exists(python) and Libtorrent(python).missing() is None:
        return python
    for name in ("python3.11", "python3.12", "python3.13", "python3"):
        base = shutil.which(name)
        if not base or subprocess.run([base, "-c", "import venv"],
                                      capture_output=True).returncode != 0:
            continue
        made = subprocess.run([base, "-m", "venv", "--clear", VENV],
                              capture_output=True).returncode == 0
        if made and subprocess.run(
                [python, "-m", "pip", "install", "--quiet",
                 "libtorrent==2.1.1"], capture_output=True).returncode == 0:
            return python
    return python


def make_torrent(kind, data, out):
    """Of 1 MiB pieces; its info hash."""
    if kind == "v1":
        return stage.make_torrent(data, out)
    code = """if 1:
        import libtorrent as lt, os, sys
        kind, data, out = sys.argv[1:]
        fs = lt.file_storage()
        lt.add_files(fs, data)
        t = lt.create_torrent(fs, 1 << 20,
                              lt.create_torrent.v2_only if kind == "v2" else 0)
        lt.set_piece_hashes(t, os.path.dirname(data))
        open(out, "wb").write(lt.bencode(t.generate()))
        print(lt.torrent_info(out).info_hash())
    """
    return subprocess.run(["/usr/bin/python3", "-c", code, kind, data, out],
                          check=True, capture_output=True,
                          text=True).stdout.strip()


def transfer(run, seeder, leecher, size):
    """One measured transfer: seed and leech CPU seconds per GiB and MiB/s."""
    a, b = run.addresses
    os.makedirs(run.out)
    seed_port, leech_port = stage.free_port(a), stage.free_port(b)
    s = seeder.seed(run, a, seed_port)
    leech = leecher.leech(run, b, leech_port, "%s:%d" % (a, seed_port))
    seed_before, began = stage.cpu_seconds(s.pid), time.monotonic()
    if hasattr(leech, "go"):
        leech.go()
    else:
        leech.cpu_before = 0
    if leech.wait(600) != 0:
        raise Failed("%s leecher ended with %d (%s)" %
                     (run.name, leech.status, leech.log))
    took = time.monotonic() - began
    time.sleep(0.2)  # until the seeder is quiet
    seed = (s.cpu_total() if s.poll() is not None
            else stage.cpu_seconds(s.pid)) - seed_before
    if not stage.same(os.path.join(run.directory, "seed", "data"),
                      os.path.join(run.out, "data")):
        raise Failed("%s: the bytes differ" % run.name)
    run.stage.forget(leech)
    run.stage.forget(s)
    return {"seed": seed * GIB / size,
            "leech": (leech.cpu_total() - leech.cpu_before) * GIB / size,
            "mib_s": size / MIB / took}


def row_name(pair, kind):
    return pair if kind == "v1" else pair + " " + kind


def spread(values):
    return "%.2f / %.2f / %.2f" % (min(values), statistics.median(values),
                                   max(values))


def table(results, size, runs):
    print("%d MiB, %d runs each by turns; min / median / max" % (size / MIB,
                                                                  runs))
    print("%-16s %-22s %-22s %s" % ("seeder -> leecher", "seed CPU s/GiB",
                                    "leech CPU s/GiB", "MiB/s (median)"))
    for name, rows in results.items():
        print("%-17s %-22s %-22s %.0f" % (
            name.replace(":", " -> "), spread([r["seed"] for r in rows]),
            spread([r["leech"] for r in rows]),
            statistics.median(r["mib_s"] for r in rows)))


def default_pairs(have):
    """Each with itself, each seeder against aria2, each leecher against
    libtorrent 2.0.8."""
    names = [n for n in have if "-" not in n and n != "plain"]
    pairs = ["%s:%s" % (n, n) for n in names]
    pairs += ["%s:aria2" % n for n in names if n != "aria2" and "aria2" in have]
    pairs += ["lt208:%s" % n for n in names if n != "lt208" and "lt208" in have]
    if "lt208" in have:
        pairs += ["sb-enc:sb-enc", "sb-enc:lt208-rc4", "lt208-rc4:sb-enc",
                  "lt208-rc4:lt208-rc4", "sb-utp:sb-utp", "sb-utp:lt208-utp",
                  "lt208-utp:sb-utp", "lt208-utp:lt208-utp"]
    return list(dict.fromkeys(pairs + ["plain:plain", "plain-raw:plain-raw"]))


def arguments():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--size", type=int, default=2048, help="MiB")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--pairs", help="e.g. sb:sb,lt208:lt208,lt208:sb")
    p.add_argument("--kinds", default="v1", help="of v1,v2,hybrid")
    p.add_argument("--json", action="store_true")
    return p.parse_args()


def main():
    args = arguments()
    os.makedirs(WORK, exist_ok=True)
    clients = {"sb": Seedbank(), "lt208": Libtorrent("/usr/bin/python3"),
               "lt211": Libtorrent(os.path.join(VENV, "bin", "python")),
               "aria2": Aria2(), "sb-enc": Seedbank("encryption = require\n"),
               "lt208-rc4": Libtorrent("/usr/bin/python3", RC4_ONLY),
               "lt211-rc4": Libtorrent(os.path.join(VENV, "bin", "python"),
                                       RC4_ONLY),
               "sb-utp": Seedbank("utp = only\n"),
               "lt208-utp": Libtorrent("/usr/bin/python3", UTP_ALONE),
               "lt211-utp": Libtorrent(os.path.join(VENV, "bin", "python"),
                                       UTP_ALONE),
               "plain": Plain(), "plain-raw": Plain(hashes=False)}
    if os.environ.get("SEEDBANK_STAGE") != "in" and (
            not args.pairs or "lt211" in args.pairs):
        lt211()
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    for name in list(clients):
        missing = clients[name].missing()
        if missing:
            print("without %s: no %s" % (name, missing), file=sys.stderr)
            del clients[name]
    pairs = args.pairs.split(",") if args.pairs else default_pairs(clients)
    size = args.size * MIB
    directory = "/dev/shm/seedbank-bench.%d" % os.getpid()
    wanted = [(pair, kind) for kind in args.kinds.split(",") for pair in pairs
              if kind == "v1" or "aria2" not in pair]
    results = {row_name(*w): [] for w in wanted}
    with stage.Stage(os.path.join(WORK, "log")) as st:
        try:
            os.makedirs(os.path.join(directory, "seed"))
            data = os.path.join(directory, "seed", "data")
            stage.make_file(data, size)
            torrents = {}  # kind -> path, info hash
            for kind in args.kinds.split(","):
                torrent = os.path.join(directory, kind + ".torrent")
                torrents[kind] = torrent, make_torrent(kind, data, torrent)
            tracker = stage.Tracker(addresses[0])
            stage.warm_memory(directory, 3 * size)
            for n in range(args.runs):
                for pair, kind in wanted:
                    name = row_name(pair, kind)
                    run = Run(st, directory, kind, *torrents[kind], tracker,
                              name)
                    run.addresses = addresses
                    seeder, leecher = pair.split(":")
                    r = transfer(run, clients[seeder], clients[leecher], size)
                    results[name].append(r)
                    print("%d/%d %-12s seed %.2f leech %.2f s/GiB, %.0f MiB/s"
                          % (n + 1, args.runs, name, r["seed"], r["leech"],
                             r["mib_s"]), file=sys.stderr, flush=True)
                    tracker.peers.clear()
                    for name in ("out", "home-seed", "home-leech"):
                        shutil.rmtree(os.path.join(directory, name),
                                      ignore_errors=True)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    if args.json:
        print(json.dumps({"mib": args.size, "pairs": results}))
    else:
        table(results, size, args.runs)


try:
    main()
except (Failed, KeyError) as e:
    sys.exit("wire: %s" % e)
