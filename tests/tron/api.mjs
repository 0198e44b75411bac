// api.mjs - the endpoints: what each answers to a request body. `node` is the
// node that was asked: {chain, head, solid} with the blocks that it shows.
import * as build from './build.mjs';
import { base58Decode, isAddress } from './crypto.mjs';
import * as forms from './forms.mjs';
import { chainParameters } from './parameters.mjs';
import { prices } from './perform.mjs';
import { addressOfJson, bytesOfHex, decode, fromJson } from './protobuf.mjs';
import { stringify } from './json.mjs';
import { Refusal, transactionOf } from './transaction.mjs';

// ------------------------------------------------------------------ answers

// A Java exception, as a servlet that caught it tells.
export class Failure extends Error {
  constructor(java, text) {
    super(text);
    this.java = java;
  }
}

const badHex = () => new Failure('org.bouncycastle.util.encoders.DecoderException',
  'exception decoding Hex string: invalid characters encountered in Hex string');

export function failureText(e) {
  if (e instanceof Refusal) return `class org.tron.core.exception.ContractValidateException : ${e.message}`;
  return `class ${e.java ?? 'java.lang.RuntimeException'} : ${e.message}`;
}

// What the endpoints about contracts answer to what failed.
async function tellResult(visible, task) {
  try {
    return await task();
  } catch (e) {
    const [code, text] = e instanceof Refusal ? [e.code, e.message] : ['OTHER_ERROR', failureText(e)];
    return { result: { code, message: forms.showText(text, visible) } };
  }
}

// -------------------------------------------------------------- broadcasting

async function tryBroadcast(node, tx) {
  try {
    await node.chain.broadcast(tx, node.head);
    return null;
  } catch (e) {
    if (e instanceof Refusal) return e;
    throw e;
  }
}

async function broadcastHex(node, { transaction }) {
  let bytes;
  try {
    bytes = bytesOfHex(transaction ?? '');
  } catch {
    throw badHex();
  }
  const tx = transactionOf(decode('Transaction', bytes));
  const refusal = await tryBroadcast(node, tx);
  const { raw_data, signature = [] } = forms.transaction(tx, false);
  return { result: !refusal, code: refusal?.code ?? 'SUCCESS', txid: tx.id, message: refusal?.text ?? '',
    transaction: stringify({ raw_data, signature }) };
}

// raw_data is packed again, raw_data_hex and txID are not looked at.
async function broadcastJson(node, body) {
  if (!body.raw_data) throw new Failure('java.lang.NullPointerException',
    'Cannot invoke "com.alibaba.fastjson.JSONObject.getJSONArray(String)" because "rawData" is null');
  const visible = body.visible === true;
  const { raw_data, signature } = fromJson('Transaction', { raw_data: body.raw_data, signature: body.signature }, visible);
  const tx = transactionOf({ raw_data, signature });
  const refusal = await tryBroadcast(node, tx);
  if (!refusal) return { result: true, txid: tx.id };
  return { code: refusal.code, txid: tx.id, message: forms.showText(refusal.text, visible) };
}

// -------------------------------------------------------------------- blocks

const oneBlock = (node, b, detail, visible) => b && b.number <= node.head ? forms.block(node.chain, b, detail, visible) : {};

const nowBlock = (node, { visible }) => oneBlock(node, node.chain.blocks.get(node.head), true, visible);
const blockByNumber = (node, { num = 0, visible }) => oneBlock(node, node.chain.blocks.get(Number(num)), true, visible);

const blockOfId = (node, id) => {
  const b = node.chain.blocks.get(Number(BigInt(`0x${id.slice(0, 16)}`)));
  return b?.id === id ? b : undefined;
};

function anyBlock(node, { id_or_num: which, detail = false, visible }) {
  const text = String(which ?? '');
  const full = detail === true || detail === 'true';
  if (text === '') return oneBlock(node, node.chain.blocks.get(node.head), full, visible);
  if (/^\d+$/.test(text) && text.length < 64) return oneBlock(node, node.chain.blocks.get(Number(text)), full, visible);
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Failure('java.lang.IllegalArgumentException', 'id_or_num is neither number nor id');
  return oneBlock(node, blockOfId(node, text), full, visible);
}

function blocksBetween(node, { startNum = 0, endNum = 0, visible }) {
  const some = [];
  for (let n = Number(startNum); n < Number(endNum) && n <= node.head && some.length < 100; n++)
    if (node.chain.blocks.has(n)) some.push(oneBlock(node, node.chain.blocks.get(n), true, visible));
  return some.length ? { block: some } : {};
}

// -------------------------------------------------------------- transactions

const idOf = ({ value = '' }) => bytesOfHex(value).toString('hex');

function minedFor(node, id) {
  const found = node.chain.mined.get(id);
  return found && found.block.number <= node.head ? found : undefined;
}

function transactionById(node, body) {
  const found = minedFor(node, idOf(body)) ?? (node.isSolid ? undefined : node.chain.pool.get(idOf(body)));
  return found ? forms.knownTransaction(found, body.visible) : {};
}

function transactionInfo(node, body) {
  const found = minedFor(node, idOf(body));
  return found ? forms.transactionInfo(found, body.visible) : {};
}

function transactionInfos(node, { num = 0, visible }) {
  const b = node.chain.blocks.get(Number(num));
  if (!b || b.number > node.head) return [];
  return b.ids.map((id) => forms.transactionInfo(node.chain.mined.get(id), visible));
}

function pendingTransaction(node, body) {
  const found = node.chain.pool.get(idOf(body));
  return found ? forms.knownTransaction(found, body.visible) : {};
}

// ------------------------------------------------------------------ accounts

const addressIn = (text, visible) => addressOfJson(text ?? '', visible);

async function account(node, { address, visible }) {
  const key = addressIn(address, visible), found = node.chain.accounts.get(key, node.head);
  return found ? forms.account(key, found, await node.chain.balance(key, node.head), visible) : {};
}

function accountResource(node, { address, visible }) {
  const found = node.chain.accounts.get(addressIn(address, visible), node.head);
  return found ? forms.resources(found, node.chain.stakeWeights(), node.chain.blocks.get(node.head).timeMs) : {};
}

function contract(node, { value, visible }) {
  const found = node.chain.contracts.get(addressIn(value, visible), node.head);
  return found ? forms.contract(found, visible) : {};
}

async function contractInfo(node, { value, visible }) {
  const key = addressIn(value, visible), found = node.chain.contracts.get(key, node.head);
  if (!found) return {};
  return { smart_contract: forms.contract(found, visible),
    runtimecode: (await node.chain.code(key, node.head)).toString('hex'), contract_state: {} };
}

function validAddress(_, { address = '' }) {
  if (isAddress(address)) return { result: true, message: 'Hex string format' };
  if (isAddress(base58Decode(address) ?? '')) return { result: true, message: 'Base58check format' };
  return { result: false, message: 'Invalid address' };
}

// --------------------------------------------------------------- the machine

const exceptions = { ILLEGAL_OPERATION: 'IllegalOperation', OUT_OF_TIME: 'OutOfTime', OUT_OF_ENERGY: 'OutOfEnergy',
  OUT_OF_MEMORY: 'OutOfMemory', BAD_JUMP_DESTINATION: 'BadJumpDestination', STACK_TOO_SMALL: 'StackTooSmall',
  STACK_TOO_LARGE: 'StackTooLarge' };

// {call, built}: what is to be run, and as a transaction.
function constantCall(node, body, visible) {
  const owner = build.needAddress(body.owner_address, visible, 'owner_address');
  const value = BigInt(body.call_value ?? 0);
  if (!body.contract_address) {
    const built = build.deployment(node, owner, { code: hexField(body.data), value, energyLimit: 1n });
    return { built, call: { from: owner, to: build.addressMade(built), code: hexField(body.data), value } };
  }
  const to = addressIn(body.contract_address, visible), data = callData(body);
  if (!node.chain.contracts.get(to, node.head)) throw new Refusal('CONTRACT_VALIDATE_ERROR', 'Smart contract is not exist.');
  return { built: build.call(node, owner, to, data, value, BigInt(body.fee_limit ?? 0)), call: { from: owner, to, data, value } };
}

function hexField(text = '') {
  try {
    return bytesOfHex(text);
  } catch {
    throw badHex();
  }
}

// `data`, or a selector's hash and its parameter, of which neither may have 0x.
function callData({ data, function_selector: selector, parameter = '' }) {
  if (!selector) return hexField(data);
  if (!/^[0-9a-f]*$/i.test(parameter)) throw badHex();
  return Buffer.concat([build.selectorOf(selector), hexField(parameter)]);
}

function exceptionOf(done) {
  const text = done.result === 'OUT_OF_TIME' ? "CPU timeout for 'ADD' operation executing" : done.message;
  return new Failure(`org.tron.core.vm.program.Program$${exceptions[done.result]}Exception`, text);
}

async function runConstant(node, body, visible) {
  const { call, built } = constantCall(node, body, visible);
  const done = await node.chain.constant(call, node.head);
  if (done.result !== 'SUCCESS' && done.result !== 'REVERT') throw exceptionOf(done);
  const failed = done.result === 'REVERT';
  const logs = done.run.logs.map(forms.log);
  return { result: { result: true, ...failed && { message: forms.showText(done.message, visible) } }, energy_used: done.used,
    constant_result: [done.run.output.toString('hex')], ...logs.length && { logs },
    transaction: { ...forms.transaction(built, visible, failed ? { ret: 'FAILED' } : {}),
      ...call.code && { contract_address: forms.showAddress(call.to, visible) } } };
}

const triggerConstant = (node, body) =>
  tellResult(body.visible, () => runConstant(node, body, body.visible === true));

// A node halves from twice what the call used, until it is exact to one TRX.
function estimated(used) {
  const low = used * prices.energy;
  let high = Math.min(Number(prices.maxFeeLimit), 2 * low);
  while (low + 1_000_000 < high) high = Math.floor((low + high) / 2);
  return Math.ceil(high / prices.energy);
}

const estimate = (node, body) => tellResult(body.visible, async () => {
  if (!node.estimates) throw new Refusal('CONTRACT_VALIDATE_ERROR', 'this node does not estimate energy');
  const { call } = constantCall(node, body, body.visible === true);
  const done = await node.chain.constant(call, node.head);
  if (done.result !== 'SUCCESS') throw new Refusal('CONTRACT_EXE_ERROR', done.message);
  return { result: { result: true }, energy_required: estimated(done.used) };
});

// Only builds, but what its ABI says changes nothing is run at once.
const trigger = (node, body) => tellResult(body.visible, async () => {
  const visible = body.visible === true;
  const owner = build.needAddress(body.owner_address, visible, 'owner_address');
  const to = build.needAddress(body.contract_address, visible, 'contract_address');
  const found = node.chain.contracts.get(to, node.head);
  if (!found) throw new Refusal('CONTRACT_VALIDATE_ERROR', 'No contract or not a valid smart contract');
  const data = callData(body);
  if (build.changesNothing(found, data)) return runConstant(node, body, visible);
  const built = build.call(node, owner, to, data, BigInt(body.call_value ?? 0), BigInt(body.fee_limit ?? 0));
  return { result: { result: true }, transaction: forms.transaction(built, visible) };
});

// -------------------------------------------------------------------- tables

const both = {
  getnowblock: nowBlock, getblock: anyBlock, getblockbynum: blockByNumber, getblockbylimitnext: blocksBetween,
  getblockbyid: (node, body) => oneBlock(node, blockOfId(node, idOf(body)), true, body.visible),
  getaccount: account, gettransactionbyid: transactionById, gettransactioninfobyid: transactionInfo,
  gettransactioninfobyblocknum: transactionInfos, triggerconstantcontract: triggerConstant, estimateenergy: estimate,
};

const full = {
  ...both, getaccountresource: accountResource, getcontract: contract, getcontractinfo: contractInfo,
  validateaddress: validAddress, triggersmartcontract: trigger,
  createtransaction: build.transfer, deploycontract: build.deploy, freezebalancev2: build.stake,
  gettransactionfrompending: pendingTransaction,
  gettransactionlistfrompending: ({ chain }) => ({ txId: [...chain.pool.keys()] }),
  getpendingsize: ({ chain }) => ({ pendingSize: chain.pool.size }),
  getchainparameters: () => ({ chainParameter: chainParameters }),
  getenergyprices: () => ({ prices: `0:${prices.energy}` }),
  getbandwidthprices: () => ({ prices: `0:10,1:${prices.byte}` }),
  broadcasthex: broadcastHex, broadcasttransaction: broadcastJson,
};

export const endpoints = new Map([...Object.entries(full).map(([name, answer]) => [`/wallet/${name}`, answer]),
  ...Object.entries(both).map(([name, answer]) => [`/walletsolidity/${name}`, answer])]);

export const postOnly = new Set(['/wallet/broadcasthex', '/wallet/broadcasttransaction']);
