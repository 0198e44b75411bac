// build.mjs - the endpoints that only build a transaction for somebody to sign.
import { contractAddress, isAddress, keccak256 } from './crypto.mjs';
import * as forms from './forms.mjs';
import { prices } from './perform.mjs';
import { addressOfJson, any, bytesOfHex, contractTypeNumber, fromJson } from './protobuf.mjs';
import { invalid, transactionOf } from './transaction.mjs';

const LIFE_MS = 60_000;

class Missing extends Error {
  java = 'java.security.InvalidParameterException';
}

export function needAddress(text, visible, name) {
  if (!text) throw new Missing(`${name} isn't set.`);
  return addressOfJson(text, visible);
}

let built = 0;

// `timestamp` makes the id another one each time.
function unsigned(node, message, contract, feeLimit = 0n) {
  const head = node.chain.blocks.get(node.head);
  return transactionOf({ raw_data: { ref_block_bytes: Buffer.from(head.id.slice(12, 16), 'hex'),
    ref_block_hash: Buffer.from(head.id.slice(16, 32), 'hex'), expiration: BigInt(head.timeMs + LIFE_MS),
    contract: [{ type: contractTypeNumber(message), parameter: any(message, contract) }],
    timestamp: BigInt(head.timeMs + 1 + built++), ...feeLimit && { fee_limit: feeLimit } } });
}

const bytes = (address) => Buffer.from(address, 'hex');

export const selectorOf = (signature) => keccak256(Buffer.from(signature)).subarray(0, 4);

export function call(node, owner, to, data, value, feeLimit) {
  return unsigned(node, 'TriggerSmartContract', { owner_address: bytes(owner), contract_address: bytes(to), data,
    call_value: value }, feeLimit);
}

export function deployment(node, owner, { code, value = 0n, name, percent = 100n, energyLimit, abi, feeLimit }) {
  return unsigned(node, 'CreateSmartContract', { owner_address: bytes(owner), new_contract: { origin_address: bytes(owner),
    abi, bytecode: code, call_value: value, consume_user_resource_percent: percent, name, origin_energy_limit: energyLimit } },
  feeLimit);
}

export const addressMade = (tx) => contractAddress(tx.txid, tx.owner);

// By the ABI that its deployer gave: a view or a pure function.
export function changesNothing(contract, data) {
  return (contract.abi?.entrys ?? []).some((e) => (e.stateMutability === 1 || e.stateMutability === 2)
    && selectorOf(`${e.name}(${(e.inputs ?? []).map((p) => p.type).join(',')})`).equals(data.subarray(0, 4)));
}

export async function transfer(node, body) {
  const visible = body.visible === true;
  const owner = addressOfJson(body.owner_address ?? '', visible), to = addressOfJson(body.to_address ?? '', visible);
  const amount = BigInt(body.amount ?? 0), { chain } = node;
  if (!isAddress(owner)) throw invalid('Invalid ownerAddress!');
  if (!isAddress(to)) throw invalid('Invalid toAddress!');
  if (!chain.accounts.get(owner)) throw invalid('Validate TransferContract error, no OwnerAccount.');
  if (chain.contracts.get(to)) throw invalid('Cannot transfer TRX to a smartContract.');
  const fee = chain.accounts.get(to) ? 0n : prices.newAccount;
  if (await chain.balance(owner, node.head) < amount + fee)
    throw invalid('Validate TransferContract error, balance is not sufficient.');
  return forms.transaction(unsigned(node, 'TransferContract',
    { owner_address: bytes(owner), to_address: bytes(to), amount }), visible);
}

export function stake(node, body) {
  return forms.transaction(unsigned(node, 'FreezeBalanceV2Contract', fromJson('FreezeBalanceV2Contract', body, body.visible)),
    body.visible === true);
}

export function deploy(node, body) {
  const visible = body.visible === true;
  const owner = needAddress(body.owner_address, visible, 'owner_address');
  const percent = BigInt(body.consume_user_resource_percent ?? 0);
  if (percent < 0n || percent > 100n) throw invalid('percent must be >= 0 and <= 100');
  const abi = typeof body.abi === 'string' ? JSON.parse(body.abi || '[]') : body.abi ?? [];
  const tx = deployment(node, owner, { percent, name: body.name, feeLimit: BigInt(body.fee_limit ?? 0),
    code: Buffer.concat([bytesOfHex(body.bytecode ?? ''), bytesOfHex(body.parameter ?? '')]), value: BigInt(body.call_value ?? 0),
    energyLimit: BigInt(body.origin_energy_limit ?? 0), abi: fromJson('Abi', { entrys: abi }) });
  const { raw_data, ...rest } = forms.transaction(tx, visible);
  return { ...rest, contract_address: forms.showAddress(addressMade(tx), visible), raw_data };
}
