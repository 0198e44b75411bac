#!/usr/bin/env python3
"""cli.py - the command line from end to end: both programs as a user types them,
on loopback, with homes of their own, without a chain.

Every check prints one line; the last line counts them. The full disk is a small
tmpfs in a mount namespace of our own, the global IPv6 address one of a network
namespace; where none can be made, that part is left out and says so.

usage: cli.py --seedbank PROGRAM --seedbankd PROGRAM [--only PART,...] [--keep]
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from cli_suite import (ADDRESS, ANSWER_S, Failed, MIB, Suite, Tracker,
                       one_line, stage, wait_for)
from cli_daemon import part_again, part_daemon, part_line, part_stop
from cli_files import part_files
from cli_list import part_list
from cli_magnet import part_magnet
from cli_output import part_output
from cli_rest import part_rest, part_rest_begin
from cli_v2 import part_v2

# the words of BIP-39's first vector and their first Ethereum account
PHRASE = " ".join(["abandon"] * 11 + ["about"])
PHRASE_ADDRESS = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
PHRASE_STORAGE_ADDRESS = "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"
GLOBAL = "2001:db8::41"
KEY = "0x" + "0" * 63 + "1"
KEY_ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


# --- words --------------------------------------------------------------------

def part_help(s):
    for program, name in ((s.seedbank, "seedbank"), (s.seedbankd, "seedbankd")):
        got = s.run("--help", program=program)
        s.check("%s --help" % name, got.status == 0 and not got.err and
                "usage: " + name in got.out, got)
        got = s.run("--version", program=program)
        s.check("%s --version is one line" % name, got.status == 0 and
                one_line(got.out, name + " "), got)
    got = s.run("--help")
    commands = [line[2:21].strip() for line in got.out.splitlines()
                if line.startswith("  ")]
    bad = []
    for c in commands:
        got = s.run(*c.split(), "--help")
        if got.status or got.err or "usage: seedbank " + c not in got.out or \
                "--json" not in got.out:
            bad.append(c)
    s.check("each of %d commands has --help with --json in it" % len(commands),
            len(commands) >= 20 and not bad, bad)
    got = s.run("wallet", "--help")
    s.check("half a command's --help lists its other halves", got.status == 0
            and "  wallet new " in got.out and "  list " not in got.out, got)
    s.check("--help makes no home", not os.path.exists(s.path("user/.seedbank")))


def part_usage(s):
    home = s.home()
    got = s.run()
    s.check("no command: the overview on stderr", got.status == 2 and
            not got.out and "usage: seedbank" in got.err, got)
    rows = [
        ("an unknown command", ["frobnicate"], "--help"),
        ("an unknown option", ["list", "--frob"], "'frob'"),
        ("a missing word", ["get"], "usage: seedbank get"),
        ("a word too many", ["list", "x"], "one word too many"),
        ("an option without its value", ["get", s.torrent, "--out"], "--out"),
        ("a rate that is none", ["get", s.torrent, "--limit-down", "fast"],
         "--limit-down"),
        ("a number out of range", ["get", s.torrent, "--slots", "0"],
         "--slots"),
        ("seed without --torrent", ["seed", s.source], "--torrent"),
        ("--bid without --budget", ["get", s.torrent, "--bid", "1"],
         "--budget"),
        ("half a command", ["wallet"], "seedbank wallet --help"),
        ("a command that was forgotten", [], "no command"),
        ("a time out of range", ["reserve", KEY_ADDRESS, "1", "--for", "1h"],
         "86400 to 315360000 seconds"),
    ]
    for name, words, says in rows:
        s.refused(name, "--home", home, *words, status=2, says=(says,))
    for words, says in ((["--frob"], "'frob'"), (["word"], "word"),
                        (["--max-peers", "0"], "--max-peers")):
        s.refused("seedbankd %s" % " ".join(words), *words, status=2,
                  says=("seedbankd: ", says), program=s.seedbankd)
    got = s.run("get", "--json", "--frob")
    s.check("wrong usage with --json is one error object", got.status == 2 and
            not got.err and one_line(got.out) and
            set(got.json().get("error", ())) == {"code", "message"}, got)


def part_home(s):
    before, after, named = s.home(), s.home(), s.home()
    s.run("--home", before, "config", "max-peers", "77")
    got = s.run("--home", before, "--json", "config", "max-peers")
    s.check("--home before the command", got.json() == {"max-peers": "77"}, got)
    s.run("config", "max-peers", "78", "--home", after)
    got = s.run("config", "max-peers", "--json", "--home=" + after)
    s.check("--home after the command", got.json() == {"max-peers": "78"}, got)
    got = s.run("config", "max-peers", "79", SEEDBANK_HOME=named)
    s.check("$SEEDBANK_HOME", got.status == 0 and
            os.path.exists(named + "/config"), got)
    with open(s.path("blocked"), "w"):
        pass
    s.refused("a home that is a file", "list", "--home", s.path("blocked"),
              says=("blocked",))
    s.check("a home is private",
            os.stat(before).st_mode & 0o777 == 0o700, oct(os.stat(before).st_mode))


def part_config(s):
    home = s.home()
    got = s.run("--home", home, "config")
    s.check("config shows defaults", got.status == 0 and
            "max-peers = 200 (default)" in got.out, got)
    got = s.run("--home", home, "config", "limit-up", "2MiB")
    s.check("config sets", got.status == 0 and "limit-up = 2MiB\n" == got.out,
            got)
    got = s.run("--home", home, "config", "limit-up", "--unset")
    s.check("config unsets", got.status == 0 and "(default)" in got.out, got)
    for name, value in (("max-peers", "many"), ("log-level", "loud"),
                        ("listen", "here"), ("listen", "localhost:1"),
                        ("profile", "mars"),
                        ("bank", "0x12"), ("confirmations", "soon"),
                        ("rpc", "ftp://x"), ("cold", "me")):
        s.refused("config refuses %s %s" % (name, value), "--home", home,
                  "config", name, value, status=2, says=(name,))
    s.refused("config refuses an unknown name", "--home", home, "config",
              "colour", "red", status=2, says=("colour",))
    s.refused("config does not show an unknown name", "--home", home,
              "config", "colour", status=2, says=("colour",))
    s.refused("config unsets no unknown name", "--home", home,
              "config", "colour", "--unset", status=2, says=("colour",))
    s.run("--home", home, "config", "slots", "9")
    with open(home + "/config", "a") as f:
        f.write("# a comment\nmax-peers = many\n")
    s.refused("a damaged config is named with its line", "--home", home,
              "list", status=2, says=("config line 3", "max-peers"))
    s.refused("a daemon refuses it too", "--home", home, status=2,
              says=("config line 3", "max-peers"), program=s.seedbankd)
    with open(home + "/config", "w") as f:
        f.write("log-level = loud\n")
    s.refused("a value that no setting means", "--home", home, "list",
              status=2, says=("log-level", "loud"))
    s.refused("nor the daemon", "--home", home, status=2,
              says=("log-level", "loud"), program=s.seedbankd)
    got = s.run("--home", home, "config", "log-level", "warn")
    s.check("config mends it", got.status == 0, got)
    for program, words in ((s.seedbank, ["get", s.torrent]),
                           (s.seedbankd, [])):
        s.refused("--log-level loud", *words, "--home", home, "--log-level",
                  "loud", status=2, says=("log-level", "loud"),
                  program=program)
        s.refused("--listen nowhere", *words, "--home", home, "--listen",
                  "nowhere", status=2, says=("listen", "nowhere"),
                  program=program)


# --- torrents -----------------------------------------------------------------

def part_create(s):
    home, one, pair = s.home(), s.path("c1.torrent"), s.path("c2.torrent")
    got = s.run("create", s.source + "/one.bin", "--out", one, "--home", home,
                "--piece-length", "64KiB", "--json")
    s.check("create a file's torrent", got.status == 0 and
            got.json().get("info_hash") == s.hash, got)
    got = s.run("create", s.source + "/pair", "--out", pair, "--home", home,
                "--tracker", "http://127.0.0.1:1/announce", "--json")
    s.check("create a directory's torrent", got.status == 0 and
            got.json().get("files") == 2 and got.json().get("name") == "pair",
            got)
    s.refused("create does not overwrite", "create", s.source + "/pair",
              "--out", pair, "--home", home, says=("c2.torrent", "exists"))
    s.refused("create of nothing", "create", s.path("no-such"), "--home", home,
              says=("no-such",))
    s.refused("create with a tracker that is none", "create",
              s.source + "/pair", "--out", s.path("c3.torrent"), "--tracker",
              "nonsense", "--home", home, says=("nonsense",))
    for what, options, says in (
            ("of two kinds", ["--v2", "--hybrid"], "take one of them"),
            ("of v2 with odd pieces", ["--v2", "--piece-length", "48KiB"],
             "power of two"),
            ("with a web seed that is none", ["--web-seed", "ftp://x"], "ftp"),
            ("with a web seed twice", ["--web-seed", "http://x/"] * 2, "twice"),
            ("with a node that is none", ["--node", "x"], "HOST:PORT")):
        got = s.run("create", s.source + "/pair", "--out",
                    s.path("c3.torrent"), "--home", home, *options)
        s.check("create " + what + " is refused", got.status in (1, 2) and
                one_line(got.err, "seedbank: ") and says in got.err, got)
    s.check("and leaves no file", not os.path.exists(s.path("c3.torrent")))
    for kind in ("v1", "v2", "hybrid"):
        got = s.run("create", s.source + "/pair", "--out", s.path(kind), "--"
                    + kind, "--home", home, "--json")
        s.check("create --" + kind, got.status == 0 and
                got.json().get("version") == kind and
                ("info_hash_v2" in got.json()) == (kind != "v1"), got)
    got = s.run("verify", s.source, "--torrent", pair, "--home", home)
    s.check("verify good files", got.status == 0 and
            "pieces are good" in got.out, got)
    s.check("and tells no progress of nothing", "0 B/0 B" not in got.err, got)
    damaged = s.path("damaged")
    shutil.copytree(s.source, damaged)
    with open(damaged + "/one.bin", "r+b") as f:
        f.seek(100000)
        f.write(b"damage, of 16 B.")
    got = s.run("verify", damaged, "--torrent", one, "--home", home)
    pieces = -(-s.size // 65536)
    s.check("verify counts a damaged piece", got.status == 1 and
            "%d of %d pieces" % (pieces - 1, pieces) in got.out and
            one_line(got.err.splitlines()[-1], "seedbank get"), got)
    got = s.run("verify", damaged, "--torrent", one, "--home", home, "--json")
    s.check("verify --json gives one error object", got.status == 1 and
            not got.err and one_line(got.out) and "error" in got.json(), got)
    os.truncate(damaged + "/one.bin", 200000)
    got = s.run("verify", damaged, "--torrent", one, "--home", home)
    s.check("verify a file that is cut off", got.status == 1 and
            "2 of %d pieces" % pieces in got.out, got)
    got = s.run("verify", s.path("user"), "--torrent", one, "--home", home)
    s.check("verify missing files", got.status == 1 and
            "0 of %d pieces" % pieces in got.out, got)


def part_bad_get(s):
    home = s.home()
    with open(s.torrent, "rb") as f:
        whole = f.read()
    rows = [("cut off", whole[:200]), ("empty", b""),
            ("no bencoding", b"<html>" * 40),
            ("without info", b"d8:announce3:abce"),
            ("with a name that climbs", whole.replace(
                b"7:one.bin", b"7:../a.bi"))]
    for name, content in rows:
        with open(s.path("bad.torrent"), "wb") as f:
            f.write(content)
        s.refused("get of a torrent %s" % name, "get", s.path("bad.torrent"),
                  "--out", s.path("bad"), "--home", home, "--listen",
                  ADDRESS + ":0", says=("seedbank: ",))
    s.refused("get of a file that is not there", "get", s.path("nil.torrent"),
              "--home", home, says=("nil.torrent", "No such file"))
    s.refused("get of a directory", "get", s.source, "--home", home,
              says=("not a regular file",))
    s.refused("get into a file", "get", s.torrent, "--out",
              s.path("one.torrent"), "--home", home, "--listen", ADDRESS + ":0",
              says=("one.torrent",))
    s.refused("get into a directory that cannot be made", "get", s.torrent,
              "--out", "/proc/no/such", "--home", home, says=("/proc/no/such",))
    if os.geteuid() != 0:  # root may write everywhere
        os.mkdir(s.path("locked"), 0o555)
        s.refused("get into a directory that cannot be written", "get",
                  s.torrent, "--out", s.path("locked"), "--home", home,
                  says=("locked",))
    s.refused("seed of files that are not there", "seed", s.path("no-such"),
              "--torrent", s.torrent, "--home", home, says=("no-such",))
    s.refused("a --peer that is none", "get", s.torrent, "--out",
              s.path("bad"), "--peer", "nowhere", "--home", home, "--listen",
              ADDRESS + ":0", says=("nowhere",))
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        s.refused("a --listen that is taken", "get", s.torrent, "--out",
                  s.path("bad"), "--home", home, "--listen",
                  "%s:%d" % (ADDRESS, port), says=(ADDRESS, str(port)))
    s.refused("--bid without a wallet", "get", s.torrent, "--out",
              s.path("bad"), "--home", home, "--listen", ADDRESS + ":0",
              "--bid", "1", "--budget", "1", says=("wallet new",))
    got = s.run("get", s.path("nil.torrent"), "--json", "--home", home)
    s.check("a failed get with --json is one error object", got.status == 1 and
            not got.err and got.json().get("error", {}).get("code") == "io",
            got)


def part_transfer(s):
    seeder, at = s.seeder()
    home, out = s.home(), s.path("out")
    get = ["get", s.torrent, "--out", out, "--home", home, "--listen",
           ADDRESS + ":0", "--peer", at]
    got = s.run(*get, "--json")
    s.check("get without a daemon exits 0 when complete", got.status == 0 and
            not got.err and got.json().get("complete") is True and
            stage.same(out + "/one.bin", s.source + "/one.bin"), got)
    got = s.run(*get)
    s.check("the same get again has nothing to do", got.status == 0 and
            "complete, downloaded 0 B" in got.out, got)

    slow, home = s.path("slow"), s.home()
    s.run("--home", home, "config", "limit-schedule", "daily 00:00-24:00 down=2M")
    get = ["get", s.torrent, "--home", home, "--listen", ADDRESS + ":0",
           "--peer", at, "--json"]
    began = time.monotonic()
    got = s.run(*get, "--out", slow)
    took = time.monotonic() - began
    s.check("a schedule of 2 MiB/s: %.1f s for 6 MiB" % took,
            got.status == 0 and 1.5 <= took <= 8, got)
    began = time.monotonic()
    got = s.run(*get, "--out", s.path("fast"), "--limit-down", "200MiB")
    fast = time.monotonic() - began
    s.check("what the command line says goes before it: %.1f s" % fast,
            got.status == 0 and fast < took, got)

    again = s.path("again")
    get = ["get", s.torrent, "--out", again, "--home", s.home(), "--listen",
           ADDRESS + ":0", "--peer", at]
    p = s.start("get", *get, "--limit-down", "512KiB")
    wait_for("progress", ANSWER_S, lambda: s.logged(p, " [2-6][0-9]%"), p)
    os.kill(p.pid, signal.SIGINT)
    got = s.ended(p)
    s.check("Ctrl-C on an unfinished get exits 3", got.status == 3 and
            "goes on from here" in got.err, got)
    got = s.run(*get, "--json")
    fetched = got.json().get("downloaded", 0)
    s.check("the same command goes on: %d of %d bytes" % (fetched, s.size),
            got.status == 0 and 0 < fetched < s.size * 0.85 and
            stage.same(again + "/one.bin", s.source + "/one.bin"), got)

    with open(again + "/one.bin", "r+b") as f:
        f.seek(3 * MIB)
        f.write(b"damage")
    got = s.run(*get, "--json")
    s.check("get repairs a file that was changed", got.status == 0 and
            0 < got.json().get("downloaded", 0) <= 2 * MIB and
            stage.same(again + "/one.bin", s.source + "/one.bin"), got)

    os.kill(seeder.pid, signal.SIGTERM)
    got = s.ended(seeder, 10)
    s.check("SIGTERM ends seed cleanly", got.status == 0 and
            "uploaded" in got.out, got)
    p, at = s.seeder("--seed-time", "3s", "--json")
    got = s.ended(p, 10)
    s.check("seed --seed-time ends by itself", got.status == 0 and
            got.json().get("state") == "seeding", got)

    p = s.start("get", "get", s.torrent, "--out", s.path("alone"), "--home",
                s.home(), "--listen", ADDRESS + ":0")
    wait_for("start", ANSWER_S, lambda: s.logged(p, "pieces are here"), p)
    os.kill(p.pid, signal.SIGTERM)
    got = s.ended(p, 10)
    s.check("SIGTERM on a get without peers exits 3", got.status == 3, got)

    p = s.start("get", "get", s.torrent, "--out", s.path("alone"), "--home",
                s.home(), "--listen", ADDRESS + ":0")
    wait_for("a handler", ANSWER_S, lambda: catches_sigterm(p), p, every=0)
    os.kill(p.pid, signal.SIGTERM)
    got = s.ended(p)
    s.check("SIGTERM while it starts ends it", got.status == 3, got)


def catches_sigterm(p):
    """From its first moments on."""
    with open("/proc/%d/status" % p.pid) as f:
        caught = [line for line in f if line.startswith("SigCgt")][0]
    return int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1)


# --- money that needs no chain --------------------------------------------------

def part_wallet(s):
    home, word = s.home(), s.path("passphrase")
    with open(word, "w") as f:
        f.write("correct horse\n")
    with open(s.path("wrong"), "w") as f:
        f.write("battery staple\n")
    own = ["--home", home, "--passphrase-file", word]
    s.refused("address without a wallet", "wallet", "address", *own,
              says=("wallet new",))
    s.refused("a new wallet without a passphrase", "wallet", "new", "--home",
              home, says=("passphrase",))
    s.refused("a phrase of 13 words, before a passphrase is asked for",
              "wallet", "new", "--words", "13", "--home", home, status=2,
              says=("--words", "12 or 24"))
    got = s.run("wallet", "new", *own, "--json")
    made = got.json()
    s.check("wallet new shows address and phrase", got.status == 0 and
            len(made.get("recovery_phrase", "").split()) == 24 and
            made.get("address", "").startswith("0x"), got)
    s.check("the key file is private",
            os.stat(home + "/wallet.key").st_mode & 0o777 == 0o600)
    s.refused("wallet new does not overwrite", "wallet", "new", *own,
              says=("wallet.key", "already"))
    got = s.run("wallet", "address", *own)
    s.check("wallet address shows both accounts", got.out.split() == [
        "bandwidth", made.get("address"), "storage",
        made.get("storage_address")], got)
    for account, key in (("bandwidth", "address"),
                         ("storage", "storage_address")):
        got = s.run("wallet", "address", "--account", account, *own)
        s.check("wallet address --account %s is that address alone" % account,
                got.out == made.get(key, "none") + "\n", got)
    s.refused("an account that is none", "wallet", "address", "--account",
              "savings", *own, status=2, says=("--account", "storage"))
    got = s.run("wallet", "address", "--account", "bandwidth", "--home", home,
                SEEDBANK_PASSPHRASE="correct horse")
    s.check("the passphrase from the environment",
            got.out.strip() == made.get("address"), got)
    got = s.run("wallet", "address", "--index", "1", *own, "--json").json()
    s.check("the next index has two other accounts", len({
        made["address"], made["storage_address"], got["address"],
        got["storage_address"]}) == 4, got)
    got = s.run("wallet", "export", "--hex", "--account", "storage", *own)
    s.check("the storage account's key is another than the bandwidth one's",
            got.status == 0 and got.out !=
            s.run("wallet", "export", "--hex", *own).out, got)
    s.refused("a wrong passphrase", "wallet", "address", "--home", home,
              "--passphrase-file", s.path("wrong"), says=("passphrase",))
    s.refused("a passphrase file that is not there", "wallet", "address",
              "--home", home, "--passphrase-file", s.path("nil"),
              says=("nil",))
    got = s.run("wallet", "export", *own)
    s.check("wallet export gives the phrase",
            got.out.strip() == made.get("recovery_phrase"), got)
    got = s.run("wallet", "backup", s.path("copy.key"), "--home", home)
    with open(home + "/wallet.key", "rb") as a:
        s.check("wallet backup copies the key file", got.status == 0 and
                os.path.exists(s.path("copy.key")) and
                open(s.path("copy.key"), "rb").read() == a.read(), got)
    s.refused("wallet backup does not overwrite", "wallet", "backup",
              s.path("copy.key"), "--home", home, says=("copy.key",))

    other = ["--home", s.home(), "--passphrase-file", word]
    s.refused("import of words that are no phrase", "wallet", "import", *other,
              stdin="one two three\n", says=("seedbank: ",))
    got = s.run("wallet", "import", *other, "--json", stdin=PHRASE + "\n")
    s.check("import of a phrase gives its known address", got.status == 0 and
            got.json().get("address") == PHRASE_ADDRESS and
            got.json().get("storage_address") == PHRASE_STORAGE_ADDRESS and
            got.json().get("can_store") is True, got)
    third = ["--home", s.home(), "--passphrase-file", word]
    with open(s.path("key.hex"), "w") as f:
        f.write(KEY + "\n")
    got = s.run("wallet", "import", s.path("key.hex"), *third)
    s.check("import of a hex key says that it cannot store", got.status == 0
            and KEY_ADDRESS in got.out and "not store" in
            " ".join(got.out.split()), got)
    s.refused("the storage account of a hex key", "wallet", "address",
              "--account", "storage", *third, says=("recovery phrase",))
    got = s.run("wallet", "export", "--web3", *third, "--json")
    with open(s.path("web3.json"), "w") as f:
        f.write(got.json().get("web3", ""))
    fourth = ["--home", s.home(), "--passphrase-file", word]
    got = s.run("wallet", "import", s.path("web3.json"), *fourth, "--json")
    s.check("a Web3 file goes out and in", got.status == 0 and
            got.json().get("address") == KEY_ADDRESS, got)
    with open(s.path("key.hex"), "w") as f:
        f.write("0x1234\n")
    s.refused("import of a short key", "wallet", "import", s.path("key.hex"),
              "--home", s.home(), "--passphrase-file", word,
              says=("seedbank: ",))
    with open(home + "/wallet.key", "r+b") as f:
        f.truncate(40)
    s.refused("a damaged key file", "wallet", "address", *own,
              says=("wallet.key",))


def part_ledger(s):
    home = s.home()
    for words in (["ledger", "check"], ["ledger", "export"]):
        got = s.run(*words, "--home", home)
        s.check("%s without a book is one line" % " ".join(words),
                got.status == 1 and not got.out and one_line(got.err), got)
    got = s.run("ledger", "check", "--home", home, "--json")
    s.check("and with --json one object", not got.err and
            "error" in got.json(), got)
    got = s.run("status", "--home", home)
    s.check("status of an empty home", got.status == 0 and got.out, got)
    for name, words, says in (
            ("torrents.db", ["get", s.torrent, "--out", s.path("nowhere")],
             "move it away"),
            ("book.db", ["ledger", "check"], "restore it from a copy")):
        home = s.home()
        os.mkdir(home, 0o700)
        with open(home + "/" + name, "w") as f:
            f.write("no database, but a text of some length. " * 40)
        s.refused("a damaged %s says what to do next" % name, *words,
                  "--home", home, says=(name, "damaged", says))


# --- a full disk --------------------------------------------------------------

def part_disk(s):
    disk, home = s.path("disk"), s.home()
    os.mkdir(disk)
    if not os.environ.get("SEEDBANK_CLI_OWN") or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk],
            stderr=subprocess.DEVNULL).returncode != 0:
        print("left out: a full disk needs a mount namespace", flush=True)
        return
    seeder, at = s.seeder()
    d = s.daemon(home, "--listen", ADDRESS + ":0")
    p = s.start("client", "get", s.torrent, "--out", disk, "--peer", at,
                "--home", home)
    wait_for("fault", ANSWER_S, lambda: s.state(home, s.hash) == "fault", p)
    full = s.listed(home)[s.hash]
    s.check("a full disk pauses the download and says so",
            "space" in full.get("fault", "") and full["have"] > 0 and
            s.logged(p, "make room"), full)
    s.check("the daemon lives", s.run("status", "--home", home).status == 0)
    subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
    got = s.run("resume", s.hash, "--home", home)
    s.check("resume after making room", got.status == 0, got)
    got = s.ended(p)
    s.check("it goes on and completes", got.status == 0 and
            stage.same(disk + "/one.bin", s.source + "/one.bin"), got)
    for process in (d, seeder):
        s.stage.forget(process)
    subprocess.run(["umount", disk], check=True)


def part_announce(s):
    """On a machine with many addresses a tracker must see the right one."""
    for name, addresses in (("one", ["127.0.0.41"]),
                            ("the first of two", ["127.0.0.42", "127.0.0.43"]),
                            ("the IPv4 one", ["[::1]", "127.0.0.44"])):
        tracker, words = Tracker(ADDRESS), []
        for a in addresses:
            words += ["--listen", a + ":0"]
        p = s.start("seed", "seed", s.source, "--torrent", s.torrent, "--home",
                    s.home(), *words, "--tracker", tracker.url)
        wait_for("announce", ANSWER_S, lambda t=tracker: t.sources, p)
        want = [a for a in addresses if a[0] != "["][0]
        s.check("announces come from %s that it listens on" % name,
                tracker.sources == {want}, tracker.sources)
        s.stage.forget(p)


    announce_ipv6(s)


def announce_ipv6(s):
    """Who listens on a global IPv6 address says so on IPv4 too (BEP 7)."""
    rows = [("loopback", "::1", [])]
    if ("-n" in os.environ.get("SEEDBANK_CLI_OWN", "").split() and
            quietly("ip", "addr", "add", GLOBAL + "/128", "dev", "lo",
                    "nodad")):
        rows.append(("global", GLOBAL, [GLOBAL]))
    else:
        print("left out: a global IPv6 address needs a network of our own",
              flush=True)
    for name, address, want in rows:
        tracker = Tracker(ADDRESS)
        p = s.start("seed", "seed", s.source, "--torrent", s.torrent, "--home",
                    s.home(), "--listen", "[%s]:0" % address, "--tracker",
                    tracker.url)
        wait_for("announce", ANSWER_S, lambda t=tracker: t.sources, p)
        s.check("a tracker is told ipv6=%s of a %s one" % (want, name),
                tracker.ipv6 == want, tracker.ipv6)
        s.stage.forget(p)


def part_two(s):
    """Two programs of one home without a daemon."""
    home, out = s.home(), s.path("two")
    get = ["get", s.torrent, "--home", home, "--listen", ADDRESS + ":0"]
    p = s.start("get", *get, "--out", out)
    wait_for("start", ANSWER_S, lambda: s.logged(p, "pieces are here"), p)
    s.refused("a second get into the same files names the first", *get,
              "--out", out, says=(str(p.pid), "--out"))
    for name, words in (
            ("another directory is free", get + ["--out", s.path("two-b")]),
            ("and so is seeding what is there",
             ["seed", out, "--torrent", s.torrent, "--home", home, "--listen",
              ADDRESS + ":0"])):
        q = s.start("other", *words)
        wait_for("start", ANSWER_S, lambda q=q: s.logged(q, "pieces are here|"
                 "seeding those") or q.poll() is not None)
        s.check(name, q.poll() is None, s.ended(q) if q.poll() else "")
        s.stage.forget(q)
    os.kill(p.pid, signal.SIGKILL)
    p.wait(10)
    p = s.start("get", *get, "--out", out)
    wait_for("start", ANSWER_S, lambda: s.logged(p, "pieces are here") or
             p.poll() is not None)
    s.check("a killed one leaves no lock", p.poll() is None)
    s.stage.forget(p)


PARTS = {"help": part_help, "usage": part_usage, "home": part_home,
         "config": part_config, "create": part_create, "bad": part_bad_get,
         "rest-begin": part_rest_begin,
         "transfer": part_transfer, "announce": part_announce,
         "two": part_two, "magnet": part_magnet, "v2": part_v2,
         "files": part_files,
         "list": part_list,
         "output": part_output,
         "daemon": part_daemon, "stop": part_stop, "again": part_again,
         "line": part_line,
         "wallet": part_wallet, "ledger": part_ledger, "disk": part_disk,
         "rest": part_rest}


def quietly(*argv):
    return shutil.which(argv[0]) and subprocess.run(
        argv, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL).returncode == 0


def own_machine():
    """Starts the script again where mounts and network are nobody else's."""
    if os.environ.get("SEEDBANK_CLI_OWN"):
        if "-n" in os.environ["SEEDBANK_CLI_OWN"].split():
            quietly("ip", "link", "set", "lo", "up")
        return
    if os.geteuid() != 0:
        return
    for flags in (["-m", "-n"], ["-m"]):
        if quietly("unshare", *flags, "true") and (
                "-n" not in flags or
                quietly("unshare", "-n", "ip", "link", "set", "lo", "up")):
            os.environ["SEEDBANK_CLI_OWN"] = " ".join(flags)
            os.execvp("unshare", ["unshare", *flags, sys.executable,
                                  *sys.argv])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seedbank", required=True)
    parser.add_argument("--seedbankd", required=True)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    own_machine()
    with stage.workplace("seedbank-cli", args.keep) as directory:
        with stage.Stage(directory) as st:
            suite = Suite(args, directory, st)
            for name in args.only.split(","):
                try:
                    PARTS[name](suite)
                except (Failed, OSError, subprocess.SubprocessError,
                        KeyError, IndexError) as e:
                    suite.check("part '%s' to its end" % name, False, repr(e))
    print("%d passed, %d failed" % (suite.passed, suite.failed))
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main())
