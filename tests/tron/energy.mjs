// energy.mjs - what a run costs on TRON, from the trace of its steps on an EVM.
//
// The two machines take the same steps as long as nothing asks for the gas that
// is left, so TRON's bill is the trace gone through with TRON's prices. Prices
// are those of a chain with all of java-tron 4.8's proposals taken, of which
// those that matter were measured on such a node; what is not named here
// costs what the EVM says.
const WORD = 32;
const MEMORY_LIMIT = 3 * 1024 * 1024;
const CALL = 40, VALUE = 9000, STIPEND = 2300, NEW_ACCOUNT = 25000;
const CREATE = 32000, CODE_BYTE = 200;
const SSTORE_NEW = 20000, SSTORE = 5000;

// A contract call that is not paid for in full takes all that was set aside.
export const BURNS_ALL = new Set(['OUT_OF_ENERGY', 'OUT_OF_TIME', 'OUT_OF_MEMORY', 'ILLEGAL_OPERATION',
  'BAD_JUMP_DESTINATION', 'STACK_TOO_SMALL', 'STACK_TOO_LARGE', 'INVALID_CODE']);

const words = (size) => Math.ceil(size / WORD);
const memoryPrice = (w) => 3 * w + Math.floor(w * w / 512);

// Where an instruction's ranges of memory lie: pairs of places on the stack,
// counted from the top; a size below zero is a constant.
const ranges = { MLOAD: [[0, -32]], MSTORE: [[0, -32]], MSTORE8: [[0, -1]], KECCAK256: [[0, 1]], CALLDATACOPY: [[0, 2]],
  CODECOPY: [[0, 2]], RETURNDATACOPY: [[0, 2]], EXTCODECOPY: [[1, 3]], MCOPY: [[0, 2], [1, 2]], RETURN: [[0, 1]],
  REVERT: [[0, 1]], CREATE: [[1, 2]], CREATE2: [[1, 2]], CALL: [[3, 4], [5, 6]], CALLCODE: [[3, 4], [5, 6]],
  DELEGATECALL: [[2, 3], [4, 5]], STATICCALL: [[2, 3], [4, 5]],
  LOG0: [[0, 1]], LOG1: [[0, 1]], LOG2: [[0, 1]], LOG3: [[0, 1]], LOG4: [[0, 1]] };

const copy = (base, sizeAt) => (at) => base + 3 * words(at(sizeAt));
const log = (topics) => (at) => 375 * (topics + 1) + 8 * at(1);
const prices = {
  MLOAD: () => 1, MSTORE: () => 1, MSTORE8: () => 1,
  // copying has no price of its own besides the words
  CALLDATACOPY: copy(0, 2), CODECOPY: copy(0, 2), RETURNDATACOPY: copy(0, 2), EXTCODECOPY: copy(20, 3), MCOPY: copy(3, 2),
  KECCAK256: (at) => 30 + 6 * words(at(1)),
  EXP: (at, big) => 10 + 10 * (big(1) ? Math.ceil(big(1).toString(16).length / 2) : 0),
  SLOAD: () => 50, TLOAD: () => 100, TSTORE: () => 100,
  BALANCE: () => 20, EXTCODESIZE: () => 20, EXTCODEHASH: () => 400, BLOCKHASH: () => 20,
  RETURN: () => 0, REVERT: () => 0, STOP: () => 0,
  LOG0: log(0), LOG1: log(1), LOG2: log(2), LOG3: log(3), LOG4: log(4),
  CREATE: () => CREATE, CREATE2: (at) => CREATE + 6 * words(at(2)),
};

// Precompiled contracts, by the length of what they are given.
const precompiled = { 1: () => 3000, 2: (n) => 60 + 12 * words(n), 3: (n) => 600 + 120 * words(n),
  4: (n) => 15 + 3 * words(n), 6: () => 150, 7: () => 6000, 8: (n) => 45000 + 34000 * Math.floor(n / 192) };

const javaName = { KECCAK256: 'SHA3', SELFDESTRUCT: 'SUICIDE', PREVRANDAO: 'DIFFICULTY' };

// A run that ended otherwise than by RETURN, STOP or REVERT.
class Ending extends Error {
  constructor(result, message) {
    super(message);
    this.result = result;
  }
}

class Frame {
  constructor(address, energy, isCreation) {
    Object.assign(this, { address, limit: energy, left: energy, isCreation, words: 0, written: [] });
  }

  spend(cost, op) {
    if (cost <= this.left) {
      this.left -= cost;
      return;
    }
    const name = javaName[op] ?? op;
    throw new Ending('OUT_OF_ENERGY', `Not enough energy for '${name}' operation executing: `
      + `curInvokeEnergyLimit[${this.limit}], curOpEnergy[${cost}], usedEnergy[${this.limit - this.left}]`);
  }

  // What it costs that memory reaches as far as this instruction needs.
  grow(op, at) {
    let end = 0;
    for (const [offset, size] of ranges[op] ?? []) {
      const length = size < 0 ? -size : at(size);
      if (length > 0) end = Math.max(end, at(offset) + length);
    }
    if (end > MEMORY_LIMIT)
      throw new Ending('OUT_OF_MEMORY', `Out of Memory when '${javaName[op] ?? op}' operation executing`);
    const before = this.words;
    this.words = Math.max(before, words(end));
    return memoryPrice(this.words) - memoryPrice(before);
  }
}

class Walk {
  constructor(steps, { energy, address, isAccount }) {
    this.steps = steps;
    this.isAccount = isAccount;
    this.frames = [new Frame(address, energy, false)];
    this.rows = new Set(); // slots of storage that this transaction has written
  }

  get top() {
    return this.frames[this.frames.length - 1];
  }

  run() {
    for (let i = 0; i < this.steps.length; i++) {
      const step = this.steps[i];
      while (this.frames.length > step.depth) this.leave(this.steps[i - 1]);
      this.step(step, this.steps[i + 1]);
    }
    const last = this.steps.at(-1);
    while (this.frames.length > 1) this.leave(last);
    return endingOf(last);
  }

  step(step, next) {
    const { op, stack } = step;
    const big = (i) => BigInt(stack[stack.length - 1 - i] ?? 0);
    const at = (i) => Number(big(i));
    const frame = this.top;
    const memory = frame.grow(op, at);
    if (/^(CALL|CALLCODE|DELEGATECALL|STATICCALL)$/.test(op)) return this.call(step, next, memory, at, big);
    let cost = prices[op]?.(at, big) ?? step.gasCost;
    if (op === 'SSTORE') cost = this.store(step, big(0));
    if (op === 'SELFDESTRUCT') cost = this.isAccount(addressOf(big(0))) ? 0 : NEW_ACCOUNT;
    frame.spend(cost + memory, op);
    if (/^CREATE2?$/.test(op) && next?.depth > step.depth) this.enter('', frame.left - Math.floor(frame.left / 64), true);
    return undefined;
  }

  // A row that this transaction has written is there, be it zero; else the
  // EVM's price tells whether it was.
  store(step, slot) {
    const row = `${this.top.address}/${slot}`;
    if (this.rows.has(row)) return SSTORE;
    this.rows.add(row);
    this.top.written.push(row);
    return step.gasCost >= 20000 ? SSTORE_NEW : SSTORE;
  }

  enter(address, energy, isCreation, stipend = 0) {
    this.top.left -= energy;
    this.frames.push(new Frame(address, energy + stipend, isCreation));
  }

  // A frame has ended with this step; what it did not use goes back.
  leave(last) {
    const frame = this.frames.pop();
    const ending = endingOf(last).result;
    if (frame.isCreation && ending === 'SUCCESS') frame.spend(CODE_BYTE * returnedBytes(last), 'CREATE');
    if (ending === 'SUCCESS') this.top.written.push(...frame.written);
    else for (const row of frame.written) this.rows.delete(row);
    if (ending === 'SUCCESS' || ending === 'REVERT') this.top.left += frame.left;
  }

  call(step, next, memory, at, big) {
    const { op, depth } = step;
    const frame = this.top, to = addressOf(big(1));
    const value = op === 'CALL' || op === 'CALLCODE' ? big(2) : 0n;
    let cost = CALL + memory + (value ? VALUE : 0);
    if (op === 'CALL' && value && !this.isAccount(to)) cost += NEW_ACCOUNT;
    if (cost > frame.left)
      throw new Ending('OUT_OF_ENERGY',
        `Not enough energy for '${op}' operation executing: opEnergy[${cost}], programEnergy[${frame.left}]`);
    frame.left -= cost;
    const energy = Math.min(at(0), frame.left - Math.floor(frame.left / 64));
    const stipend = value ? STIPEND : 0;
    const storage = op === 'CALL' || op === 'STATICCALL' ? to : frame.address;
    if (next?.depth > depth) return this.enter(storage, energy, false, stipend);
    frame.left += stipend;
    const used = precompiled[Number(BigInt(to))]?.(at(op.startsWith('CALL') ? 4 : 3)) ?? 0;
    if (used > energy + stipend) throw new Ending('OUT_OF_ENERGY', `Not enough energy for '${op}' operation executing: `
      + `opEnergy[${used}], programEnergy[${energy + stipend}]`);
    frame.left -= used;
    return undefined;
  }
}

const addressOf = (word) => `0x${(word & (1n << 160n) - 1n).toString(16).padStart(40, '0')}`;
const returnedBytes = (step) => step.op === 'RETURN' ? Number(BigInt(step.stack.at(-2))) : 0;

// What the last step of a frame says of it.
function endingOf(step) {
  if (!step || /^(STOP|RETURN|SELFDESTRUCT)$/.test(step.op)) return { result: 'SUCCESS' };
  if (step.op === 'REVERT') return { result: 'REVERT', message: 'REVERT opcode executed' };
  if (/InvalidJump/.test(step.error))
    return { result: 'BAD_JUMP_DESTINATION', message: `Operation with pc isn't 'JUMPDEST': PC[${BigInt(step.stack.at(-1))}];` };
  if (/StackUnderflow/.test(step.error))
    return { result: 'STACK_TOO_SMALL', message: 'Expected stack size is more than actual;' };
  if (/StackOverflow/.test(step.error))
    return { result: 'STACK_TOO_LARGE', message: 'Expected: overflow 1024 elements stack limit' };
  return { result: 'ILLEGAL_OPERATION', message: `Invalid operation code: opCode[${step.op === 'INVALID' ? 'fe' : '??'}];` };
}

// The bill of a run: how it ends on TRON ({result, message}) and the energy it
// uses, of `energy` that it may. `steps` are the EVM's structLogs, `address`
// (0x...) the contract, `deploys` the length of the code that a deployment
// leaves. A frame that runs out of energy ends the whole run: the EVM, which
// had enough gas, cannot show how its caller would go on.
export function measure(steps, { energy, address, isAccount, deploys = 0 }) {
  const walk = new Walk(steps, { energy, address, isAccount });
  try {
    const ending = walk.run();
    if (ending.result === 'SUCCESS') walk.top.spend(CODE_BYTE * deploys, 'save just created contract code');
    return { ...ending, used: BURNS_ALL.has(ending.result) ? energy : energy - walk.top.left };
  } catch (e) {
    if (!(e instanceof Ending)) throw e;
    return { result: e.result, message: e.message, used: energy };
  }
}
