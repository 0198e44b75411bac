// costs.mjs - docs/costs.md: what receipts, proofs and agreements cost on TRON and
// on an EVM chain, beside others, and from which sums they make sense.
//   node tests/bench/costs.mjs > docs/costs.md
//   node tests/bench/costs.mjs --check      is docs/costs.md what this prints?
//   options: --gas-price GWEI --energy-price SUN --byte-price SUN --coin-price TOKENS --share PERCENT
// Energy, bytes and gas are the same in each run and on each machine; prices are
// parameters, whose defaults the document states.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EvmChain, TronChain } from './bank_chains.mjs';
import { measure } from './bank_costs.mjs';

const page = new URL('../../docs/costs.md', import.meta.url);
const unitsFile = new URL('../../node/money/cash_cost.c', import.meta.url);
const text = (value) => ({ type: 'string', default: value });
const { values } = parseArgs({ options: { check: { type: 'boolean' }, 'gas-price': text('300000'), 'energy-price': text('100'),
  'byte-price': text('1000'), 'coin-price': text('400000'), share: text('2') } });
const price = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));

// ---------------------------------------------------------------- chains

const whole = (n) => Math.round(n).toLocaleString('en-US');
const coins = (n) => n >= 1000 ? whole(n) : n.toFixed(n >= 100 ? 1 : 2);

const tron = { coin: 'TRX', unit: 'energy', sizes: [1, 5, 20], proofSizes: [1, 5, 10, 20], token: price['coin-price'],
  fee: ({ units, bytes }) => (units * price['energy-price'] + bytes * price['byte-price']) / 1e6 };
const evm = { coin: 'BTT', unit: 'gas', sizes: [1, 50, 200], proofSizes: [1, 50, 200], token: 1, fee: ({ units }) => units * price['gas-price'] / 1e9 };

async function measured(on, Chain) {
  const chain = await Chain.start();
  try {
    on.seen = await measure(chain, on);
  } finally {
    await chain.stop();
  }
}

// One of a batch, which `name, size` is.
function each(on, name, size) {
  const { units, bytes } = on.seen[`${name}, ${size}`];
  return { units: units / size, bytes: bytes / size };
}

const least = (on, spent) => on.fee(spent) * 100 / price.share; // coin

// ---------------------------------------------------------------- tables

const table = (head, rows) => [head, head.map((_, i) => i ? '---:' : '---'), ...rows]
  .map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function cells(on, spent) {
  const worth = least(on, spent);
  return on === tron
    ? [whole(spent.units), whole(spent.bytes), coins(on.fee(spent)), coins(worth), whole(worth * on.token)]
    : [whole(spent.units), coins(on.fee(spent)), coins(worth)];
}

const heads = (on, what, sum) => [what, on.unit, ...on === tron ? ['bytes'] : [], `fee, ${on.coin}`,
  `${sum}, ${on.coin}`, ...on === tron ? ['the same, BTT'] : []];

const batches = (on, what, sizes, names) => table(heads(on, what, 'worth it from'), Object.entries(names).flatMap(([name, words]) =>
  sizes.map((size) => [`${words}, ${size === 1 ? 'alone' : `${size} at once`}`, ...cells(on, each(on, name, size))])));

const receipts = (on) => batches(on, 'a receipt', on.sizes, { known: 'known pair', first: 'first time',
  reserved: 'from a reserve', 'known, paid out': 'known pair, paid out to a wallet' });
const proofs = (on) => batches(on, 'a proof', on.proofSizes,
  { 'proof of 1 GiB': '1 GiB', 'proof of 1 TiB': '1 TiB' });

const single = { 'anchor': 'anchor: once a period, by whoever is first', 'open': 'open', 'open, first of a renter': 'open, a renter\'s first',
  'revise, payment': 'revise: a payment', 'revise, data': 'revise: other data, first time',
  'revise, data again': 'revise: other data, the same period again', 'revise, all': 'revise: data, rate and a payment',
  'revise, to the end': 'revise: paid to the end', 'close, settled': 'close, when paid to the end',
  'close, with misses': 'close, with missed proofs', 'top up': 'top up', 'reserve': 'reserve' };

const singles = () => table(['one transaction', 'energy', 'bytes', 'fee, TRX', 'gas', 'fee, BTT'],
  Object.entries(single).map(([name, words]) => [words, whole(tron.seen[name].units), whole(tron.seen[name].bytes),
    coins(tron.fee(tron.seen[name])), whole(evm.seen[name].units), coins(evm.fee(evm.seen[name]))]));

// ---------------------------------------------------------------- others

// As measured by this project on the others' contracts in an EVM: whole
// transactions, with their 21,000 and calldata.
const others = { cheque: 74022, firstCheque: 125310, register: 10898438, swarm: 73778, swarmNew: 90878, pdp: 246332,
  pdpOne: 116316, pdpNext: 51252 };

function beside() {
  const gas = (name, size) => each(evm, name, size).units;
  const row = (what, theirs, name, ...sizes) => [what, whole(theirs), ...sizes.map((size) => {
    const ours = typeof name === 'string' ? gas(name, size) : name;
    return `${whole(ours)} (${Math.round(ours * 100 / theirs)} %)`;
  })];
  const opened = evm.seen.open.units * 30 + evm.seen['open, first of a renter'].units - evm.seen.open.units;
  return table(['gas', 'theirs', 'seedbank, alone', '50 at once', '200 at once'], [
    row('a cheque of a known pair, go-btfs', others.cheque, 'known', 1, 50, 200),
    row('a cheque of a pair\'s first time, go-btfs', others.firstCheque, 'first', 1, 50, 200),
    row('a cheque of a known pair, Swarm', others.swarm, 'known', 1, 50, 200),
    row('a cheque to a new payee that holds the token, Swarm', others.swarmNew, 'first', 1, 50, 200),
    row('a day\'s proof of 1 GiB, PDP with its 5 leaves', others.pdp + others.pdpNext, 'proof of 1 GiB', 1, 50, 200),
    row('a day\'s proof of 1 GiB, PDP with one leaf', others.pdpOne + others.pdpNext, 'proof of 1 GiB', 1, 50, 200),
    [...row('30 shards registered, go-btfs', others.register, opened, 1), '', ''],
  ]);
}

// ---------------------------------------------------------------- targets

function targets() {
  const quarter = Math.min(others.cheque, others.swarm) / 4;
  const of = (on, name, size, words, most) => {
    const { units } = each(on, name, size), over = units - most;
    return [`${words}, ${size === 1 ? 'alone' : `${size} at once`}`, `${whole(units)} ${on.unit}`, `${whole(most)}`,
      over <= 0 ? 'met' : `missed by ${whole(over)} (${(over * 100 / most).toFixed(1)} %)`];
  };
  return table(['target', 'measured', 'at most', ''], [
    of(tron, 'known', 20, 'TRON, known pair', 14500),
    of(tron, 'reserved', 20, 'TRON, from a reserve', 9500),
    ...[200, 50, 1].map((size) => of(evm, 'known', size, 'EVM, known pair: a quarter of theirs', quarter)),
    ...[200, 50, 1].map((size) => of(evm, 'first', size, 'EVM, first time: a quarter of theirs', others.firstCheque / 4)),
    ...[200, 50, 1].map((size) => of(evm, 'reserved', size, 'EVM, from a reserve: a quarter of theirs', quarter)),
  ]);
}

// What is left of a miss on TRON is the transaction itself, shared by 20.
function further() {
  const more = (name) => (tron.seen[`${name}, 20`].units - tron.seen[`${name}, 5`].units) / 15;
  const own = (name) => tron.seen[`${name}, 20`].units - 20 * more(name);
  return `On TRON each further receipt takes ${whole(more('known'))} of energy for a known pair and ${whole(more('reserved'))} from a reserve; the transaction itself
takes ${whole(own('known'))}, which 20 receipts share, and hardly more fit into the CPU time of one transaction.`;
}

// Of a first receipt, on an EVM with EIP-2929: what nothing in the contract changes.
function floor() {
  const fixed = { word: 22100, balance: 5000, ecrecover: 3100, signature: 64 * 16 };
  const sum = Object.values(fixed).reduce((a, b) => a + b);
  return `On an EVM such a receipt is ${whole(fixed.word)} for that word, ${whole(fixed.balance)} for the payer's
balance, ${whole(fixed.ecrecover)} for ecrecover and ${whole(fixed.signature)} for a signature's bytes: ${whole(sum)} before it is said who pays how much and before
anything is hashed. A quarter of ${whole(others.firstCheque)} leaves ${whole(others.firstCheque / 4 - sum)} for the rest, so it is not to be had, whatever the batch.`;
}

// ---------------------------------------------------------------- the guide

// Of 1 GiB for 90 days: opened, proved once a span in full batches, settled.
function life(on, spans, size) {
  return on.fee(on.seen.open) + spans * on.fee(each(on, 'proof of 1 GiB', size)) + on.fee(on.seen['close, settled']);
}

function guide() {
  const at = (on, name, size) => {
    const worth = least(on, each(on, name, size));
    return on === tron ? `${coins(worth)} TRX (${whole(worth * on.token)} BTT)` : `${coins(worth)} BTT`;
  };
  return `A fee is worth paying when it is under ${price.share} % of what it brings (\`fee-share\`). So:

- **Sell for receipts on a cheap EVM chain.** A payer's debt is worth cashing from ${at(evm, 'known', 200)} in a full batch, ${at(evm, 'known', 50)}
  in one of 50, ${at(evm, 'known', 1)} alone; ${at(evm, 'first', 200)} the first time.
- **On TRON only large sums are.** From ${at(tron, 'known', 20)} a payer in a full batch, ${at(tron, 'known', 1)} alone,
  ${at(tron, 'first', 20)} the first time; ${at(tron, 'reserved', 20)} where the payer reserved. Staked energy and bandwidth pay for it instead.
- **Debts grow, fees do not.** A receipt replaces the one before, so what is small today is cashed later, at one fee: at a price of P a GiB
  after (the sum above) / P GiB.
- **Who reserves for a seller** pays ${coins(tron.fee(tron.seen.reserve))} TRX or ${coins(evm.fee(evm.seen.reserve))} BTT each time, and saves the seller a third in a full batch.
- **Rent by proof** wants spans whose rent is ${whole(100 / price.share)} proofs' fees: ${at(evm, 'proof of 1 GiB', 50)} a span on an EVM chain with 50 at once, ${at(tron, 'proof of 1 GiB', 10)} on
  TRON with 10. A host takes no span that pays less than 20 of them. An agreement of 1 GiB for 90 days costs ${coins(life(evm, 13, 50))} BTT in all
  with spans of 7 days, ${coins(life(tron, 3, 10))} TRX with spans of 30.
- **Small rents need no chain:** \`store put --unopened\` pays by receipts, and \`store pay --opened\` settles an agreement for one revision
  (${coins(tron.fee(tron.seen['revise, payment']))} TRX, ${coins(evm.fee(evm.seen['revise, payment']))} BTT) instead of its proofs.

\`seedbank deposit\` tells the sums of a known pair, alone and in a full batch, at the price of the moment and the user's \`coin-price\`, before it sends
anything.`;
}

const write = () => `# What it costs

Made by \`tests/bench/costs.mjs\`: run it with other prices; the file itself is not edited. Energy, bytes and gas are measured, on the bank as it is,
and the same on every machine; ctest (label \`contracts\`) holds this page against them. Fees are those times these prices:

| chain | price | where from |
|---|---|---|
| TRON | ${whole(price['energy-price'])} sun an energy, ${whole(price['byte-price'])} sun a byte (\`--energy-price\`, \`--byte-price\`) | what java-tron 4.8 charges whoever has neither stake nor free bandwidth |
| BTTC | ${whole(price['gas-price'])} Gwei a gas (\`--gas-price\`) | the default in go-btfs; a node asks the chain for the price of the moment, and 30 times this has been proposed there |
| BTT for a TRX | ${whole(price['coin-price'])} (\`--coin-price\`) | an example for the last column, no price of any day: put yours there |

"Worth it from" is the sum from which the fee is under ${price.share} % (\`--share\`): what a receipt must bring, or a span's rent be. On BTTC the token is
the coin. TRON is measured on the chain in \`tests/tron\`, whose bill is a java-tron node's to the unit: for the bank's first version both said 14.9
thousand of energy a receipt of 20. EVM is anvil. A pair is known when it was cashed before; receipts are kept in the bank unless said.

## From which sums

${guide()}

## Receipts on TRON

${receipts(tron)}

## Receipts on BTTC and other EVM chains

${receipts(evm)}

## Proofs on TRON

More than 10 at once, or 32 KiB, may take more CPU time than a transaction has. What 20 would cost is for comparison.

${proofs(tron)}

## Proofs on BTTC and other EVM chains

A node sends 60,000 bytes of proofs at once: 49 of 1 GiB or 39 of 1 TiB. What 200 would cost is for comparison.

${proofs(evm)}

## Agreements

${singles()}

## Beside others

Theirs were measured by this project on an EVM, whole transactions: go-btfs 4.1 from the Solidity of its vault (btfs-vault, solc 0.8.2; every cheque is a
transaction of its own, \`batch-cash\` a loop of them), registering from its ABI and BTIP-90, since that source was not to be had: an estimate; Swarm's
\`cashChequeBeneficiary\` (ERC20SimpleSwap, one chequebook a payer) and Filecoin's \`PDPVerifier.provePossession\` with \`nextProvingPeriod\`
(51,252 of it) from their published contracts with forge. Percent is of theirs. PDP asks 5 leaves of each data set every day, seedbank one of each agreement in
a span of a week or more: the row with one leaf compares like with like.

${beside()}

Seedbank's 30 shards are 30 agreements, each opened in its own transaction.

## Targets

${targets()}

${further()} A single receipt
carries what a transaction costs alone; the first time of a pair writes a word that was zero, whoever does it: the
payer, where it reserved. ${floor()}
`;

// What `seedbank deposit` reckons with are these figures too.
function staleUnits() {
  const code = readFileSync(unitsFile, 'utf8');
  return [[evm, 'EVM'], [tron, 'TRON']].flatMap(([on, kind]) => [['ALONE', 1], ['FULL', on.sizes.at(-1)]]
    .flatMap(([name, size]) => {
      const one = each(on, 'known', size);
      return [`#define ${kind}_${name} ${Math.round(one.units)}`,
        ...kind === 'TRON' ? [`#define ${kind}_${name}_BYTES ${Math.round(one.bytes)}`] : []];
    }))
    .filter((line) => !code.split('\n').includes(line));
}

function check(made) {
  const kept = readFileSync(page, 'utf8').split('\n');
  const wrong = made.split('\n').flatMap((line, i) => line === kept[i] ? [] : [`line ${i + 1}: ${kept[i] ?? 'nothing'}\n  now: ${line}`]);
  if (kept.length > made.split('\n').length) wrong.push('more lines than there should be');
  for (const line of wrong.slice(0, 10)) console.error(`docs/costs.md, ${line}`);
  for (const line of staleUnits()) console.error(`node/money/cash_cost.c: should say ${line}`);
  if (wrong.length || staleUnits().length) process.exitCode = 1;
}

await measured(tron, TronChain);
await measured(evm, EvmChain);
if (values.check) check(write());
else process.stdout.write(write());
