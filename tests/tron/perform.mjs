// perform.mjs - what a transaction does, and costs: bandwidth first, then what
// its contract is about. Nothing is kept here; the outcome says what to keep.
import * as accounts from './accounts.mjs';
import { base58Address, contractAddress, evmAddress, fromEvm } from './crypto.mjs';
import { measure } from './energy.mjs';
import { chargedBytes, invalid, Refusal } from './transaction.mjs';

export const prices = { energy: 100, byte: 1000, memo: 1_000_000n, newAccountBytes: 100_000n, newAccount: 1_000_000n,
  maxFeeLimit: 15_000_000_000n, constantEnergy: 100_000_000 };
const ONE_TRX = 1_000_000n;

const noBandwidth = () => new Refusal('BANDWITH_ERROR', 'Account resource insufficient error.');
const hex = (bytes) => bytes?.toString('hex') ?? '';

// The owner's purse while a transaction is under way. `chain` gives accounts,
// contracts and the machine; `reserved` is what other pending ones will take.
async function openPurse(chain, tx, reserved) {
  const account = chain.accounts.get(tx.owner);
  if (!account) throw invalid(`account [${base58Address(tx.owner)}] does not exist`);
  return { owner: tx.owner, account, balance: await chain.evm.balance(evmAddress(tx.owner)) - reserved, fee: 0n, receipt: {} };
}

function pay(purse, sun, refusal) {
  if (purse.balance < sun) throw refusal;
  purse.balance -= sun;
  purse.fee += sun;
}

function payForBytes(chain, tx, purse) {
  const bytes = chargedBytes(tx), now = chain.timeMs;
  const makesAccount = tx.contract.message === 'TransferContract' && !chain.accounts.get(hex(tx.contract.to_address));
  const paid = accounts.payBytes(purse.account, bytes, chain.stakeWeights(), now, makesAccount);
  if (paid) {
    purse.account = paid;
    purse.receipt.net_usage = bytes;
    return;
  }
  const fee = makesAccount ? prices.newAccountBytes : BigInt(bytes * prices.byte);
  pay(purse, fee, noBandwidth());
  purse.account = accounts.touched(purse.account, now);
  purse.receipt.net_fee = fee;
}

// ------------------------------------------------------------------ the kinds

async function transfer(chain, tx, purse) {
  const { amount = 0n, to_address } = tx.contract;
  const to = hex(to_address);
  if (!/^41.{40}$/.test(to)) throw invalid('Invalid toAddress!');
  if (to === tx.owner) throw invalid('Cannot transfer TRX to yourself.');
  if (amount <= 0n) throw invalid('Amount must be greater than 0.');
  if (chain.contracts.get(to)) throw invalid('Cannot transfer TRX to a smartContract.');
  const poor = invalid('Validate TransferContract error, balance is not sufficient.');
  if (!chain.accounts.get(to)) pay(purse, prices.newAccount, poor);
  if (purse.balance < amount) throw poor;
  purse.balance -= amount;
  return { changes: { [evmAddress(to)]: { balance: await chain.evm.balance(evmAddress(to)) + amount } }, contractResult: '' };
}

async function stake(chain, tx, purse) {
  const { frozen_balance: sun = 0n, resource = 0 } = tx.contract;
  if (sun < ONE_TRX) throw invalid('frozenBalance must be greater than or equal to 1 TRX');
  if (sun > purse.balance) throw invalid('frozenBalance must be less than or equal to accountBalance');
  purse.balance -= sun;
  purse.account = accounts.stake(purse.account, resource, sun);
  return { changes: {}, contractResult: '' };
}

// Energy that a call may use: what its owner allows and can pay.
function energyAllowed(chain, tx, purse, value) {
  const feeLimit = tx.raw.fee_limit ?? 0n;
  if (feeLimit < 0n || feeLimit > prices.maxFeeLimit) throw invalid(`feeLimit must be >= 0 and <= ${prices.maxFeeLimit}`);
  if (value < 0n) throw invalid('callValue must be >= 0');
  const coin = purse.balance > value ? purse.balance - value : 0n;
  const staked = accounts.energyLeft(purse.account, chain.stakeWeights(), chain.timeMs);
  const allowed = Math.min(Number(feeLimit / BigInt(prices.energy)), staked + Number(coin / BigInt(prices.energy)));
  if (value > purse.balance) throw invalid('Validate InternalTransfer error, balance is not sufficient.');
  return { allowed, staked };
}

function chargeEnergy(chain, purse, used, staked) {
  const usage = Math.min(used, staked), fee = BigInt((used - usage) * prices.energy);
  if (usage) {
    purse.account = accounts.payEnergy(purse.account, usage, chain.timeMs);
    purse.receipt.energy_usage = usage;
  }
  purse.balance -= fee;
  purse.fee += fee;
  purse.receipt.energy_fee = fee;
  purse.receipt.energy_usage_total = used;
}

// One run on the machine, billed. `call`: from, to (21 bytes in hex), data,
// value, code of a constructor, balance of the sender, block.
export async function bill(chain, call, energy) {
  const run = await chain.evm.run({ ...call, from: evmAddress(call.from), to: evmAddress(call.to), work: chain.work });
  if (run.tooMuchWork) return { run, result: 'OUT_OF_TIME', message: 'Already Time Out', used: energy };
  return { run, ...measure(run.steps, { energy, address: evmAddress(call.to), deploys: call.code ? run.output.length : 0,
    isAccount: (address) => chain.accounts.get(fromEvm(address)) !== undefined }) };
}

async function vm(chain, tx, purse, call, dry) {
  const { allowed, staked } = energyAllowed(chain, tx, purse, call.value);
  const late = !dry && chain.takeOutOfTime();
  const done = late ? { result: 'OUT_OF_TIME', message: 'Already Time Out', used: allowed }
    : await bill(chain, { ...call, from: tx.owner, balance: purse.balance }, allowed);
  const good = done.result === 'SUCCESS';
  const changes = good ? done.run.changes : {};
  const mine = evmAddress(tx.owner);
  if (changes[mine]?.balance !== undefined) purse.balance = BigInt(changes[mine].balance);
  chargeEnergy(chain, purse, done.used, staked);
  purse.receipt.result = done.result;
  const out = { changes, result: done.result, contractAddress: call.to, message: good ? undefined : done.message,
    contractResult: good || done.result === 'REVERT' ? hex(done.run.output) : '', logs: good ? done.run.logs : [] };
  if (good && call.code) deployed(out, tx, call, done.run.output);
  return out;
}

function deployed(out, tx, call, code) {
  const address = evmAddress(call.to);
  out.changes[address] = { ...out.changes[address], code: `0x${code.toString('hex')}`, nonce: 1 };
  out.contract = { ...tx.contract.new_contract, contract_address: Buffer.from(call.to, 'hex') };
}

function trigger(chain, tx, purse, dry) {
  const { contract_address, data = Buffer.alloc(0), call_value: value = 0n } = tx.contract;
  const to = hex(contract_address);
  if (!chain.contracts.get(to)) throw invalid('No contract or not a smart contract');
  return vm(chain, tx, purse, { to, data, value }, dry);
}

function create(chain, tx, purse, dry) {
  const made = tx.contract.new_contract ?? {};
  const percent = made.consume_user_resource_percent ?? 0n;
  if (hex(made.origin_address) !== tx.owner) throw invalid('OwnerAddress is not equal OriginAddress');
  if (Buffer.byteLength(made.name ?? '') > 32) throw invalid("contractName's length cannot be greater than 32");
  if (percent < 0n || percent > 100n) throw invalid('percent must be >= 0 and <= 100');
  if ((made.origin_energy_limit ?? 0n) <= 0n) throw invalid('The originEnergyLimit must be > 0');
  const to = contractAddress(tx.txid, tx.owner);
  if (chain.accounts.get(to)) throw invalid(`Trying to create a contract with existing contract address: ${base58Address(to)}`);
  return vm(chain, tx, purse, { to, code: made.bytecode ?? Buffer.alloc(0), value: made.call_value ?? 0n }, dry);
}

const kinds = { TransferContract: transfer, FreezeBalanceV2Contract: stake, TriggerSmartContract: trigger,
  CreateSmartContract: create };

// Outcome: {changes (of the machine's accounts), account, owner, fee, receipt,
// cost (sun that left the owner), contractResult, and of a contract call: result, message,
// logs, contractAddress, contract}. Throws a Refusal. `dry`: tried only.
export async function perform(chain, tx, { dry = false, reserved = 0n } = {}) {
  if (!tx.contract) throw invalid('no contract of this kind is known here');
  const purse = await openPurse(chain, tx, reserved);
  const had = purse.balance;
  payForBytes(chain, tx, purse);
  if (tx.raw.data) pay(purse, prices.memo, noBandwidth());
  const kind = kinds[tx.contract.message];
  const outcome = await kind(chain, tx, purse, dry);
  const mine = evmAddress(tx.owner);
  outcome.changes[mine] = { ...outcome.changes[mine], balance: purse.balance };
  return { ...outcome, account: purse.account, owner: tx.owner, fee: purse.fee, receipt: purse.receipt, cost: had - purse.balance };
}
