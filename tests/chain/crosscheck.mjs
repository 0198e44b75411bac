// crosscheck.mjs DUMP [SEED [COUNT]]: what our C encodes, held against ethers and
// tronweb: transactions of both kinds, their hashes and senders, receipts as
// EIP-712 and their compact signatures, agreements and offers as EIP-712 and
// packed, addresses and contract addresses.
// Exit 77 when npm has not brought the two.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, '../../contracts-abi/package.json'));
let ethers, TronWeb;
try {
  ({ ethers } = require('ethers'));
  ({ TronWeb } = require('tronweb'));
} catch {
  console.log('no ethers or tronweb: run scripts/setup');
  process.exit(77);
}

const types = {
  Receipt: [
    { name: 'payer', type: 'address' },
    { name: 'payee', type: 'address' },
    { name: 'amount', type: 'uint112' },
  ],
};

const struct = (name, fields) =>
  ({ [name]: fields.split(',').map((f) => ({ type: f.split(' ')[0], name: f.split(' ')[1] })) });
const packedTypes = {
  agreement: struct('Agreement', 'address renter,address host,uint32 number,uint32 revision,bytes32 root,uint32 sectors,'
    + 'uint32 through,uint112 earned,uint112 rate,uint32 start,uint32 end,uint16 span,uint112 fund,uint112 collateral,'
    + 'uint112 penalty,bytes32 terms'),
  sheet: struct('Sheet', 'address host,uint112 rent,uint112 ingress,uint112 egress,uint112 collateral,uint112 penalty,'
    + 'uint32 minPeriods,uint32 maxPeriods,uint16 span,uint64 expires'),
  endpoint: struct('Endpoint', 'address host,bytes16 ip,uint16 port,uint64 time'),
};

// A value out of its packed fields.
function unpack(fields, hex) {
  const value = {};
  let pos = 0;
  for (const { type, name } of fields) {
    const size = type === 'address' ? 20 : type.startsWith('uint') ? Number(type.slice(4)) / 8 : Number(type.slice(5));
    const bytes = ethers.dataSlice(hex, pos, pos + size);
    value[name] = type.startsWith('uint') ? BigInt(bytes) : bytes;
    pos += size;
  }
  assert.equal(pos, ethers.dataLength(hex), 'packed length');
  return value;
}

function checkPacked(x) {
  const domain = { name: 'seedbank', version: '1', chainId: BigInt(x.r_chain), verifyingContract: x.r_bank };
  for (const [name, type] of Object.entries(packedTypes)) {
    const fields = Object.values(type)[0];
    assert.equal(ethers.TypedDataEncoder.hash(domain, type, unpack(fields, x[name])), x[`${name}_digest`], name);
  }
}

function checkTransaction(x) {
  const fields = {
    type: x.type, chainId: BigInt(x.chainId), nonce: x.nonce, gasLimit: BigInt(x.gas),
    value: BigInt(x.value), data: x.data, to: x.create ? null : x.to,
    ...(x.type === 2
      ? { maxFeePerGas: BigInt(x.max), maxPriorityFeePerGas: BigInt(x.tip) }
      : { gasPrice: BigInt(x.max) }),
  };
  const theirs = ethers.Transaction.from(fields);
  assert.equal(theirs.unsignedHash, x.digest, 'digest');
  theirs.signature = new ethers.SigningKey(x.key).sign(x.digest);
  assert.equal(theirs.serialized, x.raw, 'signed bytes');
  assert.equal(theirs.hash, x.hash, 'hash');
  assert.equal(ethers.Transaction.from(x.raw).from, x.me, 'sender');
}

function checkReceipt(x) {
  const domain = { name: 'seedbank', version: '1', chainId: BigInt(x.r_chain), verifyingContract: x.r_bank };
  const value = { payer: x.me, payee: x.r_payee, amount: BigInt(x.r_amount) };
  const digest = ethers.TypedDataEncoder.hash(domain, types, value);
  assert.equal(digest, x.r_digest, 'receipt digest');
  assert.equal(new ethers.SigningKey(x.key).sign(digest).compactSerialized, x.r_sig, 'receipt signature');
  assert.equal(ethers.verifyTypedData(domain, types, value, ethers.Signature.from(x.r_sig)), x.me, 'payer');
}

function checkAddresses(x) {
  assert.equal(ethers.computeAddress(x.key), x.me, 'address');
  assert.equal(TronWeb.address.fromPrivateKey(x.key.slice(2)), x.me_tron, 'TRON address');
  for (const name of ['me', 'made', 'to', 'r_bank', 'r_payee']) {
    assert.equal(ethers.getAddress(x[name].toLowerCase()), x[name], `${name}: EIP-55`);
    assert.equal(TronWeb.address.fromHex('41' + x[name].slice(2)), x[`${name}_tron`], `${name}: base58check`);
  }
  assert.equal(ethers.getCreateAddress({ from: x.me, nonce: x.made_nonce }), x.made, 'created contract');
}

const [dump, seed = '1', count = '60'] = process.argv.slice(2);
const lines = execFileSync(dump, [seed, count], { encoding: 'utf8', maxBuffer: 1 << 26 }).trim().split('\n');
let bad = 0;
for (const [i, line] of lines.entries()) {
  const x = JSON.parse(line);
  for (const check of [checkTransaction, checkReceipt, checkPacked, checkAddresses]) {
    try {
      check(x);
    } catch (e) {
      console.error(`item ${i} of seed ${seed}: ${e.message}`);
      bad = 1;
    }
  }
}
if (lines.length !== Number(count)) {
  console.error(`${lines.length} items, want ${count}`);
  bad = 1;
}
console.log(bad ? 'encodings differ' : `${lines.length} transactions, receipts, agreements and accounts as ethers and tronweb make them`);
process.exitCode = bad;
