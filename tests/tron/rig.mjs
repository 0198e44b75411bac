// rig.mjs - what the tests of this folder share: a chain of their own, a few
// people with coin, and transactions made by hand.
import { readFileSync } from 'node:fs';
import { addressOf, ethers, sha256, sign } from './crypto.mjs';
import { any, contractTypeNumber, encode } from './protobuf.mjs';
import { start } from './server.mjs';

export const TIME = 1795231302000;
export const TRX = 1_000_000;

export function person(name) {
  const key = ethers.id(`a person of the tests: ${name}`);
  return { key, address: addressOf(key), bytes: Buffer.from(addressOf(key), 'hex') };
}

export const artifact = (name) =>
  JSON.parse(readFileSync(new URL(`../../contracts-abi/${name}.json`, import.meta.url), 'utf8'));

export class Rig {
  static async start(options = {}) {
    const rig = new Rig();
    rig.alice = person('alice');
    rig.bob = person('bob'); // has an account and nothing else
    rig.nobody = person('nobody');
    Object.assign(rig, await start({ timeMs: TIME, estimates: true,
      give: [[rig.alice.address, BigInt(1e6 * TRX)], [rig.bob.address, 0n]], ...options }));
    [rig.url] = rig.urls;
    return rig;
  }

  async post(path, body = {}, url = this.url) {
    const answer = await fetch(url + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
    return answer.json();
  }

  wallet = (name, body) => this.post(`/wallet/${name}`, body);
  solid = (name, body) => this.post(`/walletsolidity/${name}`, body);
  dev = (name, body, url) => this.post(`/dev/${name}`, body, url);
  info = (id) => this.wallet('gettransactioninfobyid', { value: id });

  // Fields of a raw_data that is good now.
  async raw(message, contract, more = {}) {
    const { blockID, block_header } = await this.wallet('getblock', { detail: false });
    const now = block_header.raw_data.timestamp;
    this.made = (this.made ?? 0) + 1;
    return { ref_block_bytes: Buffer.from(blockID.slice(12, 16), 'hex'), ref_block_hash: Buffer.from(blockID.slice(16, 32), 'hex'),
      expiration: BigInt(now + 60_000), contract: [{ type: contractTypeNumber(message), parameter: any(message, contract) }],
      timestamp: BigInt(now + this.made), fee_limit: BigInt(1000 * TRX), ...more };
  }

  signed(raw, who = this.alice) {
    const rawBytes = Buffer.isBuffer(raw) ? raw : encode('Raw', raw);
    return this.packed(rawBytes, sign(who.key, sha256(rawBytes)));
  }

  packed(rawBytes, ...signatures) {
    const part = (tag, bytes) => Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
    return Buffer.concat([part(0x0a, rawBytes), ...signatures.map((s) => part(0x12, s))]);
  }

  send = (bytes) => this.wallet('broadcasthex', { transaction: bytes.toString('hex') });

  transfer = (amount, to = this.bob, from = this.alice) =>
    this.raw('TransferContract', { owner_address: from.bytes, to_address: to.bytes, amount: BigInt(amount) });

  call = (to, data, more = {}, who = this.alice, value = 0n) => this.raw('TriggerSmartContract',
    { owner_address: who.bytes, contract_address: Buffer.from(to, 'hex'), data, call_value: value }, more);

  deployment = (code, more = {}) => this.raw('CreateSmartContract', { owner_address: this.alice.bytes,
    new_contract: { origin_address: this.alice.bytes, bytecode: code, consume_user_resource_percent: 100n, name: 'Test',
      origin_energy_limit: 10_000_000n, ...more } });

  // Sent, mined, and what became of it.
  async done(raw, who) {
    const sent = await this.send(this.signed(raw, who));
    if (!sent.result) throw new Error(JSON.stringify(sent));
    for (let i = 0; ; i++) { // a block that was being made may be without it
      await this.dev('mine');
      const info = await this.info(sent.txid);
      if (info?.receipt || i === 2) return info;
    }
  }

  // The contract's address.
  async deploy(code) {
    const info = await this.done(await this.deployment(code));
    if (info.receipt.result !== 'SUCCESS') throw new Error(JSON.stringify(info));
    return info.contract_address;
  }
}

function varint(value) {
  return value < 0x80 ? Buffer.from([value]) : Buffer.concat([Buffer.from([value & 0x7f | 0x80]), varint(value >> 7)]);
}
