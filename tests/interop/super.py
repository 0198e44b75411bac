#!/usr/bin/env python3
"""super.py - super seeds (BEP 16): ours with libtorrent and aria2 as leechers, and
libtorrent's with us. All arrives, byte for byte.

usage: super.py [--seedbank PROGRAM] [--keep]
"""

import os
import shutil
import sys
import tempfile

import swap
from swap import stage, Failed

SIZE = 3 * stage.MIB + 5


def main():
    args = swap.arguments()
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    ours, theirs = swap.Seedbank(args.seedbank), swap.Libtorrent()
    ours.options = ("--super-seed",)
    theirs.super_seed = True
    pairs = [(ours, swap.Libtorrent()), (theirs, swap.Seedbank(args.seedbank)),
             (swap.Seedbank(args.seedbank), swap.Aria2("aria2c"))]
    pairs[2][0].options = ("--super-seed",)
    swap.CONTENTS = {"single": {"single.bin": SIZE}}
    directory = tempfile.mkdtemp(prefix="seedbank-super.")
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            source = os.path.join(directory, "source")
            swap.write(os.path.join(source, "single.bin"), SIZE)
            tracker = swap.Tracker(addresses[0])
            torrent = os.path.join(directory, "single.torrent")
            stage.make_torrent(os.path.join(source, "single.bin"), torrent,
                               262144, tracker.url)
            for n, (seeder, leecher) in enumerate(pairs):
                name = "%s -> %s" % tuple(type(c).__name__
                                          for c in (seeder, leecher))
                missing = [c.missing() for c in (seeder, leecher)
                           if c.missing()]
                if missing:
                    print("left out: %s, no %s" % (name, missing[0]))
                    continue
                run = swap.Run(st, "super-%d" % n,
                               os.path.join(directory, str(n)),
                               {"single": torrent}, tracker)
                took = swap.swap(run, seeder, leecher, source, addresses)
                print("%-30s ok in %.1f s" % (name, took), flush=True)
                tracker.forget_all()
    except Failed:
        swap.show_logs(os.path.join(directory, "log"))
        raise
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyError) as e:
        sys.exit("super: %s" % e)
