// Writes vectors.h and the fuzz corpus: what ethers makes of the contracts' ABI,
// for test_bank_abi.c to be held against.
//   node tests/contracts-abi/make-vectors.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dir = dirname(fileURLToPath(import.meta.url));
const abiDir = join(dir, '../../contracts-abi');
const { ethers } = createRequire(join(abiDir, 'package.json'))('ethers');
const { utils } = createRequire(join(abiDir, 'package.json'))('tronweb');
const artifact = (name) => JSON.parse(readFileSync(join(abiDir, `${name}.json`), 'utf8'));
const bank = new ethers.Interface(artifact('Bank').abi);
const token = new ethers.Interface(artifact('TestToken').abi);

const addr = (b) => '0x' + b.toString(16).padStart(2, '0').repeat(20);
const [A, B] = [addr(0xa1), addr(0xb2)];
const max112 = 2n ** 112n - 1n, max128 = 2n ** 128n - 1n, max256 = 2n ** 256n - 1n;
const be = (v) => ethers.toBeHex(v, 1);
const fill = (n) => '0x' + Array.from({ length: n }, (_, i) => (i & 255).toString(16).padStart(2, '0')).join('');

// What a payer, a renter and a host sign, and a proof: fields and their types.
const domain = { name: 'seedbank', version: '1', chainId: 199, verifyingContract: B };
const struct = (name, fields) => ({ [name]: fields.split(',').map((f) => ({ type: f.split(' ')[0], name: f.split(' ')[1] })) });
const agreementType = struct('Agreement', 'address renter,address host,uint32 number,uint32 revision,bytes32 root,'
  + 'uint32 sectors,uint32 through,uint112 earned,uint112 rate,uint32 start,uint32 end,uint16 span,uint112 fund,'
  + 'uint112 collateral,uint112 penalty,bytes32 terms');
const agreement = { renter: A, host: B, number: 7, revision: 2n ** 32n - 2n, root: fill(32), sectors: 1048576,
  through: 20500, earned: 1n << 64n, rate: max112, start: 20400, end: 20765, span: 263, fund: max112 - 1n,
  collateral: 5, penalty: 9, terms: ethers.id('terms') };
const packed = (type, value) => ethers.solidityPacked(Object.values(type)[0].map((f) => f.type),
  Object.values(type)[0].map((f) => value[f.name]));
const signedAgreement = ethers.concat([packed(agreementType, agreement), fill(64), fill(64)]);
const proof = (renter, number, nodes) =>
  ethers.concat([ethers.solidityPacked(['address', 'uint32', 'uint8'], [renter, number, nodes]),
    fill(512), fill(32 * nodes)]);

const vectors = {
  bank: {
    cash: bank.encodeFunctionData('cash', [A, B, fill(196)]),
    cash_none: bank.encodeFunctionData('cash', [A, ethers.ZeroAddress, '0x']),
    deposit: bank.encodeFunctionData('deposit', [A, max112]),
    domain_separator: bank.encodeFunctionData('domainSeparator'),
    free: bank.encodeFunctionData('free', [A]),
    pair: bank.encodeFunctionData('pair', [A, B]),
    release: bank.encodeFunctionData('release', [A, B]),
    reserve: bank.encodeFunctionData('reserve', [ethers.concat([
      ethers.solidityPacked(['address', 'uint112', 'uint32'], [A, 12345, 1800000000]),
      ethers.solidityPacked(['address', 'uint112', 'uint32'], [B, max112, 2n ** 32n - 1n])])]),
    token: bank.encodeFunctionData('token'),
    withdraw: bank.encodeFunctionData('withdraw', [B, 1n << 64n]),
    agreement: bank.encodeFunctionData('agreement', [A, B, 7]),
    anchor: bank.encodeFunctionData('anchor'),
    beacon: bank.encodeFunctionData('beacon', [2n ** 32n - 1n]),
    close: bank.encodeFunctionData('close', [A, B, 7]),
    count: bank.encodeFunctionData('count', [A]),
    list: bank.encodeFunctionData('list', [A, 3, 2n ** 32n - 1n]),
    next: bank.encodeFunctionData('next', [A, B]),
    open: bank.encodeFunctionData('open', [signedAgreement]),
    period: bank.encodeFunctionData('period'),
    prove: bank.encodeFunctionData('prove', [B, ethers.concat([proof(A, 7, 11), proof(B, 2n ** 32n - 1n, 12)])]),
    revise: bank.encodeFunctionData('revise', [signedAgreement]),
    root_of: bank.encodeFunctionData('rootOf', [2n ** 43n - 1n, fill(544)]),
    top_up: bank.encodeFunctionData('topUp', [A, B, 7, max112]),
  },
  ret: {
    cash: bank.encodeFunctionResult('cash', [max112]),
    free: bank.encodeFunctionResult('free', [max128]),
    pair: bank.encodeFunctionResult('pair', [max112, 77n, 2n ** 32n - 1n]),
    token: bank.encodeFunctionResult('token', [A]),
    domain_separator: bank.encodeFunctionResult('domainSeparator', [fill(32)]),
    agreement: bank.encodeFunctionResult('agreement', [[1, 2n ** 32n - 1n, fill(32), 3, 4, 5, max112, 7, 8, 65535, 10,
      11, 12, 13, ethers.id('next'), 14, 15, 16]]),
    beacon: bank.encodeFunctionResult('beacon', [fill(32)]),
    count: bank.encodeFunctionResult('count', [2n ** 32n - 1n]),
    list: bank.encodeFunctionResult('list', [ethers.solidityPacked(['address', 'uint32', 'address', 'uint32'],
      [B, 0, A, 2n ** 32n - 1n])]),
    next: bank.encodeFunctionResult('next', [9]),
    period: bank.encodeFunctionResult('period', [28800]),
    prove: bank.encodeFunctionResult('prove', [50, max112]),
    balance_of: token.encodeFunctionResult('balanceOf', [1n << 100n]),
    allowance_endless: token.encodeFunctionResult('allowance', [max256]),
    decimals: token.encodeFunctionResult('decimals', [18]),
    symbol: token.encodeFunctionResult('symbol', ['TEST']),
    symbol_bytes32: ethers.encodeBytes32String('MKR'),
    symbol_long: token.encodeFunctionResult('symbol', ['x'.repeat(40) + '\u001b']),
    error_too_little: bank.encodeErrorResult('TooLittle', []),
  },
  token: {
    approve: token.encodeFunctionData('approve', [A, max128]),
    transfer: token.encodeFunctionData('transfer', [A, 5]),
    balance_of: token.encodeFunctionData('balanceOf', [A]),
    allowance: token.encodeFunctionData('allowance', [A, B]),
    decimals: token.encodeFunctionData('decimals'),
    symbol: token.encodeFunctionData('symbol'),
    mint: token.encodeFunctionData('mint', [B, 10n ** 24n]),
  },
};
const logs = {
  deposited: bank.encodeEventLog('Deposited', [A, B, 1000n]),
  withdrawn: bank.encodeEventLog('Withdrawn', [A, B, max112]),
  reserved: bank.encodeEventLog('Reserved', [A, B, max112, 1800000000]),
  released: bank.encodeEventLog('Released', [A, B, 7n]),
  cashed: bank.encodeEventLog('Cashed', [A, B, 300n, 2]),
  bounced: bank.encodeEventLog('Bounced', [A, B, 9n]),
  opened: bank.encodeEventLog('Opened', [A, B, 7, 20400, 20765, max112, 5, ethers.id('terms')]),
  revised: bank.encodeEventLog('Revised', [A, B, 7, 2n ** 32n - 2n, 20500, max112]),
  proved: bank.encodeEventLog('Proved', [B, 300n, ethers.solidityPacked(
    ['address', 'uint32', 'uint32', 'uint112', 'address', 'uint32', 'uint32', 'uint112'],
    [A, 7, 20500, 100, B, 2n ** 32n - 1n, 20501, 200])]),
  topped_up: bank.encodeEventLog('ToppedUp', [A, B, 7, 5n]),
  closed: bank.encodeEventLog('Closed', [A, B, 7, 5n, max112]),
  burnt: bank.encodeEventLog('Burnt', [A, B, 7, 9n]),
};

// What is signed. Two wallets' libraries must agree on it.
function digest(types, value) {
  const hash = ethers.TypedDataEncoder.hash(domain, types, value);
  if (utils._TypedDataEncoder.hash(domain, types, value) !== hash)
    throw new Error(`tronweb and ethers hash a ${Object.keys(types)} differently`);
  return hash;
}
const receiptDigest = digest(struct('Receipt', 'address payer,address payee,uint112 amount'),
  { payer: A, payee: B, amount: max112 });
const sheet = [struct('Sheet', 'address host,uint112 rent,uint112 ingress,uint112 egress,uint112 collateral,'
  + 'uint112 penalty,uint32 minPeriods,uint32 maxPeriods,uint16 span,uint64 expires'),
{ host: B, rent: max112, ingress: 1, egress: 2, collateral: 3, penalty: 4, minPeriods: 5, maxPeriods: 2n ** 32n - 1n,
  span: 263, expires: 2n ** 64n - 1n }];
const endpoint = [struct('Endpoint', 'address host,bytes16 ip,uint16 port,uint64 time'),
  { host: B, ip: fill(16), port: 51413, time: 1800000000 }];

// The code that a chain would hold for a bank of token A and periods of 28,800.
const { deployedBytecode, immutables } = artifact('Bank');
const code = ethers.getBytes(deployedBytecode);
for (const { start } of immutables.token) code.set(ethers.getBytes(A), start + 12);
for (const { start } of immutables.period) code.set(ethers.getBytes(ethers.toBeHex(28800, 4)), start + 28);

let text = '/* Generated by make-vectors.mjs with ethers: do not edit. */\n/* clang-format off */\n';
const define = (name, hex) => {
  const rows = hex.slice(2).match(/.{1,64}/g) ?? [''];
  text += `#define ${name.toUpperCase()} \\\n${rows.map((r) => `\t"${r}"`).join(' \\\n')}\n`;
};
for (const [group, entries] of Object.entries(vectors))
  for (const [name, hex] of Object.entries(entries)) define(`vec_${group}_${name}`, hex);
for (const [name, log] of Object.entries(logs)) {
  define(`vec_topics_${name}`, ethers.concat(log.topics));
  define(`vec_data_${name}`, log.data);
}
define('vec_domain', ethers.TypedDataEncoder.hashDomain(domain));
// Of Nile, whose id of 4 bytes has the uppermost bit set, by TRON's own library.
define('vec_domain_nile', utils._TypedDataEncoder.hashDomain({ ...domain, chainId: 0xcd8690dc }));
define('vec_receipt_digest', receiptDigest);
define('vec_agreement_digest', digest(agreementType, agreement));
define('vec_agreement_packed', packed(agreementType, agreement));
define('vec_sheet_digest', digest(...sheet));
define('vec_sheet_packed', packed(...sheet));
define('vec_endpoint_digest', digest(...endpoint));
define('vec_endpoint_packed', packed(...endpoint));
define('vec_code_hash', ethers.keccak256(code));

const files = { [join(dir, 'vectors.h')]: Buffer.from(text) };
const corpus = (name, ...parts) => {
  files[join(dir, '../fuzz/fuzz_bank_abi.corpus', name)] = Buffer.from(ethers.getBytes(ethers.concat(parts)));
};
// The first byte names the decoder: the cases of fuzz_bank_abi.c.
const events = { deposited: 0, withdrawn: 1, reserved: 2, released: 3, cashed: 4, bounced: 5, opened: 12,
  revised: 13, proved: 14, topped_up: 15, closed: 16, burnt: 17 };
const answers = { pair: 6, free: 7, token: 8, balance_of: 9, decimals: 10, symbol: 11, symbol_bytes32: 11,
  symbol_long: 11, agreement: 18, list: 19, prove: 20, next: 21 };
for (const [name, which] of Object.entries(events))
  corpus(`event-${name.replaceAll('_', '-')}`, be(which), ...logs[name].topics, logs[name].data);
for (const [name, which] of Object.entries(answers))
  corpus(`answer-${name.replace('_', '-')}`, be(which), vectors.ret[name]);

const check = process.argv.includes('--check');
for (const [path, bytes] of Object.entries(files)) {
  if (!check) writeFileSync(path, bytes);
  else if (!readFileSync(path).equals(bytes)) {
    console.error(`${path} is stale: run node tests/contracts-abi/make-vectors.mjs`);
    process.exitCode = 1;
  }
}
