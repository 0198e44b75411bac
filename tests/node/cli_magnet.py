"""cli_magnet.py - the part of cli.py about magnet links."""

import os
import re
import signal
import socket
import struct
import threading

import stage
from cli_suite import ADDRESS, ANSWER_S, Tracker, add, one_line, wait_for


def part_magnet(s):
    seeder, at = s.seeder()
    plain = "magnet:?xt=urn:btih:" + s.hash
    links(s, plain)
    fetched(s, plain, at)
    interrupted(s, plain, at)
    by_daemon(s, plain, at)
    seeder.stop(10)
    private(s)


def links(s, plain):
    got = s.run("magnet", s.torrent)
    s.check("the link of a torrent", got.status == 0 and
            one_line(got.out, plain, "&dn=one.bin"), got)
    got = s.run("magnet", s.torrent, "--peer", "[::1]:5", "--json")
    s.check("with a peer, as JSON", got.json().get("magnet", "").endswith(
        "&x.pe=%5B%3A%3A1%5D%3A5"), got)
    s.refused("a peer that is none", "magnet", s.torrent, "--peer", "nowhere",
              says=("nowhere",))
    out = ["--out", s.path("no"), "--home", s.home()]
    for name, link, says in (
            ("a link without a hash", "magnet:?dn=x", "names no torrent"),
            ("a broken hash", "magnet:?xt=urn:btih:abc", "no info hash"),
            ("a broken list of files", plain + "&so=x", "so=x")):
        s.refused(name, "get", link, *out, says=(says,))
    s.refused("--save-torrent without a link", "get", s.torrent, *out,
              "--save-torrent", s.path("x.torrent"), status=2,
              says=("magnet",))
    s.refused("--save-torrent over a file", "get", plain, *out,
              "--save-torrent", s.torrent, says=("exists",))


def fetched(s, plain, at):
    """By --peer, by x.pe and by a tracker; the .torrent is what it was."""
    saved = s.path("saved.torrent")
    got = s.run("get", plain + "&dn=shown", "--out", s.path("m1"), "--peer", at,
                "--home", s.home(), "--listen", ADDRESS + ":0",
                "--save-torrent", "saved.torrent")
    s.check("get by hash and --peer", got.status == 0 and stage.same(
        s.path("m1/one.bin"), s.source + "/one.bin"), got)
    s.check("the link's name is shown until the torrent's is known",
            "shown: looking" in got.err and "one.bin: complete" in got.out, got)
    got = s.run("verify", s.source, "--torrent", saved, "--home", s.home())
    s.check("the saved .torrent is good", got.status == 0, got)
    got = s.run("get", plain + "&x.pe=" + at.replace(":", "%3A"), "--out",
                s.path("m2"), "--home", s.home(), "--listen", ADDRESS + ":0")
    s.check("get by x.pe", got.status == 0 and stage.same(
        s.path("m2/one.bin"), s.source + "/one.bin"), got)

    tracker = Tracker(ADDRESS)
    port = stage.free_port(ADDRESS)
    p = s.start("seed", "seed", s.source, "--torrent", s.torrent, "--home",
                s.home(), "--listen", "%s:%d" % (ADDRESS, port), "--tracker",
                tracker.url)
    wait_for("announce", ANSWER_S, lambda: "started" in tracker.said, p)
    got = s.run("get", plain + "&tr=" + tracker.url, "--out", s.path("m3"),
                "--home", s.home(), "--listen", ADDRESS + ":0")
    s.check("get by the link's tracker", got.status == 0 and stage.same(
        s.path("m3/one.bin"), s.source + "/one.bin"), got)
    s.check("the tracker heard of it as of any download", tracker.said ==
            ["started", "started", "completed", "stopped"], tracker.said)
    p.stop(10)


def interrupted(s, plain, at):
    home, words = s.home(), ["get", plain, "--out", s.path("m4"), "--listen",
                             ADDRESS + ":0", "--home"]
    p = s.start("get", *words, home)
    wait_for("looking", ANSWER_S, lambda: s.logged(p, "looking"), p)
    os.kill(p.pid, signal.SIGINT)
    got = s.ended(p)
    s.check("Ctrl-C while the metadata is missing", got.status != 0 and
            "goes on from here" in got.err, got)
    p = s.start("get", *words, home, "--peer", at, "--limit-down", "2MiB")
    wait_for("pieces", ANSWER_S, lambda: s.logged(p, r"[2-8]\d% \["), p)
    os.kill(p.pid, signal.SIGINT)
    got = s.ended(p)
    s.check("Ctrl-C in the middle", got.status != 0, got)
    saved = s.path("kept.torrent")
    got = s.run(*words, home, "--peer", at, "--json", "--log-level", "info",
                "--save-torrent", saved)
    s.check("the same command goes on", got.status == 0 and
            got.json().get("downloaded", s.size) < s.size and stage.same(
                s.path("m4/one.bin"), s.source + "/one.bin"), got)
    s.check("with the metadata that it had", "torrent ready" in got.err and
            "torrent seek" not in got.err and os.path.exists(saved), got)
    p = s.start("get", *words, home)
    wait_for("looking", ANSWER_S, lambda: s.logged(p, "looking"), p)
    s.check("of what is complete no metadata is kept", True)
    os.kill(p.pid, signal.SIGINT)
    s.ended(p)


def by_daemon(s, plain, at):
    """The link is remembered over restarts, and the metadata once it is here."""
    home, saved = s.home(), s.path("daemon.torrent")
    listen = ["--listen", "%s:%d" % (ADDRESS, stage.free_port(ADDRESS))]
    d = s.daemon(home, *listen)
    got = add(s, home, "get", plain + "&dn=shown", "--out", s.path("m5"),
              "--save-torrent", saved)
    listed = s.listed(home).get(s.hash, {})
    s.check("a daemon takes a link", got.status == 3 and
            listed.get("state") == "metadata" and
            listed.get("name") == "shown" and
            listed.get("metadata") == {"have": 0, "size": 0} and
            listed.get("percent") == 0 and
            listed.get("magnet", "").startswith(plain), listed)
    s.refused("it is there already", "get", plain, "--out", s.path("m5"),
              "--home", home, says=("already, metadata",))
    s.refused("there is nothing to verify", "verify", s.hash, "--home", home,
              says=("metadata is not here",))
    s.run("pause", s.hash, "--home", home)
    s.check("it can be paused", s.state(home, s.hash) == "paused")
    os.kill(d.pid, signal.SIGTERM)
    s.ended(d, 15)
    d = s.daemon(home, *listen)
    s.check("a restart restores it, paused", s.state(home, s.hash) == "paused")
    s.run("resume", s.hash, "--home", home)
    s.check("resume goes on looking", s.state(home, s.hash) == "metadata")
    s.run("remove", s.hash, "--home", home)
    wait_for("removal", 15, lambda: not s.listed(home), d)

    add(s, home, "get", plain + "&x.pe=" + at, "--out", s.path("m5"),
        "--save-torrent", saved)
    wait_for("complete", ANSWER_S,
             lambda: s.state(home, s.hash) == "seeding", d)
    s.check("the daemon fetches it and saves its .torrent",
            os.path.exists(saved) and stage.same(
                s.path("m5/one.bin"), s.source + "/one.bin"))
    os.kill(d.pid, signal.SIGTERM)
    s.ended(d, 15)
    d = s.daemon(home, *listen)
    wait_for("seeding again", ANSWER_S,
             lambda: s.state(home, s.hash) == "seeding", d)
    s.check("after a restart the metadata is there",
            s.listed(home)[s.hash]["name"] == "one.bin")
    d.stop(15)


class Teller:
    """Tells the metadata (BEP 9) of a private torrent, which clients do not, once
    `ready` says so, and has nothing else. For one connection."""

    def __init__(self, info, info_hash, ready):
        self.info, self.info_hash, self.ready = info, info_hash, ready
        self.listener = socket.create_server((ADDRESS, 0))
        self.at = "%s:%d" % self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        link, _ = self.listener.accept()
        with link, link.makefile("rb") as said:
            said.read(68)
            link.sendall(b"\x13BitTorrent protocol" + bytes.fromhex(
                "0000000000100000") + bytes.fromhex(self.info_hash) +
                b"-XX0000-" + bytes(12))
            self._say(link, 0, {"m": {"ut_metadata": 3},
                                "metadata_size": len(self.info)})
            while len(size := said.read(4)) == 4:
                self._hear(link, said.read(struct.unpack(">I", size)[0]))

    def _hear(self, link, message):
        named = re.search(b"11:ut_metadatai([0-9]+)e", message)
        if message[:2] == b"\x14\x00" and named:
            self.id = int(named[1])
        elif message[:2] == b"\x14\x03":
            wait_for("trackers", ANSWER_S, self.ready)
            self._say(link, self.id, {"msg_type": 1, "piece": 0, "total_size":
                                      len(self.info)}, self.info)

    @staticmethod
    def _say(link, number, words, data=b""):
        body = bytes([20, number]) + stage.bencode(words) + data
        link.sendall(struct.pack(">I", len(body)) + body)


class Events(Tracker):
    """Remembers announces without an event, too."""

    def __init__(self, address):
        self.events = []
        super().__init__(address)

    def _answer(self, request):
        query = stage.urllib.parse.parse_qs(
            stage.urllib.parse.urlsplit(request.path).query)
        self.events.append(query.get("event", [""])[0])
        super()._answer(request)


def private(s):
    """BEP 27: one tracker at a time, from when it is known to be private."""
    torrent = s.path("private.torrent")
    made = s.run("create", s.source + "/one.bin", "--private", "--tracker",
                 "http://unused.example/announce", "--out", torrent, "--home",
                 s.home(), "--json").json()
    with open(torrent, "rb") as f:
        raw = f.read()
    info = raw[raw.index(b"4:infod") + 6:-1]
    s.check("the info dictionary is cut out", stage.hashlib.sha1(
        info).hexdigest() == made.get("info_hash"), made)
    first, second = Events(ADDRESS), Events(ADDRESS)
    teller = Teller(info, made["info_hash"],
                    lambda: first.events and second.events)
    p = s.start("get", "get", "magnet:?xt=urn:btih:%s&tr=%s&tr=%s" % (
        made["info_hash"], first.url, second.url), "--peer", teller.at,
        "--out", s.path("private"), "--home", s.home(), "--listen",
        ADDRESS + ":0", "--log-level", "info")
    wait_for("metadata", ANSWER_S, lambda: s.logged(p, "metadata is here"), p)
    before = len(first.events)
    wait_for("another announce", ANSWER_S,
             lambda: len(first.events) > before, p)
    os.kill(p.pid, signal.SIGINT)
    got = s.ended(p)
    s.check("of a private link's trackers the first goes on alone",
            first.events[-1] == "stopped" and second.events == ["started"],
            (first.events, second.events, str(got)))
