#!/usr/bin/env python3
"""cli_term.py - what is stored for long is found from the recovery phrase for
as long, whatever was put, removed or renewed for less since.

usage: cli_term.py --bin DIR [--keep]
"""

import decimal
import json
import os
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import wait_for  # noqa: E402
from town import CODING, content, is_there, make, run  # noqa: E402

LONG, SHORT = 80, 12


def restored(town, name):
    """A home that knows the phrase and one host, and nothing else."""
    node = Node(town.directory, name, town.renter.address, town.chain)
    node.write_passphrase()
    done = subprocess.run(
        node.argv("wallet", "import", "--passphrase-file", node.passphrase),
        input=town.renter.phrase + "\n", capture_output=True, text=True,
        timeout=60)
    check("the phrase is taken", done.returncode == 0, done.stderr)
    node.cheapen(json.loads(done.stdout)["file"], town.renter.phrase)
    node.account = "the phrase's"
    node.configure(rpc=town.chain.url, bank=town.bank, token=town.token,
                   confirmations="1")
    out = os.path.join(town.directory, name + ".out")
    done = subprocess.run(
        node.argv("restore", "--host", town.hosts[0].address + ":6881",
                  "--out", out, "--passphrase-file", node.passphrase),
        capture_output=True, text=True, timeout=240)
    return out, done


def comes_back(town, name, n):
    out, done = restored(town, name)
    path = os.path.join(out, "file%d" % n)
    good = os.path.exists(path)
    if good:
        with open(path, "rb") as f:
            good = f.read() == content(n)
    check("%s: file%d is restored from the phrase" % (name, n), good,
          done.stdout + done.stderr)


def ends(town):
    return sorted(a["until"] for a in town.store("status")["agreements"]
                  if a["state"] in ("ahead", "running"))


def shorter(town):
    """A second put for less: its own sectors end, the list of files does not."""
    town.put(make(town, 1), "--periods", str(LONG))
    long_ends = ends(town)
    quote = town.store("cost", make(town, 2), *CODING, *town.named(),
                       "--periods", str(SHORT))
    put = town.put(os.path.join(town.directory, "file2"), "--periods",
                   str(SHORT))
    check("it is quoted to the unit", quote["cost"] == put["cost"] and
          quote["locked"] == put["locked"], (quote, put))
    short = [a for a in town.store("status")["agreements"]
             if a["until"] < long_ends[0]]
    check("what is put for less is in agreements that end then",
          len(short) >= 5, (long_ends, ends(town)))
    rates = sum(decimal.Decimal(a["rate"]) for a in short)
    check("and nothing but it", sum(a["sectors"] for a in short) == 5 and
          rates > 0, short)
    is_there(town, 1)
    is_there(town, 2)
    town.books("put for less")
    return max(a["until"] for a in short)


def forget(town):
    """Hosts lose the records by which sectors are found."""
    for host in town.hosts:
        disk = sqlite3.connect(os.path.join(host.home, "sectors.db"),
                               timeout=20)
        with disk:
            for table in ("placement", "placement_part", "head"):
                disk.execute("DELETE FROM " + table)
        disk.close()


def renewed(town, end):
    """What is renewed for less than the rest is stored takes no list along. All
    records are told again."""
    forget(town)
    done = town.store("renew", "file2", "--periods", str(SHORT + 8),
                      *town.named())
    check("what was put for less is renewed", done["lost"] == 0 and
          done["until"] > end, done)
    is_there(town, 1)
    is_there(town, 2)
    town.books("renewed")
    return done["until"]


def over(town, end):
    """Until hosts have forgotten what ended then."""
    before = sum(town.agreements())
    town.jump(end + 8)
    wait_for("what is over to be gone", 120,
             lambda: sum(town.agreements()) <= before - 5)


def play(town):
    end = shorter(town)
    end = renewed(town, end)
    over(town, end)
    comes_back(town, "later", 1)


if __name__ == "__main__":
    sys.exit(run("term", 78, 90, play))
