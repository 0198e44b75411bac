// transaction.mjs - a signed transaction, and what a node refuses of it before
// it looks at what it does. Texts and codes are java-tron 4.8's.
import { base58Address, sha256, signerOf } from './crypto.mjs';
import { contractOf, decode, encode } from './protobuf.mjs';

const MAX_SIZE = 512_000, RESULT_SIZE = 64;
const MAX_AHEAD_MS = 86_400_000;
export const SLOT_MS = 3000;

// Why a broadcast is refused: `code` of the API's Return and its text, of which
// `before` is what only a broadcast says.
export class Refusal extends Error {
  constructor(code, text, before = '') {
    super(text);
    this.code = code;
    this.text = before + text;
  }
}

export const invalid = (text) => new Refusal('CONTRACT_VALIDATE_ERROR', text, 'Contract validate error : ');
const badSignature = (text) => new Refusal('SIGERROR', text, 'Validate signature error: ');

// Out of a decoded Transaction. The id is the hash of what decoding and encoding
// again makes of it, so bytes that were not canonical have another id than
// their signer thought.
export function transactionOf({ raw_data: raw = {}, signature: signatures = [] }) {
  const rawBytes = encode('Raw', raw);
  const contract = contractOf(raw);
  const txid = sha256(rawBytes);
  return { raw, rawBytes, signatures, contract, txid, id: txid.toString('hex'),
    owner: contract?.owner_address?.toString('hex') ?? '',
    size: encode('Transaction', { raw_data: raw, signature: signatures }).length };
}

export const transactionOfHex = (bytes) => transactionOf(decode('Transaction', bytes));

// What bandwidth is charged for.
export const chargedBytes = (tx) => tx.size + RESULT_SIZE;

// Every account is its one key's.
export function checkSignature(tx) {
  if (tx.signatures.length === 0 || !tx.raw.contract?.length) throw badSignature('miss sig or contract');
  if (tx.signatures.length > 1) throw badSignature('too many signatures');
  const [signature] = tx.signatures;
  if (signature.length !== 65) throw badSignature(`Signature size is ${signature.length}`);
  const signer = signerOf(tx.txid, signature);
  if (!signer) throw badSignature('Could not recover public key from signature');
  if (signer !== tx.owner)
    throw badSignature(`${signature.toString('hex')} is signed by ${base58Address(signer)} but it is not contained of permission.`);
}

// `head` is the newest block, `blockByRef` finds the newest whose number ends in
// these two bytes.
export function checkPlace(tx, head, blockByRef) {
  const block = tx.raw.ref_block_bytes?.length === 2 && blockByRef(tx.raw.ref_block_bytes.readUInt16BE());
  if (!block || block.id.slice(16, 32) !== tx.raw.ref_block_hash?.toString('hex'))
    throw new Refusal('TAPOS_ERROR', 'Tapos check error.');
  const size = tx.size + 2 * RESULT_SIZE;
  if (size > MAX_SIZE) throw new Refusal('TOO_BIG_TRANSACTION_ERROR',
    `Too big transaction with result, TxId ${tx.id}, the size is ${size} bytes, maxTxSize ${MAX_SIZE}`);
  const expiration = Number(tx.raw.expiration ?? 0n);
  if (expiration < head.timeMs + SLOT_MS || expiration > head.timeMs + MAX_AHEAD_MS)
    throw new Refusal('TRANSACTION_EXPIRATION_ERROR', 'Transaction expired');
  if (tx.raw.contract.length !== 1)
    throw new Refusal('OTHER_ERROR', 'Error: act size should be exactly 1, this is extend feature');
}
