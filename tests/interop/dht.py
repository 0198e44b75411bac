#!/usr/bin/env python3
"""dht.py - seedbank and libtorrent (2.0 and 2.1) find each other in the DHT
alone: no tracker, no --peer. A network of one seedbank and one libtorrent that
have no torrent; then each seeds something, and each of the others gets it. The
files are compared byte for byte. A private torrent is announced by nobody.

All is in a network namespace, or at 127.0.0.x where none can be made.

usage: dht.py [--seedbank PROGRAM] [--ipv6] [--keep]
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

LT_PYTHONS = {
    "lt20": "/usr/bin/python3",
    "lt21": os.path.join(stage.TOP, "build", "peers", "bin", "python"),
}
WAIT_S = 60


class Net:
    """Who runs where. Each has an address, a directory and a log of its own."""

    def __init__(self, st, directory, seedbank, addresses):
        self.st, self.directory, self.seedbank = st, directory, seedbank
        self.addresses, self.used, self.hub = addresses, 0, ""

    def place(self, name):
        address = self.addresses[self.used % len(self.addresses)]
        self.used += 1
        path = os.path.join(self.directory, name)
        os.makedirs(path, exist_ok=True)
        return stage.endpoint(address, stage.free_port(address)), path

    def daemon(self, name):
        at, path = self.place(name)
        p = self.st.spawn(name, [
            self.seedbank + "d", "--home", path, "--listen", at,
            "--log-level", "debug",
            *(["--dht-node", self.hub] if self.hub else [])])
        p.at, p.home = at, path
        wait_for("socket of " + name, WAIT_S, lambda: os.path.exists(
            os.path.join(path, "api.sock")), p)
        return p

    def status(self, daemon):
        out = subprocess.run([self.seedbank, "--home", daemon.home, "--json",
                              "status"], capture_output=True, text=True)
        return json.loads(out.stdout)["dht"]

    def libtorrent(self, name, python, torrent=None, source=None):
        at, path = self.place(name)
        said = os.path.join(path, "said")
        with open(said, "wb") as f:
            p = self.st.spawn(name, [
                python, os.path.join(HERE, "lt_dht.py"), at, self.hub,
                source or path, *([torrent] if torrent else [])], stdout=f)
        p.at, p.out = at, path
        p.says = lambda word: word in open(said).read().split()
        wait_for("%s in the DHT" % name, WAIT_S, lambda: p.says("joined"), p)
        p.done = lambda: p.says("complete")
        return p

    def seed(self, name, torrent, source):
        at, path = self.place(name)
        p = self.st.spawn(name, [
            self.seedbank, "--home", path, "seed", source, "--torrent",
            torrent, "--listen", at, "--dht-node", self.hub])
        return p

    def get(self, name, torrent):
        """The torrent itself names a node (BEP 5)."""
        at, path = self.place(name)
        p = self.st.spawn(name, [
            self.seedbank, "--home", path + "/home", "get", torrent, "--out",
            path, "--listen", at, "--seed-time", "0"])
        p.out = path
        p.done = lambda: p.poll() is not None
        return p


def make(directory, name, private=False, node=None):
    source = os.path.join(directory, "source-" + name)
    os.makedirs(source)
    path = os.path.join(source, name + ".bin")
    with open(path, "wb") as f:
        f.write(os.urandom(stage.MIB + 12345))
    torrent = os.path.join(directory, name + ".torrent")
    with open(path, "rb") as f:
        data = f.read()
    info = {"length": len(data), "name": name + ".bin", "piece length": 65536,
            "pieces": b"".join(stage.hashlib.sha1(data[i:i + 65536]).digest()
                               for i in range(0, len(data), 65536))}
    if private:
        info["private"] = 1
    meta = {"info": info}
    if node:
        host, _, port = node.rpartition(":")
        meta["nodes"] = [[host.strip("[]"), int(port)]]
    with open(torrent, "wb") as f:
        f.write(stage.bencode(meta))
    return (source, torrent, path,
            stage.hashlib.sha1(stage.bencode(info)).digest())


def swap(net, directory, kinds):
    """Each of `kinds` seeds a torrent that seedbank gets, and gets ours."""
    ours = make(directory, "ours")
    net.seed("seedbank-seeds", ours[1], ours[0])
    leechers, seeds = {}, {}
    for kind, python in kinds.items():
        seeds[kind] = make(directory, "of-" + kind, node=net.hub)
        net.libtorrent(kind + "-seeds", python, seeds[kind][1], seeds[kind][0])
        leechers[kind + " finds seedbank"] = (
            net.libtorrent(kind + "-gets", python, ours[1]), ours[2])
    for kind in kinds:
        leechers["seedbank finds " + kind] = (
            net.get("seedbank-gets-" + kind, seeds[kind][1]), seeds[kind][2])
    for what, (p, path) in leechers.items():
        wait_for(what, WAIT_S, lambda: p.done(),
                 *([] if "finds seedbank" not in what else [p]))
        if not stage.same(path, os.path.join(p.out, os.path.basename(path))):
            raise Failed(what + ": the files differ")
        print("%-30s ok" % what, flush=True)


def is_told(at, info_hash):
    """Does this node tell peers of that torrent?"""
    host, _, port = at.rpartition(":")
    host = host.strip("[]")
    with socket.socket(stage.family(host), socket.SOCK_DGRAM) as s:
        s.bind((host, 0))
        s.settimeout(2)
        question = stage.bencode({
            "a": {"id": b"i" * 20, "info_hash": info_hash}, "q": "get_peers",
            "ro": 1, "t": "aa", "y": "q"})
        answer = b""
        for _ in range(10):
            s.sendto(question, (host, int(port)))
            try:
                answer = s.recv(2048)
                break
            except TimeoutError:
                pass
    if b"5:token" not in answer:
        raise Failed("no answer: %r" % answer)
    return b"6:values" in answer


def private(net, directory, hub):
    """A private torrent is nowhere in the DHT when a public one is, that began
    to be seeded after its seeder had joined. (While the network is so small that
    all of it is told of everything.)"""
    secret = make(directory, "secret", private=True)
    before = net.status(hub)
    s = net.seed("seedbank-secret", secret[1], secret[0])
    wait_for("its seeder in the DHT", WAIT_S, lambda: net.status(hub)[
        "nodes"] + net.status(hub)["nodes6"] > before["nodes"] +
        before["nodes6"], s)
    public = make(directory, "public")
    net.seed("seedbank-public", public[1], public[0])
    wait_for("the public torrent at the hub", WAIT_S,
             lambda: is_told(hub.at, public[3]), s)
    if is_told(hub.at, secret[3]):
        raise Failed("a private torrent is announced")
    print("%-30s ok" % "a private torrent is not told", flush=True)


def run(st, directory, seedbank, addresses, kinds):
    net = Net(st, directory, seedbank, addresses)
    hub = net.daemon("hub")
    net.hub = hub.at
    first = next(iter(kinds.values()))
    net.libtorrent("hub-lt", first)
    wait_for("the hub knows it", WAIT_S,
             lambda: net.status(hub)["nodes"] + net.status(hub)["nodes6"] > 0,
             hub)
    private(net, directory, hub)
    swap(net, directory, kinds)


def has_libtorrent(python):
    return shutil.which(python) and subprocess.run(
        [python, "-c", "import libtorrent"],
        capture_output=True).returncode == 0


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", default=os.path.join(
        stage.TOP, "build", "release", "seedbank"))
    p.add_argument("--ipv6", action="store_true", help="and nothing else")
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    addresses, _ = stage.enter_namespace(
        [("fd77::%x" if args.ipv6 else "10.77.0.%d") % (i + 1)
         for i in range(12)])
    kinds = {k: v for k, v in LT_PYTHONS.items() if has_libtorrent(v)}
    for kind in set(LT_PYTHONS) - set(kinds):
        print("left out: " + kind, flush=True)
    if not kinds:
        return 77
    directory = tempfile.mkdtemp(prefix="seedbank-dht.")
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            run(st, directory, args.seedbank, addresses, kinds)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("dht: %s" % e)
