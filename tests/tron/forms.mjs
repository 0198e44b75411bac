// forms.mjs - the JSON that a node writes of what the chain knows. What is zero
// is left out, as in all that is made from protobuf.
import * as accounts from './accounts.mjs';
import { VERSION, witness, witnessSignature } from './blocks.mjs';
import { base58Address } from './crypto.mjs';
import { toJson } from './protobuf.mjs';

const hexOf = (text) => Buffer.from(text).toString('hex');

function withoutZeros(object) {
  return Object.fromEntries(Object.entries(object).filter(([, v]) => v !== undefined && v !== 0 && v !== 0n && v !== ''));
}

export const showAddress = (hex, visible) => visible && /^41.{40}$/.test(hex) ? base58Address(hex) : hex;
export const showText = (text, visible) => visible ? text : hexOf(text);

// Of an unsigned one, for the builders, and of one that was broadcast.
export function transaction(tx, visible, ret) {
  return { ...ret && { ret: [ret] }, ...tx.signatures.length && { signature: tx.signatures.map((s) => s.toString('hex')) },
    visible, txID: tx.id, raw_data: toJson('Raw', tx.raw, visible), raw_data_hex: tx.rawBytes.toString('hex') };
}

// What is pending shows how its dry run ended, which proves nothing.
export function knownTransaction({ tx, result, outcome }, visible) {
  const { visible: _, ...form } = transaction(tx, visible, { contractRet: outcome ? outcome.result ?? 'SUCCESS' : result });
  return visible ? { ...form, visible } : form;
}

export function block(chain, b, detail, visible) {
  const form = { blockID: b.id, block_header: {
    raw_data: { ...withoutZeros({ number: b.number }), txTrieRoot: b.root.toString('hex'),
      witness_address: showAddress(witness, visible), parentHash: b.parent, ...b.number && { version: VERSION },
      ...withoutZeros({ timestamp: b.timeMs }) },
    ...b.number && { witness_signature: witnessSignature(b).toString('hex') } } };
  if (detail && b.ids.length) form.transactions = b.ids.map((id) => knownTransaction(chain.mined.get(id), visible));
  return form;
}

const plain = (hex) => hex.replace(/^0x/, '');

export function log({ address, topics, data }) {
  return { address: plain(address), ...topics.length && { topics: topics.map(plain) }, ...plain(data) && { data: plain(data) } };
}

export function transactionInfo({ tx, block: b, outcome }, visible) {
  const failed = outcome.result !== undefined && outcome.result !== 'SUCCESS';
  return { id: tx.id, ...withoutZeros({ fee: outcome.fee }), blockNumber: b.number, blockTimeStamp: b.timeMs,
    contractResult: [outcome.contractResult],
    ...outcome.contractAddress && { contract_address: showAddress(outcome.contractAddress, visible) },
    receipt: withoutZeros(outcome.receipt),
    ...outcome.logs?.length && { log: outcome.logs.map(log) },
    ...failed && { result: 'FAILED', resMessage: showText(outcome.message, visible) } };
}

// ------------------------------------------------------------------ accounts

function permissions(address) {
  const keys = [{ address, weight: 1 }];
  return { owner_permission: { permission_name: 'owner', threshold: 1, keys },
    active_permission: [{ type: 'Active', id: 2, permission_name: 'active', threshold: 1,
      operations: '7fff1fc0033e0108000000000000000000000000000000000000000000000000', keys }] };
}

const WINDOW = { net_window_size: 28_800_000, net_window_optimized: true };

export function account(address, a, balance, visible) {
  const shown = showAddress(address, visible);
  return { address: shown, ...a.isContract && { type: 'Contract' },
    ...withoutZeros({ balance, create_time: a.created, latest_opration_time: a.last, net_usage: a.net.used,
      free_net_usage: a.free.used, latest_consume_time: a.net.at, latest_consume_free_time: a.free.at }), ...WINDOW,
    account_resource: { ...withoutZeros({ energy_usage: a.energy.used, latest_consume_time_for_energy: a.energy.at }),
      energy_window_size: 28_800_000, energy_window_optimized: true },
    ...!a.isContract && permissions(shown),
    frozenV2: [withoutZeros({ amount: a.stakedNet }), withoutZeros({ type: 'ENERGY', amount: a.stakedEnergy }),
      { type: 'TRON_POWER' }],
    asset_optimized: true };
}

export function resources(a, weights, now) {
  const limits = accounts.limitsOf(a, weights);
  return withoutZeros({ freeNetUsed: accounts.inUse(a.free, now), freeNetLimit: accounts.FREE_NET,
    NetUsed: accounts.inUse(a.net, now), NetLimit: limits.net, TotalNetLimit: accounts.TOTAL_NET, TotalNetWeight: weights.net,
    EnergyUsed: accounts.inUse(a.energy, now), EnergyLimit: limits.energy, TotalEnergyLimit: accounts.TOTAL_ENERGY,
    TotalEnergyWeight: weights.energy });
}

export function contract(c, visible) {
  return toJson('SmartContract', c, visible);
}
