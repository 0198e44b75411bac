"""tron.py - a TRON chain on the stage: the server of tests/tron, asked and
moved as stage.Chain is. Standard library only; accounts are T..., and what a
contract is told or says of them has their 20 bytes, as on an EVM chain.
"""

import json
import os
import urllib.error
import urllib.request

import stage
from stage import Call, Failed, Log, accepts, free_port, wait_for

SERVER = os.path.join(stage.TOP, "tests", "tron", "server.mjs")
TRX = 10**6
COIN = 20000 * TRX  # of each account, for fees; a node spends as much in a day
DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
NOBODY = "41" + "00" * 20
# Code that answers with the hash of the bytes after it, so that the chain
# hashes for us: as the init code of a contract that is never made.
HASHES = "6015380380601560003960002060005260206000f3"


def hex_address(account):
    """The 21 bytes that nodes write, of T... or 0x..."""
    if account.startswith("0x"):
        return "41" + account[2:]
    number = 0
    for c in account:
        number = 58 * number + DIGITS.index(c)
    return "%042x" % (number >> 32)  # four bytes of checksum


class Chain:
    unit = "energy"

    def __init__(self, st, address, block_ms, *options, still=False, count=1):
        """A block every block_ms, `still` none by itself; by the chain's own
        clock they are 3 s apart all the same. `count` nodes of it, `urls`.
        Options of the server may follow."""
        if not os.path.exists(SERVER):
            raise Failed("this tree has no TRON chain (tests/tron)")
        ports = [free_port(address) for _ in range(count)]
        self.urls = ["http://%s:%d" % (address, port) for port in ports]
        self.url = self.urls[0]
        self.settings = {"profile": "local-tron", "rpc": self.url,
                         "block-ms": str(block_ms)}
        self.read, self.found = 0, []
        # no proxy, whatever the environment says: this is our own machine
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}))
        pace = [] if still else ["--block-ms", str(block_ms)]
        self.process = st.spawn("tron", [
            "node", SERVER, "--host", address, *pace, *options,
            *(w for port in ports for w in ("--port", str(port)))])
        wait_for("answer from the chain", 60,
                 lambda: all(accepts(address, port) for port in ports),
                 self.process)

    def post(self, path, url=None, **body):
        request = urllib.request.Request(
            (url or self.url) + path, json.dumps(body).encode(),
            {"Content-Type": "application/json"})
        try:
            with self.opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise Failed("%s: %s" % (path, e.read().decode())) from e

    # --- what all chains do ---

    def give_coin(self, account):
        self.post("/dev/give", address=account, sun=str(COIN))

    def height(self):
        return self.post("/dev/state")["head"]

    def pass_blocks(self, count):
        self.post("/dev/mine", blocks=count)

    def key(self, account):
        return "0x" + hex_address(account)[2:].lower()

    def hash(self, text):
        return "0x" + self._constant(data=HASHES + text.encode().hex()).hex()

    def view(self, to, data):
        return self._constant(contract_address=hex_address(to), data=data[2:])

    def calls(self, to, after=0):
        self._follow()
        to = self.key(to)
        return [c for c in self.found if c.to == to and c.block > after]

    def logs(self, address, topics):
        self._follow()
        address = self.key(address)
        return [log for c in self.found for log in c.logs
                if log.address == address and
                log.topics[:len(topics)] == topics]

    def send(self, to, data):
        txid = self.post("/dev/call", to=hex_address(to), data=data[2:])["txid"]
        self.pass_blocks(1)
        info = self.post("/wallet/gettransactioninfobyid", value=txid)
        return info.get("receipt", {}).get("result") == "SUCCESS"

    # --- blocks ---

    def _constant(self, **call):
        told = self.post("/wallet/triggerconstantcontract",
                         owner_address=NOBODY, **call)
        if "constant_result" not in told:
            raise Failed("a constant call: %s" % told.get("result"))
        return bytes.fromhex(told["constant_result"][0])

    def _follow(self):
        """Takes what came since the last time: here no block is ever undone."""
        head = self.height()
        while self.read < head:
            last = min(head, self.read + 100)  # as many as a node tells
            blocks = self.post("/wallet/getblockbylimitnext",
                               startNum=self.read + 1, endNum=last + 1)
            for block in blocks.get("block", []):
                if "transactions" in block:
                    self._take(block)
            self.read = last

    def _take(self, block):
        number = block["block_header"]["raw_data"]["number"]
        infos = {i["id"]: i for i in self.post(
            "/wallet/gettransactioninfobyblocknum", num=number)}
        for tx in block["transactions"]:
            call = tx["raw_data"]["contract"][0]["parameter"]["value"]
            if "contract_address" not in call:
                continue
            info = infos[tx["txID"]]
            self.found.append(Call(
                number, self.key("0x" + call["contract_address"][2:]),
                "0x" + call.get("data", ""),
                info["receipt"].get("result") == "SUCCESS",
                info["receipt"].get("energy_usage_total", 0),
                [self._log(number, l) for l in info.get("log", [])]))

    @staticmethod
    def _log(number, log):
        return Log(number, "0x" + log["address"].lower(),
                   ["0x" + t for t in log.get("topics", [])],
                   bytes.fromhex(log.get("data", "")))
