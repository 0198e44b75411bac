"""lines.py - the router between the clients (tests/net/router.py) is looked at
itself: what it delays, loses and translates.
"""

import socket

import rows
from router import Link, Router
from stage import Failed

B, C = "10.80.0.2", "10.80.0.3"
PORT = 6881


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


def router_translates(_st, _directory):
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


def router_delays_and_loses(_st, _directory):
    r = Router(seed=7)
    a, b = r.host("10.80.0.1"), r.host(B, Link(delay_ms=30, loss=0.2, reorder=0.2))
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


def table(stock):
    if not stock.has("lines"):
        return []
    return [rows.Row("router: translates", router_translates),
            rows.Row("router: delays and loses", router_delays_and_loses)]
