"""clients.py - one side of a swap: seedbank, and each of the other programs, told
what the row's Mode asks for.
"""

import base64
import collections
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import stage
from stage import Failed, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
LT_PYTHON = "/usr/bin/python3"  # libtorrent comes from the distribution
# the newest release; scripts/setup makes this one
LT21_PYTHON = os.path.join(stage.TOP, "build", "peers", "bin", "python")
START_S = 60
HUB_BYTES_S = 1024  # what a hub is held to


# find: how they find each other; hub: whom the third is, of pex; line: what lies
# between them; web: the seeder has nothing but a web seed, which the leecher does
# not know
class Mode(collections.namedtuple("Mode",
                                  "find hub line utp rc4 plain magnet six web")):
    FINDS = ("tracker", "packed", "udp", "peer", "opentracker", "opentracker-udp",
             "dht", "pex", "lsd")
    LINES = ("bad", "nat", "nat-leech", "nats")

    @classmethod
    def parse(cls, text):
        words = text.split("+") if text else []
        find = [w for w in words if w in cls.FINDS] or ["tracker"]
        line = [w for w in words if w in cls.LINES] or [""]
        hub = [w[3:] for w in words if w.startswith("by-")] or ["seedbank"]
        flags = ("utp", "rc4", "plain", "magnet", "6", "web")
        rest = [w for w in words if not w.startswith("by-")]
        if set(rest) - set(cls.FINDS + cls.LINES + flags) or \
                len(find) > 1 or len(line) > 1:
            raise Failed("no such mode: " + text)
        return cls(find[0], hub[0], line[0], *[f in words for f in flags])


class Client:
    """Its run, `role` ("seed", "leech", "hub"), `address` there, `net` (the
    namespace; None: this one) and `directory` are set before start(), which
    returns when it listens; seeders have then checked their files. complete() is
    true when all is there and on disk."""

    hybrid = v2 = utp = False  # what it speaks
    lacks = frozenset()  # words of modes that it does not
    makes_empty_files = True
    options = ()
    settings = None
    super_seed = False
    asked_every_s = 0.02  # whether it is complete

    def __init__(self, program):
        self.program = program
        self.processes = []
        self.net = None

    def missing(self):
        return None if shutil.which(self.program) else self.program

    def stop(self):
        for p in self.processes:
            self.run.stage.forget(p)

    def at_home(self):
        return self.net or contextlib.nullcontext()

    def spawn(self, name, argv, **kw):
        prefix = self.net.prefix() if self.net else []
        p = self.run.stage.spawn("%s-%s" % (self.role, name), prefix + argv,
                                 **kw)
        self.processes.append(p)
        return p

    def accepts(self, port):
        with self.at_home():
            return stage.accepts(self.address, port)

    def listening(self, port, p):
        wait_for("listening " + p.name, START_S, lambda: self.accepts(port), p)

    def home(self, name):
        path = os.path.join(self.run.directory, "%s-%s" % (name, self.role))
        os.makedirs(path, 0o700, exist_ok=True)
        return path


def encryption_in(log):
    """How the connections were encrypted that seedbank's log tells of."""
    with open(log, errors="replace") as f:
        return set(re.findall(r"ready peer=\S+ encryption=(\w+)", f.read()))


class Seedbank(Client):
    hybrid = v2 = utp = True

    def config(self):
        mode = self.run.mode
        out = dict(self.settings or {})
        if mode.utp:
            out["utp"] = "only"
        if mode.rc4:
            out["encryption"] = "require"
        if mode.find in ("dht", "pex", "lsd"):
            out.update({way: "yes" if way == mode.find else "no"
                        for way in ("dht", "pex", "lsd")})
        return "".join("%s = %s\n" % line for line in out.items())

    def start(self):
        for content, torrent in self.run.given(self.role).items():
            self.start_one(content, torrent)

    def start_one(self, content, torrent):
        run = self.run
        port = run.port(self.address)
        home = self.home("home-" + content)
        with open(os.path.join(home, "config"), "w") as f:
            f.write(self.config())
        argv = [self.program, "--home", home]
        if self.role == "seed" and not run.mode.web:
            argv += ["seed", self.directory, "--torrent", torrent]
            argv += ["--super-seed"] * self.super_seed
        else:
            argv += ["get", torrent, "--out", self.directory]
        if self.role == "leech":
            argv += ["--seed-time", "0"]
        if self.role == "seed" and run.mode.web:
            argv += ["--seed-time", "1h"]
        if self.role == "hub":
            argv += ["--limit-down", "%d" % HUB_BYTES_S]
        if self.role == "leech" and run.mode.find == "peer":
            argv += ["--peer", run.peers[content]]
        if run.dht:
            argv += ["--dht-node", run.dht.hub]
        at = stage.endpoint(self.address, port)
        p = self.spawn("seedbank-" + content, argv + [
            *self.options, "--log-level", "debug", "--listen", at])
        p.port, p.content = port, content
        run.peers[content] = at
        if self.role != "leech":
            self.listening(port, p)
            self.announced(port, p)

    def announced(self, port, p):
        """Else a leecher that asks before us comes back in half a minute."""
        said = self.run.tracker.said
        if said is not None:
            wait_for("announce of " + p.name, START_S, lambda: port in said, p)

    def complete(self):
        return all(p.poll() is not None for p in self.processes)

    def stop(self):
        """A leecher has ended by itself, a seeder ends well when asked; both
        have told the tracker."""
        for p in self.processes:
            status = p.status if self.role == "leech" else p.stop(20)
            if status != 0:
                raise Failed("%s ended with %s (%s)" % (p.name, status, p.log))
            if self.run.mode.rc4 and "plain" in encryption_in(p.log):
                raise Failed("%s was not encrypted (%s)" % (p.name, p.log))
            if self.run.tracker.said is None or self.role == "hub":
                continue
            by_hash = self.run.tracker.said.get(p.port, {})
            if len(by_hash) != 1 + (p.content == "hybrid"):
                raise Failed("%s announced %d hashes" % (p.name, len(by_hash)))
            for said in by_hash.values():
                self.check_said(p, said)
        super().stop()

    def check_said(self, p, said):
        events = [event for event, _ in said if event]
        downloads = self.role == "leech" or self.run.mode.web
        want = ["started"] + ["completed"] * downloads + ["stopped"]
        if events != want:
            raise Failed("%s told the tracker %s, not %s" %
                         (p.name, events, want))
        if not downloads and any(left for _, left in said):
            raise Failed("%s has all but said left=%s" % (p.name, said))
        if said[-1][1] != 0:
            raise Failed("%s ended with left=%d" % (p.name, said[-1][1]))


class Aria2(Client):
    # no hybrid: it computes another info hash than that of the bytes
    OPTIONS = ["--console-log-level=notice", "--summary-interval=0",
               "--show-console-readout=false", "--no-conf",
               "--bt-tracker-interval=1"]

    def ways(self, port):
        """How it finds others."""
        mode = self.run.mode
        # without a DHT it has no UDP socket to ask trackers from
        dht = mode.find in ("dht", "udp")
        six = "6" if mode.six else ""
        out = ["--enable-dht=%s" % ("true" if dht else "false"),
               "--enable-dht6=%s" % ("true" if dht and six else "false"),
               "--bt-enable-lpd=%s" % (
                   "true" if mode.find == "lsd" else "false"),
               "--enable-peer-exchange=%s" % (
                   "true" if mode.find == "pex" else "false")]
        if dht:
            home = self.home("aria2")
            out += ["--dht-listen-port=%d" % port] + [
                "--dht-file-path%s=%s" % (v, os.path.join(home, "dht" + v))
                for v in ("", "6")]
        if dht and six:
            out.append("--dht-listen-addr6=" + self.address)
        if mode.find == "lsd":
            out.append("--bt-lpd-interface=" + self.address)
        if self.run.dht:
            out.append("--dht-entry-point%s=%s" % (six, self.run.dht.hub))
        if mode.rc4:
            out += ["--bt-require-crypto=true", "--bt-min-crypto-level=arc4"]
        return out

    def start(self):
        leeches = self.role == "leech"
        for content, torrent in self.run.given(self.role).items():
            port = self.run.port(self.address)
            options = ["--seed-time=0"] if leeches else ["--seed-ratio=0.0"]
            if self.role == "seed" and not self.run.mode.web:
                options.append("--check-integrity=true")
            if self.role == "hub":
                options.append("--max-download-limit=%d" % HUB_BYTES_S)
            p = self.spawn("aria2-" + content, [
                self.program, *self.OPTIONS, *self.ways(port), *self.options,
                *options, "--listen-port=%d" % port,
                "--dir=" + self.directory, "--interface=" + self.address,
                "--bt-external-ip=" + self.address, torrent])
            self.listening(port, p)
            self.run.peers[content] = stage.endpoint(self.address, port)

    def complete(self):
        ended = [p.poll() for p in self.processes]
        if any(ended):
            raise Failed("aria2 ended with %s" % ended)
        return None not in ended


class Libtorrent(Client):
    """Of a program that is told all by arguments and environment and says "ready"
    and "complete"."""

    hybrid = v2 = utp = True
    UTP_TOO = {"enable_incoming_utp": True, "enable_outgoing_utp": True}
    UTP_ALONE = {**UTP_TOO, "enable_incoming_tcp": False,
                 "enable_outgoing_tcp": False}
    RC4_ALONE = {"in_enc_policy": 0, "out_enc_policy": 0,
                 "allowed_enc_level": 2}
    PLAIN_ALONE = {"in_enc_policy": 2, "out_enc_policy": 2}

    def __init__(self, python=LT_PYTHON):
        super().__init__(python)

    def missing(self):
        ok = shutil.which(self.program) and subprocess.run(
            [self.program, "-c", "import libtorrent"],
            capture_output=True).returncode == 0
        return None if ok else "libtorrent of " + self.program

    def environment(self):
        mode = self.run.mode
        settings = {"enable_lsd": mode.find == "lsd",
                    "enable_dht": mode.find == "dht",
                    # it meets others between two routers by uTP
                    **(self.UTP_TOO if mode.line == "nats" else {}),
                    **(self.UTP_ALONE if mode.utp else {}),
                    **(self.RC4_ALONE if mode.rc4 else {}),
                    **(self.PLAIN_ALONE if mode.plain else {}),
                    **(self.settings or {})}
        return {**os.environ, "LT_SETTINGS": json.dumps(settings),
                **({"LT_DHT": self.run.dht.hub} if self.run.dht else {}),
                **({"LT_LIMIT": "%d" % HUB_BYTES_S}
                   if self.role == "hub" else {}),
                **({"LT_SUPER": "1"} if self.super_seed else {})}

    def argv(self):
        return [self.program, os.path.join(HERE, "lt_peer.py")]

    def start(self):
        port = self.run.port(self.address)
        given = self.run.given(self.role)
        self.said = os.path.join(self.home("libtorrent"), "said")
        with open(self.said, "wb") as f:
            p = self.spawn("libtorrent", [
                *self.argv(), stage.endpoint(self.address, port),
                self.directory, *given.values()], stdout=f,
                env=self.environment())
        for content in given:
            self.run.peers[content] = stage.endpoint(self.address, port)
        wait_for("ready libtorrent", START_S, lambda: self._says("ready"), p)
        if self.role == "seed" and not self.run.mode.web:
            wait_for("libtorrent seeding", START_S, self.complete, p)

    def _says(self, word):
        with open(self.said) as f:
            return word in f.read().split()

    def complete(self):
        return self._says("complete")


class Transmission(Client):
    utp = True
    makes_empty_files = False
    asked_every_s = 0.3  # each time over HTTP

    def ways(self):
        """How it finds others, and what it lets in."""
        mode = self.run.mode
        # without uTP it has no UDP socket to ask trackers from
        utp = mode.utp or mode.find == "udp"
        return ["--dht" if mode.find == "dht" else "--no-dht",
                "--lpd" if mode.find == "lsd" else "--no-lpd",
                "--utp" if utp else "--no-utp", "--no-portmap",
                *(["-er"] if mode.rc4 else [])]

    def start(self):
        port = self.run.port(self.address)
        self.rpc_address = self.address
        bind = ["--bind-address-ipv4", self.address]
        if stage.is_ipv6(self.address):
            # bound to one of each it would ask every tracker from the IPv4 one
            bind = ["--bind-address-ipv6", self.address]
            self.rpc_address = "127.0.0.1"
        self.rpc_port = self.run.port(self.rpc_address)
        self.session = ""
        home = self.home("transmission")
        if self.run.dht:
            self._know_nodes(home)
        p = self.spawn("transmission", [
            self.program, "-f", "-g", home, *self.ways(), *self.options,
            *bind, "-P", str(port),
            "-p", str(self.rpc_port), "-r", self.rpc_address,
            "--allowed", "*", "--no-auth", "-w", self.directory])
        wait_for("transmission's RPC", START_S, self._answers, p)
        if self.role == "hub":
            self._rpc("session-set", {"speed-limit-down": 1,
                                      "speed-limit-down-enabled": True})
        for content, torrent in self.run.given(self.role).items():
            self._rpc("torrent-add", {**self._source(torrent),
                                      "download-dir": self.directory})
            self.run.peers[content] = stage.endpoint(self.address, port)
        self.listening(port, p)
        if self.role == "seed" and not self.run.mode.web:
            wait_for("transmission seeding", START_S, self.complete, p)

    def _know_nodes(self, home):
        """It searches nothing before it knows nine, and pings those of this file
        one after the other."""
        nodes = b"".join(
            socket.inet_pton(stage.family(ip), ip) + port.to_bytes(2, "big")
            for ip, port in self.run.dht.nodes)
        key = "nodes6" if self.run.mode.six else "nodes"
        with open(os.path.join(home, "dht.dat"), "wb") as f:
            f.write(stage.bencode({"id": os.urandom(20), key: nodes}))

    def _answers(self):
        with self.at_home():
            return stage.accepts(self.rpc_address, self.rpc_port)

    @staticmethod
    def _source(torrent):
        if torrent.startswith("magnet:"):
            return {"filename": torrent}
        with open(torrent, "rb") as f:
            return {"metainfo": base64.b64encode(f.read()).decode()}

    def _rpc(self, method, arguments):
        """Once more when it asks for its session id (409)."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(2):
            request = urllib.request.Request(
                "http://%s:%d/transmission/rpc" % (self.rpc_address,
                                                   self.rpc_port),
                json.dumps({"method": method,
                            "arguments": arguments}).encode(),
                {"X-Transmission-Session-Id": self.session})
            try:
                with self.at_home(), \
                        opener.open(request, timeout=30) as answer:
                    out = json.load(answer)
            except urllib.error.HTTPError as e:
                if e.code != 409:
                    raise Failed("transmission: " + str(e)) from e
                self.session = e.headers["X-Transmission-Session-Id"]
                continue
            if out["result"] != "success":
                raise Failed("transmission: %s: %s" % (method, out["result"]))
            return out["arguments"]
        raise Failed("transmission gives no session id")

    def complete(self):
        torrents = self._rpc("torrent-get", {
            "fields": ["status", "leftUntilDone", "percentDone"]})["torrents"]
        return len(torrents) == len(self.run.contents) and all(
            t["status"] == 6 and t["percentDone"] == 1 for t in torrents)
