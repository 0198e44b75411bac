"""bank.py - what the chain itself says of agreements: read from the bank's
events and views and from the receipts of transactions, so that it does not rest
on seedbank's own word. Standard library only; the chain hashes for us.
"""

import collections
import decimal

from nodes import COIN
from stage import Failed

EVENTS = {
    "Opened": "Opened(address,address,uint32,uint32,uint32,uint112,uint112,"
              "bytes32)",
    "Proved": "Proved(address,uint256,bytes)",
    "Closed": "Closed(address,address,uint32,uint112,uint112)",
    "Burnt": "Burnt(address,address,uint32,uint112)",
}
PROVED = 42  # bytes of one proof in Proved: renter 20, number 4, through 4, 14
WAIT = 7  # periods from an agreement's end until anyone may close it

Agreement = collections.namedtuple(
    "Agreement", "renter host number start end fund collateral")
Proof = collections.namedtuple("Proof", "host renter number block paid")


def tokens(units):
    return decimal.Decimal(units) / COIN


def word(data, i):
    return int.from_bytes(data[32 * i:32 * i + 32], "big")


def address_of(topic):
    return "0x" + topic[-40:].lower()


def padded(value):
    """An address or a number as one word of calldata."""
    if isinstance(value, str):
        value = int(value, 16)
    return "%064x" % value


class Bank:
    def __init__(self, chain, address, period):
        self.chain, self.address, self.period = chain, address, period
        self.topics = {name: chain.hash(text) for name, text in EVENTS.items()}

    def _calldata(self, call, *values):
        return self.chain.hash(call)[:10] + "".join(map(padded, values))

    # --- time ---

    def block(self):
        return self.chain.height()

    def now(self):
        return self.block() // self.period

    # --- events ---

    def _logs(self, name, *topics):
        for log in self.chain.logs(self.address, [self.topics[name], *topics]):
            yield log, log.data

    def opened(self, renter=None):
        topics = ["0x" + padded(self.chain.key(renter))] if renter else []
        return [Agreement(address_of(log.topics[1]),
                          address_of(log.topics[2]), word(d, 0), word(d, 1),
                          word(d, 2), word(d, 3), word(d, 4))
                for log, d in self._logs("Opened", *topics)]

    def proofs(self):
        """Every proof that the bank took."""
        found = []
        for log, d in self._logs("Proved"):
            packed = d[96:96 + word(d, 2)]
            for i in range(0, len(packed), PROVED):
                found.append(Proof(
                    address_of(log.topics[1]), "0x" + packed[i:i + 20].hex(),
                    int.from_bytes(packed[i + 20:i + 24], "big"),
                    log.block,
                    int.from_bytes(packed[i + 28:i + 42], "big")))
        return found

    def burnt(self):
        """By host, in the token's smallest unit."""
        sums = collections.Counter()
        for log, d in self._logs("Burnt"):
            sums[address_of(log.topics[2])] += word(d, 1)
        return sums

    def closed(self):
        return {(address_of(log.topics[1]), address_of(log.topics[2]),
                 word(d, 0)) for log, d in self._logs("Closed")}

    # --- views ---

    def misses(self, a):
        """Those that the bank has counted: of a closed agreement, all."""
        data = self.chain.view(self.address, self._calldata(
            "agreement(address,address,uint32)", a.renter, a.host, a.number))
        return word(data, 13)

    # --- transactions ---

    def close(self, a):
        """By an account that has nothing to do with it: anyone may, and its
        renter may be quicker."""
        if not self.chain.send(self.address, self._calldata(
                "close(address,address,uint32)", a.renter, a.host, a.number)) \
                and a[:3] not in self.closed():
            raise Failed("an agreement could not be closed")

    def gas_of_proofs(self):
        """Gas, or energy, of all transactions that called prove(), also in
        vain."""
        selector = self.chain.hash("prove(address,bytes)")[:10]
        return sum(c.units for c in self.chain.calls(self.address)
                   if c.data.startswith(selector))
