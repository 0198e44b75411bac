// test_calls.mjs - what the bank does on this chain, step by step, where TRON is
// not an EVM: from which frames it calls, which of the machine's own contracts,
// and which words it writes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TronChain } from '../bench/bank_chains.mjs';
import { measure } from '../bench/bank_costs.mjs';
import { artifact, ethers } from '../bench/bank_forms.mjs';

const RECEIPTS = 20, PROOFS = 20; // of a batch; a node sends 10 proofs at most
const CALLS = /^(CALL|CALLCODE|DELEGATECALL|STATICCALL)$/;
const LAST_OWN = 0x0fffffffn; // TRON's own contracts begin at 0x01000001, an EVM's at 1

// What a run did: bytes that a node hashes for its calls (the whole calldata of
// the calling frame, each time), the machine's contracts it called, writes of
// words, and the deepest frame.
function seen(steps, calldata) {
  const frames = [calldata], out = { hashed: 0, own: new Set(), writes: 0, depth: 0 };
  for (const { op, depth, stack } of steps) {
    frames.length = depth;
    out.depth = Math.max(out.depth, depth);
    if (op === 'SSTORE') out.writes++;
    if (!CALLS.test(op)) continue;
    const at = (i) => BigInt(stack.at(-1 - i));
    out.hashed += frames.at(-1);
    frames.push(Number(at(/^(CALL|CALLCODE)$/.test(op) ? 4 : 3)));
    const callee = at(1) & (1n << 160n) - 1n;
    if (callee <= LAST_OWN) out.own.add(Number(callee));
  }
  return out;
}

// Tells of each call before it is made.
class WatchedChain extends TronChain {
  calls = [];

  static async start() {
    return Object.assign(new WatchedChain(), await TronChain.start());
  }

  async send(to, data, from) {
    const { steps } = await this.rig.chain.evm.run({ from: from?.address ?? this.me, to, data: Buffer.from(data.slice(2), 'hex') });
    this.calls.push({ data, ...seen(steps, data.length / 2 - 1) });
    return super.send(to, data, from);
  }
}

let chain;
before(async () => {
  chain = await WatchedChain.start();
  await measure(chain, { sizes: [RECEIPTS], proofSizes: [PROOFS] });
});
after(() => chain.stop());

const bank = new ethers.Interface(artifact('Bank').abi);
const calls = (name) => chain.calls.filter(({ data }) => data.startsWith(bank.getFunction(name).selector));

test('a batch is told by its length', () => {
  assert.deepEqual([calls('cash').length > 3, calls('prove').length], [true, 2]);
  for (const { data } of calls('cash')) assert.ok(data.length > 2 * 98 * RECEIPTS);
  for (const { data } of calls('prove')) assert.ok(data.length > 2 * 1000 * PROOFS);
});

// A node takes about a nanosecond a byte, of the 80 ms that a transaction has.
// From one frame these proofs would take 11 and 20 MB.
test('proofs are checked in frames of their own, whose calldata is short', () => {
  for (const { hashed } of calls('prove')) assert.ok(hashed < 2_000_000, `${hashed} bytes hashed`);
});

test('receipts come in a frame that is short enough', () => {
  for (const { hashed } of calls('cash')) assert.ok(hashed < 60_000, `${hashed} bytes hashed`);
});

// 3 hashes otherwise on TRON, 9 and 10 check signatures there.
test('of the machine\'s own contracts ecrecover and SHA-256 are called, no other', () => {
  assert.deepEqual([...new Set(chain.calls.flatMap(({ own }) => [...own]))].sort(), [1, 2]);
});

// 5,000 of energy each, which nothing gives back; the lock is two of them.
test('no word is written that need not be', () => {
  const writes = calls('cash').map((c) => c.writes);
  const [kept, paidOut, reserved] = [2 * RECEIPTS + 1, 2 * RECEIPTS + 2 + 2, RECEIPTS + 1];
  assert.deepEqual(writes, [kept, kept, kept, paidOut, reserved]);
  for (const c of calls('prove')) assert.equal(c.writes, PROOFS + 1);
});

test('calls are two deep, where 64 are allowed', () => {
  assert.equal(Math.max(...chain.calls.map(({ depth }) => depth)), 2);
});
