#!/usr/bin/env python3
"""ipv6_only.py - a machine that has no IPv4 address at all: seedbank seeds and
downloads there with its defaults, finds its peers by HTTP and UDP trackers, and
fetches from a web server.

usage: ipv6_only.py --seedbank PROGRAM
Where no namespace can be made, or there is no IPv6, it is left out (status 77).
"""

import argparse
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
sys.path.insert(0, HERE)
import nets  # noqa: E402
import stage  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402
from web_server import Server  # noqa: E402

OURS, THEIRS = "2001:db8::1", "2001:db8::2"
PORT = 6881
ANSWER_S = 60


class Tracker(stage.Tracker):
    """Remembers which address was told besides the one that was seen."""

    told = None

    def _answer(self, request):
        query = urllib.parse.parse_qs(
            urllib.parse.urlsplit(request.path).query, encoding="latin-1")
        self.told = query.get("ipv6", [None])[0]
        super()._answer(request)


class UdpTracker:
    """BEP 15 over IPv6: one peer, of 18 bytes."""

    def __init__(self, address, peer):
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port = self.socket.getsockname()[1]
        self.peer = socket.inet_pton(socket.AF_INET6, peer[0]) + \
            struct.pack(">H", peer[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            data, sender = self.socket.recvfrom(2048)
            action, ticket = struct.unpack(">II", data[8:16])
            self.asked += 1
            self.socket.sendto(
                struct.pack(">IIQ", 0, ticket, 7) if action == 0 else
                struct.pack(">IIIII", 1, ticket, 1800, 0, 1) + self.peer,
                sender)


def check(what, ok, got=None):
    if not ok:
        raise Failed("%s: %s" % (what, got))


def get(program, directory, name, torrent, *words):
    out = os.path.join(directory, name)
    done = subprocess.run(
        [program, "--home", out + ".home", "get", torrent, "--out", out,
         *words], capture_output=True, text=True, timeout=ANSWER_S)
    check(name + " ends well", done.returncode == 0, done.stderr)
    check(name + ": bytes", stage.same(
        os.path.join(directory, "source", "a.bin"),
        os.path.join(out, "a.bin")))
    print("%-10s ok" % name, flush=True)


def run(args, st, directory):
    source = os.path.join(directory, "source")
    os.makedirs(source)
    stage.make_file(os.path.join(source, "a.bin"), MIB + 5)
    tracker = Tracker(OURS)
    web = Server(OURS, source)
    udp = UdpTracker(OURS, (THEIRS, PORT))

    def torrent(name, url):
        path = os.path.join(directory, name + ".torrent")
        stage.make_torrent(os.path.join(source, "a.bin"), path, 65536, url)
        return path

    p = st.spawn("seeder", [
        args.seedbank, "--home", os.path.join(directory, "seeder"), "seed",
        source, "--torrent", torrent("seed", tracker.url)])
    wait_for("seeder", ANSWER_S, lambda: stage.accepts(THEIRS, PORT) and
             tracker.peers, p)
    check("our IPv6 address is told", tracker.told in (OURS, THEIRS),
          tracker.told)
    get(args.seedbank, directory, "http", torrent("http", tracker.url))
    get(args.seedbank, directory, "udp", torrent(
        "udp", "udp://[%s]:%d" % (OURS, udp.port)))
    check("the UDP tracker was asked", udp.asked >= 2, udp.asked)
    get(args.seedbank, directory, "web", torrent("web", None), "--web-seed",
        web.url + "a.bin")
    get(args.seedbank, directory, "peer", torrent("peer", None), "--peer",
        "[%s]:%d" % (THEIRS, PORT), "--listen", "[%s]:0" % OURS, "--listen",
        "[::1]:0")


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", required=True)
    args = p.parse_args()
    _, own = stage.enter_namespace([])
    if not own or not stage.has_ipv6():
        print("left out: no namespace with IPv6 here")
        return 77
    nets.run("ip", "addr", "flush", "dev", "lo")
    for a in ("::1/128", OURS + "/64", THEIRS + "/64"):
        nets.run("ip", "addr", "add", a, "dev", "lo", "nodad")
    nets.run("ip", "-6", "route", "add", "default", "dev", "lo")
    directory = tempfile.mkdtemp(prefix="seedbank-v6.")
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            run(args, st, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("ipv6_only: %s" % e)
