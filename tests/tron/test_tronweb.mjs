// test_tronweb.mjs - TRON's own library against the chain of this folder: it
// builds, signs, sends, deploys, calls and reads, and finds nothing strange.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { artifact, Rig, TRX } from './rig.mjs';

const require = createRequire(new URL('../../contracts-abi/package.json', import.meta.url));
const { TronWeb } = require('tronweb');

const FEE_LIMIT = 1000 * TRX;
let rig, web, token, bank;

before(async () => {
  rig = await Rig.start();
  web = new TronWeb({ fullHost: rig.url, privateKey: rig.alice.key.slice(2) });
});
after(() => rig.stop());

// Mined; what became of it.
async function mined(txid) {
  await rig.dev('mine');
  return web.trx.getUnconfirmedTransactionInfo(txid);
}

// A transfer to bob, with other words in its head than the library would choose.
async function signedTransfer(more) {
  const header = { ...await web.trx.getCurrentRefBlockParams(), ...more };
  return web.trx.sign(await web.transactionBuilder.sendTrx(web.address.fromHex(rig.bob.address), 5 * TRX, rig.alice.address,
    more && { blockHeader: header }));
}

test('it sees the same accounts and blocks', async () => {
  assert.equal(web.defaultAddress.hex, rig.alice.address);
  assert.equal(await web.trx.getBalance(), 1e6 * TRX);
  const block = await web.trx.getCurrentBlock();
  assert.equal(block.block_header.raw_data.number, (await rig.dev('state')).head);
  const { key, value } = (await web.trx.getChainParameters()).find((p) => p.key === 'getEnergyFee');
  assert.deepEqual([key, value], ['getEnergyFee', 100]);
});

test('it sends coin', async () => {
  const { result, txid, transaction } = await web.trx.sendTransaction(web.address.fromHex(rig.bob.address), 5 * TRX);
  assert.equal(result, true);
  assert.equal(txid, transaction.txID);
  const info = await mined(txid);
  assert.equal(info.id, txid);
  assert.equal(info.receipt.net_fee, info.fee);
  assert.equal(await web.trx.getUnconfirmedBalance(web.address.fromHex(rig.bob.address)), 5 * TRX);
  assert.deepEqual((await web.trx.getTransaction(txid)).ret, [{ contractRet: 'SUCCESS' }]);
});

async function deploy(name, parameters) {
  const { abi, bytecode } = artifact(name);
  const tx = await web.transactionBuilder.createSmartContract({ abi, bytecode: bytecode.slice(2), feeLimit: 5000 * TRX, name,
    userFeePercentage: 100, originEnergyLimit: 10_000_000, parameters }, rig.alice.address);
  const sent = await web.trx.sendRawTransaction(await web.trx.sign(tx));
  assert.equal(sent.result, true, sent.message);
  const info = await mined(tx.txID);
  assert.equal(info.receipt.result, 'SUCCESS');
  assert.equal(info.contract_address, tx.contract_address);
  return { contract: web.contract(abi, info.contract_address), info, address: web.address.fromHex(info.contract_address) };
}

test('it deploys the bank and its token', async () => {
  token = await deploy('TestToken', []);
  bank = await deploy('Bank', [token.address, 20]);
  assert.equal(bank.info.contractResult[0].length, artifact('Bank').deployedBytecode.length - 2);
  const known = await web.trx.getContract(bank.address);
  assert.equal(known.name, 'Bank');
  assert.ok(known.abi.entrys.some((e) => e.name === 'cash' && e.stateMutability === 'Nonpayable'));
  assert.equal(web.address.fromHex(await bank.contract.token().call()), token.address);
});

async function send(method) {
  const info = await mined(await method.send({ feeLimit: FEE_LIMIT }));
  assert.equal(info.receipt.result, 'SUCCESS', JSON.stringify(info));
  return info;
}

test('it calls methods, reads what they return, and their events', async () => {
  const me = web.defaultAddress.base58;
  await send(token.contract.mint(me, 1000));
  const approved = await send(token.contract.approve(bank.address, 1000));
  assert.equal(approved.log[0].address, token.info.contract_address.slice(2));
  const deposited = await send(bank.contract.deposit(me, 600));
  assert.equal(deposited.log.length, 2);
  assert.equal(await bank.contract.free(me).call(), 600n);
  assert.equal(await token.contract.balanceOf(bank.address).call(), 600n);
  const { energy_used: used } = await web.transactionBuilder.triggerConstantContract(bank.address, 'withdraw(address,uint256)', {},
    [{ type: 'address', value: me }, { type: 'uint256', value: 100 }], rig.alice.address);
  const withdrawn = await send(bank.contract.withdraw(me, 100));
  assert.equal(withdrawn.receipt.energy_usage_total, used);
});

test('it learns of a call that failed', async () => {
  await assert.rejects(bank.contract.withdraw(web.defaultAddress.base58, 10_000).call());
  const txid = await bank.contract.withdraw(web.defaultAddress.base58, 10_000).send({ feeLimit: FEE_LIMIT });
  const info = await mined(txid);
  assert.deepEqual([info.result, info.receipt.result, info.contractResult[0].length], ['FAILED', 'REVERT', 8]);
});

test('it is refused what is not right', async () => {
  const refused = async (tx) => {
    const { code, message } = await web.trx.sendRawTransaction(tx).catch((e) => ({ code: 'thrown', message: e.message }));
    return [code, Buffer.from(message ?? '', 'hex').toString()];
  };
  const bent = await signedTransfer();
  bent.signature[0] = bent.signature[0].replace(/^../, (d) => (Number.parseInt(d, 16) ^ 1).toString(16).padStart(2, '0'));
  assert.match((await refused(bent)).join(' '), /^SIGERROR Validate signature error: /);
  const changed = await signedTransfer();
  changed.raw_data.contract[0].parameter.value.amount++;
  assert.match((await refused(changed)).join(' '), /^SIGERROR Validate signature error: .* not contained of permission\.$/);
  const stale = await signedTransfer({ ref_block_hash: 'abababababababab' });
  assert.deepEqual(await refused(stale), ['TAPOS_ERROR', 'Tapos check error.']);
  const old = await signedTransfer({ expiration: (await rig.dev('state')).time_ms - 3000 });
  assert.deepEqual(await refused(old), ['TRANSACTION_EXPIRATION_ERROR', 'Transaction expired']);
  const twice = await signedTransfer();
  assert.equal((await web.trx.sendRawTransaction(twice)).result, true);
  assert.deepEqual(await refused(twice), ['DUP_TRANSACTION_ERROR', 'Dup transaction.']);
});

test('what a node builds it takes for what it asked', async () => {
  const { transaction } = await web.transactionBuilder.triggerSmartContract(bank.address, 'withdraw(address,uint256)',
    { feeLimit: FEE_LIMIT }, [{ type: 'address', value: web.defaultAddress.base58 }, { type: 'uint256', value: 1 }]);
  const sent = await web.trx.sendHexTransaction(hexOf(await web.trx.sign(transaction)));
  assert.deepEqual([sent.result, sent.code, sent.txid], [true, 'SUCCESS', transaction.txID]);
  assert.equal((await mined(sent.txid)).receipt.result, 'SUCCESS');
});

function hexOf({ raw_data_hex: raw, signature: [signature] }) {
  return rig.packed(Buffer.from(raw, 'hex'), Buffer.from(signature, 'hex')).toString('hex');
}

test('on the solid side it sees a transaction two blocks later', async () => {
  const { txid } = await web.trx.sendTransaction(web.address.fromHex(rig.bob.address), 1);
  await rig.dev('mine', { blocks: 2 });
  assert.deepEqual(await web.trx.getTransactionInfo(txid), {});
  await rig.dev('mine');
  assert.equal((await web.trx.getTransactionInfo(txid)).id, txid);
});
