#!/usr/bin/env python3
"""kill.py - a paid download, in which seeder and payer are killed at random
moments and started again.

After each kill the book of the killed side must be right by itself. At the end
the file is there, byte for byte, nothing verified was loaded twice, the receipts
are cashed, both books agree with the chain, and what the kills cost the payer is
at most a step each (docs/protocol.md, 6: leading). What was verified is read
from the disk and compared with the source, so it does not rest on seedbank's
own word.

usage: kill.py [--bin DIRECTORY] [--seed N] [--rounds N] [--keep]
"""

import argparse
import decimal
import os
import random
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import nodes  # noqa: E402
import stage  # noqa: E402
from nodes import Node, say  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402

PIECE = 256 * 1024
PIECES = 100  # so a percent is a piece
SIZE = PIECE * PIECES
UPLOAD_CAP = "4MiB"
PRICE = 1  # tokens a GiB
BID, BUDGET, DEPOSIT = "4", "2", "5"
STEP = 8 * MIB  # the most that a receipt leads by
GROWTH = (MIB // 2, 2 * MIB)  # what arrives between two kills
DELAY_S = 0.25  # and then up to this long


def worth(size):
    return decimal.Decimal(size) * PRICE / stage.GIB


class Seeder:
    def __init__(self, st, node, data, torrent):
        self.st, self.node, self.name = st, node, node.name
        self.options = ("--limit-up", UPLOAD_CAP, "--price", str(PRICE))
        self.process = nodes.start_seeder(st, node, data, torrent,
                                          *self.options)

    def start(self):
        """The daemon knows its torrents; nobody tells it again."""
        node = self.node
        self.process = self.st.spawn("seedbankd", [
            os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
            "--listen", node.address + ":6881", "--passphrase-file",
            node.passphrase, *self.options])

        def seeding():
            try:
                torrents = node.run("list", wallet=False)["torrents"]
            except Failed:  # not listening yet
                return False
            return torrents and torrents[0]["state"] == "seeding"
        wait_for("seeding after a kill", 20, seeding, self.process)


class Payer:
    def __init__(self, st, node, torrent, peer):
        self.st, self.node, self.name = st, node, node.name
        self.out = os.path.join(node.home, "files")
        self.words = [
            os.path.join(nodes.BIN, "seedbank"), "--home", node.home, "get",
            torrent, "--out", self.out, "--listen", node.address + ":6881",
            "--peer", peer, "--bid", BID, "--budget", BUDGET,
            "--passphrase-file", node.passphrase]
        self.runs = 0
        self.start()

    def start(self):
        """Each run has a log of its own: the progress it told is compared."""
        self.runs += 1
        self.process = self.st.spawn("payer-%d" % self.runs, self.words)

    def log(self):
        with open(self.process.log, errors="replace") as f:
            return f.read()

    def blamed(self):
        """That this run took its payee for a thief, which it is not."""
        return "did not serve" in self.log()

    def told(self):
        """The percents that this run told; it tells one at its start and one
        for each tenth. 0 may also mean that it still looks at its files."""
        return [int(n) for n in re.findall(r"^ *(\d+)% \[", self.log(), re.M)]

    def files(self):
        return [os.path.join(folder, f) for folder, _, names in
                os.walk(self.out) for f in names]

    def arrived(self):
        """Bytes on the disk, of verified pieces or not."""
        total = 0
        for f in self.files():
            try:
                total += os.stat(f).st_blocks * 512
            except FileNotFoundError:  # renamed when complete
                pass
        return total

    def verified(self, source):
        """How many pieces on the disk are as in the source."""
        best = 0
        for path in self.files():
            with open(path, "rb") as a, open(source, "rb") as b:
                best = max(best, sum(a.read(PIECE) == b.read(PIECE)
                                     for _ in range(PIECES)))
        return best


def kill(side):
    """SIGKILL to the program; its signer ends by the end of its pipe."""
    os.kill(side.process.pid, signal.SIGKILL)
    side.process.wait(10)
    side.st.forget(side.process)


def check_book(node, *options, wallet=True):
    if node.run("ledger", "check", *options, wallet=wallet)["ok"] is not True:
        raise Failed("the book of the %s is not right" % node.name)


def one_round(chance, victim, payer, seeder, source):
    """Waits for bytes, kills, checks the book, starts again. Returns the pieces
    that were there, if it was the payer."""
    goal = payer.arrived() + chance.randint(*GROWTH)
    wait_for("bytes to kill at", 30,
             lambda: payer.arrived() >= min(goal, SIZE - 2 * MIB),
             payer.process, seeder.process)
    time.sleep(chance.uniform(0, DELAY_S))  # anywhere in what goes on
    if payer.process.poll() is not None:
        raise Failed("complete before the last kill: too fast for this test")
    kill(victim)
    check_book(victim.node, "--offline")
    have = payer.verified(source)
    say("%s killed with %d of %d pieces verified; its book is right" % (
        victim.name, have, PIECES))
    if payer.blamed():
        raise Failed("the payee is blamed for a kill")
    told = payer.told() if victim is payer else []
    victim.start()
    if victim is payer:
        compare_told(payer, told, have)
    return have


def compare_told(payer, before, have):
    """What the run before the kill told it had, and more, must be there."""
    last = max(before, default=0)
    if last > have:
        raise Failed("told %d pieces, but %d are there" % (last, have))

    def first():
        told = next((n for n in payer.told() if n), None)
        return told or (payer.process.poll() == 0 and PIECES)
    if have:
        now = wait_for("progress", 20, first)
        if now < last:
            raise Failed("had %d pieces, has %d after a restart" % (last, now))


def downloaded(payer):
    found = re.search(r"^.*: complete, downloaded (\S+) (\S+),",
                      payer.log(), re.M)
    if not found:
        raise Failed("no outcome in %s" % payer.process.log)
    unit = {"B": 1, "KiB": 1024, "MiB": MIB}[found.group(2)]
    return int(float(found.group(1)) * unit)


def finish(payer, seeder, source, have):
    """`have`: pieces verified at the last kill, which was of the payer."""
    if payer.process.wait(60) != 0:
        raise Failed("get ended with %d (%s)" % (payer.process.status,
                                                 payer.process.log))
    if not stage.same(source, os.path.join(payer.out,
                                           os.path.basename(source))):
        raise Failed("the bytes differ")
    if payer.blamed():
        raise Failed("the payee is blamed for a kill")
    got, missing = downloaded(payer), (PIECES - have) * PIECE
    if got > missing + PIECE:  # the figure in the log is rounded
        raise Failed("%d bytes were missing, %d were loaded" % (missing, got))
    say("complete, equal byte for byte; the last run loaded %.1f MiB of %.1f "
        "missing" % (got / MIB, missing / MIB))


def money(payer, seeder, kills):
    field = lambda node, name: decimal.Decimal(
        node.run("status", wallet=False)[name])
    seeder.node.run("settle", "--all", wallet=False)
    check_book(seeder.node, wallet=False)
    check_book(payer.node)
    spent, earned = field(payer.node, "spent"), field(seeder.node, "earned")
    loss = spent - worth(SIZE)
    say("spent %s, earned %s, the file is worth %s; %d kills cost %s, at most "
        "%s" % (spent, earned, worth(SIZE), kills, loss, kills * worth(STEP)))
    if not earned > 0:
        raise Failed("nothing was earned")
    if spent < earned:
        raise Failed("earned more than was spent")
    if spent - earned > kills * worth(STEP):
        raise Failed("more than a step a kill did not reach the seeder")
    if loss > kills * worth(STEP):
        raise Failed("the kills cost more than a step each")


def perform(st, chance, rounds, directory, addresses):
    source = os.path.join(directory, "seed", "file.bin")
    os.makedirs(os.path.dirname(source))
    stage.make_file(source, SIZE)
    torrent = os.path.join(directory, "file.torrent")
    stage.make_torrent(source, torrent, PIECE)
    chain = stage.Chain(st, addresses[0], "--mixed-mining", "--block-time", "2")
    owner = Node(directory, "seeder", addresses[0], chain)
    buyer = Node(directory, "payer", addresses[1], chain)
    nodes.make_bank(chain, owner, [buyer], DEPOSIT)
    seeder = Seeder(st, owner, os.path.dirname(source), torrent)
    payer = Payer(st, buyer, torrent, addresses[0] + ":6881")
    # both in turn at random; the payer last, so that the last run tells what
    # it had to load again
    victims = [(seeder, payer)[i % 2] for i in range(rounds - 1)]
    chance.shuffle(victims)
    have = 0
    for victim in victims + [payer]:
        have = one_round(chance, victim, payer, seeder, source)
    finish(payer, seeder, source, have)
    money(payer, seeder, rounds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--seed", type=int,
                        default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    say("--seed %d" % args.seed)
    with stage.workplace("seedbank-crash", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            perform(st, random.Random(args.seed), args.rounds, directory,
                    addresses)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("kill: %s" % e)
