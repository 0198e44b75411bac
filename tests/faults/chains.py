"""chains.py - the two kinds of chain that faults are tried on: a block comes
when the miner here makes one, so a test can hold the chain still, and roll it
back. What a fault means in a kind's own words is here too."""

import json
import threading
import time

import proxy
import stage
import tron

DEPTH = 2  # blocks until something is final, on both kinds


def word(n):
    return "%064x" % n


def account(key):
    return key[2:].lower().rjust(64, "0")


QUIET_S, BUSY_S = 0.02, 1.0


class Mined:
    """A block every `block_ms` while `mining` is set, but not in the middle of a
    talk with the nodes (`quiet_s()`: since when there is none), unless that goes
    on and on: how fast this machine is must not decide whether all questions of
    a read meet one block."""

    def begin(self):
        self.mining = threading.Event()
        self.mining.set()
        self.selectors = {}
        self.quiet_s = lambda: QUIET_S
        self.over = threading.Event()
        threading.Thread(target=self._mine, daemon=True).start()

    def _mine(self):
        while not self.over.wait(self.block_ms / 1000):
            until = time.monotonic() + BUSY_S
            while self.quiet_s() < QUIET_S and time.monotonic() < until:
                self.over.wait(QUIET_S / 2)
            self.mining.wait()
            try:
                self.pass_blocks(1)
            except (OSError, stage.Failed) as e:
                if not self.over.is_set():
                    print("no block: %s" % e, flush=True)

    def settle_down(self):
        """What was sent is final."""
        was = self.height()
        stage.wait_for("blocks", 20, lambda: self.height() > was + DEPTH + 1)

    def selector(self, signature):
        if signature not in self.selectors:
            self.selectors[signature] = self.hash(signature)[:10]
        return self.selectors[signature]

    def words(self, to, signature, *accounts):
        out = self.view(to, self.selector(signature) +
                        "".join(account(a) for a in accounts))
        return [int.from_bytes(out[i:i + 32], "big")
                for i in range(0, len(out), 32)]


class Fund:
    """A passer-by with tokens, who deposits for others."""

    def __init__(self, chain, token, bank, amount):
        self.chain, self.bank = chain, bank
        self._do(token, "mint(address,uint256)",
                 account(chain.passer_by(token)) + word(amount))
        self._do(token, "approve(address,uint256)",
                 account(chain.key(bank)) + word(amount))

    def deposit(self, payer, amount):
        self._do(self.bank, "deposit(address,uint256)", account(payer) +
                 word(amount))

    def _do(self, to, signature, data):
        if not self.chain.send(to, self.chain.selector(signature) + data):
            raise stage.Failed("%s by a passer-by failed" % signature)


class Evm(Mined, stage.Chain):
    unit = "gas"
    block_ms = 100
    far = 45  # blocks behind, more than is taken without a word

    def __init__(self, st, address):
        stage.Chain.__init__(self, st, address, "--no-mining", "--order",
                             "fifo")
        self.urls = [self.url, self.url]
        self.settings = {"block-ms": str(self.block_ms),
                         "confirmations": str(DEPTH)}
        self.begin()

    send_word = "eth_sendRawTransaction"
    fate_word = final_fate_word = "eth_getTransactionReceipt"
    read_word = trial_word = "eth_call"
    head_word = "eth_getBlockByNumber"

    def id(self):
        return int(self.call("eth_chainId"), 16)

    def passer_by(self, _token):
        return self.call("eth_accounts")[0]

    def heal(self):
        pass

    def _mined_at(self, answer):
        """The first block that an answer tells a transaction to be in."""
        return min([int(r["blockNumber"], 16) for r in (
            item.get("result") for item in answer)
            if isinstance(r, dict) and "transactionHash" in r],
            default=None)

    def is_mined(self, answer):
        return self._mined_at(answer) is not None

    def is_final(self, answer):
        at = self._mined_at(answer)
        return at is not None and at <= self.height() - DEPTH

    def lose_pending(self):
        self.call("anvil_dropAllTransactions")

    # --- going back ---

    def mark(self):
        self.snapshot = self.call("evm_snapshot")

    def undo(self):
        """Back to the mark; what came since is forgotten."""
        self.call("evm_revert", self.snapshot)

    def unmark(self):
        pass

    # --- lies ---

    @staticmethod
    def _each(method, change):
        """change(params, item) of each answer to a method."""
        def lie(ask, answer):
            asked = {c["id"]: c for c in ask.json}
            for item in answer:
                call = asked[item["id"]]
                if call["method"] == method:
                    change(call["params"], item)
            return answer
        return proxy.lie(lie)

    def other_chain(self):
        return self._each("eth_chainId",
                          lambda _p, item: item.update(result="0x1"))

    def _answers(self, signature, change):
        """What calls of a function return, as a list of words."""
        selector = self.selector(signature)

        def act(params, item):
            if params[0].get("data", "")[:10] == selector and \
                    "result" in item:
                out = item["result"][2:]
                words = [int(out[i:i + 64], 16)
                         for i in range(0, len(out), 64)]
                item["result"] = "0x" + "".join(map(word, change(words)))
        return self._each("eth_call", act)

    def rich_and_unpaid(self):
        """Of balances too much, of what was paid nothing."""
        free = self._answers("free(address)", lambda w: [w[0] * 1000])
        pair = self._answers("pair(address,address)",
                             lambda w: [0, w[1], w[2]])

        def act(ask):
            first = free(ask)
            again = proxy.Ask(ask.proxy, ask.path, ask.body)
            again.forward = lambda: first
            return pair(again)
        return act

    def paid_already(self, amount):
        return self._answers("pair(address,address)",
                             lambda w: [amount, w[1], w[2]])

    def ahead(self, blocks):
        def change(params, item):
            if params[0] in ("latest", "finalized"):
                item["result"]["number"] = hex(
                    int(item["result"]["number"], 16) + blocks)
        return self._each("eth_getBlockByNumber", change)

    def ended(self, good):
        """A receipt of what is in no block."""
        def change(params, item):
            if item["result"] is None:
                item["result"] = {
                    "transactionHash": params[0], "blockNumber": "0x2",
                    "blockHash": "0x" + "11" * 32, "gasUsed": "0x5208",
                    "status": "0x1" if good else "0x0", "logs": [],
                    "effectiveGasPrice": "0x1", "contractAddress": None,
                    "transactionIndex": "0x0"}
        return self._each("eth_getTransactionReceipt", change)

    def trial(self, good):
        """What it says of each call that would change something."""
        def change(params, item):
            if params[0].get("data", "")[:10] not in self.changes:
                return
            item.pop("result", None)
            item.pop("error", None)
            if good:
                item["result"] = "0x" + word(1)
            else:
                item["error"] = {"code": 3, "message": "execution reverted"}

        def act(ask):
            calls = self._each("eth_call", change)
            first = calls(ask)
            again = proxy.Ask(ask.proxy, ask.path, ask.body)
            again.forward = lambda: first
            return self._each("eth_estimateGas", change)(again)
        self.changes = [self.selector(x) for x in (
            "cash(address,address,bytes)", "withdraw(address,uint256)")]
        return act

    def form_lie(self):
        """What a transaction is formed with: a nonce far ahead."""
        return "eth_getTransactionCount", self._each(
            "eth_getTransactionCount",
            lambda _p, item: item.update(result=hex(900)))

    def lag(self, way, blocks):
        """This node shows the chain so far behind."""
        def old(ask):
            head = int(self.call("eth_blockNumber"), 16) - blocks
            calls = json.loads(ask.body)
            for c in calls:
                c["params"] = [hex(head) if p in ("latest", "pending") else p
                               for p in c["params"]]
            status, body = ask.proxy.forward(ask.path,
                                             json.dumps(calls).encode())
            answer = json.loads(body)
            for item in answer:
                r = item.get("result")
                if isinstance(r, dict) and "transactionHash" in r and \
                        int(r["blockNumber"], 16) > head:
                    item["result"] = None
            return status, json.dumps(answer).encode()
        way.rule(lambda w: w != self.send_word, old)


class Tron(Mined, tron.Chain):
    block_ms = 150
    far = 45

    def __init__(self, st, address):
        tron.Chain.__init__(self, st, address, self.block_ms, still=True, count=2)
        del self.settings["rpc"]
        self.begin()

    def id(self):
        # CHAINID, returned by init code that is run and never stored
        return int.from_bytes(self._constant(data="4660005260206000f3"), "big")

    def passer_by(self, token):
        call = self.selector("decimals()")
        owner = self.post("/dev/call", to=tron.hex_address(token),
                          data=call[2:])["owner"]
        return "0x" + owner[2:]

    send_word = "wallet/broadcasthex"
    fate_word = "wallet/gettransactioninfobyid"
    final_fate_word = "walletsolidity/gettransactioninfobyid"
    read_word = "walletsolidity/triggerconstantcontract"
    trial_word = "wallet/triggerconstantcontract"
    head_word = "walletsolidity/getblock"

    @staticmethod
    def is_mined(answer):
        return "blockNumber" in answer

    is_final = is_mined

    def heal(self):
        for url in self.urls:
            self.post("/dev/heal", url=url)
        self.post("/dev/solid", lag=DEPTH)

    def lose_pending(self):
        self.post("/dev/drop")

    # --- going back ---

    def mark(self):
        self.post("/dev/solid", hold=True)
        self.marked = self.height()

    def undo(self):
        self.post("/dev/rollback", blocks=self.height() - self.marked,
                  forget=True)

    def unmark(self):
        self.post("/dev/solid", lag=DEPTH)

    # --- lies ---

    @staticmethod
    def _probe(change):
        """change(words) of each answer, chain id and number among the words
        of all; an answer is [good, length, words...]."""
        def lie(_ask, answer):
            if "constant_result" not in answer:
                return answer
            out = answer["constant_result"][0]
            if len(out) % 64 == 0 and len(out) >= 128:
                words = [int(out[i:i + 64], 16)
                         for i in range(0, len(out), 64)]
                out = "".join(map(word, change(words)))
            answer["constant_result"][0] = out
            return answer
        return proxy.lie(lie)

    def other_chain(self):
        return self._probe(lambda w: [1] + w[1:])

    @staticmethod
    def _of_pairs_and_balances(free, pair):
        def change(words):
            out, at = words[:2], 2
            while at < len(words):
                n = words[at + 1] // 32
                said = words[at + 2:at + 2 + n]
                said = free(said) if n == 1 else pair(said) if n == 3 else said
                out += words[at:at + 2] + said
                at += 2 + n
            return out
        return change

    def rich_and_unpaid(self):
        return self._probe(self._of_pairs_and_balances(
            lambda w: [w[0] * 1000], lambda w: [0, w[1], w[2]]))

    def paid_already(self, amount):
        return self._probe(self._of_pairs_and_balances(
            lambda w: w, lambda w: [amount, w[1], w[2]]))

    def ahead(self, blocks):
        def lie(_ask, answer):
            raw = answer["block_header"]["raw_data"]
            raw["number"] += blocks
            raw["timestamp"] += blocks * 3000
            answer["blockID"] = "%016x%s" % (raw["number"],
                                             answer["blockID"][16:])
            return answer
        return proxy.lie(lie)

    def ended(self, good):
        def lie(ask, answer):
            if answer:
                return answer
            receipt = {"energy_usage_total": 1000, "result":
                       "SUCCESS" if good else "REVERT"}
            made = {"id": ask.json["value"], "blockNumber": 2, "fee": 1000,
                    "blockTimeStamp": 1, "contractResult": [""],
                    "receipt": receipt}
            if not good:
                made["result"] = "FAILED"
            return made
        return proxy.lie(lie)

    def trial(self, good):
        def lie(ask, answer):
            if "contract_address" not in ask.json:
                return answer
            if good:
                return {"result": {"result": True}, "energy_used": 30000,
                        "constant_result": [word(1)],
                        "transaction": {"ret": [{}]}}
            return {"result": {"result": True, "message":
                               b"REVERT opcode executed".hex()},
                    "energy_used": 300, "constant_result": [""],
                    "transaction": {"ret": [{"ret": "FAILED"}]}}
        return proxy.lie(lie)

    def form_lie(self):
        """An invented solid block to refer to."""
        def lie(_ask, answer):
            answer["blockID"] = answer["blockID"][:16] + "77" * 24
            return answer
        return "walletsolidity/getblock", proxy.lie(lie)

    def lag(self, way, blocks):
        self.post("/dev/lag", url="http://%s:%d" % (
            way.upstream.hostname, way.upstream.port), blocks=blocks)

    def calls(self, to, after=0):
        self.read, self.found = after, []  # blocks may have been undone
        return tron.Chain.calls(self, to, after)


KINDS = {"evm": Evm, "tron": Tron}
