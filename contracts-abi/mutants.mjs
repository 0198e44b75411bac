// Are the tests any good? Breaks one rule of Bank.sol at a time and expects
// forge to notice. Each line: what the rule is, the text, what replaces it.
//   node mutants.mjs [part of a name]   exit 1 when a broken bank passes
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileSource, here } from './compile.mjs';
import { tool } from './tool.mjs';

const source = readFileSync(join(here, 'src/Bank.sol'), 'utf8');
const mutants = [
  ['paid is never reset', 'word >> 144 << 144', '0'],
  ['the balance must move by the amount', 'if (before - _balance() != amount) revert NotMoved();', 'before;'],
  ['only the payee sends elsewhere', 'if (to != address(0) && to != payee && msg.sender != payee) revert NotYours();', ''],
  ['a deposit credits what arrived', 'arrived = _balance() - before;', 'arrived = amount; before;'],
  ['no re-entry', 'if (_lock != 1) revert Busy();', ''],
  ['the lock opens again', '_;\n        _lock = 1;', '_;'],
  ['a stale receipt pays nothing', 'if iszero(gt(amount, paid)) { continue }', 'if iszero(amount) { continue }'],
  ['the signer is the payer', 'eq(signer, payer)', '1'],
  ['nobody is not a payer', 'iszero(iszero(payer))', '1'],
  ['a high s is refused', 'iszero(gt(s, HALF_N))', '1'],
  ['the signer is the low 20 bytes', 'let signer := shr(96, shl(96, mload(0)))', 'let signer := mload(0)'],
  ['a failed ecrecover leaves no old answer', 'mstore(0, 0)\n', ''],
  ['no more than is there', 'got := has\n', ''],
  ['the rest bounces, with its size', 'sub(want, has)', 'want'],
  ['the reserve goes first', 'let drawn := and(shr(32, word), MAX)', 'let drawn := 0'],
  ['what is drawn leaves the reserve', 'word := sub(word, shl(32, drawn))', ''],
  ['what is drawn leaves the free balance', 'sstore(slot, sub(has, got))', 'sstore(slot, has)'],
  ['what is drawn is paid', 'sstore(slot, add(word, shl(144, drawn)))', 'sstore(slot, word)'],
  ['a release waits for its end', 'if (block.timestamp <= uint32(word)) revert NotYet();', ''],
  ['the end itself is not after it', 'block.timestamp <= uint32(word)', 'block.timestamp < uint32(word)'],
  ['only payer and payee release', 'if (msg.sender != payer) revert NotYours();', ''],
  ['a reserve comes out of the free balance', '_take(msg.sender, added);', ''],
  ['total counts what was paid', 'total > paid + held ? total - (paid + held) : 0', 'total > held ? total - held : 0'],
  ['until only rises', 'if (until < uint32(word)) until = uint32(word);', ''],
  ['a reserve ends in the future', 'if (until <= block.timestamp) revert Expired();', ''],
  ['a withdrawal ends at the balance', 'if (amount > has) revert TooLittle();', 'if (amount > has) amount = has;'],
  ['coin is what was sent', 'if (msg.value != (token == address(0) ? amount : 0)) revert WrongValue();', ''],
  ['the bank holds less than 2^112', 'if (_balance() > MAX) revert TooMuch();', ''],
  ['the domain follows the chain', 'block.chainid, address(this)', 'uint256(31337), address(this)'],
  ['the domain names the bank', 'block.chainid, address(this)', 'block.chainid, address(0)'],
];

const only = process.argv[2] ?? '';
mkdirSync(join(here, 'cache'), { recursive: true });
const dir = mkdtempSync(join(here, 'cache/mutants-'));
const artifact = join(dir, 'Bank.json');
let passed = 0;

// Does forge pass with this source in the bank's place?
function passes(text) {
  writeFileSync(artifact, JSON.stringify(compileSource('Bank', text)));
  const run = spawnSync(tool('forge'), ['test', '--fail-fast'], { cwd: here, encoding: 'utf8',
    env: { ...process.env, BANK_ARTIFACT: artifact, FOUNDRY_FUZZ_RUNS: '64', FOUNDRY_INVARIANT_RUNS: '16' } });
  if (run.status !== 0 && !/^\[FAIL/m.test(run.stdout)) throw new Error(run.stdout + run.stderr);
  return run.status === 0;
}

try {
  if (!passes(source)) throw new Error('the unbroken bank fails');
  for (const [name, text, instead] of mutants.filter((m) => m[0].includes(only))) {
    if (source.split(text).length !== 2) throw new Error(`${name}: its text is not there once`);
    const alive = passes(source.replace(text, () => instead));
    if (alive) passed++;
    console.log(`${alive ? 'PASSES' : 'caught'}  ${name}`);
  }
} finally {
  rmSync(dir, { recursive: true });
}
console.log(passed ? `${passed} broken banks pass the tests` : 'every broken bank is caught');
process.exitCode = passed ? 1 : 0;
