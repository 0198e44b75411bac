#!/usr/bin/env python3
"""create.py - making torrents and checking files beside others, alternately in
one run, so that all have the same machine: GB a second and CPU seconds a GiB,
minimum / median / maximum.

Others: mktorrent (v1, two threads), libtorrent of the Python that --python names
(v1, v2, hybrid; its check as `recheck`), those that are there. Files lie in a
directory that should be in memory (--dir, /dev/shm by default).

usage: create.py --seedbank PROGRAM [--python PROGRAM] [--mib N] [--files N]
                 [--piece KIB] [--runs N] [--dir DIR]
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LIBTORRENT = """
import os, sys
import libtorrent as lt
what, source, out, piece = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if what == "recheck":
    import time
    s = lt.session({"listen_interfaces": "", "enable_dht": False,
                    "enable_lsd": False, "enable_upnp": False,
                    "enable_natpmp": False, "alert_mask": 0})
    p = lt.add_torrent_params()
    p.ti = lt.torrent_info(out)
    p.save_path = os.path.dirname(source)
    p.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    h = s.add_torrent(p)
    while not h.status().is_seeding:
        if str(h.status().state) == "downloading":
            sys.exit("libtorrent finds pieces missing")
        s.wait_for_alert(20)
        s.pop_alerts()
else:
    flags = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only,
             "hybrid": 0}[what]
    fs = lt.file_storage()
    lt.add_files(fs, source)
    t = lt.create_torrent(fs, piece, flags)
    lt.set_piece_hashes(t, os.path.dirname(source))
    with open(out, "wb") as f:
        f.write(lt.bencode(t.generate()))
"""


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--seedbank", required=True)
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--mib", type=int, default=2048)
    p.add_argument("--files", type=int, default=7)
    p.add_argument("--piece", type=int, default=1024)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--dir", default="/dev/shm")
    return p.parse_args()


def make_files(directory, args):
    source = os.path.join(directory, "data")
    os.mkdir(source)
    left = args.mib << 20
    each = left // args.files + 1
    block = os.urandom(8 << 20)
    for i in range(args.files):
        size = min(each, left)
        left -= size
        with open(os.path.join(source, "f%d" % i), "wb") as f:
            while size > 0:
                size -= f.write(block[:size])
                block = block[4096 + 13:] + block[:4096 + 13]
    return source


def rows(directory, source, args):
    """(name, argv, the file it makes or None)"""
    piece = args.piece << 10
    home = os.path.join(directory, "home")
    lt = [args.python, "-c", LIBTORRENT]
    has_lt = subprocess.run([args.python, "-c", "import libtorrent"],
                            stderr=subprocess.DEVNULL).returncode == 0
    kept = os.path.join(directory, "kept.torrent")
    subprocess.run([args.seedbank, "create", source, "--out", kept, "--home",
                    home, "--piece-length", str(piece), "--json"], check=True,
                   stdout=subprocess.DEVNULL)
    for kind in ("v1", "v2", "hybrid"):
        out = os.path.join(directory, kind + ".torrent")
        yield ("seedbank create " + kind,
               [args.seedbank, "create", source, "--out", out, "--home", home,
                "--piece-length", str(piece), "--" + kind, "--json"], out)
        if kind == "v1" and shutil.which("mktorrent"):
            bits = str(piece.bit_length() - 1)
            yield ("mktorrent -t 2", ["mktorrent", "-l", bits, "-t", "2", "-a",
                                      "http://x/announce", "-o", out, source],
                   out)
        if has_lt:
            yield ("libtorrent create " + kind,
                   lt + [kind, source, out, str(piece)], out)
    yield ("seedbank verify", [args.seedbank, "verify",
                               os.path.dirname(source), "--torrent", kept,
                               "--home", home, "--json"], None)
    if has_lt:
        yield ("libtorrent recheck", lt + ["recheck", source, kept,
                                           str(piece)], None)


def once(argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(argv, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit("%s: %s" % (" ".join(argv[:3]), done.stderr.decode()))
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - \
        before.ru_stime


def spread(values, form):
    return " / ".join(form % x for x in (min(values), statistics.median(values),
                                         max(values)))


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="seedbank-create.",
                                     dir=args.dir) as directory:
        source = make_files(directory, args)
        table = list(rows(directory, source, args))
        seen = {name: [] for name, _, _ in table}
        for _ in range(args.runs):
            for name, argv, out in table:
                if out and os.path.exists(out):
                    os.unlink(out)
                seen[name].append(once(argv))
        gib = args.mib / 1024
        print("%-24s %-22s %s" % ("%d MiB, pieces of %d KiB" % (
            args.mib, args.piece), "GB/s", "CPU s/GiB"))
        for name, runs in seen.items():
            print("%-24s %-22s %s" % (
                name, spread([gib * 1.073741824 / w for w, _ in runs], "%.2f"),
                spread([cpu / gib for _, cpu in runs], "%.3f")))


if __name__ == "__main__":
    main()
