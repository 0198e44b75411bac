#!/usr/bin/env python3
"""many.py - memory of a daemon with many torrents, and with many leechers.

  torrents   1,000 torrents of 1,024 pieces (all zeroes, so that each takes no
             disk): what adding them takes, RSS while all are seeded, and when
             all are paused; CPU seconds of some seconds in which nothing
             happens. Then the daemon starts again: seconds until it answers,
             until all are seeded, of `list` and `status`, descriptors, and RSS
             and CPU as before. What each of the two stops takes, and CPU of
             a connection that names a torrent that is not there
  tracker    with --tracker all of them are told to one tracker, which answers
             after that time, with --udp by datagrams: how many it heard begin
             and end, questions at once and in the busiest second
  leechers   200 connections that all ask for blocks of one file of 64 MiB that
             is in the cache: RSS before, and the most while they are served

usage: many.py [--torrents N] [--pieces N] [--tracker MS [--udp]]
               [--leechers N] [--seconds N] [--json]
"""

import argparse
import asyncio
import base64
import collections
import hashlib
import json
import os
import selectors
import shutil
import socket
import struct
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402

WORK = os.path.join(stage.TOP, "build", "bench")
SEEDBANKD = os.path.join(stage.TOP, "build", "release", "seedbankd")
ADDRESS = "10.77.0.1"
PORT = 6881
PIECE = 16384
BLOCK = 16384
REST_S = 12  # after ten it holds what it needs only
TOLD_S = 60
STRANGERS = 2000


class Api:
    """One call at a time on the daemon's socket."""

    def __init__(self, home):
        self.path = os.path.join(home, "api.sock")

    def call(self, method, **params):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(json.dumps({"method": method, "params": params})
                      .encode() + b"\n")
            for line in s.makefile():
                said = json.loads(line)
                if "result" in said:
                    return said["result"]
                if "error" in said:
                    raise Failed("%s: %s" % (method, said["error"]))
        raise Failed(method + ": no answer")

    def begin(self, method, **params):
        """A call that goes on when its caller has gone."""
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.path)
        s.sendall(json.dumps({"method": method, "params": params}).encode() +
                  b"\n")
        s.makefile().readline()
        s.close()


class CountingTracker:
    """Knows nobody, answers after a while, and counts."""

    def __init__(self, delay_s):
        self.delay_s = delay_s
        self.at_once = 0
        self.forget()
        self.loop = asyncio.new_event_loop()
        self.url = "%s://%s:%d/announce" % (
            self.scheme, *self.loop.run_until_complete(self._open()))
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def forget(self):
        self.told = {"started": set(), "stopped": set()}
        self.most = 0
        self.seconds = collections.Counter()

    def _asked(self):
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.seconds[int(time.monotonic())] += 1

    def rows(self):
        rows = {event: len(who) for event, who in self.told.items()}
        rows["at_once"] = self.most
        rows["a_second"] = max(self.seconds.values(), default=0)
        self.forget()
        return rows


class HttpTracker(CountingTracker):
    scheme = "http"

    async def _open(self):
        self.server = await asyncio.start_server(self._serve, ADDRESS, 0,
                                                 backlog=1024)
        return self.server.sockets[0].getsockname()

    async def _serve(self, reader, writer):
        self._asked()
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(self.delay_s)
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + stage.bencode(
                {"interval": 1800, "peers": b""}))
            await writer.drain()
            self._count(head.split()[1].decode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the daemon gave it up
        self.at_once -= 1
        writer.close()

    def _count(self, path):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query,
                                      encoding="latin-1")
        for event in query.get("event", ()):
            self.told[event].add(query["info_hash"][0])


class UdpTracker(CountingTracker, asyncio.DatagramProtocol):
    """BEP 15."""

    scheme = "udp"
    EVENTS = {2: "started", 3: "stopped"}

    async def _open(self):
        self.transport, _ = await self.loop.create_datagram_endpoint(
            lambda: self, local_addr=(ADDRESS, 0))
        return self.transport.get_extra_info("sockname")

    def datagram_received(self, data, addr):
        action, number = struct.unpack(">II", data[8:16])
        if action == 0:
            self.transport.sendto(struct.pack(">IIQ", 0, number, 7), addr)
            return
        self._asked()
        self.loop.call_later(self.delay_s, self._answer, data, number, addr)

    def _answer(self, data, number, addr):
        self.at_once -= 1
        event = self.EVENTS.get(struct.unpack(">I", data[80:84])[0])
        if event:
            self.told[event].add(data[16:36])
        self.transport.sendto(struct.pack(">IIIII", 1, number, 1800, 0, 0),
                              addr)


def zeroes(directory, number, pieces):
    """A torrent of zeroes; its name makes its info hash its own."""
    name = "zeroes-%05d" % number
    with open(os.path.join(directory, name), "wb") as f:
        f.truncate(pieces * PIECE)
    return stage.bencode({"info": {
        "length": pieces * PIECE, "name": name, "piece length": PIECE,
        "pieces": hashlib.sha1(bytes(PIECE)).digest() * pieces}})


def add(api, torrent, directory, **more):
    api.begin("add", mode="seed", dir=directory,
              torrent=base64.b64encode(torrent).decode(), **more)


def seeding(api, n):
    listed = api.call("list")["torrents"]
    return len(listed) == n and all(t["state"] == "seeding" for t in listed)


def memory(d):
    return {f: d.memory_kib(f) / 1024 for f in ("RssAnon", "VmRSS")}


def start(st, directory, name):
    home = os.path.join(directory, name)
    d = st.spawn(name, [SEEDBANKD, "--home", home, "--listen",
                        "%s:%d" % (ADDRESS, PORT)])
    api = Api(home)
    wait_for("the daemon", 30, lambda: os.path.exists(api.path), d)
    return d, api


def strangers(d):
    """They name a torrent that is not here, one after the other."""
    cpu = stage.cpu_seconds(d.pid)
    for i in range(STRANGERS):
        with socket.create_connection((ADDRESS, PORT)) as s:
            s.sendall(b"\x13BitTorrent protocol" + bytes(8) +
                      struct.pack(">I", i) * 5 + b"-XX0000-%012d" % i)
            if s.recv(68):
                raise Failed("a torrent that is not there was found")
    return {"cpu_us": (stage.cpu_seconds(d.pid) - cpu) * 1e6 / STRANGERS}


def end(st, d):
    """What it takes to stop."""
    began, cpu = time.monotonic(), stage.cpu_seconds(d.pid)
    d.stop(120)
    row = {"s": time.monotonic() - began, "cpu_s": d.cpu_total() - cpu}
    st.forget(d)
    return row


def told(tracker, n):
    """What the tracker heard until it heard of all, for a minute."""
    began = time.monotonic()
    while (len(tracker.told["started"]) < n and
           time.monotonic() - began < TOLD_S):
        time.sleep(0.1)
    return {"after_s": time.monotonic() - began, **tracker.rows()}


def many_torrents(st, directory, n, pieces, seconds, tracker):
    d, api = start(st, directory, "torrents")
    rows = {"idle": memory(d)}
    more = {"tracker": [tracker.url]} if tracker else {}
    for i in range(n):
        add(api, zeroes(directory, i, pieces), directory, **more)
    rows["added"] = {"cpu_s": stage.cpu_seconds(d.pid)}
    if tracker:
        rows["told"] = told(tracker, n)
    rows["seeding"] = at_rest(d, api, n, seconds)
    rows["strangers"] = strangers(d)
    rows["stopped"] = end(st, d)
    if tracker:
        rows["goodbye"] = tracker.rows()
    began = time.monotonic()
    d, api = start(st, directory, "torrents")
    wait_for("an answer", 600, lambda: answers(api), d)
    rows["again"] = {"answers_s": time.monotonic() - began}
    wait_for("%d torrents seeding" % n, 600, lambda: seeding(api, n), d)
    rows["again"]["seeding_s"] = time.monotonic() - began
    rows["again"]["cpu_s"] = stage.cpu_seconds(d.pid)
    for method in "list", "status":
        began = time.monotonic()
        api.call(method)
        rows["again"][method + "_s"] = time.monotonic() - began
    if tracker:
        rows["told again"] = told(tracker, n)
    rows["again"]["fds"] = len(os.listdir("/proc/%d/fd" % d.pid))
    rows["rested"] = at_rest(d, api, n, seconds)
    for t in api.call("list")["torrents"]:
        api.call("pause", info_hash=t["info_hash"])
    time.sleep(REST_S)
    rows["paused"] = memory(d)
    rows["stopped again"] = end(st, d)
    return rows


def at_rest(d, api, n, seconds):
    wait_for("%d torrents seeding" % n, 600, lambda: seeding(api, n), d)
    time.sleep(REST_S)
    began = stage.cpu_seconds(d.pid)
    time.sleep(seconds)
    return {**memory(d), "cpu_s": stage.cpu_seconds(d.pid) - began}


def answers(api):
    try:
        return api.call("status")
    except OSError:
        return False


class Leecher:
    """Asks for the same 5 blocks again and again, as others would for all."""

    def __init__(self, info_hash, number):
        self.sock = socket.create_connection((ADDRESS, PORT))
        self.sock.sendall(b"\x13BitTorrent protocol" + bytes(8) + info_hash +
                          b"-XX0000-%012d" % number + struct.pack(">IB", 1, 2))
        # one after another: many who have said nothing would be sent away
        self.got = len(self.sock.recv(68))
        self.asked = False
        self.head = b""
        self.left = 0  # of the message under way
        self.number = number

    def ask(self, n):
        self.sock.sendall(b"".join(struct.pack(
            ">IBIII", 13, 6, (self.number + i) % 64, i * BLOCK, BLOCK)
            for i in range(n)))

    def receive(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise Failed("a leecher was closed")
        self.got += len(data)
        if not self.asked and self.got > 68 + 10:
            self.asked = True
            self.sock.sendall(b"")
            self.ask(16)
            self.owed = self.got + 16 * BLOCK
        elif self.asked and self.got >= self.owed:
            self.owed += 16 * BLOCK
            self.ask(16)


def many_leechers(st, directory, n, seconds):
    path = os.path.join(directory, "cached")
    with open(path, "wb") as f:
        f.write(os.urandom(64 * MIB))
    out = path + ".torrent"
    info_hash = bytes.fromhex(stage.make_torrent(path, out))
    d, api = start(st, directory, "leechers")
    with open(out, "rb") as f:
        add(api, f.read(), directory, slots=n)
    wait_for("seeding", 60, lambda: seeding(api, 1), d)
    time.sleep(6)
    rows = {"before": memory(d)}
    began, cpu = time.monotonic(), stage.cpu_seconds(d.pid)
    ready = selectors.DefaultSelector()
    leechers = [Leecher(info_hash, i) for i in range(n)]
    for k in leechers:
        ready.register(k.sock, selectors.EVENT_READ, k)
    most = rows["before"]
    while time.monotonic() - began < seconds:
        for key, _ in ready.select(0.1):
            key.data.receive()
        now = memory(d)
        most = {f: max(most[f], now[f]) for f in most}
    got = sum(k.got for k in leechers)
    rows["served"] = most
    rows["served"]["cpu_s_a_gib"] = (stage.cpu_seconds(d.pid) - cpu) / (
        got / stage.GIB)
    rows["leechers_served"] = sum(k.got > BLOCK for k in leechers)
    rows["mib"] = got / MIB
    st.forget(d)
    return rows


def show(name, rows):
    for what, r in rows.items():
        if isinstance(r, dict):
            print("%-10s %-13s " % (name, what) + "  ".join(
                "%s %.2f" % x for x in r.items()))
        else:
            print("%-10s %-13s %.0f" % (name, what, r))


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--torrents", type=int, default=1000)
    p.add_argument("--pieces", type=int, default=1024,
                   help="of a torrent; fewer are hashed sooner")
    p.add_argument("--tracker", type=int, metavar="MS",
                   help="tell one tracker of all, that answers after MS")
    p.add_argument("--udp", action="store_true")
    p.add_argument("--leechers", type=int, default=200)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    stage.enter_namespace([ADDRESS])
    directory = os.path.join(WORK, "many")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    rows = {}
    kind = UdpTracker if args.udp else HttpTracker
    tracker = (None if args.tracker is None else kind(args.tracker / 1000))
    with stage.Stage(os.path.join(WORK, "log")) as st:
        if args.torrents:
            rows["torrents"] = many_torrents(st, directory, args.torrents,
                                             args.pieces, args.seconds,
                                             tracker)
        if args.leechers:
            rows["leechers"] = many_leechers(st, directory, args.leechers,
                                             args.seconds)
    shutil.rmtree(directory)
    if args.json:
        print(json.dumps(rows))
        return
    for name, r in rows.items():
        show(name, r)


try:
    main()
except Failed as e:
    sys.exit("many: %s" % e)
