"""cli_v2.py - the part of cli.py about torrents of version 2 and hybrids (BEP 52)."""

import os
import re
import shutil
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
    for kind in made:
        verified(s, kind)
    contradiction(s, made["hybrid"])


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


# What was done to the files: pieces of 64 KiB that are then not good. pair/a.bin has
# 17 of them, pair/deep/b.bin 2, each its own (BEP 52)
def spoiled():
    def flip(d):
        with open(d + "/pair/a.bin", "r+b") as f:
            f.seek(70000)
            byte = f.read(1)
            f.seek(70000)
            f.write(bytes([byte[0] ^ 1]))

    def cut(d):
        os.truncate(d + "/pair/a.bin", 8 * 65536 + 1)

    def remove(d):
        os.unlink(d + "/pair/deep/b.bin")

    def lengthen(d):
        with open(d + "/pair/deep/b.bin", "ab") as f:
            f.write(b"more")

    return {"as it was": (lambda d: None, 0), "a byte flipped": (flip, 1),
            "a file cut": (cut, 9), "a file missing": (remove, 2),
            "a file longer, its own bytes good": (lengthen, 0),
            "all missing": (lambda d: shutil.rmtree(d + "/pair"), 19)}


def verified(s, kind):
    torrent = s.path("pair-%s.torrent" % kind)
    s.run("create", s.source + "/pair", "--out", torrent, "--" + kind,
          "--piece-length", "64KiB", "--home", s.home())
    for name, (spoil, bad) in spoiled().items():
        d = s.path("spoiled")
        shutil.copytree(s.source, d)
        spoil(d)
        got = s.run("verify", d, "--torrent", torrent, "--home", s.home())
        s.check("verify of %s, %s" % (kind, name), got.status == (bad > 0) and
                "%d of 19 pieces are good" % (19 - bad) in got.out, got)
        shutil.rmtree(d)


def contradiction(s, hybrid):
    """Clients of v1 and of v2 would have different files."""
    with open(hybrid["file"], "rb") as f:
        made = bytearray(f.read())
    at = re.search(rb"6:pieces\d+:", made).end()
    made[at + 20 * 3] ^= 1
    torrent = s.path("contradiction.torrent")
    with open(torrent, "wb") as f:
        f.write(made)
    got = s.run("verify", s.source, "--torrent", torrent, "--home", s.home())
    s.check("verify of a hybrid that contradicts itself", got.status == 1 and
            "96 of 97 pieces are good" in got.out and
            "piece 3 fits one of its two hashes only" in got.err, got)
