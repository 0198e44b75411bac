#!/usr/bin/env python3
"""utp.py - files swapped by uTP alone (BEP 29), with libtorrent and transmission
and between two of our own, both ways, over IPv4 and IPv6; compared byte for byte.

usage: utp.py [--seedbank PROGRAM] [--keep] [--pairs SEEDER:LEECHER[@6],...]
"""

import os
import shutil
import sys
import tempfile

import swap
from swap import stage, Failed

UTP_ALONE = {"enable_incoming_utp": True, "enable_outgoing_utp": True,
             "enable_incoming_tcp": False, "enable_outgoing_tcp": False}
SIZE = 3 * stage.MIB + 12345


class Transmission(swap.Transmission):
    """It speaks both; we refuse its TCP."""

    options = ("--utp",)


def seedbank(program):
    c = swap.Seedbank(program)
    c.settings = "utp = only\n"
    return c


def libtorrent(*python):
    c = swap.Libtorrent(*python)
    c.settings = UTP_ALONE
    return c


def run_pair(st, makers, pair, directory, addresses):
    source = os.path.join(directory, "source")
    swap.write(os.path.join(source, "single.bin"), SIZE)
    names, _, six = pair.partition("@")
    own = [a for a in addresses if stage.is_ipv6(a) == bool(six)]
    seeder, leecher = (makers[name]() for name in names.split(":"))
    tracker = swap.Tracker(own[0])
    torrent = os.path.join(directory, "single.torrent")
    stage.make_torrent(os.path.join(source, "single.bin"), torrent, 65536,
                       tracker.url)
    run = swap.Run(st, names.replace(":", "-"), os.path.join(directory, "run"),
                   {"single": torrent}, tracker)
    took = swap.swap(run, seeder, leecher, source, own)
    print("%-30s ok: by uTP in %.1f s" % (pair.replace(":", " -> "), took),
          flush=True)


def run_alone(makers, pair, directory, addresses):
    """The exit status; in a process of its own, as transmission takes its
    time."""
    log = os.path.join(directory, "log")
    try:
        with stage.Stage(log) as st:
            run_pair(st, makers, pair, directory, addresses)
    except (Failed, KeyError) as e:
        swap.show_logs(log)
        print("utp: %s: %s" % (pair, e), file=sys.stderr, flush=True)
        return 1
    return 0


def run_all(makers, pairs, directory, addresses):
    swap.CONTENTS = {"single": {"single.bin": SIZE}}
    children = []
    for n, pair in enumerate(pairs):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = run_alone(makers, pair,
                                   os.path.join(directory, str(n)), addresses)
            finally:
                os._exit(status)
        children.append(pid)
    failed = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
              for pid in children]
    return 1 if any(failed) else 0


def main():
    args = swap.arguments()
    addresses, own_network = stage.enter_namespace(
        ["10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"])
    makers = {
        "seedbank": lambda: seedbank(args.seedbank),
        "libtorrent": libtorrent,
        "libtorrent21": lambda: libtorrent(swap.LT21_PYTHON),
        "transmission": lambda: Transmission("transmission-daemon"),
    }
    for name in list(makers):
        missing = makers[name]().missing()
        if missing or (name == "transmission" and not own_network):
            print("left out: %s" % (missing or name), flush=True)
            del makers[name]
    pairs = ["seedbank:seedbank"] + [
        pair for name in makers if name != "seedbank"
        for pair in ("%s:seedbank" % name, "seedbank:" + name)]
    if stage.has_ipv6():
        pairs += [pair + "@6" for pair in pairs if "transmission" not in pair]
    directory = tempfile.mkdtemp(prefix="seedbank-utp.")
    try:
        return run_all(makers,
                       args.pairs.split(",") if args.pairs else pairs,
                       directory, addresses)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyError) as e:
        sys.exit("utp: %s" % e)
