"""demo.py FILE [--chain evm|tron] [--act 1|2] [--json] - the play that
scripts/demo puts on; see there. This is the first act and what both share;
demo_rent.py is the second.

All parties are separate processes with an address and a home directory of their
own. The leechers do not know each other, so what each gets comes from the one
seeder. Rates are taken from what lies on the disk, gas or energy from the
chain, so the table does not rest on seedbank's own word.
"""

import argparse
import decimal
import json
import os
import shutil
import subprocess
import sys
import time

import demo_rent
import stage
import tron
from nodes import COIN, Node, make_bank, say, start_seeder
from stage import Failed, MIB, wait_for

WORK = os.path.join(stage.TOP, "build", "demo")
UPLOAD_CAP = "8MiB"
PRICE = "1"  # tokens per GiB, the seeder's floor
BIDS = {"payer": "4", "second payer": "2"}
DEPOSIT = "5"
BUDGET = "2"


class Leecher:
    def __init__(self, name, process, out):
        self.name, self.process, self.out = name, process, out
        self.began = time.monotonic()
        self.seconds = None
        self.window = None  # bytes when the first payer was done

    def bytes_on_disk(self):
        total = 0
        for folder, _, files in os.walk(self.out):
            for f in files:
                try:
                    total += os.stat(os.path.join(folder, f)).st_blocks * 512
                except FileNotFoundError:  # renamed when complete
                    pass
        return total

    def look(self, size):
        """Notes the end; a leecher that fails ends the demo."""
        if self.seconds is not None:
            return
        if self.process.poll() is not None:
            if self.process.status != 0:
                raise Failed("%s ended with %d (%s)" % (
                    self.name, self.process.status, self.process.log))
            self.seconds = time.monotonic() - self.began


class Transmission(Leecher):
    """An unmodified client; it runs on as a seeder, so it is done when the
    file has its last name and all its bytes."""

    def __init__(self, st, address, torrent, name):
        home = os.path.join(WORK, "run", "transmission")
        out = os.path.join(home, "files")
        os.makedirs(out)
        settings = {
            "dht-enabled": False, "lpd-enabled": False, "pex-enabled": False,
            "utp-enabled": False, "port-forwarding-enabled": False,
            "encryption": 0, "preallocation": 0, "peer-port": 6881,
            "bind-address-ipv4": address, "rpc-enabled": False,
            "download-dir": out, "watch-dir": os.path.join(home, "watch"),
            "watch-dir-enabled": True, "rename-partial-files": True,
            "incomplete-dir-enabled": False}
        os.makedirs(settings["watch-dir"])
        with open(os.path.join(home, "settings.json"), "w") as f:
            json.dump(settings, f)
        shutil.copy(torrent, settings["watch-dir"])
        p = st.spawn("transmission", ["transmission-daemon", "-f", "-g", home])
        super().__init__("transmission", p, out)
        self.done = os.path.join(out, name)
        self.first_byte = None

    def look(self, size):
        if self.process.poll() is not None:
            raise Failed("transmission ended (%s)" % self.process.log)
        if self.first_byte is None and self.bytes_on_disk():
            self.first_byte = self.began = time.monotonic()
        if (self.seconds is None and os.path.exists(self.done) and
                self.bytes_on_disk() >= size):
            self.seconds = time.monotonic() - self.began


def tokens(text):
    return decimal.Decimal(text)


# --- the acts -----------------------------------------------------------------

def start_leecher(st, node, torrent, peer, *options):
    out = os.path.join(node.home, "files")
    return Leecher(node.name, node.get(st, torrent, out, peer, *options), out)


def report(leechers, size, began):
    words = []
    for l in leechers:
        share = min(100, 100 * l.bytes_on_disk() // size)
        words.append("%s %s" % (l.name, "done" if l.seconds is not None
                                else "%d %%" % share))
    print("   %3.0f s  %s" % (time.monotonic() - began, "   ".join(words)),
          flush=True)


def play(st, leechers, payer, size, second):
    """Until all have all. What each has when the first payer is done is the
    fair comparison; then the second one comes, as others would."""
    began = last = time.monotonic()
    while any(l.seconds is None for l in leechers):
        time.sleep(0.1)
        for l in leechers:
            l.look(size)
        now = time.monotonic()
        if payer.seconds is not None and payer.window is None:
            for l in leechers:
                l.window = min(size, l.bytes_on_disk()) - l.at_start
                l.window_s = payer.seconds
            leechers.insert(1, second())
        if now - last >= 3:
            last = now
            report(leechers, size, began)
        if now - began > 300:
            raise Failed("not complete after 300 s")
    report(leechers, size, began)
    leechers[1].window, leechers[1].window_s = size, leechers[1].seconds


def chain_facts(chain, after, bank):
    """What the chain itself says of the settlement: transactions to the bank
    since block `after`, their gas or energy, receipts and tokens. The bank's
    event Cashed holds the total, then the number of receipts."""
    cashed = chain.hash("Cashed(address,address,uint256,uint32)")
    facts = {"transactions": 0, "units": 0, "receipts": 0, "cashed": 0}
    for call in chain.calls(bank, after):
        if not call.good:
            raise Failed("a settlement was reverted")
        facts["transactions"] += 1
        facts["units"] += call.units
        for log in call.logs:
            if log.address == chain.key(bank) and log.topics[0] == cashed:
                facts["cashed"] += int.from_bytes(log.data[:32], "big")
                facts["receipts"] += int.from_bytes(log.data[32:64], "big")
    facts["cashed"] = decimal.Decimal(facts["cashed"]) / COIN
    return facts


def settle(chain, bank, seeder, payers):
    say("settling: all receipts in one transaction")
    after = chain.height()
    seeder.run("settle", "--all", wallet=False)
    facts = chain_facts(chain, after, bank)
    if not facts["receipts"]:
        raise Failed("no receipt was cashed")
    say("proving the books against themselves and against the chain")
    seeder.run("ledger", "check", wallet=False)
    for node in payers:
        node.run("ledger", "check")
    return facts


def table(leechers, size, money, spent, earned, unit):
    rate = lambda b, s: "%.2f" % (b / MIB / s)
    print("\n%-14s %12s %16s %18s %12s" % (
        "", "MiB", "MiB/s, whole", "MiB/s while a", "paid"))
    print("%-14s %12s %16s %18s %12s" % (
        "", "", "download", "payer loads", "tokens"))
    for l in leechers:
        print("%-14s %12.1f %16s %18s %12s" % (
            l.name, size / MIB, rate(size, l.seconds),
            rate(l.window, l.window_s), "%.6f" % spent.get(l.name, 0)))
    print("\nseeder earned   %.6f tokens by its book, %.6f by the chain" % (
        earned, money["cashed"]))
    print("settlement      %d receipts in %d transaction%s, %d %s, %d a "
          "receipt" % (money["receipts"], money["transactions"],
                       "" if money["transactions"] == 1 else "s",
                       money["units"], unit,
                       money["units"] // money["receipts"]))
    print("books           agree with themselves and with the chain\n")


def start_chain(st, kind, address):
    if kind == "tron":
        return tron.Chain(st, address, 500)
    # it mines when something comes, and every two seconds what it overlooked
    return stage.Chain(st, address, "--mixed-mining", "--block-time", "2")


def perform(st, path, addresses, isolated, kind):
    run = os.path.join(WORK, "run")
    shutil.rmtree(run, ignore_errors=True)
    os.makedirs(os.path.join(run, "seed"))
    name = os.path.basename(path)
    data = os.path.join(run, "seed", name)
    try:
        os.link(path, data)
    except OSError:
        shutil.copy(path, data)
    size = os.path.getsize(data)
    say("the file: %s, %.1f MiB" % (name, size / MIB))
    torrent = os.path.join(run, name + ".torrent")
    info_hash = stage.make_torrent(data, torrent)
    chain = start_chain(st, kind, addresses[0])
    seeder = Node(run, "seeder", addresses[0], chain)
    payers = [Node(run, n, a, chain) for n, a in zip(BIDS, addresses[1:3])]
    free = Node(run, "free rider", addresses[3])
    # who pays and who does not are compared at the seeder alone: they do not
    # hear of each other
    for node in (seeder, *payers, free):
        node.configure(pex="no", lsd="no", dht="no")
    bank = make_bank(chain, seeder, payers, DEPOSIT)
    say("a seeder with its upload capped at %s a second; a quarter of it is "
        "always kept for those who do not pay" % UPLOAD_CAP)
    start_seeder(st, seeder, os.path.dirname(data), torrent, "--limit-up",
                 UPLOAD_CAP, "--price", PRICE)
    peer = addresses[0] + ":6881"
    leechers = []
    if isolated:
        leechers.append(start_transmission(st, addresses, data, info_hash))

    def start_payer(node):
        return start_leecher(st, node, torrent, peer, "--bid", BIDS[node.name],
                             "--budget", BUDGET, "--passphrase-file",
                             node.passphrase)
    leechers = [start_payer(payers[0]), start_leecher(st, free, torrent, peer),
                *leechers]
    for l in leechers:
        l.at_start = l.bytes_on_disk()
    say("a payer (at most %s tokens a GiB), a free rider%s; a second payer (at "
        "most %s) comes when the first is done" % (
            BIDS["payer"], " and transmission" if isolated else "",
            BIDS["second payer"]))
    play(st, leechers, leechers[0], size, lambda: start_payer(payers[1]))
    for l in leechers:
        if not stage.same(data, os.path.join(l.out, name)):
            raise Failed("%s: the bytes differ" % l.name)
    say("all complete, equal byte for byte")
    spent = {n.name: spent_by(n) for n in payers}
    money = settle(chain, bank, seeder, payers)
    earned = earned_by(seeder)
    table(leechers, size, money, spent, earned, chain.unit)
    result = outcome(leechers, size, money, spent, earned, isolated)
    result[chain.unit + "_per_receipt"] = result["gas_per_receipt"]
    return result


def start_transmission(st, addresses, data, info_hash):
    """It takes 10 to 15 s until it connects, and finds peers by a tracker
    only; ours knows the seeder."""
    say("transmission, which takes a while to connect")
    tracker = stage.Tracker(addresses[0])
    tracker.know(info_hash, addresses[0], 6881)
    torrent = os.path.join(WORK, "run", "announce.torrent")
    stage.make_torrent(data, torrent, announce=tracker.url)
    t = Transmission(st, addresses[4], torrent, os.path.basename(data))

    def has_begun():
        t.look(1 << 62)
        return t.first_byte
    wait_for("first byte at transmission", 60, has_begun, t.process)
    return t


def spent_by(node):
    return tokens(node.run("status", wallet=False)["spent"])


def earned_by(node):
    return tokens(node.run("status", wallet=False)["earned"])


def outcome(leechers, size, money, spent, earned, isolated):
    rate = lambda l: round(l.window / MIB / l.window_s, 3)
    by_name = {l.name: l for l in leechers}
    faster = rate(by_name["payer"]) / max(rate(by_name["free rider"]), 0.001)
    all_spent = sum(spent.values())
    ledger_ok = (earned == money["cashed"] == all_spent)
    return {
        "ok": ledger_ok and faster >= 2 and money["transactions"] == 1 and
        money["receipts"] == len(spent),
        "bytes": size,
        "paid_mib_s": rate(by_name["payer"]),
        "second_paid_mib_s": rate(by_name["second payer"]),
        "free_mib_s": rate(by_name["free rider"]),
        "foreign_mib_s": rate(by_name["transmission"]) if isolated else None,
        "times_faster": round(faster, 2),
        "receipts_cashed": money["receipts"],
        "transactions": money["transactions"],
        "gas_per_receipt": money["units"] // money["receipts"],
        "earned": str(earned), "spent": str(all_spent),
        "chain": str(money["cashed"]), "ledger_ok": ledger_ok}


def play_act(act, path, addresses, isolated, kind):
    """Its figures, or what went wrong."""
    logs = os.path.join(stage.TOP, "build", "log", "demo-%d" % act)
    shutil.rmtree(logs, ignore_errors=True)
    began = time.monotonic()
    try:
        with stage.Stage(logs) as st:
            if act == 1:
                result = perform(st, path, addresses, isolated, kind)
            else:
                result = demo_rent.perform(st, path, kind)
        if act == 2 and result["ok"]:
            demo_rent.tidy()
    except (Failed, OSError, subprocess.SubprocessError) as e:
        result = {"ok": False, "error": str(e)}
    result["seconds"] = round(time.monotonic() - began)
    return result


def verdict(act, result):
    if "error" in result:
        return result["error"]
    if act == 2:
        return demo_rent.verdict(result)
    return "the payer was %.1f times faster than the free rider" % \
        result["times_faster"]


def play_acts(acts, path, addresses, isolated, kind):
    """One object of figures of both; the play ends where something broke."""
    both = {"ok": True}
    words = []
    for act in acts:
        if len(acts) > 1:
            print("\n== act %d: %s\n" % (act, (
                "speed for pay", "files with strangers")[act - 1]), flush=True)
        result = play_act(act, path, addresses, isolated, kind)
        words.append(verdict(act, result))
        both["seconds_%d" % act] = result.pop("seconds")
        both.update(result, ok=both["ok"] and result["ok"])
        if "error" in result:
            break
    print("seedbank: DEMO %s: %s, after %d s" % (
        "PASSED" if both["ok"] else "FAILED", "; ".join(words),
        sum(both.get("seconds_%d" % a, 0) for a in acts)), flush=True)
    return both


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--act", type=int, choices=(1, 2))
    parser.add_argument("--chain", choices=("evm", "tron"), default="evm")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    acts = [args.act] if args.act else [1, 2]
    addresses, isolated = stage.enter_namespace(
        ["10.77.0.%d" % n for n in range(1, 6)])
    if not isolated:
        say("neither root nor user namespaces here: all on 127.x, and "
            "without transmission, which refuses such peers")
    elif 1 in acts and not shutil.which("transmission-daemon"):
        raise SystemExit("seedbank: transmission-daemon is missing: run "
                         "scripts/setup demo")
    result = play_acts(acts, os.path.abspath(args.file), addresses, isolated,
                       args.chain)
    if args.json:
        print(json.dumps(result), flush=True)
    sys.exit(0 if result["ok"] else 1)


main()
