// protobuf.mjs - the messages that a TRON transaction is made of: proto3's wire
// format and the JSON that a node writes for it, both from one table.
//
// A decoded message is an object of the fields that are not zero: bytes and
// addresses are Buffers, int64 BigInt, int32 and enums numbers. encode() is
// canonical (ascending numbers, no zeros, minimal varints, unknown fields
// last), so encode(decode(x)) is what a node makes of x before it hashes.
import { base58Address, base58Decode } from './crypto.mjs';

const enums = {
  ContractType: { 1: 'TransferContract', 30: 'CreateSmartContract', 31: 'TriggerSmartContract',
    54: 'FreezeBalanceV2Contract' },
  ResourceCode: { 0: 'BANDWIDTH', 1: 'ENERGY', 2: 'TRON_POWER' },
  EntryType: { 1: 'Constructor', 2: 'Function', 3: 'Event', 4: 'Fallback', 5: 'Receive', 6: 'Error' },
  StateMutability: { 1: 'Pure', 2: 'View', 3: 'Nonpayable', 4: 'Payable' },
};

// number name type; a star: repeated. Capitals: a message or an enum.
const table = {
  Transaction: '1 raw_data Raw, 2 signature bytes*, 5 ret bytes*',
  Raw: '1 ref_block_bytes bytes, 3 ref_block_num int64, 4 ref_block_hash bytes, 8 expiration int64, 9 auths bytes*,'
    + '10 data bytes, 11 contract Contract*, 12 scripts bytes, 14 timestamp int64, 18 fee_limit int64',
  Contract: '1 type ContractType, 2 parameter Any, 3 provider bytes, 4 ContractName bytes, 5 Permission_id int32',
  Any: '1 type_url string, 2 value bytes',
  TransferContract: '1 owner_address address, 2 to_address address, 3 amount int64',
  TriggerSmartContract: '1 owner_address address, 2 contract_address address, 3 call_value int64, 4 data bytes,'
    + '5 call_token_value int64, 6 token_id int64',
  CreateSmartContract: '1 owner_address address, 2 new_contract SmartContract, 3 call_token_value int64, 4 token_id int64',
  FreezeBalanceV2Contract: '1 owner_address address, 2 frozen_balance int64, 3 resource ResourceCode',
  SmartContract: '1 origin_address address, 2 contract_address address, 3 abi Abi, 4 bytecode bytes, 5 call_value int64,'
    + '6 consume_user_resource_percent int64, 7 name string, 8 origin_energy_limit int64, 9 code_hash bytes,'
    + '10 trx_hash bytes, 11 version int32',
  Abi: '1 entrys Entry*',
  Entry: '1 anonymous bool, 2 constant bool, 3 name string, 4 inputs Param*, 5 outputs Param*, 6 type EntryType,'
    + '7 payable bool, 8 stateMutability StateMutability',
  Param: '1 indexed bool, 2 name string, 3 type string',
  Header: '1 timestamp int64, 2 txTrieRoot bytes, 3 parentHash bytes, 7 number int64, 9 witness_address address,'
    + '10 version int32',
};

const schema = Object.fromEntries(Object.entries(table).map(([message, text]) => [message,
  text.split(',').map((field) => {
    const [number, name, type] = field.trim().split(' ');
    return { number: Number(number), name, type: type.replace('*', ''), repeated: type.endsWith('*') };
  })]));

const isMessage = (type) => Object.hasOwn(schema, type);
const isEnum = (type) => Object.hasOwn(enums, type);
const isVarint = (type) => /^(int64|int32|bool)$/.test(type) || isEnum(type);
const fail = (text) => { throw new WireError(text); };

// What a node says of bytes that are no message.
export class WireError extends Error {
  java = 'com.google.protobuf.InvalidProtocolBufferException';
}

const TRUNCATED = 'While parsing a protocol message, the input ended unexpectedly in the middle of a field.  This could '
  + 'mean either that the input has been truncated or that an embedded message misreported its own length.';

// ------------------------------------------------------------------ reading

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  varint() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.bytes.length) fail(TRUNCATED);
      const byte = this.bytes[this.at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return fail('CodedInputStream encountered a malformed varint.');
  }

  take(length) {
    if (length > this.bytes.length - this.at) fail(TRUNCATED);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  // The value of a field, whatever its wire type; a varint is a BigInt.
  value(wire) {
    if (wire === 0) return this.varint();
    if (wire === 2) return this.take(Number(this.varint()));
    if (wire === 1) return this.take(8);
    if (wire === 5) return this.take(4);
    return fail('Protocol message tag had invalid wire type.');
  }
}

function readValue(type, value) {
  if (type === 'int64') return BigInt.asIntN(64, value);
  if (type === 'bool') return value !== 0n;
  if (isVarint(type)) return Number(BigInt.asIntN(32, value));
  if (type === 'bytes' || type === 'address') return Buffer.from(value);
  if (type !== 'string') return decode(type, value);
  const text = value.toString('utf8');
  if (!Buffer.from(text).equals(value)) fail('Protocol message had invalid UTF-8.');
  return text;
}

export function decode(message, bytes) {
  const out = {}, unknown = [];
  const r = new Reader(bytes);
  while (r.at < bytes.length) {
    const start = r.at, tag = r.varint();
    const number = Number(tag >> 3n), wire = Number(tag & 7n);
    if (number === 0) fail('Protocol message contained an invalid tag (zero).');
    const value = r.value(wire);
    const field = schema[message].find((f) => f.number === number);
    if (!field || wire !== (isVarint(field.type) ? 0 : 2)) {
      unknown.push({ number, raw: Buffer.from(bytes.subarray(start, r.at)) });
      continue;
    }
    const known = readValue(field.type, value);
    if (field.repeated) (out[field.name] ??= []).push(known);
    else if (isZero(field.type, known)) delete out[field.name];
    else out[field.name] = known;
  }
  if (unknown.length) out.unknown = unknown.sort((x, y) => x.number - y.number);
  return out;
}

// A message that is there is not zero, even when it is empty.
function isZero(type, value) {
  return isMessage(type) ? false : Buffer.isBuffer(value) || type === 'string' ? value.length === 0 : !value;
}

// ------------------------------------------------------------------ writing

export function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function writeField(field, value) {
  if (isVarint(field.type)) return [varint(field.number << 3), varint(value)];
  const body = isMessage(field.type) ? encode(field.type, value) : Buffer.from(value);
  return [varint(field.number << 3 | 2), varint(body.length), body];
}

export function encode(message, object) {
  const parts = [];
  for (const field of schema[message]) {
    const value = object[field.name];
    if (value === undefined) continue;
    if (field.repeated) for (const one of value) parts.push(...writeField(field, one));
    else if (!isZero(field.type, value)) parts.push(...writeField(field, value));
  }
  for (const { raw } of object.unknown ?? []) parts.push(raw);
  return Buffer.concat(parts);
}

// --------------------------------------------------------------------- JSON

export class JsonError extends Error {
  java = 'org.tron.core.services.http.JsonFormat$ParseException';
}

// 0x is tolerated, and a missing first digit.
export function bytesOfHex(text) {
  const digits = String(text).replace(/^0x/i, '');
  if (!/^[0-9a-f]*$/i.test(digits)) throw new JsonError('1:12: INVALID hex String');
  return Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex');
}

export function addressOfJson(text, visible) {
  const hex = visible ? base58Decode(String(text)) : null;
  if (visible && !hex) throw new JsonError('1:12: INVALID base58 String');
  return hex ?? bytesOfHex(text).toString('hex');
}

function valueToJson(type, value, visible) {
  if (isMessage(type)) return toJson(type, value, visible);
  if (isEnum(type)) return enums[type][value] ?? value;
  if (!Buffer.isBuffer(value)) return value;
  return type === 'address' && visible && value.length === 21 ? base58Address(value.toString('hex')) : value.toString('hex');
}

export function toJson(message, object, visible = false) {
  const out = {};
  for (const { name, type, repeated } of schema[message]) {
    const value = object[name];
    if (value === undefined) continue;
    if (message === 'Contract' && name === 'parameter') out[name] = anyToJson(value, visible);
    else out[name] = repeated ? value.map((v) => valueToJson(type, v, visible)) : valueToJson(type, value, visible);
  }
  return out;
}

const TYPE_URL = 'type.googleapis.com/protocol.';

function anyToJson({ type_url = '', value = Buffer.alloc(0) }, visible) {
  const message = type_url.slice(TYPE_URL.length);
  return { value: isMessage(message) ? toJson(message, decode(message, value), visible) : value.toString('hex'), type_url };
}

function valueOfJson(type, value, visible) {
  if (isMessage(type)) return fromJson(type, value, visible);
  if (isEnum(type)) {
    const name = String(value).replace(/^[a-z]+$/, (w) => w[0].toUpperCase() + w.slice(1)); // so does a node
    const known = Object.entries(enums[type]).find((e) => e[1] === name);
    return Number(known ? known[0] : value);
  }
  if (type === 'int64') return BigInt(value);
  if (type === 'int32') return Number(value);
  if (type === 'bool') return value === true || value === 'true';
  if (type === 'string') return String(value);
  return type === 'address' ? Buffer.from(addressOfJson(value, visible), 'hex') : bytesOfHex(value);
}

export function fromJson(message, json, visible = false) {
  const out = {};
  for (const { name, type, repeated } of schema[message]) {
    const value = json[name];
    if (value === undefined || value === null) continue;
    if (message === 'Contract' && name === 'parameter') {
      const inner = value.type_url.slice(TYPE_URL.length);
      out[name] = any(inner, fromJson(inner, value.value, visible));
      continue;
    }
    const known = repeated ? value.map((v) => valueOfJson(type, v, visible)) : valueOfJson(type, value, visible);
    if (repeated || !isZero(type, known)) out[name] = known;
  }
  return out;
}

export const typeName = (number) => enums.ContractType[number];
export const any = (message, object) => ({ type_url: TYPE_URL + message, value: encode(message, object) });

// The one contract of a transaction, opened; null when its type and its Any
// do not agree, or it is of a kind that this server does not know.
export function contractOf(raw) {
  const contract = raw.contract?.[0];
  const message = typeName(contract?.type);
  if (!message || contract.parameter?.type_url !== TYPE_URL + message) return null;
  return { message, ...decode(message, contract.parameter.value ?? Buffer.alloc(0)) };
}

export const contractTypeNumber = (message) =>
  Number(Object.entries(enums.ContractType).find(([, name]) => name === message)[0]);
