// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Balances} from "./Balances.sol";

/// Rent for stored sectors, paid by proofs or by what both sides sign.
///
/// Time is counted in periods of `period` blocks. An agreement belongs to
/// (renter, host, number). What it earns comes out of a fund that the renter
/// locked, what the host may lose out of its collateral; both are part of
/// what the bank owes. Proofs are due in the last period of each span.
abstract contract Agreements is Balances {
    /// Blocks of a period.
    uint32 public immutable period;

    /// By period: the hash of its first block, once somebody recorded it. There
    /// is no other candidate: a choice would be a second throw of the dice.
    mapping(uint256 => bytes32) private _beacons;

    /// moving, from the top: earned 112 | through 32 | misses 16 | sectors 32 |
    ///   span 16 | flags 16 | end 32; never zero once opened
    /// money: rate 112 | fund 112 | start 32; `fund` is all that was ever
    ///   locked, so fund - earned is what is left
    /// fixed_: collateral 112 | penalty 112 | revision 32
    /// next, when PENDING: rate 112 | sectors 32 << 32 | period from which
    struct Stored {
        uint256 moving;
        uint256 money;
        bytes32 root;
        uint256 fixed_;
        uint256 next;
        bytes32 nextRoot;
    }

    mapping(address host => mapping(address renter => mapping(uint256 number => Stored))) private _agreements;
    /// host 160 << 32 | number 32, in the order in which they were opened.
    mapping(address renter => uint256[]) private _opened;

    uint256 private constant PENDING = 1 << 32; // of `moving`
    uint256 private constant CLOSED = 2 << 32;
    uint256 private constant SPANS = 4096;
    uint256 private constant WAIT = 7; // periods from the end until anyone closes
    uint256 private constant LEAF = 512;
    uint256 private constant LEAVES = 2048; // of a sector
    uint256 private constant SIGNED = 328; // agreement 200, two signatures of 64
    uint256 private constant PROOF = 537; // renter 20 | number 4 | nodes 1 | leaf 512
    uint256 private constant PAID = 42; // renter 20 | number 4 | through 4 | paid 14
    uint256 private constant SHORT = 0xffffffff; // 32 bits

    bytes32 private constant AGREEMENT_TYPE = keccak256(
        "Agreement(address renter,address host,uint32 number,uint32 revision,bytes32 root,uint32 sectors,"
        "uint32 through,uint112 earned,uint112 rate,uint32 start,uint32 end,uint16 span,uint112 fund,"
        "uint112 collateral,uint112 penalty,bytes32 terms)"
    );

    /// What both sign, a word each, behind the hash of its type.
    struct Agreement {
        bytes32 kind;
        address renter;
        address host;
        uint256 number;
        uint256 revision;
        bytes32 root;
        uint256 sectors;
        uint256 through;
        uint256 earned;
        uint256 rate;
        uint256 start;
        uint256 end;
        uint256 span;
        uint256 fund;
        uint256 collateral;
        uint256 penalty;
        bytes32 terms;
    }

    /// `root`, `sectors` and `rate` are in force now; `next...` take force in
    /// period `from`, or are zero with it. `state`: 0 never opened, 1 open,
    /// 2 closed.
    struct View {
        uint8 state;
        uint32 revision;
        bytes32 root;
        uint32 sectors;
        uint32 through;
        uint112 earned;
        uint112 rate;
        uint32 start;
        uint32 end;
        uint16 span;
        uint112 fund;
        uint112 collateral;
        uint112 penalty;
        uint16 misses;
        bytes32 nextRoot;
        uint32 nextSectors;
        uint112 nextRate;
        uint32 from;
    }

    event Opened(
        address indexed renter,
        address indexed host,
        uint32 number,
        uint32 start,
        uint32 end,
        uint112 fund,
        uint112 collateral,
        bytes32 terms
    );
    event Revised(
        address indexed renter, address indexed host, uint32 number, uint32 revision, uint32 through, uint112 paid
    );
    /// One a batch. `proofs` is packed, 42 bytes for each proof that was good:
    /// renter 20 | number 4 | through 4 | paid 14.
    event Proved(address indexed host, uint256 total, bytes proofs);
    event ToppedUp(address indexed renter, address indexed host, uint32 number, uint112 amount);
    event Closed(address indexed renter, address indexed host, uint32 number, uint112 toRenter, uint112 toHost);
    /// Stays in the bank and is credited to nobody.
    event Burnt(address indexed renter, address indexed host, uint32 number, uint112 amount);

    error BadPeriod();
    error BadAgreement();
    error BadNumber();
    error BadSignature();
    error NoAgreement();
    error Stale();
    error Unsettled();

    constructor(uint32 period_) {
        if (period_ < 2) revert BadPeriod();
        period = period_;
    }

    // ------------------------------------------------------------- by signature

    /// Opens the next agreement between two: locks the renter's fund and the
    /// host's collateral. `packed`: the agreement's 16 fields packed, 200
    /// bytes, and the EIP-2098 signatures of renter and host.
    function open(bytes calldata packed) external {
        Agreement memory a = _read(packed);
        mapping(uint256 => Stored) storage all = _agreements[a.host][a.renter];
        Stored storage s = all[a.number];

        if (s.moving != 0 || (a.number != 0 && all[a.number - 1].moving == 0)) revert BadNumber();
        if (a.span == 0 || a.end <= a.start || (a.end - a.start - 1) / a.span >= SPANS) revert BadAgreement();
        if (a.sectors == 0 || a.through != a.start || a.earned != 0) revert BadAgreement();
        if (a.start <= _now()) revert Expired();
        _take(a.renter, a.fund);
        _take(a.host, a.collateral);
        s.moving = a.through << 112 | a.sectors << 64 | a.span << 48 | a.end;
        s.money = a.rate << 144 | a.fund << 32 | a.start;
        s.fixed_ = a.collateral << 144 | a.penalty << 32 | a.revision;
        s.root = a.root;
        _opened[a.renter].push(uint256(uint160(a.host)) << 32 | a.number);
        emit Opened(
            a.renter,
            a.host,
            uint32(a.number),
            uint32(a.start),
            uint32(a.end),
            uint112(a.fund),
            uint112(a.collateral),
            a.terms
        );
    }

    /// Replaces an open agreement by a later revision of it, `packed` as for
    /// open(). Root, sectors and rate take force in the next period (before the
    /// start: at once); the rise of `earned` is paid now. `through` and
    /// `earned` only rise, and `earned` counts what proofs paid: a revision
    /// that was signed before a proof is still good for its root. The fund and
    /// the terms are not looked at.
    function revise(bytes calldata packed) external {
        Agreement memory a = _read(packed);
        Stored storage s = _agreements[a.host][a.renter][a.number];
        uint256 moving = _live(s);
        uint256 money = s.money;
        uint256 now_ = _now();
        uint256 paid;

        _follows(s, moving, money, a);
        (moving, money) = _ripen(s, moving, money, now_);
        (moving, paid) = _settle(moving, money, a);
        if (a.rate != money >> 144) {
            uint256 through = uint32(moving >> 112); // the start at least
            if (through <= now_ && through != a.end) revert Unsettled();
        }
        s.fixed_ = s.fixed_ >> 32 << 32 | a.revision;
        s.moving = _plan(s, moving, money, now_, a);
        if (paid != 0) free[a.host] += paid;
        emit Revised(
            a.renter, a.host, uint32(a.number), uint32(a.revision), uint32(moving >> 112), uint112(paid)
        );
    }

    // ----------------------------------------------------------------- by proof

    /// Records the beacon of this period, if it is early enough in it.
    function anchor() external returns (bytes32) {
        return _anchor(_now());
    }

    /// Pays `host` the spans whose proofs are due in this period. Anyone may
    /// call. `proofs`, each: renter 20 | number 4 | nodes 1 | leaf 512 | path of
    /// `nodes` times 32 bytes, from the leaf up. A proof that is wrong, not due
    /// or known already is skipped. Returns how many were good, and what they
    /// paid.
    function prove(address host, bytes calldata proofs) external returns (uint32 good, uint256 total) {
        uint256 now_ = _now();
        bytes32 beacon_ = _anchor(now_);
        if (beacon_ == 0) return (0, 0);

        bytes memory entries = new bytes(proofs.length / PROOF * PAID + 32);
        while (proofs.length != 0) {
            bytes calldata one;
            (one, proofs) = _first(proofs);
            (uint256 through, uint256 paid) = _prove(host, beacon_, now_, one);
            if (through == 0) continue;
            unchecked {
                _enter(entries, good++, one, through, paid);
                total += paid;
            }
        }
        if (good == 0) return (0, 0);
        assembly ("memory-safe") {
            mstore(entries, mul(good, PAID))
        }
        free[host] += total;
        emit Proved(host, total, entries);
    }

    /// Root of the tree that has this leaf at this place: `proof` is its 512
    /// bytes and the nodes beside its way up. The bank calls it itself, for
    /// each proof: a chain that hashes a frame's calldata at each call out of
    /// it (TRON) then hashes one proof, not the whole batch.
    function rootOf(uint64 leaf, bytes calldata proof) external view returns (bytes32 root) {
        if (proof.length < LEAF || proof.length % 32 != 0) revert BadLength();
        assembly ("memory-safe") {
            // A node is written to the half of the next pair where it belongs.
            let side := shl(5, and(leaf, 1))
            let buffer := mload(0x40)
            calldatacopy(buffer, proof.offset, LEAF)
            let fine := staticcall(gas(), 2, buffer, LEAF, side, 0x20)
            let end := add(proof.offset, proof.length)
            for { let pos := add(proof.offset, LEAF) } lt(pos, end) { pos := add(pos, 0x20) } {
                mstore(xor(side, 0x20), calldataload(pos))
                leaf := shr(1, leaf)
                side := shl(5, and(leaf, 1))
                fine := and(fine, staticcall(gas(), 2, 0, 0x40, side, 0x20))
            }
            if iszero(fine) { revert(0, 0) }
            root := mload(side)
        }
    }

    // ------------------------------------------------------------ fund and end

    /// Moves `amount` from the caller's free balance to an agreement's fund.
    function topUp(address renter, address host, uint32 number, uint112 amount) external {
        Stored storage s = _agreements[host][renter][number];
        _live(s);
        uint256 money = s.money;
        if (uint112(money >> 32) + uint256(amount) > MAX) revert TooMuch();
        _take(msg.sender, amount);
        s.money = money + (uint256(amount) << 32);
        emit ToppedUp(renter, host, number, amount);
    }

    /// Ends an agreement, by anyone: at once when it is settled to its end,
    /// else some periods after it, so that either side can still post what both
    /// signed. What is left goes back to either; misses over a tenth of the
    /// spans burn `penalty` each out of the collateral.
    function close(address renter, address host, uint32 number) external {
        Stored storage s = _agreements[host][renter][number];
        uint256 moving = _live(s);
        uint256 money = s.money;
        uint256 fixed_ = s.fixed_;
        if (uint32(moving >> 112) != uint32(moving) && _now() < uint32(moving) + WAIT) revert NotYet();

        (uint256 misses, uint256 burnt) = _misses(moving, money, fixed_);
        uint256 toRenter = uint112(money >> 32) - (moving >> 144);
        uint256 toHost = (fixed_ >> 144) - burnt;
        s.moving = moving + ((misses - uint16(moving >> 96)) << 96) | CLOSED;
        if (toRenter != 0) free[renter] += toRenter;
        if (toHost != 0) free[host] += toHost;
        if (burnt != 0) emit Burnt(renter, host, number, uint112(burnt));
        emit Closed(renter, host, number, uint112(toRenter), uint112(toHost));
    }

    // ------------------------------------------------------------------- views

    /// The hash of the first block of a period, or 0 when nobody recorded it.
    function beacon(uint32 when) external view returns (bytes32) {
        return _beacons[when];
    }

    function agreement(address renter, address host, uint32 number) external view returns (View memory v) {
        Stored storage s = _agreements[host][renter][number];
        uint256 moving = s.moving;
        uint256 money = s.money;
        uint256 fixed_ = s.fixed_;
        uint256 next_ = s.next;
        if (moving == 0) return v;
        (bool ripe, bytes32 root, uint256 sectors, uint256 rate) = _inForce(s, moving, money, _now());

        v.state = moving & CLOSED == 0 ? 1 : 2;
        v.revision = uint32(fixed_);
        v.root = root;
        v.sectors = uint32(sectors);
        v.through = uint32(moving >> 112);
        v.earned = uint112(moving >> 144);
        v.rate = uint112(rate);
        v.start = uint32(money);
        v.end = uint32(moving);
        v.span = uint16(moving >> 48);
        v.fund = uint112(money >> 32);
        v.collateral = uint112(fixed_ >> 144);
        v.penalty = uint112(fixed_ >> 32);
        v.misses = uint16(moving >> 96);
        if (ripe || moving & PENDING == 0) return v;
        v.nextRoot = s.nextRoot;
        v.nextSectors = uint32(next_ >> 32);
        v.nextRate = uint112(next_ >> 144);
        v.from = uint32(next_);
    }

    /// Agreements that this renter ever opened.
    function count(address renter) external view returns (uint32) {
        return uint32(_opened[renter].length);
    }

    /// At most `max` of them from the `from`th on, packed: host 20 | number 4.
    function list(address renter, uint32 from, uint32 max) external view returns (bytes memory packed) {
        uint256[] storage all = _opened[renter];
        uint256 n = from < all.length ? all.length - from : 0;
        if (n > max) n = max;
        packed = new bytes(24 * n + 32);
        for (uint256 i = 0; i < n; i++) {
            uint256 one = all[from + i];
            assembly ("memory-safe") {
                mstore(add(add(packed, 0x20), mul(24, i)), shl(64, one))
            }
        }
        assembly ("memory-safe") {
            mstore(packed, mul(24, n))
        }
    }

    /// The number that the next agreement between these two must have: they
    /// count up from 0 without gaps, so it is found by halving.
    function next(address renter, address host) external view returns (uint32) {
        mapping(uint256 => Stored) storage all = _agreements[host][renter];
        uint256 step = 1;
        while (all[step - 1].moving != 0) step <<= 1;
        uint256 low = step >> 1;
        uint256 high = step - 1;
        while (low < high) {
            uint256 middle = (low + high) >> 1;
            if (all[middle].moving != 0) low = middle + 1;
            else high = middle;
        }
        return uint32(low);
    }

    // ----------------------------------------------------------------- private

    function _now() private view returns (uint256) {
        return block.number / period;
    }

    function _anchor(uint256 now_) private returns (bytes32 hash) {
        hash = _beacons[now_];
        uint256 first = now_ * period;
        if (hash != 0 || block.number - first > 256) return hash;
        hash = blockhash(first); // zero in that block itself
        if (hash != 0) _beacons[now_] = hash;
    }

    function _live(Stored storage s) private view returns (uint256 moving) {
        moving = s.moving;
        if (moving == 0 || moving & CLOSED != 0) revert NoAgreement();
    }

    /// What holds in this period: the pending revision, once it is `ripe`.
    function _inForce(Stored storage s, uint256 moving, uint256 money, uint256 now_)
        private
        view
        returns (bool ripe, bytes32 root, uint256 sectors, uint256 rate)
    {
        if (moving & PENDING != 0) {
            uint256 next_ = s.next;
            if (uint32(next_) <= now_) return (true, s.nextRoot, uint32(next_ >> 32), next_ >> 144);
        }
        return (false, s.root, uint32(moving >> 64), money >> 144);
    }

    /// Puts a ripe revision in the place of the one before; the caller stores
    /// `moving`.
    function _ripen(Stored storage s, uint256 moving, uint256 money, uint256 now_)
        private
        returns (uint256, uint256)
    {
        if (moving & PENDING == 0) return (moving, money);
        uint256 next_ = s.next;
        if (uint32(next_) > now_) return (moving, money);
        s.root = s.nextRoot;
        moving = moving & ~(PENDING | SHORT << 64) | uint256(uint32(next_ >> 32)) << 64;
        return (moving, _rerate(s, money, next_ >> 144));
    }

    function _rerate(Stored storage s, uint256 money, uint256 rate) private returns (uint256) {
        if (money >> 144 != rate) {
            money = rate << 144 | uint144(money);
            s.money = money;
        }
        return money;
    }

    // What is signed

    /// Unpacks an agreement that both signed.
    function _read(bytes calldata packed) private view returns (Agreement memory a) {
        if (packed.length != SIGNED) revert BadLength();
        bytes32 kind = AGREEMENT_TYPE;
        assembly ("memory-safe") {
            function field(start, offset, bits) -> value {
                value := shr(sub(256, bits), calldataload(add(start, offset)))
            }
            let pos := packed.offset
            mstore(a, kind)
            mstore(add(a, 0x20), field(pos, 0, 160)) // renter
            mstore(add(a, 0x40), field(pos, 20, 160)) // host
            mstore(add(a, 0x60), field(pos, 40, 32)) // number
            mstore(add(a, 0x80), field(pos, 44, 32)) // revision
            mstore(add(a, 0xa0), field(pos, 48, 256)) // root
            mstore(add(a, 0xc0), field(pos, 80, 32)) // sectors
            mstore(add(a, 0xe0), field(pos, 84, 32)) // through
            mstore(add(a, 0x100), field(pos, 88, 112)) // earned
            mstore(add(a, 0x120), field(pos, 102, 112)) // rate
            mstore(add(a, 0x140), field(pos, 116, 32)) // start
            mstore(add(a, 0x160), field(pos, 120, 32)) // end
            mstore(add(a, 0x180), field(pos, 124, 16)) // span
            mstore(add(a, 0x1a0), field(pos, 126, 112)) // fund
            mstore(add(a, 0x1c0), field(pos, 140, 112)) // collateral
            mstore(add(a, 0x1e0), field(pos, 154, 112)) // penalty
            mstore(add(a, 0x200), field(pos, 168, 256)) // terms
        }
        bytes32 digest;
        bytes32 domain = domainSeparator();
        assembly ("memory-safe") {
            let form := mload(0x40)
            mstore(form, shl(240, 0x1901))
            mstore(add(form, 2), domain)
            mstore(add(form, 34), keccak256(a, 0x220))
            digest := keccak256(form, 0x42)
        }
        _signedBy(a.renter, digest, packed[200:264]);
        _signedBy(a.host, digest, packed[264:]);
    }

    /// The rules of a signature are those of a receipt's (Receipts.sol).
    function _signedBy(address who, bytes32 digest, bytes calldata signature) private view {
        bool good;
        assembly ("memory-safe") {
            let form := mload(0x40)
            let vs := calldataload(add(signature.offset, 0x20))
            let s := shr(1, shl(1, vs))
            mstore(form, digest)
            mstore(add(form, 0x20), add(27, shr(255, vs)))
            mstore(add(form, 0x40), calldataload(signature.offset))
            mstore(add(form, 0x60), s)
            mstore(0, 0)
            pop(staticcall(gas(), 1, form, 0x80, 0, 0x20))
            let signer := shr(96, shl(96, mload(0)))
            good := and(iszero(gt(s, HALF_N)), and(iszero(iszero(who)), eq(signer, who)))
        }
        if (!good) revert BadSignature();
    }

    /// Is it a later revision of the same?
    function _follows(Stored storage s, uint256 moving, uint256 money, Agreement memory a) private view {
        uint256 fixed_ = s.fixed_;
        if (a.revision <= uint32(fixed_)) revert Stale();
        if (fixed_ >> 32 != (a.collateral << 112 | a.penalty)) revert BadAgreement();
        if (a.start != uint32(money) || a.end != uint32(moving)) revert BadAgreement();
        if (a.span != uint16(moving >> 48) || a.sectors == 0 || a.through > a.end) revert BadAgreement();
    }

    /// `through` and `earned` rise together, and never fall.
    function _settle(uint256 moving, uint256 money, Agreement memory a)
        private
        pure
        returns (uint256, uint256 paid)
    {
        uint256 through = uint32(moving >> 112);
        uint256 earned = moving >> 144;
        if (a.through <= through) return (moving, 0);
        if (a.earned > earned) paid = a.earned - earned;
        if (paid > uint112(money >> 32) - earned) revert TooLittle();
        return (moving + (paid << 144) + ((a.through - through) << 112), paid);
    }

    /// Root, sectors and rate of a revision, from the next period on. Before
    /// the start there is nothing that they could be too early for.
    function _plan(Stored storage s, uint256 moving, uint256 money, uint256 now_, Agreement memory a)
        private
        returns (uint256)
    {
        if (now_ < a.start) {
            s.root = a.root;
            _rerate(s, money, a.rate);
            return moving & ~(SHORT << 64) | a.sectors << 64;
        }
        if (a.rate == money >> 144 && a.sectors == uint32(moving >> 64) && a.root == s.root) {
            return moving & ~PENDING;
        }
        s.next = a.rate << 144 | a.sectors << 32 | (now_ + 1);
        s.nextRoot = a.root;
        return moving | PENDING;
    }

    // What is proved

    /// Cuts the first proof off the rest.
    function _first(bytes calldata proofs) private pure returns (bytes calldata, bytes calldata) {
        unchecked {
            if (proofs.length < PROOF) revert BadLength();
            uint256 size = PROOF + 32 * uint256(uint8(proofs[24]));
            if (proofs.length < size) revert BadLength();
            return (proofs[:size], proofs[size:]);
        }
    }

    /// The period up to which a good proof settles, or 0; and what it pays.
    function _prove(address host, bytes32 beacon_, uint256 now_, bytes calldata one)
        private
        returns (uint256, uint256 paid)
    {
        Stored storage s = _agreements[host][address(bytes20(one))][uint32(bytes4(one[20:]))];
        uint256 moving = s.moving;
        uint256 money = s.money;
        uint256 first = _due(moving, money, now_);
        if (first == 0) return (0, 0);

        (bool ripe, bytes32 root, uint256 sectors, uint256 rate) = _inForce(s, moving, money, now_);
        if (!_holds(root, sectors, _challenge(beacon_, host, one), one)) return (0, 0);
        unchecked {
            uint256 through = uint32(moving >> 112);
            uint256 left = uint112(money >> 32) - (moving >> 144);
            paid = rate * (now_ + 1 - (through > first ? through : first));
            if (paid > left) paid = left;
            if (ripe) (moving, money) = _ripen(s, moving, money, now_); // 2k less for each proof after
            if (through < first) moving += _missed(moving, money, first, SPANS) << 96;
            s.moving = moving + (paid << 144) + ((now_ + 1 - through) << 112);
        }
        return (now_ + 1, paid);
    }

    /// First period of the span whose proof is due now and not settled, or 0.
    /// Nothing starts in period 0, since a start lies ahead; what is closed is
    /// over, or settled to its end.
    function _due(uint256 moving, uint256 money, uint256 now_) private pure returns (uint256 first) {
        unchecked {
            uint256 start = uint32(money);
            uint256 end = uint32(moving);
            if (now_ < start || now_ >= end || uint32(moving >> 112) > now_) return 0;
            uint256 span = uint16(moving >> 48);
            first = now_ - (now_ - start) % span;
            if (now_ + 1 != end && now_ + 1 != first + span) return 0;
        }
    }

    /// keccak256(beacon 32 | renter 20 | host 20 | number 4).
    function _challenge(bytes32 beacon_, address host, bytes calldata one) private pure returns (uint256 hash) {
        assembly ("memory-safe") {
            let form := mload(0x40)
            mstore(form, beacon_)
            calldatacopy(add(form, 32), one.offset, 20)
            mstore(add(form, 52), shl(96, host))
            calldatacopy(add(form, 72), add(one.offset, 20), 4)
            hash := keccak256(form, 76)
        }
    }

    /// Does the proof lead from the leaf that `hash` picks up to the root? Its
    /// path has exactly as many nodes as the tree is high: fewer would take an
    /// inner node for a leaf, more a taller tree for this one.
    function _holds(bytes32 root, uint256 sectors, uint256 hash, bytes calldata one)
        private
        view
        returns (bool good)
    {
        unchecked {
            uint256 above = (one.length - PROOF) / 32 - 11; // nodes over a sector's root
            if (above > 32 || 1 << above < sectors || 1 << above >= sectors << 1) return false;
            hash %= sectors * LEAVES;
        }
        bytes4 selector = this.rootOf.selector;
        assembly ("memory-safe") {
            let form := mload(0x40)
            let len := sub(one.length, 25)
            mstore(form, selector)
            mstore(add(form, 0x04), hash)
            mstore(add(form, 0x24), 0x40)
            mstore(add(form, 0x44), len)
            calldatacopy(add(form, 0x64), add(one.offset, 25), len)
            good := staticcall(gas(), address(), form, add(0x64, len), 0, 0x20)
            good := and(good, eq(mload(0), root))
        }
    }

    /// Adds an entry to the event's list.
    function _enter(bytes memory entries, uint256 n, bytes calldata one, uint256 through, uint256 paid) private pure {
        assembly ("memory-safe") {
            let out := add(add(entries, 0x20), mul(n, PAID))
            let name := shl(64, shr(64, calldataload(one.offset)))
            mstore(out, or(name, or(shl(32, through), shr(80, paid))))
            mstore(add(out, 0x20), shl(176, paid))
        }
    }

    // What is missed

    /// Spans that are not settled and end at `before` at the latest: those with
    /// a beacon in the period when their proof was due. Counts to `most`.
    function _missed(uint256 moving, uint256 money, uint256 before, uint256 most)
        private
        view
        returns (uint256 n)
    {
        unchecked {
            uint256 start = uint32(money);
            uint256 end = uint32(moving);
            uint256 span = uint16(moving >> 48);
            uint256 through = uint32(moving >> 112);
            if (through == end) return 0;
            for (uint256 to = through + span - (through - start) % span; n < most; to += span) {
                if (to > end) to = end;
                if (to > before) break;
                if (_beacons[to - 1] != 0) n++;
                if (to == end) break;
            }
        }
    }

    /// All misses of an agreement that is over, or as many as burn all of its
    /// collateral; and how much that is.
    function _misses(uint256 moving, uint256 money, uint256 fixed_)
        private
        view
        returns (uint256 misses, uint256 burnt)
    {
        uint256 collateral = fixed_ >> 144;
        uint256 penalty = uint112(fixed_ >> 32);
        misses = uint16(moving >> 96);
        if (penalty == 0) return (misses, 0);
        unchecked {
            uint256 span = uint16(moving >> 48);
            uint256 spare = (uint32(moving) - uint32(money) + span - 1) / span / 10;
            uint256 most = spare + (collateral + penalty - 1) / penalty;
            if (misses < most) misses += _missed(moving, money, uint32(moving), most - misses);
            if (misses > spare) burnt = penalty * (misses - spare);
            if (burnt > collateral) burnt = collateral;
        }
    }
}
