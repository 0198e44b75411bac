// evm.mjs - anvil as the machine below: runs calls without keeping what they
// change, and takes changes afterwards. Sun are its wei.
//
// No transaction is ever sent to it. What a TRON transaction does is tried on
// the newest block, billed, and only then written into that block's state; so a
// contract can lie at the address that TRON gives it, and a run that is out of
// energy leaves nothing.
import { startAnvil } from '../../contracts-abi/tool.mjs';

const GAS = 200_000_000; // enough for what 15,000 TRX of energy can pay for in an EVM's writes
const quantity = (n) => `0x${BigInt(n).toString(16)}`;

export const openAnvil = ({ chainId, timeMs }) => startAnvil('--accounts', '1', '--balance', '0', '--hardfork', 'cancun',
  '--no-mining', '--no-request-size-limit', '--chain-id', String(chainId),
  '--timestamp', String(Math.floor(timeMs / 1000)));

export class Evm {
  constructor(url) {
    this.url = url;
  }

  async batch(calls) {
    if (calls.length === 0) return [];
    const body = JSON.stringify(calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params })));
    const answer = await fetch(this.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const all = await answer.json();
    if (!Array.isArray(all)) throw new Error(`anvil: ${JSON.stringify(all).slice(0, 300)}`);
    const out = [];
    for (const { id, result, error } of all) {
      if (error) throw new Error(`anvil: ${calls[id][0]}: ${error.message}`);
      out[id] = result;
    }
    return out;
  }

  async rpc(method, ...params) {
    return (await this.batch([[method, ...params]]))[0];
  }

  // Once, before all else. {number, timeMs} of the newest block, which it makes.
  async open() {
    const { number, timestamp } = await this.rpc('eth_getBlockByNumber', 'latest', false);
    await this.batch([['evm_setAutomine', false], ['evm_setBlockGasLimit', quantity(10n * BigInt(GAS))]]);
    const timeMs = Number(timestamp) * 1000 + 3000;
    await this.mine(timeMs);
    return { number: Number(number) + 1, timeMs };
  }

  async chainId() {
    return Number(await this.rpc('eth_chainId'));
  }

  async mine(timeMs) {
    await this.batch([['anvil_setNextBlockBaseFeePerGas', '0x0'],
      ['evm_setNextBlockTimestamp', quantity(timeMs / 1000)], ['evm_mine']]);
  }

  // Empty blocks, three seconds apart.
  async mineMany(blocks) {
    await this.rpc('anvil_mine', quantity(blocks), '0x3');
  }

  async rollback(blocks) {
    await this.rpc('anvil_rollback', blocks);
  }

  async balance(address, block = 'latest') {
    return BigInt(await this.rpc('eth_getBalance', address, block === 'latest' ? block : quantity(block)));
  }

  async code(address, block = 'latest') {
    return Buffer.from((await this.rpc('eth_getCode', address, block === 'latest' ? block : quantity(block))).slice(2), 'hex');
  }

  // What a call does at a block. `code` stands at `to` for the length of the
  // call (a constructor, which so runs where its contract will be), `balance` is
  // the sender's. `work` bounds the gas that goes into computing.
  async run({ from, to, data = Buffer.alloc(0), value = 0n, code, balance, block = 'latest', work }) {
    const call = { from, to, data: `0x${data.toString('hex')}`, value: quantity(value), gas: quantity(GAS), gasPrice: '0x0' };
    const over = {};
    if (balance !== undefined) over[from] = { balance: quantity(balance) };
    if (code) over[to] = { ...over[to], code: `0x${code.toString('hex')}` };
    const at = block === 'latest' ? block : quantity(block);
    const trace = (tracer) => ['debug_traceCall', call, at, { ...tracer, stateOverrides: over }];
    const [tree, changes] = await this.batch([
      trace({ tracer: 'callTracer', tracerConfig: { withLog: true } }),
      trace({ tracer: 'prestateTracer', tracerConfig: { diffMode: true } })]);
    const failed = tree.error !== undefined;
    const spent = Number(tree.gasUsed) - intrinsicGas(data) - writingGas(changes);
    // a frame that broke took all the gas it had, which tells nothing
    if (anyFrame(tree, OUT_OF_GAS) || (spent > work && !anyFrame(tree, BROKEN))) return { failed: true, tooMuchWork: true };
    const [steps] = await this.batch([trace({ disableStorage: true })]);
    return { failed, steps: steps.structLogs, output: Buffer.from((tree.output ?? '0x').slice(2), 'hex'),
      logs: failed ? [] : collectLogs(tree), changes: failed ? {} : withZeros(changes) };
  }

  // Writes what a run changed.
  async apply(changes) {
    const calls = [];
    for (const [address, { balance, code, nonce, storage }] of Object.entries(changes)) {
      if (code) calls.push(['anvil_setCode', address, code]);
      if (nonce !== undefined) calls.push(['anvil_setNonce', address, quantity(nonce)]);
      if (balance !== undefined) calls.push(['anvil_setBalance', address, quantity(balance)]);
      for (const [slot, word] of Object.entries(storage ?? {})) calls.push(['anvil_setStorageAt', address, slot, word]);
    }
    await this.batch(calls);
  }
}

// What an EVM takes for being asked at all, and for words that change: no work
// for the processor.
const intrinsicGas = (data) => data.reduce((sum, byte) => sum + (byte ? 16 : 4), 21_000);

// A word that was there before and is not among those after is zero now.
function withZeros({ pre, post }) {
  const all = structuredClone(post);
  for (const [address, { storage = {} }] of Object.entries(pre))
    for (const slot of Object.keys(storage)) {
      if (post[address]?.storage?.[slot]) continue;
      all[address] ??= {};
      all[address].storage ??= {};
      all[address].storage[slot] = `0x${'0'.repeat(64)}`;
    }
  return all;
}

function writingGas({ pre, post }) {
  let sum = 0;
  for (const [address, { storage = {} }] of Object.entries(post))
    for (const slot of Object.keys(storage)) sum += pre[address]?.storage?.[slot] ? 5_000 : 22_100;
  return sum;
}

const OUT_OF_GAS = /out of ?gas/i, BROKEN = /^(?!execution reverted)/;

function anyFrame({ error, calls = [] }, pattern) {
  return (error !== undefined && pattern.test(error)) || calls.some((c) => anyFrame(c, pattern));
}

// Of all frames that were not undone, in their order.
function collectLogs(frame) {
  if (frame.error) return [];
  return [...frame.logs ?? [], ...(frame.calls ?? []).flatMap(collectLogs)]
    .sort((x, y) => Number(x.index) - Number(y.index))
    .map(({ address, topics, data, index }) => ({ address, topics, data, index }));
}
