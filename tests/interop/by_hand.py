"""by_hand.py - clients that CI does not have, for `swap.py --use CLIENT=PROGRAM`.
"""

import json
import os
import re
import socket
import urllib.request
import xmlrpc.client

import stage
from clients import HERE, Client, Libtorrent, START_S
from stage import wait_for


class Rtorrent(Client):
    """Answers XML-RPC on a socket; d.complete is true once all is hashed. It speaks
    v1 alone, and takes a hybrid for that: pad files are files to it."""

    hybrid = True

    def _write_pads(self):
        for content in self.run.contents:
            with open(content.torrent, "rb") as f:
                pads = re.findall(
                    rb"4:attr1:p6:lengthi(\d+)e4:pathl4:\.pad\d+:(\d+)e",
                    f.read())
            for length, name in pads:
                path = os.path.join(self.directory, content.name, ".pad",
                                    name.decode())
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as f:
                    f.write(bytes(int(length)))

    def start(self):
        port = self.run.port(self.address)
        home = self.home("rtorrent")
        if self.role == "seed":
            self._write_pads()
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
            *self.run.given(self.role).values()], env=dict(os.environ, HOME=home))
        wait_for("rtorrent's socket", START_S,
                 lambda: os.path.exists(self.socket), p)
        self.listening(port, p)
        if self.role == "seed":
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
        return len(hashes) == len(self.run.contents) and all(
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
Session\\QueueingSystemEnabled=false
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
WebUI\\AuthSubnetWhitelist=0.0.0.0/0, ::/0
"""

    def start(self):
        home = self.home("qbittorrent")
        conf = os.path.join(home, "qBittorrent", "config", "qBittorrent.conf")
        os.makedirs(os.path.dirname(conf), exist_ok=True)
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
        for torrent in self.run.given(self.role).values():
            self._add(torrent)
        self.listening(port, p)
        if self.role == "seed":
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
        return len(torrents) == len(self.run.contents) and all(
            t["progress"] == 1 and t["state"].endswith("UP")
            for t in torrents)


class Scripted(Libtorrent):
    """A program of peers/, which is told the words of the mode."""

    hybrid = v2 = False

    def missing(self):
        return Client.missing(self)

    def environment(self):
        mode = self.run.mode
        words = [mode.find] + ["utp"] * mode.utp + ["rc4"] * mode.rc4 + \
            ["6"] * mode.six
        return {**os.environ, "PEER_MODE": "+".join(words),
                **({"PEER_DHT": self.run.dht.hub} if self.run.dht else {})}


class Libtorrent12(Libtorrent):
    """Of v1 alone; a hybrid is one to it."""

    v2 = False


class Anacrolix(Scripted):
    """peers/anacrolix.go, built. v2 and hybrids only up to 1.59: 1.61 panics in its
    announcer."""

    utp = True

    def argv(self):
        return [self.program]


class Webtorrent(Scripted):
    """The program is webtorrent/index.js."""

    utp = True

    def missing(self):
        return None if os.path.exists(self.program) else self.program

    def argv(self):
        return ["node", os.path.join(HERE, "peers", "webtorrent.mjs")]

    def environment(self):
        return {**super().environment(),
                "PEER_MODULE": os.path.realpath(self.program)}


class Rqbit(Client):
    """Served over HTTP; it asks trackers by IPv6, too, where it listens at ::."""

    utp = True
    lacks = frozenset(["rc4", "web"])
    asked_every_s = 0.2

    def ways(self, port):
        mode = self.run.mode
        out = ["--listen-port", "%d" % port, "--listen-ip", self.address,
               "--disable-upnp-port-forward", "--disable-dht-persistence",
               "--http-api-listen-addr", stage.endpoint(*self.api)]
        if mode.utp:
            out += ["--experimental-enable-utp-listen", "--disable-tcp-listen",
                    "--disable-tcp-connect"]
        if mode.find != "lsd":
            out.append("--disable-lsd")
        if self.run.dht:
            out += ["--dht-bootstrap-addrs", self.run.dht.hub]
        elif mode.find != "dht":
            out.append("--disable-dht")
        return out

    def start(self):
        port = self.run.port(self.address)
        self.api = (self.address, self.run.port(self.address))
        p = self.spawn("rqbit", [
            self.program, "-v", "debug", *self.ways(port), "server", "start",
            self.directory, "--disable-persistence"],
            env=dict(os.environ, HOME=self.home("rqbit")))
        wait_for("rqbit's API", START_S,
                 lambda: stage.accepts(*self.api), p)
        for content, torrent in self.run.given(self.role).items():
            self._add(torrent)
            self.run.peers[content] = stage.endpoint(self.address, port)
        if not self.run.mode.utp:
            self.listening(port, p)
        if self.role == "seed":
            wait_for("rqbit seeding", START_S, self.complete, p)

    def _call(self, path, body=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        at = "http://%s/%s" % (stage.endpoint(*self.api), path)
        with self.at_home(), opener.open(at, body, timeout=150) as answer:
            return json.load(answer)

    def _add(self, torrent):
        body = torrent.encode()
        if not torrent.startswith("magnet:"):
            with open(torrent, "rb") as f:
                body = f.read()
        self._call("torrents?overwrite=true", body)

    def complete(self):
        return all(self._call("torrents/%d/stats/v1" % n)["finished"]
                   for n in range(len(self.run.contents)))


class Ctorrent(Client):
    """Enhanced CTorrent, which has one torrent and speaks TCP and IPv4 alone."""

    lacks = frozenset(["rc4", "magnet", "6", "udp", "dht", "lsd", "pex", "web"])

    def start(self):
        for content in self.run.contents:
            port = self.run.port(self.address)
            top = next(iter(content.files)).split("/")[0]
            p = self.spawn("ctorrent-" + content.name, [
                self.program, "-i", self.address, "-I", self.address, "-p",
                "%d" % port, "-s", os.path.join(self.directory, top),
                self.run.given(self.role)[content.name]])
            self.run.peers[content.name] = stage.endpoint(self.address, port)
            self.listening(port, p)

    def complete(self):
        return all(self._is_whole(p) for p in self.processes)

    @staticmethod
    def _is_whole(p):
        """Its line of state: [what it has/of/what there is]."""
        with open(p.log, errors="replace") as f:
            counts = re.findall(r"\[(\d+)/(\d+)/", f.read())
        return bool(counts) and counts[-1][0] == counts[-1][1]


KINDS = {"rtorrent": Rtorrent, "qbittorrent": Qbittorrent,
         "anacrolix": Anacrolix, "webtorrent": Webtorrent,
         "libtorrent12": Libtorrent12,
         "rqbit": Rqbit, "ctorrent": Ctorrent}
