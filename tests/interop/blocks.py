#!/usr/bin/env python3
"""blocks.py - pieces of version 2 come from two, of whom one has false blocks (BEP 52):
we are told the hashes of blocks, ban that one, keep the blocks that are right and fetch
the others again.

The one that is right is libtorrent or one of our own; who lies is libtorrent, whose file
is changed once it has checked it. The torrents: v2 and a hybrid.

usage: blocks.py [--seedbank PROGRAM] [--keep]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

# libtorrent comes from the distribution; scripts/setup makes the newest
PYTHONS = {"libtorrent": "/usr/bin/python3", "libtorrent21": os.path.join(
    stage.TOP, "build", "peers", "bin", "python")}

PIECE = stage.MIB
BLOCK = 16384
SIZE = 4 * PIECE - 12345
PORT = 6881
WAIT_S = 60

LIBTORRENT = """if 1:
    import libtorrent as lt, sys, time
    listen, torrent, directory = sys.argv[1:]
    s = lt.session({
        "listen_interfaces": listen, "enable_dht": False, "enable_lsd": False,
        "enable_upnp": False, "enable_natpmp": False,
        "enable_incoming_utp": False, "enable_outgoing_utp": False,
        "outgoing_interfaces": listen.rpartition(":")[0]})
    p = lt.add_torrent_params()
    p.ti = lt.torrent_info(torrent)
    p.save_path = directory
    p.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    h = s.add_torrent(p)
    while not h.status().is_seeding:
        time.sleep(0.05)
    print("seeding", flush=True)
    while True:
        time.sleep(1)
"""


def run_libtorrent(st, name, python, address, torrent, directory):
    said = os.path.join(st.directory, name + ".said")
    with open(said, "wb") as f:
        p = st.spawn(name, [python, "-c", LIBTORRENT, "%s:%d" % (address, PORT),
                            torrent, directory], stdout=f)
    wait_for("seeding " + name, WAIT_S,
             lambda: "seeding" in open(said).read(), p)
    return p


def run_seedbank(st, name, program, address, torrent, directory):
    p = st.spawn(name, [program, "--home", os.path.join(directory, "home"),
                        "seed", directory, "--torrent", torrent, "--listen",
                        "%s:%d" % (address, PORT)])
    wait_for("seeding " + name, WAIT_S,
             lambda: stage.accepts(address, PORT), p)
    return p


def make(program, directory, kind):
    """The torrent, and two directories with its file."""
    right, wrong = (os.path.join(directory, name) for name in ("right", "wrong"))
    os.makedirs(right)
    stage.make_file(os.path.join(right, "file.bin"), SIZE)
    shutil.copytree(right, wrong)
    torrent = os.path.join(directory, "file.torrent")
    subprocess.run([program, "--home", os.path.join(directory, "creator"),
                    "create", os.path.join(right, "file.bin"), "--out", torrent,
                    "--" + kind, "--piece-length", str(PIECE)], check=True,
                   capture_output=True)
    return torrent, right, wrong


def spoil(directory):
    """Each fourth block."""
    with open(os.path.join(directory, "file.bin"), "r+b") as f:
        for at in range(0, SIZE, 4 * BLOCK):
            f.seek(at)
            f.write(os.urandom(8))


def fetch(st, program, directory, torrent, addresses):
    out = os.path.join(directory, "out")
    result = os.path.join(directory, "result")
    with open(result, "wb") as f:
        p = st.spawn("leech", [
            program, "--json", "--home", os.path.join(directory, "home"), "get",
            torrent, "--out", out, "--listen", addresses[2] + ":0", "--peer",
            "%s:%d" % (addresses[0], PORT), "--peer",
            "%s:%d" % (addresses[1], PORT), "--limit-down", "2MiB",
            "--log-level", "info"], stdout=f)
    p.wait(WAIT_S)
    if p.status != 0:
        raise Failed("the leecher ended with %s (%s)" % (p.status, p.log))
    with open(result) as f, open(p.log) as log:
        return json.loads(f.read().splitlines()[-1]), log.read()


def check(result, log, right, out):
    failed = re.findall(r"blocks-failed piece=\d+ blocks=(\d+) of=(\d+)", log)
    if not stage.same(os.path.join(right, "file.bin"),
                      os.path.join(out, "file.bin")):
        raise Failed("the file differs")
    if not failed or any(not 0 < int(bad) <= int(all_) / 4
                         for bad, all_ in failed):
        raise Failed("blocks that failed: %s" % failed)
    if log.count("peer-ban ") != 1:
        raise Failed("%d bans" % log.count("peer-ban "))
    again = sum(int(bad) for bad, _ in failed)
    # late ones of the endgame may come twice
    if result["downloaded"] > SIZE + (again + 48) * BLOCK:
        raise Failed("%d bytes came" % result["downloaded"])
    return again, sum(int(all_) for _, all_ in failed)


def run(program, directory, kind, good, python, addresses):
    name = "%s, %s" % (kind, good)
    directory = os.path.join(directory, name.replace(", ", "-"))
    os.makedirs(directory)
    torrent, right, wrong = make(program, directory, kind)
    with stage.Stage(os.path.join(directory, "log")) as st:
        run_libtorrent(st, "liar", python, addresses[0], torrent, wrong)
        spoil(wrong)
        if good == "seedbank":
            run_seedbank(st, "good", program, addresses[1], torrent, right)
        else:
            run_libtorrent(st, "good", python, addresses[1], torrent, right)
        bad = check(*fetch(st, program, directory, torrent, addresses),
                    right, os.path.join(directory, "out"))
    print("%-24s ok: %d of %d blocks came again" % (name, *bad), flush=True)


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
        ["10.77.0.1", "10.77.0.2", "10.77.0.3"])
    pythons = {}
    for name, python in PYTHONS.items():
        if has_libtorrent(python):
            pythons[name] = python
        else:
            print("left out: " + name, flush=True)
    if not pythons:
        return 77
    with stage.workplace("seedbank-blocks", args.keep) as directory:
        liar = list(pythons.values())[0]
        for name, python in pythons.items():
            run(args.seedbank, directory, "v2", name, python, addresses)
        for kind in ("v2", "hybrid"):
            run(args.seedbank, directory, kind, "seedbank", liar, addresses)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyError) as e:
        sys.exit("blocks: %s" % e)
