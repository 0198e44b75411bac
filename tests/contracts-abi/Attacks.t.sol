// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IBank} from "./Harness.sol";
import {Village} from "./Agreements.t.sol";

/// What was tried on earlier designs of agreements, and what stops it.
/// (DESIGN.md names each rule; mutants.mjs takes them away one by one.)
contract AttacksTest is Village {
    // --------------------------------------------- an old root for the challenge

    /// The host keeps one sector of three. Once it sees which leaf is due it
    /// posts one of many revisions, the one whose sectors it has.
    function test_ARootPostedAfterTheChallengeIsTooLate() external {
        Deal memory d = opened();
        go(116);
        bank.anchor();
        (d.root, d.sectors) = (rootOfTree("a"), 1);
        for (uint256 i = 0; i < 100; i++) revise(d);
        fails(d, "a", "with the new root");
        check(viewOf(bank, d).root == rootOfTree(SECTORS), "the old one holds");
        proves(d, SECTORS);
    }

    /// The same with a revision that was put in line the period before, and
    /// another for the period after.
    function test_WhatWasPendingBeforeTheChallengeHolds() external {
        Deal memory d = opened();
        go(115);
        (d.root, d.sectors) = (rootOfTree("xyz"), 3);
        revise(d);
        go(116);
        bank.anchor();
        (d.root, d.sectors) = (rootOfTree("a"), 1);
        revise(d);
        fails(d, "a", "with the newest");
        fails(d, SECTORS, "with the first");
        proves(d, "xyz");
        go(123);
        proves(d, "a");
    }

    /// Fewer sectors than the root has would make the kept ones all there is.
    function test_FewerSectorsTakeForceWithTheirRootOnly() external {
        Deal memory d = opened();
        go(116);
        bank.anchor();
        d.sectors = 1;
        revise(d);
        fails(d, "a", "in the same period");
        go(123);
        fails(d, "a", "the root is of three sectors");
    }

    // ------------------------------------------------- an inner node for a leaf

    /// 64 bytes, the two children of a node, hash to that node just as a leaf
    /// of 512 bytes does to its own: who keeps the nodes needs no data.
    function test_AnInnerNodeIsNoLeaf() external {
        Deal memory d = opened("a");
        go(116);
        bank.anchor();
        bytes32[12] memory nodes = nodesOf("a");
        bytes memory pair = abi.encode(nodes[0], nodes[0]);
        vm.expectRevert(IBank.BadLength.selector);
        bank.rootOf(0, pair);
        bytes memory proof = abi.encodePacked(d.renter, d.number, uint8(10), pair);
        for (uint256 i = 1; i < 11; i++) proof = bytes.concat(proof, nodes[i]);
        vm.expectRevert(IBank.BadLength.selector);
        bank.prove(host, proof);
        // cut elsewhere, so that its length is one that a proof may have
        proof = bytes.concat(proof, new bytes(448));
        (uint32 good,) = bank.prove(host, proof);
        same(good, 0, "good");
    }

    /// A path that is shorter or longer than the tree is of another tree.
    function test_APathIsAsLongAsTheTreeIsHigh() external {
        Deal memory d = deal();
        (d.sectors, d.root) = (1, rootOfTree("aa")); // really two
        bank.open(signed(d));
        go(116);
        fails(d, "a", "one node short");
        bank.anchor();
        bytes memory tall = bytes.concat(abi.encodePacked(d.renter, d.number), proofIn("aa", 0));
        (uint32 good,) = bank.prove(host, tall);
        same(good, 0, "a node too many");
        d.number = 1;
        (d.sectors, d.root, d.start, d.through, d.end) = (2, rootOfTree("a"), 120, 120, 190);
        bank.open(signed(d)); // really one
        go(126);
        bank.anchor();
        bytes memory flat = bytes.concat(abi.encodePacked(d.renter, d.number), proofIn("a", 0));
        (good,) = bank.prove(host, flat);
        same(good, 0, "a node too few");
    }

    function test_PathsGrowAtEachPowerOfTwo() external {
        bytes[6] memory trees = [bytes("a"), "ab", "abc", "abcd", "abcde", "abcdefghi"];
        go(100);
        Deal memory d = deal();
        d.fund = 0;
        for (uint32 i = 0; i < trees.length; i++) {
            (d.number, d.sectors, d.root) = (i, uint32(trees[i].length), rootOfTree(trees[i]));
            d.collateral = 0;
            bank.open(signed(d));
        }
        go(116);
        for (d.number = 0; d.number < trees.length; d.number++) proves(d, trees[d.number]);
    }

    // ------------------------------------------- the same period paid twice

    function test_WhatAProofPaidARevisionPaysNotAgain() external {
        Deal memory d = opened();
        go(116);
        // both sign today: all of seven periods and one ahead
        (d.revision, d.through, d.earned) = (2, 118, 8 * RATE);
        bytes memory later = signed(d);
        proves(d, SECTORS); // pays seven
        bank.revise(later);
        same(bank.free(host), RICH - d.collateral + 8 * RATE, "one more, not eight");
        check(viewOf(bank, d).earned == 8 * RATE, "earned");
    }

    function test_WhatARevisionPaidAProofPaysNotAgain() external {
        Deal memory d = opened();
        go(116);
        (d.through, d.earned) = (116, 6 * RATE);
        revise(d);
        same(proves(d, SECTORS), RATE, "the one that is left");
        (d.through, d.earned) = (117, 7 * RATE);
        revise(d);
        same(bank.free(host), RICH - d.collateral + 7 * RATE, "once each");
    }

    /// More for periods that are settled: a revision that a proof overtook.
    function test_EarnedRisesOnlyWithThrough() external {
        Deal memory d = opened();
        go(116);
        (d.revision, d.through, d.earned) = (2, 115, 100 * RATE);
        bytes memory early = signed(d);
        (d.revision, d.through) = (3, 117);
        bytes memory level = signed(d);
        proves(d, SECTORS);
        bank.revise(early);
        bank.revise(level);
        same(bank.free(host), RICH - d.collateral + 7 * RATE, "what the proof paid");
        IBank.View memory v = viewOf(bank, d);
        check(v.through == 117 && v.earned == 7 * RATE && v.revision == 3, "settled");
    }

    function test_OneProofPaysOnceInABatch() external {
        Deal memory d = opened();
        go(116);
        bytes memory one = proofOf(bank, d, SECTORS);
        (uint32 good, uint256 paid) = bank.prove(host, bytes.concat(one, one, one));
        check(good == 1 && paid == 7 * RATE, "once");
    }

    // ------------------------------------------------ taking back what was paid

    function test_EarnedNeverSinks() external {
        Deal memory d = opened();
        go(112);
        (d.through, d.earned) = (112, 2 * RATE);
        revise(d);
        (d.through, d.earned) = (113, RATE);
        revise(d);
        same(viewOf(bank, d).earned, 2 * RATE, "earned");
        (d.through, d.earned) = (114, 2 * RATE);
        revise(d); // what sank could be paid again now
        same(bank.free(host), RICH - d.collateral + 2 * RATE, "host");
    }

    function test_ThroughNeverSinks() external {
        Deal memory d = opened();
        go(116);
        proves(d, SECTORS);
        (d.through, d.earned) = (110, 7 * RATE);
        revise(d);
        same(viewOf(bank, d).through, 117, "through");
        fails(d, SECTORS, "the span again");
    }

    // -------------------------------------------------------------- mixed rates

    /// Ten times the data on the last day does not earn ten times the week.
    function test_ANewRateFindsEverythingSettled() external {
        Deal memory d = opened();
        go(115);
        d.revision = 2;
        d.rate = 10 * RATE;
        cannotRevise(d, IBank.Unsettled.selector, "nothing settled");
        (d.through, d.earned) = (115, 5 * RATE);
        cannotRevise(d, IBank.Unsettled.selector, "but today");
        (d.through, d.earned) = (116, 6 * RATE);
        bank.revise(signed(d));
        go(116);
        same(proves(d, SECTORS), 10 * RATE, "one period at the new rate");
    }

    /// Nor is it posted late, when it would hold for days gone by.
    function test_ANewRateSignedLongAgoIsTooLate() external {
        Deal memory d = opened();
        (d.revision, d.rate, d.through, d.earned) = (2, 10 * RATE, 113, 3 * RATE);
        go(113);
        cannotRevise(d, IBank.Unsettled.selector, "a period late");
        go(112);
        bank.revise(signed(d));
        check(viewOf(bank, d).rate == RATE && viewOf(bank, d).nextRate == 10 * RATE, "pending");
    }

    function test_AtTheEndAnyRateMayStand() external {
        Deal memory d = opened();
        go(d.end + 3);
        (d.revision, d.rate) = (2, 10 * RATE);
        (d.through, d.earned) = (d.end - 1, d.fund);
        cannotRevise(d, IBank.Unsettled.selector, "one period open");
        d.through = d.end;
        bank.revise(signed(d));
        same(bank.free(host), RICH - d.collateral + d.fund, "paid");
    }

    // ------------------------------------------------- a second throw of the dice

    function test_ABeaconIsNotChosen() external {
        Deal memory d = opened();
        vm.roll(116 * PERIOD + 5);
        bytes32 first = blockhash(116 * PERIOD);
        bank.anchor();
        check(first != 0 && bank.beacon(116) == first, "of the first block");
        vm.roll(116 * PERIOD + 9);
        bank.anchor();
        proves(d, SECTORS);
        check(bank.beacon(116) == first, "and of no other");
    }

    /// A period whose first block nobody recorded in time has no challenge.
    function test_ThereIsNoLateBeacon() external {
        IBank slow = deployBank(address(token), 1000);
        vm.roll(5257);
        check(slow.anchor() == 0, "257 blocks later");
        vm.roll(5999);
        check(slow.anchor() == 0 && slow.beacon(5) == 0, "at its end");
        vm.roll(6001);
        slow.anchor();
        check(slow.beacon(5) == 0 && slow.beacon(6) != 0, "each its own");
    }

    /// Who opened with an agreement's number, renter or host may not choose the
    /// leaf by choosing among agreements of the same root: each has its own.
    function test_EachAgreementHasItsOwnChallenge() external {
        bytes memory many = "abcdefghijklmnop";
        Deal memory d = opened(many);
        Deal memory e = d;
        go(116);
        bytes memory proof = proofOf(bank, d, many);
        uint256 leaf = dueLeaf(bank, d, many.length);
        e.number = 1;
        check(dueLeaf(bank, e, many.length) != leaf, "by number");
        (e.number, e.renter) = (0, other);
        check(dueLeaf(bank, e, many.length) != leaf, "by renter");
        (e.renter, e.host) = (renter, other);
        check(dueLeaf(bank, e, many.length) != leaf, "by host");
        (uint32 good,) = bank.prove(host, proof);
        same(good, 1, "and that is the bank's");
    }

    // ------------------------------------------------------------------- replay

    function test_AnAgreementOpensOnce() external {
        Deal memory d = deal();
        bytes memory data = signed(d);
        bank.open(data);
        vm.expectRevert(IBank.BadNumber.selector);
        bank.open(data);
        d.through = d.end;
        revise(d);
        bank.close(renter, host, 0);
        vm.expectRevert(IBank.BadNumber.selector); // not even when it is closed
        bank.open(data);
        same(bank.free(renter) + bank.free(host), 2 * RICH, "all is back");
    }

    function test_AForkMakesOldSignaturesWorthless() external {
        Deal memory d = deal();
        bytes memory before = signed(d);
        vm.chainId(5);
        vm.expectRevert(IBank.BadSignature.selector);
        bank.open(before);
        bank.open(signed(d));
    }

    function test_AnotherBanksSignaturesAreWorthless() external {
        IBank twin = deployBank(address(token), PERIOD);
        bytes memory data = signed(twin, deal(), RENTER, HOST);
        vm.expectRevert(IBank.BadSignature.selector);
        bank.open(data);
    }

    // -------------------------------------------------------------- signatures

    function recovered(bytes32 answer, uint256 s) private returns (bool ok) {
        Deal memory d = deal();
        bytes memory half = abi.encodePacked(bytes32(uint256(7)), s);
        bytes memory data = bytes.concat(packed(d), half, signature(HOST, digestOf(bank, d)));
        bytes memory asked = abi.encode(digestOf(bank, d), uint256(27), uint256(7), s);
        vm.mockCall(address(1), asked, abi.encode(answer));
        (ok,) = address(bank).call(abi.encodeCall(IBank.open, (data)));
        vm.clearMockedCalls();
    }

    function test_TheSecondFormOfASignatureIsRefused() external {
        bytes32 signer = bytes32(uint256(uint160(renter)));
        check(!recovered(signer, N / 2 + 1), "just above n/2");
        check(recovered(signer, N / 2), "n/2 itself");
    }

    /// TRON's ecrecover answers 21 bytes, 0x41 and the address.
    function test_OnlyTheLow20BytesOfTheSignerCount() external {
        check(recovered(bytes32(uint256(0x41) << 160 | uint160(renter)), 1), "opened");
    }

    // ---------------------------------------------------------- fund and stake

    /// Paid to the renter, a burnt penalty would be a reason to attack hosts.
    function test_ABurntPenaltyIsNobodys() external {
        Deal memory d = opened();
        for (uint32 p = 116; p < d.end; p += 7) {
            go(p);
            bank.anchor();
        }
        go(d.end + 7);
        vm.prank(renter);
        bank.close(renter, host, 0);
        same(bank.free(renter), RICH, "renter");
        same(bank.free(host), RICH - d.collateral, "host");
        same(bank.free(address(0)) + bank.free(address(bank)) + bank.free(address(this)), 0, "others");
    }

    /// Who closes first must not cut off what both signed and nobody posted.
    function test_NobodyClosesBeforeTheOtherCanPost() external {
        Deal memory d = opened();
        (d.revision, d.through, d.earned) = (2, 150, 40 * RATE);
        bytes memory newest = signed(d);
        for (uint256 p = d.end - 1; p < d.end + 7; p++) {
            go(p);
            vm.prank(renter);
            vm.expectRevert(IBank.NotYet.selector);
            bank.close(renter, host, 0);
        }
        bank.revise(newest);
        go(d.end + 7);
        bank.close(renter, host, 0);
        same(bank.free(host), RICH + 40 * RATE, "host");
    }

    function test_TheFundIsTheHostsAlone() external {
        Deal memory d = opened();
        vm.prank(renter);
        vm.expectRevert(IBank.TooLittle.selector);
        bank.withdraw(renter, RICH - d.fund + 1);
        bytes memory owed = receipt(bank, RENTER, other, RICH);
        same(bank.cash(other, address(0), owed), RICH - d.fund, "a receipt draws what is free");
        go(116);
        same(proves(d, SECTORS), 7 * RATE, "and the fund is there");
    }

    function test_TheCollateralStaysWhereItIs() external {
        Deal memory d = opened();
        bytes memory owed = receipt(bank, HOST, other, RICH);
        same(bank.cash(other, address(0), owed), RICH - d.collateral, "a receipt draws what is free");
        d.through = d.end;
        revise(d);
        bank.close(renter, host, 0);
        same(bank.free(host), d.collateral, "back");
    }

    /// Proofs that do not earn (an empty fund) still keep the collateral.
    function test_AHostIsNotBurntForAnEmptyFund() external {
        Deal memory d = deal();
        (d.fund, d.sectors, d.root) = (0, 1, rootOfTree("a"));
        bank.open(signed(d));
        for (uint32 p = 116; p < d.end; p += 7) {
            go(p);
            same(proves(d, "a"), 0, "paid");
        }
        bank.close(renter, host, 0);
        same(bank.free(host), RICH, "host");
    }
}
