// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Balances} from "./Balances.sol";

/// Cumulative receipts between accounts, and reserves that back them.
abstract contract Receipts is Balances {
    /// paid 112 | reserve 112 | until 32, from the top. `paid` never falls and
    /// is never cleared: it is what makes an old receipt worthless.
    mapping(address payee => mapping(address payer => uint256)) private _pairs;

    uint256 private constant RECEIPT = 98; // 20 + 14 + 32 + 32
    uint256 private constant PROMISE = 38; // 20 + 14 + 4
    /// Where _draw() puts its buffers: behind all that was allocated before it.
    uint256 private constant FORM = 0x140;

    bytes32 private constant RECEIPT_TYPE = keccak256("Receipt(address payer,address payee,uint112 amount)");

    /// `added` moved from free balance to the reserve, which is kept to `until`.
    event Reserved(address indexed payer, address indexed payee, uint112 added, uint32 until);
    event Released(address indexed payer, address indexed payee, uint112 amount);
    /// One a batch. `to` zero: credited inside the bank. `receipts`: how many
    /// of the batch gave something. What each payer has paid says pair().
    event Cashed(address indexed payee, address indexed to, uint256 total, uint32 receipts);
    /// A good receipt found `missing` too little; it can be cashed again.
    event Bounced(address indexed payer, address indexed payee, uint112 missing);

    error NotYours();

    /// Pays `payee` what `receipts` promise beyond what was paid before.
    ///
    /// `receipts`: 98 bytes each, payer 20 | amount 14 | r 32 | vs 32
    /// (EIP-2098). A stale, forged or malformed one is skipped; one without
    /// cover is paid as far as it goes. `to`: zero credits the payee inside the
    /// bank, the payee itself is paid by whoever calls; any other address only
    /// when the payee calls. Returns what was drawn in all.
    function cash(address payee, address to, bytes calldata receipts) external returns (uint256 total) {
        if (to != address(0) && to != payee && msg.sender != payee) revert NotYours();
        if (receipts.length % RECEIPT != 0) revert BadLength();
        uint256 gave;
        (total, gave) = _draw(payee, receipts);
        if (total == 0) return 0;
        emit Cashed(payee, to, total, uint32(gave));
        if (to == address(0)) free[payee] += total;
        else _pay(to, total);
    }

    /// Sets money aside that only one payee can draw.
    ///
    /// `promises`: 38 bytes each, payee 20 | total 14 | until 4. `total` is
    /// paid + reserve after the call, so repeating a call changes nothing;
    /// it and `until` (Unix seconds) only rise.
    function reserve(bytes calldata promises) external {
        if (promises.length % PROMISE != 0) revert BadLength();
        for (uint256 i = 0; i < promises.length; i += PROMISE) {
            bytes calldata one = promises[i:i + PROMISE];
            _reserve(address(bytes20(one)), uint112(bytes14(one[20:])), uint32(bytes4(one[34:])));
        }
    }

    /// Ends a reserve: by its payee at any time, by its payer after `until`.
    function release(address payer, address payee) external {
        uint256 word = _pairs[payee][payer];
        uint112 held = uint112(word >> 32);
        if (msg.sender != payee) {
            if (msg.sender != payer) revert NotYours();
            if (block.timestamp <= uint32(word)) revert NotYet();
        }
        if (held == 0) return;
        _pairs[payee][payer] = word >> 144 << 144;
        free[payer] += held;
        emit Released(payer, payee, held);
    }

    function pair(address payer, address payee) external view returns (uint112 paid, uint112 held, uint32 until) {
        uint256 word = _pairs[payee][payer];
        return (uint112(word >> 144), uint112(word >> 32), uint32(word));
    }

    function _reserve(address payee, uint112 total, uint32 until) private {
        uint256 word = _pairs[payee][msg.sender];
        uint256 paid = word >> 144;
        uint256 held = uint112(word >> 32);
        uint256 added = total > paid + held ? total - (paid + held) : 0;

        if (until < uint32(word)) until = uint32(word);
        if (added == 0 && until == uint32(word)) return;
        if (payee == address(0)) revert BadAccount();
        if (until <= block.timestamp) revert Expired();
        _take(msg.sender, added);
        _pairs[payee][msg.sender] = paid << 144 | (held + added) << 32 | until;
        emit Reserved(msg.sender, payee, uint112(added), until);
    }

    /// Draws every good receipt: the sum, and how many gave something. A receipt
    /// touches two words of storage: its pair's, and the payer's free balance
    /// when the reserve does not cover it. Written in assembly because this
    /// loop is the price of a receipt, and with its buffers at fixed places,
    /// which spares an addition at each use; they are filled once a batch:
    ///   0x00 type | 0x20 payer | 0x40 payee | 0x60 amount     the struct
    ///   0x9e 0x1901 | 0xa0 domain | 0xc0 hash of the struct   the digest
    ///   0xe0 digest | 0x100 v | 0x120 r | 0x140 s             to ecrecover
    ///   0x160 payer | 0x180 slot of `free`                    a free balance
    /// Bytes 0x00 to 0x3f of memory hold payer | slot of the payee's pairs.
    function _draw(address payee, bytes calldata receipts) private returns (uint256 total, uint256 gave) {
        bytes32 receiptType = RECEIPT_TYPE;
        bytes32 domain = domainSeparator();
        bytes32 bounced = Bounced.selector;
        mapping(address => uint256) storage pairs = _pairs[payee];

        assembly ("memory-safe") {
            if gt(mload(0x40), FORM) { revert(0, 0) } // never: no test would pass
            mstore(FORM, receiptType)
            mstore(add(FORM, 0x40), payee)
            mstore(add(FORM, 0x80), 0x1901)
            mstore(add(FORM, 0xa0), domain)
            mstore(add(FORM, 0x180), free.slot)
            mstore(0x20, pairs.slot)

            let end := add(receipts.offset, receipts.length)
            for { let pos := receipts.offset } lt(pos, end) { pos := add(pos, RECEIPT) } {
                let payer := shr(96, calldataload(pos))
                let due := and(calldataload(add(pos, 2)), MAX) // the amount, first
                mstore(0, payer)
                let slot := keccak256(0, 0x40)
                let word := sload(slot)
                if iszero(gt(due, shr(144, word))) { continue }

                mstore(add(FORM, 0x20), payer)
                mstore(add(FORM, 0x60), due)
                mstore(add(FORM, 0xc0), keccak256(FORM, 0x80))
                mstore(add(FORM, 0xe0), keccak256(add(FORM, 0x9e), 0x42))
                calldatacopy(add(FORM, 0x120), add(pos, 34), 0x40) // r, vs
                let s := mload(add(FORM, 0x140))
                mstore(add(FORM, 0x100), add(27, shr(255, s)))
                s := shr(1, shl(1, s))
                mstore(add(FORM, 0x140), s)
                // The answer takes the digest's place. There is none when
                // ecrecover fails; the digest, which then stays, is nobody's
                // address, and where a zero should stand instead, that is
                // nobody too. Of the answer the low 20 bytes count (TRON puts
                // 0x41 before them). A signature's second form, with a high s,
                // is refused.
                pop(staticcall(gas(), 1, add(FORM, 0xe0), 0x80, add(FORM, 0xe0), 0x20))
                let wrong := or(iszero(payer), shl(96, xor(mload(add(FORM, 0xe0)), payer)))
                if or(wrong, gt(s, HALF_N)) { continue }

                due := sub(due, shr(144, word))
                let held := and(shr(32, word), MAX) // the reserve goes first
                switch gt(due, held)
                case 0 { sstore(slot, sub(add(word, shl(144, due)), shl(32, due))) }
                default {
                    mstore(add(FORM, 0x160), payer)
                    let account := keccak256(add(FORM, 0x160), 0x40)
                    let has := add(sload(account), held)
                    if gt(due, has) {
                        mstore(0, sub(due, has))
                        log3(0, 0x20, bounced, payer, mload(add(FORM, 0x40)))
                        if iszero(has) { continue }
                        due := has
                    }
                    sstore(account, sub(has, due))
                    sstore(slot, sub(add(word, shl(144, due)), shl(32, held)))
                }
                total := add(total, due)
                gave := add(gave, 1)
            }
        }
    }
}
