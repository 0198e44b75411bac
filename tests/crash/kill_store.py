#!/usr/bin/env python3
"""kill_store.py - a directory is stored with hosts on a chain of this machine,
while the storing program and the hosts are killed at random moments.

The command is given again after each kill, and hosts are started again. At the
end everything comes back byte for byte, each book is right and equals the
chain, and nobody holds more sectors than agreements name.

usage: kill_store.py --bin DIR [--seed N] [--kills N] [--keep]
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import nodes  # noqa: E402
import stage  # noqa: E402
from nodes import Node, say  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402

HOSTS, K, N = 6, 2, 5
PERIOD = 60  # blocks of a second: long enough to be killed in, and to go on
FILES = 40
PATIENCE_S = 120  # for one command that nobody kills


def start(st, node):
    node.daemon = st.spawn(node.name, [
        os.path.join(nodes.BIN, "seedbankd"), "--home", node.home, "--listen",
        node.address + ":6881", "--passphrase-file", node.passphrase])


def wait_up(node):
    def up():
        try:
            return node.run("host", "status", wallet=False)["open"]
        except Failed:  # not listening yet, or the socket of one killed
            return False
    wait_for("renting out", 60, up, node.daemon)


def set_up(st, chain, renter, hosts):
    for node in (renter, *hosts):
        node.make_wallet()
        node.configure(rpc=chain.url)
    made = renter.run("contract", "deploy", "--test-token", "--period",
                      str(PERIOD))
    for node in (renter, *hosts):
        node.configure(bank=made["bank"], token=made["token"])
        node.run("contract", "mint", "500", "--account", "storage")
        node.run("deposit", "400", "--account", "storage")
    for node in hosts:
        node.configure(host_peer=hosts[0].address + ":6881")
        disk = node.home + ".disk"
        os.mkdir(disk)
        node.run("host", "enable", "--path", disk, "--space", "96MiB",
                 "--price", "100", "--span", "1", "--min-term", "1")
        start(st, node)
    for node in hosts:
        wait_up(node)
    wait_for("word of all hosts", 60, lambda: len(renter.run(
        "store", "hosts", "--host", hosts[0].address + ":6881")["hosts"]) ==
        HOSTS)


def make_tree(directory, rng):
    os.makedirs(directory + "/deep/er")
    for i in range(FILES):
        where = directory + ("/deep/er" if i % 3 else "")
        with open("%s/f%d" % (where, i), "wb") as f:
            f.write(rng.randbytes(rng.choice((0, 1, 5000, 300000, MIB))))
    os.symlink("deep", directory + "/link")


def put_once(st, renter, source, hosts, after):
    """True: it ended well. after: seconds until it is killed, None: never."""
    words = renter.argv(
        "store", "put", source, "--k", str(K), "--n", str(N), "--periods",
        "20", "--host", hosts[0].address + ":6881", "--passphrase-file",
        renter.passphrase)
    p = st.spawn("put", words)
    end = time.monotonic() + (after or PATIENCE_S)
    while p.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    if p.poll() is None:
        os.kill(p.pid, signal.SIGKILL)
        p.wait(20)
    st.forget(p)
    return p.status == 0


def kill_a_host(st, hosts, rng):
    node = rng.choice(hosts[1:])
    os.kill(node.daemon.pid, signal.SIGKILL)
    node.daemon.wait(20)
    st.forget(node.daemon)
    start(st, node)
    return node.name


def put_and_kill(st, renter, source, hosts, rng, kills):
    for i in range(kills):
        after = rng.choice((0.9, 1.3, 1.8, 2.5, 4, 6)) * rng.uniform(0.8, 1.2)
        done = put_once(st, renter, source, hosts, after)
        what = "killed after %.1f s" % after
        if rng.random() < 0.4:
            what += ", and " + kill_a_host(st, hosts, rng)
        say("%d: %s" % (i + 1, "it was done" if done else what))
        if done:
            return
    for node in hosts:
        wait_up(node)
    for again in range(3):
        if put_once(st, renter, source, hosts, None):
            return
    with open(os.path.join(st.directory, "put.log")) as f:
        raise Failed("it never ended well: " + f.read()[-2000:])


def check_books(renter, hosts):
    for node in (renter, *hosts):
        told = node.run("ledger", "check", "--account", "storage",
                        wallet=node is renter)
        if not told["ok"]:
            raise Failed("%s: %s" % (node.name, told))


def check_all(renter, hosts, source, out):
    renter.run("store", "get", os.path.basename(source), "--out", out)
    different = subprocess.run(
        ["diff", "-r", "--no-dereference", source,
         os.path.join(out, os.path.basename(source))], capture_output=True,
        text=True)
    if different.returncode != 0:
        raise Failed("not what was stored: " + different.stdout[:500])
    listing = renter.run("store", "ls")
    for o in listing["objects"]:
        if o["state"] == "stored" and o["least"] != N:
            raise Failed("a segment has %d shards of %d: %s" % (
                o["least"], N, o))
        if o["state"] == "being put":
            raise Failed("something is left of a put: %s" % o)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(1 << 30)
    rng = random.Random(seed)
    nodes.use(args.bin, cheap_keys=True)
    directory = tempfile.mkdtemp(prefix="seedbank-kill-store.")
    say("seed %d" % seed)
    try:
        with stage.Stage(directory) as st:
            chain = stage.Chain(st, "127.0.0.1", "--block-time", "1")
            renter = Node(directory, "renter", "127.0.0.1", chain)
            hosts = [Node(directory, "host%d" % i, "%s%d.1" % (
                stage.own_net(), i + 1), chain) for i in range(HOSTS)]
            set_up(st, chain, renter, hosts)
            source = os.path.join(directory, "tree")
            make_tree(source, rng)
            put_and_kill(st, renter, source, hosts, rng, args.kills)
            check_all(renter, hosts, source, os.path.join(directory, "got"))
            check_books(renter, hosts)
            say("all of it is there, and the books are right (seed %d)" % seed)
    except Failed as why:
        print("FAILED: %s (seed %d)" % (why, seed))
        args.keep = True
        return 1
    finally:
        if not args.keep:
            shutil.rmtree(directory)
        else:
            say("kept: " + directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
