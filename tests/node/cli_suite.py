"""cli_suite.py - what the parts of cli.py share: both programs as a user types
them, homes of their own, and one line for each check."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402, F401

ADDRESS = "127.0.0.1"
ANSWER_S = 60


class Outcome:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return {}

    def __str__(self):
        return "exit %s, stdout %r, stderr %r" % (
            self.status, self.out[-300:], self.err[-300:])


def one_line(text, *words):
    lines = text.splitlines()
    return len(lines) == 1 and all(w in lines[0] for w in words)


class Suite:
    def __init__(self, args, directory, st):
        self.seedbank, self.seedbankd = args.seedbank, args.seedbankd
        self.directory, self.stage = directory, st
        self.passed = self.failed = self.homes = self.spawned = 0
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("SEEDBANK", "XDG_"))}
        self.env["HOME"] = self.path("user")
        self.env["SEEDBANK_DHT_BOOTSTRAP"] = "none"
        os.mkdir(self.path("user"))
        self.source = self.path("source")
        os.makedirs(self.source + "/pair/deep")
        stage.make_file(self.source + "/one.bin", 6 * MIB + 321)
        stage.make_file(self.source + "/pair/a.bin", MIB + 7)
        stage.make_file(self.source + "/pair/deep/b.bin", 90001)
        self.torrent = self.path("one.torrent")
        self.hash = stage.make_torrent(self.source + "/one.bin", self.torrent,
                                       65536)
        self.size = os.path.getsize(self.source + "/one.bin")

    def path(self, name):
        return os.path.join(self.directory, name)

    def home(self):
        self.homes += 1
        return self.path("home%d" % self.homes)

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
            print("ok     %s" % name, flush=True)
        else:
            self.failed += 1
            print("FAILED %s: %s" % (name, detail), flush=True)
        return bool(good)

    def run(self, *words, stdin="", program=None, **env):
        done = subprocess.run(
            [program or self.seedbank, *words], input=stdin, text=True,
            capture_output=True, timeout=ANSWER_S, env={**self.env, **env},
            cwd=self.directory)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def refused(self, name, *words, status=1, says=(), **kw):
        got = self.run(*words, **kw)
        self.check(name, got.status == status and not got.out and
                   one_line(got.err, *says), got)

    def start(self, name, *words, program=None):
        """A program that runs on; its standard output goes to name.out."""
        self.spawned += 1
        name = "%s-%d" % (name, self.spawned)
        with open(self.path(name + ".out"), "wb") as out:
            p = self.stage.spawn(name, [program or self.seedbank, *words],
                                 env=self.env, stdout=out)
        p.out = self.path(name + ".out")
        return p

    def ended(self, p, seconds=ANSWER_S):
        p.wait(seconds)
        with open(p.out) as out, open(p.log) as log:
            return Outcome(p.status, out.read(), log.read())

    def seeder(self, *words):
        port = stage.free_port(ADDRESS)
        p = self.start("seed", "seed", self.source, "--torrent", self.torrent,
                       "--home", self.home(), "--listen",
                       "%s:%d" % (ADDRESS, port), *words)
        wait_for("seeder", ANSWER_S, lambda: stage.accepts(ADDRESS, port), p)
        return p, "%s:%d" % (ADDRESS, port)

    @staticmethod
    def logged(p, pattern):
        with open(p.log) as f:
            return re.search(pattern, f.read())

    def daemon(self, home, *words):
        """Starts one and waits until its socket answers."""
        began = time.monotonic()
        p = self.start("daemon", "--home", home, *words,
                       program=self.seedbankd)

        def answers():
            with socket.socket(socket.AF_UNIX) as s:
                return s.connect_ex(home + "/api.sock") == 0
        wait_for("daemon", ANSWER_S, answers, p)
        p.seconds = time.monotonic() - began
        return p

    def listed(self, home):
        got = self.run("list", "--json", "--home", home)
        return {t["info_hash"]: t for t in got.json().get("torrents", [])}

    def state(self, home, info_hash):
        return self.listed(home).get(info_hash, {}).get("state")


class Tracker(stage.Tracker):
    """Remembers what it was told, and from where."""

    def __init__(self, address):
        self.said = []
        self.sources = set()
        self.ipv6 = []
        super().__init__(address)

    def _answer(self, request):
        query = stage.urllib.parse.parse_qs(
            stage.urllib.parse.urlsplit(request.path).query)
        self.said += query.get("event", [])
        self.ipv6 += query.get("ipv6", [])
        self.sources.add(request.client_address[0])
        super()._answer(request)


def add(s, home, *words):
    """Hands a torrent over and closes the client once the daemon has it."""
    known = len(s.listed(home))
    p = s.start("client", *words, "--home", home)
    wait_for("hand-over", ANSWER_S,
             lambda: len(s.listed(home)) > known or p.poll() is not None)
    if p.poll() is None:
        os.kill(p.pid, signal.SIGINT)
    return s.ended(p)
