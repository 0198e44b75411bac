// test_bank.mjs - the project's bank on this chain: what a batch of receipts
// costs, and a period's hash is recorded.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ethers, evmAddress } from './crypto.mjs';
import { artifact, Rig } from './rig.mjs';

const PERIOD = 20;
const hex = (text) => Buffer.from(text.slice(2), 'hex');
const be = (value, size) => ethers.toBeHex(value, size);

let rig, token, bank;

class Contract {
  static async deploy(name, ...args) {
    const c = new Contract();
    const { abi, bytecode } = artifact(name);
    c.abi = new ethers.Interface(abi);
    c.address = await rig.deploy(hex(ethers.concat([bytecode, c.abi.encodeDeploy(args)])));
    return c;
  }

  async do(method, ...args) {
    const info = await rig.done(await rig.call(this.address, hex(this.abi.encodeFunctionData(method, args))));
    assert.equal(info.receipt.result, 'SUCCESS', method);
    return info;
  }

  async ask(method, ...args) {
    const { constant_result: [out] } = await rig.wallet('triggerconstantcontract', { owner_address: rig.alice.address,
      contract_address: this.address, data: this.abi.encodeFunctionData(method, args) });
    return this.abi.decodeFunctionResult(method, `0x${out}`)[0];
  }
}

before(async () => {
  rig = await Rig.start();
  token = await Contract.deploy('TestToken');
  bank = await Contract.deploy('Bank', evmAddress(token.address), PERIOD);
});
after(() => rig.stop());

test('a receipt in a batch of 20 costs 14.2 thousand of energy', async () => {
  const me = evmAddress(rig.alice.address);
  const payers = Array.from({ length: 20 }, (_, i) => new ethers.Wallet(ethers.id(`payer ${i}`)));
  await token.do('mint', me, 10n ** 30n);
  await token.do('approve', evmAddress(bank.address), 10n ** 30n);
  for (const p of payers) await bank.do('deposit', p.address, 10n ** 21n);
  const domain = { name: 'seedbank', version: '1', verifyingContract: evmAddress(bank.address), chainId: rig.chain.chainId };
  const payee = new ethers.Wallet(ethers.id('payee')).address;
  const types = { Receipt: [{ name: 'payer', type: 'address' }, { name: 'payee', type: 'address' },
    { name: 'amount', type: 'uint112' }] };
  const receipt = (payer, amount) => {
    const digest = ethers.TypedDataEncoder.hash(domain, types, { payer: payer.address, payee, amount });
    return ethers.concat([payer.address, be(amount, 14), payer.signingKey.sign(digest).compactSerialized]);
  };
  let info;
  for (const amount of [10n ** 18n, 3n * 10n ** 18n]) // the second time for a pair that is known
    info = await bank.do('cash', payee, ethers.ZeroAddress, ethers.concat(payers.map((p) => receipt(p, amount))));
  assert.equal(await bank.ask('free', payee), 60n * 10n ** 18n);
  assert.equal(Math.round(info.receipt.energy_usage_total / 20 / 100), 142);
});

test('what is taken to the last unit is gone', async () => {
  const me = evmAddress(rig.alice.address);
  await bank.do('deposit', me, 5n);
  await bank.do('withdraw', me, 5n);
  assert.equal(await bank.ask('free', me), 0n);
});

test('the hash of a period\'s first block is recorded once it has passed', async () => {
  const { head } = await rig.dev('state');
  const period = Math.floor(head / PERIOD) + 1;
  await rig.dev('mine', { blocks: period * PERIOD - head });
  await bank.do('anchor');
  const beacon = await bank.ask('beacon', period);
  assert.notEqual(BigInt(beacon), 0n);
  await rig.dev('mine', { blocks: PERIOD });
  assert.equal(await bank.ask('beacon', period), beacon);
});
