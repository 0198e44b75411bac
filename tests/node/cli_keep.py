#!/usr/bin/env python3
"""cli_keep.py - keeping what is stored, on a chain: agreements that take more,
what is removed, renewed and given back, and a renter that is killed meanwhile.

usage: cli_keep.py --bin DIR [--keep]
"""

import decimal
import os
import signal
import sqlite3
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
from checks import check  # noqa: E402
from stage import wait_for  # noqa: E402
from town import CODING, KILLS, content, is_there, make, run  # noqa: E402


def twice(town):
    town.spent()
    first = town.put(make(town, 1), "--periods", "40")
    opened, gas = town.spent()
    check("the first put makes agreements", first["agreements"] >= 5 and
          first["running"] == 0, first)
    made = town.agreements()
    quote = town.store("cost", make(town, 2), *CODING, *town.named(),
                       "--periods", "30")
    second = town.put(os.path.join(town.directory, "file2"), "--periods", "30")
    revised, less = town.spent()
    print("     gas: %d transactions, %d; then %d, %d; cost %s, then %s" % (
        opened, gas, revised, less, first["cost"], second["cost"]), flush=True)
    check("the second makes none", town.agreements() == made and
          second["running"] == second["hosts"], (made, second))
    check("and costs less gas", less * 2 < gas, (gas, less))
    check("as was quoted", quote["cost"] == second["cost"] and
          quote["locked"] == second["locked"], (quote, second))
    before = town.store("status")["paid"]
    again = town.put(os.path.join(town.directory, "file2"), "--periods", "30")
    check("what has not changed is not stored again", again["unchanged"] and
          town.spent() == (0, 0) and before == town.store("status")["paid"],
          again)
    is_there(town, 1)
    is_there(town, 2)
    town.books("two files")


def killed(town):
    """Killed at many points, the same command goes on."""
    made = town.agreements()
    path = make(town, 3)
    words = ("put", path, *CODING, "--periods", "20", *town.named())
    cut = [town.killed(after, *words) for after in KILLS]
    done = town.store(*words)
    check("a put that was killed %d times is finished" % sum(cut),
          done["files"] == 1, done)
    check("in the same agreements", town.agreements() == made,
          (made, town.agreements()))
    for n in (1, 2, 3):
        is_there(town, n)
    town.books("killed")


def removed(town):
    """What is removed is neither listed nor paid for any more."""
    before = town.store("status")
    cut = [town.killed(after, "rm", "file1", *town.named())
           for after in (0.7, 1.2)]
    if all(cut):  # else it was done before it could be killed
        p = town.st.spawn("rm", town.renter.argv(
            "store", "rm", "file1", *town.named(), "--passphrase-file",
            town.renter.passphrase))
        p.wait(120)
        town.st.forget(p)
    check("a file is removed, by a command that was killed %d times" % sum(cut),
          "file1" not in [f["path"] for f in town.store("ls")["files"]])
    files = [f["path"] for f in town.store("ls")["files"]]
    check("it is not listed", sorted(files) == ["file2", "file3"], files)
    after = town.store("status")
    for a in after["agreements"]:
        b = [x for x in before["agreements"] if x["host"] == a["host"]][0]
        check("%s keeps less, for less" % a["host"][:8],
              a["sectors"] < b["sectors"] and
              decimal.Decimal(a["rate"]) < decimal.Decimal(b["rate"]),
              (b, a))
    objects = town.store("ls")["objects"]
    check("nothing is left of it", len([o for o in objects if
          not o["catalogue"]]) == 2, objects)
    is_there(town, 2)
    again = town.renter.argv("store", "rm", "file1") + [
        "--passphrase-file", town.renter.passphrase]
    p = town.st.spawn("again", again)
    check("there is nothing to remove a second time", p.wait(60) != 0)
    town.st.forget(p)
    town.books("removed")


def replaced(town):
    """What is put again under its name takes the place of what was there."""
    with open(os.path.join(town.directory, "file3"), "wb") as f:
        f.write(content(33))
    town.put(os.path.join(town.directory, "file3"), "--periods", "20")
    out = os.path.join(town.directory, "again")
    os.mkdir(out)
    town.store("get", "file3", "--out", out, *town.named())
    with open(os.path.join(out, "file3"), "rb") as f:
        check("a file is replaced", f.read() == content(33))
    states = [o["state"] for o in town.store("ls")["objects"]
              if not o["catalogue"]]
    check("the old one is on its way out", sorted(states) ==
          ["being removed", "stored", "stored"], states)


def without_coin(town):
    """Nothing can be opened: what is to be renewed is not forgotten."""
    who = town.renter.storage_account
    coin = town.chain.call("eth_getBalance", who, "latest")
    town.chain.call("anvil_setBalance", who, "0x0")
    p = town.st.spawn("no coin", town.renter.argv(
        "store", "renew", "--periods", "30", *town.named()) + [
            "--passphrase-file", town.renter.passphrase])
    check("a renewal without coin for fees fails", p.wait(120) != 0)
    town.st.forget(p)
    town.chain.call("anvil_setBalance", who, coin)
    warnings = town.store("status")["warnings"]
    check("status says that it was cut off",
          any("cut off" in w for w in warnings), warnings)
    is_there(town, 2)


def stored_as(town, name):
    """What comes back of a file, under whatever number it was made."""
    out = os.path.join(town.directory, "out-%d" % time.monotonic_ns())
    os.mkdir(out)
    town.store("get", name, "--out", out, *town.named())
    with open(os.path.join(out, name), "rb") as f:
        return f.read()


def catalogues(town):
    """The newest object that is to hold a list of files, 0: none."""
    path = os.path.join(town.renter.home, "renter.db")
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as db:
        return db.execute("SELECT coalesce(max(id), 0) FROM object"
                          " WHERE catalogue AND state = 1").fetchone()[0]


def killed_unsigned(town, *words, stdin=None):
    """A put that is killed when its files have a list, and no host has it."""
    before = catalogues(town)
    p = town.st.spawn("unsigned", town.renter.argv("store", *words) + [
        "--passphrase-file", town.renter.passphrase], stdin=stdin)
    wait_for("a list of files", 60, lambda: catalogues(town) > before, p)
    os.kill(p.pid, signal.SIGKILL)
    p.wait(20)
    town.st.forget(p)


def half_replaced(town):
    """What is put again and not signed yet leaves what is stored as it is,
    whatever else is put; then it takes its place."""
    path = os.path.join(town.directory, "file3")
    with open(path, "wb") as f:
        f.write(content(34, 130000))
    words = ("put", path, *CODING, "--periods", "20", *town.named())
    killed_unsigned(town, *words)
    sizes = lambda: {f["path"]: f["size"] for f in town.store("ls")["files"]}
    check("what is half replaced is listed as it is stored",
          sizes().get("file3") == 120000, sizes())
    check("and comes back", stored_as(town, "file3") == content(33))
    town.put(make(town, 4), "--periods", "20")
    check("another put leaves it there", sizes().get("file3") == 120000 and
          "file4" in sizes(), sizes())
    check("as it was", stored_as(town, "file3") == content(33))
    done = town.store(*words)
    check("the same command goes on", done["files"] == 1, done)
    check("then what is new comes back",
          stored_as(town, "file3") == content(34, 130000))
    is_there(town, 4)
    town.books("half replaced")


def half_piped(town):
    """A pipe cannot be gone on with: it is put anew, and so long what was
    stored before it stays."""
    words = ("put", "-", "--as", "piped", *CODING, "--periods", "20",
             *town.named())

    def pipe(n, run):
        path = os.path.join(town.directory, "pipe%d" % n)
        with open(path, "wb") as f:
            f.write(content(n))
        with open(path, "rb") as f:
            return run(*words, stdin=f)

    def put(*words, stdin):
        for name in "piped", "piped-again":  # as Town.store()
            stdin.seek(0)
            p = town.st.spawn(name, town.renter.argv("store", *words) + [
                "--passphrase-file", town.renter.passphrase], stdin=stdin)
            p.wait(60)
            said = open(p.log).read()
            town.st.forget(p)
            if "run the command again" not in said:
                break
        check("a pipe is stored", p.status == 0, said)

    objects = lambda: [o["state"] for o in town.store("ls")["objects"]
                       if not o["catalogue"]]
    stored = [s for s in objects() if s == "stored"]
    pipe(41, put)
    pipe(42, lambda *w, stdin: killed_unsigned(town, *w, stdin=stdin))
    check("a pipe that was cut off leaves the one before",
          stored_as(town, "piped") == content(41))
    pipe(43, put)
    check("the next one takes its place",
          stored_as(town, "piped") == content(43))
    town.store("rm", "piped", *town.named())
    check("nothing is left of all three", objects() == stored, objects())
    town.books("half piped")


def renewed(town):
    """Near the end all of it goes into new agreements; what is over is closed,
    and the rest of its fund comes back."""
    old = town.store("status")
    end = min(a["until"] for a in old["agreements"])
    check("long before the end nothing is told", not old["warnings"], old)
    town.jump(end - 5)
    near = town.store("status")
    check("near the end it is told", len(near["warnings"]) >=
          len(old["agreements"]), near["warnings"])
    made = town.agreements()
    without_coin(town)
    cut = [town.killed(after, "renew", "--periods", "30", *town.named())
           for after in (1.0, 1.6, 2.4)]
    done = town.store("renew", "--periods", "30", *town.named())
    check("all is renewed, by a command that was killed %d times" % sum(cut),
          done["lost"] == 0 and done["until"] > end, done)
    check("by one agreement a host", sum(town.agreements()) ==
          sum(made) + len(old["agreements"]), (made, town.agreements()))
    check("then there is nothing to tell", not town.store("status")["warnings"])
    is_there(town, 2)
    town.books("renewed")
    town.jump(end + 8)
    closed = town.store("status")
    wait_for("closed", 60, lambda: len([
        a for a in town.store("status")["agreements"] if
        a["state"] == "closed"]) == len(old["agreements"]))
    is_there(town, 2)
    town.books("closed")
    print("     back: %s" % closed["back"], flush=True)


def live(town):
    return [a for a in town.store("status")["agreements"]
            if a["state"] in ("ahead", "running")]


def waiting(p):
    return "on their way to the chain" in open(p.log).read()


def cut_off(town, again=False):
    """A renewal whose agreements are on their way when it is killed, and begun
    `again` before they are in a block."""
    end = min(a["until"] for a in live(town))
    town.jump(end - 4)
    town.chain.call("evm_setIntervalMining", 0)
    count = lambda block: int(town.chain.call(
        "eth_getTransactionCount", town.renter.storage_account, block), 16)
    waits = lambda: count("pending") - count("latest")
    argv = [w for w in town.renter.argv(
        "store", "renew", "--periods", "30", *town.named(),
        "--passphrase-file", town.renter.passphrase) if w != "--json"]
    p = town.st.spawn("cut off", argv)
    wait_for("agreements on their way", 60, lambda: waits() >= 5)
    os.kill(p.pid, signal.SIGKILL)
    p.wait(20)
    town.st.forget(p)
    if again:
        before = count("pending")
        p = town.st.spawn("again", argv)
        wait_for("the second run, which waits", 60, lambda: waiting(p), p)
    town.chain.call("evm_setIntervalMining", 1)
    if again:
        check("the same command goes on with them", p.wait(120) == 0 and
              count("latest") <= before + 5, open(p.log).read()[-400:])
        town.st.forget(p)
    wait_for("them on the chain", 60, lambda: waits() == 0 and
             len([a for a in live(town) if a["until"] > end]) >= 5)


def closed_early(town):
    """A host closes an agreement when its last proof is in, a period before its
    end; what it keeps is renewed all the same, even if nobody noted here that
    it was ever open."""
    cut_off(town)
    old = live(town)
    end = max(a["until"] for a in old)
    old = [a for a in old if a["until"] == end]
    town.jump(end - 1)
    wait_for("hosts that close", 200, lambda: all(
        a["state"] == "closed" for a in town.store("status")["agreements"]
        if a["until"] == end) or town.passing())
    done = town.store("renew", "--periods", "30", *town.named())
    check("what was closed is renewed", done["lost"] == 0 and
          done["until"] > end and len(live(town)) >= len(old), done)
    is_there(town, 2)
    town.books("closed early")


def by_itself(town):
    """A daemon renews when the end is near, and closes what is over. What was
    cut off on its way to the chain is its to note."""
    cut_off(town)
    old = live(town)
    end = max(a["until"] for a in old)
    old = [a for a in old if a["until"] == end]
    check("a renewal that was cut off is on the chain", len(old) >= 5, old)
    town.renter.configure(store_renew="yes", store_renew_budget="5",
                          host_peer=town.hosts[0].address + ":6881")
    daemon = town.daemon(town.renter)
    wait_for("the renter's daemon", 40, lambda: os.path.exists(
        os.path.join(town.renter.home, "api.sock")), daemon)
    town.jump(end - 4)
    wait_for("a renewal by itself", 150, lambda: len([
        a for a in live(town) if a["until"] > end]) >= len(old), daemon)
    check("a daemon renews by itself", not town.store("status")["warnings"])
    town.jump(end + 9)
    wait_for("closing by itself", 150, lambda: not [
        a for a in town.store("status")["agreements"]
        if a["until"] <= end and a["state"] != "closed"], daemon)
    is_there(town, 2)
    town.books("by itself")


def play(town):
    twice(town)
    killed(town)
    removed(town)
    replaced(town)
    half_replaced(town)
    half_piped(town)
    renewed(town)
    closed_early(town)
    cut_off(town, again=True)
    is_there(town, 2)
    by_itself(town)


if __name__ == "__main__":
    sys.exit(run("keep", 77, 90, play))
