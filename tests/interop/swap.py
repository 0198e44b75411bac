#!/usr/bin/env python3
"""swap.py - seedbank and other BitTorrent clients swap files, each as seeder and
as leecher, and the files are compared byte for byte.

Two torrents in every run: one file, and a directory with files of odd sizes, an
empty one, a nested one and one with a name beyond ASCII. With libtorrent on the
other side also a hybrid v1+v2 torrent with pad files, which is announced by both
its hashes, and one of v2 alone. A tracker brings them together; it writes down what it was told: a seeder must have said left=0, a
leecher `completed`, both `stopped`. Two seedbanks find each other by --peer alone,
and where opentracker is installed, by it, over HTTP and UDP. With @udp the tracker
speaks UDP (BEP 15; @udp6: over IPv6). With @magnet the leecher has a magnet link
alone. The same again over IPv6 (@ipv6: the
tracker, too, has only an IPv6 address; @peer6).

All is in a network namespace of its own. Where none can be made: 127.0.0.x and
::1, and without transmission, which refuses those.

usage: swap.py [--seedbank PROGRAM] [--keep]
               [--pairs SEEDER:LEECHER[@peer|@magnet|@udp|@udp6|@opentracker|@opentracker-udp|@ipv6|@peer6],...]
clients: seedbank, transmission, aria2, libtorrent, libtorrent21, rtorrent,
qbittorrent
"""

import argparse
import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

LT_PYTHON = "/usr/bin/python3"  # libtorrent comes from the distribution
# the newest release; scripts/setup makes this one
LT21_PYTHON = os.path.join(stage.TOP, "build", "peers", "bin", "python")
BY_HAND = ("rtorrent", "qbittorrent")  # only where --pairs names them
TRANSFER_S = 150
START_S = 60


# --- what is swapped ------------------------------------------------------------

def write(path, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(os.urandom(size))


CONTENTS = {
    "single": {"single.bin": 6 * stage.MIB + 12345},
    "multi": {
        "multi/a/one.bin": 3 * stage.MIB + 1,
        "multi/a/b/two.bin": 100000,
        "multi/empty": 0,
        "multi/n\u00e0me \u2603.txt": 10,
        "multi/z.bin": 2 * stage.MIB,
    },
    "hybrid": {
        "hybrid/one.bin": 1 * stage.MIB + 7,
        "hybrid/two.bin": 70000,
        "hybrid/three.bin": 1 * stage.MIB,
    },
    "v2": {
        "v2/one.bin": 9 * stage.MIB + 7,  # over 512 pieces: layers in parts
        "v2/empty": 0,
        "v2/below/two.bin": 70000,
    },
}
BY_V2 = ("hybrid", "v2")


def make_by_libtorrent(directory, out, announce, kind):
    """Version 2 alone, or v1 and v2 in one, with pad files between."""
    code = """if 1:
        import libtorrent as lt, os, sys
        directory, out, announce, kind = sys.argv[1:]
        fs = lt.file_storage()
        lt.add_files(fs, directory)
        t = lt.create_torrent(fs, 16384 if kind == "v2" else 65536,
                              lt.create_torrent.v2_only if kind == "v2" else 0)
        if announce:
            t.add_tracker(announce)
        lt.set_piece_hashes(t, os.path.dirname(directory))
        open(out, "wb").write(lt.bencode(t.generate()))
        h = lt.torrent_info(out).info_hashes()
        print(h.v1 if h.has_v1() else str(h.v2)[:40], h.v2)
    """
    return subprocess.run(
        [LT_PYTHON, "-c", code, directory, out, announce, kind], check=True,
        capture_output=True, text=True).stdout.split()


def make_multi(source, names, out, announce, piece_length=32768):
    data = b""
    files = []
    for name in names:
        with open(os.path.join(source, name), "rb") as f:
            content = f.read()
        data += content
        files.append({"length": len(content), "path": name.split("/")[1:]})
    pieces = b"".join(
        stage.hashlib.sha1(data[i:i + piece_length]).digest()
        for i in range(0, len(data), piece_length))
    info = {"files": files, "name": names[0].split("/")[0],
            "piece length": piece_length, "pieces": pieces}
    with open(out, "wb") as f:
        f.write(stage.bencode({"announce": announce or "", "info": info}))
    return stage.hashlib.sha1(stage.bencode(info)).hexdigest()


def make_contents(directory, announce):
    """Files below source/, a .torrent of each content, their info hashes."""
    source = os.path.join(directory, "source")
    torrents, hashes = {}, {}
    for content, files in CONTENTS.items():
        for name, size in files.items():
            write(os.path.join(source, name), size)
        out = torrents[content] = os.path.join(directory,
                                               content + ".torrent")
        if content == "single":
            made = [stage.make_torrent(os.path.join(source, "single.bin"),
                                       out, 65536, announce)]
        elif content == "multi":
            made = [make_multi(source, list(files), out, announce)]
        elif Libtorrent().missing() is None:
            made = make_by_libtorrent(os.path.join(source, content), out,
                                      announce, content)
        else:
            del torrents[content]
            continue
        hashes[content] = made
    return source, torrents, hashes


def compare(source, out, contents, empty=True):
    for content in contents:
        for name, size in CONTENTS[content].items():
            if not size and not empty:
                continue
            if not stage.same(os.path.join(source, name),
                              os.path.join(out, name)):
                raise Failed("%s differs or is missing in %s" % (name, out))


class Tracker(stage.Tracker):
    """Remembers what each port said."""

    def __init__(self, address):
        self.said = {}  # port -> {info hash: [(event, left)]}
        super().__init__(address)

    def start(self, st, info_hashes):
        """It listens already and knows every torrent."""

    def forget_all(self):
        self.peers.clear()
        self.said.clear()

    def _answer(self, request):
        query = stage.urllib.parse.parse_qs(
            stage.urllib.parse.urlsplit(request.path).query,
            encoding="latin-1")
        if "port" not in query:  # a scrape
            request.send_error(404)
            return
        self.said.setdefault(int(query["port"][0]), {}).setdefault(
            query["info_hash"][0], []).append(
                (query.get("event", [""])[0], int(query["left"][0])))
        super()._answer(request)


class UdpTracker:
    """The same over UDP (BEP 15), for who has asked for an id first."""

    EVENTS = ["", "completed", "started", "stopped"]

    def __init__(self, address):
        self.said = {}  # port -> {info hash: [(event, left)]}
        self.peers = {}  # info hash -> {(ip, port)}
        self.socket = socket.socket(stage.family(address), socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.url = "udp://%s/announce" % stage.endpoint(
            address, self.socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def start(self, st, info_hashes):
        """It listens already and knows every torrent."""

    def forget_all(self):
        self.peers.clear()
        self.said.clear()

    def _serve(self):
        ids = {}
        while True:
            datagram, at = self.socket.recvfrom(2048)
            given, action, number = struct.unpack(">QII", datagram[:16])
            if action == 0 and given == 0x41727101980:
                ids[at] = struct.unpack(">Q", os.urandom(8))[0]
                answer = struct.pack(">IIQ", 0, number, ids[at])
            elif action == 1 and given == ids.get(at):
                answer = struct.pack(">II", 1, number) + \
                    self._announce(datagram, at)
            elif action == 2 and given == ids.get(at):
                answer = struct.pack(">IIIII", 2, number, 0, 0, 0)
            else:
                answer = struct.pack(">II", 3, number) + b"no id of mine"
            self.socket.sendto(answer, at)

    def _announce(self, datagram, at):
        hash_, _, _, left, _, event, _, _, _, port = struct.unpack(
            ">20s20sQQQIIIiH", datagram[16:98])
        swarm = self.peers.setdefault(hash_, set())
        me = (at[0], port)
        self.said.setdefault(port, {}).setdefault(hash_, []).append(
            (self.EVENTS[event], left))
        others = b"".join(
            socket.inet_pton(stage.family(ip), ip) + struct.pack(">H", p)
            for ip, p in swarm - {me})
        swarm.discard(me) if event == 3 else swarm.add(me)
        return struct.pack(">III", 5, 0, len(swarm)) + others


class NoTracker:
    """The leecher is told with --peer where the seeder is."""

    said = None
    url = ""

    def __init__(self, _address):
        pass

    def start(self, st, info_hashes):
        pass

    def forget_all(self):
        pass


class Opentracker:
    """Somebody else's tracker; it does not tell what it was told."""

    said = None
    scheme = "http"

    def __init__(self, address):
        self.address = address
        self.port = stage.free_port(address)
        self.url = "%s://%s:%d/announce" % (self.scheme, address, self.port)

    def forget_all(self):
        """The one run that it serves is the last."""

    def start(self, st, info_hashes):
        """It knows no torrent that is not on its list."""
        with open(os.path.join(st.directory, "whitelist"), "w") as f:
            f.write("".join(h + "\n" for h in info_hashes))
        os.chmod(st.directory, 0o755)
        process = st.spawn("opentracker", [
            "opentracker", "-i", self.address, "-p", str(self.port), "-P",
            str(self.port), "-d", st.directory, "-w", "/whitelist",
            "-u", "nobody"])
        wait_for("listening opentracker", START_S,
                 lambda: stage.accepts(self.address, self.port), process)


class OpentrackerUdp(Opentracker):
    scheme = "udp"


# --- the clients ----------------------------------------------------------------

class Client:
    """One side of a run: `torrents` at once, all on `address`.

    start() returns when it listens; seeders have then checked their files.
    complete() is true when all is there and on disk."""

    hybrid = False  # takes torrents of both versions; `v2`: of v2 alone
    v2 = False
    makes_empty_files = True

    def __init__(self, program=None):
        self.program = program
        self.processes = []

    def missing(self):
        return None if shutil.which(self.program) else self.program

    def stop(self):
        for p in self.processes:
            self.run.stage.forget(p)

    def spawn(self, name, argv, **kw):
        p = self.run.stage.spawn("%s-%s" % (self.run.name, name), argv, **kw)
        self.processes.append(p)
        return p

    def listening(self, port, p):
        wait_for("listening " + p.name, START_S,
                 lambda: stage.accepts(self.address, port), p)


class Seedbank(Client):
    hybrid = v2 = True
    settings = ""  # the home's config
    options = ()

    def start(self, role):
        for content, torrent in self.run.torrents.items():
            port = self.run.port(self.address)
            home = os.path.join(self.run.directory, "home-%s-%s" %
                                (role, content))
            os.makedirs(home, 0o700)
            with open(os.path.join(home, "config"), "w") as f:
                f.write(self.settings)
            argv = [self.program, "--home", home]
            if role == "seed":
                argv += ["seed", self.directory, "--torrent", torrent]
            else:
                argv += ["get", torrent, "--out", self.directory,
                         "--seed-time", "0"]
                if not self.run.tracker.url:
                    argv += ["--peer", self.run.peers[content]]
            p = self.spawn("seedbank-" + content, argv + [
                *self.options,
                "--listen", stage.endpoint(self.address, port)])
            p.port, p.role, p.content = port, role, content
            self.run.peers[content] = stage.endpoint(self.address, port)
            if role == "seed":
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
            status = p.status if p.role == "leech" else p.stop(20)
            if status != 0:
                raise Failed("%s ended with %s (%s)" % (p.name, status, p.log))
            if self.run.tracker.said is None:
                continue
            by_hash = self.run.tracker.said.get(p.port, {})
            if len(by_hash) != 1 + (p.content == "hybrid"):
                raise Failed("%s announced %d hashes" % (p.name, len(by_hash)))
            for said in by_hash.values():
                self.check_said(p, said)
        super().stop()


    @staticmethod
    def check_said(p, said):
        events = [event for event, _ in said if event]
        want = ["started"] + ["completed"] * (p.role == "leech") + ["stopped"]
        if events != want:
            raise Failed("%s told the tracker %s, not %s" %
                         (p.name, events, want))
        if p.role == "seed" and any(left for _, left in said):
            raise Failed("%s has all but said left=%s" % (p.name, said))
        if p.role == "leech" and said[-1][1] != 0:
            raise Failed("%s ended with left=%d" % (p.name, said[-1][1]))


class Aria2(Client):
    # no hybrid: it computes another info hash than that of the bytes
    options = ()
    OPTIONS = ["--enable-dht=false", "--enable-dht6=false",
               "--bt-enable-lpd=false", "--enable-peer-exchange=false",
               "--console-log-level=notice", "--summary-interval=0",
               "--show-console-readout=false", "--no-conf",
               "--bt-tracker-interval=1"]

    def start(self, role):
        for content, torrent in self.run.torrents.items():
            port = self.run.port(self.address)
            options = ["--seed-time=0"] if role == "leech" else [
                "--check-integrity=true", "--seed-ratio=0.0"]
            p = self.spawn("aria2-" + content, [
                self.program, *self.OPTIONS, *self.options, *options,
                "--listen-port=%d" % port, "--dir=" + self.directory,
                "--interface=" + self.address,
                "--bt-external-ip=" + self.address, torrent])
            self.listening(port, p)

    def complete(self):
        ended = [p.poll() for p in self.processes]
        if any(ended):
            raise Failed("aria2 ended with %s" % ended)
        return None not in ended


class Libtorrent(Client):
    hybrid = v2 = True
    settings = {}  # of its session
    super_seed = False

    def __init__(self, python=LT_PYTHON):
        super().__init__(python)

    def missing(self):
        ok = shutil.which(self.program) and subprocess.run(
            [self.program, "-c", "import libtorrent"],
            capture_output=True).returncode == 0
        return None if ok else "libtorrent of " + self.program

    def start(self, role):
        port = self.run.port(self.address)
        said = os.path.join(self.run.directory, "libtorrent-said-" + role)
        with open(said, "wb") as f:
            p = self.spawn("libtorrent", [
                self.program, os.path.join(HERE, "lt_peer.py"),
                stage.endpoint(self.address, port), self.directory,
                *self.run.torrents.values()], stdout=f,
                env=dict(os.environ, LT_SETTINGS=json.dumps(self.settings),
                         **({"LT_SUPER": "1"} if self.super_seed else {})))
        self.said = said
        wait_for("ready libtorrent", START_S, lambda: self._says("ready"), p)
        if role == "seed":
            wait_for("libtorrent seeding", START_S, self.complete, p)

    def _says(self, word):
        with open(self.said) as f:
            return word in f.read().split()

    def complete(self):
        return self._says("complete")


class Transmission(Client):
    makes_empty_files = False
    options = ()

    def start(self, role):
        port = self.run.port(self.address)
        self.rpc_address = self.address
        bind = ["--bind-address-ipv4", self.address]
        if stage.is_ipv6(self.address):
            # bound to one of each it would ask every tracker from the IPv4 one
            bind = ["--bind-address-ipv6", self.address]
            self.rpc_address = "127.0.0.1"
        self.rpc_port = self.run.port(self.rpc_address)
        self.session = ""
        p = self.spawn("transmission", [
            self.program, "-f", "-g",
            os.path.join(self.run.directory, "transmission-" + role),
            "--no-dht", "--no-lpd", "--no-portmap", *self.options,
            # without uTP it has no UDP socket to ask trackers from
            *([] if isinstance(self.run.tracker, UdpTracker) or
              "--utp" in self.options else ["--no-utp"]),
            *bind, "-P", str(port),
            "-p", str(self.rpc_port), "-r", self.rpc_address,
            "--allowed", "*", "--no-auth", "-w", self.directory])
        wait_for("transmission's RPC", START_S,
                 lambda: stage.accepts(self.rpc_address, self.rpc_port), p)
        for torrent in self.run.torrents.values():
            self._rpc("torrent-add", {**self._source(torrent),
                                      "download-dir": self.directory})
        self.listening(port, p)
        if role == "seed":
            wait_for("transmission seeding", START_S, self.complete, p)

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
                with opener.open(request, timeout=30) as answer:
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
        return len(torrents) == len(self.run.torrents) and all(
            t["status"] == 6 and t["percentDone"] == 1 for t in torrents)


class Rtorrent(Client):
    """Answers XML-RPC on a socket; d.complete is true once all is hashed."""

    def start(self, role):
        port = self.run.port(self.address)
        home = os.path.join(self.run.directory, "rtorrent-" + role)
        os.makedirs(home)
        self.socket = os.path.join(home, "rpc")
        options = ["system.daemon.set=true", "network.port_range.set=%d-%d" %
                   (port, port), "network.port_random.set=no",
                   "network.bind_address.set=" + self.address,
                   "network.local_address.set=" + self.address,
                   "dht.mode.set=disable", "protocol.pex.set=no",
                   "trackers.use_udp.set=no", "session.path.set=" + home,
                   "directory.default.set=" + self.directory,
                   "network.scgi.open_local=" + self.socket]
        p = self.spawn("rtorrent", [
            self.program, "-n", *[x for o in options for x in ("-o", o)],
            *self.run.torrents.values()], env=dict(os.environ, HOME=home))
        wait_for("rtorrent's socket", START_S,
                 lambda: os.path.exists(self.socket), p)
        self.listening(port, p)
        if role == "seed":
            wait_for("rtorrent seeding", START_S, self.complete, p)

    def _call(self, method, *params):
        body = xmlrpc.client.dumps(params, method).encode()
        head = b"CONTENT_LENGTH\0%d\0SCGI\0%d\0" % (len(body), 1)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(self.socket)
            s.sendall(b"%d:%s," % (len(head), head) + body)
            answer = s.makefile("rb").read().split(b"\r\n\r\n", 1)[1]
        return xmlrpc.client.loads(answer)[0][0]

    def complete(self):
        hashes = self._call("download_list", "", "main")
        return len(hashes) == len(self.run.torrents) and all(
            self._call("d.complete", h) and not self._call("d.hashing", h)
            for h in hashes)


class Qbittorrent(Client):
    hybrid = v2 = True
    CONF = """[LegalNotice]
Accepted=true
[BitTorrent]
Session\\DHTEnabled=false
Session\\PeXEnabled=false
Session\\LSDEnabled=false
Session\\Port=%(port)d
Session\\Interface=
Session\\InterfaceAddress=%(address)s
Session\\BTProtocol=TCP
Session\\SSRFMitigation=false
Session\\MultiConnectionsPerIp=true
Session\\UseRandomPort=false
Session\\DefaultSavePath=%(directory)s
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\Address=%(web_address)s
WebUI\\Port=%(web_port)d
WebUI\\LocalHostAuth=false
WebUI\\AuthSubnetWhitelistEnabled=true
WebUI\\AuthSubnetWhitelist=0.0.0.0/0
"""

    def start(self, role):
        home = os.path.join(self.run.directory, "qbittorrent-" + role)
        conf = os.path.join(home, "qBittorrent", "config", "qBittorrent.conf")
        os.makedirs(os.path.dirname(conf))
        port = self.run.port(self.address)
        self.web = (self.address, self.run.port(self.address))
        with open(conf, "w") as f:
            f.write(self.CONF % {
                "port": port, "address": self.address,
                "directory": self.directory, "web_address": self.web[0],
                "web_port": self.web[1]})
        p = self.spawn("qbittorrent", [self.program, "--profile=" + home],
                       env=dict(os.environ, HOME=home))
        wait_for("qBittorrent's API", START_S,
                 lambda: stage.accepts(*self.web), p)
        for torrent in self.run.torrents.values():
            self._add(torrent)
        self.listening(port, p)
        if role == "seed":
            wait_for("qBittorrent seeding", START_S, self.complete, p)

    def _call(self, method, data=None, headers=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(
            "http://%s:%d/api/v2/%s" % (*self.web, method), data,
            headers or {})
        with opener.open(request, timeout=30) as answer:
            return answer.read()

    def _add(self, torrent):
        with open(torrent, "rb") as f:
            content = f.read()
        edge = "seedbank-interop"
        part = '--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
        body = (part % (edge, "savepath", "") + self.directory + "\r\n" +
                part % (edge, "torrents", '; filename="a.torrent"')
                ).encode() + content + b"\r\n--%s--\r\n" % edge.encode()
        self._call("torrents/add", body, {
            "Content-Type": "multipart/form-data; boundary=" + edge})

    def complete(self):
        torrents = json.loads(self._call("torrents/info"))
        return len(torrents) == len(self.run.torrents) and all(
            t["progress"] == 1 and t["state"].endswith("UP")
            for t in torrents)


# --- the runs -------------------------------------------------------------------

class Run:
    def __init__(self, st, name, directory, torrents, tracker):
        self.stage = st
        self.name = name
        self.directory = directory
        self.torrents = torrents
        self.tracker = tracker
        self.links = {}  # content -> magnet link: what the leecher is given
        self.ports = set()
        self.peers = {}  # content -> address of who seeds it

    def port(self, address):
        while (port := stage.free_port(address)) in self.ports:
            pass
        self.ports.add(port)
        return port


def swap(run, seeder, leecher, source, addresses):
    out = os.path.join(run.directory, "out")
    os.makedirs(out)
    # the seeder works in a copy: what it does to its files must not help us
    own = os.path.join(run.directory, "seed")
    shutil.copytree(source, own)
    for client, address, directory in ((seeder, addresses[0], own),
                                       (leecher, addresses[1], out)):
        client.run, client.address, client.directory = run, address, directory
    seeder.start("seed")
    began = time.monotonic()
    run.torrents.update(run.links)
    leecher.start("leech")
    wait_for("complete download", TRANSFER_S, leecher.complete,
             *seeder.processes)
    took = time.monotonic() - began
    leecher.stop()
    seeder.stop()
    compare(source, out, run.torrents, leecher.makes_empty_files)
    compare(own, source, run.torrents)
    return took


def make_link(content, made, announce):
    """Of v2 by its own hash, of a hybrid by both."""
    topics = [] if content == "v2" else ["xt=urn:btih:" + made[0]]
    topics += ["xt=urn:btmh:1220" + made[1]] if len(made) > 1 else []
    return "magnet:?%s&dn=%s&tr=%s" % (
        "&".join(topics), content, urllib.parse.quote(announce, safe=""))


def default_pairs(clients):
    others = [name for name in clients if name != "seedbank"]
    pairs = [pair for name in others
             for pair in ("%s:seedbank" % name, "seedbank:%s" % name)]
    pairs += [pair for name in others if name != "libtorrent"
              for pair in ("%s:seedbank@magnet" % name,
                           "seedbank:%s@magnet" % name)]
    if "libtorrent" in clients:
        pairs += ["libtorrent:seedbank@udp", "seedbank:libtorrent@udp"]
    pairs.append("seedbank:seedbank@peer")
    if not shutil.which("opentracker"):
        print("missing: opentracker", flush=True)
    elif not can_be_nobody():
        print("left out: opentracker wants to be root, with another user to "
              "become", flush=True)
    else:
        pairs += ["seedbank:seedbank@opentracker",
                  "seedbank:seedbank@opentracker-udp"]
    if stage.has_ipv6():
        pairs += ["seedbank:seedbank@peer6", "seedbank:seedbank@ipv6",
                  "seedbank:seedbank@udp6"]
        pairs += [pair for name in others
                  for pair in ("%s:seedbank@ipv6" % name,
                               "seedbank:%s@ipv6" % name)]
    else:
        print("left out: IPv6, which this machine has not", flush=True)
    return pairs


def can_be_nobody():
    """opentracker will not run as root, nor can it leave it in a namespace
    that has no other user."""
    with open("/proc/self/uid_map") as f:
        return os.geteuid() == 0 and int(f.read().split()[2]) > 65534


def run_all(st, makers, pairs, directory, addresses):
    sets = {}  # by tracker
    for pair in pairs:
        clients, _, by = pair.partition("@")
        own = [a for a in addresses
               if stage.is_ipv6(a) == by.endswith("6")]
        if by not in sets:
            tracker = {"": Tracker, "magnet": Tracker, "ipv6": Tracker, "peer": NoTracker,
                       "peer6": NoTracker, "udp": UdpTracker,
                       "udp6": UdpTracker, "opentracker": Opentracker,
                       "opentracker-udp": OpentrackerUdp}[by](own[0])
            sets[by] = (tracker, *make_contents(
                os.path.join(directory, "by-" + by), tracker.url))
            tracker.start(st, [h[:40] for made in sets[by][3].values()
                               for h in made])
        tracker, source, torrents, hashes = sets[by]
        seeder, leecher = (makers[n]() for n in clients.split(":"))
        # who asks a tracker by two hashes may ask again only half a minute on
        fit = {c: t for c, t in torrents.items() if c not in BY_V2 or
               (not by.startswith("udp") and getattr(seeder, c) and
                getattr(leecher, c))}
        name = pair.replace(":", "-")
        run = Run(st, name, os.path.join(directory, name), fit, tracker)
        if by == "magnet":
            run.links = {c: make_link(c, hashes[c], tracker.url) for c in fit}
        took = swap(run, seeder, leecher, source, own)
        print("%-30s ok: %s in %.1f s" % (pair.replace(":", " -> "),
                                          ", ".join(fit), took), flush=True)
        shutil.rmtree(run.directory)
        tracker.forget_all()


def arguments():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", default=os.path.join(
        stage.TOP, "build", "release", "seedbank"))
    p.add_argument("--pairs")
    p.add_argument("--keep", action="store_true",
                   help="leave files and logs where they are")
    return p.parse_args()


def main():
    args = arguments()
    addresses, own_network = stage.enter_namespace(
        ["10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"])
    makers = {
        "seedbank": lambda: Seedbank(args.seedbank),
        "libtorrent": Libtorrent,
        "libtorrent21": lambda: Libtorrent(LT21_PYTHON),
        "aria2": lambda: Aria2("aria2c"),
        "transmission": lambda: Transmission("transmission-daemon"),
        "rtorrent": lambda: Rtorrent("rtorrent"),
        "qbittorrent": lambda: Qbittorrent("qbittorrent-nox"),
    }
    for name in BY_HAND:
        if name not in (args.pairs or ""):
            del makers[name]
    for name in list(makers):
        missing = makers[name]().missing()
        if missing and name == "libtorrent21":
            print("left out: libtorrent 2.1, which pip could not bring",
                  flush=True)
        elif missing:
            print("missing: %s, to swap files with" % missing, flush=True)
        elif name == "transmission" and not own_network:
            missing = True
            print("left out: transmission, which refuses 127.0.0.x, wants a "
                  "network namespace", flush=True)
        if missing:
            del makers[name]
    pairs = args.pairs.split(",") if args.pairs else default_pairs(makers)
    if not args.pairs and "seedbank" not in makers:
        raise Failed("build it first, or say where it is with --seedbank")
    directory = tempfile.mkdtemp(prefix="seedbank-interop.")
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            run_all(st, makers, pairs, directory, addresses)
    except Failed:
        show_logs(os.path.join(directory, "log"))
        raise
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


def show_logs(directory):
    """The end of each log, newest last; without --keep they are gone after."""
    logs = [os.path.join(directory, name) for name in os.listdir(directory)]
    for log in sorted(logs, key=os.path.getmtime)[-4:]:
        with open(log, errors="replace") as f:
            lines = f.read().splitlines()[-15:]
        print("--- %s\n%s" % (os.path.basename(log), "\n".join(lines)),
              file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyError) as e:
        sys.exit("swap: %s" % e)
