// Makes the C side of the contracts from the checked-in artifacts:
//   bank_abi.h/.c   calls, answers, events and errors of the bank
//   token_abi.h/.c  the ERC-20 calls that a node makes, and the test token's mint
//   bank_code.h/.c  bytecode with its hashes
//   node generate.mjs [--check]
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { here, publish } from './compile.mjs';

const { ethers } = createRequire(import.meta.url)('ethers');
const artifact = (name) => JSON.parse(readFileSync(join(here, `${name}.json`), 'utf8'));
const snake = (s) => s.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
const upper = (s) => snake(s).toUpperCase();
const sel = (id) => `${id}u`;
const dynamic = (t) => t === 'bytes' || t === 'string';

// C of one ABI type: how it stands in a struct, is passed, written and read.
function ctype(type, wide) {
  const uint = /^uint(\d+)$/.exec(type);
  if (uint) {
    const bits = Number(uint[1]);
    if (bits > 64) {
      const get = wide && bits > 128 ? 'abi_get_amount_cap(&r)'
        : `abi_get_amount(&r, ${Math.min(bits, 128)})`;
      return { field: 'struct amount ', put: (n) => `abi_put_amount(w, ${n})`, get };
    }
    const c = `uint${bits}_t`;
    return { field: `${c} `, put: (n) => `abi_put_u64(w, ${n})`, get: `(${c})abi_get_uint(&r, ${bits})` };
  }
  if (type === 'address')
    return { field: 'struct address ', pass: 'const struct address *',
      put: (n) => `abi_put_address(w, ${n})`, get: 'abi_get_address(&r)' };
  if (type === 'bytes32')
    return { field: 'struct hash32 ', pass: 'const struct hash32 *',
      put: (n) => `abi_put_hash(w, ${n})`, get: 'abi_get_hash(&r)' };
  if (type === 'bool') return { field: 'bool ', get: 'abi_get_bool(&r)' };
  if (type === 'bytes') return {};
  throw new Error(`no C for ${type}`);
}

function encoder(prefix, f) {
  const params = [], lines = [];
  const words = f.inputs.length;
  let tail = null;
  for (const i of f.inputs) {
    const n = snake(i.name), c = ctype(i.type);
    if (dynamic(i.type)) {
      if (tail) throw new Error('one dynamic argument at most');
      params.push(`const uint8_t *${n}`, `size_t ${n}_len`);
      lines.push(`abi_put_u64(w, ${words * 32});`);
      tail = n;
    } else {
      params.push(`${c.pass ?? c.field}${n}`);
      lines.push(`${c.put(n)};`);
    }
  }
  if (tail) lines.push(`abi_put_tail(w, ${tail}, ${tail}_len);`);
  const name = `${prefix}_enc_${snake(f.name)}`;
  const head = `void ${name}(struct wr *w${params.map((p) => `, ${p}`).join('')})`;
  const size = tail
    ? `#define ${upper(`${prefix}_${f.name}`)}_LEN(n) (${4 + 32 * words} + ABI_TAIL(n))`
    : `#define ${upper(`${prefix}_${f.name}`)}_LEN ${4 + 32 * words}`;
  const selector = `${upper(`${prefix}_SEL_${f.name}`)}`;
  return {
    h: `/* ${f.format('sighash')} */\n#define ${selector} ${sel(f.selector)}\n${size}\n${head};\n`,
    c: `${head}\n{\n\twr_u32(w, ${selector});\n${lines.map((l) => `\t${l}\n`).join('')}}\n`,
  };
}

function fields(inputs, wide) {
  return inputs.map((i) => i.type === 'bytes'
    ? `\tconst uint8_t *${snake(i.name)}; /* borrowed from the data */\n\tsize_t ${snake(i.name)}_len;\n`
    : `\t${ctype(i.type, wide).field}${snake(i.name)};\n`).join('');
}

const checked = '\n\t__attribute__((warn_unused_result));\n';

// A struct that a call returns stands in the answer as its fields do.
function answer(prefix, f, wide) {
  const name = `${prefix}_ret_${snake(f.name)}`;
  const outputs = f.outputs.length === 1 && f.outputs[0].baseType === 'tuple'
    ? f.outputs[0].components : f.outputs;
  const one = outputs.length === 1 ? outputs[0].type : null;
  const out = one === 'string' ? 'char out[ABI_TEXT_MAX]'
    : one === 'bytes' ? 'const uint8_t **out, size_t *out_len'
      : one ? `${ctype(one).field}*out` : `struct ${prefix}_${snake(f.name)} *out`;
  const head = `enum err_code ${name}(${out}, const uint8_t *data, size_t len, struct err *e)`;
  const struct = one ? one === 'bytes' ? '/* *out is borrowed from the data. */\n' : ''
    : `struct ${prefix}_${snake(f.name)} {\n${fields(outputs)}};\n`;
  const reads = outputs.map((o) => one === 'string' ? '\tabi_get_text(&r, out);\n'
    : one === 'bytes' ? '\tabi_get_offset(&r, 1);\n\t*out = abi_get_tail(&r, out_len);\n'
      : one ? `\t*out = ${ctype(o.type, wide).get};\n`
        : `\tout->${snake(o.name)} = ${ctype(o.type, wide).get};\n`).join('');
  return {
    h: struct + head + checked,
    c: `${head}\n{\n\tstruct rd r = rd_from(data, len);\n\n${reads}\treturn done(&r, "${f.name}()", e);\n}\n`,
  };
}

function event(prefix, ev) {
  const name = `${prefix}_ev_${snake(ev.name)}`;
  const indexed = ev.inputs.filter((i) => i.indexed), plain = ev.inputs.filter((i) => !i.indexed);
  const head = `enum err_code ${name}_read(struct ${name} *out, const struct abi_log *log, struct err *e)`;
  let c = `${head}\n{\n\tstruct rd r;\n\n\tif (log->topics_len != ${indexed.length + 1} ||\n`
    + `\t    memcmp(&log->topics[0], &${prefix}_topic_${snake(ev.name)}, sizeof(struct hash32)) != 0)\n`
    + `\t\treturn err_fail(e, ERR_PARSE, "not an event ${ev.name}");\n`;
  indexed.forEach((i, at) => {
    c += `\tr = rd_from(log->topics[${at + 1}].bytes, sizeof(struct hash32));\n`
      + `\tout->${snake(i.name)} = ${ctype(i.type).get};\n`
      + `\tif (!rd_done(&r))\n\t\treturn done(&r, "event ${ev.name}", e);\n`;
  });
  c += '\tr = rd_from(log->data, log->data_len);\n';
  let tail = null;
  for (const i of plain) {
    if (i.type === 'bytes') {
      c += `\tabi_get_offset(&r, ${plain.length});\n`;
      tail = snake(i.name);
    } else c += `\tout->${snake(i.name)} = ${ctype(i.type).get};\n`;
  }
  if (tail) c += `\tout->${tail} = abi_get_tail(&r, &out->${tail}_len);\n`;
  c += `\treturn done(&r, "event ${ev.name}", e);\n}\n`;
  return {
    h: `/* ${ev.format('full')} */\nextern const struct hash32 ${prefix}_topic_${snake(ev.name)};\n`
      + `struct ${name} {\n${fields(ev.inputs)}};\n${head}${checked}`,
    c,
    data: `const struct hash32 ${prefix}_topic_${snake(ev.name)} = {{${bytes(ev.topicHash)}}};\n`,
  };
}

function bytes(hex) {
  const b = [...ethers.getBytes(hex)].map((v) => `0x${v.toString(16).padStart(2, '0')},`);
  let text = '\n';
  for (let i = 0; i < b.length; i += 12) text += `\t${b.slice(i, i + 12).join(' ')}\n`;
  return text;
}

const off = '/* clang-format off */\n';
const generated = '/* Generated by contracts-abi/generate.mjs: do not edit. */\n';
const doneFn = 'static enum err_code done(const struct rd *r, const char *what, struct err *e)\n{\n'
  + '\tif (rd_done(r))\n\t\treturn ERR_NONE;\n'
  + '\treturn err_fail(e, ERR_PARSE, "malformed %s from the chain", what);\n}\n';

function errorNames(prefix, errors) {
  const head = `const char *${prefix}_error_name(const uint8_t *data, size_t len)`;
  return {
    h: `/* Name of the contract's error that a reverted call gave back, or NULL. */\n${head};\n`,
    c: `${head}\n{\n\tstruct rd r = rd_from(data, len);\n\n\tswitch (rd_u32(&r)) {\n`
      + errors.map((x) => `\tcase ${sel(x.selector)}:\n\t\treturn "${x.name}";\n`).join('')
      + '\t}\n\treturn NULL;\n}\n',
  };
}

function module(file, intro, parts, headers = '') {
  const guard = `CONTRACTS_ABI_${file.toUpperCase()}_H`;
  return {
    [`${file}.h`]: `${off}${intro}\n${generated}#ifndef ${guard}\n#define ${guard}\n\n#include "base/err.h"\n`
      + `#include "contracts-abi/abi.h"\n${headers}\n${parts.map((p) => p.h).join('\n')}\n#endif\n`,
    [`${file}.c`]: `${off}${generated}#include "contracts-abi/${file}.h"\n\n#include <string.h>\n\n`
      + parts.filter((p) => p.data).map((p) => p.data).join('') + (parts.some((p) => p.data) ? '\n' : '')
      + `${doneFn}\n${parts.map((p) => p.c).join('\n')}`,
  };
}

function bankAbi() {
  const abi = new ethers.Interface(artifact('Bank').abi);
  const parts = [];
  const fs = abi.fragments.filter((f) => f.type === 'function');
  for (const f of fs) parts.push(encoder('bank', f));
  for (const f of fs.filter((x) => x.outputs.length)) parts.push(answer('bank', f, false));
  for (const ev of abi.fragments.filter((f) => f.type === 'event')) parts.push(event('bank', ev));
  parts.push(errorNames('bank', abi.fragments.filter((f) => f.type === 'error')));
  return module('bank_abi', `/* bank_abi.h - calls, answers, events and errors of the bank (src/Bank.sol).
 *
 * bank_enc_x appends the calldata of x() to a writer; BANK_X_LEN is its length.
 * bank_ret_x reads what eth_call of x() returns; bank_ev_x_read reads a log
 * entry whose emitter the caller has checked. Both give ERR_PARSE, and *out has
 * no meaning, when the bytes are not exactly the canonical encoding, or an
 * amount passes 112 bits (128 where the contract says uint256). Amounts in the
 * token's smallest unit, times in Unix seconds. Pure; thread: any.
 */`, parts);
}

function tokenAbi() {
  const erc20 = new ethers.Interface([
    'function approve(address spender, uint256 value) returns (bool)',
    'function transfer(address to, uint256 value) returns (bool)',
    'function balanceOf(address account) view returns (uint256)',
    'function allowance(address owner, address spender) view returns (uint256)',
    'function decimals() view returns (uint8)',
    'function symbol() view returns (string)',
  ]);
  const parts = erc20.fragments.map((f) => encoder('erc20', f));
  for (const f of erc20.fragments.filter((x) => x.stateMutability === 'view')) parts.push(answer('erc20', f, true));
  const mint = new ethers.Interface(artifact('TestToken').abi).getFunction('mint');
  parts.push(encoder('test_token', mint));
  return module('token_abi', `/* token_abi.h - the ERC-20 calls that a node makes (EIP-20), and the mint of the
 * test token (src/TestToken.sol), which is open to all.
 *
 * erc20_enc_x appends calldata, erc20_ret_x reads the answer; ERR_PARSE when it
 * is malformed. An amount above 2^128-1 reads as 2^128-1. What approve() and
 * transfer() return is not read: tokens disagree about it, the bank measures
 * balances instead. Pure; thread: any.
 */`, parts);
}

function bankCode() {
  const bank = artifact('Bank'), token = artifact('TestToken');
  const { token: at, period: periodAt } = bank.immutables;
  if ([...at, ...periodAt].some((x) => x.length !== 32)) throw new Error('an immutable of another size');
  const len = (hex) => ethers.dataLength(hex);
  const h = `${off}/* bank_code.h - bytecode of the bank and of the test token, as compiled by
 * ${bank.compiler}.
 *
 * bank_runtime has zeros where the constructor puts the token's address and the
 * length of a period (a word at each bank_token_at and bank_period_at);
 * bank_code_check() in bank.h compares with that. Its keccak256, zeros and all:
 * ${ethers.keccak256(bank.deployedBytecode)}
 */
${generated}#ifndef CONTRACTS_ABI_BANK_CODE_H
#define CONTRACTS_ABI_BANK_CODE_H

#include "base/ids.h"

#include <stdint.h>

#define BANK_CREATION_LEN ${len(bank.bytecode)}
#define BANK_RUNTIME_LEN ${len(bank.deployedBytecode)}
#define BANK_TOKEN_AT_COUNT ${at.length}
#define BANK_PERIOD_AT_COUNT ${periodAt.length}
#define TEST_TOKEN_CREATION_LEN ${len(token.bytecode)}

extern const uint8_t bank_creation[BANK_CREATION_LEN];
extern const uint8_t bank_runtime[BANK_RUNTIME_LEN];
extern const struct hash32 bank_runtime_hash; /* keccak256 of bank_runtime */
extern const uint16_t bank_token_at[BANK_TOKEN_AT_COUNT];
extern const uint16_t bank_period_at[BANK_PERIOD_AT_COUNT];
extern const uint8_t test_token_creation[TEST_TOKEN_CREATION_LEN];

#endif
`;
  const c = `${off}${generated}#include "contracts-abi/bank_code.h"

const uint8_t bank_creation[BANK_CREATION_LEN] = {${bytes(bank.bytecode)}};

const uint8_t bank_runtime[BANK_RUNTIME_LEN] = {${bytes(bank.deployedBytecode)}};

const struct hash32 bank_runtime_hash = {{${bytes(ethers.keccak256(bank.deployedBytecode))}}};

const uint16_t bank_token_at[BANK_TOKEN_AT_COUNT] = {
	${at.map((x) => x.start).join(', ')},
};

const uint16_t bank_period_at[BANK_PERIOD_AT_COUNT] = {
	${periodAt.map((x) => x.start).join(', ')},
};

const uint8_t test_token_creation[TEST_TOKEN_CREATION_LEN] = {${bytes(token.bytecode)}};
`;
  return { 'bank_code.h': h, 'bank_code.c': c };
}

publish({ ...bankAbi(), ...tokenAbi(), ...bankCode() });
