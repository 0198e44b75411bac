"""find.py - what is told to others, beside swaps: opentracker counts one seeder,
asked over HTTP and over UDP (BEP 48, 15), and of a hybrid's two hashes the one that
has more is told; who seeds a hybrid is found in the local network by its v2 hash,
too (BEP 14, 52); a private torrent (BEP 27) is nowhere in
the DHT when a public one is, that began to be seeded after it; a torrent that names
a node of the DHT (BEP 5) is enough to find who has it.
"""

import json
import os
import subprocess
import urllib.parse
import urllib.request

import contents
import rows
import run
import stage
import trackers
from clients import Mode
from stage import Failed, KIB, wait_for

FILES = {"single": {"single.bin": 300 * KIB + 1}}
START_S = 60


class Table:
    def __init__(self, stock):
        self.stock = stock
        directory = os.path.join(stock.directory, "find")
        self.made = contents.make_all(directory, FILES, None)
        self.source = os.path.join(directory, "source")
        self.torrent = self.made[0].torrent
        self.program = stock.makers["seedbank"]().program

    def scrape(self, st, directory):
        address = self.stock.addresses[0]
        tracker = trackers.Opentracker(address)
        os.makedirs(directory, exist_ok=True)
        torrents = []
        for url in (tracker.url, tracker.url.replace("http", "udp", 1)):
            torrents.append(os.path.join(directory, url[:3] + ".torrent"))
            contents.name_in(self.made[0], torrents[-1], url)
        torrents.append(os.path.join(directory, "hybrid.torrent"))
        made = self.make_hybrid(directory, torrents[-1], tracker.url)
        by_v2 = made["info_hash_v2"][:40]
        tracker.start(st, [*self.made[0].hashes, made["info_hash"], by_v2])
        seeder = st.spawn("seed", [
            self.program, "--home", os.path.join(directory, "seed"), "seed",
            self.source, "--torrent", torrents[0], "--listen", address + ":0"])
        # who knows the hybrid by its second hash alone
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            "%s?info_hash=%s&peer_id=%s&port=1&uploaded=0&downloaded=0&left=0&"
            "event=started" % (
                tracker.url, urllib.parse.quote(bytes.fromhex(by_v2)),
                "x" * 20)).close()
        for torrent in torrents:
            def seeds():
                said = subprocess.run([
                    self.program, "--json", "--home", os.path.join(
                        directory, "home"), "scrape", torrent],
                    capture_output=True, text=True, check=True).stdout
                return [t.get("seeds") for t in json.loads(said)["trackers"]]
            wait_for("a seeder in " + torrent, START_S, lambda: seeds() == [1],
                     seeder)
        return "one seeder"

    def make_hybrid(self, directory, out, tracker):
        return json.loads(subprocess.run([
            self.program, "--json", "--home", os.path.join(
                directory, "creator"), "create", os.path.join(
                    self.source, "single.bin"), "--out", out, "--hybrid",
            "--tracker", tracker],
            capture_output=True, text=True, check=True).stdout)

    def by_v2_hash(self, st, directory):
        mode = Mode.parse("lsd+magnet")
        made = [c for c in self.stock.made["small"] if c.name == "hybrid"]
        net = run.ground(mode, self.stock.addresses, True)
        try:
            r = run.Run(st, directory, mode, made, net.places)
            r.by_v2 = True
            run.swap(r, self.stock.seedbank(), self.stock.seedbank(),
                     os.path.join(self.stock.directory, "small", "source"))
        finally:
            net.close()

    def dht(self, st, directory):
        """Of two nodes: so all is told to both."""
        mode = Mode.parse("dht")
        r = run.Run(st, directory, mode, self.made,
                    run.Here(self.stock.addresses, mode.six).places)
        run.start_dht(r, self.program, 2)
        return r

    def seed(self, r, name, torrent):
        home = os.path.join(r.directory, name)
        return r.stage.spawn(name, [
            self.program, "--home", home, "seed", self.source, "--torrent",
            torrent, "--listen", self.stock.addresses[0] + ":0",
            "--log-level", "debug", "--dht-node", r.dht.hub])

    def private(self, st, directory):
        r = self.dht(st, directory)
        path = os.path.join(self.source, "single.bin")
        hashes = []
        for name, more in (("secret", {"private": 1}), ("public", {})):
            torrent = os.path.join(directory, name + ".torrent")
            stage.make_torrent(path, torrent, 65536)
            hashes.append(change(torrent, {**more, "name": "single.bin",
                                           "x": name}))
            known = run.nodes_of_hub(r, self.program)
            p = self.seed(r, name, torrent)
            wait_for("its seeder in the DHT", START_S,
                     lambda: run.nodes_of_hub(r, self.program) > known, p)
        wait_for("the public torrent at the hub", START_S,
                 lambda: run.is_told(r.dht.nodes[0], hashes[1]), p)
        if any(run.is_told(node, hashes[0]) is not False
               for node in r.dht.nodes):
            raise Failed("a private torrent is announced, or no answer")
        return "not told"

    def by_torrent(self, st, directory):
        r = self.dht(st, directory)
        run.wait_for_dht(r, self.seed(r, "seed", self.torrent))
        torrent = os.path.join(directory, "named.torrent")
        host, port = r.dht.nodes[0]
        with open(self.torrent, "rb") as f:
            # "nodes" sorts behind "info"
            named = f.read()[:-1] + b"5:nodes" + stage.bencode(
                [[host, port]]) + b"e"
        with open(torrent, "wb") as f:
            f.write(named)
        out = os.path.join(directory, "out")
        p = st.spawn("leech", [
            self.program, "--home", os.path.join(directory, "home"), "get",
            torrent, "--out", out, "--seed-time", "0", "--listen",
            self.stock.addresses[1] + ":0"])
        if p.wait(START_S) != 0:
            raise Failed("the leecher ended with %s" % p.status)
        contents.compare(self.source, out, self.made)


def change(torrent, info):
    """Other keys of the info dictionary; returns the info hash."""
    with open(torrent, "rb") as f:
        raw = f.read()
    pieces = raw[raw.index(b"6:pieces"):]
    length = int(pieces[8:pieces.index(b":", 8)])
    at = pieces.index(b":", 8) + 1
    out = stage.bencode({**info, "length": FILES["single"]["single.bin"],
                         "piece length": 65536,
                         "pieces": pieces[at:at + length]})
    with open(torrent, "wb") as f:
        f.write(b"d4:info" + out + b"e")
    return stage.hashlib.sha1(out).digest()


def table(stock):
    t = Table(stock)
    out = []
    if stock.has("opentracker"):
        out.append(rows.Row("scrape", t.scrape))
    if stock.has("net") and "libtorrent" in stock.makers:
        out.append(rows.Row("seedbank -> seedbank@lsd, by the v2 hash",
                            t.by_v2_hash))
    if stock.has("dht"):
        out += [rows.Row("private torrent, DHT", t.private),
                rows.Row("seedbank -> seedbank, node in the torrent",
                         t.by_torrent)]
    return out
