"""cli_rest.py - the parts of cli.py about torrents that nobody asks for: begun
early, and looked at when they had the time to come to rest."""

import itertools
import os
import re

import stage
from cli_suite import ADDRESS, ANSWER_S, add, wait_for

KINDS = ("v1", "v2", "hybrid")
NAMES = ("pair", "one.bin")


def part_rest_begin(s):
    """A daemon seeds two of each kind."""
    s.rest_home, s.rest = s.home(), {}
    s.rest_at = "%s:%d" % (ADDRESS, stage.free_port(ADDRESS))
    s.rest_daemon = s.daemon(s.rest_home, "--listen", s.rest_at,
                             "--log-level", "debug")
    for kind, name in itertools.product(KINDS, NAMES):
        torrent = s.path("rest-%s-%s.torrent" % (kind, name))
        got = s.run("create", os.path.join(s.source, name), "--out", torrent,
                    "--" + kind, "--piece-length", "16KiB", "--json")
        s.rest[kind, name] = got.json()["info_hash"], torrent
        add(s, s.rest_home, "seed", s.source, "--torrent", torrent)
    wait_for("seeding", ANSWER_S, lambda: all(
        t["state"] == "seeding" for t in s.listed(s.rest_home).values()),
        s.rest_daemon)
    s.check("all are seeded", len(s.listed(s.rest_home)) == len(s.rest))


def at_rest(s):
    with open(s.rest_daemon.log) as f:
        return sum(int(n) for n in re.findall(r"rest count=(\d+)", f.read()))


def part_rest(s):
    wait_for("rest", ANSWER_S, lambda: at_rest(s) >= len(s.rest),
             s.rest_daemon)
    for word in "pause", "resume":
        got = s.run(word, s.rest["v2", "pair"][0], "--home", s.rest_home)
        s.check("%s at rest" % word, got.status == 0, got)
    for kind in KINDS:
        info_hash, torrent = s.rest[kind, "pair"]
        link = s.run("magnet", torrent, "--peer", s.rest_at).out.strip()
        out = s.path("rest-" + kind)
        got = s.run("get", link, "--out", out, "--home", s.home(), "--listen",
                    ADDRESS + ":0")
        s.check("%s at rest gives its metadata, hashes and bytes" % kind,
                got.status == 0 and stage.same(
                    out + "/pair/a.bin", s.source + "/pair/a.bin"), got)
        got = s.run("verify", s.rest[kind, "one.bin"][0], "--home",
                    s.rest_home)
        s.check("%s at rest is verified" % kind, got.status == 0 and
                "pieces are good" in got.out, got)
    s.rest_daemon.stop(15)
