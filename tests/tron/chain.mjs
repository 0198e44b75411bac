// chain.mjs - blocks, the pool of pending transactions, and how the one becomes
// the other. Nothing happens by itself: a block is made when it is asked for.
import { newAccount, stakeWeights, stake } from './accounts.mjs';
import { genesisBlock, makeBlock } from './blocks.mjs';
import { evmAddress, fromEvm } from './crypto.mjs';
import { bill, perform, prices } from './perform.mjs';
import { checkPlace, checkSignature, invalid, Refusal, SLOT_MS } from './transaction.mjs';
import { Versioned } from './versioned.mjs';

const POOL = 2000;

export class Chain {
  accounts = new Versioned();
  contracts = new Versioned();
  blocks = new Map();
  pool = new Map(); // id -> {tx, result of the dry run, cost, owner}, in the order of arrival
  mined = new Map(); // id -> {tx, block, outcome}
  #turn = Promise.resolve();
  #solid = 0;
  #outOfTime = 0;

  // `work`: gas that stands for the 80 ms which a node gives a transaction.
  // `minesAtOnce`: a block for each transaction that is taken.
  constructor(evm, { chainId, solidLag = 2, work = 1_500_000, minesAtOnce = false }) {
    Object.assign(this, { evm, chainId, solidLag, work, minesAtOnce });
  }

  async open() {
    const { number, timeMs } = await this.evm.open();
    const genesis = genesisBlock(this.chainId);
    this.blocks.set(0, genesis);
    this.head = makeBlock(number, timeMs, genesis.id, []);
    this.blocks.set(number, this.head);
    this.#solid = number;
    this.accounts.begin(number);
    this.contracts.begin(number);
  }

  // One thing after another: what `task` awaits is not interrupted by others.
  exclusive(task) {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {});
    return done;
  }

  get timeMs() {
    return this.head.timeMs;
  }

  get solid() {
    return this.#solid;
  }

  stakeWeights() {
    return stakeWeights(this.accounts.values());
  }

  // Whether a transaction belongs here, for who knows the chain up to `head`.
  #checkPlace(tx, head) {
    checkPlace(tx, head, (ref) => this.blocks.get(head.number - ((head.number - ref) & 0xffff)));
  }

  // After each block: what has expired is not pending any more.
  #settle() {
    for (const [id, { tx }] of this.pool) if (Number(tx.raw.expiration) < this.timeMs + SLOT_MS) this.pool.delete(id);
    if (!this.solidHeld) this.#solid = Math.max(this.#solid, this.head.number - this.solidLag);
  }

  // How many blocks behind the head the solid one is; or held where it is.
  setSolid({ lag = this.solidLag, hold = false }) {
    this.solidLag = lag;
    this.solidHeld = hold;
    this.#settle();
  }

  // -------------------------------------------------------------- the pool

  // Throws a Refusal. What the call does is no reason to refuse it. `at`: the
  // newest block that the asked node knows.
  async broadcast(tx, at = this.head.number) {
    if (this.pool.size >= POOL) throw new Refusal('SERVER_BUSY', 'Server busy.');
    checkSignature(tx);
    this.#checkPlace(tx, this.blocks.get(at));
    if (this.pool.has(tx.id) || this.mined.has(tx.id)) throw new Refusal('DUP_TRANSACTION_ERROR', 'Dup transaction.');
    const { cost, owner, result = 'SUCCESS' } = await perform(this, tx, { dry: true, reserved: this.#reserved(tx.owner) });
    this.pool.set(tx.id, { tx, cost, owner, result });
    if (this.minesAtOnce) await this.mine();
  }

  #reserved(owner) {
    let sum = 0n;
    for (const pending of this.pool.values()) if (pending.owner === owner) sum += pending.cost;
    return sum;
  }

  // As a node does now and then: it is gone, and nobody is told.
  drop(id) {
    return this.pool.delete(id);
  }

  // The next `count` contract calls that are mined run out of time.
  failNext(count) {
    this.#outOfTime = count;
  }

  takeOutOfTime() {
    return this.#outOfTime > 0 && this.#outOfTime-- > 0;
  }

  // ------------------------------------------------------------ the blocks

  // The next block, with all that is pending and still good. `skipMs`: later
  // than its slot.
  async mine(skipMs = 0) {
    const timeMs = this.head.timeMs + SLOT_MS + Math.floor(skipMs / SLOT_MS) * SLOT_MS;
    const { head: before } = this;
    const number = before.number + 1;
    await this.evm.mine(timeMs);
    this.accounts.begin(number);
    this.contracts.begin(number);
    const pending = [...this.pool.values()];
    this.pool.clear();
    this.head = { ...before, number, timeMs }; // what the transactions see
    const done = [];
    for (const { tx } of pending) {
      const outcome = await this.#take(tx, before);
      if (outcome) done.push({ tx, outcome });
    }
    this.head = makeBlock(number, timeMs, before.id, done.map(({ tx }) => tx));
    this.blocks.set(number, this.head);
    for (const { tx, outcome } of done) this.mined.set(tx.id, { tx, outcome, block: this.head });
    this.#settle();
  }

  // `count` blocks; those with nothing in them all at once. `empty`: what is
  // pending stays so.
  async mineMany(count, empty = false) {
    let left = count;
    while (left > 0 && this.pool.size > 0 && !empty) {
      await this.mine();
      left--;
    }
    if (left === 0) return;
    await this.evm.mine(this.head.timeMs + SLOT_MS); // the EVM's own clock went on
    if (left > 1) await this.evm.mineMany(left - 1);
    for (; left > 0; left--) {
      this.head = makeBlock(this.head.number + 1, this.head.timeMs + SLOT_MS, this.head.id, []);
      this.blocks.set(this.head.number, this.head);
    }
    this.accounts.begin(this.head.number);
    this.contracts.begin(this.head.number);
    this.#settle();
  }

  // Into the block that is being made; null when it is no longer good.
  async #take(tx, before) {
    try {
      this.#checkPlace(tx, before);
      const outcome = await perform(this, tx);
      await this.#keep(outcome);
      return outcome;
    } catch (e) {
      if (e instanceof Refusal) return null;
      throw e;
    }
  }

  async #keep({ changes, account, owner, contract }) {
    await this.evm.apply(changes);
    this.accounts.set(owner, account);
    if (contract) this.contracts.set(contract.contract_address.toString('hex'), Object.freeze(contract));
    for (const [address, { code }] of Object.entries(changes)) {
      const key = fromEvm(address);
      if (code && !this.contracts.get(key)) this.contracts.set(key, Object.freeze({ contract_address: Buffer.from(key, 'hex') }));
      if (!this.accounts.get(key)) this.accounts.set(key, newAccount(this.timeMs, code ? { isContract: true } : {}));
    }
  }

  // The newest blocks are undone, though no solid one; what was in them is
  // pending again, unless it is to be forgotten.
  async rollback(count, forget = false) {
    const to = this.head.number - count;
    if (to < this.#solid) throw new Error('a solid block is never undone');
    await this.evm.rollback(count);
    this.accounts.goBack(to);
    this.contracts.goBack(to);
    const again = [];
    for (let number = to + 1; number <= this.head.number; number++) {
      for (const id of this.blocks.get(number).ids) {
        const { tx, outcome } = this.mined.get(id);
        this.mined.delete(id);
        if (!forget) again.push([id, { tx, cost: outcome.cost, owner: tx.owner, result: outcome.result ?? 'SUCCESS' }]);
      }
      this.blocks.delete(number);
    }
    this.pool = new Map([...again, ...this.pool]);
    this.head = this.blocks.get(to);
  }

  // ----------------------------------------------------------- for the test

  // Coin out of nowhere, and the account where there was none.
  async give(address, sun) {
    const at = evmAddress(address);
    await this.evm.apply({ [at]: { balance: await this.evm.balance(at) + sun } });
    if (!this.accounts.get(address)) this.accounts.set(address, newAccount(this.timeMs));
  }

  stake(address, resource, sun) {
    this.accounts.set(address, stake(this.accounts.get(address) ?? newAccount(this.timeMs), resource, sun));
  }

  // --------------------------------------------------------------- reading

  async balance(address, block) {
    return this.evm.balance(evmAddress(address), this.#at(block));
  }

  async code(address, block) {
    return this.evm.code(evmAddress(address), this.#at(block));
  }

  #at(block) {
    return block >= this.head.number ? 'latest' : block;
  }

  // A call that changes nothing; `call` has from, to, data, value, code.
  async constant(call, block) {
    const value = call.value ?? 0n;
    const balance = await this.balance(call.from, block);
    if (value > balance) throw invalid('Validate InternalTransfer error, balance is not sufficient.');
    return bill(this, { ...call, value, block: this.#at(block) }, prices.constantEnergy);
  }
}
