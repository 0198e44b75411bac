#!/usr/bin/env python3
"""versions.py - a hybrid (BEP 52) between clients of the two versions, which cannot talk
to each other: ours in the middle has it of one, and the other has it of ours.

Of v1 there is rtorrent; of v2 libtorrent, by a link of the v2 hash alone. Each has a
tracker of its own, ours asks both; peers tell of no peers.

usage: versions.py [--seedbank PROGRAM] [--keep]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

# the newest that scripts/setup could bring, or that of the distribution
PYTHONS = [os.path.join(stage.TOP, "build", "peers", "bin", "python"),
           "/usr/bin/python3"]
# in their order, with no padding between: of v1 that would be wanted on the disk
FILES = {"below/one.bin": 131072, "below/two.bin": 65536,
         "top.bin": 2 * stage.MIB + 7}
PORT = 6881
WAIT_S = 60

LIBTORRENT = """if 1:
    import libtorrent as lt, sys, time
    listen, source, directory = sys.argv[1:]
    s = lt.session({
        "listen_interfaces": listen, "enable_dht": False, "enable_lsd": False,
        "enable_upnp": False, "enable_natpmp": False,
        "enable_incoming_utp": False, "enable_outgoing_utp": False,
        "min_reconnect_time": 1, "ssrf_mitigation": False,
        "validate_https_trackers": False,
        "outgoing_interfaces": listen.rpartition(":")[0]})
    p = lt.parse_magnet_uri(source)
    p.save_path = directory
    p.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    h = s.add_torrent(p)
    while True:
        time.sleep(1)
        if h.status().is_seeding:
            h.flush_cache()
"""


class Rtorrent:
    name = "v1"

    def start(self, run, address, directory):
        home = os.path.join(run.directory, "rtorrent")
        os.makedirs(home)
        options = ["system.daemon.set=true",
                   "network.port_range.set=%d-%d" % (PORT, PORT),
                   "network.port_random.set=no",
                   "network.bind_address.set=" + address,
                   "network.local_address.set=" + address,
                   "dht.mode.set=disable", "protocol.pex.set=no",
                   "trackers.use_udp.set=no", "session.path.set=" + home,
                   "directory.default.set=" + directory]
        self.process = run.spawn("rtorrent", [
            "rtorrent", "-n", *[x for o in options for x in ("-o", o)],
            run.torrent], env=dict(os.environ, HOME=home))


class Libtorrent:
    name = "v2"

    def __init__(self, python):
        self.python = python

    def start(self, run, address, directory):
        link = "magnet:?xt=urn:btmh:1220%s&tr=%s" % (
            run.made["info_hash_v2"],
            urllib.parse.quote(run.trackers["v2"].url, safe=""))
        self.process = run.spawn("libtorrent", [
            self.python, "-c", LIBTORRENT, "%s:%d" % (address, PORT), link,
            directory])


class Run:
    def __init__(self, st, program, directory, addresses):
        self.stage, self.program = st, program
        self.directory, self.addresses = directory, addresses
        self.source = os.path.join(directory, "source")
        for name, size in FILES.items():
            path = os.path.join(self.source, "both", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            stage.make_file(path, size)
        self.torrent = os.path.join(directory, "both.torrent")
        self.trackers = {v: stage.Tracker(addresses[0]) for v in ("v1", "v2")}
        self.made = json.loads(subprocess.run([
            program, "--json", "--home", os.path.join(directory, "creator"),
            "create", os.path.join(self.source, "both"), "--out", self.torrent,
            "--hybrid", "--piece-length", "64KiB", "--tracker",
            self.trackers["v1"].url], check=True, capture_output=True,
            text=True).stdout)

    def spawn(self, name, argv, **kw):
        return self.stage.spawn(name, argv, **kw)

    def all_in(self, directory):
        return all(os.path.exists(os.path.join(directory, "both", n)) and
                   stage.same(os.path.join(directory, "both", n),
                              os.path.join(self.source, "both", n))
                   for n in FILES)

    def ours(self, name, *words):
        home = os.path.join(self.directory, "home-" + name)
        os.makedirs(home)
        with open(os.path.join(home, "config"), "w") as f:
            f.write("pex = no\nlsd = no\n")
        return self.spawn("seedbank-" + name, [
            self.program, "--home", home, *words, "--listen",
            "%s:%d" % (self.addresses[1], PORT), "--no-dht", "--tracker",
            self.trackers["v2"].url])


def play(run, seeder, leecher):
    """The seeder has its files and fetches what it lacks of the torrent, its
    dictionary, from ours, as the leecher does."""
    own, ours, theirs = (os.path.join(run.directory, name)
                         for name in ("own", "ours", "theirs"))
    shutil.copytree(run.source, own)
    os.makedirs(theirs)
    middle = run.ours("middle", "get", run.torrent, "--out", ours,
                      "--seed-time", "1h")
    seeder.start(run, run.addresses[2], own)
    wait_for("ours to have it of " + seeder.name, WAIT_S,
             lambda: run.all_in(ours), middle, seeder.process)
    run.stage.forget(seeder.process)
    leecher.start(run, run.addresses[3], theirs)
    wait_for(leecher.name + " to have it of ours", WAIT_S,
             lambda: run.all_in(theirs), middle, leecher.process)
    print("%s -> seedbank -> %s ok" % (seeder.name, leecher.name), flush=True)


def has_libtorrent(python):
    return os.path.exists(python) and subprocess.run(
        [python, "-c", "import libtorrent"], capture_output=True).returncode == 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.
                                RawTextHelpFormatter)
    p.add_argument("--seedbank", default=os.path.join(
        stage.TOP, "build", "release", "seedbank"))
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    addresses, _ = stage.enter_namespace(
        ["10.77.0.%d" % i for i in (1, 2, 3, 4)])
    python = next(filter(has_libtorrent, PYTHONS), None)
    if not python or not shutil.which("rtorrent"):
        print("left out: it wants libtorrent and rtorrent", flush=True)
        return 77
    with stage.workplace("seedbank-versions", args.keep) as directory:
        for n in range(2):
            pair = [Rtorrent(), Libtorrent(python)]
            own = os.path.join(directory, str(n))
            with stage.Stage(os.path.join(own, "log")) as st:
                play(Run(st, args.seedbank, own, addresses), pair[n],
                     pair[1 - n])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyError) as e:
        sys.exit("versions: %s" % e)
