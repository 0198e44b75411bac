"""router.py - a router between network namespaces, in this script: packets that
are late, lost, out of order or too many, and address translation of the kinds
that home routers have. For kernels without netem, and without rights beyond the
namespaces of a test.

Each host is a namespace with one TUN device; the router reads them all, one
thread, and writes each packet when it is due. IPv4 alone.

    full         whoever knows the outside address gets in
    restricted   only an address that was sent to
    port         only an address and port that was sent to
    symmetric    as port, and each of those sees another port of ours
"""

import collections
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

import nets

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 1, 0x1000
MTU = 1500
QUEUE_MAX = 2000  # packets on their way to one host
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP

Link = collections.namedtuple(
    "Link", "delay_ms jitter_ms loss reorder rate",
    defaults=(0, 0, 0.0, 0.0, 0))
Link.__doc__ = """What happens on the way to a host: milliseconds, of which up
to jitter_ms by chance but in order; the part of packets that is lost; the part
that overtakes those before it; bytes a second (0: no limit)."""


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def adjust(old_sum, old, new):
    """A checksum after bytes of an even number were replaced (RFC 1624)."""
    total = ~old_sum & 0xffff
    for a, b in zip(struct.unpack(">%dH" % (len(old) // 2), old),
                    struct.unpack(">%dH" % (len(new) // 2), new)):
        total += (~a & 0xffff) + b
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Packet:
    """An IPv4 packet whose ends can be read and changed."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.head = (self.data[0] & 15) * 4
        self.protocol = self.data[9]
        fragment = struct.unpack(">H", self.data[6:8])[0] & 0x1fff
        self.ports = self.protocol in (TCP, UDP) and not fragment and \
            len(self.data) >= self.head + 8

    def _end(self, source):
        at = self.head + (0 if source else 2)
        ip = 12 if source else 16
        return ip, at

    def get(self, source):
        ip, at = self._end(source)
        port = struct.unpack(">H", self.data[at:at + 2])[0] if self.ports else 0
        return socket.inet_ntoa(bytes(self.data[ip:ip + 4])), port

    def set(self, source, address):
        ip, at = self._end(source)
        old = bytes(self.data[ip:ip + 4])
        new = socket.inet_aton(address[0])
        self.data[ip:ip + 4] = new
        self._fix(10, old, new)
        if not self.ports:
            return
        old += bytes(self.data[at:at + 2])
        new += struct.pack(">H", address[1])
        self.data[at:at + 2] = new[4:]
        if self.protocol == TCP:
            self._fix(self.head + 16, old, new)
        elif self.data[self.head + 6:self.head + 8] != b"\0\0":
            self._fix(self.head + 6, old, new)

    def _fix(self, at, old, new):
        before = struct.unpack(">H", self.data[at:at + 2])[0]
        self.data[at:at + 2] = struct.pack(">H", adjust(before, old, new))


class Nat:
    def __init__(self, kind, outside, rng):
        self.kind = kind
        self.outside = outside
        self.rng = rng
        self.out = {}  # (protocol, inside[, there]) -> port
        self.back = {}  # (protocol, port) -> inside
        self.met = {}  # (protocol, port) -> {there}

    def leave(self, p):
        """False: it cannot be translated."""
        if not p.ports:
            return False
        inside, there = p.get(True), p.get(False)
        key = (p.protocol, inside) + (
            (there,) if self.kind == "symmetric" else ())
        port = self.out.get(key)
        if port is None:
            port = self._new_port(p.protocol, inside[1])
            self.out[key] = port
            self.back[p.protocol, port] = inside
            self.met[p.protocol, port] = set()
        self.met[p.protocol, port].add(there)
        p.set(True, (self.outside, port))
        return True

    def _new_port(self, protocol, want):
        """The same port where that is free, but of symmetric ones."""
        port = want
        while self.kind == "symmetric" or (protocol, port) in self.back:
            port = self.rng.randrange(20000, 60000)
            if (protocol, port) not in self.back:
                break
        return port

    def enter(self, p):
        """False: nobody asked for it."""
        if not p.ports:
            return False
        there, port = p.get(True), p.get(False)[1]
        inside = self.back.get((p.protocol, port))
        if inside is None:
            return False
        met = self.met[p.protocol, port]
        ok = {"full": True,
              "restricted": there[0] in {m[0] for m in met},
              "port": there in met,
              "symmetric": there in met}[self.kind]
        if ok:
            p.set(False, inside)
        return ok


class Host:
    """`net` is its namespace; `outside` the address that others see."""

    def __init__(self, net, address, link, nat):
        self.net = net
        self.address = address
        self.link = link
        self.nat = nat
        self.outside = nat.outside if nat else address
        self.free_at = 0.0  # when its line is free again
        self.last_at = 0.0
        self.queued = 0
        self.device = self._open()

    def _open(self):
        with self.net:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack(
                "16sH", b"line", IFF_TUN | IFF_NO_PI))
        self.net.sh("ip", "addr", "add", self.address + "/32", "dev", "line")
        self.net.sh("ip", "link", "set", "line", "mtu", str(MTU), "up")
        self.net.sh("ip", "route", "add", "default", "dev", "line")
        return fd


def available():
    """Namespaces with TUN devices in them?"""
    if not nets.available() or not os.path.exists("/dev/net/tun"):
        return False
    try:
        r = Router()
        r.host("10.80.0.1")
        r.close()
        return True
    except (OSError, subprocess.CalledProcessError):
        return False


class Router:
    def __init__(self, seed=1):
        self.rng = random.Random(seed)
        self.hosts = {}  # outside address -> Host
        self.heap = []
        self.count = 0
        self.passed = self.lost = self.refused = 0
        self.poll = select.poll()
        self.by_fd = {}
        self.ended = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def host(self, address, link=Link(), nat=None, outside=None):
        """A namespace with this address, behind a `nat` at `outside`."""
        h = Host(nets.Net(), address, link,
                 Nat(nat, outside, self.rng) if nat else None)
        with self.lock:
            self.hosts[h.outside] = h
            self.by_fd[h.device] = h
            self.poll.register(h.device, select.POLLIN)
        if not self.thread.is_alive():
            self.thread.start()
        return h

    def close(self):
        self.ended = True
        if self.thread.is_alive():
            self.thread.join()
        for h in self.hosts.values():
            os.close(h.device)
            h.net.close()

    def _run(self):
        while not self.ended:
            now = time.monotonic()
            while self.heap and self.heap[0][0] <= now:
                self._deliver()
            wait = min(20, (self.heap[0][0] - now) * 1000) if self.heap else 20
            for fd, _ in self.poll.poll(max(0, wait)):
                self._drain(self.by_fd[fd])

    def _drain(self, h):
        for _ in range(64):
            try:
                data = os.read(h.device, 65536)
            except OSError:
                return
            if data and data[0] >> 4 == 4:
                self._route(h, Packet(data))

    def _route(self, source, p):
        if source.nat and not source.nat.leave(p):
            self.refused += 1
            return
        to = self.hosts.get(p.get(False)[0])
        if not to or (to.nat and not to.nat.enter(p)):
            self.refused += 1
            return
        self._send(to, p)

    def _send(self, h, p):
        link, now = h.link, time.monotonic()
        if self.rng.random() < link.loss or h.queued >= QUEUE_MAX:
            self.lost += 1
            return
        at = now
        if link.rate:
            at = max(now, h.free_at) + len(p.data) / link.rate
            h.free_at = at
        if self.rng.random() >= link.reorder:
            at += (link.delay_ms + self.rng.random() * link.jitter_ms) / 1000
            at = h.last_at = max(at, h.last_at)
        heapq.heappush(self.heap, (at, self.count, h, bytes(p.data)))
        self.count += 1
        h.queued += 1

    def _deliver(self):
        _, _, h, data = heapq.heappop(self.heap)
        h.queued -= 1
        try:
            os.write(h.device, data)
            self.passed += 1
        except OSError:
            self.lost += 1
