// bank_forms.mjs - what the benches of the bank share: artifacts, receipts and
// agreements as the bank reads them, and proofs of any size for nothing.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const abiDir = join(dirname(fileURLToPath(import.meta.url)), '../../contracts-abi');
export const { ethers } = createRequire(join(abiDir, 'package.json'))('ethers');

export const artifact = (name) => JSON.parse(readFileSync(join(abiDir, `${name}.json`), 'utf8'));
export const be = (value, bytes) => ethers.toBeHex(value, bytes);

const RECEIPT = [{ name: 'payer', type: 'address' }, { name: 'payee', type: 'address' }, { name: 'amount', type: 'uint112' }];
const AGREEMENT = ['address renter', 'address host', 'uint32 number', 'uint32 revision', 'bytes32 root',
  'uint32 sectors', 'uint32 through', 'uint112 earned', 'uint112 rate', 'uint32 start', 'uint32 end',
  'uint16 span', 'uint112 fund', 'uint112 collateral', 'uint112 penalty', 'bytes32 terms']
  .map((field) => ({ type: field.split(' ')[0], name: field.split(' ')[1] }));

export const domainOf = (bank, chainId) => ({ name: 'seedbank', version: '1', verifyingContract: bank, chainId });

export function packedReceipt(domain, payer, payee, amount) {
  const digest = ethers.TypedDataEncoder.hash(domain, { Receipt: RECEIPT }, { payer: payer.address, payee, amount });
  return ethers.concat([payer.address, be(amount, 14), payer.signingKey.sign(digest).compactSerialized]);
}

export function packedAgreement(domain, renter, host, a) {
  const digest = ethers.TypedDataEncoder.hash(domain, { Agreement: AGREEMENT }, a);
  return ethers.concat([ethers.solidityPacked(AGREEMENT.map((f) => f.type), AGREEMENT.map((f) => a[f.name])),
    renter.signingKey.sign(digest).compactSerialized, host.signingKey.sign(digest).compactSerialized]);
}

// A tree whose leaves are all the same: then so are the nodes of a level, any
// leaf has the same path, and a tree of 2^31 leaves takes no time to make.
export function flatTree(sectors) {
  const leaf = ethers.concat(Array.from({ length: 16 }, (_, i) => ethers.id(`leaf ${i}`)));
  const path = [ethers.sha256(leaf)];
  const height = 11 + Math.ceil(Math.log2(sectors));
  for (let i = 1; i < height; i++) path.push(ethers.sha256(ethers.concat([path[i - 1], path[i - 1]])));
  const top = path[height - 1];
  return { sectors, root: ethers.sha256(ethers.concat([top, top])),
    proof: ethers.concat([be(height, 1), leaf, ...path]) };
}
