// bank_chains.mjs - an EVM and a TRON chain of one's own behind one interface,
// for what is to be measured alike on both.
//   me, chainId, deploy(code), send(to, data, from), call(to, data), block(), mine(n), stop()
// Addresses are 20 bytes in hex with 0x. send() gives {units, bytes}: gas, or
// energy and what bandwidth is charged for. Everything in them is the same in
// each run, but for the time of an EVM's blocks.
import { startAnvil } from '../../contracts-abi/tool.mjs';
import { evmAddress, fromEvm } from '../tron/crypto.mjs';
import { Evm } from '../tron/evm.mjs';
import { Rig, TRX } from '../tron/rig.mjs';
import { ethers } from './bank_forms.mjs';

const bytesOf = (hex) => Buffer.from(hex.slice(2), 'hex');

export class EvmChain {
  static async start() {
    const chain = new EvmChain();
    const { url, stop } = await startAnvil('--accounts', '1', '--hardfork', 'shanghai');
    Object.assign(chain, { stop, evm: new Evm(url), name: 'EVM' });
    chain.me = ethers.HDNodeWallet.fromPhrase('test test test test test test test test test test test junk').address;
    chain.chainId = await chain.evm.chainId();
    await chain.evm.rpc('evm_setAutomine', false);
    return chain;
  }

  // In a block of its own. `from`: a wallet, whose coin and signature anvil makes up.
  async transact(tx, from) {
    if (from) await this.evm.batch([['anvil_impersonateAccount', from.address],
      ['anvil_setBalance', from.address, '0xde0b6b3a7640000000']]);
    const id = await this.evm.rpc('eth_sendTransaction', { from: from?.address ?? this.me, gas: '0x1c00000', ...tx });
    await this.evm.rpc('evm_mine');
    const receipt = await this.evm.rpc('eth_getTransactionReceipt', id);
    if (receipt?.status !== '0x1') throw new Error(`failed: ${tx.data.slice(0, 10)}`);
    return receipt;
  }

  async send(to, data, from) {
    return { units: Number((await this.transact({ to, data }, from)).gasUsed), bytes: 0 };
  }

  deploy = async (code) => (await this.transact({ data: code })).contractAddress;
  call = (to, data) => this.evm.rpc('eth_call', { from: this.me, to, data, gas: '0x1c00000' }, 'latest');
  block = async () => Number(await this.evm.rpc('eth_blockNumber'));
  mine = (blocks) => this.evm.rpc('anvil_mine', ethers.toQuantity(blocks));
}

export class TronChain {
  static async start() {
    const chain = new TronChain();
    chain.rig = await Rig.start();
    Object.assign(chain, { name: 'TRON', me: evmAddress(chain.rig.alice.address), chainId: chain.rig.chain.chainId });
    return chain;
  }

  stop = () => this.rig.stop();

  async person(wallet) {
    const address = fromEvm(wallet.address);
    await this.rig.dev('give', { address, sun: 10_000 * TRX });
    return { key: wallet.privateKey, address, bytes: Buffer.from(address, 'hex') };
  }

  async send(to, data, from) {
    const who = from ? await this.person(from) : this.rig.alice;
    const raw = await this.rig.call(fromEvm(to), bytesOf(data), {}, who);
    const { receipt } = await this.rig.done(raw, who);
    if (receipt.result !== 'SUCCESS') throw new Error(`${receipt.result}: ${data.slice(0, 10)}`);
    return { units: receipt.energy_usage_total, bytes: receipt.net_usage ?? receipt.net_fee / 1000 };
  }

  deploy = async (code) => evmAddress(await this.rig.deploy(bytesOf(code)));

  async call(to, data) {
    const answer = await this.rig.wallet('triggerconstantcontract',
      { owner_address: this.rig.alice.address, contract_address: fromEvm(to), data });
    return `0x${answer.constant_result[0]}`;
  }

  block = async () => (await this.rig.dev('state')).head;
  mine = (blocks) => this.rig.dev('mine', { blocks });
}
