#!/usr/bin/env python3
"""swap.py - seedbank and other BitTorrent clients swap files, each as seeder and as
leecher, in every mode that both speak, and the files are compared byte for byte.

A row is SEEDER:LEECHER@MODE, all rows run side by side (rows.py), each in a network
namespace of its own. MODE is words with + between:

    how they find each other
      (nothing)       a tracker by HTTP, which writes down what it was told: a
                      seeder must have said left=0, a leecher `completed`, both
                      `stopped`
      packed          the same, and its answers are packed
      udp             the same by UDP (BEP 15)
      peer            the leecher is told (--peer)
      opentracker, opentracker-udp
      dht             the DHT alone, of one seedbank and nodes of libtorrent
      pex             a tracker that names a third alone, who has next to nothing;
                      by-CLIENT: that one, else seedbank
      lsd             by multicast between two namespaces
    what lies between
      bad             a line that is late, lossy and out of order
      nat, nat-leech  the seeder, or the leecher, is behind a router
      nats            both are, and with them the third of pex is outside
    how they speak
      utp, rc4, plain (libtorrent alone refuses all else), 6 (IPv6), magnet (the
                      leecher has a link alone)
      web             the seeder has a web seed alone, and the leecher not that

Torrents: v1 of one file and of many (with an empty one and a name beyond ASCII), v1
and v2 in one with pad files, v2 alone; what each of the two takes.

Where no namespace can be made: at 127.0.0.x and ::1, one row after the other, and
without transmission, which refuses those.

usage: swap.py [--seedbank PROGRAM] [--keep] [--list] [--only WORDS]
               [--pairs ROW,...] [--use CLIENT=PROGRAM,...]
clients: seedbank, transmission, aria2, libtorrent, libtorrent21; with --use those of
by_hand.py, too
"""

import argparse
import functools
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "scripts"),
                os.path.join(HERE, "..", "net")]
import stage  # noqa: E402
import by_hand  # noqa: E402
import clients  # noqa: E402
import contents  # noqa: E402
import encrypt  # noqa: E402
import find  # noqa: E402
import late_link  # noqa: E402
import lines  # noqa: E402
import nets  # noqa: E402
import router  # noqa: E402
import rows  # noqa: E402
import run  # noqa: E402
import super_seed  # noqa: E402
from clients import Mode  # noqa: E402
from stage import Failed  # noqa: E402
from web_server import Server  # noqa: E402

KINDS = {
    "seedbank": clients.Seedbank, "libtorrent": clients.Libtorrent,
    "libtorrent21": clients.Libtorrent, "aria2": clients.Aria2,
    "transmission": clients.Transmission, **by_hand.KINDS}
PROGRAMS = {
    "libtorrent": clients.LT_PYTHON, "libtorrent21": clients.LT21_PYTHON,
    "aria2": "aria2c", "transmission": "transmission-daemon"}


def fits(content, mode, seeder, leecher):
    """False of what one of the two does not speak."""
    if content not in ("hybrid", "v2"):
        return True
    # libtorrent 2.1.1 takes the second file of v2 alone from a web seed for false
    # (2.0.8 does not), whoever else is there
    if content == "v2" and mode.web and \
            getattr(seeder, "program", "") == clients.LT21_PYTHON:
        return False
    return all(getattr(c, content) for c in (seeder, leecher))


class Stock:
    """What rows are made of: clients, files and torrents, addresses."""

    FILES = {"full": contents.FULL, "small": contents.SMALL,
             "long": contents.LONG}

    def __init__(self, directory, makers, addresses, has):
        self.makers, self.addresses, self.has = makers, addresses, has
        self.directory = directory
        python = clients.LT_PYTHON if not clients.Libtorrent().missing() else \
            None
        self.made = {
            name: contents.make_all(os.path.join(directory, name), files,
                                    python)
            for name, files in self.FILES.items()}

    def seedbank(self):
        return self.makers["seedbank"]()

    def row(self, pair):
        return rows.Row(pair.replace(":", " -> "),
                        lambda st, directory: self.play(st, directory, pair))

    def play(self, st, directory, pair):
        """Returns what was swapped."""
        names, _, words = pair.partition("@")
        mode = Mode.parse(words)
        seeder, leecher = (self.makers[n]() for n in names.split(":"))
        chosen = set_of(mode)
        made = [c for c in self.made[chosen]
                if fits(c.name, mode, seeder, leecher)]
        source = os.path.join(self.directory, chosen, "source")
        net = run.ground(mode, self.addresses, self.has("net"))
        try:
            r = run.Run(st, directory, mode, made, net.places)
            if mode.find == "dht":
                run.start_dht(r, self.seedbank().program)
            if mode.web:
                r.web = Server(net.places["hub"].address, source)
            run.swap(r, seeder, leecher, source,
                     self.makers[mode.hub]() if mode.find == "pex" else None)
            net.check()
        finally:
            net.close()
        return ", ".join(c.name for c in made)


def set_of(mode):
    """Few bytes where a mode is what is looked at; where a third has a little of
    it, or the line is to lose some, one file that is not too short."""
    if mode.line or mode.find == "pex":
        return "long"
    return "full" if mode == Mode.parse("") else "small"


# --- the matrix -----------------------------------------------------------------

def both_ways(name, *modes):
    return ["%s@%s" % (pair, mode) for mode in modes
            for pair in (name + ":seedbank", "seedbank:" + name)]


def combined(*words):
    """Every choice among three words; of four every second, such that any three of
    them meet in every way."""
    out = [[]]
    for w in words:
        out += [o + [w] for o in out]
    return ["+".join(o) for o in out if len(words) < 4 or len(o) % 2 == 0]


def matrix(makers, has):
    """Rows, those that take longest first. has(what): "6", "opentracker", "net"
    (namespaces), "lines" (and TUN devices in them), "dht"."""
    pairs = []
    for name in makers:
        if name == "seedbank":
            continue
        speaks_utp = KINDS[name].utp
        ways = ["utp"] * speaks_utp + ["rc4", "magnet"] + ["6"] * has("6")
        modes = combined(*ways) + ["udp", "web"]
        if has("net"):
            modes += ["lsd", "pex"] + ["dht", "dht+magnet"] * has("dht")
            modes += ["pex+utp+rc4+magnet"] * speaks_utp
        if has("net") and has("6"):
            modes += ["pex+6"] + ["dht+6"] * has("dht")
            # the others read the peers of such an answer as those of IPv4
            modes += ["udp+6"] * name.startswith("libtorrent")
        if has("lines"):
            modes += ["bad", "nat", "nat-leech+rc4+magnet"]
            modes += ["bad+utp", "bad+utp+rc4+magnet", "nat+utp",
                      "nat-leech+utp"] * speaks_utp
        if has("lines") and name.startswith("libtorrent"):
            modes += ["nats+pex", "pex+by-" + name]
        if name.startswith("libtorrent"):
            modes += ["plain", "plain+magnet"]
            pairs += [name + ":seedbank@peer+plain+magnet"]
        pairs += [p for p in both_ways(name, *modes)
                  if not KINDS[name].lacks & set(
                      p.partition("@")[2].split("+"))]
    own = ["peer", "packed", "utp", "utp+6", "bad", "bad+utp", "web"]
    own += ["peer+6", "6", "udp+6"] if has("6") else []
    own += ["lsd", "pex"] if has("net") else []
    own += ["nats+pex"] if has("lines") else []
    own += ["opentracker", "opentracker-udp"] if has("opentracker") else []
    pairs += ["seedbank:seedbank@" + mode for mode in own
              if has("lines") or Mode.parse(mode).line == ""]
    # 2.0.8 ends with a fault now and then while it has a web seed alone
    pairs = [p for p in pairs if p != "libtorrent:seedbank@web"]
    slow = lambda p: ("transmission" in p, "dht" in p, "bad" in p, "aria2" in p)
    return sorted(pairs, key=slow, reverse=True)


def can_be_nobody():
    """opentracker will not run as root, nor can it leave it in a namespace
    that has no other user."""
    with open("/proc/self/uid_map") as f:
        return os.geteuid() == 0 and int(f.read().split()[2]) > 65534


def what_is_there(own_network):
    """For matrix(); says what is left out."""
    there = set()
    if stage.has_ipv6():
        there.add("6")
    else:
        print("left out: IPv6, which this machine has not", flush=True)
    if not shutil.which("opentracker"):
        print("missing: opentracker", flush=True)
    elif not can_be_nobody():
        print("left out: opentracker wants to be root, with another user to "
              "become", flush=True)
    else:
        there.add("opentracker")
    if own_network and nets.available():
        there.add("net")
        if not clients.Libtorrent().missing():
            there.add("dht")  # its nodes
        if router.available():
            there.add("lines")
    if "lines" not in there:
        print("left out: lines, which want namespaces with TUN devices",
              flush=True)
    return there.__contains__


def arguments():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", default=os.path.join(
        stage.TOP, "build", "release", "seedbank"))
    p.add_argument("--pairs")
    p.add_argument("--use", metavar="CLIENT=PROGRAM,...", default="",
                   help="these alone, of another version perhaps, or clients that\n"
                   "are tried by hand")
    p.add_argument("--only", metavar="WORDS",
                   help="of all rows those that have this in their name")
    p.add_argument("--list", action="store_true",
                   help="say what would be run")
    p.add_argument("--keep", action="store_true",
                   help="leave files and logs where they are")
    args = p.parse_args()
    if shutil.which(args.seedbank) is None:
        raise Failed("build it first, or say where it is with --seedbank")
    return args


def makers_of(args, own_network):
    """{name: what makes one} of the clients that are there."""
    programs = dict(u.split("=", 1) for u in args.use.split(",")) \
        if args.use else dict(PROGRAMS)
    programs["seedbank"] = args.seedbank
    makers = {name: functools.partial(KINDS[name], program)
              for name, program in programs.items()}
    for name in list(makers):
        missing = makers[name]().missing()
        if missing and name == "libtorrent21":
            print("left out: libtorrent 2.1, which pip could not bring",
                  flush=True)
        elif missing:
            print("missing: %s, to swap files with" % missing, flush=True)
        elif name == "transmission" and not own_network:
            missing = True
            print("left out: transmission, which refuses 127.0.0.x, wants a "
                  "network namespace", flush=True)
        if missing:
            del makers[name]
    return makers


def main():
    args = arguments()
    addresses, own_network = stage.enter_namespace(run.ADDRESSES)
    makers = makers_of(args, own_network)
    has = what_is_there(own_network)
    pairs = args.pairs.split(",") if args.pairs else matrix(makers, has)
    directory = tempfile.mkdtemp(prefix="seedbank-interop.")
    try:
        stock = Stock(os.path.join(directory, "stock"), makers, addresses, has)
        table = [stock.row(pair) for pair in pairs]
        if not args.pairs:
            table += [row for part in (encrypt, super_seed, find, late_link,
                                       lines)
                      for row in part.table(stock)]
        table = [row for row in table if (args.only or "") in row.name]
        if args.list:
            print("\n".join(row.name for row in table))
            return 0
        return rows.run_all(table, os.path.join(directory, "rows"), addresses,
                            own_network, args.keep)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyError) as e:
        sys.exit("swap: %s" % e)
