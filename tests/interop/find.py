#!/usr/bin/env python3
"""find.py - seedbank and libtorrent find peers that no tracker told of.

pex: three nodes. A seeder and a leecher each know the hub alone, which has nothing and
is held to 1 KiB/s; so the leecher gets the file in time only if the hub tells it of the
seeder (BEP 11). Each of the three is once somebody else's program.
lsd: two nodes that know nobody, on one network interface (BEP 14), both ways. Who seeds
a hybrid is found by its v2 hash, too.
scrape: opentracker counts one seeder, asked over HTTP and over UDP (BEP 48, 15); of a
hybrid's two hashes the one that has more is told.

All is in a network namespace; without one it is left out.

usage: find.py [--seedbank PROGRAM] [--runs RUN,...]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "scripts")]
import stage  # noqa: E402
import swap  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

LT_PYTHON = "/usr/bin/python3"  # libtorrent comes from the distribution
SIZE = 1 * stage.MIB + 4321
PORT = 6881
WAIT_S = 60
LAN = ["10.80.0.%d" % i for i in (1, 2, 3)]

LIBTORRENT = """if 1:
    import libtorrent as lt, os, sys, time
    listen, torrent, directory, hub, lsd, limit = sys.argv[1:]
    s = lt.session({
        "listen_interfaces": listen, "enable_dht": False,
        "enable_lsd": lsd == "lsd", "enable_upnp": False,
        "enable_natpmp": False, "enable_incoming_utp": False,
        "enable_outgoing_utp": False, "min_reconnect_time": 1,
        "outgoing_interfaces": listen.rpartition(":")[0],
        "download_rate_limit": int(limit)})
    p = lt.add_torrent_params()
    p.ti = lt.torrent_info(torrent)
    p.save_path = directory
    p.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    h = s.add_torrent(p)
    if hub:
        host, _, port = hub.rpartition(":")
        h.connect_peer((host, int(port)))
    while True:
        time.sleep(0.1)
        if h.status().is_seeding:
            print("complete", flush=True)
"""


class Seedbank:
    def __init__(self, program):
        self.program = program

    def start(self, run, role, address, hub, lsd):
        home = os.path.join(run.directory, "home-" + role)
        os.makedirs(home)
        with open(os.path.join(home, "config"), "w") as f:
            f.write("lsd = %s\npex = %s\n" % (
                ("yes", "no") if lsd else ("no", "yes")))
        argv = [self.program, "--home", home]
        listen = ["--listen", "%s:%d" % (address, PORT)]
        if role == "seed":
            argv += ["seed", run.source, "--torrent", run.torrent]
        else:
            argv += ["get", run.link or run.torrent, "--out", run.out(role)]
            # a hub stays, whoever is done ends
            listen += ["--limit-down", "1KiB"] if role == "hub" else \
                ["--seed-time", "0"]
        if hub and role != "seed":
            argv += ["--peer", hub]
        process = run.stage.spawn(run.name + "-" + role, argv + listen)
        wait_for("listening " + role, WAIT_S,
                 lambda: stage.accepts(address, PORT), process)
        return process

    def complete(self, run, process):
        if process.poll() not in (None, 0):
            raise Failed("%s ended with %s (%s)" % (
                process.name, process.status, process.log))
        return process.poll() == 0


class Libtorrent:
    def start(self, run, role, address, hub, lsd):
        self.said = os.path.join(run.directory, "said-" + role)
        directory = run.source if role == "seed" else run.out(role)
        with open(self.said, "wb") as f:
            process = run.stage.spawn(run.name + "-" + role, [
                LT_PYTHON, "-c", LIBTORRENT, "%s:%d" % (address, PORT),
                run.torrent, directory, hub or "", "lsd" if lsd else "",
                "1024" if role == "hub" else "0"], stdout=f)
        wait_for("listening " + role, WAIT_S,
                 lambda: stage.accepts(address, PORT), process)
        return process

    def complete(self, _run, _process):
        with open(self.said) as f:
            return "complete" in f.read()


class Run:
    def __init__(self, st, name, directory, source, torrent):
        self.stage = st
        self.name = name
        self.directory = os.path.join(directory, name)
        self.source = source
        self.torrent = torrent
        self.link = None  # what the leecher is given instead
        os.makedirs(self.directory)

    def out(self, role):
        path = os.path.join(self.directory, "out-" + role)
        os.makedirs(path, exist_ok=True)
        return path


def play(run, parts, addresses, lsd):
    """parts: role -> client, in the order of starting."""
    hub = "%s:%d" % (addresses[0], PORT) if "hub" in parts else ""
    processes = []
    for (role, client), address in zip(parts.items(), addresses):
        # a seedbank that seeds cannot be told of a peer: its hub comes to it
        to = "" if role == "hub" else hub
        processes.append(client.start(run, role, address, to, lsd))
    leecher = processes[-1]
    wait_for("complete download", WAIT_S,
             lambda: parts["leech"].complete(run, leecher),
             *processes[:-1])
    if not stage.same(os.path.join(run.source, "file.bin"),
                      os.path.join(run.out("leech"), "file.bin")):
        raise Failed("%s: the file differs" % run.name)
    for p in processes:
        run.stage.forget(p)


def make_hybrid(program, directory, file, out, *words):
    return json.loads(subprocess.run([
        program, "--json", "--home", os.path.join(directory, "creator"),
        "create", file, "--out", out, "--hybrid", *words],
        capture_output=True, text=True, check=True).stdout)


def scrape(st, program, directory, source):
    tracker = swap.Opentracker(LAN[1])
    file = os.path.join(source, "file.bin")
    torrents = [os.path.join(directory, scheme + ".torrent")
                for scheme in ("http", "udp")]
    urls = [tracker.url, tracker.url.replace("http", "udp", 1)]
    for torrent, url in zip(torrents, urls):
        info_hash = stage.make_torrent(file, torrent, 65536, url)
    hybrid = os.path.join(directory, "scraped.torrent")
    made = make_hybrid(program, directory, file, hybrid, "--tracker", urls[0])
    by_v2 = made["info_hash_v2"][:40]
    tracker.start(st, [info_hash, made["info_hash"], by_v2])
    seeder = st.spawn("scrape-seed", [
        program, "--home", os.path.join(directory, "scraped"), "seed", source,
        "--torrent", torrents[0], "--listen", LAN[0] + ":0"])
    # who knows the hybrid by its second hash alone
    urllib.request.urlopen(
        "%s?info_hash=%s&peer_id=%s&port=1&uploaded=0&downloaded=0&left=0&"
        "event=started" % (urls[0], urllib.parse.quote(bytes.fromhex(by_v2)),
                           "x" * 20)).close()
    for torrent in torrents + [hybrid]:
        def seeds():
            said = subprocess.run([
                program, "--json", "--home", os.path.join(
                    directory, "scraper"), "scrape", torrent],
                capture_output=True, text=True, check=True).stdout
            return [t.get("seeds") for t in json.loads(said)["trackers"]]
        wait_for("a seeder in " + torrent, WAIT_S, lambda: seeds() == [1],
                 seeder)
    st.forget(seeder)


def make_lan():
    """A device of its own: local discovery does not speak on loopback."""
    def ip(*words):
        return subprocess.run(["ip", *words], capture_output=True).returncode

    if ip("link", "add", "lan0", "type", "veth", "peer", "name", "lan1") != 0:
        return False
    return not any([ip("addr", "add", a + "/24", "dev", "lan0")
                    for a in LAN] +
                   [ip("link", "set", name, "up") for name in
                    ("lan0", "lan1")])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.
                                RawTextHelpFormatter)
    p.add_argument("--seedbank", default=os.path.join(
        stage.TOP, "build", "release", "seedbank"))
    p.add_argument("--runs")
    args = p.parse_args()
    _, own_network = stage.enter_namespace(["10.79.0.1"])
    if not own_network or not make_lan():
        print("left out: it wants a network namespace and a device in it")
        return 77
    have_lt = subprocess.run([LT_PYTHON, "-c", "import libtorrent"],
                             capture_output=True).returncode == 0
    ours, theirs = lambda: Seedbank(args.seedbank), Libtorrent
    runs = {"lsd": (ours, ours), "lsd-by-v2-hash": (ours, ours)}
    if have_lt:
        runs.update({
            "lsd-from-libtorrent": (theirs, ours),
            "lsd-to-libtorrent": (ours, theirs),
            "pex-by-libtorrent": (theirs, theirs, ours),
            "pex-to-libtorrent": (ours, theirs, theirs),
            "pex-of-libtorrent": (ours, theirs, ours)})
    else:
        print("missing: libtorrent of " + LT_PYTHON)
    if not shutil.which("opentracker"):
        print("missing: opentracker")
    elif swap.can_be_nobody():
        runs["scrape"] = None
    directory = tempfile.mkdtemp(prefix="seedbank-find.")
    try:
        source = os.path.join(directory, "source")
        os.makedirs(source)
        with open(os.path.join(source, "file.bin"), "wb") as f:
            f.write(os.urandom(SIZE))
        torrent = os.path.join(directory, "file.torrent")
        stage.make_torrent(os.path.join(source, "file.bin"), torrent, 65536)
        with stage.Stage(os.path.join(directory, "log")) as st:
            for name in args.runs.split(",") if args.runs else runs:
                if name == "scrape":
                    scrape(st, args.seedbank, directory, source)
                    print("%-20s ok" % name, flush=True)
                    continue
                roles = ("hub", "seed", "leech")[-len(runs[name]):]
                parts = {r: make() for r, make in zip(roles, runs[name])}
                run = Run(st, name, directory, source, torrent)
                if name == "lsd-by-v2-hash":
                    run.torrent = os.path.join(directory, "hybrid.torrent")
                    run.link = "magnet:?xt=urn:btmh:1220" + make_hybrid(
                        args.seedbank, directory, os.path.join(
                            source, "file.bin"), run.torrent)["info_hash_v2"]
                play(run, parts, LAN, name.startswith("lsd"))
                print("%-20s ok" % name, flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("find: %s" % e)
