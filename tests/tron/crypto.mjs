// crypto.mjs - hashes, keys and addresses as TRON uses them.
// An address is 42 hex digits inside this server: 41 and the 20 bytes.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../contracts-abi/package.json', import.meta.url));
export const { ethers } = require('ethers');

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
export const keccak256 = (bytes) => Buffer.from(ethers.keccak256(bytes).slice(2), 'hex');

const checksum = (bytes) => sha256(sha256(bytes)).subarray(0, 4);
const hexAddress = (bytes) => `41${bytes.subarray(-20).toString('hex')}`;

export const evmAddress = (address) => `0x${address.slice(2)}`;
export const fromEvm = (address) => `41${address.slice(2).toLowerCase()}`;
export const isAddress = (hex) => /^41[0-9a-f]{40}$/.test(hex);

export function base58Address(hex) {
  const bytes = Buffer.from(hex, 'hex');
  return ethers.encodeBase58(Buffer.concat([bytes, checksum(bytes)]));
}

// Hex of what a base58check text stands for; null when it is none.
export function base58Decode(text) {
  if (!/^[1-9A-HJ-NP-Za-km-z]+$/.test(text)) return null;
  const hex = ethers.decodeBase58(text).toString(16);
  const all = Buffer.from(hex.padStart(hex.length + hex.length % 2, '0'), 'hex');
  const body = all.subarray(0, -4);
  return all.length > 4 && checksum(body).equals(all.subarray(-4)) ? body.toString('hex') : null;
}

const addressOfKey = (publicKey) => hexAddress(keccak256(Buffer.from(publicKey.slice(4), 'hex')));

export function addressOf(privateKey) {
  return addressOfKey(new ethers.SigningKey(privateKey).publicKey);
}

// r, s, v as a transaction has them; v = 27 or 28.
export function sign(privateKey, digest) {
  return Buffer.from(new ethers.SigningKey(privateKey).sign(digest).serialized.slice(2), 'hex');
}

// Who signed; null when nobody did. Either s is taken, as a node does, and v
// may be 0, 1, 27 or 28.
export function signerOf(digest, signature) {
  const v = [0, 1, 27, 28].indexOf(signature[64]) % 2;
  if (v < 0) return null;
  const r = `0x${signature.subarray(0, 32).toString('hex')}`;
  let s = BigInt(`0x${signature.subarray(32, 64).toString('hex')}`), yParity = v;
  if (s > ethers.N >> 1n) [s, yParity] = [ethers.N - s, 1 - v];
  try {
    const sig = { r, s: ethers.toBeHex(s, 32), yParity };
    return addressOfKey(ethers.SigningKey.recoverPublicKey(digest, sig));
  } catch {
    return null;
  }
}

// Where a CreateSmartContract puts its contract: the signed bytes fix it.
export function contractAddress(txid, owner) {
  return hexAddress(keccak256(Buffer.concat([txid, Buffer.from(owner, 'hex')])));
}
