// Gas a receipt and a proof, whole transaction over what is in it, and of what
// else an agreement costs, on a private anvil.
//   node tests/bench/gas.mjs [--json] [--check]
// Gas is exact, the same on every machine, so --check may assert the targets.
import { startAnvil } from '../../contracts-abi/tool.mjs';
import { artifact, be, domainOf, ethers, flatTree, packedAgreement, packedReceipt } from './bank_forms.mjs';

async function openAnvil() {
  const { url, stop } = await startAnvil('--accounts', '1', '--hardfork', 'shanghai');
  const provider = new ethers.JsonRpcProvider(url, undefined,
    { staticNetwork: true, polling: true, pollingInterval: 20, cacheTimeout: -1 });
  return { stop, provider };
}

const target = { '200 receipts, repeat': 16500, '200 receipts, from reserves': 11500,
  '50 proofs, 1 GiB': 41000, '50 proofs, 1 TiB': 51000,
  'open': 170000, 'revise, at its dearest': 105000 };
const PERIOD = 100; // blocks; more than the transactions that this sends in one
const DAYS = 30; // periods of an agreement

class World {
  constructor(provider) {
    this.provider = provider;
    // anvil's first default account, from its public test phrase
    this.owner = new ethers.NonceManager(ethers.HDNodeWallet.fromPhrase(
      'test test test test test test test test test test test junk').connect(provider));
    this.payee = ethers.Wallet.createRandom().address;
    this.payers = Array.from({ length: 200 },
      (_, i) => new ethers.Wallet(ethers.id(`payer ${i}`)));
    this.amounts = new Map();
  }

  async deploy(name, ...args) {
    const a = artifact(name);
    const c = await new ethers.ContractFactory(a.abi, a.bytecode, this.owner).deploy(...args);
    return c.waitForDeployment();
  }

  async open() {
    this.token = await this.deploy('TestToken');
    this.bank = await this.deploy('Bank', await this.token.getAddress(), PERIOD);
    const bank = await this.bank.getAddress();
    const me = await this.owner.getAddress();
    await (await this.token.mint(me, 10n ** 30n)).wait(1, 30000);
    await (await this.token.approve(bank, 10n ** 30n)).wait(1, 30000);
    this.domain = domainOf(bank, (await this.provider.getNetwork()).chainId);
    for (const p of this.payers) // one after another, as nonces go; the gas limit saves a call
      await this.bank.deposit(p.address, 10n ** 21n, { gasLimit: 200000 });
    await (await this.bank.deposit(me, 1000)).wait(1, 30000);
  }

  receipt(payer, add) {
    const amount = (this.amounts.get(payer.address) ?? 0n) + add;
    this.amounts.set(payer.address, amount);
    return packedReceipt(this.domain, payer, this.payee, amount);
  }

  async cash(count, to) {
    const add = 1234567890123456789n;
    const batch = ethers.concat(this.payers.slice(0, count).map((p) => this.receipt(p, add)));
    const tx = await this.bank.cash(this.payee, to, batch);
    const done = await tx.wait(1, 30000);
    const paid = (await this.bank.pair(this.payers[count - 1].address, this.payee))[0];
    if (paid !== this.amounts.get(this.payers[count - 1].address)) throw new Error('not cashed');
    return Number(done.gasUsed) / count;
  }

  async reserveAll() { // each payer's own transaction, sent in its name
    const until = Math.floor(Date.now() / 1000) + 30 * 86400;
    for (const p of this.payers) {
      await this.provider.send('anvil_impersonateAccount', [p.address]);
      await this.provider.send('anvil_setBalance', [p.address, '0xde0b6b3a7640000']);
      const total = (this.amounts.get(p.address) ?? 0n) + 10n ** 20n;
      const promise = ethers.concat([this.payee, be(total, 14), be(until, 4)]);
      await this.provider.send('eth_sendTransaction', [{ from: p.address,
        to: await this.bank.getAddress(),
        data: this.bank.interface.encodeFunctionData('reserve', [promise]) }]);
    }
  }
}

// Fifty renters and their host, on the bank of a World.
class Town {
  constructor(world) {
    this.w = world;
    this.bank = world.bank;
    this.host = new ethers.Wallet(ethers.id('host'));
    this.renters = world.payers.slice(0, 50);
    this.agreements = [];
    this.seen = {};
  }

  async period() {
    return Math.floor(await this.w.provider.getBlockNumber() / PERIOD);
  }

  // To the start of a period, a block later when its beacon can be recorded.
  async goTo(period) {
    const blocks = period * PERIOD + 1 - await this.w.provider.getBlockNumber();
    await this.w.provider.send('anvil_mine', [ethers.toQuantity(blocks)]);
  }

  async send(tx, name) {
    const gas = Number((await (await tx).wait(1, 30000)).gasUsed);
    if (name) this.seen[name] = gas;
    return gas;
  }

  signed(renter, a) {
    return packedAgreement(this.w.domain, renter, this.host, a);
  }

  async open(renter, number, start, tree, name) {
    const rate = 1234567890123456n;
    const a = { renter: renter.address, host: this.host.address, number, revision: 1, root: tree.root,
      sectors: tree.sectors, through: start, earned: 0n, rate, start, end: start + DAYS, span: 1,
      fund: rate * BigInt(DAYS * 20), collateral: rate * 10n, penalty: rate, terms: ethers.id('terms') };
    await this.send(this.bank.open(this.signed(renter, a)), name);
    return a;
  }

  async revise(i, changes, name) {
    const a = this.agreements[i];
    Object.assign(a, changes, { revision: a.revision + 1 });
    await this.send(this.bank.revise(this.signed(this.renters[i], a)), name);
  }

  async prove(count, tree, name) {
    await this.goTo(await this.period() + 1);
    await this.send(this.bank.anchor(), 'anchor');
    const some = this.agreements.slice(0, count);
    const proofs = ethers.concat(some.flatMap((a) => [a.renter, be(a.number, 4), tree.proof]));
    const { good } = await this.bank.prove.staticCall(this.host.address, proofs);
    if (Number(good) !== count) throw new Error(`${name}: ${good} proofs of ${count} are good`);
    this.seen[name] = await this.send(this.bank.prove(this.host.address, proofs)) / count;
  }

  async run() {
    const gib = flatTree(1024), tib = flatTree(1024 * 1024);
    await this.w.bank.deposit(this.host.address, 10n ** 21n, { gasLimit: 200000 });
    const start = await this.period() + 2;
    for (const renter of this.renters)
      this.agreements.push(await this.open(renter, 0, start, gib, 'open, first of a renter'));
    await this.open(this.renters[0], 1, start, gib, 'open');
    await this.revise(0, { root: ethers.id('other') }, 'revise, before the start');
    await this.revise(0, { root: gib.root });
    await this.goTo(start);
    await this.prove(50, gib, 'first proofs');
    for (const count of [50, 10, 1]) await this.prove(count, gib, `${count} proofs, 1 GiB`);
    await this.becomeATerabyte(tib);
    await this.prove(50, tib, '50 proofs, after a revision');
    for (const count of [50, 10, 1]) await this.prove(count, tib, `${count} proofs, 1 TiB`);
    await this.end();
    return this.seen;
  }

  // Another root and, all being settled, another rate; then the same again.
  async becomeATerabyte(tib) {
    const later = (i, add) => ({ root: add ? ethers.id(`${i}`) : tib.root, sectors: tib.sectors,
      rate: this.agreements[i].rate * 2n + BigInt(add), through: this.at + 1, earned: this.agreements[i].rate * 50n });
    this.at = await this.period();
    for (let i = 0; i < 50; i++) await this.revise(i, later(i, i < 2 ? 1 : 0), 'revise, at its dearest');
    await this.goTo(this.at + 1);
    this.at++;
    for (let i = 0; i < 2; i++) await this.revise(i, { root: tib.root, through: this.at + 1,
      earned: this.agreements[i].earned + this.agreements[i].rate }, 'revise, again');
    await this.revise(1, { through: this.at + 2, earned: this.agreements[1].earned + this.agreements[1].rate },
      'revise, payment only');
    await this.goTo(this.at + 1); // nothing is due of the second until the one after
  }

  async end() {
    const a = this.agreements[0];
    await this.send(this.bank.topUp(a.renter, a.host, 0, 500), 'top up');
    await this.goTo(a.end + 7);
    await this.send(this.bank.close(a.renter, a.host, 0), `close, ${DAYS - 10} spans unproved`);
  }
}

async function receipts(w) {
  const out = {};
  const zero = ethers.ZeroAddress;
  out['200 receipts, first time'] = await w.cash(200, w.payee);
  out['200 receipts, repeat'] = await w.cash(200, w.payee);
  out['20 receipts, repeat'] = await w.cash(20, w.payee);
  out['1 receipts, repeat'] = await w.cash(1, w.payee);
  await w.cash(1, zero);
  out['200 receipts, repeat, kept in the bank'] = await w.cash(200, zero);
  out['20 receipts, repeat, kept in the bank'] = await w.cash(20, zero);
  out['1 receipts, repeat, kept in the bank'] = await w.cash(1, zero);
  await w.reserveAll();
  out['200 receipts, from reserves'] = await w.cash(200, w.payee);
  out['20 receipts, from reserves'] = await w.cash(20, w.payee);
  out['1 receipts, from reserves'] = await w.cash(1, w.payee);
  return out;
}

async function main() {
  const { stop, provider } = await openAnvil();
  try {
    const w = new World(provider);
    await w.open();
    const out = { ...await receipts(w), ...await new Town(w).run() };
    if (process.argv.includes('--json')) console.log(JSON.stringify(out));
    else for (const [name, gas] of Object.entries(out))
      console.log(name.padEnd(40), gas.toFixed(0).padStart(8), 'gas');
    for (const [name, most] of Object.entries(target)) {
      if (out[name] <= most) continue;
      console.error(`${name}: over ${most} gas`);
      if (process.argv.includes('--check')) process.exitCode = 1;
    }
  } finally {
    provider.destroy();
    stop();
  }
}

await main();
