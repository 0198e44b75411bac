#!/usr/bin/env python3
"""magnet.py - from a magnet link to the first byte of payload, over loopback.

The leecher has a link with the address of one peer, a relay that reads along what
the seeder says: the clock stops at the first message with a block. seedbank's
clock starts with its process, libtorrent's when an interpreter that has the
library loaded adds the link. Runs take turns; the median, least and most of each.

usage: magnet.py [--runs N] [--mib N] [--piece KIB] [--python INTERPRETER]... [--whole]
                 [--json]
"""

import argparse
import json
import os
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import stage  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(stage.TOP, "build", "bench", "magnet")
SEEDBANK = os.path.join(stage.TOP, "build", "release", "seedbank")
LT21 = os.path.join(stage.TOP, "build", "peers", "bin", "python")
ADDRESS = "127.0.0.1"
HANDSHAKE, PIECE = 68, 7
LIMIT_S = 30


class Relay:
    """One connection at a time is passed on; `first` is when the seeder's first
    block came by."""

    def __init__(self, port):
        self.to = port
        self.first = None
        self.socket = socket.create_server((ADDRESS, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                leecher, _ = self.socket.accept()
            except OSError:
                return
            try:
                self._pump(leecher,
                           socket.create_connection((ADDRESS, self.to)))
            except ConnectionError:
                pass  # the leecher was ended

    def _pump(self, leecher, seeder):
        said = b""
        for s in (leecher, seeder):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            for s in select.select([leecher, seeder], [], [])[0]:
                data = s.recv(1 << 18)
                if not data:
                    leecher.close()
                    seeder.close()
                    return
                if s is seeder and self.first is None:
                    said = self._look(said + data)
                (seeder if s is leecher else leecher).sendall(data)

    def _look(self, said):
        """What is left of a message that is not whole."""
        at = HANDSHAKE if said[:1] == b"\x13" else 0
        while len(said) - at >= 5:
            length, kind = struct.unpack(">IB", said[at:at + 5])
            if length and kind == PIECE and self.first is None:
                self.first = time.monotonic()
            if len(said) - at < 4 + length:
                break
            at += 4 + length
        return said[at:]

    def close(self):
        self.socket.close()


def seedbank(st, link, out):
    home = os.path.join(out, "home")
    began = time.monotonic()
    p = st.spawn("seedbank-leech", [
        SEEDBANK, "--home", home, "get", link, "--out", out, "--listen",
        ADDRESS + ":0"])
    return began, p


def libtorrent(python, whole):
    def start(st, link, out):
        began = time.monotonic()
        p = st.spawn("libtorrent-leech", [
            python, os.path.join(HERE, "lt_peer.py"), "leech", link, out,
            "%s:%d" % (ADDRESS, stage.free_port(ADDRESS))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.popen.stdout.readline()  # "ready"
        if not whole:
            began = time.monotonic()
        p.popen.stdin.write(b"\n")
        p.popen.stdin.flush()
        return began, p
    return start


def run(st, start, torrent_hash, seeder_port, name):
    out = os.path.join(WORK, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    relay = Relay(seeder_port)
    link = "magnet:?xt=urn:btih:%s&x.pe=%s:%d" % (torrent_hash, ADDRESS,
                                                  relay.port)
    began, p = start(st, link, out)
    stage.wait_for("first block of " + name, LIMIT_S,
                   lambda: relay.first is not None, p)
    st.forget(p)
    relay.close()
    return (relay.first - began) * 1000


def seeders(st, source, torrent, pythons):
    port = stage.free_port(ADDRESS)
    p = st.spawn("seedbank-seed", [
        SEEDBANK, "--home", os.path.join(WORK, "home"), "seed", source,
        "--torrent", torrent, "--listen", "%s:%d" % (ADDRESS, port)])
    stage.wait_for("seeder", LIMIT_S, lambda: stage.accepts(ADDRESS, port), p)
    yield "seedbank", port
    for name, python in pythons.items():
        port = stage.free_port(ADDRESS)
        p = st.spawn("libtorrent-seed", [
            python, os.path.join(HERE, "lt_peer.py"), "seed", torrent, source,
            "%s:%d" % (ADDRESS, port)], stdout=subprocess.PIPE)
        p.popen.stdout.readline()
        yield name, port


def versions(pythons):
    out = {}
    for python in pythons:
        got = subprocess.run([python, "-c", "import libtorrent as l; print("
                              "l.version)"], capture_output=True, text=True)
        if got.returncode == 0:
            out["libtorrent " + got.stdout.strip()] = python
    return out


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--runs", type=int, default=7)
    p.add_argument("--mib", type=int, default=64)
    p.add_argument("--piece", type=int, default=256)
    p.add_argument("--python", action="append", default=[])
    p.add_argument("--whole", action="store_true",
                   help="libtorrent's clock starts with its process, too")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    pythons = versions(args.python or [
        x for x in ("/usr/bin/python3", LT21) if os.path.exists(x)])
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(os.path.join(WORK, "source"))
    source = os.path.join(WORK, "source")
    stage.make_file(source + "/data.bin", args.mib * stage.MIB)
    torrent = os.path.join(WORK, "data.torrent")
    made = stage.make_torrent(source + "/data.bin", torrent, args.piece * 1024)
    leechers = {"seedbank": seedbank,
                **{n: libtorrent(x, args.whole) for n, x in pythons.items()}}
    took = {}
    with stage.Stage(os.path.join(WORK, "log")) as st:
        ports = dict(seeders(st, source, torrent, pythons))
        for _ in range(args.runs):
            for seeder, port in ports.items():
                for leecher, start in leechers.items():
                    name = "%s -> %s" % (seeder, leecher)
                    took.setdefault(name, []).append(
                        run(st, start, made, port, name))
    shutil.rmtree(WORK, ignore_errors=True)
    rows = {n: {"median_ms": round(statistics.median(t), 1),
                "least_ms": round(min(t), 1), "most_ms": round(max(t), 1)}
            for n, t in took.items()}
    if args.json:
        print(json.dumps(rows))
        return
    for name, r in rows.items():
        print("%-42s %7.1f ms (%.1f .. %.1f)" % (
            name, r["median_ms"], r["least_ms"], r["most_ms"]))


main()
