// control.mjs - /dev/...: how a test moves the chain, and makes this node ill.
// Each takes and gives a JSON object; all answers tell where the chain is.
import * as build from './build.mjs';
import { addressOf, ethers, sign } from './crypto.mjs';
import { addressOfJson, bytesOfHex } from './protobuf.mjs';
import { transactionOf } from './transaction.mjs';

const address = (text) => addressOfJson(text, !/^(0x)?41[0-9a-f]{40}$/i.test(text));

const passerBy = ethers.id('somebody who has nothing to do with it');
const COIN = 10_000_000_000n, FEE_LIMIT = 1_000_000_000n;

// Pending, as if he had sent it.
async function callAsPasserBy(node, { to, data }) {
  const owner = addressOf(passerBy), { chain } = node;
  await chain.give(owner, COIN);
  const { raw, txid } = build.call(node.view(false), owner, address(to), bytesOfHex(data), 0n, FEE_LIMIT);
  await chain.broadcast(transactionOf({ raw_data: raw, signature: [sign(passerBy, txid)] }));
  return { txid: txid.toString('hex'), owner: owner.toString('hex') };
}

const moves = {
  state: () => {},
  mine: async ({ chain }, { blocks = 1, skip_ms: skipMs = 0, empty }) => {
    if (skipMs) await chain.mine(skipMs);
    else await chain.mineMany(blocks, empty);
  },
  // solid block so many blocks behind the head, or held where it is
  solid: ({ chain }, { lag, hold }) => chain.setSolid({ lag, hold }),
  // one pending transaction, or all of them
  drop: ({ chain }, { txid }) => {
    for (const id of txid ? [txid] : [...chain.pool.keys()]) chain.drop(id);
  },
  rollback: ({ chain }, { blocks = 1, forget = false }) => chain.rollback(blocks, forget),
  give: ({ chain }, { address: to, sun }) => chain.give(address(to), BigInt(sun)),
  stake: ({ chain }, { address: to, resource = 'ENERGY', sun }) =>
    chain.stake(address(to), resource === 'ENERGY' ? 1 : 0, BigInt(sun)),
  outoftime: ({ chain }, { calls = 1 }) => chain.failNext(calls),
  call: callAsPasserBy,
  // of this node alone
  lag: (node, { blocks = 0 }) => { node.lag = blocks; },
  fault: (node, rule) => node.faults.add(rule),
  heal: (node) => { node.faults.clear(); node.lag = 0; },
};

export async function control(node, path, body) {
  const move = moves[path.slice('/dev/'.length)];
  if (!move) return null;
  const more = await move(node, body);
  const { chain } = node;
  return { ...more, head: chain.head.number, time_ms: chain.timeMs, id: chain.head.id, solid: chain.solid,
    pending: chain.pool.size };
}
