#!/usr/bin/env python3
"""cli_steward.py - what is stored is looked after: audits, repairs, and a
steward who does both with a link alone, on a chain of this machine.

usage: cli_steward.py --bin DIR [--keep]
"""

import argparse
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import checks  # noqa: E402
import nodes  # noqa: E402
import stage  # noqa: E402
from checks import check  # noqa: E402
from nodes import Node  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402

PERIOD = 40  # blocks
TERM = 50  # periods
HOSTS = 10


def refusal(node, *words):
    """Why it is not done; "" when it is."""
    try:
        node.run(*words)
    except Failed as e:
        return str(e)
    return ""


def each(work, items):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, items))


class Town:
    """Hosts, each in a network of its own, and who stores with them."""

    def __init__(self, st, directory, addresses):
        self.st, self.directory = st, directory
        self.chain = stage.Chain(st, addresses[0], "--block-time", "1")
        self.renter = Node(directory, "renter", addresses[0], self.chain)
        self.steward = Node(directory, "steward", addresses[1], self.chain)
        self.hosts = [Node(directory, "host%d" % i, a, self.chain)
                      for i, a in enumerate(addresses[2:])]
        people = [self.renter, self.steward, *self.hosts]
        each(lambda n: n.make_wallet(), people)
        each(lambda n: n.configure(rpc=self.chain.url, confirmations="1"),
             people)
        made = self.renter.run("contract", "deploy", "--test-token",
                               "--period", str(PERIOD))
        each(lambda n: n.configure(bank=made["bank"], token=made["token"]),
             people)
        each(self.fund, people)
        each(self.enable, self.hosts)
        for host in self.hosts:
            self.start(host)
        for host in self.hosts:
            self.wait_up(host)

    @staticmethod
    def fund(node):
        node.run("contract", "mint", "1000", "--account", "storage")
        node.run("deposit", "900", "--account", "storage")

    def first(self):
        return self.hosts[0].address + ":6881"

    def known(self):
        """Every host, by name: gossip takes its time."""
        return [w for h in self.hosts for w in ("--host",
                                                h.address + ":6881")]

    def enable(self, host):
        host.disk = host.home + ".disk"
        os.makedirs(host.disk)
        if host is not self.hosts[0]:
            host.configure(host_peer=self.first())
        host.run("host", "enable", "--path", host.disk, "--space", "64MiB",
                 "--price", "100", "--span", "1", "--min-term", "1",
                 "--max-term", "100000")

    def start(self, node, *options):
        node.daemon = self.st.spawn(node.name, [
            os.path.join(nodes.BIN, "seedbankd"), "--home", node.home,
            "--listen", node.address + ":6881", "--passphrase-file",
            node.passphrase, *options])

    @staticmethod
    def wait_up(host):
        wait_for("a host", 60, lambda: os.path.exists(
            host.home + "/api.sock") and host.run(
                "host", "status", wallet=False).get("state") == "up",
                 host.daemon)

    @staticmethod
    def kill(node):
        os.kill(node.daemon.pid, signal.SIGKILL)
        node.daemon.wait(20)
        try:
            os.unlink(node.home + "/api.sock")
        except FileNotFoundError:
            pass

    def by_address(self, address):
        return next(h for h in self.hosts
                    if h.storage_account.lower() == address.lower())


def overwrite(host):
    """Its disk keeps nothing of what it was given, but for the headers."""
    volume = os.path.join(host.disk, "seedbank.volume")
    size = os.path.getsize(volume)
    with open(volume, "r+b") as f:
        f.seek(MIB)
        for _ in range(size // MIB - 1):
            f.write(os.urandom(MIB))


def audits(town, link):
    renter = town.renter
    got = renter.run("store", "audit", "data", "--samples", "300")
    check("all of it is right", got["right"] == got["samples"] >= 300 and
          got["wrong"] == got["unanswered"] == 0, got)
    check("and that is what it shows", {c["confidence"]: c["at_most"] for c in
          got["claims"]} == {95: "0.009937", 99: "0.015234"}, got["claims"])
    check("each host is counted", sum(h["right"] for h in got["hosts"]) ==
          got["samples"] and len(got["hosts"]) == 5, got["hosts"])
    steward = town.steward
    got = steward.run("store", "audit", link, "--samples", "59",
                      *town.known())
    check("who has a sample link audits, too", got["right"] ==
          got["samples"] == 60, got)
    check("and a link of anything else is none", "link" in refusal(
        steward, "store", "audit", link[:-3]), link)
    return {h["address"] for h in got["hosts"]}


def corrupted(town, used):
    """A host whose disk keeps other bytes than it was given."""
    renter = town.renter
    host = town.by_address(used[0])
    town.kill(host)
    overwrite(host)
    town.start(host)
    town.wait_up(host)
    got = renter.run("store", "audit", "data", "--samples", "300")
    bad = [h for h in got["hosts"] if h["wrong"]]
    check("an audit finds what is wrong", got["wrong"] > 0 and
          [h["address"] for h in bad] == [used[0]], got)
    check("and claims less", float(got["claims"][0]["at_most"]) > 0.1,
          got["claims"])
    got = renter.run("store", "repair", "data")
    check("four of five are enough", got["lost"] > 0 and
          got["repaired"] == 0 and got["due"] == 0, got)


def repaired(town, used):
    """A host is gone besides: shards go to spare ones."""
    renter = town.renter
    town.kill(town.by_address(used[1]))
    segments = renter.run("store", "ls")["objects"][0]["segments"]
    check("a budget is kept to", "budget" in refusal(
        renter, "store", "repair", "data", "--all", "--budget", "0.000001",
        *town.known()))
    got = renter.run("store", "repair", "data", "--all", *town.known())
    check("what two hosts had is made again", got["repaired"] ==
          got["lost"] == 2 * segments and got["agreements"] == 2 and
          float(got["cost"]) > 0 and not got["left"], got)
    got = renter.run("store", "audit", "data", "--samples", "60")
    now = {h["address"] for h in got["hosts"] if h["right"]}
    check("spare hosts have it", len(now - set(used)) == 2, got)
    again = renter.run("store", "repair", "data", "--all")
    check("once is enough", again["repaired"] == again["lost"] == 0, again)
    for address in used[2:4]:
        town.kill(town.by_address(address))
    out = os.path.join(town.directory, "out")
    renter.run("store", "get", "data", "--out", out)
    check("and it is read from them", same(out + "/data",
                                           town.directory + "/data"))
    return sorted(now - set(used))


def stewarded(town, used, spare):
    """With a repair link alone, while the renter is away."""
    renter, steward = town.renter, town.steward
    link = renter.run("store", "share", "data", "--access", "repair")["link"]
    check("who repairs does not read", "does not open" in refusal(
        steward, "store", "get", link, "--out", town.directory,
        *town.known()))
    for address in used[2:4]:
        host = town.by_address(address)
        town.start(host)
        town.wait_up(host)
    steward.configure(watch_every="5")
    town.start(steward, *[w.replace("--host", "--host-peer")
                          for w in town.known()])
    wait_for("the steward", 60, lambda: os.path.exists(
        steward.home + "/api.sock"), steward.daemon)
    made = steward.run("steward", "add", link, *town.known())
    check("a steward takes it on", made["k"] == 2 and made["n"] == 5, made)
    check("but not who owns it", refusal(renter, "steward", "add", link))
    seen = wait_for("a look at it", 90, lambda: note(steward, "all is there"),
                    steward.daemon)
    check("it is looked at", seen["id"] == made["id"], seen)
    check("links are kept from others' eyes", os.stat(
        steward.home + "/renter.db").st_mode & 0o777 == 0o600)
    for address in used[2:5]:
        town.kill(town.by_address(address))
    rows = 3 * made["segments"]
    seen = wait_for("a repair", 240, lambda: note(
        steward, "%d made again" % rows), steward.daemon)
    check("what three hosts had is made again", seen["note"].startswith(
        "%d shards missing" % rows), seen)
    ls = steward.run("steward", "ls")
    check("from its own balance", 0 < float(ls["spent"]) <
          float(ls["budget"]), ls)
    wait_for("another look", 90, lambda: note(steward, "all is there"),
             steward.daemon)
    got = renter.run("store", "repair", *town.known())
    check("the catalogue had too few shards left, and is put anew",
          got["told"] == 5 and got["hopeless"] == 0 and not got["left"], got)
    got = renter.run("store", "repair", *town.known())
    check("then nothing is missing any more", got["lost"] == 0 and
          got["objects"] == 2, got)
    town.kill(town.by_address(spare[1]))
    out = os.path.join(town.directory, "out again")
    renter.run("store", "get", "data", "--out", out)
    check("the renter finds what was added, and reads it",
          same(out + "/data", town.directory + "/data"))
    renter.configure(store_watch="yes", watch_every="5")
    town.start(renter)
    wait_for("the renter's own daemon", 120, lambda: "looked object=ours" in
             told(renter.daemon), renter.daemon)
    check("the renter's own daemon looks after what is its own",
          "shards missing, 0 made again" in told(renter.daemon),
          told(renter.daemon))
    gone = steward.run("steward", "rm", made["id"][:12])
    check("it is given back", gone["id"] == made["id"] and
          not steward.run("steward", "ls")["stewards"], gone)


def told(process):
    with open(process.log, errors="replace") as f:
        return f.read()


def note(steward, text):
    for row in steward.run("steward", "ls")["stewards"]:
        if text in row["note"]:
            return row
    return None


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=nodes.BIN)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    nodes.use(args.bin, cheap_keys=True)
    addresses, _ = stage.enter_namespace(
        ["10.77.0.1", "10.77.100.1"] +
        ["10.77.%d.1" % (i + 1) for i in range(HOSTS)])
    with stage.workplace("seedbank-steward", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            town = Town(st, directory, addresses)
            run(town)
    return checks.result()


def run(town):
    renter = town.renter
    source = os.path.join(town.directory, "data")
    stage.make_file(source, 5 * MIB)
    renter.run("store", "put", source, "--k", "2", "--n", "5",
               "--periods", str(TERM), *town.known())
    sample = renter.run("store", "share", "data", "--access",
                        "sample")["link"]
    used = sorted(audits(town, sample))
    corrupted(town, used)
    spare = repaired(town, used)
    stewarded(town, used, spare)


if __name__ == "__main__":
    sys.exit(main())
