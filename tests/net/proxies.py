#!/usr/bin/env python3
"""proxies.py - a node behind a proxy: what it fetches comes through it, and
nothing leaves another way, not even when the proxy is down.

Two network namespaces: home, where `seedbank get` runs, and the world with the
proxy, a tracker, a seeder and a web server, all of which home could reach
directly. Every packet that leaves home is looked at.

usage: proxies.py --seedbank PROGRAM [--seedbankd PROGRAM] [--only NAME] [--keep]
Where no namespaces can be made it is left out (status 77).
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
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
sys.path.insert(0, HERE)
import nets  # noqa: E402
import rows  # noqa: E402
import stage  # noqa: E402
from proxy_server import Proxy  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402
from web_server import Server  # noqa: E402

HOME = "10.77.1.1"
PROXY = "10.77.1.2"
WORLD = "10.77.2.1"
NAME = "host.example"
SIZE = 3 * MIB + 99
ANSWER_S = 60
REST_S = 2


class UdpTracker:
    """BEP 15: everyone is told of one peer."""

    def __init__(self, address, peer):
        self.peer = peer
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            data, sender = self.socket.recvfrom(2048)
            action, ticket = struct.unpack(">II", data[8:16])
            if action == 0:
                answer = struct.pack(">IIQ", 0, ticket, 7)
            else:
                answer = struct.pack(">IIIII", 1, ticket, 1800, 0, 1) + \
                    socket.inet_aton(self.peer[0]) + \
                    struct.pack(">H", self.peer[1])
            self.socket.sendto(answer, sender)


class World:
    def __init__(self, args, st, directory):
        self.program, self.daemon = args.seedbank, args.seedbankd
        self.stage = st
        self.directory = directory
        self.runs = 0
        self.net = nets.Net()
        self.net.sh("ip", "addr", "add", WORLD + "/32", "dev", "lo")
        nets.join(self.net, "out", HOME + "/24", PROXY + "/24")
        nets.run("ip", "route", "add", "default", "via", PROXY)
        self.watch = nets.Watch("out")
        self.source = os.path.join(directory, "source")
        os.makedirs(self.source)
        stage.make_file(os.path.join(self.source, "a.bin"), SIZE)
        with self.net:
            self.tracker = stage.Tracker(WORLD)
            self.web = Server(WORLD, self.source)
            self.port = stage.free_port(WORLD)
        self.seed()
        with self.net:
            self.udp_tracker = UdpTracker(WORLD, (WORLD, self.port))

    def close(self):
        self.net.close()

    def seed(self):
        torrent = self.torrent("seed", self.tracker.url)
        p = self.stage.spawn("seeder", self.net.prefix() + [
            self.program, "--home", os.path.join(self.directory, "seeder"),
            "seed", self.source, "--torrent", torrent, "--listen",
            # else it asks the home of a run before whether its DHT node is
            # there, and the answer (ICMP) is a packet that left
            "%s:%d" % (WORLD, self.port), "--no-dht"])

        def listening():
            with self.net:
                return stage.accepts(WORLD, self.port)
        wait_for("listening seeder", ANSWER_S, listening, p)

    def torrent(self, name, tracker):
        path = os.path.join(self.directory, name + ".torrent")
        stage.make_torrent(os.path.join(self.source, "a.bin"), path, 65536,
                           tracker)
        return path

    def proxy(self, **more):
        with self.net:
            return Proxy(PROXY, names={NAME: WORLD}, **more)

    def get(self, torrent, proxy, *words, complete=True, seconds=ANSWER_S):
        """Returns what it said and all that left home meanwhile."""
        self.runs += 1
        out = os.path.join(self.directory, "out%d" % self.runs)
        home = out + ".home"
        os.makedirs(home)
        with open(os.path.join(home, "config"), "w") as f:
            if proxy:
                f.write("proxy = %s\n" % proxy)
            elif "--proxy" not in words:
                # the kernel takes its time to say that a group was left
                f.write("lsd = no\n")
        self.watch.seen.clear()
        said = out + ".said"
        with open(said, "w") as f:
            p = subprocess.Popen(
                [self.program, "--home", home, "get", torrent, "--out", out,
                 "--log-level", "debug", *words], stdout=f, stderr=f,
                env=dict(os.environ,
                         SEEDBANK_DHT_BOOTSTRAP="leak.example:6881"))
            try:
                status = p.wait(seconds)
            except subprocess.TimeoutExpired:
                self.sockets = listening_sockets()
                p.terminate()
                status = p.wait(20)
        with open(said) as f:
            text = f.read()
        if complete != (status == 0):
            raise Failed("ended with %s: %s" % (status, text))
        if complete and not stage.same(os.path.join(self.source, "a.bin"),
                                       os.path.join(out, "a.bin")):
            raise Failed("a.bin differs")
        time.sleep(0.1)  # the last packets are looked at
        return text


def listening_sockets():
    out = []
    for name, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"),
                        ("udp6", "07")):
        with open("/proc/net/" + name) as f:
            out += [line.split()[1] for line in f.readlines()[1:]
                    if line.split()[3] == state]
    return out


def check(what, ok, got=None):
    if not ok:
        raise Failed("%s: %s" % (what, got))


def nothing_else_left(w, *proxies):
    ports = {p.port for p in proxies}
    for p in proxies:
        ports |= p.relay_ports
    leaks = w.watch.others_than(PROXY, ports)
    check("packets that left another way", not leaks, leaks[:10])


def url_by_name(url):
    return url.replace(WORLD, NAME)


def without_a_proxy(w):
    """That what was counted above would have been seen."""
    w.get(w.torrent("plain", w.tracker.url), None)
    check("packets seen", w.watch.others_than(PROXY, {0}))


def by_socks(w):
    p = w.proxy(password="me:pass word".replace(" ", ""))
    w.get(w.torrent("socks", url_by_name(w.tracker.url)), p.url("socks5"))
    check("tracker by name, peer by address",
          ("connect", NAME, w.tracker.server.server_port) in p.asked and
          ("connect", WORLD, w.port) in p.asked, p.asked)
    nothing_else_left(w, p)
    p.close()


def by_http(w):
    p = w.proxy(password="me:pw", udp=False)
    w.get(w.torrent("http", url_by_name(w.tracker.url)), p.url("http"))
    check("tracker by name, peer by address",
          ("get", NAME, w.tracker.server.server_port) in p.asked and
          ("connect", WORLD, w.port) in p.asked, p.asked)
    nothing_else_left(w, p)
    p.close()


def web_seeds_by_name(w):
    for kind in ("socks5", "http"):
        p = w.proxy()
        w.get(w.torrent("web", None), None, "--proxy", p.url(kind),
              "--web-seed", url_by_name(w.web.url) + "a.bin")
        nothing_else_left(w, p)
        p.close()


def udp_trackers(w):
    p = w.proxy()
    w.get(w.torrent("udp", "udp://%s:%d" % (WORLD, w.udp_tracker.port)),
          p.url("socks5"))
    check("datagrams", p.relayed >= 2 and p.relay_ports, p.asked)
    nothing_else_left(w, p)
    p.close()


def udp_tracker_by_name(w):
    """A name that only the proxy knows is not looked up."""
    p = w.proxy()
    text = w.get(w.torrent("udpname", "udp://%s:%d" % (
        NAME, w.udp_tracker.port)), p.url("socks5"), complete=False,
        seconds=REST_S)
    check("told", "not looked up" in text, text)
    nothing_else_left(w, p)
    p.close()


def no_datagrams(w):
    """A proxy without them: the rest goes on."""
    p = w.proxy(udp=False)
    w.get(w.torrent("noudp", w.tracker.url), p.url("socks5"))
    nothing_else_left(w, p)
    p.close()


def wrong_password(w):
    p = w.proxy(password="me:right")
    w.get(w.torrent("wrong", w.tracker.url),
          p.url("socks5").replace("right", "wrong"), "--peer",
          "%s:%d" % (WORLD, w.port), complete=False, seconds=REST_S)
    check("nothing was connected", not p.asked, p.asked)
    nothing_else_left(w, p)
    p.close()


def down(w):
    p = w.proxy()
    p.close()
    for kind in ("socks5", "http"):
        w.get(w.torrent("down", w.tracker.url), p.url(kind), "--peer",
              "%s:%d" % (WORLD, w.port), "--web-seed", w.web.url + "a.bin",
              "--tracker", "udp://%s:%d" % (WORLD, w.udp_tracker.port),
              complete=False, seconds=REST_S)
        check("it tried", w.watch.seen)
        nothing_else_left(w, p)
        check("nothing listens", not w.sockets, w.sockets)


def names_of_peers(w):
    p = w.proxy()
    text = w.get(w.torrent("peer", None), p.url("socks5"), "--peer",
                 "%s:%d" % (NAME, w.port), complete=False)
    check("told", "no name is looked up" in text, text)
    nothing_else_left(w, p)
    p.close()


def beside_a_daemon(w):
    """Its own proxy counts, so it is not handed what was to go through one."""
    home = os.path.join(w.directory, "daemon")
    d = w.stage.spawn("daemon", [w.daemon, "--home", home, "--listen",
                                 "127.0.0.1:0"])
    wait_for("daemon", ANSWER_S, lambda: os.path.exists(
        os.path.join(home, "api.sock")), d)
    p = w.proxy()
    w.watch.seen.clear()
    done = subprocess.run(
        [w.program, "--home", home, "get", w.torrent("daemon", w.tracker.url),
         "--out", home + ".out", "--proxy", p.url("socks5")],
        capture_output=True, text=True, timeout=ANSWER_S)
    check("refused in words", done.returncode == 1 and "its own proxy" in
          done.stderr, done)
    nothing_else_left(w, p)
    p.close()
    w.stage.forget(d)


# the last lets the world know where home is
PARTS = [by_socks, by_http, web_seeds_by_name, udp_trackers,
         udp_tracker_by_name, no_datagrams, wrong_password, down,
         names_of_peers, beside_a_daemon, without_a_proxy]


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", required=True)
    p.add_argument("--seedbankd", help="default: beside the other")
    p.add_argument("--only")
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    args.seedbankd = args.seedbankd or args.seedbank + "d"
    _, own = stage.enter_namespace([])
    if not own or not nets.available():
        print("left out: no network namespaces here")
        return 77
    directory = tempfile.mkdtemp(prefix="seedbank-proxy.")
    try:
        return rows.run_parts(
            PARTS, lambda st, own: World(args, st, own), directory, [], True,
            args.only, args.keep)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("proxies: %s" % e)
