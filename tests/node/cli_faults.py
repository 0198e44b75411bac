#!/usr/bin/env python3
"""cli_faults.py - storing as people do it wrong: strange names, pipes that are
closed, Ctrl-C, a database that is lost, damaged or old.

usage: cli_faults.py --bin DIR [--keep]
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import stage  # noqa: E402
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import wait_for  # noqa: E402

HOSTS = 4
PERIOD = 60  # blocks of a second
CODING = ("--k", "2", "--n", "4", "--periods", "20")
CUT_OFF_S = (1.4, 2.2, 3.5, 5)  # while it opens, uploads, signs


def at_once(function, items):
    with concurrent.futures.ThreadPoolExecutor(HOSTS + 1) as pool:
        return list(pool.map(function, items))


def typed(node, *words, as_json=False):
    """As a person reads it: exit status, standard output, standard error."""
    argv = [os.fsencode(w) for w in node.argv(*words)
            if as_json or w != "--json"]
    done = subprocess.run(
        [*argv, b"--passphrase-file", os.fsencode(node.passphrase)],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    return (done.returncode, done.stdout,
            done.stderr.decode(errors="backslashreplace"))


def says(name, got, status, *words):
    check(name, got[0] == status and all(w in got[2] for w in words) and
          "Sanitizer" not in got[2] and "runtime error" not in got[2], got)


def at(node):
    return node.address + ":6881"


def fund(node):
    node.run("contract", "mint", "1000", "--account", "storage")
    node.run("deposit", "900", "--account", "storage")


def begin(st, node):
    node.daemon = st.spawn(node.name, [
        os.path.join(nodes.BIN, "seedbankd"), "--home", node.home, "--listen",
        at(node), "--passphrase-file", node.passphrase])


def is_up(node):
    try:
        return node.run("host", "status", wallet=False)["open"]
    except stage.Failed:  # not listening yet
        return False


def set_up(st, chain, owner, hosts):
    at_once(Node.make_wallet, (owner, *hosts))
    owner.configure(rpc=chain.url, confirmations="1")
    made = owner.run("contract", "deploy", "--test-token", "--period",
                     str(PERIOD))

    def enable(node):
        node.configure(rpc=chain.url, bank=made["bank"], token=made["token"],
                       confirmations="1")
        fund(node)
        if node is owner:
            return
        os.mkdir(node.home + ".disk")
        node.configure(host_peer=at(hosts[0]))
        node.run("host", "enable", "--path", node.home + ".disk", "--space",
                 "64MiB", "--price", "100", "--span", "1", "--min-term", "1",
                 "--max-term", "1000")
    at_once(enable, (owner, *hosts))
    for node in hosts:
        begin(st, node)
    for node in hosts:
        wait_for("renting out", 60, lambda: is_up(node), node.daemon)
    # the owner is to know none yet: the first host is asked
    wait_for("word of all hosts", 60, lambda: len(hosts[0].run(
        "store", "hosts", wallet=False)["hosts"]) == HOSTS - 1)
    check("a renter and hosts", True)


def put(owner, *words):
    return typed(owner, "store", "put", *words, *CODING)


# --- before anything is stored ------------------------------------------------

def asked(owner, host):
    says("k above n is wrong usage", typed(
        owner, "store", "cost", "1MiB", "--k", "5", "--n", "3"), 2, "--k 5")
    says("so is a host that is none", typed(
        owner, "store", "put", __file__, "--host", "nonsense"), 2, "HOST:PORT")
    says("who names no host is told to", typed(
        owner, "store", "cost", "1MiB", *CODING), 1, "no host answered",
        "--host")
    says("a term that nobody has is told as such", typed(
        owner, "store", "cost", "1MiB", "--host", at(host), "--k", "2", "--n",
        "4", "--periods", "2000"), 1, "1 to 1000 periods", "--term")
    code, out, err = typed(owner, "store", "cost", "1MiB", "--host", at(host),
                           *CODING)
    check("a cost is the command's output", code == 0 and
          b"4 hosts" in out, (out, err))


# --- names --------------------------------------------------------------------

def make_tree(directory):
    tree = os.path.join(directory, "tree")
    os.makedirs(tree + "/empty/deep")
    for name in (b"bad\xff", b"new\nline", b"\x1b[31mred", b"-dash", b"zero"):
        with open(os.path.join(tree.encode(), name), "wb") as f:
            f.write(b"" if name == b"zero" else name * 2000)
    os.symlink("/etc/passwd", tree + "/a link")
    os.symlink(b"no\xffwhere", tree.encode() + b"/dangling")
    return tree


def names(owner, directory, tree):
    stored = put(owner, tree)
    says("a tree with strange names is stored", stored, 0)
    code, out, err = typed(owner, "store", "ls")
    check("a terminal is told no escapes", code == 0 and b"\x1b" not in out and
          b"\\x1b[31mred" in out, out)
    code, out, err = typed(owner, "store", "ls", as_json=True)
    paths = [f.get("path") for f in json.loads(out)["files"]]
    check("all of it is listed", len(paths) == len(set(paths)) == 10 and
          "tree/bad\\xff" in paths and "tree/new\nline" in paths, paths)
    says("it is fetched", typed(owner, "store", "get", "tree", "--out",
                                directory + "/got"), 0)
    diff = subprocess.run(["diff", "-r", "--no-dereference", tree,
                           directory + "/got/tree"], capture_output=True)
    check("and is the same", diff.returncode == 0, diff)
    says("a path that no JSON takes is refused", put(
        owner, tree.encode() + b"/bad\xff"), 1, "not UTF-8", "directory")
    says("and so is a name", typed(owner, "store", "get", b"tree/bad\xff",
                                   "--out", directory), 1, "not UTF-8")
    says("a name that is not there", typed(owner, "store", "ls", "nothing"),
         1, "nothing of that name")
    says("a directory is no stream", typed(owner, "store", "cat", "tree"), 1,
         "only one")


# --- pipes --------------------------------------------------------------------

def pipes(owner):
    with subprocess.Popen(
            [*owner.argv("store", "put", "-", "--as", "piped", *CODING),
             "--passphrase-file", owner.passphrase], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        out, err = p.communicate(b"0123456789" * 200000, timeout=60)
        check("standard input is stored", p.returncode == 0, (out, err))
    code, out, err = typed(owner, "store", "cat", "piped", as_json=True)
    check("cat writes the bytes and nothing else",
          code == 0 and out == b"0123456789" * 200000, (code, len(out), err))
    with subprocess.Popen(
            [*owner.argv("store", "cat", "piped"), "--passphrase-file",
             owner.passphrase], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        p.stdout.read(10)
        p.stdout.close()
        try:
            code = p.wait(30)
        except subprocess.TimeoutExpired:
            p.kill()
            code = "it hangs"
        err = p.stderr.read().decode()
        check("who stops reading is noticed", code == 1 and
              "Sanitizer" not in err, (code, err))


# --- Ctrl-C -------------------------------------------------------------------

def cut_off(owner, directory):
    big = os.path.join(directory, "big.bin")
    stage.make_file(big, 5 << 20)
    for after in CUT_OFF_S:
        argv = [w for w in owner.argv("store", "put", big, *CODING)
                if w != "--json"]
        with subprocess.Popen(
                [*argv, "--passphrase-file", owner.passphrase],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE) as p:
            time.sleep(after)
            p.send_signal(signal.SIGINT)
            try:
                out, err = p.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                p.kill()
                out, err = p.communicate()
                err += b"it hangs"
        check("Ctrl-C after %.1f s" % after, p.returncode in (0, 3) and
              (p.returncode == 0 or b"same command goes on" in err or
               b"interrupted" in err) and b"Sanitizer" not in err,
              (p.returncode, err))
    says("the same command ends it", put(owner, big), 0)
    says("and it comes back", typed(owner, "store", "get", "big.bin", "--out",
                                    directory + "/again"), 0)
    check("as it was", stage.same(big, directory + "/again/big.bin"))


# --- its database -------------------------------------------------------------

def files_of(owner):
    return [os.path.join(owner.home, f) for f in os.listdir(owner.home)
            if f.startswith("renter.db")]


def keep(owner, directory, name):
    os.mkdir(os.path.join(directory, name))
    for path in files_of(owner):
        shutil.copy(path, os.path.join(directory, name))


def bring_back(owner, directory, name):
    for path in files_of(owner):
        os.unlink(path)
    for f in os.listdir(os.path.join(directory, name)):
        shutil.copy(os.path.join(directory, name, f), owner.home)


def database(owner, directory):
    one = os.path.join(directory, "one")
    stage.make_file(one, 1000)
    keep(owner, directory, "now")
    for path in files_of(owner):
        os.unlink(path)
    says("a lost database: nothing is stored beside what was there", put(
        owner, one), 1, "knows of none", "seedbank restore")
    bring_back(owner, directory, "now")
    with open(os.path.join(owner.home, "renter.db"), "r+b") as f:
        f.write(b"garbage!" * 20)
    says("a damaged one", typed(owner, "store", "ls"), 1, "damaged",
         "seedbank restore")
    bring_back(owner, directory, "old")
    says("an old copy: hosts know better", put(owner, one), 1, "newer list",
         "seedbank restore")
    bring_back(owner, directory, "now")
    says("the newest goes on", put(owner, one), 0)


def agreements(owner, directory):
    """A byte of the list that each of them stands for."""
    path = os.path.join(owner.home, "renter.db")
    two = os.path.join(directory, "two")
    stage.make_file(two, 1000)
    keep(owner, directory, "signed")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE agreement SET signed = CAST(substr(signed, 1, 60) "
                   "|| x'01' || substr(signed, 62) AS BLOB)")
        was = set(db.execute("SELECT id, offered FROM agreement"))
    db.close()
    says("nothing is signed upon a damaged agreement", put(owner, two), 1,
         "is damaged", "seedbank restore")
    with sqlite3.connect(path) as db:
        now = set(db.execute("SELECT id, offered FROM agreement"))
    db.close()
    # there may be drafts of new ones, with other hosts
    check("and nothing was", was and was <= now)
    bring_back(owner, directory, "signed")


def book(owner, directory):
    path = os.path.join(owner.home, "storage-book.db")
    shutil.copy(path, directory + "/book")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        db.execute("UPDATE account SET size = x'01' WHERE id = "
                   "(SELECT min(id) FROM account)")
    db.close()
    got = subprocess.run([w for w in owner.argv("status") if w != "--json"],
                         capture_output=True, timeout=60)
    check("a damaged book is told by status", got.returncode == 0 and
          b"is damaged" in got.stdout, got)
    shutil.copy(directory + "/book", path)


def no_chain(owner):
    away = ("--rpc", "http://127.0.0.1:9")
    says("a chain that does not answer is told by name", typed(
        owner, "store", "status", *away), 1, "127.0.0.1:9")
    says("what is stored is listed without it", typed(
        owner, "store", "ls", *away), 0)
    got = typed(owner, "store", "cat", "one", *away)
    check("and fetched", got[0] == 0 and len(got[1]) == 1000, got)


def a_link_that_nobody_sees(owner, directory):
    link = typed(owner, "store", "share", "one")[1]
    done = subprocess.run(
        owner.argv("store", "get", "-", "--out", directory + "/linked",
                   "--passphrase-file", owner.passphrase), input=link,
        capture_output=True, timeout=120)
    check("a link is taken from standard input", done.returncode == 0 and
          os.path.getsize(directory + "/linked/one") == 1000, done)


# --- with a daemon ------------------------------------------------------------

def daemon(st, owner):
    begin(st, owner)
    path = os.path.join(owner.home, "api.sock")
    wait_for("the daemon", 30, lambda: os.path.exists(path), owner.daemon)
    for params in ({}, {"path": None}, {"path": "/etc/hostname"},
                   {"pipe": "/nowhere", "name": "x"}):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(json.dumps({"method": "store_put", "params": dict(
                params, k=2, n=4, periods=20)}).encode() + b"\n")
            answer = s.makefile().readlines()[-1]
        check("store_put of %s is refused" % params, "error" in
              json.loads(answer) and owner.daemon.poll() is None, answer)
    got = typed(owner, "store", "cat", "one")
    check("cat goes through the daemon", got[0] == 0 and len(got[1]) == 1000,
          got)


def play(st, chain, directory):
    net = stage.own_net()
    owner = Node(directory, "owner", net + "1.1", chain)
    hosts = [Node(directory, "host%d" % i, "%s%d.1" % (net, i + 2), chain)
             for i in range(HOSTS)]
    set_up(st, chain, owner, hosts)
    asked(owner, hosts[0])
    owner.configure(host_peer=at(hosts[0]))
    names(owner, directory, make_tree(directory))
    keep(owner, directory, "old")
    pipes(owner)
    cut_off(owner, directory)
    database(owner, directory)
    agreements(owner, directory)
    book(owner, directory)
    no_chain(owner)
    a_link_that_nobody_sees(owner, directory)
    daemon(st, owner)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    with stage.workplace("seedbank-faults", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = stage.Chain(st, "127.0.0.1", "--block-time", "1")
            play(st, chain, directory)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
