#!/usr/bin/env python3
"""crowd.py - what many connections and many torrents cost a seeding daemon.

peers: RSS of `seedbank seed` with a file of 64 MiB, alone, with N connections that want
nothing, its CPU time meanwhile, and while all of them have 64 requests of 16 KiB on their way; how many were
served, and the CPU time for a GiB. (rtorrent, 200 requesting: 19.8 MiB over idle.)
torrents: CPU time and RSS of a daemon with N small torrents that seed to nobody.

Alone in a network namespace; no figure is asserted.

usage: crowd.py [--peers N] [--torrents N] [--seconds S] [--cache SIZE] [--json]
"""

import argparse
import base64
import json
import os
import resource
import selectors
import shutil
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import stage  # noqa: E402

WORK = os.path.join(stage.TOP, "build", "bench", "crowd")
BIN = os.path.join(stage.TOP, "build", "release")
ADDRESS, PORT = "10.77.0.1", 6881
SIZE = 64 * stage.MIB
PIECE = 256 << 10
BLOCK = 16 << 10
AHEAD = 64  # requests of a peer on their way


class Peer:
    """Says a handshake, wants everything, and counts bytes."""

    def __init__(self, number, info_hash):
        self.socket = socket.create_connection((ADDRESS, PORT))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 << 10)
        self.socket.sendall(b"\x13BitTorrent protocol" + bytes(8) + info_hash +
                            b"-XX0000-%012d" % number)
        self.socket.settimeout(20)
        self.socket.recv(68)  # let in
        self.socket.setblocking(False)
        self.number, self.got, self.asked = number, 0, 0

    def want(self):
        self.socket.sendall(struct.pack(">IB", 1, 2))

    def ask(self):
        """Again and again the same file; where it is choked nothing comes."""
        out = b""
        while self.asked - self.got // (BLOCK + 13) < AHEAD:
            at = (self.number * 977 + self.asked) % (SIZE // BLOCK)
            out += struct.pack(">IBIII", 13, 6, at * BLOCK // PIECE,
                               at * BLOCK % PIECE, BLOCK)
            self.asked += 1
        if out:
            self.socket.sendall(out)

    def read(self):
        try:
            self.got += len(self.socket.recv(256 << 10))
        except BlockingIOError:
            pass


def crowd(st, peers, seconds, cache):
    os.makedirs(os.path.join(WORK, "source"))
    file = os.path.join(WORK, "source", "file.bin")
    stage.make_file(file, SIZE)
    torrent = os.path.join(WORK, "file.torrent")
    info_hash = bytes.fromhex(stage.make_torrent(file, torrent, PIECE))
    os.makedirs(os.path.join(WORK, "home"))
    with open(os.path.join(WORK, "home", "config"), "w") as f:
        f.write("max-peers = %d\ncache = %s\n" % (peers + 50, cache))
    seeder = st.spawn("seeder", [
        os.path.join(BIN, "seedbank"), "--home", os.path.join(WORK, "home"),
        "seed", os.path.join(WORK, "source"), "--torrent", torrent,
        "--listen", "%s:%d" % (ADDRESS, PORT), "--slots", str(peers)])
    stage.wait_for("the seeder", 60, lambda: stage.accepts(ADDRESS, PORT),
                   seeder)
    time.sleep(3)
    rss = {"alone": seeder.memory_kib("VmRSS")}
    resource.setrlimit(resource.RLIMIT_NOFILE, (peers + 100, max(
        peers + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    crowd_ = [Peer(i, info_hash) for i in range(peers)]
    time.sleep(3)
    rss["idle peers"] = seeder.memory_kib("VmRSS")
    rest = stage.cpu_seconds(seeder.pid)
    time.sleep(seconds)
    rest = 100 * (stage.cpu_seconds(seeder.pid) - rest) / seconds
    with selectors.DefaultSelector() as s:
        for p in crowd_:
            s.register(p.socket, selectors.EVENT_READ, p)
            p.want()
        time.sleep(1)
        cpu, most = stage.cpu_seconds(seeder.pid), 0
        end = time.monotonic() + seconds
        look = 0
        while time.monotonic() < end:
            for key, _ in s.select(0.1):
                key.data.read()
                key.data.ask()
            if not look:
                for p in crowd_:
                    p.ask()
            look += 1
            if look % 50 == 0:
                most = max(most, seeder.memory_kib("VmRSS"))
        cpu = stage.cpu_seconds(seeder.pid) - cpu
    rss["requesting"] = max(most, seeder.memory_kib("VmRSS"))
    got = sum(p.got for p in crowd_)
    served = sum(p.got > BLOCK for p in crowd_)
    st.forget(seeder)
    return {"rss_kib": rss, "served": served, "bytes": got,
            "rest_percent": rest,
            "kib_per_idle_peer": (rss["idle peers"] - rss["alone"]) / peers,
            "cpu_s_per_gib": cpu / (got / stage.GIB) if got else None,
            "more_kib": rss["requesting"] - rss["alone"]}


def add(api, source, torrent):
    """As `seedbank seed` does, which stays: the daemon goes on without us."""
    with open(torrent, "rb") as f:
        params = {"mode": "seed", "dir": source,
                  "torrent": base64.b64encode(f.read()).decode()}
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(api)
        s.sendall(json.dumps({"method": "add",
                              "params": params}).encode() + b"\n")
        s.makefile().readline()


def many_torrents(st, count, seconds):
    home = os.path.join(WORK, "many")
    source = os.path.join(WORK, "small")
    os.makedirs(source)
    daemon = st.spawn("many", [
        os.path.join(BIN, "seedbankd"), "--home", home, "--listen",
        "%s:%d" % (ADDRESS, PORT + 1)])
    stage.wait_for("the daemon", 60,
                   lambda: os.path.exists(os.path.join(home, "api.sock")),
                   daemon)
    for i in range(count):
        name = os.path.join(source, "f%d" % i)
        with open(name, "wb") as f:
            f.write(os.urandom(16 * 1024))
        torrent = os.path.join(WORK, "t%d.torrent" % i)
        stage.make_torrent(name, torrent, 16384)
        add(os.path.join(home, "api.sock"), source, torrent)
    time.sleep(5)
    cpu = stage.cpu_seconds(daemon.pid)
    time.sleep(seconds)
    cpu = stage.cpu_seconds(daemon.pid) - cpu
    rss = daemon.memory_kib("VmRSS")
    st.forget(daemon)
    return {"torrents": count, "cpu_percent": 100 * cpu / seconds,
            "rss_kib": rss}


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--peers", type=int, default=200)
    p.add_argument("--torrents", type=int, default=0)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--cache", default="12MiB", help="the setting")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    stage.enter_namespace([ADDRESS])
    shutil.rmtree(WORK, ignore_errors=True)
    out = {}
    with stage.Stage(os.path.join(WORK, "log")) as st:
        out["peers"] = crowd(st, args.peers, args.seconds, args.cache)
        if args.torrents:
            out["torrents"] = many_torrents(st, args.torrents, args.seconds)
    if args.json:
        print(json.dumps(out))
        return
    k = out["peers"]
    print("%d peers, MiB RSS: %s" % (args.peers, ", ".join(
        "%s %.1f" % (name, v / 1024) for name, v in k["rss_kib"].items())))
    print("idle: %.2f KiB a peer, %.2f %% of a core at rest" % (
        k["kib_per_idle_peer"], k["rest_percent"]))
    print("requesting: %d served, %.1f MiB over alone, %.2f CPU s/GiB" % (
        k["served"], k["more_kib"] / 1024, k["cpu_s_per_gib"] or 0))
    if args.torrents:
        print("%(torrents)d torrents at rest: %(cpu_percent).2f %% CPU, "
              "%(rss_kib)d KiB RSS" % out["torrents"])


try:
    main()
except stage.Failed as e:
    sys.exit("crowd: %s" % e)
