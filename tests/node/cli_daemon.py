"""cli_daemon.py - the parts of cli.py that need a daemon."""

import base64
import json
import os
import signal
import socket
import threading
import time

import stage
from cli_suite import (ADDRESS, ANSWER_S, Failed, MIB, Tracker, add, wait_for)


def move(s, home, d, out):
    """There and back again; the second time the files are moved by hand."""
    other = s.path("moved")

    def seeds():
        return s.state(home, s.hash) == "seeding" and \
            s.listed(home)[s.hash]["have"] == s.size

    got = s.run("move", s.hash, other, "--home", home)
    s.check("move", got.status == 0, got)
    wait_for("seeding again", ANSWER_S, seeds, d)
    s.check("its files are there, and not here",
            stage.same(other + "/one.bin", s.source + "/one.bin") and
            not os.path.exists(out + "/one.bin"), os.listdir(other))
    s.refused("move to where it is", "move", s.hash, other, "--home", home,
              says=("already",))
    with open(out + "/one.bin", "w") as f:
        f.write("another's")
    s.refused("move to where another file is", "move", s.hash, out, "--home",
              home, says=("one.bin", "already"))
    s.check("and it goes on", seeds(), s.listed(home))
    os.rename(other + "/one.bin", out + "/one.bin")
    got = s.run("move", s.hash, out, "--home", home)
    s.check("move after files that were moved", got.status == 0, got)
    wait_for("seeding again", ANSWER_S, seeds, d)
    s.refused("move of an unknown torrent", "move", "ffffffff", other, "--home",
              home, says=("ffffffff",))


def remove_under_a_client(s):
    home = s.home()
    d = s.daemon(home, "--listen", ADDRESS + ":0")
    client = s.start("client", "get", s.torrent, "--out", s.path("gone"),
                     "--home", home)
    wait_for("handed over", ANSWER_S, lambda: s.hash in s.listed(home), d)
    got = s.run("remove", s.hash, "--home", home)
    s.check("remove of what a client waits for", got.status == 0, got)
    got = s.ended(client, ANSWER_S)
    s.check("tells the client", got.status == 1 and "removed" in got.err, got)
    s.check("and the daemon goes on", not s.listed(home), s.listed(home))
    s.stage.forget(d)


def part_daemon(s):
    home, out = s.home(), s.path("handed")
    tracker = Tracker(ADDRESS)
    seeder, at = s.seeder("--limit-up", "1MiB")
    port = stage.free_port(ADDRESS)
    listen = ["--listen", "%s:%d" % (ADDRESS, port)]
    d = s.daemon(home, *listen)
    s.refused("a second daemon on the same home names the first", "--home",
              home, *listen, says=(str(d.pid),), program=s.seedbankd)
    got = s.run("list", "--home", home)
    s.check("list of none", got.status == 0 and got.out == "no torrents\n", got)
    got = s.run("status", "--home", home, "--json")
    s.check("status comes from the daemon", got.status == 0 and
            got.json().get("pid", d.pid) == d.pid, got)

    got = add(s, home, "get", s.torrent, "--out", out, "--peer", at,
              "--tracker", tracker.url)
    s.check("closing the client of a get says that the daemon goes on",
            got.status == 3 and "daemon" in got.err.splitlines()[-1], got)
    s.check("and the daemon does", s.state(home, s.hash) in
            ("checking", "downloading"), s.listed(home))
    wait_for("tracker", ANSWER_S, lambda: "started" in tracker.said, d)
    got = s.run("pause", s.hash[:6], "--home", home)
    s.check("pause by the first digits", got.status == 0 and
            "paused" in got.out, got)
    try:
        wait_for("stopped", 5, lambda: "stopped" in tracker.said, d)
    except Failed:
        pass
    s.check("pause tells the tracker `stopped`",
            tracker.said == ["started", "stopped"], tracker.said)
    have = s.listed(home)[s.hash]["have"]

    os.kill(d.pid, signal.SIGTERM)
    got = s.ended(d, 15)
    s.check("SIGTERM ends the daemon cleanly", got.status == 0, got)
    s.check("its socket is gone", not os.path.exists(home + "/api.sock"))
    d = s.daemon(home, *listen)
    s.check("a restart restores the torrent, paused",
            s.state(home, s.hash) == "paused", s.listed(home))
    got = s.run("resume", s.hash, "--home", home)
    s.check("resume", got.status == 0, got)
    wait_for("complete", ANSWER_S,
             lambda: s.state(home, s.hash) == "seeding", d)
    done = s.listed(home)[s.hash]
    s.check("what was there was not fetched again: %d had, %d fetched" %
            (have, done["downloaded"]), have <= done["have"] and
            done["downloaded"] <= s.size - have + MIB and
            stage.same(out + "/one.bin", s.source + "/one.bin"), done)
    got = s.run("verify", s.hash, "--home", home)
    s.check("verify a torrent of the daemon", got.status == 0 and
            "pieces are good" in got.out, got)
    move(s, home, d, out)
    s.refused("a torrent that is there already", "get", s.torrent, "--out",
              out, "--home", home,
              says=("already, ", "seedbank remove " + s.hash[:8]))
    s.refused("pause of an unknown torrent", "pause", "ffffffff", "--home",
              home, says=("ffffffff", "seedbank list"))

    second = s.path("d2.torrent")
    s.run("create", s.source + "/pair", "--out", second, "--home", home)
    got = add(s, home, "seed", s.source, "--torrent", second)
    pair = [h for h in s.listed(home) if h != s.hash]
    s.check("seed is handed over and goes on", got.status == 3 and
            len(pair) == 1 and s.state(home, pair[0]) in
            ("checking", "seeding"), got)
    got = s.run("get", second, "--out", s.path("from-daemon"), "--home",
                s.home(), "--listen", ADDRESS + ":0", "--peer",
                "%s:%d" % (ADDRESS, port))
    s.check("the daemon serves it", got.status == 0 and
            stage.same(s.path("from-daemon/pair/deep/b.bin"),
                       s.source + "/pair/deep/b.bin"), got)
    got = s.run("remove", pair[0], "--files", "--home", home)
    s.check("remove --files never touches what is only seeded",
            got.status == 0 and os.path.exists(s.source + "/pair/a.bin"), got)
    got = s.run("remove", s.hash, "--files", "--home", home)
    s.check("remove --files deletes what was downloaded", got.status == 0 and
            "removed" in got.out, got)
    wait_for("removal", 15, lambda: not s.listed(home), d)
    wait_for("deleted file", 15, lambda: not os.path.exists(out + "/one.bin"),
             d)

    got = s.run("seed", s.source, "--torrent", s.torrent, "--seed-time", "1s",
                "--home", home, "--json")
    s.check("seed --seed-time through the daemon ends", got.status == 0, got)
    s.check("and the daemon stops seeding", s.state(home, s.hash) == "paused",
            s.listed(home))
    os.kill(d.pid, signal.SIGKILL)
    d.wait(10)
    tries = []
    for _ in range(3):  # the machine may be busy
        d = s.daemon(home, *listen)
        tries.append(d.seconds)
        if d.seconds < 1:
            break
        s.stage.forget(d)
    s.check("after kill -9 it starts again, in %.2f s" % tries[-1],
            min(tries) < 1, tries)
    s.check("and knows its torrents", s.hash in s.listed(home))
    s.stage.forget(d)
    remove_under_a_client(s)
    s.refused("list without a daemon says how to start one", "list", "--home",
              home, says=("start seedbankd",))
    s.stage.forget(seeder)


def part_stop(s):
    """The daemon stops while clients wait for what they handed over."""
    home = s.home()
    d = s.daemon(home, "--listen", ADDRESS + ":0")
    seed = s.start("client", "seed", s.source, "--torrent", s.torrent,
                   "--home", home)
    second = s.path("stop.torrent")
    s.run("create", s.source + "/pair", "--out", second, "--home", home)
    get = s.start("client", "get", second, "--out", s.path("stopped"),
                  "--home", home)
    for p, text in ((seed, "seeding on port"), (get, "pieces are here")):
        wait_for(text, ANSWER_S, lambda p=p, text=text: s.logged(p, text), p)
    os.kill(d.pid, signal.SIGTERM)
    got = s.ended(seed, 15)
    s.check("a seed handed over ends well when the daemon stops",
            got.status == 0 and "daemon stopped" in got.out and
            "stays in its list" in got.out, got)
    got = s.ended(get, 15)
    s.check("an unfinished get does not", got.status == 3 and
            "daemon stopped" in got.err.splitlines()[-1], got)
    got = s.ended(d, 15)
    s.check("and the daemon has ended", got.status == 0, got)


def part_again(s):
    """What was asked for holds over a restart, and is counted on."""
    home = s.home()
    port = stage.free_port(ADDRESS)
    listen = ["--listen", "%s:%d" % (ADDRESS, port)]
    at = "%s:%d" % (ADDRESS, stage.free_port(ADDRESS))
    second = s.path("again.torrent")
    s.run("create", s.source + "/pair", "--out", second, "--home", home)
    d = s.daemon(home, *listen)
    add(s, home, "seed", s.source, "--torrent", second, "--seed-time", "1h",
        "--slots", "3")
    pair = next(iter(s.listed(home)))
    add(s, home, "seed", s.source, "--torrent", s.torrent, "--seed-ratio",
        "1.5")
    s.check("--slots of a torrent goes to the daemon",
            s.listed(home)[pair].get("slots") == 3, s.listed(home))
    fetch = ["--listen", ADDRESS + ":0", "--peer", "%s:%d" % (ADDRESS, port)]
    got = s.run("get", s.torrent, "--out", s.path("again1"), "--home",
                s.home(), *fetch)
    s.check("once through is not --seed-ratio 1.5", got.status == 0 and
            s.state(home, s.hash) == "seeding", got)
    wait_for("seeding", ANSWER_S,
             lambda: s.listed(home)[pair].get("seeded_s", 2) >= 2, d)

    os.kill(d.pid, signal.SIGTERM)
    s.ended(d, 15)
    d = s.daemon(home, *listen)
    s.check("--seed-time counts on, and --slots holds",
            s.listed(home)[pair].get("seeded_s", 0) >= 2 and
            s.listed(home)[pair].get("slots") == 3, s.listed(home))
    p = s.start("get", "get", s.torrent, "--out", s.path("again2"), "--home",
                s.home(), *fetch)
    try:
        wait_for("ratio", 15, lambda: s.state(home, s.hash) == "paused", d)
    except Failed:
        pass
    s.check("--seed-ratio counts on", s.state(home, s.hash) == "paused",
            s.listed(home)[s.hash])
    s.run("resume", s.hash, "--home", home)
    got = s.ended(p)
    s.check("resume drops the end that was reached", got.status == 0 and
            s.state(home, s.hash) == "seeding", got)
    s.run("verify", pair, "--home", home)
    s.check("one that was not reached holds",
            s.listed(home)[pair].get("seed_time_s") == 3600 and
            "seed_ratio_permille" not in s.listed(home)[s.hash], s.listed(home))
    os.kill(d.pid, signal.SIGKILL)
    d.wait(10)
    d = s.daemon(home, *listen)
    wait_for("seeding", ANSWER_S,
             lambda: s.state(home, s.hash) == "seeding", d)
    got = s.run("get", s.torrent, "--out", s.path("again4"), "--home",
                s.home(), *fetch)
    s.check("and a restart finds it as the user left it: seeding, without end",
            got.status == 0 and s.state(home, s.hash) == "seeding",
            s.listed(home))
    s.run("pause", s.hash, "--home", home)
    os.kill(d.pid, signal.SIGKILL)
    d.wait(10)
    d = s.daemon(home, *listen)
    s.check("or paused", s.state(home, s.hash) == "paused", s.listed(home))
    s.stage.forget(d)

    home, out = s.home(), s.path("again3")
    d = s.daemon(home, "--listen", ADDRESS + ":0")
    add(s, home, "get", s.torrent, "--out", out, "--peer", at, "--preallocate")
    os.kill(d.pid, signal.SIGKILL)
    d.wait(10)
    p = s.start("seed", "seed", s.source, "--torrent", s.torrent, "--home",
                s.home(), "--listen", at, "--limit-up", "256KiB")
    wait_for("seeder", ANSWER_S,
             lambda: stage.accepts(ADDRESS, int(at.split(":")[1])), p)
    d = s.daemon(home, "--listen", ADDRESS + ":0")
    wait_for("bytes", ANSWER_S, lambda: s.listed(home)[s.hash]["have"] > 0, d)
    st = os.stat(out + "/one.bin")
    s.check("--preallocate holds", st.st_blocks * 512 >= s.size,
            st.st_blocks * 512)
    s.stage.forget(d)
    s.stage.forget(p)


class LateTracker(Tracker):
    """Answers after a while, and counts how many wait for it."""

    def __init__(self, address):
        self.waiting = self.most = 0
        self.lock = threading.Lock()
        super().__init__(address)
        self.server.socket.listen(128)

    def _answer(self, request):
        with self.lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        time.sleep(0.05)
        super()._answer(request)
        with self.lock:
            self.waiting -= 1


def seed_zeroes(home, directory, name, url):
    """Hands a torrent of one piece over to the daemon."""
    with open(os.path.join(directory, name), "wb") as f:
        f.truncate(16384)
    torrent = stage.bencode({"info": {
        "length": 16384, "name": name, "piece length": 16384,
        "pieces": stage.hashlib.sha1(bytes(16384)).digest()}})
    with socket.socket(socket.AF_UNIX) as api:
        api.connect(home + "/api.sock")
        api.sendall(json.dumps({"method": "add", "params": {
            "mode": "seed", "dir": directory, "tracker": [url],
            "torrent": base64.b64encode(torrent).decode()}}).encode() + b"\n")
        api.makefile().readline()


def part_line(s):
    """More torrents than there are places for requests."""
    home, directory, n = s.home(), s.path("line"), 80
    os.mkdir(directory)
    tracker = LateTracker(ADDRESS)
    d = s.daemon(home, "--listen", ADDRESS + ":0")
    for i in range(n):
        seed_zeroes(home, directory, "zeroes%d" % i, tracker.url)
    wait_for("all are told", ANSWER_S,
             lambda: tracker.said.count("started") == n, d)
    s.check("a tracker has eight announces at once, of all torrents",
            tracker.most <= 8, tracker.most)
    wait_for("all answers", ANSWER_S, lambda: tracker.waiting == 0, d)
    os.kill(d.pid, signal.SIGTERM)
    got = s.ended(d, 15)
    s.check("and all say goodbye when the daemon ends", got.status == 0 and
            tracker.said.count("stopped") == n,
            (got.status, tracker.said.count("stopped")))
