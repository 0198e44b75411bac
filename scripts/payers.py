"""payers.py - made-up payers on the stage: receipts of theirs in a node's book, as
if it had served them, and what they have written into the chain's state.

Theirs is no key that anybody keeps, so nothing else can be done with them; but
there may be ten thousand in a few seconds.
"""

import json
import os
import subprocess
import time
import urllib.request

import nodes
import stage
import tron
from stage import Failed, wait_for

BATCH = 500  # questions to anvil at once


class Anvil:
    """The machine below, whose words can be written; an EVM chain is it."""

    def __init__(self, url):
        self.url = url
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}))

    def ask(self, calls):
        """Many (method, params) at once; their results."""
        out = []
        for at in range(0, len(calls), BATCH):
            body = [{"jsonrpc": "2.0", "id": i, "method": m, "params": p}
                    for i, (m, p) in enumerate(calls[at:at + BATCH])]
            request = urllib.request.Request(
                self.url, json.dumps(body).encode(),
                {"Content-Type": "application/json"})
            with self.opener.open(request, timeout=60) as answer:
                told = sorted(json.load(answer), key=lambda r: r["id"])
            bad = [r for r in told if "error" in r]
            if bad:
                raise Failed("anvil: %s" % bad[0]["error"].get("message"))
            out += [r["result"] for r in told]
        return out

    def chain_id(self):
        return int(self.ask([("eth_chainId", [])])[0], 16)

    def write(self, contract, words):
        self.ask([("anvil_setStorageAt", [contract, slot, "0x%064x" % word])
                  for slot, word in words])

    def read(self, contract, slots):
        return [int(r, 16) for r in self.ask(
            [("eth_getStorageAt", [contract, slot, "latest"])
             for slot in slots])]


def open_chain(st, address, kind, block_ms):
    """The chain ("evm" or "tron"), and the machine below it. block_ms 0, on an
    EVM: a block for each transaction."""
    if kind == "evm":
        options = (["--block-time", "%g" % (block_ms / 1000)] if block_ms
                   else [])
        chain = stage.Chain(st, address, *options)
        return chain, Anvil(chain.url)
    port = stage.free_port(address)
    below = st.spawn("anvil", [
        stage.anvil_program(), "--host", address, "--port", str(port),
        "--accounts", "1", "--balance", "0", "--hardfork", "cancun",
        "--no-mining", "--no-request-size-limit", "--prune-history",
        stage.HISTORY, "--chain-id", str(0x6aa8c99e)])
    wait_for("answer from anvil", 30, lambda: stage.accepts(address, port),
             below)
    url = "http://%s:%d" % (address, port)
    return tron.Chain(st, address, block_ms, "--anvil", url), Anvil(url)


class Payer:
    """What it owes and has, in units of the token."""

    def __init__(self, due, free, reserve=0, before=0):
        self.due, self.free, self.reserve = due, free, reserve
        self.before = before  # paid, ever
        self.account = self.free_at = self.pair_at = None

    def words(self, until):
        """Of its free balance, and of its pair: paid 112 | reserve 112 |
        until 32."""
        return [(self.free_at, self.free),
                (self.pair_at, self.before << 144 | self.reserve << 32 |
                 (until if self.reserve else 0))]


def owe(node, bank, chain_id, payers):
    """Their receipts into the node's book, which nobody may have open."""
    done = subprocess.run(
        [os.path.join(nodes.BIN, "tests", "bench_fill_book"),
         os.path.join(node.home, "book.db"), node.account, str(chain_id), bank],
        input="".join("%d\n" % (p.before + p.due) for p in payers),
        capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(done.stderr.strip())
    for p, line in zip(payers, done.stdout.splitlines()):
        p.account, p.free_at, p.pair_at = line.split()


def endow(below, bank, payers):
    """What they have, into the chain's state."""
    until = int(time.time()) + 30 * 86400
    below.write(bank, [w for p in payers for w in p.words(until)])


def paid(below, bank, payers):
    """To each of them, since before."""
    words = below.read(bank, [p.pair_at for p in payers])
    return [(w >> 144) - p.before for p, w in zip(payers, words)]
