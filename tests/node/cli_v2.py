"""cli_v2.py - the part of cli.py about torrents of version 2 and hybrids (BEP 52)."""

import os
import signal

import stage
from cli_suite import ADDRESS, ANSWER_S, Tracker, add, wait_for


class ByHash(Tracker):
    """Remembers of which hash it was told what."""

    def __init__(self, address):
        self.by_hash = {}  # hexadecimal -> [event]
        super().__init__(address)

    def _answer(self, request):
        url = stage.urllib.parse.urlsplit(request.path)
        query = stage.urllib.parse.parse_qs(url.query, encoding="latin-1")
        hash_ = query["info_hash"][0]
        self.by_hash.setdefault(hash_.encode("latin-1").hex(), []).extend(
            query.get("event", []))
        super()._answer(request)


def part_v2(s):
    made = {}
    for kind in ("v2", "hybrid"):
        out = s.path(kind + ".torrent")
        made[kind] = s.run("create", s.source + "/one.bin", "--out", out, "--"
                           + kind, "--piece-length", "64KiB", "--home",
                           s.home(), "--json").json()
        made[kind]["file"] = out
    names(s, made["hybrid"])


def names(s, hybrid):
    """All that is done by a torrent's hash is done by both of a hybrid."""
    both = {hybrid["info_hash"], hybrid["info_hash_v2"][:40]}
    tracker = ByHash(ADDRESS)
    p = s.start("seed", "seed", s.source, "--torrent", hybrid["file"], "--home",
                s.home(), "--listen", ADDRESS + ":0", "--tracker", tracker.url)
    wait_for("announces", ANSWER_S, lambda: set(tracker.by_hash) == both and all(
        tracker.by_hash.values()), p)
    s.check("the user's tracker hears of a hybrid by both hashes", True)
    for topic in ("btih:" + hybrid["info_hash"],
                  "btmh:1220" + hybrid["info_hash_v2"]):
        tracker.by_hash.clear()
        out = s.path("by-" + topic[:4])
        got = s.run("get", "magnet:?xt=urn:" + topic, "--out", out, "--tracker",
                    tracker.url, "--home", s.home(), "--listen", ADDRESS + ":0",
                    "--log-level", "info")
        s.check("get by %s and --tracker" % topic[:4], got.status == 0 and
                stage.same(out + "/one.bin", s.source + "/one.bin"), got)
        s.check("a hybrid from a link is checked by both hashes from the start",
                "checked by both hashes" in got.err and
                "blocks-failed" not in got.err, got.err)
        s.check("the other hash, which the link did not tell, is announced too",
                set(tracker.by_hash) == both and all(
                    told == ["started", "completed", "stopped"]
                    for told in tracker.by_hash.values()), tracker.by_hash)
    p.stop(10)
    home = s.home()
    d = s.daemon(home, "--listen", ADDRESS + ":0")
    add(s, home, "seed", s.source, "--torrent", hybrid["file"], "--tracker",
        tracker.url)

    for hash_ in hybrid["info_hash"], hybrid["info_hash_v2"]:
        got = s.run("pause", hash_[:60], "--home", home)
        s.check("a command names it by " + hash_[:8], got.status == 0, got)
    os.kill(d.pid, signal.SIGTERM)
    s.ended(d, 15)
