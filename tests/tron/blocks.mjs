// blocks.mjs - headers of blocks: an id is the number and the hash of the header.
import { addressOf, ethers, sha256, sign } from './crypto.mjs';
import { encode } from './protobuf.mjs';

export const VERSION = 32;
const witnessKey = ethers.id('the one witness of a test chain');
export const witness = addressOf(witnessKey);
const NO_ROOT = Buffer.alloc(32);

// A block's txTrieRoot: a tree of SHA-256 over the hashes of the transactions.
export function rootOf(hashes) {
  if (hashes.length === 0) return NO_ROOT;
  let level = hashes;
  while (level.length > 1) {
    const up = [];
    for (let i = 0; i < level.length; i += 2)
      up.push(i + 1 < level.length ? sha256(Buffer.concat([level[i], level[i + 1]])) : level[i]);
    level = up;
  }
  return level[0];
}

// `raw` is what its id is the hash of, and the witness signs.
export function makeBlock(number, timeMs, parent, txs) {
  const root = rootOf(txs.map((tx) => sha256(encode('Transaction', { raw_data: tx.raw, signature: tx.signatures }))));
  const raw = encode('Header', { timestamp: BigInt(timeMs), txTrieRoot: root, parentHash: Buffer.from(parent, 'hex'),
    number: BigInt(number), witness_address: Buffer.from(witness, 'hex'), version: VERSION });
  return { number, timeMs, parent, root, raw, id: number.toString(16).padStart(16, '0') + sha256(raw).toString('hex', 8),
    ids: txs.map((tx) => tx.id) };
}

// The last four bytes of its id are the chain's id. Nobody signed it.
export function genesisBlock(chainId) {
  const tail = sha256(Buffer.from('genesis of a test chain')).toString('hex', 8, 28) + chainId.toString(16).padStart(8, '0');
  return { number: 0, timeMs: 0, parent: '0'.repeat(64), root: NO_ROOT, id: '0'.repeat(16) + tail, ids: [] };
}

// With v = 0 or 1, as in headers.
export function witnessSignature(block) {
  const signature = sign(witnessKey, sha256(block.raw));
  signature[64] -= 27;
  return signature;
}
