// test_chain.mjs - what the chain takes and refuses, what it charges, and how a
// test moves it. Over HTTP, on an anvil that it starts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { base58Address, sha256, sign } from './crypto.mjs';
import { openAnvil } from './evm.mjs';
import { encode } from './protobuf.mjs';
import { person, Rig, TRX } from './rig.mjs';

const hex = (text) => Buffer.from(text, 'hex');
const word = (n) => Buffer.from(BigInt(n).toString(16).padStart(64, '0'), 'hex');
const text = (message) => Buffer.from(message, 'hex').toString('latin1');
const NONE = Buffer.alloc(0);

// Init code that leaves `runtime`: what follows it, copied and returned.
const init = (runtime) => hex(`60${(runtime.length / 2).toString(16).padStart(2, '0')}8060095f395ff3${runtime}`);
const codes = {
  reverts: '63deadbeef5f526004601cfd', // revert(0xdeadbeef)
  breaks: 'fe',
  loops: '5b5f56',
  counts: '620100005b6001900380600457', // down from 2^16, and is done
  stores: '5f355f555f545f5260205ff3', // slot 0 = word of the calldata, which it returns
  takes: '00',
  pays: '5f5f5f5f5f35335af100', // to the caller, as many sun as the calldata says
};

let rig;
const at = {}; // addresses by name of code

before(async () => {
  rig = await Rig.start();
  for (const [name, code] of Object.entries(codes)) at[name] = await rig.deploy(init(code));
});
after(() => rig.stop());

const balance = async (who) => (await rig.wallet('getaccount', { address: who.address })).balance ?? 0;

// --------------------------------------------------------------- what is taken

test('what is refused, with which words', async () => {
  const now = (await rig.dev('state')).time_ms;
  const good = await rig.transfer(1);
  const change = (more) => rig.signed({ ...good, ...more });
  const call = async (to, more, who, value) => rig.signed(await rig.call(to, NONE, more, who, value), who);
  const raw = encode('Raw', good), signature = sign(rig.alice.key, sha256(raw));
  const bent = Buffer.from(signature);
  bent[40] ^= 1;
  const zero = Buffer.concat([raw.subarray(0, 4), Buffer.from('1800', 'hex'), raw.subarray(4)]);
  const table = [
    ['no signature', rig.packed(raw), 'SIGERROR', /^Validate signature error: miss sig or contract$/],
    ['a signature of 64 bytes', rig.packed(raw, signature.subarray(0, 64)), 'SIGERROR',
      /^Validate signature error: Signature size is 64$/],
    ['a bent signature', rig.packed(raw, bent), 'SIGERROR',
      /is signed by T\w{33} but it is not contained of permission\.$|Could not recover/],
    ['another\'s signature', rig.signed(good, rig.bob), 'SIGERROR',
      /^Validate signature error: [0-9a-f]{130} is signed by T\w{33} but it is not contained of permission\.$/],
    ['a zero that is written', rig.signed(zero), 'SIGERROR', /not contained of permission/],
    ['a block that is another', change({ ref_block_hash: Buffer.alloc(8, 0xab) }), 'TAPOS_ERROR', /^Tapos check error\.$/],
    ['a block that nobody knows', change({ ref_block_bytes: hex('f123') }), 'TAPOS_ERROR', /^Tapos check error\.$/],
    ['no block', change({ ref_block_bytes: undefined }), 'TAPOS_ERROR', /^Tapos check error\.$/],
    ['expired', change({ expiration: BigInt(now) }), 'TRANSACTION_EXPIRATION_ERROR', /^Transaction expired$/],
    ['expired before the next block', change({ expiration: BigInt(now + 2999) }), 'TRANSACTION_EXPIRATION_ERROR',
      /^Transaction expired$/],
    ['good for more than a day', change({ expiration: BigInt(now + 86_400_001) }), 'TRANSACTION_EXPIRATION_ERROR',
      /^Transaction expired$/],
    ['two contracts', change({ contract: [good.contract[0], good.contract[0]] }), 'OTHER_ERROR', /exactly 1/],
    ['no such account', rig.signed(await rig.transfer(1, rig.bob, rig.nobody), rig.nobody), 'CONTRACT_VALIDATE_ERROR',
      /^Contract validate error : account \[T\w{33}\] does not exist$/],
    ['no such contract', await call(rig.nobody.address), 'CONTRACT_VALIDATE_ERROR',
      /^Contract validate error : No contract or not a smart contract$/],
    ['a fee limit above the most', await call(at.takes, { fee_limit: 15_000_000_001n }), 'CONTRACT_VALIDATE_ERROR',
      /^Contract validate error : feeLimit must be >= 0 and <= 15000000000$/],
    ['more coin than there is', await call(at.takes, {}, rig.alice, BigInt(2e6 * TRX)), 'CONTRACT_VALIDATE_ERROR',
      /^Contract validate error : Validate InternalTransfer error, balance is not sufficient\.$/],
    ['a transfer of more than there is', rig.signed(await rig.transfer(2e6 * TRX)), 'CONTRACT_VALIDATE_ERROR',
      /^Contract validate error : Validate TransferContract error, balance is not sufficient\.$/],
    ['a transfer to a contract', rig.signed(await rig.transfer(1, { bytes: hex(at.takes) })), 'CONTRACT_VALIDATE_ERROR',
      /Cannot transfer TRX to a smartContract\.$/],
    ['a deployment without energy of its own', rig.signed(await rig.deployment(init('00'), { origin_energy_limit: 0n })),
      'CONTRACT_VALIDATE_ERROR', /originEnergyLimit must be > 0/],
    ['nothing to pay the bytes with', rig.signed(await rig.call(at.takes, Buffer.alloc(400), {}, rig.bob), rig.bob),
      'BANDWITH_ERROR', /^Account resource insufficient error\.$/],
    ['too big', rig.signed(await rig.call(at.takes, Buffer.alloc(511_900))), 'TOO_BIG_TRANSACTION_ERROR',
      /^Too big transaction with result, TxId [0-9a-f]{64}, the size is \d+ bytes, maxTxSize 512000$/],
  ];
  for (const [name, bytes, code, message] of table) {
    const answer = await rig.send(bytes);
    assert.equal(answer.result, false, name);
    assert.equal(answer.code, code, name);
    assert.match(answer.message, message, name);
    assert.match(answer.txid, /^[0-9a-f]{64}$/, name);
  }
  assert.equal((await rig.dev('state')).pending, 0);
});

test('the largest transaction is 511,872 bytes', async () => {
  const empty = rig.signed(await rig.call(at.takes, Buffer.alloc(511_000))).length;
  for (const [size, code] of [[511_872, 'SUCCESS'], [511_873, 'TOO_BIG_TRANSACTION_ERROR']]) {
    const bytes = rig.signed(await rig.call(at.takes, Buffer.alloc(511_000 + size - empty)));
    assert.equal(bytes.length, size);
    assert.equal((await rig.send(bytes)).code, code);
  }
  await rig.dev('drop', {});
});

test('the same twice is a duplicate, pending and mined', async () => {
  const bytes = rig.signed(await rig.transfer(1));
  const first = await rig.send(bytes);
  assert.deepEqual([first.result, first.code, first.message], [true, 'SUCCESS', '']);
  for (const step of ['pending', 'mined']) {
    const again = await rig.send(bytes);
    assert.deepEqual([again.result, again.code, again.message, again.txid],
      [false, 'DUP_TRANSACTION_ERROR', 'Dup transaction.', first.txid], step);
    await rig.dev('mine');
  }
});

test('what is no transaction is told as an error', async () => {
  const table = [
    [{ transaction: 'zz' }, 'class org.bouncycastle.util.encoders.DecoderException : exception decoding Hex string: '
      + 'invalid characters encountered in Hex string'],
    [{ transaction: '0ab3010a02' }, 'class com.google.protobuf.InvalidProtocolBufferException : While parsing a protocol message, '
      + 'the input ended unexpectedly in the middle of a field.  This could mean either that the input has been truncated or that '
      + 'an embedded message misreported its own length.'],
    ['xx', 'class com.alibaba.fastjson.JSONException : illegal state. x'],
  ];
  for (const [body, message] of table) assert.deepEqual(await rig.wallet('broadcasthex', body), { Error: message });
  assert.match((await rig.wallet('broadcasttransaction', {})).Error, /^class java\.lang\.NullPointerException/);
  assert.match((await rig.wallet('getaccount', { address: 'TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L' })).Error, /INVALID hex String$/);
});

test('paths and methods', async () => {
  const status = async (method, path) => {
    const answer = await fetch(rig.url + path, { method });
    await answer.text();
    return answer.status;
  };
  assert.equal(await status('GET', '/wallet/nosuch'), 404);
  assert.equal(await status('POST', '/wallet/nosuch'), 405);
  assert.equal(await status('GET', '/wallet/broadcasthex'), 405);
  assert.equal(await status('GET', '/wallet/getnowblock'), 200);
  assert.equal(await status('POST', '/walletsolidity/broadcasthex'), 405);
});

// ------------------------------------------------------------ what it charges

test('a transfer to a new account pays for the account, one to an old one for its bytes', async () => {
  const before = await balance(rig.alice);
  const first = await rig.done(await rig.transfer(5, rig.nobody));
  assert.deepEqual([first.fee, first.receipt, first.contractResult], [1_100_000, { net_fee: 100_000 }, ['']]);
  assert.equal(await balance(rig.nobody), 5);
  const bytes = rig.signed(await rig.transfer(5, rig.nobody)).length + 64;
  const second = await rig.done(await rig.transfer(5, rig.nobody));
  await rig.dev('give', { address: person('dave').address, sun: 2 * TRX });
  const free = await rig.done(await rig.transfer(5, person('erin'), person('dave')), person('dave'));
  assert.deepEqual(free.receipt, { net_fee: 100_000 }); // though the free bytes would do
  assert.deepEqual(second.receipt, { net_fee: bytes * 1000 });
  assert.equal(second.result, undefined);
  assert.equal(await balance(rig.alice), before - 1_100_000 - bytes * 1000 - 10);
});

test('a call pays for energy and bytes, and shows what it returned', async () => {
  const raw = await rig.call(at.stores, word(7));
  const net = (rig.signed(raw).length + 64) * 1000;
  const before = await balance(rig.alice);
  const info = await rig.done(raw);
  const energy = 2 + 3 + 2 + 20000 + 2 + 50 + 2 + 4 + 3 + 2;
  assert.equal(info.contract_address, at.stores);
  assert.deepEqual(info.contractResult, [word(7).toString('hex')]);
  assert.deepEqual(info.receipt, { energy_fee: energy * 100, energy_usage_total: energy, net_fee: net, result: 'SUCCESS' });
  assert.equal(info.fee, energy * 100 + net);
  assert.equal(await balance(rig.alice), before - info.fee);
  const again = await rig.done(await rig.call(at.stores, word(8)));
  assert.equal(again.receipt.energy_usage_total, energy - 15000);
});

// Their figures are those that a java-tron node gave for the same bytes.
test('a deployment and a call cost to the sun what they cost at a node', async () => {
  const kid = '608060405260055f553480156012575f5ffd5b50607980601e5f395ff3fe6080604052348015600e575f5ffd5b50600436106026575f3560e01c8063a5'
    + '6dfe4a14602a575b5f5ffd5b60315f5481565b60405190815260200160405180910390f3fea2646970667358221220b1a9d26e710445df7e8a4743267066'
    + '665b5366243035dab4030166f434d5ee1564736f6c63430008250033';
  const deployed = await rig.done(await rig.deployment(hex(kid), { name: 'Kid', abi: {} }));
  assert.equal(deployed.fee, 4_874_300);
  assert.deepEqual(deployed.receipt, { energy_fee: 4_427_300, energy_usage_total: 44_273, net_fee: 447_000, result: 'SUCCESS' });
  assert.deepEqual(deployed.contractResult, [kid.slice(60)]);
  const called = await rig.done(await rig.call(at.takes, Buffer.alloc(36), { fee_limit: BigInt(100 * TRX) }));
  assert.equal(called.receipt.net_fee, 313_000);
});

test('how a call can fail, and what that costs', async () => {
  const table = [
    ['reverts', 'REVERT', 15, 'REVERT opcode executed', 'deadbeef'],
    ['breaks', 'ILLEGAL_OPERATION', 20_000, 'Invalid operation code: opCode[fe];', ''],
    ['loops', 'OUT_OF_TIME', 20_000, 'Already Time Out', ''],
    ['counts', 'OUT_OF_TIME', 20_000, 'Already Time Out', ''],
    ['stores', 'OUT_OF_ENERGY', 4_000, 'Not enough energy for \'SSTORE\' operation executing: '
      + 'curInvokeEnergyLimit[4000], curOpEnergy[5000], usedEnergy[7]', ''],
  ];
  for (const [name, result, energy, message, output] of table) {
    const fee_limit = BigInt((result === 'OUT_OF_ENERGY' ? 4_000 : 20_000) * 100);
    const info = await rig.done(await rig.call(at[name], word(9), { fee_limit }));
    assert.deepEqual([info.result, info.receipt.result, info.receipt.energy_usage_total, info.receipt.energy_fee],
      ['FAILED', result, energy, energy * 100], name);
    assert.equal(text(info.resMessage), message);
    assert.deepEqual(info.contractResult, [output]);
    const mined = await rig.wallet('gettransactionbyid', { value: info.id });
    assert.deepEqual(mined.ret, [{ contractRet: result }]);
  }
  const kept = await rig.chain.evm.rpc('eth_getStorageAt', `0x${at.stores.slice(2)}`, '0x0', 'latest');
  assert.equal(kept, `0x${word(8).toString('hex')}`);
});

test('a fee limit of zero ends at the first instruction, and the bytes are paid', async () => {
  const info = await rig.done(await rig.call(at.stores, word(9), { fee_limit: undefined }));
  assert.deepEqual(Object.keys(info.receipt).sort(), ['net_fee', 'result']);
  assert.equal(text(info.resMessage),
    'Not enough energy for \'PUSH0\' operation executing: curInvokeEnergyLimit[0], curOpEnergy[2], usedEnergy[0]');
});

test('who has little coin has little energy', async () => {
  const carol = person('carol');
  await rig.dev('give', { address: carol.address, sun: 100_000 }); // 1000 energy; the free bytes cover the rest
  const info = await rig.done(await rig.call(at.stores, word(1), {}, carol), carol);
  assert.deepEqual(info.receipt,
    { energy_fee: 100_000, energy_usage_total: 1000, net_usage: info.receipt.net_usage, result: 'OUT_OF_ENERGY' });
  const account = await rig.wallet('getaccount', { address: carol.address });
  assert.equal(account.balance, undefined);
  assert.equal(account.free_net_usage, info.receipt.net_usage);
  assert.equal((await rig.wallet('getaccountresource', { address: carol.address })).freeNetUsed, info.receipt.net_usage);
  assert.equal((await rig.send(rig.signed(await rig.call(at.stores, word(1), {}, carol), carol))).code, 'BANDWITH_ERROR');
});

test('a memo costs one TRX', async () => {
  const info = await rig.done(await rig.transfer(1, rig.bob, rig.alice));
  const memo = await rig.done({ ...await rig.transfer(1), data: Buffer.from('hello') });
  assert.equal(memo.fee - info.fee, 1_000_000 + 7 * 1000);
});

test('coin goes along with a call, out of a contract, and back when it fails', async () => {
  const value = BigInt(3 * TRX), contract = (name) => ({ address: at[name] });
  const in_ = await rig.done(await rig.call(at.pays, word(1), {}, rig.alice, value));
  assert.equal(in_.receipt.result, 'SUCCESS');
  assert.equal(await balance(contract('pays')), Number(value) - 1);
  const before = await balance(rig.alice);
  const out = await rig.done(await rig.call(at.pays, word(TRX)));
  assert.equal(await balance(rig.alice), before - out.fee + TRX);
  const failed = await rig.done(await rig.call(at.reverts, NONE, {}, rig.alice, value));
  assert.equal(await balance(contract('reverts')), 0);
  assert.equal(await balance(rig.alice), before - out.fee + TRX - failed.fee);
});

test('stake pays for energy and bytes', async () => {
  for (const [resource, value] of [['ENERGY', 1], [undefined, 0]])
    await rig.done(await rig.raw('FreezeBalanceV2Contract', { owner_address: rig.alice.bytes, frozen_balance: BigInt(100 * TRX),
      ...resource && { resource: value } }));
  const info = await rig.done(await rig.call(at.stores, word(1)));
  assert.deepEqual(info.receipt,
    { energy_usage: 5070, energy_usage_total: 5070, net_usage: info.receipt.net_usage, result: 'SUCCESS' });
  assert.equal(info.fee, undefined);
  const { EnergyLimit, EnergyUsed, TotalEnergyWeight } = await rig.wallet('getaccountresource', { address: rig.alice.address });
  assert.deepEqual([EnergyLimit, EnergyUsed, TotalEnergyWeight], [180_000_000_000, 5070, 100]);
});

// ------------------------------------------------------------- constant calls

test('constant calls: what they return, cost and say', async () => {
  const ask = (more) => rig.wallet('triggerconstantcontract', { owner_address: rig.nobody.address, ...more });
  const stores = await ask({ contract_address: at.stores, data: word(5).toString('hex') });
  assert.deepEqual([stores.result, stores.energy_used, stores.constant_result, stores.transaction.ret],
    [{ result: true }, 5070, [word(5).toString('hex')], [{}]]);
  const reverts = await ask({ contract_address: at.reverts, data: '' });
  assert.deepEqual([reverts.result.result, text(reverts.result.message), reverts.constant_result, reverts.transaction.ret],
    [true, 'REVERT opcode executed', ['deadbeef'], [{ ret: 'FAILED' }]]);
  const table = [
    [{ contract_address: at.breaks }, 'OTHER_ERROR',
      'class org.tron.core.vm.program.Program$IllegalOperationException : Invalid operation code: opCode[fe];'],
    [{ contract_address: at.loops }, 'OTHER_ERROR',
      'class org.tron.core.vm.program.Program$OutOfTimeException : CPU timeout for \'ADD\' operation executing'],
    [{ contract_address: rig.nobody.address }, 'CONTRACT_VALIDATE_ERROR', 'Smart contract is not exist.'],
    [{ contract_address: at.takes, owner_address: undefined }, 'OTHER_ERROR',
      'class java.security.InvalidParameterException : owner_address isn\'t set.'],
    [{ contract_address: at.takes, function_selector: 'm(uint256)', parameter: 'zz' }, 'OTHER_ERROR',
      'class org.bouncycastle.util.encoders.DecoderException : exception decoding Hex string: '
      + 'invalid characters encountered in Hex string'],
  ];
  for (const [more, code, message] of table) {
    const { result } = await ask(more);
    assert.deepEqual([result.code, text(result.message), result.result], [code, message, undefined]);
  }
  const deploy = await ask({ data: init(codes.stores).toString('hex') });
  assert.deepEqual([deploy.result, deploy.constant_result], [{ result: true }, [codes.stores]]);
});

test('an estimate overstates as a node does', async () => {
  const { energy_required: energy } = await rig.wallet('estimateenergy',
    { owner_address: rig.bob.address, contract_address: at.stores, data: word(5).toString('hex') });
  assert.equal(energy, 10140); // twice 5070: less than 1 TRX away
  const { result } = await rig.wallet('estimateenergy', { owner_address: rig.bob.address, contract_address: at.reverts });
  assert.deepEqual([result.code, text(result.message)], ['CONTRACT_EXE_ERROR', 'REVERT opcode executed']);
});

// --------------------------------------------------------------- what it builds

async function broadcast(built, who = rig.alice) {
  assert.equal(sha256(hex(built.raw_data_hex)).toString('hex'), built.txID);
  const answer = await rig.wallet('broadcasttransaction',
    { ...built, signature: [sign(who.key, hex(built.txID)).toString('hex')] });
  assert.deepEqual(answer, { result: true, txid: built.txID });
  await rig.dev('mine');
  return rig.info(built.txID);
}

test('what it builds can be signed and sent, in either form of addresses', async () => {
  for (const visible of [false, true]) {
    const show = (who) => visible ? base58Address(who.address) : who.address;
    const built = await rig.wallet('createtransaction',
      { owner_address: show(rig.alice), to_address: show(rig.bob), amount: 3, visible });
    assert.equal(built.raw_data.contract[0].parameter.value.to_address, show(rig.bob));
    assert.ok((await broadcast(built)).receipt);
  }
  const abi = '[{"type":"function","name":"get","stateMutability":"view","inputs":[{"name":"x","type":"uint256"}],"outputs":[]}]';
  const built = await rig.wallet('deploycontract', { owner_address: rig.alice.address, abi,
    bytecode: init(codes.stores).toString('hex'), name: 'Built', consume_user_resource_percent: 100, origin_energy_limit: 1000, fee_limit: 1e9 });
  const { contract_address: to } = await broadcast(built);
  assert.equal(to, built.contract_address);
  const ask = { owner_address: rig.alice.address, contract_address: to, parameter: word(1).toString('hex'), fee_limit: 1e8 };
  const run = await rig.wallet('triggersmartcontract', { ...ask, function_selector: 'get(uint256)' }); // by the ABI a view
  assert.equal(run.constant_result.length, 1);
  const only = await rig.wallet('triggersmartcontract', { ...ask, function_selector: 'set(uint256)' });
  assert.equal(only.constant_result, undefined);
  assert.equal((await broadcast(only.transaction)).receipt.result, 'SUCCESS');
  const info = await rig.wallet('getcontractinfo', { value: to });
  assert.deepEqual([info.runtimecode, info.smart_contract.name], [codes.stores, 'Built']);
});

test('what it does not build', async () => {
  const owner_address = rig.alice.address, amount = 1;
  const table = [
    ['createtransaction', { owner_address, to_address: rig.bob.address, amount: 9e15 },
      'Validate TransferContract error, balance is not sufficient.'],
    ['createtransaction', { owner_address: person('george').address, to_address: rig.bob.address, amount },
      'Validate TransferContract error, no OwnerAccount.'],
    ['createtransaction', { owner_address, to_address: at.takes, amount }, 'Cannot transfer TRX to a smartContract.'],
    ['deploycontract', { owner_address, bytecode: '00', consume_user_resource_percent: 101 }, 'percent must be >= 0 and <= 100'],
  ];
  for (const [path, body, message] of table) assert.deepEqual(await rig.wallet(path, body),
    { Error: `class org.tron.core.exception.ContractValidateException : ${message}` });
  const { result } = await rig.wallet('triggersmartcontract',
    { owner_address, contract_address: rig.bob.address, function_selector: 'x()' });
  assert.deepEqual([result.code, text(result.message)], ['CONTRACT_VALIDATE_ERROR', 'No contract or not a valid smart contract']);
});

// ------------------------------------------------------------ blocks and faults

test('a block holds what was pending, in the order of its arrival', async () => {
  const ids = [];
  for (let i = 1; i <= 3; i++) ids.push((await rig.send(rig.signed(await rig.call(at.stores, word(i))))).txid);
  for (const id of ids) {
    assert.deepEqual(await rig.info(id), {});
    assert.deepEqual((await rig.wallet('gettransactionbyid', { value: id })).ret, [{ contractRet: 'SUCCESS' }]);
  }
  const { head } = await rig.dev('mine');
  const block = await rig.wallet('getnowblock');
  assert.equal(block.block_header.raw_data.number, head);
  assert.deepEqual(block.transactions.map((t) => t.txID), ids);
  assert.deepEqual((await rig.wallet('gettransactioninfobyblocknum', { num: head })).map((i) => i.id), ids);
  const parent = await rig.wallet('getblockbynum', { num: head - 1 });
  assert.equal(block.block_header.raw_data.parentHash, parent.blockID);
  assert.equal(block.block_header.raw_data.timestamp - parent.block_header.raw_data.timestamp, 3000);
  assert.deepEqual(await rig.wallet('getblock', { id_or_num: block.blockID, detail: true }), block);
  assert.deepEqual(await rig.wallet('getblockbynum', { num: head + 1 }), {});
});

test('empty blocks asked for one by one, slowly, are 3 s apart too', async () => {
  const { time_ms: was } = await rig.dev('mine');
  await rig.chain.evm.rpc('evm_increaseTime', 60); // as if we had waited
  await rig.dev('mine', { empty: true });
  await rig.send(rig.signed(await rig.transfer(1)));
  assert.equal((await rig.dev('mine')).time_ms, was + 6000);
});

test('the solid side is two blocks behind, in all that it shows', async () => {
  const info = await rig.done(await rig.call(at.stores, word(0xaa)));
  const solid = () => rig.solid('gettransactioninfobyid', { value: info.id });
  const stored = async () => (await rig.solid('triggerconstantcontract',
    { owner_address: rig.bob.address, contract_address: at.stores, data: '' })).energy_used;
  assert.deepEqual(await solid(), {});
  assert.ok(await stored() > 0);
  await rig.dev('mine');
  assert.deepEqual(await solid(), {});
  await rig.dev('mine');
  assert.deepEqual(await solid(), info);
  await rig.dev('solid', { hold: true });
  const held = (await rig.dev('mine', { blocks: 10 })).solid;
  assert.equal((await rig.solid('getnowblock')).block_header.raw_data.number, held);
  const { solid: caught, head } = await rig.dev('solid', { lag: 4 });
  assert.equal(head - caught, 4);
  await rig.dev('solid', { lag: 2 });
});

test('a transaction is undone with its block, and comes again or not', async () => {
  await rig.dev('mine', { blocks: 3 });
  const had = await balance(rig.alice);
  const info = await rig.done(await rig.transfer(77));
  assert.equal((await rig.dev('rollback')).pending, 1);
  assert.deepEqual(await rig.info(info.id), {});
  assert.equal(await balance(rig.alice), had);
  await rig.dev('mine');
  assert.equal((await rig.info(info.id)).fee, info.fee);
  assert.equal((await rig.dev('rollback', { forget: true })).pending, 0);
  await rig.dev('mine');
  assert.deepEqual(await rig.info(info.id), {});
  assert.match((await rig.dev('rollback', { blocks: 50 })).error, /solid/);
});

test('a contract deployed in an undone block is gone, and can be deployed again', async () => {
  await rig.dev('mine', { blocks: 3 });
  const raw = await rig.deployment(init('00'));
  const { contract_address: address } = await rig.done(raw);
  assert.equal((await rig.wallet('getcontract', { value: address })).name, 'Test');
  await rig.dev('rollback', { forget: true });
  assert.deepEqual(await rig.wallet('getcontract', { value: address }), {});
  assert.match((await rig.send(rig.signed(await rig.call(address, NONE)))).message, /No contract/);
  assert.equal((await rig.done(raw)).contract_address, address);
});

test('what refers to an undone block is not mined again', async () => {
  await rig.dev('mine', { blocks: 3 });
  const first = await rig.done(await rig.transfer(1)), second = await rig.done(await rig.transfer(2));
  assert.equal((await rig.dev('rollback', { blocks: 2 })).pending, 2);
  assert.equal((await rig.dev('mine')).pending, 0);
  assert.equal((await rig.info(first.id)).id, first.id);
  assert.deepEqual(await rig.info(second.id), {});
});

test('what is pending is held against the balance', async () => {
  const frank = person('frank');
  await rig.dev('give', { address: frank.address, sun: 10 * TRX });
  const send = async () => (await rig.send(rig.signed(await rig.transfer(6 * TRX, rig.bob, frank), frank))).code;
  assert.deepEqual([await send(), await send()], ['SUCCESS', 'CONTRACT_VALIDATE_ERROR']);
  await rig.dev('mine');
});

test('what stays pending expires', async () => {
  const { txid } = await rig.send(rig.signed(await rig.transfer(1)));
  assert.equal((await rig.dev('mine', { blocks: 19, empty: true })).pending, 1);
  assert.equal((await rig.dev('mine', { empty: true })).pending, 0);
  await rig.dev('mine');
  assert.deepEqual(await rig.info(txid), {});
});

test('a pending transaction can vanish, or expire', async () => {
  const bytes = rig.signed(await rig.transfer(1));
  const { txid } = await rig.send(bytes);
  await rig.dev('drop', { txid });
  await rig.dev('mine');
  assert.deepEqual(await rig.info(txid), {});
  assert.equal((await rig.send(bytes)).code, 'SUCCESS');
  await rig.dev('drop', {});
  await rig.dev('mine', { skip_ms: 57_000 });
  assert.equal((await rig.send(bytes)).code, 'TRANSACTION_EXPIRATION_ERROR');
});

test('a call can be made to run out of time when it is mined', async () => {
  await rig.dev('outoftime', { calls: 1 });
  const results = [];
  for (let i = 0; i < 2; i++) results.push((await rig.done(await rig.call(at.takes, NONE, { fee_limit: 100_000n }))).receipt);
  assert.deepEqual(results.map((r) => [r.result, r.energy_usage_total]), [['OUT_OF_TIME', 1000], ['SUCCESS', undefined]]);
});

test('a passer-by calls a contract, signed and pending as anybody is', async () => {
  const { txid, pending } = await rig.dev('call', { to: at.stores, data: word(7).toString('hex') });
  assert.equal(pending, 1);
  assert.deepEqual(await rig.info(txid), {});
  await rig.dev('mine');
  const { receipt, contractResult } = await rig.info(txid);
  assert.deepEqual([receipt.result, BigInt(`0x${contractResult[0]}`)], ['SUCCESS', 7n]);
  const failed = await rig.dev('call', { to: at.reverts, data: '' });
  await rig.dev('mine');
  assert.equal((await rig.info(failed.txid)).receipt.result, 'REVERT');
});

test('a node lies, breaks and lags as it is told to', async () => {
  const path = '/wallet/getpendingsize';
  const ask = () => rig.wallet('getpendingsize');
  await rig.dev('fault', { path, after: 1, times: 2, set: { pendingSize: 7, 'more.deep': true } });
  assert.deepEqual([await ask(), await ask(), await ask(), await ask()],
    [{ pendingSize: 0 }, { pendingSize: 7, more: { deep: true } }, { pendingSize: 7, more: { deep: true } }, { pendingSize: 0 }]);
  await rig.dev('fault', { path, answer: { Error: 'busy' } });
  assert.deepEqual(await ask(), { Error: 'busy' });
  await rig.dev('fault', { path, close: true });
  await assert.rejects(ask());
  await rig.dev('fault', { path, status: 502, body: 'bad gateway' });
  assert.equal((await fetch(rig.url + path, { method: 'POST' })).status, 502);
  const { head } = await rig.dev('mine', { blocks: 5 });
  await rig.dev('lag', { blocks: 3 });
  assert.equal((await rig.wallet('getnowblock')).block_header.raw_data.number, head - 3);
  await rig.dev('heal');
  assert.equal((await rig.wallet('getnowblock')).block_header.raw_data.number, head);
});

test('two nodes of one chain, of which one lags', async () => {
  const two = await Rig.start({ ports: [0, 0] });
  try {
    await two.dev('lag', { blocks: 1 }, two.urls[1]);
    await two.dev('mine', { blocks: 2 });
    const early = { transaction: two.signed(await two.transfer(1)).toString('hex') }; // refers to the head
    assert.equal((await two.post('/wallet/broadcasthex', early, two.urls[1])).code, 'TAPOS_ERROR');
    const info = await two.done(await two.transfer(1));
    const asked = { value: info.id };
    assert.deepEqual(await two.post('/wallet/gettransactioninfobyid', asked, two.urls[1]), {});
    await two.dev('mine');
    assert.deepEqual(await two.post('/wallet/gettransactioninfobyid', asked, two.urls[1]), info);
  } finally {
    await two.stop();
  }
});

test('the command says when it is ready, mines at once if told to, and ends when told to', async () => {
  const anvil = await openAnvil({ chainId: 9, timeMs: 1795231302000 });
  const child = spawn(process.execPath, [fileURLToPath(new URL('server.mjs', import.meta.url)), '--port', '0', '--anvil', anvil.url,
    '--on-broadcast', '--solid-lag', '0', '--give', `${base58Address(rig.alice.address)}=5000000`],
  { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(child.stdout, 'data');
    const [, url] = /^ready (http:\S+)\n$/.exec(String(line));
    const other = Object.assign(new Rig(), { alice: rig.alice, bob: rig.bob, url });
    const genesis = await other.wallet('getblockbynum', { num: 0 });
    assert.match(genesis.blockID, /^0{16}[0-9a-f]{40}00000009$/);
    const { txid } = await other.send(other.signed(await other.transfer(1)));
    assert.equal((await other.solid('gettransactioninfobyid', { value: txid })).fee, 1_100_000);
    child.kill();
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  } finally {
    child.kill('SIGKILL');
    anvil.stop();
  }
});
