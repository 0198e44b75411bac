// Are the tests any good? Breaks one rule of the bank at a time and expects
// forge to notice. Each line: what the rule is, the text (in one of the files of
// src/), what replaces it.
//   node mutants.mjs [part of a name, or a file [i/n]]   exit 1 when a broken bank passes
// All of them, with a worker a processor; or the i-th of n parts, i from 0.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compileSource, here, readSources } from './compile.mjs';
import { tool } from './tool.mjs';

const sources = readSources();
const mutants = [
  ['paid is never reset', 'word >> 144 << 144', '0'],
  ['the balance must move by the amount', 'if (before - _balance() != amount) revert NotMoved();', 'before;'],
  ['only the payee sends elsewhere', 'if (to != address(0) && to != payee && msg.sender != payee) revert NotYours();', ''],
  ['a deposit credits what arrived', 'arrived = _balance() - before;', 'arrived = amount; before;'],
  ['no re-entry', 'if (_lock != 1) revert Busy();', ''],
  ['the lock opens again', '_;\n        _lock = 1;', '_;'],
  ['a stale receipt pays nothing', 'if iszero(gt(due, shr(144, word))) { continue }', 'if iszero(due) { continue }'],
  ['the signer is the payer', 'let wrong := or(iszero(payer), shl(96, xor(mload(add(FORM, 0xe0)), payer)))', 'let wrong := iszero(payer)'],
  ['nobody is not a payer', 'or(iszero(payer), shl', 'or(0, shl'],
  ['a high s is refused', 'if or(wrong, gt(s, HALF_N))', 'if wrong'],
  ['the signer is the low 20 bytes', 'shl(96, xor(mload(add(FORM, 0xe0)), payer))', 'xor(mload(add(FORM, 0xe0)), payer)'],
  ['a failed ecrecover leaves no old answer', '0x80, add(FORM, 0xe0), 0x20))\n                let wrong := or(iszero(payer), shl(96, xor(mload(add(FORM, 0xe0)), payer)))',
    '0x80, 0, 0x20))\n                let wrong := or(iszero(payer), shl(96, xor(mload(0), payer)))'],
  ['no more than is there', 'due := has\n', ''],
  ['the rest bounces, with its size', 'mstore(0, sub(due, has))', 'mstore(0, due)'],
  ['what gave nothing is not counted', 'if iszero(has) { continue }', ''],
  ['the reserve goes first', 'let held := and(shr(32, word), MAX)', 'let held := 0'],
  ['what is drawn leaves the reserve', 'sstore(slot, sub(add(word, shl(144, due)), shl(32, due)))', 'sstore(slot, add(word, shl(144, due)))'],
  ['what is drawn leaves the reserve, all of it', 'sstore(slot, sub(add(word, shl(144, due)), shl(32, held)))',
    'sstore(slot, add(word, shl(144, due)))'],
  ['what is drawn leaves the free balance', 'sstore(account, sub(has, due))', 'sstore(account, sub(has, held))'],
  ['what is drawn is paid', 'sstore(slot, sub(add(word, shl(144, due)), shl(32, held)))', 'sstore(slot, sub(word, shl(32, held)))'],
  ['what is drawn from the reserve is paid', 'sstore(slot, sub(add(word, shl(144, due)), shl(32, due)))', 'sstore(slot, sub(word, shl(32, due)))'],
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
  // agreements: what is opened
  ['a period has two blocks', 'if (period_ < 2) revert BadPeriod();', ''],
  ['an agreement opens once', 's.moving != 0 || (a.number', '(a.number'],
  ['numbers leave no gap', ' || (a.number != 0 && all[a.number - 1].moving == 0)', ''],
  ['a start lies ahead', 'if (a.start <= _now()) revert Expired();', ''],
  ['an agreement has periods', 'a.end <= a.start || ', ''],
  ['4,096 spans at most', '>= SPANS)', '> SPANS)'],
  ['sectors, and nothing settled', 'if (a.sectors == 0 || a.through != a.start || a.earned != 0)', 'if (a.sectors == 0)'],
  ['sectors are there', 'a.sectors == 0 || a.through != a.start', 'a.through != a.start'],
  ['a fund is locked', '_take(a.renter, a.fund);', ''],
  ['a collateral is locked', '_take(a.host, a.collateral);', ''],
  ['the renter signs', '_signedBy(a.renter, digest, packed[200:264]);', ''],
  ['the host signs', '_signedBy(a.host, digest, packed[264:]);', ''],
  ['the signer of an agreement is one of the two', 'eq(signer, who)', '1'],
  ['nobody is no party', 'iszero(iszero(who))', '1'],
  ['a high s is refused of an agreement', 'good := and(iszero(gt(s, HALF_N)), and(iszero(iszero(who', 'good := and(1, and(iszero(iszero(who'],
  ['a party is the low 20 bytes', 'let signer := shr(96, shl(96, mload(0)))\n            good', 'let signer := mload(0)\n            good'],
  ['a failed ecrecover leaves no old party', 'mstore(0, 0)\n            pop', 'pop'],
  ['an agreement is signed for one bank', 'mstore(add(form, 2), domain)\n            mstore(add(form, 34), keccak256(a', 'mstore(add(form, 2), 0)\n            mstore(add(form, 34), keccak256(a'],
  // what is revised
  ['a revision is a later one', 'if (a.revision <= uint32(fixed_)) revert Stale();', ''],
  ['the revision is kept', 's.fixed_ >> 32 << 32 | a.revision', 's.fixed_'],
  ['collateral and penalty stay', 'if (fixed_ >> 32 != (a.collateral << 112 | a.penalty)) revert BadAgreement();', ''],
  ['start and end stay', 'if (a.start != uint32(money) || a.end != uint32(moving)) revert BadAgreement();', ''],
  ['the span stays', 'a.span != uint16(moving >> 48) || ', ''],
  ['a revision has sectors', ' || a.sectors == 0 || a.through > a.end', ' || a.through > a.end'],
  ['nothing is settled past the end', ' || a.through > a.end', ''],
  ['earned rises only with through, and through never falls', 'if (a.through <= through) return (moving, 0);', ''],
  ['earned rises only with through', 'a.through <= through', 'a.through < through'],
  ['earned never falls', 'if (a.earned > earned) paid', 'paid'],
  ['what was paid is not paid again', 'paid = a.earned - earned;', 'paid = a.earned;'],
  ['a revision pays out of the fund', 'if (paid > uint112(money >> 32) - earned) revert TooLittle();', ''],
  ['a new rate finds all settled', 'if (through <= now_ && through != a.end) revert Unsettled();', ''],
  ['today is settled too', 'through <= now_ && through != a.end', 'through < now_ && through != a.end'],
  ['at the end any rate may stand', ' && through != a.end', ''],
  ['a root takes force in the next period', '| a.sectors << 32 | (now_ + 1);', '| a.sectors << 32 | now_;'],
  ['what is pending waits', 'if (uint32(next_) <= now_) return (true,', 'return (true,'],
  ['a ripe revision replaces the one before', 'if (uint32(next_) > now_) return (moving, money);', 'return (moving, money);'],
  ['a revision back to what holds cancels', 'return moving & ~PENDING;', 'return moving;'],
  ['only an open agreement is revised', 'if (moving == 0 || moving & CLOSED != 0) revert NoAgreement();', ''],
  // what is proved
  ['a beacon is of the first block', 'hash = blockhash(first);', 'hash = blockhash(block.number - 1);'],
  ['a beacon is not replaced', 'if (hash != 0 || block.number - first > 256) return hash;', 'if (block.number - first > 256) return hash; first = block.number - 1;'],
  ['a challenge is of one agreement', 'calldatacopy(add(form, 72), add(one.offset, 20), 4)', 'mstore(add(form, 72), 0)'],
  ['a challenge is of one renter', 'calldatacopy(add(form, 32), one.offset, 20)', 'mstore(add(form, 32), 0)'],
  ['a challenge is of one host', 'mstore(add(form, 52), shl(96, host))', 'mstore(add(form, 52), 0)'],
  ['a challenge is of this period', 'mstore(form, beacon_)', 'mstore(form, 0)'],
  ['a path is not shorter than the tree', '1 << above < sectors || ', ''],
  ['a path is not longer than the tree', ' || 1 << above >= sectors << 1', ''],
  ['a leaf is 512 bytes', 'if (proof.length < LEAF || proof.length % 32 != 0) revert BadLength();', ''],
  ['the path leads to the root', 'good := and(good, eq(mload(0), root))', ''],
  ['the leaf is the one asked for', 'mstore(add(form, 0x04), hash)', 'mstore(add(form, 0x04), 0)'],
  ['a node stands on its side', 'mstore(xor(side, 0x20), calldataload(pos))', 'mstore(0x20, calldataload(pos))'],
  ['a proof is due once, and not when all is settled', ' || uint32(moving >> 112) > now_) return 0;', ') return 0;'],
  ['a proof is due in the last period of its span', 'if (now_ + 1 != end && now_ + 1 != first + span) return 0;', ''],
  ['a proof pays only what is not settled', '(through > first ? through : first)', 'first'],
  ['a proof pays its own span only', '(through > first ? through : first)', 'through'],
  ['a proof pays what is there', 'if (paid > left) paid = left;', ''],
  ['a proof settles its span', ' + ((now_ + 1 - through) << 112);', ';'],
  ['a proof counts as earned', 'moving + (paid << 144) + ((now_', 'moving + ((now_'],
  ['the host is paid', 'free[host] += total;', ''],
  ['a proof counts what was missed before', 'if (through < first) moving += _missed(moving, money, first, SPANS) << 96;', ''],
  // what is missed, topped up, closed
  ['a miss needs a beacon', 'if (_beacons[to - 1] != 0) n++;', 'n++;'],
  ['a tenth of misses is free', 'if (misses > spare) burnt = penalty * (misses - spare);', 'burnt = penalty * misses;'],
  ['no more burns than there is', 'if (burnt > collateral) burnt = collateral;', ''],
  ['misses at the end count', 'if (misses < most) misses += _missed(moving, money, uint32(moving), most - misses);', ''],
  ['a penalty is nobody\'s', 'if (toRenter != 0) free[renter] += toRenter;', 'free[renter] += toRenter + burnt;'],
  ['the collateral comes back', 'if (toHost != 0) free[host] += toHost;', ''],
  ['the fund comes back', 'if (toRenter != 0) free[renter] += toRenter;', ''],
  ['what is burnt does not come back', '(fixed_ >> 144) - burnt', '(fixed_ >> 144)'],
  ['what was earned does not come back', 'uint112(money >> 32) - (moving >> 144);\n        uint256 toHost', 'uint112(money >> 32);\n        uint256 toHost'],
  ['a close waits', ' && _now() < uint32(moving) + WAIT', ' && _now() < uint32(moving)'],
  ['seven periods', ' && _now() < uint32(moving) + WAIT', ' && _now() <= uint32(moving) + WAIT'],
  ['what is settled to its end closes at once', 'uint32(moving >> 112) != uint32(moving) && ', ''],
  ['what is closed stays so', '<< 96) | CLOSED;', '<< 96);'],
  ['a top up is the caller\'s', '_take(msg.sender, amount);\n        s.money', 's.money'],
  ['a fund fits its field', 'if (uint112(money >> 32) + uint256(amount) > MAX) revert TooMuch();', ''],
];

const [only = '', share = ''] = process.argv.slice(2);
const of = share ? share.split('/').map(Number) : null; // as a worker: which, of how many

// The file that has this text, once and in no other.
function where(name, text) {
  const files = Object.keys(sources).filter((f) => sources[f].includes(text));
  if (files.length !== 1 || sources[files[0]].split(text).length !== 2)
    throw new Error(`${name}: its text is not there once`);
  return files[0];
}

// Does forge pass with these sources in the bank's place? Agreements have tests
// of their own, which leave the rest alone, as it leaves them.
function passes(changed, dir, suites) {
  const artifact = join(dir, 'Bank.json');
  writeFileSync(artifact, JSON.stringify(compileSource('Bank', changed, true)));
  const run = spawnSync(tool('forge'), ['test', '--fail-fast', ...suites], { cwd: here, encoding: 'utf8',
    env: { ...process.env, BANK_ARTIFACT: artifact, FOUNDRY_FUZZ_RUNS: '64', FOUNDRY_INVARIANT_RUNS: '16',
      FOUNDRY_OUT: join(dir, 'out'), FOUNDRY_CACHE_PATH: join(dir, 'cache') } });
  if (run.status !== 0 && !/^\[FAIL/m.test(run.stdout)) throw new Error(run.stdout + run.stderr);
  return run.status === 0;
}

function work() {
  mkdirSync(join(here, 'cache'), { recursive: true });
  const dir = mkdtempSync(join(here, 'cache/mutants-'));
  const rent = '^(Agreements|Attacks|RentInvariant)Test$';
  try {
    if (of[0] === 0 && !passes(sources, dir, [])) throw new Error('the unbroken bank fails');
    const chosen = mutants.filter(([name, text]) => `${name} ${where(name, text)}`.includes(only));
    chosen.forEach(([name, text, instead], i) => {
      if (i % of[1] !== of[0]) return;
      const file = where(name, text);
      const changed = { ...sources, [file]: sources[file].replace(text, () => instead) };
      const alive = passes(changed, dir,
        [file === 'src/Agreements.sol' ? '--match-contract' : '--no-match-contract', rent]);
      console.log(`${alive ? 'PASSES' : 'caught'}  ${name}`);
      if (alive) process.exitCode = 1;
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

// One worker a processor; each compiles the tests into a folder of its own.
async function main() {
  const n = availableParallelism();
  const codes = await Promise.all(Array.from({ length: n }, (_, i) => new Promise((done) => {
    spawn(process.execPath, [process.argv[1], only, `${i}/${n}`], { stdio: 'inherit' }).on('exit', done);
  })));
  const bad = codes.some((code) => code !== 0);
  console.log(bad ? 'a broken bank passes the tests, or the run failed' : 'every broken bank is caught');
  process.exitCode = bad ? 1 : 0;
}

if (of) work();
else await main();
