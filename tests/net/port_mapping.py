#!/usr/bin/env python3
"""port_mapping.py - a daemon asks routers of several kinds to let others in, and
gives back what it was given; and asks nobody where it should not.

Two network namespaces: home, where seedbankd runs, and the router.

usage: port_mapping.py --seedbank PROGRAM [--seedbankd PROGRAM] [--only NAME]
Where no namespaces can be made it is left out (status 77).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
sys.path.insert(0, HERE)
import nets  # noqa: E402
import rows  # noqa: E402
import stage  # noqa: E402
from router_server import Router  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

HOME = "10.77.1.1"
ROUTER = "10.77.1.2"
PORT = 6881
ANSWER_S = 30
BOTH = {("TCP", PORT), ("UDP", PORT)}


class World:
    def __init__(self, args, st, directory):
        self.args = args
        self.stage = st
        self.directory = directory
        self.runs = 0
        self.net = nets.Net()
        nets.join(self.net, "out", HOME + "/24", ROUTER + "/24")
        nets.run("ip", "route", "add", "default", "via", ROUTER)
        self.net.sh("ip", "route", "add", "default", "dev", "eth0")
        self.watch = nets.Watch("out")

    def close(self):
        self.net.close()

    def router(self, *ways):
        with self.net:
            return Router(ROUTER, *ways)

    def daemon(self, *words, listen="%s:%d" % (HOME, PORT)):
        self.runs += 1
        self.home = os.path.join(self.directory, "home%d" % self.runs)
        self.watch.seen.clear()
        p = self.stage.spawn("daemon%d" % self.runs, [
            self.args.seedbankd, "--home", self.home, "--listen", listen,
            *words])
        wait_for("daemon", ANSWER_S, lambda: os.path.exists(
            os.path.join(self.home, "api.sock")), p)
        return p

    def mapping(self):
        out = subprocess.run([self.args.seedbank, "--home", self.home,
                              "status", "--json"], check=True,
                             capture_output=True, text=True).stdout
        return json.loads(out).get("port_mapping")

    def asked(self):
        """Of what left: who was asked for a mapping."""
        return [s for s in self.watch.seen if s[2] in (5351, 1900)]


def check(what, ok, got=None):
    if not ok:
        raise Failed("%s: %s" % (what, got))


def mapped_and_given_back(w, how, *ways):
    r = w.router(*ways)
    d = w.daemon()
    try:
        m = wait_for("mapping", ANSWER_S, lambda: (
            lambda m: m if m and "by" in m else None)(w.mapping()), d)
    except Failed as e:
        raise Failed("%s; asked %s, told %s" % (e, r.asked, w.mapping())) \
            from e
    check("told", m == {"by": how, "address": "203.0.113.7", "tcp": True,
                        "udp": True}, m)
    check("both ports", r.mapped == BOTH, r.mapped)
    check("ends well", d.stop() == 0)
    wait_for("given back", ANSWER_S, lambda: not r.mapped)
    r.close()


def pcp(w):
    mapped_and_given_back(w, "PCP", "pcp")


def nat_pmp(w):
    mapped_and_given_back(w, "NAT-PMP", "pmp")


def upnp(w):
    mapped_and_given_back(w, "UPnP", "upnp", "refuses")


def hostile(w):
    for ways in (("nonsense", "upnp", "endless"), ("upnp", "elsewhere", "refuses")):
        r = w.router(*ways)
        d = w.daemon()
        wait_for("search", ANSWER_S, lambda: ("search" in [
            a for a, _ in r.asked]), d)
        wait_for("the end of it", ANSWER_S, lambda: (w.mapping() or {}).get(
            "why") in ("the router is not described", "no router answers"), d)
        check("%s: what was read has a bound" % (ways,), r.web < 64 << 20,
              r.web)
        check("it lives", d.poll() is None and w.mapping())
        check("nothing is mapped", not r.mapped, r.mapped)
        check("ends well", d.stop() == 0)
        r.close()


def nobody_is_asked(w):
    """With the setting off, on loopback, with a proxy."""
    r = w.router("pcp", "pmp", "upnp")
    for words, listen in ((["--no-port-mapping"], "%s:%d" % (HOME, PORT)),
                          ([], "127.0.0.1:%d" % PORT),
                          (["--proxy", "socks5://127.0.0.1:1"],
                           "%s:%d" % (HOME, PORT))):
        d = w.daemon(*words, listen=listen)
        time.sleep(0.5)
        check("%s at %s" % (words, listen), not w.asked() and not r.asked and
              w.mapping() is None, w.asked())
        check("ends well", d.stop() == 0)
    r.close()


PARTS = [pcp, nat_pmp, upnp, hostile, nobody_is_asked]


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", required=True)
    p.add_argument("--seedbankd")
    p.add_argument("--only")
    args = p.parse_args()
    args.seedbankd = args.seedbankd or args.seedbank + "d"
    _, own = stage.enter_namespace([])
    if not own or not nets.available():
        print("left out: no network namespaces here")
        return 77
    directory = tempfile.mkdtemp(prefix="seedbank-mapping.")
    try:
        return rows.run_parts(
            PARTS, lambda st, own: World(args, st, own), directory, [], True,
            args.only)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("port_mapping: %s" % e)
