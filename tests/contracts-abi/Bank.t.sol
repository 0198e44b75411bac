// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Harness, IBank, TronRecover, Vm} from "./Harness.sol";
import {OddToken} from "./Tokens.sol";

/// Every rule of the bank, in an ordinary token.
contract BankTest is Harness {
    uint256 private constant ALICE = 0xa11ce;
    uint256 private constant BOB = 0xb0b;
    uint256 private constant RICH = 1e24;
    uint256 private constant NOW = 1_700_000_000;

    OddToken private token;
    IBank private bank;
    address private alice = vm.addr(ALICE);
    address private bob = vm.addr(BOB);
    address private seller = address(0x5e11e7);
    address private other = address(0x07e7);
    address private cold = address(0xc01d);

    function setUp() external {
        vm.warp(NOW);
        token = new OddToken();
        bank = deployBank(address(token));
        fund(bank, ALICE, RICH);
        fund(bank, BOB, RICH);
    }

    function fund(IBank b, uint256 key, uint256 amount) private {
        token.mint(address(this), amount);
        token.approve(address(b), amount);
        b.deposit(vm.addr(key), amount);
    }

    function reserveAs(address payer, bytes memory promises) private {
        vm.prank(payer);
        bank.reserve(promises);
    }

    function from(uint256 key, uint256 amount) private view returns (bytes memory) {
        return receipt(bank, key, seller, amount);
    }

    function cash(bytes memory receipts) private returns (uint256) {
        return bank.cash(seller, seller, receipts);
    }

    // -------------------------------------------------------------- receipts

    function test_CashPaysWhatWasSigned() external {
        same(cash(from(ALICE, 100)), 100, "returned");
        same(token.balanceOf(seller), 100, "seller");
        same(bank.free(alice), RICH - 100, "free");
        same(paidOf(bank, alice, seller), 100, "paid");
    }

    function test_ANewerReceiptPaysTheDifference() external {
        cash(from(ALICE, 100));
        same(cash(from(ALICE, 250)), 150, "returned");
        same(token.balanceOf(seller), 250, "seller");
    }

    function test_AStaleReceiptIsSkipped() external {
        bytes memory old = from(ALICE, 100);
        cash(from(ALICE, 250));
        same(cash(old), 0, "older");
        same(cash(from(ALICE, 250)), 0, "the same again");
        same(token.balanceOf(seller), 250, "seller");
    }

    function test_TheSameReceiptTwiceInABatchPaysOnce() external {
        same(cash(bytes.concat(from(ALICE, 100), from(ALICE, 100))), 100, "returned");
        same(cash(bytes.concat(from(ALICE, 150), from(ALICE, 120), from(ALICE, 170))), 70, "older between");
    }

    function test_NoBatchPaysNothing() external {
        same(cash(""), 0, "returned");
    }

    function test_OnlyWholeReceiptsAreTaken() external {
        bytes memory one = from(ALICE, 100);
        vm.expectRevert(IBank.BadLength.selector);
        cash(bytes.concat(one, hex"00"));
    }

    function test_TheLargestAmountIsPossible() external {
        token.mint(address(this), type(uint112).max - 2 * RICH);
        token.approve(address(bank), type(uint112).max);
        bank.deposit(alice, type(uint112).max - 2 * RICH);
        cash(from(ALICE, 1));
        same(cash(from(ALICE, type(uint112).max - RICH)), type(uint112).max - RICH - 1, "returned");
        same(bank.free(alice), 0, "free");
        cash(from(ALICE, type(uint112).max));
        same(paidOf(bank, alice, seller), type(uint112).max - RICH, "paid what was there");
        same(untilOf(bank, alice, seller), 0, "no bit of paid in another field");
    }

    function testFuzz_NeverMorePaidThanSigned(uint112[8] memory amounts, uint256 funds, uint256 order) external {
        uint256 key = 0xf00d;
        uint256 highest;
        funds = bound(funds, 1, type(uint112).max - 2 * RICH);
        fund(bank, key, funds);
        for (uint256 i = 0; i < amounts.length; i++) {
            uint256 amount = order >> i & 1 == 0 ? amounts[i] : amounts[i] % 1000;
            if (amount > highest) highest = amount;
            cash(from(key, amount));
        }
        uint256 want = highest < funds ? highest : funds;
        same(token.balanceOf(seller), want, "seller");
        same(paidOf(bank, vm.addr(key), seller), want, "paid");
        same(bank.free(vm.addr(key)), funds - want, "free");
    }

    function test_WhoPaysItselfChangesNothing() external {
        bytes memory own = receipt(bank, ALICE, alice, 100);
        same(bank.cash(alice, address(0), own), 100, "drawn");
        same(bank.free(alice), RICH, "free");
        same(bank.cash(alice, alice, receipt(bank, ALICE, alice, 300)), 200, "drawn");
        same(bank.free(alice), RICH - 200, "free");
        same(token.balanceOf(alice), 200, "paid out to itself");
    }

    // -------------------------------------------------------- bad signatures

    /// One receipt of alice over 100 that must be worth nothing.
    function bad(uint256 how) private returns (bytes memory) {
        bytes32 digest = digestOf(bank, alice, seller, 100);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE, digest);

        if (how == 0) return pack(alice, 101, v, r, s); // another amount
        if (how == 1) return pack(bob, 100, v, r, s); // another payer
        if (how == 2) return receipt(bank, ALICE, other, 100); // another payee
        if (how == 3) return pack(alice, 100, v ^ 7, r, s); // 27 <-> 28
        if (how == 4) return pack(alice, 100, v, 0, s); // ecrecover fails
        if (how == 5) return pack(alice, 100, v, r, bytes32(0));
        if (how == 6) return pack(alice, 100, v, bytes32(N), s);
        if (how == 7) return pack(address(0), 100, v, 0, s); // nobody is not a payer
        if (how == 8) return new bytes(98);
        if (how == 9) { // the signature of another bank
            IBank twin = deployBank(address(token));
            return receipt(twin, ALICE, seller, 100);
        }
        if (how == 10) { // of another chain
            vm.chainId(999);
            bytes memory foreign = from(ALICE, 100);
            vm.chainId(31337);
            return foreign;
        }
        // a bare signature of the struct's hash, without the domain
        (v, r, s) = vm.sign(ALICE, keccak256(abi.encode(alice, seller, 100)));
        return pack(alice, 100, v, r, s);
    }

    uint256 private constant BAD = 12;

    function test_BadReceiptsAreSkipped() external {
        for (uint256 how = 0; how < BAD; how++) {
            bytes memory one = bad(how);
            vm.recordLogs();
            same(cash(one), 0, string.concat("kind ", dec(how)));
            same(vm.getRecordedLogs().length, 0, string.concat("events of kind ", dec(how)));
        }
    }

    /// What ecrecover is made to answer for alice's receipt with this s.
    function recovered(bytes32 answer, uint256 s) private returns (uint256 drawn) {
        vm.mockCall(address(1), "", abi.encode(answer));
        drawn = cash(pack(alice, 100, 27, bytes32(uint256(1)), bytes32(s)));
        vm.clearMockedCalls();
    }

    /// Of a signature's two forms, s and n - s, the upper is refused. No key can
    /// be made to sign with an s just above n/2, so ecrecover is played here.
    function test_TheSecondFormOfASignatureIsRefused() external {
        bytes32 signer = bytes32(uint256(uint160(alice)));
        same(recovered(signer, N / 2 + 1), 0, "just above n/2");
        same(recovered(signer, type(uint256).max >> 1), 0, "the highest that fits");
        same(recovered(signer, N / 2), 100, "n/2 itself");
    }

    /// Should a machine put a zero where ecrecover had no answer.
    function test_NobodyIsNotAPayer() external {
        bank.cash(address(0), address(0), receipt(bank, ALICE, address(0), 70)); // now nobody has something
        vm.mockCall(address(1), "", abi.encode(uint256(0)));
        vm.recordLogs();
        same(cash(pack(address(0), 50, 27, bytes32(uint256(1)), bytes32(uint256(1)))), 0, "drawn");
        vm.clearMockedCalls();
        same(vm.getRecordedLogs().length, 0, "events");
    }

    /// TRON's ecrecover answers 21 bytes, 0x41 and the address.
    function test_OnlyTheLow20BytesOfTheSignerCount() external {
        same(recovered(bytes32(uint256(0x41) << 160 | uint160(alice)), 1), 100, "drawn");
        bytes32 dirty = bytes32(type(uint256).max << 160 | uint160(bob));
        vm.mockCall(address(1), "", abi.encode(dirty));
        same(cash(pack(bob, 70, 27, bytes32(uint256(1)), bytes32(uint256(1)))), 70, "with all above them set");
        vm.clearMockedCalls();
    }

    /// What the tests take for TRON's, where BANK_ECRECOVER says so.
    function test_TronsEcrecoverPuts0x41BeforeTheAddress() external {
        address recover = address(new TronRecover());
        bytes32 digest = digestOf(bank, alice, seller, 100);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE, digest);
        (bool ok, bytes memory answer) = recover.call(abi.encode(digest, v, r, s));
        check(ok && abi.decode(answer, (uint256)) == uint256(0x41) << 160 | uint160(alice), "21 bytes");
        (ok, answer) = recover.call(abi.encode(digest, 99, r, s));
        check(ok && answer.length == 0, "nothing to nonsense");
    }

    /// A chain's id is 4 bytes on TRON, the last of its first block's: of Nile
    /// the uppermost bit is set.
    function testFuzz_TheDomainHasAnyChainsId(uint32 id) external {
        for (uint256 i = 0; i < 2; i++) {
            uint256 chain = i == 0 ? id : 0xcd8690dc;
            vm.chainId(chain);
            check(bank.domainSeparator() == domainOf(chain), "domain");
        }
        same(cash(from(ALICE, 70)), 70, "signed for Nile");
    }

    function testFuzz_ABadReceiptHarmsNoOther(uint256 how, uint256 where, bytes32 noise) external {
        bytes memory junk = how % (BAD + 1) == BAD
            ? abi.encodePacked(noise, keccak256(abi.encode(noise)), noise, bytes2(noise))
            : bad(how % (BAD + 1));
        bytes memory one = from(ALICE, 100);
        bytes memory two = from(BOB, 50);
        uint256 got = cash(
            where % 3 == 0
                ? bytes.concat(junk, one, two)
                : where % 3 == 1 ? bytes.concat(one, junk, two) : bytes.concat(one, two, junk)
        );
        same(got, 150, "drawn");
        same(paidOf(bank, alice, seller), 100, "alice");
        same(paidOf(bank, bob, seller), 50, "bob");
    }

    function testFuzz_NobodyElsesSignatureCounts(uint256 key, uint112 amount) external {
        key = bound(key, 1, N - 1);
        if (key == ALICE) return;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(bank, alice, seller, amount));
        same(cash(pack(alice, amount, v, r, s)), 0, "drawn");
    }

    function test_AForkMakesOldReceiptsWorthless() external {
        bytes memory before = from(ALICE, 100);
        bytes32 domain = bank.domainSeparator();
        vm.chainId(5);
        check(bank.domainSeparator() != domain, "domain");
        same(cash(before), 0, "on the new chain");
        same(cash(from(ALICE, 70)), 70, "signed for the new chain");
    }

    function test_TheDomainIsWhatTheProtocolSays() external view {
        check(bank.domainSeparator() == domainOf(block.chainid), "domain");
    }

    function domainOf(uint256 chain) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("seedbank"),
                keccak256("1"),
                chain,
                address(bank)
            )
        );
    }

    // --------------------------------------------------------------- bounces

    function test_AShortfallPaysWhatIsThere() external {
        bytes memory big = from(ALICE, RICH + 30);
        vm.recordLogs();
        same(cash(bytes.concat(big, from(BOB, 5))), RICH + 5, "drawn");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        check(logs[0].topics[0] == IBank.Bounced.selector, "Bounced");
        same(uint160(uint256(logs[0].topics[1])), uint160(alice), "payer");
        same(uint160(uint256(logs[0].topics[2])), uint160(seller), "payee");
        same(abi.decode(logs[0].data, (uint256)), 30, "missing");
        same(paidOf(bank, alice, seller), RICH, "paid");
        fund(bank, ALICE, 100);
        same(cash(big), 30, "the rest, once it is there");
        same(bank.free(alice), 70, "free");
    }

    function test_AnEmptyAccountBounces() external {
        bytes memory one = from(0xdead, 9);
        vm.recordLogs();
        same(cash(one), 0, "drawn");
        same(vm.getRecordedLogs().length, 1, "Bounced alone");
        same(paidOf(bank, vm.addr(0xdead), seller), 0, "paid");
    }

    // ----------------------------------------------------------- who and where

    function test_AnyoneMayCashToThePayeeOrIntoTheBank() external {
        bytes memory one = from(ALICE, 100);
        bytes memory two = from(ALICE, 300);
        vm.prank(other);
        bank.cash(seller, seller, one);
        same(token.balanceOf(seller), 100, "outside");
        vm.prank(other);
        bank.cash(seller, address(0), two);
        same(bank.free(seller), 200, "inside");
        vm.prank(seller);
        bank.withdraw(cold, 200);
        same(token.balanceOf(cold), 200, "withdrawn");
    }

    function test_OnlyThePayeeSendsItElsewhere() external {
        bytes memory one = from(ALICE, 100);
        vm.prank(alice); // the payer, to itself
        vm.expectRevert(IBank.NotYours.selector);
        bank.cash(seller, alice, one);
        vm.prank(other);
        vm.expectRevert(IBank.NotYours.selector);
        bank.cash(seller, other, one);
        vm.prank(seller);
        bank.cash(seller, cold, one);
        same(token.balanceOf(cold), 100, "cold");
    }

    function test_NothingIsPaidIntoTheBankItself() external {
        bytes memory one = from(ALICE, 100);
        vm.prank(seller);
        vm.expectRevert(IBank.NotMoved.selector);
        bank.cash(seller, address(bank), one);
        vm.prank(alice);
        vm.expectRevert(IBank.NotMoved.selector);
        bank.withdraw(address(bank), 1);
    }

    function test_CashedCountsWhatGaveSomething() external {
        bytes memory batch = bytes.concat(from(ALICE, 100), bad(0), from(BOB, type(uint112).max), from(0xdead, 1));
        vm.recordLogs();
        cash(batch);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 3, "two bounced, one cashed");
        Vm.Log memory log = logs[2];
        check(log.topics[0] == IBank.Cashed.selector, "Cashed");
        same(uint160(uint256(log.topics[1])), uint160(seller), "payee");
        same(uint160(uint256(log.topics[2])), uint160(seller), "to");
        (uint256 total, uint32 receipts) = abi.decode(log.data, (uint256, uint32));
        same(total, 100 + RICH, "total");
        same(receipts, 2, "those that gave something");
        same(log.data.length, 64, "canonical length");
    }

    // -------------------------------------------------------------- reserves

    function test_AReserveIsItsPayeesAlone() external {
        reserveAs(alice, promise_(seller, RICH, NOW + DAY));
        same(bank.free(alice), 0, "free");
        same(heldOf(bank, alice, seller), RICH, "held");
        vm.prank(alice);
        vm.expectRevert(IBank.TooLittle.selector);
        bank.withdraw(alice, 1);
        same(bank.cash(other, other, receipt(bank, ALICE, other, RICH)), 0, "another payee");
        same(cash(from(ALICE, RICH)), RICH, "its payee");
    }

    function test_TheReserveIsDrawnFirst() external {
        reserveAs(alice, promise_(seller, 100, NOW + DAY));
        cash(from(ALICE, 60));
        same(heldOf(bank, alice, seller), 40, "held");
        same(bank.free(alice), RICH - 100, "free");
        same(cash(from(ALICE, 150)), 90, "both");
        same(heldOf(bank, alice, seller), 0, "held");
        same(bank.free(alice), RICH - 150, "free");
        same(paidOf(bank, alice, seller), 150, "paid");
        same(untilOf(bank, alice, seller), NOW + DAY, "until");
    }

    function test_AReserveAndAShortfall() external {
        reserveAs(alice, promise_(seller, 100, NOW + DAY));
        vm.prank(alice);
        bank.withdraw(alice, RICH - 107);
        same(cash(from(ALICE, 150)), 107, "reserve and the last of free");
        same(paidOf(bank, alice, seller), 107, "paid");
    }

    function test_ReservingAgainChangesNothing() external {
        bytes memory one = promise_(seller, 100, NOW + DAY);
        reserveAs(alice, one);
        cash(from(ALICE, 60));
        vm.recordLogs();
        reserveAs(alice, one);
        reserveAs(alice, promise_(seller, 70, NOW + DAY / 2));
        same(vm.getRecordedLogs().length, 0, "events");
        same(heldOf(bank, alice, seller), 40, "held");
        same(untilOf(bank, alice, seller), NOW + DAY, "until");
        vm.warp(NOW + 2 * DAY); // long over, and still only a repetition
        reserveAs(alice, one);
        same(heldOf(bank, alice, seller), 40, "held");
    }

    function test_TotalAndUntilOnlyRise() external {
        reserveAs(alice, promise_(seller, 100, NOW + 2 * DAY));
        reserveAs(alice, promise_(seller, 130, NOW + DAY)); // an earlier end
        same(heldOf(bank, alice, seller), 130, "held");
        same(untilOf(bank, alice, seller), NOW + 2 * DAY, "until stays");
        reserveAs(alice, promise_(seller, 10, NOW + 3 * DAY)); // a smaller total
        same(heldOf(bank, alice, seller), 130, "held stays");
        same(untilOf(bank, alice, seller), NOW + 3 * DAY, "until");
        same(bank.free(alice), RICH - 130, "free");
    }

    function test_TotalCountsWhatWasPaid() external {
        cash(from(ALICE, 60));
        reserveAs(alice, promise_(seller, 100, NOW + DAY));
        same(heldOf(bank, alice, seller), 40, "held");
        same(bank.free(alice), RICH - 100, "free");
    }

    function test_SeveralReservesInACall() external {
        reserveAs(alice, bytes.concat(promise_(seller, 100, NOW + DAY), promise_(other, 50, NOW + 2 * DAY)));
        same(heldOf(bank, alice, seller), 100, "seller");
        same(heldOf(bank, alice, other), 50, "other");
        same(bank.free(alice), RICH - 150, "free");
    }

    function test_ReservesThatMakeNoSense() external {
        vm.expectRevert(IBank.Expired.selector);
        reserveAs(alice, promise_(seller, 100, NOW));
        vm.expectRevert(IBank.BadAccount.selector);
        reserveAs(alice, promise_(address(0), 100, NOW + DAY));
        vm.expectRevert(IBank.TooLittle.selector);
        reserveAs(alice, promise_(seller, RICH + 1, NOW + DAY));
        vm.expectRevert(IBank.BadLength.selector);
        reserveAs(alice, bytes.concat(promise_(seller, 100, NOW + DAY), hex"00"));
        same(bank.free(alice), RICH, "free");
    }

    function test_ItPaysUntilItIsReleased() external {
        reserveAs(alice, promise_(seller, RICH, NOW + DAY));
        vm.warp(NOW + 100 * DAY);
        same(cash(from(ALICE, 60)), 60, "after its end");
    }

    function test_ThePayerReleasesOnlyAfterItsEnd() external {
        reserveAs(alice, promise_(seller, 100, NOW + DAY));
        vm.prank(alice);
        vm.expectRevert(IBank.NotYet.selector);
        bank.release(alice, seller);
        vm.warp(NOW + DAY);
        vm.prank(alice);
        vm.expectRevert(IBank.NotYet.selector);
        bank.release(alice, seller);
        vm.warp(NOW + DAY + 1);
        vm.prank(alice);
        bank.release(alice, seller);
        same(bank.free(alice), RICH, "free");
        same(heldOf(bank, alice, seller), 0, "held");
        same(untilOf(bank, alice, seller), 0, "until");
        vm.prank(alice);
        bank.release(alice, seller);
        same(bank.free(alice), RICH, "released once");
    }

    function test_ThePayeeReleasesAtAnyTime() external {
        reserveAs(alice, promise_(seller, 100, NOW + DAY));
        vm.prank(seller);
        bank.release(alice, seller);
        same(bank.free(alice), RICH, "free");
    }

    function test_NobodyElseReleases() external {
        reserveAs(alice, promise_(seller, 100, NOW + DAY));
        vm.warp(NOW + 2 * DAY);
        vm.prank(other);
        vm.expectRevert(IBank.NotYours.selector);
        bank.release(alice, seller);
    }

    function test_AReleaseForgetsNothingPaid() external {
        bytes memory old = from(ALICE, 60);
        reserveAs(alice, promise_(seller, 100, NOW + DAY));
        cash(old);
        vm.prank(seller);
        bank.release(alice, seller);
        same(paidOf(bank, alice, seller), 60, "paid");
        same(cash(old), 0, "the old receipt");
        reserveAs(alice, promise_(seller, 200, NOW + DAY));
        same(cash(old), 0, "the old receipt after a new reserve");
        same(token.balanceOf(seller), 60, "seller");
    }

    // ---------------------------------------------------- deposit, withdrawal

    function test_DepositsAreForRealAccounts() external {
        token.mint(address(this), 10);
        token.approve(address(bank), 10);
        vm.expectRevert(IBank.BadAccount.selector);
        bank.deposit(address(0), 1);
        vm.expectRevert(IBank.BadAccount.selector);
        bank.deposit(address(bank), 1);
        vm.expectRevert(IBank.NothingArrived.selector);
        bank.deposit(alice, 0);
        vm.expectRevert(IBank.WrongValue.selector);
        bank.deposit{value: 1}(alice, 1);
        same(bank.deposit(alice, 10), 10, "arrived");
        same(bank.free(alice), RICH + 10, "free");
    }

    function test_TheBankHoldsLessThan2To112() external {
        token.mint(address(this), 1 << 113);
        token.approve(address(bank), 1 << 113);
        vm.expectRevert(IBank.TooMuch.selector);
        bank.deposit(alice, (1 << 112) - 2 * RICH);
        bank.deposit(alice, (1 << 112) - 1 - 2 * RICH);
    }

    function testFuzz_WithdrawalsEndAtTheBalance(uint256 amount) external {
        if (amount <= RICH) {
            vm.prank(alice);
            bank.withdraw(cold, amount);
            same(token.balanceOf(cold), amount, "cold");
            same(bank.free(alice), RICH - amount, "free");
        } else {
            vm.prank(alice);
            vm.expectRevert(IBank.TooLittle.selector);
            bank.withdraw(cold, amount);
        }
    }

    function test_NothingIsWithdrawnToNobody() external {
        vm.prank(alice);
        vm.expectRevert(IBank.BadAccount.selector);
        bank.withdraw(address(0), 1);
    }

    function test_ATokenIsAContractOrTheCoin() external {
        bytes memory code = abi.encodePacked(
            vm.parseJsonBytes(vm.readFile(vm.envOr("BANK_ARTIFACT", "Bank.json")), ".bytecode"), abi.encode(address(7))
        );
        address made;
        assembly {
            made := create(0, add(code, 0x20), mload(code))
        }
        same(uint160(made), 0, "a bank of an address without code");
    }
}
