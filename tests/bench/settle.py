#!/usr/bin/env python3
"""settle.py - ten thousand due receipts cashed: by the programs as a user runs
them, on a chain of this machine, EVM or TRON.

The receipts are signed by made-up payers, the node's book is filled with them as
if each had been served (bench_fill_book), and the bank's words for their
balances are written into the chain's state: their sum is what one deposit
brought. Of a hundred payers

  90  owe 1 to 50 tokens and have them, a tenth of these in a reserve
   5  owe so little that its fee would eat it: these wait
   3  have nothing any more
   2  have half of what they owe: it is cashed, and they bounced

`seedbank settle` runs once (or a daemon, until it has settled by itself), then
the chain is read: what each pair was paid, and what became of every
transaction. It fails (exit 1) when one transaction did, when a receipt is in
two, when a payer was paid anything but what it should, or when a process of the
run had 100 MiB, but for the signer's 256 MiB while a passphrase is tried.

usage: settle.py [--chain evm|tron] [--receipts N] [--block-ms MS] [--bin DIR]
                 [--by-itself] [--kill N] [--json]
"""

import argparse
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import nodes  # noqa: E402
import payers  # noqa: E402
import stage  # noqa: E402
import tron  # noqa: E402
from nodes import COIN, say  # noqa: E402
from payers import Payer  # noqa: E402
from stage import Failed  # noqa: E402

RSS_MAX_KIB = 100 * 1024
KILL_WITHIN_S = 4  # of what follows the opening of the key file
RECEIPT = 98  # bytes of calldata, after
HEAD = 4 + 4 * 32  # selector, payee, to, where, how many
SUM = 10**6  # tokens, deposited for all payers together
# tokens that a coin is worth, so that a receipt's fee is a few hundredths
PRICE = {"evm": "100", "tron": "0.01"}


def made_up(number):
    """The payer of that number, of which kind it is and what it should pay."""
    rng = random.Random(number)
    due = rng.randrange(COIN, 50 * COIN)
    p = Payer(due, due + rng.randrange(COIN),
              before=number % 2 * rng.randrange(COIN, 50 * COIN))
    p.kind, p.expected = "good", due
    place = number % 100
    if place >= 98:
        p.kind, p.free = "short", due // 2
        p.expected = p.free
    elif place >= 95:
        p.kind, p.free, p.expected = "empty", 0, 0
    elif place >= 90:
        p.kind, p.expected = "dust", 0
        p.due = rng.randrange(COIN // 10000, COIN // 500)
    elif place % 10 == 0:
        p.free, p.reserve = 0, due
    return p


class Bench:
    def __init__(self, st, directory, address, args):
        self.stage, self.args = st, args
        self.out = os.path.join(directory, "settled")
        self.chain, self.below = payers.open_chain(st, address, args.chain,
                                                   args.block_ms)
        self.node, self.rich = (nodes.Node(directory, name, address, self.chain)
                                for name in ("seller", "rich"))
        self.payers = [made_up(n) for n in range(args.receipts)]

    def prepare(self):
        bank = nodes.make_bank(self.chain, self.node, [self.rich], str(SUM))
        self.bank = self.chain.key(bank)
        self.node.configure(coin_price=PRICE[self.args.chain],
                            fee_limit="1000", day_fee_limit="1000000")
        for _ in range(10 if self.args.chain == "tron" else 0):
            self.chain.post("/dev/give", address=self.node.account,
                            sun=str(10 * tron.COIN))
        if sum(p.free + p.reserve for p in self.payers) > SUM * COIN:
            raise Failed("the payers have more than was deposited")
        say("%d receipts into the book" % len(self.payers))
        payers.owe(self.node, bank, self.below.chain_id(), self.payers)
        say("what their payers have into the chain's state")
        payers.endow(self.below, self.bank, self.payers)
        self.chain.pass_blocks(25)  # solid, on TRON

    def start(self):
        """What settles: the command, or a daemon by itself."""
        if not self.args.by_itself:
            say("seedbank settle")
            with open(self.out, "wb") as f:
                return self.stage.spawn("settle", self.node.argv(
                    "settle", "--passphrase-file", self.node.passphrase),
                    stdout=f)
        say("seedbankd, by itself")
        return self.stage.spawn("seedbankd", [
            os.path.join(nodes.BIN, "seedbankd"), "--home", self.node.home,
            "--listen", self.node.address + ":6881", "--passphrase-file",
            self.node.passphrase])

    def said(self, p):
        """What it says it did; None while it is at it."""
        if not self.args.by_itself:
            if p.poll() is None:
                return None
            with open(self.out) as f:
                text = f.read()
            if p.status != 0:
                raise Failed("settle ended with %d: %s (%s)" % (
                    p.status, text, p.log))
            return json.loads(text.strip().splitlines()[-1])
        if p.poll() is not None:
            raise Failed("seedbankd ended with %d (%s)" % (p.status, p.log))
        with open(p.log) as f:
            lines = [l for l in f if "settled account=bandwidth" in l]
        return dict(w.split("=", 1) for w in lines[0].split()
                    if "=" in w) if lines else None

    def settle(self):
        """Runs it to its end; what it said, and what it took."""
        began = time.monotonic()
        p = self.start()
        main_kib, signer, said = 0, [0], None
        while said is None:
            time.sleep(0.05)
            main_kib = max(main_kib, memory(p.pid, "VmHWM"))
            signer.append(sum(memory(pid, "VmRSS") for pid in children(p.pid)))
            said = self.said(p)
        took = time.monotonic() - began
        p.stop()
        unlock = signer.index(max(signer))
        while signer[unlock:] and 8 * signer[unlock] > max(signer):
            unlock += 1  # it gives its memory back page by page
        return said, {
            "wall_s": round(took, 1), "cpu_s": round(p.cpu_total(), 2),
            "rss_kib": main_kib, "rss_unlock_kib": max(signer),
            "rss_signer_kib": max(signer[unlock:], default=0)}

    def killed(self):
        """Begins as settle() does, and is killed somewhere; the signer ends
        with it. Again and again, until nothing is left for it to do."""
        rng = random.Random(self.args.kill)
        for _ in range(self.args.kill):
            p = self.start()
            end = time.monotonic() + 1.5 + rng.random() * KILL_WITHIN_S
            while time.monotonic() < end and p.poll() is None:
                time.sleep(0.01)
            if p.poll() is None:
                os.kill(p.pid, signal.SIGKILL)
                p.wait(10)
            self.stage.forget(p)

    def twice(self, calls):
        """Receipts that are in more than one transaction."""
        seen, again = set(), 0
        for c in calls:
            packed = bytes.fromhex(c.data[2:])[HEAD:]
            for at in range(0, len(packed) - RECEIPT + 1, RECEIPT):
                payer = packed[at:at + 20]
                again += payer in seen
                seen.add(payer)
        return again

    def verdict(self, said, figures):
        calls = self.chain.calls(self.bank, figures.pop("after"))
        if not calls:
            raise Failed("nothing was sent: %s" % said)
        paid = payers.paid(self.below, self.bank, self.payers)
        wrong = [(p.kind, p.due, p.expected, got)
                 for p, got in zip(self.payers, paid) if got != p.expected]
        cashed = sum(got > 0 for got in paid)
        figures.update({
            "chain": self.args.chain, "block_ms": self.args.block_ms,
            "receipts": len(self.payers), "transactions": len(calls),
            "failed": sum(not c.good for c in calls),
            "twice": self.twice(calls), "blocks": 1 + max(
                c.block for c in calls) - min(c.block for c in calls),
            "cashed": cashed,
            "worth_cashing": sum(p.expected > 0 for p in self.payers),
            "cashed_tokens": sum(paid) / COIN,
            "due_tokens": sum(p.due for p in self.payers) / COIN,
            self.chain.unit + "_per_receipt": round(
                sum(c.units for c in calls) / max(1, cashed)),
            "said": {k: said[k] for k in (
                "receipts", "bounced", "transactions", "moved", "fee")
                if k in said},
            "wrong": len(wrong)})
        if wrong:
            say("paid otherwise than it should be, at first: %s" % wrong[:3])
        check = self.node.run("ledger", "check")
        figures["book_ok"] = check["ok"]
        figures["ok"] = (not wrong and not figures["failed"] and
                         not figures["twice"] and check["ok"] and
                         (sanitized() or max(
                             figures["rss_kib"],
                             figures["rss_signer_kib"]) < RSS_MAX_KIB))
        return figures


def sanitized():
    """Such a build takes more memory than is ours."""
    with open(os.path.join(nodes.BIN, "seedbank"), "rb") as f:
        code = f.read()
    return b"__asan_init" in code or b"__tsan_init" in code


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(child) for child in f.read().split()]
    except OSError:
        return []


def memory(pid, field):
    """KiB: VmRSS, or its peak VmHWM."""
    try:
        with open("/proc/%d/status" % pid) as f:
            return max((int(line.split()[1]) for line in f
                        if line.startswith(field + ":")), default=0)
    except OSError:
        return 0


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--chain", choices=sorted(PRICE), default="evm")
    p.add_argument("--receipts", type=int, default=10000)
    p.add_argument("--block-ms", type=int, default=1000)
    p.add_argument("--by-itself", action="store_true",
                   help="a daemon does it")
    p.add_argument("--kill", type=int, default=0, metavar="N",
                   help="before that it is begun and killed, N times")
    p.add_argument("--bin", default=nodes.BIN)
    p.add_argument("--keep", action="store_true")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    nodes.BIN = os.path.abspath(args.bin)
    addresses, _ = stage.enter_namespace(["10.77.0.1"])
    with stage.workplace("seedbank-settle", args.keep) as directory:
        with stage.Stage(os.path.join(directory, "log")) as st:
            bench = Bench(st, directory, addresses[0], args)
            bench.prepare()
            height = bench.chain.height()
            bench.killed()
            said, figures = bench.settle()
            figures["after"] = height
            figures = bench.verdict(said, figures)
    if args.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print("%-18s %s" % (name, value))
    return 0 if figures["ok"] else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("settle: %s" % e)
