// bank_costs.mjs - everything that a bank does, done on a chain (bank_chains.mjs)
// and counted: {name: {units, bytes}}, where a batch is one transaction.
import { artifact, be, domainOf, ethers, flatTree, packedAgreement, packedReceipt } from './bank_forms.mjs';

const PERIOD = 100; // blocks; more than the transactions that this sends in one
const DAYS = 30; // periods of an agreement
const STEP = 1234567890123456789n; // what a receipt brings
const RATE = 1234567890123456n;
const FOREVER = 0xf1234567; // `until` of a reserve
const ZERO = ethers.ZeroAddress;
const wallet = (name) => new ethers.Wallet(ethers.id(name));

class Contract {
  static async deploy(chain, name, ...args) {
    const { abi, bytecode } = artifact(name);
    const c = Object.assign(new Contract(), { chain, abi: new ethers.Interface(abi) });
    c.address = await chain.deploy(ethers.concat([bytecode, c.abi.encodeDeploy(args)]));
    return c;
  }

  data = (method, args) => this.abi.encodeFunctionData(method, args);
  do = (method, ...args) => this.chain.send(this.address, this.data(method, args));
  doAs = (who, method, ...args) => this.chain.send(this.address, this.data(method, args), who);
  async ask(method, ...args) {
    return this.abi.decodeFunctionResult(method, await this.chain.call(this.address, this.data(method, args)));
  }
}

// sizes: of batches of receipts and of proofs, from small to large; the
// largest of both is the same.
export async function measure(chain, { sizes, proofSizes }) {
  const s = new Scene(chain, sizes, proofSizes);
  await s.open();
  await s.receipts();
  await s.rent();
  return s.seen;
}

class Scene {
  constructor(chain, sizes, proofSizes) {
    Object.assign(this, { chain, sizes, proofSizes, most: sizes.at(-1), amounts: new Map(), seen: {} });
    this.people = Array.from({ length: this.most }, (_, i) => wallet(`payer ${i}`)); // renters too
    this.host = wallet('host');
  }

  async open() {
    const token = this.token = await Contract.deploy(this.chain, 'TestToken');
    this.bank = await Contract.deploy(this.chain, 'Bank', token.address, PERIOD);
    await token.do('mint', this.chain.me, 10n ** 30n);
    await token.do('approve', this.bank.address, 10n ** 30n);
    this.domain = domainOf(this.bank.address, this.chain.chainId);
    for (const { address } of [...this.people, this.host]) await this.bank.do('deposit', address, 10n ** 21n);
  }

  // A seller whose account and wallet are not empty: it was paid before.
  async seller(name) {
    const { address } = wallet(name);
    await this.bank.do('deposit', address, 1000);
    await this.token.do('mint', address, 1000);
    return address;
  }

  receipt(payer, payee) {
    const key = payer.address + payee, amount = (this.amounts.get(key) ?? 0n) + STEP;
    this.amounts.set(key, amount);
    return packedReceipt(this.domain, payer, payee, amount);
  }

  async cash(size, payee, to, name) {
    const some = this.people.slice(0, size);
    const spent = await this.bank.do('cash', payee, to, ethers.concat(some.map((p) => this.receipt(p, payee))));
    const [paid] = await this.bank.ask('pair', some.at(-1).address, payee);
    if (paid !== this.amounts.get(some.at(-1).address + payee)) throw new Error(`${name}: not cashed`);
    if (name) this.seen[`${name}, ${size}`] = spent;
  }

  async receipts() {
    for (const size of this.sizes) await this.cash(size, await this.seller(`seller of ${size}`), ZERO, 'first');
    const payee = await this.seller('seller');
    await this.cash(this.most, payee, ZERO);
    for (const size of this.sizes) await this.cash(size, payee, ZERO, 'known');
    for (const size of this.sizes) await this.cash(size, payee, payee, 'known, paid out');
    for (const p of this.people) await this.reserve(p, payee, 10n ** 20n, 'reserve');
    await this.reserve(this.people[0], payee, 10n ** 20n + 1n, 'reserve, raised');
    for (const size of this.sizes) await this.cash(size, payee, ZERO, 'reserved');
  }

  async reserve(payer, payee, more, name) {
    const total = this.amounts.get(payer.address + payee) + more;
    this.seen[name] = await this.bank.doAs(payer, 'reserve', ethers.concat([payee, be(total, 14), be(FOREVER, 4)]));
  }

  // ------------------------------------------------------------ agreements

  period = async () => Math.floor(await this.chain.block() / PERIOD);

  // To the start of a period, a block later when its beacon can be recorded.
  async goTo(period) {
    await this.chain.mine(period * PERIOD + 1 - await this.chain.block());
  }

  signed = (a) => packedAgreement(this.domain, this.people.find((p) => p.address === a.renter), this.host, a);

  async agree(renter, number, tree, name) {
    const a = { renter: renter.address, host: this.host.address, number, revision: 1, root: tree.root,
      sectors: tree.sectors, through: this.start, earned: 0n, rate: RATE, start: this.start, end: this.start + DAYS,
      span: 1, fund: RATE * BigInt(DAYS * 2), collateral: RATE * 10n, penalty: RATE, terms: ethers.id('terms') };
    this.seen[name] = await this.bank.do('open', this.signed(a));
    return a;
  }

  async revise(a, changes, name) {
    Object.assign(a, changes, { revision: a.revision + 1 });
    this.seen[name] = await this.bank.do('revise', this.signed(a));
  }

  async prove(size, agreements, tree, name) {
    const some = agreements.slice(0, size);
    const proofs = ethers.concat(some.flatMap((a) => [a.renter, be(a.number, 4), tree.proof]));
    const [good] = await this.bank.ask('prove', this.host.address, proofs);
    if (Number(good) !== size) throw new Error(`${name}: ${good} proofs of ${size} are good`);
    this.seen[`${name}, ${size}`] = await this.bank.do('prove', this.host.address, proofs);
  }

  async rent() {
    const trees = { '1 GiB': flatTree(1024), '1 TiB': flatTree(1024 * 1024) }, all = {};
    this.start = await this.period() + 2 + Math.ceil(this.most * 2 / PERIOD);
    for (const [number, [size, tree]] of Object.entries(trees).entries()) {
      all[size] = [];
      for (const p of this.people)
        all[size].push(await this.agree(p, number, tree, number ? 'open' : 'open, first of a renter'));
    }
    await this.goTo(this.start);
    for (const size of this.proofSizes.slice().reverse()) await this.inOnePeriod(size, all, trees);
    await this.change(all['1 GiB'], all['1 TiB']);
  }

  async inOnePeriod(size, all, trees) {
    this.seen.anchor = await this.bank.do('anchor');
    for (const [what, tree] of Object.entries(trees)) await this.prove(size, all[what], tree, `proof of ${what}`);
    await this.goTo(await this.period() + 1);
  }

  // Revisions and the end, of agreements whose last proof is of this period or
  // the one before.
  async change([a, b, c], [other]) {
    const at = await this.period();
    const paid = (x, until) => ({ through: until, earned: RATE * BigInt(until - this.start) });
    await this.revise(a, { root: ethers.id('more'), sectors: 2000 }, 'revise, data');
    await this.revise(a, { root: ethers.id('yet more'), sectors: 2001 }, 'revise, data again');
    await this.revise(a, paid(a, at + 1), 'revise, payment');
    await this.revise(b, { ...paid(b, at + 1), root: ethers.id('else'), sectors: 2000, rate: RATE + 1n }, 'revise, all');
    await this.revise(c, paid(c, c.end), 'revise, to the end');
    this.seen['close, settled'] = await this.bank.do('close', c.renter, c.host, c.number);
    const renter = this.people.find((p) => p.address === a.renter);
    this.seen['top up'] = await this.bank.doAs(renter, 'topUp', a.renter, a.host, a.number, 500);
    await this.goTo(other.end + 7);
    this.seen['close, with misses'] = await this.bank.do('close', other.renter, other.host, other.number);
  }
}
