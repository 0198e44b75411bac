// test_machine.mjs - the bank asks nothing of its machine that TRON's answers
// otherwise than an EVM, or that an older EVM lacks. The words are told apart by
// the code itself, so it holds whatever the compiler makes of the source.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { here, settings } from '../../contracts-abi/compile.mjs';

const solc = createRequire(new URL('package.json', `file://${here}`))('solc');
const hex = (n) => n.toString(16).padStart(2, '0');

// Instructions that java-tron and an EVM of Paris carry out alike.
const alike = [[0x00, 0x0b], [0x10, 0x1d], [0x20, 0x20], [0x30, 0x31], [0x33, 0x39], [0x3b, 0x3e], [0x40, 0x40], [0x42, 0x43],
  [0x46, 0x47], [0x50, 0x59], [0x5b, 0x5b], [0x60, 0x9f], [0xa0, 0xa4], [0xf1, 0xf1], [0xf3, 0xf3], [0xfa, 0xfa], [0xfd, 0xfd]];

// Why the others are not: what a mistake with one would be.
const otherwise = { 0x32: 'ORIGIN', 0x3a: 'GASPRICE', 0x3f: 'EXTCODEHASH', 0x41: 'COINBASE', 0x44: 'PREVRANDAO', 0x45: 'GASLIMIT',
  0x48: 'BASEFEE', 0x49: 'BLOBHASH', 0x4a: 'BLOBBASEFEE', 0x5a: 'GAS', 0x5c: 'TLOAD', 0x5d: 'TSTORE', 0x5e: 'MCOPY', 0x5f: 'PUSH0',
  0xf0: 'CREATE', 0xf2: 'CALLCODE', 0xf4: 'DELEGATECALL', 0xf5: 'CREATE2', 0xfe: 'INVALID', 0xff: 'SELFDESTRUCT' };

function* instructions(code) {
  for (let at = 0; at < code.length; at++) {
    const op = code[at], operands = op >= 0x60 && op <= 0x7f ? op - 0x5f : 0;
    yield { at, op, next: code[at + operands + 1] };
    at += operands;
  }
}

// Names of instructions in `code` that are not alike. GAS is, where it is only
// handed on to a call.
function complaints(code) {
  const found = new Set();
  for (const { op, next } of instructions(code)) {
    const handedOn = op === 0x5a && (next === 0xf1 || next === 0xfa);
    if (!handedOn && !alike.some(([low, high]) => op >= low && op <= high)) found.add(otherwise[op] ?? hex(op));
  }
  return [...found].sort();
}

const codeOf = (text) => Buffer.from(text.replace(/^0x/, ''), 'hex');

// A contract whose only function does `body`, compiled as the bank is.
function compiled(body, evmVersion) {
  const source = `// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\ncontract C { uint256 v; fallback() external payable { ${body} } }\n`;
  const out = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources: { c: { content: source } },
    settings: { ...settings, evmVersion, outputSelection: { '*': { '*': ['evm.deployedBytecode.object'] } } } })));
  const errors = (out.errors ?? []).filter((e) => e.severity === 'error');
  assert.deepEqual(errors.map((e) => e.formattedMessage), [], body);
  return codeOf(out.contracts.c.C.evm.deployedBytecode.object);
}

const uses = [
  ['nothing of the kind', 'v = uint256(blockhash(block.number - 1)) ^ block.timestamp ^ block.chainid ^ address(this).balance;', []],
  ['a call with all gas', 'assembly { pop(call(gas(), caller(), 0, 0, 0, 0, 0)) pop(staticcall(gas(), 2, 0, 0, 0, 0)) }', []],
  ['gas that is looked at', 'v = gasleft();', ['GAS']],
  ['chance', 'v = block.prevrandao;', ['PREVRANDAO']],
  ['who makes the block', 'v = uint160(address(block.coinbase));', ['COINBASE']],
  ['who sent the transaction', 'v = uint160(tx.origin);', ['ORIGIN']],
  ['what gas costs', 'v = tx.gasprice ^ block.basefee;', ['BASEFEE', 'GASPRICE']],
  ['what a block holds', 'v = block.gaslimit;', ['GASLIMIT']],
  ['the hash of code', 'assembly { sstore(0, extcodehash(caller())) }', ['EXTCODEHASH']],
  ['a contract', 'assembly { sstore(0, create(0, 0, 32)) }', ['CREATE']],
  ['a contract at a known address', 'assembly { sstore(0, create2(0, 0, 32, 7)) }', ['CREATE2']],
  ['the code of others', 'assembly { sstore(0, delegatecall(1000000, caller(), 0, 0, 0, 0)) }', ['DELEGATECALL']],
  ['an end', 'selfdestruct(payable(msg.sender));', ['SELFDESTRUCT']],
  ['all the energy there is', 'assembly { if callvalue() { invalid() } sstore(0, 1) }', ['INVALID']],
  ['a zero by one byte', 'v = 0;', ['PUSH0'], 'shanghai'],
  ['a copy of memory', 'assembly { mcopy(0x80, 0x40, calldatasize()) sstore(1, mload(0x81)) }', ['MCOPY'], 'cancun'],
  ['a word for the transaction', 'assembly { tstore(1, add(tload(1), 1)) }', ['TLOAD', 'TSTORE'], 'cancun'],
  ['blobs', 'assembly { sstore(1, xor(blobhash(1), blobbasefee())) }', ['BLOBBASEFEE', 'BLOBHASH'], 'cancun'],
];

for (const [name, body, want, evmVersion = 'paris'] of uses)
  test(`what asks for ${name} is told`, () => assert.deepEqual(complaints(compiled(body, evmVersion)), want));

test('an operand is no instruction', () => assert.deepEqual(complaints(Buffer.from([0x61, 0x44, 0xff, 0x50])), []));

for (const part of ['bytecode', 'deployedBytecode'])
  test(`the bank asks for nothing of the kind: its ${part}`, () => {
    const bank = JSON.parse(readFileSync(new URL('Bank.json', `file://${here}`), 'utf8'));
    // Behind the constructor's last instruction, an INVALID, lies the runtime.
    const code = codeOf(bank[part]), end = part === 'bytecode' ? code.length - codeOf(bank.deployedBytecode).length - 1 : code.length;
    assert.deepEqual(complaints(code.subarray(0, end)), []);
  });
