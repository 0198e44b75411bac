// test_formats.mjs - bytes, ids, addresses, JSON and energy, held against what a
// java-tron node was seen to say. No chain is needed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rootOf } from './blocks.mjs';
import { base58Address, base58Decode, contractAddress, ethers, keccak256, sha256, signerOf } from './crypto.mjs';
import { measure } from './energy.mjs';
import { parse, stringify } from './json.mjs';
import { decode, encode, fromJson, toJson } from './protobuf.mjs';
import { transactionOfHex } from './transaction.mjs';
import { Versioned } from './versioned.mjs';

const hex = (text) => Buffer.from(text.replace(/\s/g, ''), 'hex');

// Built by a node, and by hand the same; signed by the owner.
const RAW = '0a0201152208ff0b53eea065ea2d40f0f084e19f345a8e01081f1289010a31747970652e676f6f676c65617069732e636f6d2f70726f746f636f'
  + '6c2e54726967676572536d617274436f6e747261637412540a15411d0e276e269573b01a26defb37c8efc2cccd113a121541cf62b7936c2a11f121746bba'
  + 'a5871cef8e356cf4222460fe47b1000000000000000000000000000000000000000000000000000000000000000770d99c81e19f34900180c2d72f';
const ID = 'f7be74fcbd042711f79e90eafcab9e125ab78f4e77a37ae8735aec546e31bde5';
const SIGNATURE = '59b8965ce808fc357bffbf72be7e6a4eca8fa52cac0075aa78669d846e66267f'
  + '5c1c4b4b101b2e8f8890d3b35d249de6ee1dbbe0e826ee99115a4e8b7da83dd11b';
const ALICE = '411d0e276e269573b01a26defb37c8efc2cccd113a';
const SIGNED = `0ab301${RAW}1241${SIGNATURE}`;

test('a transaction of a node is read, named and written as that node does', () => {
  const tx = transactionOfHex(hex(SIGNED));
  assert.equal(tx.id, ID);
  assert.equal(tx.owner, ALICE);
  assert.equal(tx.size, SIGNED.length / 2);
  assert.equal(signerOf(tx.txid, tx.signatures[0]), ALICE);
  assert.equal(tx.raw.fee_limit, 100_000_000n);
  const json = toJson('Raw', tx.raw);
  assert.equal(json.contract[0].parameter.value.contract_address, '41cf62b7936c2a11f121746bbaa5871cef8e356cf4');
  assert.equal(encode('Raw', fromJson('Raw', json)).toString('hex'), RAW);
  const visible = toJson('Raw', tx.raw, true);
  assert.equal(visible.contract[0].parameter.value.owner_address, 'TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L');
  assert.equal(encode('Raw', fromJson('Raw', visible, true)).toString('hex'), RAW);
});

test('what is not canonical is made so before it is hashed, and what is unknown is kept', () => {
  const table = [
    ['a zero that is written', '0a02011518002208ff0b53eea065ea2d', '0a0201152208ff0b53eea065ea2d'],
    ['another order', '2208ff0b53eea065ea2d0a020115', '0a0201152208ff0b53eea065ea2d'],
    ['a long varint', '408100', '4001'],
    ['the last of two wins', '40014002', '4002'],
    ['an empty field is none', '52004001', '4001'],
    ['an unknown field goes last', 'a2060401020304700a', '700aa2060401020304'],
    ['a known number of another wire type is unknown', '0807', '0807'],
  ];
  for (const [name, from, to] of table)
    assert.equal(encode('Raw', decode('Raw', hex(from))).toString('hex'), to, name);
  assert.deepEqual(decode('Raw', hex('52004000')), {});
});

test('whatever the bytes, they are no message or have one canonical form', () => {
  let seed = 1;
  const random = (below) => (seed = seed * 48271 % 0x7fffffff) % below;
  let good = 0;
  for (let i = 0; i < 5000; i++) {
    const bytes = hex(SIGNED);
    for (let n = 1 + random(4); n > 0; n--) bytes[random(bytes.length)] = random(256);
    let once;
    try {
      once = encode('Transaction', decode('Transaction', bytes.subarray(0, random(4) ? bytes.length : random(bytes.length))));
    } catch (e) {
      assert.equal(e.java, 'com.google.protobuf.InvalidProtocolBufferException');
      continue;
    }
    good++;
    assert.deepEqual(encode('Transaction', decode('Transaction', once)), once);
  }
  assert.ok(good > 500 && good < 4500, `${good} of 5000 were read`);
});

test('what is no message is refused', () => {
  for (const bad of ['0ab3010a', '08', '0a', 'ffffffffffffffffffffff', '00', '0b'])
    assert.throws(() => decode('Transaction', hex(bad)), { java: 'com.google.protobuf.InvalidProtocolBufferException' }, bad);
});

test('either s of a signature and either v is taken', () => {
  const s = hex(SIGNATURE), other = Buffer.from(s);
  hex((ethers.N - BigInt(`0x${SIGNATURE.slice(64, 128)}`)).toString(16).padStart(64, '0')).copy(other, 32);
  other[64] = 28;
  const bare = Buffer.from(s);
  bare[64] = 0;
  for (const one of [s, other, bare]) assert.equal(signerOf(hex(ID), one), ALICE);
  for (const v of [2, 26, 29, 54]) {
    bare[64] = v;
    assert.equal(signerOf(hex(ID), bare), null, `v ${v}`);
  }
});

test('addresses', () => {
  const key = hex('81b3ecddc493e5f621b963f33c79cbe1a8d772fef81897c412377f4b7f3e50ae'
    + '66b4b98f9972b297c2073d79f82684b5eaef23a84b7634701b43a3cad6232e22');
  assert.equal(`41${keccak256(key).toString('hex', 12)}`, ALICE);
  assert.equal(base58Address(ALICE), 'TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L');
  assert.equal(base58Decode('TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L'), ALICE);
  for (const bad of ['TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1M', '', '0OIl', '1', ALICE]) assert.equal(base58Decode(bad), null, bad);
  assert.equal(contractAddress(hex('f0358c4664647f9d6db2fa7e53747f6677e70630fbb68af5a5cc75ef3e96e9ec'), ALICE),
    '41afdb354effd9875b0fe40eb6ac369f3cbcfdbdb6');
});

test('numbers beyond 2^53 pass through JSON, and digits in texts are left alone', () => {
  const text = '{"a":9223372036854775807,"b":"9223372036854775807","c":-1,"d":"x\\"1234567890123456789"}';
  assert.deepEqual(parse(text), { a: '9223372036854775807', b: '9223372036854775807', c: -1, d: 'x"1234567890123456789' });
  assert.equal(stringify({ a: 9223372036854775807n, b: [1n, 'x'] }), '{"a":9223372036854775807,"b":[1,"x"]}');
});

test('a versioned map knows what was, and goes back to it', () => {
  const m = new Versioned();
  m.set('a', 0);
  for (const block of [1, 2, 5]) {
    m.begin(block);
    m.set('a', block);
    if (block === 2) m.set('b', 'two');
  }
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6].map((n) => m.get('a', n)), [0, 1, 2, 2, 2, 5, 5]);
  assert.deepEqual([1, 2, 9].map((n) => m.get('b', n)), [undefined, 'two', 'two']);
  m.goBack(1);
  assert.deepEqual([m.get('a'), m.get('b'), m.values().length], [1, undefined, 1]);
});

// -------------------------------------------------------------------- energy

// A trace as an EVM gives it: "OP gasCost stack..." with the top last.
function trace(...lines) {
  return lines.map((line) => {
    const [op, gasCost, ...stack] = line.trim().split(/\s+/);
    const depth = /^ */.exec(line)[0].length / 2 + 1;
    return { op, gasCost: Number(gasCost), depth, stack: stack.map((s) => `0x${s}`),
      ...op === 'INVALID' && { error: 'InvalidFEOpcode' } };
  });
}

const run = (steps, more = {}) =>
  measure(steps, { energy: 1_000_000, address: `0x${'00'.repeat(19)}aa`, isAccount: () => true, ...more });

test('what each instruction costs', () => {
  const table = [
    ['the EVM\'s price', 3, 'ADD 3 1 2'],
    ['reading storage', 50, 'SLOAD 2100 0'],
    ['a new slot', 20000, 'SSTORE 22100 7 0'],
    ['a slot that was there', 5000, 'SSTORE 5000 7 0'],
    ['the same value again', 5000, 'SSTORE 2200 7 0'],
    ['memory', 1 + 3, 'MSTORE 6 7 0'],
    ['much memory', 1 + 3 * 1025 + 2052, 'MSTORE 9999 7 8000'],
    ['copying has no base', 3 * 2 + 3 * 2, 'CODECOPY 15 40 0 0'],
    ['copying another\'s code has', 20 + 3 * 2 + 3 * 2, 'EXTCODECOPY 2615 40 0 0 1'],
    ['hashing', 30 + 6 * 2 + 3 * 2, 'KECCAK256 48 40 0'],
    ['a power', 10 + 10 * 2, 'EXP 110 100 2'],
    ['a power of nothing', 10, 'EXP 10 0 2'],
    ['three topics and 64 bytes', 375 * 4 + 8 * 64 + 3 * 2, 'LOG3 2018 3 2 1 40 0'],
    ['balance', 20, 'BALANCE 2600 1'],
    ['another\'s hash of code', 400, 'EXTCODEHASH 2600 1'],
    ['transient storage', 200, 'TLOAD 100 0', 'TSTORE 100 1 0'],
    ['sha256 of 64 bytes', 40 + 84 + 3 * 2, 'STATICCALL 100 20 0 40 0 2 ffff'],
    ['sha256 of nothing', 40 + 60, 'STATICCALL 100 0 0 0 0 2 ffff'],
    ['ecrecover', 40 + 3000 + 3 * 4, 'STATICCALL 3100 20 0 80 0 1 ffff'],
    ['identity of 64 bytes', 40 + 21 + 3 * 2, 'STATICCALL 100 0 0 40 0 4 ffff'],
    ['a pairing of two', 40 + 45000 + 2 * 34000 + 3 * 12, 'STATICCALL 100 0 0 180 0 8 fffffff'],
    ['coin to who takes it', 40 + 9000 - 2300, 'CALL 9000 0 0 0 0 1 5 0'],
    ['a slot made, and once more', 25000, 'SSTORE 22100 7 0', 'SSTORE 100 8 0'],
    ['zeroed and made again', 10000, 'SSTORE 5000 0 0', 'SSTORE 20000 8 0'],
  ];
  for (const [name, used, ...lines] of table) assert.deepEqual(run(trace(...lines, 'STOP 0')), { result: 'SUCCESS', used }, name);
});

test('coin to a new account costs more', () => {
  const steps = trace('CALL 34000 0 0 0 0 1 5 0', 'STOP 0');
  assert.equal(run(steps, { isAccount: () => false }).used, 40 + 9000 + 25000 - 2300);
});

test('what a call used is its caller\'s to pay, and what it did not goes back', () => {
  const call = 'CALL 100 0 0 0 0 0 bb ffffffff';
  assert.equal(run(trace(call, '  SLOAD 2100 0', '  STOP 0', 'STOP 0')).used, 90);
  assert.equal(run(trace(call, '  SLOAD 2100 0', '  REVERT 0 0 0', 'STOP 0')).used, 90);
  const broken = run(trace(call, '  INVALID 0', 'STOP 0')).used; // all but a 64th
  assert.equal(broken, 40 + (1_000_000 - 40) - Math.floor((1_000_000 - 40) / 64));
  assert.equal(run(trace('CALL 100 0 0 0 0 0 bb 3e8', '  INVALID 0', 'STOP 0')).used, 1040);
});

test('a row written in a call that was undone is not there', () => {
  const steps = trace('CALL 100 0 0 0 0 0 bb ffffffff', '  SSTORE 22100 1 0', '  REVERT 0 0 0',
    'CALL 100 0 0 0 0 0 bb ffffffff', '  SSTORE 20000 1 0', '  STOP 0', 'STOP 0');
  assert.equal(run(steps).used, 2 * 20040);
});

test('how a run ends, and what that costs', () => {
  const table = [
    ['REVERT', 5000, trace('SSTORE 5000 7 0', 'REVERT 0 0 0'), 'REVERT opcode executed'],
    ['ILLEGAL_OPERATION', 20000, trace('ADD 3 1 2', 'INVALID 0'), 'Invalid operation code: opCode[fe];'],
    ['OUT_OF_ENERGY', 20000, trace('ADD 3 1 2', 'SSTORE 22100 7 0', 'STOP 0'),
      'Not enough energy for \'SSTORE\' operation executing: '
      + 'curInvokeEnergyLimit[20000], curOpEnergy[20000], usedEnergy[3]'],
    ['OUT_OF_MEMORY', 20000, trace('MSTORE 9 7 300001', 'STOP 0'), 'Out of Memory when \'MSTORE\' operation executing'],
    ['SUCCESS', 0, [], undefined],
  ];
  for (const [result, used, steps, message] of table) {
    const done = run(steps, { energy: 20000 });
    assert.deepEqual([done.result, done.used, done.message], [result, used, message], result);
  }
});

test('a deployment pays for the code that it leaves', () => {
  assert.equal(run(trace('RETURN 0 79 0'), { deploys: 121 }).used, 121 * 200 + 12);
  assert.equal(run(trace('RETURN 0 79 0'), { deploys: 121, energy: 20000 }).result, 'OUT_OF_ENERGY');
});

test('the root over the transactions of a block', () => {
  const [a, b, c] = [1, 2, 3].map((n) => sha256(Buffer.from([n])));
  assert.deepEqual(rootOf([a]), a);
  assert.deepEqual(rootOf([a, b, c]), sha256(Buffer.concat([sha256(Buffer.concat([a, b])), c])));
});
