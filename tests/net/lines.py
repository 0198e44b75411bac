#!/usr/bin/env python3
"""lines.py - seedbank over bad lines: late, lossy and out of order, by TCP and by
uTP, with itself and with libtorrent; and between two who cannot be reached. First
the router itself is looked at: what it delays, loses and translates.

usage: lines.py --seedbank PROGRAM [--only NAME] [--keep]
Where no namespaces with TUN devices can be made it is left out (status 77).
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
sys.path.insert(0, HERE)
import nets  # noqa: E402
import stage  # noqa: E402
from router import Link, Router  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402

ANSWER_S = 90
LT_PYTHON = "/usr/bin/python3"
A, B, C = "10.80.0.1", "10.80.0.2", "10.80.0.3"
PORT = 6881
BAD = Link(delay_ms=20, jitter_ms=5, loss=0.01, reorder=0.02, rate=2 * MIB)
SIZE = 2 * MIB + 7


def check(what, ok, got=None):
    if not ok:
        raise Failed("%s: %s" % (what, got))


def udp(host, port=0):
    with host.net:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((host.address, port))
    s.settimeout(5)
    return s


def hears(s):
    """Who sent what came, within a moment."""
    s.settimeout(0.3)
    try:
        return s.recvfrom(2000)[1]
    except socket.timeout:
        return None


def router_translates(_w):
    """RFC 4787: who gets in, and who sees which port."""
    for kind, other_port, other_host, same in (
            ("full", True, True, True), ("restricted", True, False, True),
            ("port", False, False, True), ("symmetric", False, False, False)):
        r = Router()
        home = r.host("192.168.0.2", nat=kind, outside="10.80.1.1")
        b, c = r.host(B), r.host(C)
        s, sb, sb2, sc = udp(home, PORT), udp(b), udp(b), udp(c)
        s.sendto(b"x", sb.getsockname())
        at = hears(sb)
        check(kind + ": it leaves", at and at[0] == "10.80.1.1", at)
        sb.sendto(b"y", at)
        check(kind + ": an answer comes", hears(s))
        sb2.sendto(b"y", at)
        check(kind + ": another port", bool(hears(s)) == other_port)
        sc.sendto(b"y", at)
        check(kind + ": another host", bool(hears(s)) == other_host)
        s.sendto(b"x", sc.getsockname())
        check(kind + ": the same port for all", (hears(sc) == at) == same)
        for x in (s, sb, sb2, sc):
            x.close()
        r.close()


def router_delays_and_loses(_w):
    r = Router(seed=7)
    a, b = r.host(A), r.host(B, Link(delay_ms=30, loss=0.2, reorder=0.2))
    sa, sb = udp(a), udp(b)
    for i in range(200):
        sa.sendto(b"%03d" % i, sb.getsockname())
    got = []
    while True:
        sb.settimeout(0.5)
        try:
            got.append(int(sb.recv(100)))
        except socket.timeout:
            break
    check("some are lost, most come", 120 <= len(got) <= 190, len(got))
    check("none comes twice", len(set(got)) == len(got))
    check("some come before others", got != sorted(got))
    for s in (sa, sb):
        s.close()
    r.close()


class World:
    def __init__(self, args, st, directory):
        self.program = args.seedbank
        self.stage = st
        self.directory = directory
        self.source = os.path.join(directory, "source")
        os.makedirs(self.source)
        stage.make_file(os.path.join(self.source, "a.bin"), SIZE)
        self.torrent = os.path.join(directory, "a.torrent")
        stage.make_torrent(os.path.join(self.source, "a.bin"), self.torrent,
                           65536, None)
        self.runs = 0

    def spawn(self, host, name, *argv):
        return self.stage.spawn("%s-%d" % (name, self.runs),
                                host.net.prefix() + list(argv))

    def listens(self, host, p):
        def up():
            with host.net:
                return stage.accepts(host.address, PORT)
        wait_for("listening " + p.name, ANSWER_S, up, p)

    def seedbank(self, host, role, peer=None, utp=None):
        out = self.out if role == "get" else self.source
        at = "%s:%d" % (host.address, PORT)
        home = os.path.join(self.directory, "home%d-%s" % (self.runs, role))
        if utp:
            os.makedirs(home)
            with open(os.path.join(home, "config"), "w") as f:
                f.write("utp = %s\n" % utp)
        words = ["get", self.torrent, "--out", out, "--peer", peer] \
            if role == "get" else ["seed", out, "--torrent", self.torrent]
        p = self.spawn(host, "seedbank-" + role, self.program, "--home", home,
                       *words, "--listen", at)
        if role == "seed":
            self.listens(host, p)
        return p

    def libtorrent(self, host, role, peer=None, utp=False):
        out = self.out if role == "get" else self.source
        p = self.spawn(host, "libtorrent-" + role, LT_PYTHON, os.path.join(
            HERE, "lt_line.py"), "%s:%d" % (host.address, PORT), out,
            self.torrent, peer or "", "utp" if utp else "tcp")
        if role == "seed":
            self.listens(host, p)
        return p

    def swap(self, seeder, leecher, link):
        self.runs += 1
        self.out = os.path.join(self.directory, "out%d" % self.runs)
        os.makedirs(self.out)
        r = Router(seed=self.runs)
        a, b = r.host(A, link), r.host(B, link)
        s = seeder(a, "seed")
        p = leecher(b, "get", "%s:%d" % (A, PORT))
        try:
            status = p.wait(ANSWER_S)
            check("the leecher ends well", status == 0, p.log)
            check("bytes", stage.same(os.path.join(self.source, "a.bin"),
                                      os.path.join(self.out, "a.bin")))
            check("the line was bad", r.lost > 0 and r.passed > 1000,
                  (r.lost, r.passed))
        finally:
            self.stage.forget(s)
            r.close()


def seedbank_to_itself(w):
    w.swap(w.seedbank, w.seedbank, BAD)


def seedbank_by_utp(w):
    w.swap(lambda *a: w.seedbank(*a, utp="only"),
           lambda *a: w.seedbank(*a, utp="only"), BAD)


def libtorrent_by_utp_to_seedbank(w):
    if has_libtorrent():
        w.swap(lambda *a: w.libtorrent(*a, utp=True),
               lambda *a: w.seedbank(*a, utp="only"), BAD)


def seedbank_by_utp_to_libtorrent(w):
    if has_libtorrent():
        w.swap(lambda *a: w.seedbank(*a, utp="only"),
               lambda *a: w.libtorrent(*a, utp=True), BAD)


def through_two_nats(w):
    """Neither can be reached. A third, whom both reach and who has next to
    nothing, brings them together (BEP 11, 55)."""
    w.runs += 1
    w.out = os.path.join(w.directory, "out%d" % w.runs)
    r = Router(seed=w.runs)
    line = Link(delay_ms=10, rate=4 * MIB)
    a = r.host("192.168.1.2", line, nat="port", outside="10.81.0.1")
    b = r.host("192.168.2.2", line, nat="port", outside="10.82.0.1")
    c = r.host(C, line)
    third = w.spawn(c, "third", w.program, "--home", os.path.join(
        w.directory, "third%d" % w.runs), "get", w.torrent, "--out",
        w.out + ".third", "--listen", "%s:%d" % (C, PORT), "--limit-down",
        "16KiB")
    w.listens(c, third)
    seeder = w.spawn(a, "inside-seeder", w.program, "--home", os.path.join(
        w.directory, "a%d" % w.runs), "seed", w.source, "--torrent", w.torrent,
        "--peer", "%s:%d" % (C, PORT), "--listen", "192.168.1.2:%d" % PORT)
    w.listens(a, seeder)
    leecher = w.seedbank(b, "get", "%s:%d" % (C, PORT))
    try:
        check("the leecher ends well", leecher.wait(ANSWER_S) == 0,
              leecher.log)
        check("bytes", stage.same(os.path.join(w.source, "a.bin"),
                                  os.path.join(w.out, "a.bin")))
        check("not by way of the third", third.poll() is None)
    finally:
        for p in (third, seeder):
            w.stage.forget(p)
        r.close()


def libtorrent_to_seedbank(w):
    if has_libtorrent():
        w.swap(w.libtorrent, w.seedbank, BAD)


def seedbank_to_libtorrent(w):
    if has_libtorrent():
        w.swap(w.seedbank, w.libtorrent, BAD)


def has_libtorrent():
    ok = os.path.exists(LT_PYTHON) and subprocess.run(
        [LT_PYTHON, "-c", "import libtorrent"],
        capture_output=True).returncode == 0
    if not ok:
        print("left out: libtorrent, which is not there", flush=True)
    return ok


PARTS = [router_translates, router_delays_and_loses, seedbank_to_itself,
         libtorrent_to_seedbank, seedbank_to_libtorrent, seedbank_by_utp,
         libtorrent_by_utp_to_seedbank, seedbank_by_utp_to_libtorrent,
         through_two_nats]


def can_run():
    if not nets.available() or not os.path.exists("/dev/net/tun"):
        return False
    try:
        r = Router()
        r.host(A)
        r.close()
        return True
    except (OSError, subprocess.CalledProcessError):
        return False


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", required=True)
    p.add_argument("--only")
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    _, own = stage.enter_namespace([])
    if not own or not can_run():
        print("left out: no namespaces with TUN devices here")
        return 77
    directory = tempfile.mkdtemp(prefix="seedbank-lines.")
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            w = World(args, st, directory)
            for part in PARTS:
                if args.only and part.__name__ != args.only:
                    continue
                began = time.monotonic()
                try:
                    part(w)
                except Failed as e:
                    raise Failed("%s: %s" % (part.__name__, e)) from e
                print("%-26s ok in %.1f s" % (
                    part.__name__.replace("_", " "),
                    time.monotonic() - began), flush=True)
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
        sys.exit("lines: %s" % e)
