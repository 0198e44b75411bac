"""super_seed.py - super seeds (BEP 16): ours with libtorrent and aria2 as leechers,
and libtorrent's with us. All arrives, byte for byte.
"""

import os

import contents
import rows
import run
from clients import Mode
from stage import MIB

FILES = {"single": {"single.bin": 3 * MIB + 5}}
PAIRS = [("libtorrent", "seedbank"), ("seedbank", "aria2"),
         ("seedbank", "libtorrent")]


def table(stock):
    directory = os.path.join(stock.directory, "super-seed")
    made = contents.make_all(directory, FILES, None)

    def row(names):
        def play(st, own):
            seeder, leecher = (stock.makers[name]() for name in names)
            seeder.super_seed = True
            mode = Mode.parse("")
            r = run.Run(st, own, mode, made,
                        run.Here(stock.addresses, mode.six).places)
            run.swap(r, seeder, leecher, os.path.join(directory, "source"))
        return rows.Row("%s, super seed -> %s" % names, play)

    return [row(pair) for pair in PAIRS if set(pair) <= set(stock.makers)]
