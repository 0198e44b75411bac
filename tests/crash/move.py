#!/usr/bin/env python3
"""move.py - a daemon is killed at every step of `seedbank move`: right before each
call that changes anything on the disk, one after the other (cut.c).

After each kill it is started again: the files are whole and in one place, the list
says in which, and nothing is fetched again. Then the same to another file system and
back (--other, /dev/shm by default), where they are copied.

usage: move.py --bin DIRECTORY --cut LIBRARY [--other DIRECTORY] [--keep]
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
sys.path.insert(0, os.path.join(HERE, "..", "node"))
import stage  # noqa: E402
from cli_suite import ADDRESS, Suite  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

STEPS_MIN, STEPS_MAX = 5, 200
ANSWER_S = 60


class Mover:
    def __init__(self, suite, cut, there):
        self.s, self.cut = suite, cut
        self.home = suite.home()
        self.arm = suite.path("arm")
        self.dirs = [tempfile.mkdtemp(dir=suite.directory), there]
        shutil.copy2(suite.source + "/one.bin", self.dirs[0])
        with open(self.dirs[0] + "/one.bin", "rb") as f:
            self.data = f.read()

    def daemon(self, at=None):
        env = dict(self.s.env)
        if at:
            env.update(LD_PRELOAD=self.cut, CUT_ARM=self.arm, CUT_AT=str(at),
                       ASAN_OPTIONS="verify_asan_link_order=0")
        d = self.s.stage.spawn("daemon", [
            self.s.seedbankd, "--home", self.home, "--listen", ADDRESS + ":0",
            "--no-dht", "--no-lsd", "--log-level", "debug"], env=env)

        def answers():
            with socket.socket(socket.AF_UNIX) as k:
                return k.connect_ex(self.home + "/api.sock") == 0
        wait_for("the daemon", ANSWER_S, answers, d)
        return d

    def seeds(self):
        row = self.s.listed(self.home).get(self.s.hash)
        return row and row["state"] == "seeding" and \
            row["have"] == self.s.size and row

    def place(self):
        """Where the file is: in one directory alone, and nothing else."""
        places = self.places()
        if len(places) != 1:
            raise Failed("the file is in %s" % (places or "no place"))
        for d in self.dirs:
            if os.listdir(d) != (["one.bin"] if d == places[0] else []):
                raise Failed("%s has %s" % (d, os.listdir(d)))
        return places[0]

    def places(self):
        """Those that have it, whole: after a cut a copy may be in both."""
        out = [d for d in self.dirs if os.path.exists(d + "/one.bin")]
        for d in out:
            with open(d + "/one.bin", "rb") as f:
                if f.read() != self.data:
                    raise Failed("the file in %s is not what it was" % d)
        return out

    def add(self):
        d = self.daemon()
        got = self.s.run("get", self.s.torrent, "--out", self.dirs[0],
                         "--home", self.home)
        if got.status != 0:
            raise Failed("get: %s" % got)
        wait_for("seeding", ANSWER_S, self.seeds, d)
        self.s.stage.forget(d)

    def cut_at(self, at):
        """False: the move was through before that step."""
        here = self.place()
        there = self.dirs[1 - self.dirs.index(here)]
        if os.path.exists(self.arm):
            os.unlink(self.arm)
        d = self.daemon(at)
        wait_for("seeding", ANSWER_S, self.seeds, d)
        open(self.arm, "w").close()
        got = self.s.run("move", self.s.hash, there, "--home", self.home)
        if got.status == 0:
            os.unlink(self.arm)
            self.s.stage.forget(d)
            return False
        if d.wait(ANSWER_S) != -9:
            raise Failed("not cut, and refused: %s" % got)
        with open(self.arm) as f:
            what = f.read()
        self.s.stage.processes.remove(d)
        self.look_again(at, what)
        return True

    def look_again(self, at, what):
        if not self.places():
            raise Failed("step %d (%s): it is nowhere" % (at, what))
        d = self.daemon()
        row = wait_for("seeding after a cut before step %d (%s)" % (at, what),
                       ANSWER_S, self.seeds, d)
        place = self.place()
        if os.path.realpath(row["dir"]) != os.path.realpath(place):
            raise Failed("step %d (%s): the list says %s, it is in %s" %
                         (at, what, row["dir"], place))
        if row["uploaded"] or row["downloaded"]:
            raise Failed("step %d: fetched again" % at)
        print("cut before %-3d %-7s %s" % (at, what, os.path.basename(place)),
              flush=True)
        self.s.stage.forget(d)


def cut_each(m):
    m.add()
    at = 1
    while m.cut_at(at):
        at += 1
        if at > STEPS_MAX:
            raise Failed("a move has no end")
    if at < STEPS_MIN:
        raise Failed("a move has %d steps only" % (at - 1))
    print("ok: a move has %d steps, and was cut at each" % (at - 1))


def run(args, directory):
    with stage.Stage(os.path.join(directory, "log")) as st:
        s = Suite(args, directory, st)
        cut_each(Mover(s, args.cut, tempfile.mkdtemp(dir=directory)))
        if not os.path.isdir(args.other) or os.stat(
                args.other).st_dev == os.stat(directory).st_dev:
            print("left out: %s is no other file system" % args.other)
            return
        other = tempfile.mkdtemp(prefix="seedbank-move.", dir=args.other)
        try:
            cut_each(Mover(s, args.cut, other))
        finally:
            shutil.rmtree(other, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--bin", required=True)
    p.add_argument("--cut", required=True)
    p.add_argument("--other", default="/dev/shm")
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    args.seedbank = os.path.abspath(os.path.join(args.bin, "seedbank"))
    args.seedbankd = os.path.abspath(os.path.join(args.bin, "seedbankd"))
    args.cut = os.path.abspath(args.cut)
    with stage.workplace("seedbank-move", args.keep) as directory:
        run(args, directory)


try:
    main()
except (Failed, OSError, subprocess.SubprocessError) as e:
    sys.exit("move: %s" % e)
