"""trackers.py - who brings the clients together: trackers of our own that write
down what they were told, by HTTP and UDP; one that packs its answers; one that names
nobody but a third; and opentracker. All have `url` and start(); `said` is {port: {info hash: [(event,
left)]}}, or None where nothing is written down.
"""

import gzip
import os
import socket
import struct
import threading

import stage
from stage import wait_for

START_S = 60
INTERVAL_S = 60


class Tracker(stage.Tracker):
    """Remembers what each port said."""

    def __init__(self, address):
        self.said = {}
        super().__init__(address)

    def start(self, st, info_hashes):
        """It listens already and knows every torrent."""

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


class PackedTracker(Tracker):
    """Packs all that it says, as some do."""

    def send(self, request, body):
        super().send(request, gzip.compress(body), Content_Encoding="gzip")


class HubTracker(Tracker):
    """Tells everybody of the hub alone."""

    hub = None  # (address, port)

    def others(self, info_hash, me):
        return [] if me == self.hub or not self.hub else [self.hub]


class UdpTracker:
    """The same over UDP (BEP 15), for who has asked for an id first."""

    EVENTS = ["", "completed", "started", "stopped"]

    def __init__(self, address):
        self.said = {}
        self.peers = {}  # info hash -> {(ip, port): left}
        self.socket = socket.socket(stage.family(address), socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.url = "udp://%s/announce" % stage.endpoint(
            address, self.socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def start(self, st, info_hashes):
        """It listens already and knows every torrent."""

    def _serve(self):
        ids = set()  # (who, id): some ask for several before they use one
        while True:
            datagram, at = self.socket.recvfrom(2048)
            given, action, number = struct.unpack(">QII", datagram[:16])
            if action == 0 and given == 0x41727101980:
                new = struct.unpack(">Q", os.urandom(8))[0]
                ids.add((at, new))
                answer = struct.pack(">IIQ", 0, number, new)
            elif action == 1 and (at, given) in ids:
                answer = struct.pack(">II", 1, number) + \
                    self._announce(datagram, at)
            elif action == 2 and (at, given) in ids:
                answer = struct.pack(">IIIII", 2, number, 0, 0, 0)
            else:
                answer = struct.pack(">II", 3, number) + b"no id of mine"
            self.socket.sendto(answer, at)

    def _announce(self, datagram, at):
        hash_, _, _, left, _, event, _, _, _, port = struct.unpack(
            ">20s20sQQQIIIiH", datagram[16:98])
        swarm = self.peers.setdefault(hash_, {})
        me = (at[0], port)
        self.said.setdefault(port, {}).setdefault(hash_, []).append(
            (self.EVENTS[event], left))
        others = b"".join(
            socket.inet_pton(stage.family(ip), ip) + struct.pack(">H", p)
            for ip, p in swarm if (ip, p) != me)
        swarm[me] = left
        if event == 3:
            del swarm[me]
        # who is told of no leechers may take all for seeds, and leave them
        seeds = list(swarm.values()).count(0)
        return struct.pack(">III", INTERVAL_S, len(swarm) - seeds,
                           seeds) + others


class NoTracker:
    """They find each other without."""

    said = None
    url = ""

    def __init__(self, _address):
        pass

    def start(self, st, info_hashes):
        pass


class Opentracker:
    """Somebody else's tracker; it does not tell what it was told."""

    said = None
    scheme = "http"

    def __init__(self, address):
        self.address = address
        self.port = stage.free_port(address)
        self.url = "%s://%s:%d/announce" % (self.scheme, address, self.port)

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
