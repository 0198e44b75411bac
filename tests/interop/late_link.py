"""late_link.py - all begin with a link, and who has the files comes last: a seedbank
knows nobody but another client, which has nothing to tell when they meet, gets the
metadata from the seeder, and does not say so by itself.
"""

import os
import shutil

import contents
import rows
import run
from clients import Mode
from stage import wait_for, MIB

FILES = {"single": {"single.bin": 2 * MIB + 5}}
ALONE = {way: "no" for way in ("pex", "lsd", "dht")}
OTHERS = ("libtorrent", "libtorrent21")


def ours(stock):
    client = stock.seedbank()
    client.settings = ALONE
    return client


def has_met(p):
    with open(p.log, errors="replace") as f:
        return "link ready peer=" in f.read()


def table(stock):
    directory = os.path.join(stock.directory, "late-link")
    made = contents.make_all(directory, FILES, None)
    source = os.path.join(directory, "source")

    def row(name):
        def play(st, own):
            mode = Mode.parse("peer+magnet")
            r = run.Run(st, own, mode, made,
                        run.Here(stock.addresses, mode.six).places)
            other, leecher, seeder = \
                stock.makers[name](), ours(stock), ours(stock)
            run.start(r, other, "leech", os.path.join(own, "other"))
            seeder.options = ("--peer", r.peers["single"])
            out = os.path.join(own, "out")
            run.start(r, leecher, "leech", out)
            wait_for("meeting", run.START_S,
                     lambda: has_met(leecher.processes[0]))
            shutil.copytree(source, os.path.join(own, "seed"))
            run.start(r, seeder, "seed", os.path.join(own, "seed"))
            wait_for("complete download", run.START_S, leecher.complete)
            for client in (leecher, other, seeder):
                client.stop()
            contents.compare(source, out, made)
        return rows.Row("seedbank -> %s -> seedbank, all by a link" % name,
                        play)

    return [row(name) for name in OTHERS if name in stock.makers]
