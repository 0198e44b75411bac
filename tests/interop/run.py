"""run.py - one row of a matrix: where its clients are, how they find each other,
and the swap.
"""

import collections
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "scripts"),
                os.path.join(HERE, "..", "net")]
import stage  # noqa: E402
import clients  # noqa: E402
import contents  # noqa: E402
import nets  # noqa: E402
import router  # noqa: E402
import trackers  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402

TRANSFER_S = 150
START_S = 60
ANNOUNCE_S = 15  # that transmission takes from the first to the fifth
ADDRESSES = ["10.77.0.1", "10.77.0.2", "10.77.0.3",
             "fd77::1", "fd77::2", "fd77::3"]
BAD_LINE = router.Link(delay_ms=20, jitter_ms=5, loss=0.01, reorder=0.02,
                       rate=2 * MIB)
GOOD_LINE = router.Link(delay_ms=5, rate=8 * MIB)
TRACKERS = {"tracker": trackers.Tracker, "udp": trackers.UdpTracker,
            "packed": trackers.PackedTracker,
            "opentracker": trackers.Opentracker,
            "opentracker-udp": trackers.OpentrackerUdp,
            "pex": trackers.HubTracker}
DHT_FIRST = 16  # the number of its network
DHT_NODES = 10  # transmission wants to know nine

Place = collections.namedtuple("Place", "net address")  # None: this one
Dht = collections.namedtuple("Dht", "hub nodes")  # "IP:PORT", [(ip, port)]


# --- where the two, the tracker and the third are -------------------------------

class Here:
    """All at addresses of this namespace."""

    def __init__(self, addresses, six, in_namespace=False):
        own = [a for a in addresses if stage.is_ipv6(a) == six]
        own += own[-1:] * (3 - len(own))  # of IPv6 there may be one
        self.places = {
            role: Place(None, a) for role, a in
            zip(("seed", "leech", "hub", "tracker"), own + own[:1])}
        if in_namespace:
            # some ask no tracker by UDP on a machine without one
            nets.run("ip", "route", "add", "default", "dev", "lo")

    def check(self):
        """Nothing was in between."""

    def close(self):
        pass


class Lan(Here):
    """The seeder is in a namespace beside this one: who listens to multicast
    does not hear what leaves its own, and some look for the one global IPv6
    address that they have."""

    # both families: some make no socket of one that the machine has not
    OURS = ["10.78.0.1/24", "2001:db8::1/64"]
    THEIRS = ["10.78.0.2/24", "2001:db8::2/64"]

    def __init__(self, six):
        self.net = nets.Net()
        nets.join(self.net, "lan", self.OURS, self.THEIRS)
        ours, theirs = (each[six].split("/")[0]
                        for each in (self.OURS, self.THEIRS))
        route = ["ip", "-6" if six else "-4", "route", "add", "default", "via"]
        nets.run(*route, theirs)
        self.net.sh(*route, ours)
        here = Place(None, ours)
        self.places = {"seed": Place(self.net, theirs), "leech": here,
                       "hub": here, "tracker": here}

    def close(self):
        self.net.close()


class Routed:
    """Each in a namespace, and our router between them."""

    def __init__(self, line):
        self.bad = line == "bad"
        link = BAD_LINE if self.bad else GOOD_LINE
        self.router = router.Router()
        self.places = {}
        inside = {"nat": ["seed"], "nat-leech": ["leech"],
                  "nats": ["seed", "leech"]}.get(line, [])
        for n, role in enumerate(("seed", "leech", "hub", "tracker"), 1):
            own = "10.80.0.%d" % n
            outside = own
            if role in inside:
                own = "192.168.%d.2" % n
                host = self.router.host(own, link, nat="port", outside=outside)
            else:
                host = self.router.host(own, link if n < 3 else GOOD_LINE)
            self.places[role] = Place(host.net, own)

    def check(self):
        if self.bad and (not self.router.lost or self.router.passed < 500):
            raise Failed("the line was not bad: %d lost of %d" % (
                self.router.lost, self.router.passed))

    def close(self):
        self.router.close()


def ground(mode, addresses, can_join):
    if mode.line:
        return Routed(mode.line)
    # a third would be at the leecher's address, from which some let one in
    if can_join and (mode.find == "lsd" or (mode.six and mode.find != "pex")):
        return Lan(mode.six)
    return Here(addresses, mode.six, can_join)


# --- a row ----------------------------------------------------------------------

class Run:
    def __init__(self, st, directory, mode, made, places):
        self.stage, self.directory, self.mode = st, directory, mode
        self.contents = made
        self.places = places
        self.ports = set()
        self.peers = {}  # content -> address of who started last
        self.dht = self.web = None
        self.by_v2 = False  # links of hybrids name that hash alone
        find = TRACKERS.get(mode.find, trackers.NoTracker)
        at = places["tracker"]
        with at.net or contextlib.nullcontext():
            self.tracker = find(at.address)

    def given(self, role):
        """{content: torrent or link}: what a client is told to get or seed."""
        out = {}
        for c in self.contents:
            if self.mode.magnet and role == "leech":
                out[c.name] = contents.link_of(c, self.tracker.url,
                                               self.by_v2)
                continue
            web = self.web.url if self.web and role == "seed" else None
            out[c.name] = os.path.join(self.directory, "%s-%s.torrent" % (
                role, c.name))
            if web and len(c.files) == 1:
                web += c.name + ".bin"
            contents.name_in(c, out[c.name], self.tracker.url, web)
        return out

    def port(self, address):
        while (port := stage.free_port(address)) in self.ports:
            pass
        self.ports.add(port)
        return port


def start(run, client, role, directory):
    place = run.places[role]
    client.run, client.role, client.directory = run, role, directory
    client.net, client.address = place.net, place.address
    os.makedirs(directory, exist_ok=True)
    with client.at_home():
        client.start()
    return client


def start_dht(run, seedbank, nodes=DHT_NODES):
    """A seedbank that all are told of, and nodes of libtorrent."""
    six = run.mode.six
    # of one network we believe few
    at = [(("2001:db8:%x::1" if six else "10.79.%d.1") % n, 7000)
          for n in range(DHT_FIRST, DHT_FIRST + nodes)]
    stage.furnish([ip for ip, _ in at], "lan" if six else "lo")
    ends = [stage.endpoint(*a) for a in at]
    hub = run.stage.spawn("dht-hub", [
        seedbank + "d", "--home", hub_home(run), "--listen", ends[0]])
    wait_for("socket of " + hub.name, START_S, lambda: os.path.exists(
        os.path.join(hub_home(run), "api.sock")), hub)
    said = os.path.join(run.directory, "dht-said")
    with open(said, "wb") as f:
        others = run.stage.spawn("dht-nodes", [
            clients.LT_PYTHON, os.path.join(HERE, "lt_dht.py"), *ends],
            stdout=f)
    wait_for("nodes of the DHT", START_S,
             lambda: "joined" in open(said).read(), others)
    run.dht = Dht(ends[0], at)
    # who asks it is told of these: an announce goes to few while it knows few
    wait_for("a hub that knows the others", START_S,
             lambda: nodes_of_hub(run, seedbank) >= min(nodes - 1, 3),
             hub, others, every=1)


def hub_home(run):
    return os.path.join(run.directory, "dht-hub")


def nodes_of_hub(run, seedbank):
    said = subprocess.run([
        seedbank, "--home", hub_home(run), "--json", "status"],
        capture_output=True, text=True, check=True)
    dht = json.loads(said.stdout)["dht"]
    return dht["nodes"] + dht["nodes6"]


def is_told(node, info_hash, tries=10):
    """Does this node of the DHT tell peers of that torrent? None: no answer."""
    question = stage.bencode({
        "a": {"id": b"i" * 20, "info_hash": info_hash}, "q": "get_peers",
        "ro": 1, "t": "aa", "y": "q"})
    with socket.socket(stage.family(node[0]), socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        for _ in range(tries):
            s.sendto(question, node)
            try:
                return b"6:values" in s.recv(2048)
            except TimeoutError:
                pass
    return None


def wait_for_dht(run, *seeder):
    """Who asks before it is told may miss it, and asks again 15 s later. It is
    told to one after the other, and not to all: half will do, or a while."""
    nodes = run.dht.nodes
    hashes = [bytes.fromhex(c.hashes[0][:40]) for c in run.contents]
    first = {}

    def is_known():
        while hashes:
            know = sum(is_told(n, hashes[0], 1) is True for n in nodes)
            if know:
                first.setdefault(hashes[0], time.monotonic())
            if 2 * know < len(nodes) and (
                    not know or
                    time.monotonic() - first[hashes[0]] < ANNOUNCE_S):
                return False
            hashes.pop(0)
        return True

    # libtorrent's nodes answer nobody who asks five times a second
    wait_for("announces in the DHT", TRANSFER_S, is_known, *seeder, every=1)


def swap(run, seeder, leecher, source, hub=None):
    out = os.path.join(run.directory, "out")
    # the seeder works in a copy: what it does to its files must not help us
    own = os.path.join(run.directory, "seed")
    if not run.mode.web:
        shutil.copytree(source, own)
    run.tracker.start(run.stage, [h[:40] for c in run.contents
                                  for h in c.hashes])
    if hub:
        start_hub(run, hub)
    order = [(seeder, "seed", own), (leecher, "leech", out)]
    if run.mode.line == "nat":  # who is inside must go to who is outside
        order.reverse()
    for client, role, directory in order:
        start(run, client, role, directory)
        if role == "seed" and run.dht:
            wait_for_dht(run, *seeder.processes)
        if run.mode.line == "nat":
            wait_for("announce of the " + role, START_S,
                     lambda: len(run.tracker.said) == order.index(
                         (client, role, directory)) + 1, *client.processes)
    wait_for("complete download", TRANSFER_S, leecher.complete,
             *seeder.processes, every=leecher.asked_every_s)
    if hub and hub.complete():
        raise Failed("the third had it, too")
    for client in (leecher, seeder):
        client.stop()
    compare = run.contents
    contents.compare(source, out, compare, leecher.makes_empty_files)
    contents.compare(source, own, compare,
                     not run.mode.web or seeder.makes_empty_files)


def start_hub(run, hub):
    start(run, hub, "hub", os.path.join(run.directory, "hub"))
    host, _, port = run.peers[run.contents[0].name].rpartition(":")
    run.tracker.hub = (host.strip("[]"), int(port))
