// Gas a receipt, whole transaction over receipts, on a private anvil.
//   node tests/bench/gas.mjs [--json] [--check]
// Gas is exact, the same on every machine, so --check may assert the targets:
// 200 receipts of 200 payers at or under 16,500 each, 11,500 out of reserves.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tool } from '../../contracts-abi/tool.mjs';

const abiDir = join(dirname(fileURLToPath(import.meta.url)), '../../contracts-abi');
const { ethers } = createRequire(join(abiDir, 'package.json'))('ethers');

function freePort() {
  return new Promise((done) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => done(port));
    });
  });
}

async function startAnvil() {
  const port = await freePort();
  const child = spawn(tool('anvil'), ['--host', '127.0.0.1', '--port', String(port), '--accounts', '1'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((done, fail) => {
    child.stdout.on('data', (d) => { if (String(d).includes('Listening')) done(); });
    child.on('exit', (code) => fail(new Error(`anvil ended with ${code}`)));
  });
  const provider = new ethers.JsonRpcProvider(`http://127.0.0.1:${port}`, undefined,
    { staticNetwork: true, polling: true, pollingInterval: 20, cacheTimeout: -1 });
  return { child, provider };
}

const artifact = (name) => JSON.parse(readFileSync(join(abiDir, `${name}.json`), 'utf8'));
const target = { '200 repeat': 16500, '200 from reserves': 11500 };
const be = (value, bytes) => ethers.toBeHex(value, bytes);

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
    this.bank = await this.deploy('Bank', await this.token.getAddress());
    const bank = await this.bank.getAddress();
    const me = await this.owner.getAddress();
    await (await this.token.mint(me, 10n ** 30n)).wait(1, 30000);
    await (await this.token.approve(bank, 10n ** 30n)).wait(1, 30000);
    this.domain = { name: 'seedbank', version: '1', verifyingContract: bank,
      chainId: (await this.provider.getNetwork()).chainId };
    for (const p of this.payers) // one after another, as nonces go; the gas limit saves a call
      await this.bank.deposit(p.address, 10n ** 21n, { gasLimit: 200000 });
    await (await this.bank.deposit(me, 1)).wait(1, 30000);
  }

  receipt(payer, add) {
    const amount = (this.amounts.get(payer.address) ?? 0n) + add;
    this.amounts.set(payer.address, amount);
    const digest = ethers.TypedDataEncoder.hash(this.domain,
      { Receipt: [{ name: 'payer', type: 'address' }, { name: 'payee', type: 'address' },
        { name: 'amount', type: 'uint112' }] },
      { payer: payer.address, payee: this.payee, amount });
    return ethers.concat([payer.address, be(amount, 14), payer.signingKey.sign(digest).compactSerialized]);
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

async function main() {
  const { child, provider } = await startAnvil();
  try {
    const w = new World(provider);
    await w.open();
    const out = {};
    const zero = ethers.ZeroAddress;
    out['200 first time'] = await w.cash(200, w.payee);
    out['200 repeat'] = await w.cash(200, w.payee);
    out['20 repeat'] = await w.cash(20, w.payee);
    out['1 repeat'] = await w.cash(1, w.payee);
    await w.cash(1, zero);
    out['200 repeat, kept in the bank'] = await w.cash(200, zero);
    out['20 repeat, kept in the bank'] = await w.cash(20, zero);
    out['1 repeat, kept in the bank'] = await w.cash(1, zero);
    await w.reserveAll();
    out['200 from reserves'] = await w.cash(200, w.payee);
    out['20 from reserves'] = await w.cash(20, w.payee);
    out['1 from reserves'] = await w.cash(1, w.payee);
    if (process.argv.includes('--json')) console.log(JSON.stringify(out));
    else for (const [name, gas] of Object.entries(out))
      console.log(name.padEnd(30), gas.toFixed(0).padStart(8), 'gas a receipt');
    for (const [name, most] of Object.entries(target)) {
      if (out[name] <= most) continue;
      console.error(`${name}: over ${most} gas a receipt`);
      if (process.argv.includes('--check')) process.exitCode = 1;
    }
  } finally {
    provider.destroy();
    child.kill();
  }
}

await main();
