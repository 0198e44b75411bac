#!/usr/bin/env python3
"""cli_host.py - renting out as a user types it, on a chain of this machine.

usage: cli_host.py --bin DIR [--keep]
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import stage  # noqa: E402
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import MIB, wait_for  # noqa: E402

PERIOD = 20  # blocks
TERM = 4  # periods


def typed(node, *words, wallet=True):
    """As a person reads it: exit status, standard output, standard error."""
    argv = [w for w in node.argv(*words) if w != "--json"]
    if wallet:
        argv += ["--passphrase-file", node.passphrase]
    done = subprocess.run(argv, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    return done.returncode, done.stdout, done.stderr


def start(st, node, name="seedbankd"):
    daemon = st.spawn(name, [
        os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
        "--listen", node.address + ":6881", "--passphrase-file",
        node.passphrase])
    wait_for("the daemon", 30, lambda: "daemon ready" in told(daemon), daemon)
    return daemon


def told(process):
    with open(process.log, errors="replace") as f:
        return f.read()


def status(node):
    return node.run("host", "status", wallet=False)


def up(node, daemon, want="up"):
    return wait_for("renting out", 40, lambda: (
        lambda s: s["state"] == want and s["open"] and s)(status(node)),
        daemon)


def path_of(s, path):
    return next((p for p in s["paths"] if p["path"] == path), None)


def before(node, disk):
    """What is missing is named before anything is made."""
    got = typed(node, "host", "enable", "--path", disk, "--space", "8MiB")
    check("without a price it asks for one", got[0] == 2 and
          "--price" in got[2], got)
    got = typed(node, "host", "enable", "--path", "/proc/none", "--space",
                "8MiB", "--price", "3")
    check("a path that cannot be made is named", got[0] == 1 and
          "/proc/none" in got[2], got)
    got = typed(node, "host", "enable", "--path", disk, "--space", "4000TiB",
                "--price", "3")
    check("so much space is out of range", got[0] == 2 and "space" in got[2],
          got)
    got = typed(node, "host", "enable", "--path", disk, "--space", "8TiB",
                "--price", "3")
    check("a disk that is too small is named", got[0] == 1 and
          "MiB free" in got[2], got)
    got = typed(node, "host", "enable", "--path", disk, "--space", "8MiB",
                "--price", "1024")
    check("without collateral it says how to deposit", got[0] == 1 and
          "seedbank deposit" in got[2] and "--account storage" in got[2], got)
    check("and what it would come to stood before", "collateral         8 lock"
          in got[1] and "income, all rented" in got[1], got)
    check("and nothing was made", not os.listdir(disk), os.listdir(disk))
    address = node.run("wallet", "address", "--account", "storage")["address"]
    node.chain.call("anvil_setBalance", address, "0x0")
    got = typed(node, "host", "enable", "--path", disk + "/new", "--space",
                "8MiB", "--price", "1024", "--dry-run")
    check("without coin it says that proofs cost some", got[0] == 0 and
          address + " has no ETH" in got[1], got)
    check("a dry run makes no directory either", not os.listdir(disk))


def fund(node):
    address = node.run("wallet", "address", "--account", "storage")["address"]
    node.chain.call("anvil_setBalance", address, hex(10 * nodes.COIN))
    node.run("contract", "mint", "500", "--account", "storage")
    node.run("deposit", "400", "--account", "storage")
    return address


def enable(node, disk, address):
    words = ["host", "enable", "--path", disk, "--space", "8MiB", "--price",
             "1024"]
    got = typed(node, *words, "--dry-run")
    check("a dry run changes nothing", got[0] == 0 and not os.listdir(disk) and
          not status(node)["enabled"], got)
    made = node.run(*words, "--span", "2", "--min-term", "2")
    check("it is enabled", made["enabled"] and made["path"] == disk and
          made["space"] == 8 * MIB and made["address"] == address, made)
    quote = made["quote"]
    check("the quote is exact", quote["collateral"] == "8" and
          quote["free"] == "400" and
          abs(float(quote["income_month"]) - 8) < 0.001, quote)
    check("fees are in coin", float(quote["proof_fee"]) > 0, quote)
    volume = os.path.join(disk, "seedbank.volume")
    check("the volume is there", os.path.getsize(volume) == 9 * MIB,
          os.path.getsize(volume))
    s = status(node)
    check("status without a daemon tells of it", s["enabled"] and
          path_of(s, disk)["space"] == 8 * MIB, s)


def space(node, daemon, first, second):
    """A second path, growing and shrinking while it runs."""
    node.run("host", "enable", "--path", second, "--space", "4MiB")
    s = status(node)
    check("a second path is added while it runs", s["free"] == 12 and
          path_of(s, second)["space"] == 4 * MIB, s)
    node.run("host", "enable", "--path", first, "--space", "20MiB")
    check("it grows", path_of(status(node), first)["space"] == 20 * MIB,
          status(node))
    node.run("host", "enable", "--path", first, "--space", "6MiB")
    wait_for("shrinking", 20, lambda: path_of(status(node), first)["space"] ==
             6 * MIB, daemon)
    check("it shrinks", status(node)["free"] == 10, status(node))
    got = typed(node, "host", "enable", "--path", second, "--space", "8TiB")
    check("more than the disk has is refused, and nothing is lost",
          got[0] == 1 and status(node)["free"] == 10, got)


def killed(st, node, daemon, first, second):
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait(20)
    third = first + " three"
    made = node.run("host", "enable", "--path", third, "--space", "5MiB")
    check("a path is added while no daemon runs", "start seedbankd" in
          made["text"] and os.path.getsize(third + "/seedbank.volume") ==
          6 * MIB, made)
    node.run("host", "disable", "--path", third, wallet=False)
    check("and given back, as soon as one runs", status(node)["enabled"] and
          os.path.exists(third + "/seedbank.volume"), status(node))
    daemon = start(st, node, "seedbankd-again")
    up(node, daemon)
    wait_for("draining", 20, lambda: not path_of(status(node), third), daemon)
    s = up(node, daemon)
    check("after kill -9 all space is there again", s["free"] == 10 and
          path_of(s, first)["space"] == 6 * MIB and
          path_of(s, second)["space"] == 4 * MIB and not s["alarms"], s)
    return daemon


def unmounted(st, node, daemon, disk):
    """A disk that is not there: its sectors are not given up, and no new
    volume takes its place."""
    volume = disk + "/seedbank.volume"
    daemon.stop()
    os.rename(volume, volume + ".away")
    daemon = start(st, node, "seedbankd-unmounted")
    s = up(node, daemon)
    check("a disk that is not there is told", path_of(s, disk)["state"] ==
          "missing" and s["alarms"] and s["lost"] == 0, s)
    check("and nothing is made in its place", not os.path.exists(volume))
    daemon.stop()
    os.rename(volume + ".away", volume)
    daemon = start(st, node, "seedbankd-mounted")
    s = up(node, daemon)
    check("mounted again all is there", path_of(s, disk)["state"] == "open" and
          s["free"] >= 4, s)
    return daemon


def disable(st, node, daemon, first, second):
    node.run("host", "disable", "--path", second, wallet=False)
    wait_for("draining", 20, lambda: not path_of(status(node), second), daemon)
    s = status(node)
    check("a path is drained and its space is back", s["enabled"] and
          not os.path.exists(second + "/seedbank.volume"), s)
    node.run("host", "disable", wallet=False)
    s = status(node)
    check("disabled, it takes nothing new", not s["enabled"] and
          not s["open"], s)
    wait_for("draining all", 20, lambda: not status(node)["paths"], daemon)
    got = typed(node, "host", "disable", "--path", first, wallet=False)
    check("a path that is not rented out is named", got[0] == 1 and
          "is not rented out" in got[2], got)
    daemon.stop()
    check("and it stays so", not status(node)["enabled"] and
          not status(node)["paths"], status(node))


def schedule(node, daemon, first):
    """Outside of its hours nothing new is taken."""
    def hours(begin, end):
        now = time.time()
        return "-".join(time.strftime("%H:%M", time.localtime(
            now + 3600 * h)) for h in (begin, end))

    def set_to(text):
        node.run("host", "enable", "--path", first, "--schedule", text)
        return status(node)["open"]
    check("within its hours it is open", set_to(hours(-1, 2)))
    check("outside of them it is not", not set_to(hours(2, 5)))
    check("over midnight, too", not set_to(hours(1, -1)))
    got = typed(node, "host", "enable", "--path", first, "--schedule", "8-18")
    check("hours that are none are named", got[0] == 2 and "HH:MM" in got[2],
          got)
    check("and changed nothing", status(node)["prices"]["schedule"] ==
          hours(1, -1), status(node)["prices"])
    node.run("config", "host-schedule", "--unset", wallet=False)
    node.run("host", "enable", "--path", first)
    up(node, daemon)


class Blocks(threading.Thread):
    """Some blocks a second, so that a period takes seconds."""

    def __init__(self, chain, each=0.2):
        super().__init__(daemon=True)
        self.chain, self.each = chain, each
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(self.each):
            self.chain.call("anvil_mine", "0x1")

    def stop(self):
        self.ended.set()
        self.join()


def store(node, renter, directory, name, size):
    source = os.path.join(directory, name)
    stage.make_file(source, size)
    return renter.run("store", "put", source, "--k", "1", "--n", "1", "--host",
                      node.address + ":6881", "--periods", str(TERM))


def held(node, renter, directory, first):
    """Disabled, what agreements hold stays."""
    used = status(node)["sectors"]
    node.run("host", "disable", wallet=False)
    s = status(node)
    check("disabled, it keeps what agreements hold", not s["open"] and
          s["sectors"] == used and s["free"] == 0 and
          path_of(s, first)["state"] == "draining", s)
    source = os.path.join(directory, "late.bin")
    stage.make_file(source, MIB)
    got = typed(renter, "store", "put", source, "--k", "1", "--n", "1",
                "--host", node.address + ":6881", "--periods", str(TERM))
    check("and takes nothing new", got[0] != 0, got)
    for path, space in ((first, "12MiB"), (first + "2", "4MiB")):
        node.run("host", "enable", "--path", path, "--space", space)
    s = status(node)
    check("enabled again, it goes on", s["open"] and s["sectors"] == used and
          path_of(s, first)["space"] == 12 * MIB, s)
    node.run("host", "disable", "--path", first + "2", wallet=False)


def killed_in_a_put(st, node, renter, daemon, directory, first):
    """kill -9 of the host, three times while a renter stores: the renter goes
    on, and what was acknowledged is there."""
    node.run("host", "enable", "--path", first, "--space", "120MiB")
    before = status(node)
    source = os.path.join(directory, "large.bin")
    stage.make_file(source, 80 * MIB)
    put = st.spawn("put", renter.argv(
        "store", "put", source, "--k", "1", "--n", "1", "--host",
        node.address + ":6881", "--periods", str(TERM), "--passphrase-file",
        renter.passphrase))
    held, kills = 0, 0
    for i in range(3):
        s = wait_for("sectors", 60, lambda: put.poll() is not None or (
            lambda s: s["staged"] > held + 5 and s)(status(node)), daemon)
        if put.poll() is not None:
            break
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait(20)
        daemon = start(st, node, "seedbankd-put-%d" % i)
        again = up(node, daemon)
        check("killed in a put, it has all that it said it has",
              again["staged"] >= s["staged"] and again["lost"] == 0,
              (s["staged"], again["staged"]))
        held, kills = again["staged"], kills + 1
    put.wait(90)
    s = wait_for("the agreement", 20, lambda: (
        lambda s: s["opened"] == before["opened"] + 1 and s)(status(node)),
        daemon)
    check("killed %d times, the put ends well" % kills, put.status == 0 and
          kills > 0 and s["staged"] == 0 and s["lost"] == 0 and
          81 <= s["sectors"] - before["sectors"] <= 90,
          (before, s, told(put)[-300:]))
    return daemon


def rotten(node, renter, daemon, chain, directory, first):
    """A disk that forgets is noticed before, or when, a proof is due."""
    store(node, renter, directory, "rot.bin", 3 * MIB)
    with open(first + "/seedbank.volume", "r+b") as f:
        for slot in range(os.path.getsize(f.name) // MIB - 1):
            f.seek((slot + 1) * MIB + 700)
            f.write(b"rot")
    blocks = Blocks(chain)
    blocks.start()
    s = wait_for("an alarm", 60, lambda: (
        lambda s: any("leaf cannot be read" in a["text"] and a["grave"]
                      for a in s["alarms"]) and s)(status(node)), daemon)
    blocks.stop()
    check("a disk that rots is told loudly", s["lost"] >= 1 and
          path_of(s, first)["note"], s)


def proofs(st, node, renter, daemon, chain, directory, first):
    """What is stored is proved, through kill -9, paid, and given up."""
    put = store(node, renter, directory, "file.bin", 5 * MIB)
    check("a renter stores", put["hosts"] == 1 and put["agreements"] == 1, put)
    s = wait_for("the agreement on the chain", 30, lambda: (
        lambda s: s["opened"] == 1 and s)(status(node)), daemon)
    check("what it locks is shown", float(s["collateral"]) > 0 and
          s["sectors"] >= 6 and s["agreements"] == 1 and s["staged"] == 0, s)
    blocks = Blocks(chain)
    blocks.start()
    s = wait_for("a proof", 90, lambda: (
        lambda s: s["proofs"] >= 1 and float(s["earned"]) > 0 and s)(
            status(node)), daemon)
    check("a proof is paid", s["missed"] == 0, s)
    blocks.stop()
    held(node, renter, directory, first)
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait(20)
    daemon = start(st, node, "seedbankd-proves")
    again = up(node, daemon)
    check("after kill -9 nothing is lost", again["sectors"] == s["sectors"] and
          again["lost"] == 0 and again["agreements"] == 1 and
          not again["alarms"], again)
    check("and it is known again what was earned", wait_for(
        "earned", 20, lambda: status(node)["earned"] == s["earned"], daemon))
    blocks = Blocks(chain)
    blocks.start()
    wait_for("the end", 90, lambda: "host closed" in told(daemon), daemon)
    blocks.stop()
    s = wait_for("collateral", 20, lambda: (
        lambda s: s["opened"] == 0 and s)(status(node)), daemon)
    check("over: collateral is back, sectors are still kept",
          float(s["collateral"]) == 0 and s["sectors"] >= 6, s)
    check("every span was proved", s["missed"] == 0 and
          abs(float(s["earned"]) / float(put["cost"]) - 1) < 1e-9,
          (s["earned"], put["cost"]))
    chain.call("anvil_mine", hex(8 * PERIOD))
    s = wait_for("giving up", 30, lambda: (
        lambda s: s["agreements"] == 0 and s["sectors"] == 0 and s)(
            status(node)), daemon)
    wait_for("space that comes back behind it", 30,
             lambda: status(node)["free"] == 12, daemon)
    check("after the time of grace its space is free",
          float(s["earned"]) > 0, s)
    return daemon


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(["10.77.0.1", "10.77.0.2"])
    with stage.workplace("seedbank-host", args.keep) as directory:
        first, second = (os.path.join(directory, d)
                         for d in ("disk", "disk two"))
        os.mkdir(first)
        with stage.Stage(os.path.join(directory, "log")) as st:
            chain = stage.Chain(st, addresses[0], "--block-time", "1")
            node = Node(directory, "host", addresses[0], chain)
            node.make_wallet()
            node.configure(rpc=chain.url)
            made = node.run("contract", "deploy", "--test-token", "--period",
                     str(PERIOD))
            before(node, first)
            address = fund(node)
            enable(node, first, address)
            daemon = start(st, node)
            s = up(node, daemon)
            check("it is up where it listens", s["endpoint"] ==
                  addresses[0] + ":6881" and s["address"] == address and
                  s["block"] > 0, s)
            space(node, daemon, first, second)
            schedule(node, daemon, first)
            daemon = killed(st, node, daemon, first, second)
            renter = Node(directory, "renter", addresses[1], chain)
            renter.make_wallet()
            renter.configure(rpc=chain.url, bank=made["bank"])
            fund(renter)
            daemon = proofs(st, node, renter, daemon, chain, directory, first)
            daemon = killed_in_a_put(st, node, renter, daemon, directory,
                                     first)
            rotten(node, renter, daemon, chain, directory, first)
            chain.call("anvil_mine", hex((TERM + 12) * PERIOD))
            wait_for("giving up", 30, lambda: not status(node)["agreements"],
                     daemon)
            node.run("host", "enable", "--path", second, "--space", "4MiB")
            daemon = unmounted(st, node, daemon, second)
            disable(st, node, daemon, first, second)
    return checks.result()


if __name__ == "__main__":
    sys.exit(main())
