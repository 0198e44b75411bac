#!/usr/bin/env python3
"""crowd.py - hundreds of connections at one seeding node, most of them of no use.

burst      hundreds come and say their handshakes at once: all are let in, though a
           third of them may be silent at any time
loris      as many stay silent, or say half a handshake and no more; whoever means
           it is served meanwhile, and none of those of use is ended for them
few files  more come than the process may have open files: the log says so, and the
           node serves and answers its commands

usage: crowd.py --seedbank PROGRAM [--keep]
"""

import argparse
import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import stage  # noqa: E402
from stage import Failed, wait_for  # noqa: E402

PIECE = 16384
SIZE = 16 * PIECE
MAX_PEERS = 600
PEERS = 400  # of use
SILENT = 300  # more than the third that may be
FEW_FILES = 256
ANSWER_S = 60


class Peer:
    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port), ANSWER_S)
        self.socket.settimeout(ANSWER_S)

    def say_handshake(self, info_hash, number):
        self.socket.sendall(b"\x13BitTorrent protocol" + bytes(8) + info_hash +
                            b"-XX0000-%012d" % number)

    def read(self, size):
        out = b""
        while len(out) < size:
            part = self.socket.recv(size - len(out))
            if not part:
                raise Failed("a connection was ended after %d bytes of %d" %
                             (len(out), size))
            out += part
        return out

    def message(self):
        size, = struct.unpack(">I", self.read(4))
        return self.read(size)

    def is_there(self):
        """What was said to it is read; nobody has ended it."""
        self.socket.settimeout(0)
        try:
            while self.socket.recv(65536):
                pass
            return False
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(ANSWER_S)

    def fetch(self, data):
        """One block, as any leecher."""
        self.socket.sendall(struct.pack(">IB", 1, 2))
        while self.message()[:1] != b"\x01":
            pass
        self.socket.sendall(struct.pack(">IBIII", 13, 6, 3, 0, PIECE))
        while True:
            m = self.message()
            if m[:1] == b"\x07":
                if m[9:] != data[3 * PIECE:4 * PIECE]:
                    raise Failed("other bytes than asked for")
                return


class World:
    def __init__(self, args, st, directory, address):
        self.program, self.st, self.address = args.seedbank, st, address
        self.directory = directory
        self.source = os.path.join(directory, "source")
        os.makedirs(self.source)
        file = os.path.join(self.source, "file.bin")
        stage.make_file(file, SIZE)
        with open(file, "rb") as f:
            self.data = f.read()
        self.torrent = os.path.join(directory, "file.torrent")
        self.info_hash = bytes.fromhex(
            stage.make_torrent(file, self.torrent, PIECE))
        self.numbers = 0

    def seeder(self, name, max_peers, files=None):
        port = stage.free_port(self.address)
        home = os.path.join(self.directory, name)
        os.makedirs(home)
        with open(os.path.join(home, "config"), "w") as f:
            f.write("max-peers = %d\n" % max_peers)
        words = [self.program, "--home", home, "seed", self.source,
                 "--torrent", self.torrent, "--listen",
                 "%s:%d" % (self.address, port), "--log-level", "warn"]
        if files:
            words = ["sh", "-c", "ulimit -n %d; exec \"$@\"" % files, "sh",
                     *words]
        process = self.st.spawn(name, words)
        wait_for("the seeder", ANSWER_S,
                 lambda: stage.accepts(self.address, port), process)
        return process, port

    def peer(self, port, says=True):
        p = Peer(self.address, port)
        if says:
            self.numbers += 1
            p.say_handshake(self.info_hash, self.numbers)
        return p

    def served(self, port):
        p = self.peer(port)
        p.read(68)
        p.fetch(self.data)


def burst_and_loris(w):
    process, port = w.seeder("many", MAX_PEERS)
    peers = [w.peer(port) for _ in range(PEERS)]
    for p in peers:
        p.read(68)
    silent = []
    for i in range(SILENT):
        silent.append(w.peer(port, says=False))
        if i % 2:
            silent[-1].socket.sendall(b"\x13BitTorr")
    w.served(port)
    there = sum(p.is_there() for p in peers)
    if there != PEERS:
        raise Failed("%d of %d that are of use are there" % (there, PEERS))
    left = sum(p.is_there() for p in silent)
    if left > MAX_PEERS // 3:
        raise Failed("%d silent ones are there" % left)
    w.st.forget(process)
    return "%d of use stayed, %d of %d silent ones were there" % (
        there, left, SILENT)


def few_files(w):
    process, port = w.seeder("few", 1000, FEW_FILES)
    crowd = [w.peer(port, says=False) for _ in range(2 * FEW_FILES)]
    w.served(port)
    with open(process.log) as f:
        said = f.read()
    if "max-peers is 1000" not in said or "in the %d files" % FEW_FILES \
            not in said:
        raise Failed("the log says nothing of it: %s" % said)
    crowd.clear()
    w.st.forget(process)
    return "served among %d" % (2 * FEW_FILES)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", required=True)
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    args.seedbank = os.path.abspath(args.seedbank)
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    with stage.workplace("seedbank-crowd", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            w = World(args, st, directory, addresses[0])
            for run in (burst_and_loris, few_files):
                print("%-16s ok: %s" % (run.__name__, run(w)), flush=True)


try:
    main()
except (Failed, OSError, subprocess.CalledProcessError) as e:
    sys.exit("crowd: %s" % e)
