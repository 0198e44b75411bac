// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IBank, Vm} from "./Harness.sol";
import {Rent} from "./Rent.sol";
import {OddToken} from "./Tokens.sol";

/// Two who rent, one who hosts, and money in the bank.
abstract contract Village is Rent {
    uint256 internal constant RENTER = 0x4e47e4;
    uint256 internal constant OTHER = 0x07e4;
    uint256 internal constant HOST = 0x4057;
    uint256 internal constant RICH = 1e12;
    uint112 internal constant RATE = 1000;
    bytes internal constant SECTORS = "abc";

    OddToken internal token;
    IBank internal bank;
    address internal renter = vm.addr(RENTER);
    address internal other = vm.addr(OTHER);
    address internal host = vm.addr(HOST);

    function setUp() public virtual {
        go(100);
        token = new OddToken();
        bank = deployBank(address(token), PERIOD);
        token.mint(address(this), 10 * RICH);
        token.approve(address(bank), 10 * RICH);
        bank.deposit(renter, RICH);
        bank.deposit(other, RICH);
        bank.deposit(host, RICH);
    }

    /// Ten weeks from period 110, over three sectors.
    function deal() internal view returns (Deal memory d) {
        d.renter = renter;
        d.host = host;
        d.revision = 1;
        d.root = rootOfTree(SECTORS);
        d.sectors = 3;
        d.through = 110;
        d.rate = RATE;
        d.start = 110;
        d.end = 110 + DAYS;
        d.span = 7;
        d.fund = RATE * DAYS;
        d.collateral = 5000;
        d.penalty = 2000;
        d.terms = keccak256("terms");
    }

    function keyOf(address who) internal view returns (uint256) {
        return who == renter ? RENTER : who == other ? OTHER : HOST;
    }

    function signed(Deal memory d) internal view returns (bytes memory) {
        return signed(bank, d, keyOf(d.renter), keyOf(d.host));
    }

    function opened() internal returns (Deal memory d) {
        d = deal();
        bank.open(signed(d));
    }

    function opened(bytes memory sectors) internal returns (Deal memory d) {
        d = deal();
        d.sectors = uint32(sectors.length);
        d.root = rootOfTree(sectors);
        bank.open(signed(d));
    }

    function refused(Deal memory d, bytes4 why, string memory what) internal {
        bytes memory data = signed(d);
        (bool ok, bytes memory answer) = address(bank).call(abi.encodeCall(IBank.open, (data)));
        check(!ok && bytes4(answer) == why, what);
    }

    function revise(Deal memory d) internal {
        d.revision++;
        bank.revise(signed(d));
    }

    function cannotRevise(Deal memory d, bytes4 why, string memory what) internal {
        bytes memory data = signed(d);
        (bool ok, bytes memory answer) = address(bank).call(abi.encodeCall(IBank.revise, (data)));
        check(!ok && bytes4(answer) == why, what);
    }

    function proves(Deal memory d, bytes memory sectors) internal returns (uint256 paid) {
        uint32 good;
        (good, paid) = bank.prove(host, proofOf(bank, d, sectors));
        same(good, 1, "good proofs");
    }

    function fails(Deal memory d, bytes memory sectors, string memory what) internal {
        (uint32 good, uint256 paid) = bank.prove(host, proofOf(bank, d, sectors));
        check(good == 0 && paid == 0, what);
    }

    /// All that the bank owes for certain, of what was put in.
    function owes() internal view returns (uint256 sum) {
        sum = bank.free(renter) + bank.free(other) + bank.free(host);
        address[2] memory renters = [renter, other];
        for (uint256 r = 0; r < 2; r++) {
            for (uint32 n = 0; n < bank.next(renters[r], host); n++) {
                IBank.View memory v = bank.agreement(renters[r], host, n);
                if (v.state == 1) sum += v.fund - v.earned + v.collateral;
            }
        }
    }
}

/// Every rule of agreements, one by one.
contract AgreementsTest is Village {
    // -------------------------------------------------------------------- open

    function test_OpenLocksFundAndCollateral() external {
        Deal memory d = opened();
        same(bank.free(renter), RICH - d.fund, "renter");
        same(bank.free(host), RICH - d.collateral, "host");
        same(owes(), 3 * RICH, "all");
    }

    function test_TheViewTellsAllThatIsKept() external {
        Deal memory d = deal();
        (d.revision, d.fund, d.penalty) = (77, 123456, 99);
        bank.open(signed(d));
        IBank.View memory v = viewOf(bank, d);
        same(v.state, 1, "state");
        same(v.revision, 77, "revision");
        check(v.root == d.root, "root");
        same(v.sectors, 3, "sectors");
        same(v.through, 110, "through");
        same(v.earned, 0, "earned");
        same(v.rate, RATE, "rate");
        same(v.start, 110, "start");
        same(v.end, 110 + DAYS, "end");
        same(v.span, 7, "span");
        same(v.fund, 123456, "fund");
        same(v.collateral, 5000, "collateral");
        same(v.penalty, 99, "penalty");
        same(v.misses, 0, "misses");
        same(v.from, 0, "nothing pending");
    }

    function test_WhatWasNeverOpenedIsNothing() external view {
        IBank.View memory v = bank.agreement(renter, host, 0);
        check(keccak256(abi.encode(v)) == keccak256(new bytes(18 * 32)), "all zero");
    }

    function testFuzz_EveryFieldIsKeptAtAnySize(Deal memory d) external {
        (d.renter, d.host, d.number) = (renter, host, 0);
        d.start = uint32(bound(d.start, 101, type(uint32).max - 1));
        if (d.span == 0) d.span = 1;
        uint256 most = d.start + uint256(d.span) * 4096;
        d.end = uint32(bound(d.end, d.start + 1, most < type(uint32).max ? most : type(uint32).max));
        if (d.sectors == 0) d.sectors = 1;
        (d.through, d.earned) = (d.start, 0);
        d.fund = uint112(d.fund % RICH);
        d.collateral = uint112(d.collateral % RICH);
        bank.open(signed(d));
        IBank.View memory v = viewOf(bank, d);
        check(v.root == d.root && v.revision == d.revision && v.sectors == d.sectors, "content");
        check(v.start == d.start && v.end == d.end && v.span == d.span && v.through == d.start, "time");
        check(v.rate == d.rate && v.fund == d.fund, "rent");
        check(v.collateral == d.collateral && v.penalty == d.penalty && v.earned == 0, "stake");
    }

    function test_NumbersCountUpOfEachPair() external {
        Deal memory d = deal();
        d.number = 1;
        refused(d, IBank.BadNumber.selector, "the second first");
        for (uint32 n = 0; n < 5; n++) {
            same(bank.next(renter, host), n, "next");
            d.number = n;
            d.fund = 1;
            bank.open(signed(d));
            same(bank.count(renter), n + 1, "count");
        }
        d.number = 7;
        refused(d, IBank.BadNumber.selector, "one left out");
        d = deal();
        d.renter = other;
        same(bank.next(other, host), 0, "of another pair");
        bank.open(signed(d));
    }

    function test_NextIsFoundByHalving() external {
        Deal memory d = deal();
        (d.fund, d.collateral) = (0, 0);
        for (uint32 n = 0; n < 40; n++) {
            d.number = n;
            bank.open(signed(d));
            same(bank.next(renter, host), n + 1, "next");
        }
    }

    function test_ARentersListNamesHostAndNumber() external {
        Deal memory d = deal();
        d.fund = 0;
        for (d.number = 0; d.number < 3; d.number++) bank.open(signed(d));
        bytes memory all = abi.encodePacked(host, uint32(0), host, uint32(1), host, uint32(2));
        check(keccak256(bank.list(renter, 0, 9)) == keccak256(all), "all");
        check(keccak256(bank.list(renter, 1, 1)) == keccak256(abi.encodePacked(host, uint32(1))), "one");
        same(bank.list(renter, 3, 9).length, 0, "past the last");
        same(bank.list(renter, 9, 9).length, 0, "far past it");
        same(bank.list(renter, 0, 0).length, 0, "none wanted");
        same(bank.list(other, 0, 9).length, 0, "of who has none");
    }

    function test_OnlyWhatMakesSenseIsOpened() external {
        bytes4 bad = IBank.BadAgreement.selector;
        Deal memory d = deal();
        d.end = d.start;
        refused(d, bad, "no periods");
        d.end = d.start - 1;
        refused(d, bad, "backwards");
        d = deal();
        d.span = 0;
        refused(d, bad, "no span");
        d = deal();
        d.sectors = 0;
        refused(d, bad, "no sectors");
        d = deal();
        d.through++;
        refused(d, bad, "settled ahead");
        d = deal();
        d.earned = 1;
        refused(d, bad, "earned ahead");
        d = deal();
        (d.span, d.end) = (3, d.start + 3 * 4096 + 1);
        refused(d, bad, "4,097 spans");
        d.end--;
        bank.open(signed(d));
    }

    function test_OnlyWhatLiesAheadIsOpened() external {
        Deal memory d = deal();
        go(110);
        refused(d, IBank.Expired.selector, "today");
        vm.roll(110 * PERIOD - 1);
        bank.open(signed(d));
    }

    function test_BothMustHaveTheMoney() external {
        Deal memory d = deal();
        d.fund = uint112(RICH + 1);
        refused(d, IBank.TooLittle.selector, "fund");
        d = deal();
        d.collateral = uint112(RICH + 1);
        refused(d, IBank.TooLittle.selector, "collateral");
        d.collateral = uint112(RICH);
        d.fund = uint112(RICH);
        bank.open(signed(d));
        same(bank.free(renter) + bank.free(host), 0, "all of it");
    }

    function test_BothMustSign() external {
        Deal memory d = deal();
        bytes32 digest = digestOf(bank, d);
        bytes memory r = signature(RENTER, digest);
        bytes memory h = signature(HOST, digest);
        bytes[5] memory wrong = [
            bytes.concat(packed(d), h, h),
            bytes.concat(packed(d), r, r),
            bytes.concat(packed(d), h, r),
            bytes.concat(packed(d), r, new bytes(64)),
            bytes.concat(packed(d), new bytes(64), h)
        ];
        for (uint256 i = 0; i < wrong.length; i++) {
            vm.expectRevert(IBank.BadSignature.selector);
            bank.open(wrong[i]);
        }
        bytes memory data = bytes.concat(packed(d), r, h);
        for (uint256 i = 0; i < 200; i++) { // every byte counts
            data[i] ^= 0x01;
            (bool ok,) = address(bank).call(abi.encodeCall(IBank.open, (data)));
            check(!ok, dec(i));
            data[i] ^= 0x01;
        }
        bank.open(data);
    }

    /// What ecrecover answered before is not its answer to nonsense.
    function test_WhoRentsFromItselfSignsTwice() external {
        Deal memory d = deal();
        d.host = renter;
        bytes memory data = bytes.concat(packed(d), signature(RENTER, digestOf(bank, d)), new bytes(64));
        vm.expectRevert(IBank.BadSignature.selector);
        bank.open(data);
    }

    function test_NobodySignsNothing() external {
        Deal memory d = deal();
        d.host = address(0);
        d.collateral = 0;
        bytes memory data = bytes.concat(packed(d), signature(RENTER, digestOf(bank, d)), new bytes(64));
        vm.expectRevert(IBank.BadSignature.selector);
        bank.open(data);
    }

    function test_OnlyAWholeAgreementIsTaken() external {
        bytes memory data = signed(deal());
        vm.expectRevert(IBank.BadLength.selector);
        bank.open(bytes.concat(data, hex"00"));
        vm.expectRevert(IBank.BadLength.selector);
        bank.open("");
    }

    function test_OpeningIsTold() external {
        Deal memory d = deal();
        bytes memory data = signed(d);
        vm.expectEmit(true, true, false, true, address(bank));
        emit IBank.Opened(renter, host, 0, 110, 110 + DAYS, RATE * DAYS, 5000, d.terms);
        bank.open(data);
    }

    // ------------------------------------------------------------------ beacon

    function test_ABeaconIsTheHashOfThePeriodsFirstBlock() external {
        IBank slow = deployBank(address(token), 1000);
        same(slow.period(), 1000, "period");
        vm.roll(5000);
        check(slow.anchor() == 0, "in that block itself");
        vm.roll(5001);
        check(slow.beacon(5) == 0, "not yet");
        bytes32 hash = blockhash(5000);
        check(hash != 0 && slow.anchor() == hash && slow.beacon(5) == hash, "one later");
        vm.roll(5900);
        check(slow.anchor() == hash, "kept");
        vm.roll(6256);
        check(slow.anchor() != 0, "256 later");
        vm.roll(7257);
        check(slow.anchor() == 0 && slow.beacon(7) == 0, "257 later");
    }

    function test_APeriodHasTwoBlocksAtLeast() external {
        this.make(2);
        vm.expectRevert();
        this.make(1);
        vm.expectRevert();
        this.make(0);
    }

    function make(uint256 period) external {
        deployBank(address(token), period);
    }

    // ------------------------------------------------------------------- proof

    function test_AProofPaysItsSpan() external {
        Deal memory d = opened();
        go(116);
        same(proves(d, SECTORS), 7 * RATE, "paid");
        same(bank.free(host), RICH - d.collateral + 7 * RATE, "host");
        IBank.View memory v = viewOf(bank, d);
        check(v.through == 117 && v.earned == 7 * RATE && v.misses == 0, "settled");
        same(owes(), 3 * RICH, "all");
    }

    function test_EverySpanIsPaidOnceAndTheLastIsShorter() external {
        Deal memory d = deal();
        (d.span, d.end) = (30, d.start + DAYS); // 30, 30 and 10
        bank.open(signed(d));
        go(139);
        same(proves(d, SECTORS), 30 * RATE, "first");
        fails(d, SECTORS, "again");
        go(169);
        same(proves(d, SECTORS), 30 * RATE, "second");
        go(179);
        same(proves(d, SECTORS), 10 * RATE, "last");
        IBank.View memory v = viewOf(bank, d);
        check(v.through == d.end && v.earned == 70 * RATE, "all of it");
    }

    function test_AProofIsDueInOnePeriodOnly() external {
        Deal memory d = opened();
        for (uint256 p = 109; p < 125; p++) {
            go(p);
            if (p == 116 || p == 123) proves(d, SECTORS);
            else fails(d, SECTORS, dec(p));
        }
        go(d.end);
        fails(d, SECTORS, "after the end");
    }

    function test_AnyoneMaySendAProofAndTheHostIsPaid() external {
        Deal memory d = opened();
        go(116);
        bytes memory proof = proofOf(bank, d, SECTORS);
        vm.prank(address(0xdead));
        bank.prove(host, proof);
        same(bank.free(host), RICH - d.collateral + 7 * RATE, "host");
    }

    function test_AProofRecordsTheBeaconItself() external {
        Deal memory d = opened("a"); // one sector, all leaves alike: no need to know which
        go(116);
        bytes memory proof = bytes.concat(abi.encodePacked(renter, d.number), proofIn("a", 0));
        (uint32 good,) = bank.prove(host, proof);
        same(good, 1, "good");
        check(bank.beacon(116) == blockhash(116 * PERIOD), "beacon");
    }

    function test_WithoutABeaconNothingIsProved() external {
        bank = deployBank(address(token), 1000);
        token.approve(address(bank), 2 * RICH);
        bank.deposit(renter, RICH);
        bank.deposit(host, RICH);
        Deal memory d = deal();
        (d.start, d.through, d.end, d.sectors, d.root) = (110, 110, 120, 1, rootOfTree("a"));
        vm.roll(100_000);
        bank.open(signed(d));
        vm.roll(116_300);
        bytes memory proof = bytes.concat(abi.encodePacked(renter, d.number), proofIn("a", 0));
        (uint32 good, uint256 paid) = bank.prove(host, proof);
        check(good == 0 && paid == 0, "too late in the period");
        vm.roll(119_001);
        (good, paid) = bank.prove(host, proof);
        check(good == 1 && paid == 3 * RATE, "the last, shorter one");
        same(viewOf(bank, d).misses, 0, "no beacon, no miss");
    }

    function test_ABadProofHarmsNoOther() external {
        Deal memory d = opened();
        Deal memory e = deal();
        e.renter = other;
        bank.open(signed(e));
        go(116);
        bytes memory good = proofOf(bank, d, SECTORS);
        bytes memory fine = proofOf(bank, e, SECTORS);
        bytes memory torn = bytes.concat(good);
        torn[25] ^= 0x01; // a leaf
        bytes memory bent = bytes.concat(good);
        bent[good.length - 1] ^= 0x01; // a node
        bytes memory stranger = bytes.concat(good);
        stranger[0] ^= 0x01;
        bytes memory unopened = bytes.concat(good);
        unopened[23] ^= 0x01;
        (uint32 n, uint256 paid) =
            bank.prove(host, bytes.concat(torn, bent, good, stranger, good, unopened, fine));
        check(n == 2 && paid == 14 * RATE, "two of seven");
        same(viewOf(bank, d).through, 117, "first");
        same(viewOf(bank, e).through, 117, "second");
    }

    function test_TheBatchIsToldInOneEvent() external {
        Deal memory d = opened();
        Deal memory e = deal();
        (e.renter, e.fund) = (other, 100);
        bank.open(signed(e));
        go(116);
        bytes memory proofs = bytes.concat(proofOf(bank, d, SECTORS), proofOf(bank, e, SECTORS));
        bytes memory list = abi.encodePacked(
            renter, uint32(0), uint32(117), uint112(7 * RATE), other, uint32(0), uint32(117), uint112(100)
        );
        vm.expectEmit(true, false, false, true, address(bank));
        emit IBank.Proved(host, 7 * RATE + 100, list);
        bank.prove(host, proofs);
        vm.recordLogs();
        bank.prove(host, proofs);
        same(vm.getRecordedLogs().length, 0, "nothing proved, nothing told");
    }

    function test_OnlyWholeProofsAreTaken() external {
        Deal memory d = opened();
        go(116);
        bytes memory one = proofOf(bank, d, SECTORS);
        (uint32 good, uint256 paid) = bank.prove(host, "");
        check(good == 0 && paid == 0, "none");
        vm.expectRevert(IBank.BadLength.selector);
        bank.prove(host, bytes.concat(one, hex"00"));
        vm.expectRevert(IBank.BadLength.selector);
        bank.prove(host, bytes.concat(one, new bytes(536)));
        one[24] = bytes1(uint8(one[24]) + 1);
        vm.expectRevert(IBank.BadLength.selector);
        bank.prove(host, one);
    }

    function test_AShortFundPaysWhatIsThere() external {
        Deal memory d = deal();
        d.fund = 10 * RATE;
        bank.open(signed(d));
        go(116);
        same(proves(d, SECTORS), 7 * RATE, "all");
        go(123);
        same(proves(d, SECTORS), 3 * RATE, "what is left");
        go(130);
        same(proves(d, SECTORS), 0, "nothing, and yet no miss");
        IBank.View memory v = viewOf(bank, d);
        check(v.through == 131 && v.earned == v.fund && v.misses == 0, "settled");
    }

    function test_TheLargestRateOverflowsNothing() external {
        Deal memory d = deal();
        d.rate = type(uint112).max;
        bank.open(signed(d));
        go(116);
        same(proves(d, SECTORS), d.fund, "paid what is there");
        same(viewOf(bank, d).rate, type(uint112).max, "rate");
    }

    function testFuzz_AnyLeafOfARealTree(uint256 seed, uint8 leaf, uint8 wrong) external view {
        // 256 leaves that all differ: the same rule as for 2,048 of a sector
        bytes32[][] memory levels = new bytes32[][](9);
        levels[0] = new bytes32[](256);
        for (uint256 i = 0; i < 256; i++) levels[0][i] = sha256(bigLeaf(seed, i));
        for (uint256 k = 1; k < 9; k++) levels[k] = above(levels[k - 1]);
        bytes memory proof = bigLeaf(seed, leaf);
        for (uint256 k = 0; k < 8; k++) proof = bytes.concat(proof, levels[k][(leaf >> k) ^ 1]);
        check(bank.rootOf(leaf, proof) == levels[8][0], "its place");
        if (wrong != leaf) check(bank.rootOf(wrong, proof) != levels[8][0], "another place");
    }

    function bigLeaf(uint256 seed, uint256 i) private pure returns (bytes memory leaf) {
        leaf = new bytes(512);
        assembly {
            mstore(add(leaf, 0x20), seed)
            mstore(add(leaf, 0x200), i)
        }
    }

    function test_ALeafHas512BytesAndANode32() external {
        vm.expectRevert(IBank.BadLength.selector);
        bank.rootOf(0, new bytes(480));
        vm.expectRevert(IBank.BadLength.selector);
        bank.rootOf(0, new bytes(513));
        check(bank.rootOf(0, new bytes(512)) == sha256(new bytes(512)), "a leaf alone");
    }

    // ------------------------------------------------------------------ misses

    function test_WhatIsNotProvedIsNotPaidAndCounted() external {
        Deal memory d = opened();
        go(116);
        bank.anchor();
        go(123);
        bank.anchor();
        go(130);
        same(proves(d, SECTORS), 7 * RATE, "its own span only");
        IBank.View memory v = viewOf(bank, d);
        check(v.through == 131 && v.misses == 2 && v.earned == 7 * RATE, "two missed");
    }

    function test_APeriodWithoutBeaconIsNoMiss() external {
        Deal memory d = opened();
        go(123);
        bank.anchor(); // nobody recorded 116
        go(130);
        proves(d, SECTORS);
        same(viewOf(bank, d).misses, 1, "of two");
    }

    function test_AMissIsCountedOnce() external {
        Deal memory d = opened();
        go(116);
        bank.anchor();
        go(123);
        proves(d, SECTORS);
        go(130);
        proves(d, SECTORS);
        same(viewOf(bank, d).misses, 1, "one");
    }

    /// Any spans, any settled part, any beacons: as counted one by one.
    function testFuzz_MissesAreCounted(uint256 seed) external {
        Deal memory d = deal();
        d.span = uint16(1 + seed % 9);
        d.end = uint32(d.start + 5 + (seed >> 8) % 60);
        (d.sectors, d.root, d.collateral, d.penalty) = (1, rootOfTree("a"), uint112(RICH / 2), 1);
        bank.open(signed(d));
        uint256 misses;
        uint256 skipped; // since what was settled last
        for (uint32 p = d.start; p < d.end; p++) {
            go(p);
            uint256 dice = uint256(keccak256(abi.encode(seed, p)));
            bool due = ((p + 1 - d.start) % d.span == 0 || p + 1 == d.end) && d.through <= p;
            if (dice % 3 == 0) bank.anchor();
            if (dice % 5 == 0) { // settled by both: what was missed is forgiven
                (d.through, skipped) = (p + 1, 0);
                revise(d);
            } else if (due && dice % 7 < 2) {
                proves(d, "a");
                d.through = p + 1;
                (misses, skipped) = (misses + skipped, 0);
            } else if (due && dice % 3 == 0) {
                skipped++;
            }
        }
        misses += skipped;
        uint256 spare = (uint256(d.end - d.start) + d.span - 1) / d.span / 10;
        uint256 before = bank.free(host);
        go(d.end + 7);
        bank.close(renter, host, 0);
        uint256 burnt = misses > spare ? misses - spare : 0;
        same(bank.free(host) - before, d.collateral - burnt, "collateral");
        same(viewOf(bank, d).misses, misses, "misses");
    }

    // --------------------------------------------------------------- revisions

    function test_ARevisionPaysWhatItRaises() external {
        Deal memory d = opened();
        go(112);
        (d.revision, d.through, d.earned) = (2, 112, 2500);
        bytes memory data = signed(d);
        vm.expectEmit(true, true, false, true, address(bank));
        emit IBank.Revised(renter, host, 0, 2, 112, 2500);
        bank.revise(data);
        same(bank.free(host), RICH - d.collateral + 2500, "host");
        (d.through, d.earned) = (113, 2600);
        revise(d);
        same(bank.free(host), RICH - d.collateral + 2600, "the difference");
        IBank.View memory v = viewOf(bank, d);
        check(v.through == 113 && v.earned == 2600 && v.revision == 3, "kept");
        same(owes(), 3 * RICH, "all");
    }

    function test_AProofPaysOnlyWhatIsNotSettled() external {
        Deal memory d = opened();
        go(112);
        (d.through, d.earned) = (113, 3 * RATE);
        revise(d);
        go(116);
        same(proves(d, SECTORS), 4 * RATE, "the rest of the span");
    }

    function test_ASpanThatIsSettledIsNotDue() external {
        Deal memory d = opened();
        go(112);
        d.through = 120; // three periods into the second span
        revise(d);
        go(116);
        fails(d, SECTORS, "the first is settled");
        go(123);
        same(proves(d, SECTORS), 4 * RATE, "the rest of the second");
        same(viewOf(bank, d).misses, 0, "no miss");
    }

    function test_BothMayAgreeThatNothingIsDue() external {
        Deal memory d = opened();
        go(112);
        d.through = 117;
        revise(d);
        same(bank.free(host), RICH - d.collateral, "nothing paid");
        same(viewOf(bank, d).through, 117, "settled");
    }

    function test_OnlyALaterRevisionIsTaken() external {
        Deal memory d = opened();
        go(112);
        d.through = 112;
        cannotRevise(d, IBank.Stale.selector, "the one opened with");
        d.revision = 5;
        bank.revise(signed(d));
        d.through = 113;
        cannotRevise(d, IBank.Stale.selector, "the same again");
        d.revision = 4;
        cannotRevise(d, IBank.Stale.selector, "an earlier one");
        same(viewOf(bank, d).through, 112, "through");
    }

    function test_WhatWasOpenedStays() external {
        Deal memory d = opened();
        bytes4 bad = IBank.BadAgreement.selector;
        d.revision = 2;
        d.start--;
        cannotRevise(d, bad, "start");
        d.start++;
        d.end++;
        cannotRevise(d, bad, "end");
        d.end--;
        d.span++;
        cannotRevise(d, bad, "span");
        d.span--;
        d.collateral--;
        cannotRevise(d, bad, "collateral");
        d.collateral++;
        d.penalty--;
        cannotRevise(d, bad, "penalty");
        d.penalty++;
        d.sectors = 0;
        cannotRevise(d, bad, "no sectors");
        d.sectors = 3;
        d.through = d.end + 1;
        cannotRevise(d, bad, "past the end");
        d.through = 110;
        (d.fund, d.terms) = (1, 0); // the fund on chain counts, terms are between the two
        bank.revise(signed(d));
        same(viewOf(bank, d).fund, RATE * DAYS, "fund");
    }

    function test_ARevisionNeedsAnAgreement() external {
        Deal memory d = deal();
        d.revision = 2;
        cannotRevise(d, IBank.NoAgreement.selector, "never opened");
        opened();
        d.through = d.end;
        bank.revise(signed(d));
        bank.close(renter, host, 0);
        d.revision = 3;
        cannotRevise(d, IBank.NoAgreement.selector, "closed");
    }

    function test_ARevisionNeedsBothSignatures() external {
        Deal memory d = opened();
        d.revision = 2;
        bytes32 digest = digestOf(bank, d);
        vm.expectRevert(IBank.BadSignature.selector);
        bank.revise(bytes.concat(packed(d), signature(RENTER, digest), signature(OTHER, digest)));
        vm.expectRevert(IBank.BadSignature.selector);
        bank.revise(bytes.concat(packed(d), signature(OTHER, digest), signature(HOST, digest)));
    }

    function test_WhatTheFundCannotPayIsRefused() external {
        Deal memory d = opened();
        go(112);
        (d.through, d.earned) = (112, d.fund + 1);
        d.revision = 2;
        cannotRevise(d, IBank.TooLittle.selector, "one too much");
        d.earned--;
        bank.revise(signed(d));
        same(bank.free(host), RICH - d.collateral + d.fund, "all of it");
        go(116);
        same(proves(d, SECTORS), 0, "nothing left");
    }

    function test_OtherSectorsTakeForceInTheNextPeriod() external {
        Deal memory d = opened();
        go(115);
        (d.root, d.sectors) = (rootOfTree("abcde"), 5);
        revise(d);
        IBank.View memory v = viewOf(bank, d);
        check(v.root == rootOfTree(SECTORS) && v.sectors == 3, "in force");
        check(v.nextRoot == d.root && v.nextSectors == 5 && v.nextRate == RATE && v.from == 116, "pending");
        go(116);
        v = viewOf(bank, d);
        check(v.root == d.root && v.sectors == 5 && v.from == 0, "a period later");
        fails(d, SECTORS, "the old sectors");
        proves(d, "abcde");
        v = viewOf(bank, d);
        check(v.root == d.root && v.sectors == 5 && v.rate == RATE && v.from == 0, "stored");
    }

    function test_TheLastRevisionOfAPeriodCounts() external {
        Deal memory d = opened();
        go(115);
        (d.root, d.sectors) = (rootOfTree("x"), 1);
        revise(d);
        (d.root, d.sectors) = (rootOfTree("yz"), 2);
        revise(d);
        check(viewOf(bank, d).root == rootOfTree(SECTORS), "in force as before");
        go(116);
        proves(d, "yz");
    }

    function test_ARevisionBackToWhatHoldsCancels() external {
        Deal memory d = opened();
        go(115);
        (d.root, d.sectors) = (rootOfTree("x"), 1);
        revise(d);
        (d.root, d.sectors) = (rootOfTree(SECTORS), 3);
        revise(d);
        same(viewOf(bank, d).from, 0, "nothing pending");
        go(116);
        proves(d, SECTORS);
    }

    function test_ARipeRevisionGivesWayToTheNext() external {
        Deal memory d = opened();
        go(114);
        (d.root, d.sectors) = (rootOfTree("x"), 1);
        (d.rate, d.through, d.earned) = (2 * RATE, 115, 5 * RATE);
        revise(d);
        go(115);
        (d.root, d.sectors) = (rootOfTree("yz"), 2);
        revise(d);
        IBank.View memory v = viewOf(bank, d);
        check(v.root == rootOfTree("x") && v.sectors == 1 && v.rate == 2 * RATE, "now");
        check(v.nextRoot == d.root && v.from == 116 && v.nextRate == 2 * RATE, "next");
        go(116);
        same(proves(d, "yz"), 2 * 2 * RATE, "two periods at the new rate");
    }

    function test_BeforeTheStartARevisionHoldsAtOnce() external {
        Deal memory d = opened();
        go(109);
        (d.root, d.sectors, d.rate) = (rootOfTree("x"), 1, 3 * RATE);
        revise(d);
        IBank.View memory v = viewOf(bank, d);
        check(v.root == d.root && v.sectors == 1 && v.rate == 3 * RATE && v.from == 0, "at once");
        go(116);
        same(proves(d, "x"), 21 * RATE, "at its rate");
    }

    function test_ARevisionAfterTheEndStillPays() external {
        Deal memory d = opened();
        go(d.end + 6);
        (d.through, d.earned) = (150, 40 * RATE);
        revise(d);
        same(bank.free(host), RICH - d.collateral + 40 * RATE, "host");
    }

    // ------------------------------------------------------------------ top up

    function test_AnyoneToppsUpTheFund() external {
        Deal memory d = deal();
        d.fund = 0;
        bank.open(signed(d));
        vm.expectEmit(true, true, false, true, address(bank));
        emit IBank.ToppedUp(renter, host, 0, 5000);
        vm.prank(other);
        bank.topUp(renter, host, 0, 5000);
        same(bank.free(other), RICH - 5000, "other");
        same(viewOf(bank, d).fund, 5000, "fund");
        go(116);
        same(proves(d, SECTORS), 5000, "paid");
        same(owes(), 3 * RICH, "all");
    }

    function test_OnlyOnesOwnMoneyToppsUp() external {
        opened();
        vm.prank(address(0xdead));
        vm.expectRevert(IBank.TooLittle.selector);
        bank.topUp(renter, host, 0, 1);
        vm.prank(other);
        vm.expectRevert(IBank.NoAgreement.selector);
        bank.topUp(renter, host, 1, 1);
    }

    /// A fund counts all that was ever locked: money that goes round must not
    /// run over into the rate.
    function test_AFundEndsAt112Bits() external {
        token.mint(address(this), type(uint112).max);
        token.approve(address(bank), type(uint112).max);
        uint112 most = uint112(type(uint112).max - 3 * RICH);
        bank.deposit(renter, most);
        Deal memory d = deal();
        (d.fund, d.collateral) = (most, 0);
        bank.open(signed(d));
        go(112);
        (d.through, d.earned) = (112, most);
        revise(d);
        vm.prank(host);
        bank.topUp(renter, host, 0, uint112(3 * RICH));
        vm.prank(host);
        vm.expectRevert(IBank.TooMuch.selector);
        bank.topUp(renter, host, 0, 1);
        IBank.View memory v = viewOf(bank, d);
        check(v.fund == type(uint112).max && v.rate == RATE && v.earned == most, "no bit in another field");
    }

    // ------------------------------------------------------------------- close

    function test_AnyoneClosesSevenPeriodsAfterTheEnd() external {
        Deal memory d = opened();
        go(116);
        proves(d, SECTORS);
        go(d.end + 6);
        vm.expectRevert(IBank.NotYet.selector);
        bank.close(renter, host, 0);
        go(d.end + 7);
        vm.expectEmit(true, true, false, true, address(bank));
        emit IBank.Closed(renter, host, 0, RATE * (DAYS - 7), 5000);
        vm.prank(address(0xdead));
        bank.close(renter, host, 0);
        same(bank.free(renter), RICH - 7 * RATE, "renter");
        same(bank.free(host), RICH + 7 * RATE, "host");
        same(viewOf(bank, d).state, 2, "state");
        same(owes(), 3 * RICH, "all");
    }

    function test_WhatIsSettledToTheEndClosesAtOnce() external {
        Deal memory d = opened();
        go(112);
        (d.through, d.earned) = (d.end - 1, 100);
        revise(d);
        vm.expectRevert(IBank.NotYet.selector);
        bank.close(renter, host, 0);
        d.through++;
        revise(d);
        bank.close(renter, host, 0);
        same(bank.free(renter), RICH - 100, "renter");
        same(bank.free(host), RICH + 100, "host");
    }

    function test_WhatIsClosedIsClosedForGood() external {
        Deal memory d = opened("a");
        d.through = d.end;
        revise(d);
        bank.close(renter, host, 0);
        vm.expectRevert(IBank.NoAgreement.selector);
        bank.close(renter, host, 0);
        vm.prank(other);
        vm.expectRevert(IBank.NoAgreement.selector);
        bank.topUp(renter, host, 0, 1);
        vm.expectRevert(IBank.NoAgreement.selector);
        bank.close(renter, host, 1);
        go(116);
        fails(d, "a", "proof");
        same(owes(), 3 * RICH, "all");
    }

    function missAll(Deal memory d) private {
        for (uint32 p = d.start + d.span - 1; p < d.end; p += d.span) {
            go(p);
            bank.anchor();
        }
        go(d.end + 7);
    }

    function test_MissesOverATenthBurnTheCollateral() external {
        Deal memory d = deal();
        (d.collateral, d.penalty) = (100_000, 2000); // ten spans, ten misses, one is free
        bank.open(signed(d));
        missAll(d);
        vm.expectEmit(true, true, false, true, address(bank));
        emit IBank.Burnt(renter, host, 0, 18_000);
        bank.close(renter, host, 0);
        same(bank.free(host), RICH - 18_000, "host");
        same(bank.free(renter), RICH, "the renter gets its fund, and nothing of it");
        same(owes(), 3 * RICH - 18_000, "owed to nobody");
        same(token.balanceOf(address(bank)), 3 * RICH, "and still there");
        same(viewOf(bank, d).misses, 10, "misses");
    }

    function test_NoMoreBurnsThanTheCollateral() external {
        Deal memory d = opened(); // 5,000 at 2,000 a miss
        missAll(d);
        bank.close(renter, host, 0);
        same(bank.free(host), RICH - 5000, "host");
        same(viewOf(bank, d).misses, 4, "counted until nothing is left");
    }

    function test_ATenthOfMissesIsFree() external {
        Deal memory d = opened("a");
        go(116);
        bank.anchor();
        for (uint32 p = 123; p < d.end; p += 7) {
            go(p);
            proves(d, "a");
        }
        bank.close(renter, host, 0);
        same(viewOf(bank, d).misses, 1, "misses");
        same(bank.free(host), RICH + 63 * RATE, "host");
    }

    function test_WithoutPenaltyNothingBurns() external {
        Deal memory d = deal();
        d.penalty = 0;
        bank.open(signed(d));
        missAll(d);
        bank.close(renter, host, 0);
        same(bank.free(host), RICH, "host");
    }

    function test_TheLargestPenaltyOverflowsNothing() external {
        Deal memory d = deal();
        d.penalty = type(uint112).max;
        bank.open(signed(d));
        missAll(d);
        bank.close(renter, host, 0);
        same(bank.free(host), RICH - d.collateral, "host");
    }

    function test_WhoRentsFromItselfChangesNothing() external {
        Deal memory d = deal();
        (d.host, d.sectors, d.root) = (renter, 1, rootOfTree("a"));
        bank.open(signed(d));
        go(116);
        (uint32 good,) = bank.prove(renter, proofOf(bank, d, "a"));
        same(good, 1, "good");
        d.through = d.end;
        revise(d);
        bank.close(renter, renter, 0);
        same(bank.free(renter), RICH, "renter");
    }
}
