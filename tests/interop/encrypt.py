#!/usr/bin/env python3
"""encrypt.py - encrypted connections (MSE/PE) with other clients and between two
of our own, both ways; what arrives is compared byte for byte, and our log must say
how the connection was encrypted.

usage: encrypt.py [--seedbank PROGRAM] [--keep]
"""

import os
import re
import shutil
import sys
import tempfile

import swap
from swap import stage, wait_for, Failed

RC4_ONLY = {"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 2}
PLAIN_BEHIND = {"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 1}
NO_ENCRYPTION = {"in_enc_policy": 2, "out_enc_policy": 2}
ARIA2_RC4 = ("--bt-require-crypto=true", "--bt-min-crypto-level=arc4")

# client, its way, what it is told for that, our `encryption`, what our log must
# say of us as leecher and as seeder. Where nothing is said it may be either.
WITH = [
    ("libtorrent", "rc4 only", RC4_ONLY, "allow", "rc4", "rc4"),
    ("libtorrent", "as it is", {}, "require", "rc4", "rc4"),
    ("libtorrent", "plain behind it", PLAIN_BEHIND, "allow", "plain", "plain"),
    ("libtorrent", "plain only", NO_ENCRYPTION, "prefer", "plain", "plain"),
    ("libtorrent21", "rc4 only", RC4_ONLY, "allow", "rc4", "rc4"),
    ("libtorrent21", "as it is", {}, "prefer", "rc4", None),
    ("transmission", "-er", ("-er",), "allow", "rc4", "rc4"),
    ("aria2", "rc4 only", ARIA2_RC4, "allow", "rc4", "rc4"),
    ("aria2", "as it is", (), "require", "rc4", "rc4"),
]
# seeder's and leecher's policy
OWN = [
    ("allow", "prefer", "frames"),
    ("require", "allow", "frames"),
    ("prefer", "require", "frames"),
    ("off", "prefer", "plain"),
]


def seedbank(program, policy):
    c = swap.Seedbank(program)
    c.settings = "encryption = %s\n" % policy
    c.options = ("--log-level", "debug")
    return c


def other(makers, name, told):
    c = makers[name]()
    if isinstance(told, dict):
        c.settings = told
    else:
        c.options = told
    return c


def said(client):
    """How the connections that bytes went over were encrypted."""
    out = set()
    for p in client.logs:
        with open(p, errors="replace") as f:
            out |= set(re.findall(r"ready peer=\S+ encryption=(\w+)",
                                  f.read()))
    return out


class Runs:
    def __init__(self, st, directory, addresses):
        self.stage = st
        self.directory, self.addresses = directory, addresses
        self.tracker = swap.Tracker(addresses[0])
        self.count = 0
        swap.CONTENTS = {"single": {"single.bin": 2 * stage.MIB + 12345}}
        self.source = os.path.join(directory, "source")
        swap.write(os.path.join(self.source, "single.bin"),
                   2 * stage.MIB + 12345)
        self.torrent = os.path.join(directory, "single.torrent")
        stage.make_torrent(os.path.join(self.source, "single.bin"),
                           self.torrent, 65536, self.tracker.url)

    def run(self, name):
        self.count += 1
        return swap.Run(self.stage, "%d-%s" % (self.count, name),
                        os.path.join(self.directory, "%d" % self.count),
                        {"single": self.torrent}, self.tracker)

    def swap(self, name, seeder, leecher, want):
        """want: {client: how}"""
        run = self.run(name)
        took = swap.swap(run, seeder, leecher, self.source, self.addresses)
        for client, how in want.items():
            client.logs = [p.log for p in client.processes_were]
            if how and how not in said(client):
                raise Failed("%s: %s instead of %s" % (name, said(client), how))
        print("%-40s ok: %s in %.1f s" % (
            name, "/".join(how or "either" for how in want.values()), took),
            flush=True)
        shutil.rmtree(run.directory)
        self.tracker.forget_all()

    def refused(self, name, seeder, leecher):
        """Nothing is swapped: the seeder says why."""
        run = self.run(name)
        for client, address, directory in (
                (seeder, self.addresses[0], self.source),
                (leecher, self.addresses[1],
                 os.path.join(run.directory, "out"))):
            os.makedirs(directory, exist_ok=True)
            client.run, client.address, client.directory = (run, address,
                                                            directory)
        seeder.start("seed")
        leecher.start("leech")
        log = seeder.processes[0].log
        wait_for("refusal of a plain connection", swap.START_S,
                 lambda: "not encrypted" in open(log, errors="replace").read(),
                 *seeder.processes)
        if leecher.complete():
            raise Failed("%s: it got the file all the same" % name)
        for client in (leecher, seeder):
            swap.Client.stop(client)
        print("%-40s ok: refused" % name, flush=True)
        self.tracker.forget_all()


def remember_processes():
    """swap.Client.stop() forgets them; their logs are read after that."""
    spawn = swap.Client.spawn

    def and_remember(self, name, argv, **kw):
        p = spawn(self, name, argv, **kw)
        self.processes_were = getattr(self, "processes_were", []) + [p]
        return p
    swap.Client.spawn = and_remember


def with_client(runs, ours, makers, client):
    for name, how_told, told, policy, leeching, seeding in WITH:
        if name != client:
            continue
        what = "%s (%s)" % (name, how_told)
        us, them = ours(policy), other(makers, name, told)
        runs.swap("%s -> %s" % (what, policy), them, us, {us: leeching})
        us, them = ours(policy), other(makers, name, told)
        runs.swap("%s -> %s" % (policy, what), us, them, {us: seeding})
    if client == "libtorrent":
        runs.refused("require -> libtorrent, plain only", ours("require"),
                     other(makers, "libtorrent", NO_ENCRYPTION))


def between_ours(runs, ours):
    for seeder, leecher, how in OWN:
        a, b = ours(seeder), ours(leecher)
        runs.swap("%s -> %s" % (seeder, leecher), a, b, {a: how, b: how})


def run_group(args, directory, addresses, makers, client):
    """All with one client, in a process of its own: some of them take their
    time."""
    directory = os.path.join(directory, client)
    ours = lambda policy: seedbank(args.seedbank, policy)
    try:
        with stage.Stage(os.path.join(directory, "log")) as st:
            runs = Runs(st, directory, addresses)
            if client == "seedbank":
                between_ours(runs, ours)
            else:
                with_client(runs, ours, makers, client)
    except Failed as e:
        swap.show_logs(os.path.join(directory, "log"))
        print("encrypt: %s" % e, file=sys.stderr, flush=True)
        return 1
    return 0


def run_all(args, directory, addresses, makers):
    children = []
    for client in ["seedbank", *makers]:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = run_group(args, directory, addresses, makers, client)
            finally:
                os._exit(status)
        children.append(pid)
    failed = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
              for pid in children]
    return 1 if any(failed) else 0


def main():
    args = swap.arguments()
    addresses, own_network = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    makers = {
        "libtorrent": swap.Libtorrent,
        "libtorrent21": lambda: swap.Libtorrent(swap.LT21_PYTHON),
        "aria2": lambda: swap.Aria2("aria2c"),
        "transmission": lambda: swap.Transmission("transmission-daemon"),
    }
    for name in list(makers):
        missing = makers[name]().missing()
        if missing or (name == "transmission" and not own_network):
            print("left out: %s" % (missing or name), flush=True)
            del makers[name]
    remember_processes()
    directory = tempfile.mkdtemp(prefix="seedbank-encrypt.")
    try:
        return run_all(args, directory, addresses, makers)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyError) as e:
        sys.exit("encrypt: %s" % e)
