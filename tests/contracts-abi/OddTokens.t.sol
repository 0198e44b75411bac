// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Harness, IBank} from "./Harness.sol";
import {IHook, OddToken} from "./Tokens.sol";

/// Tokens that lie, tax, fail or call back neither lock nor create money.
contract OddTokensTest is Harness, IHook {
    uint256 private constant ALICE = 0xa11ce;
    address private alice = vm.addr(ALICE);
    address private seller = address(0x5e11e7);
    address private cold = address(0xc01d);

    OddToken private token;
    IBank private bank;
    bytes private onCall; // what the hook does, once
    bytes private answer;
    bool private answered;

    function setUp() external {
        token = new OddToken();
        bank = deployBank(address(token));
        token.mint(address(this), 1e9);
        token.approve(address(bank), 1e9);
        bank.deposit(alice, 1e6);
        bank.deposit(address(this), 1e6);
    }

    function called() external {
        bytes memory call = onCall;
        if (call.length == 0) return;
        delete onCall;
        (answered, answer) = address(bank).call(call);
    }

    /// What the bank owes: the whole of it, in this test's few accounts.
    function owed() private view returns (uint256) {
        return bank.free(alice) + bank.free(seller) + bank.free(address(this)) + heldOf(bank, alice, seller);
    }

    function solvent(string memory what) private view {
        check(token.trueBalance(address(bank)) >= owed(), string.concat(what, ": owes more than it has"));
    }

    function use(OddToken.Kind kind) private {
        token.set(kind);
    }

    // ------------------------------------------------- tokens that pay somehow

    function test_TheReturnValueIsIgnored() external {
        OddToken.Kind[3] memory kinds =
            [OddToken.Kind.FalseOnSuccess, OddToken.Kind.Silent, OddToken.Kind.Bomb];
        for (uint256 i = 0; i < kinds.length; i++) {
            use(kinds[i]);
            uint256 had = token.trueBalance(cold);
            same(bank.deposit(alice, 1000), 1000, "arrived");
            vm.prank(alice);
            bank.withdraw(cold, 400);
            same(bank.cash(seller, seller, receipt(bank, ALICE, seller, 600 * (i + 1))), 600, "cashed");
            same(token.trueBalance(cold), had + 400, "cold");
            same(bank.free(alice), 1e6, "free");
            solvent("any answer");
        }
        same(token.trueBalance(seller), 1800, "seller");
    }

    function test_AFeeIsThePayersAndTheReceivers() external {
        use(OddToken.Kind.Fee);
        same(bank.deposit(alice, 1000), 990, "arrived");
        same(bank.free(alice), 1e6 + 990, "credited what arrived");
        vm.prank(alice);
        bank.withdraw(cold, 1000);
        same(token.trueBalance(cold), 990, "the receiver bears the fee");
        same(bank.free(alice), 1e6 - 10, "the account bears the amount");
        solvent("fee");
    }

    // ------------------------------------------------------- tokens that do not

    function test_ADepositThatDoesNotArriveIsNotCredited() external {
        OddToken.Kind[2] memory kinds =
            [OddToken.Kind.FalseOnFailure, OddToken.Kind.TrueOnFailure];
        for (uint256 i = 0; i < 2; i++) {
            use(kinds[i]);
            vm.expectRevert(IBank.NothingArrived.selector);
            bank.deposit(alice, 1000);
        }
        use(OddToken.Kind.Reverts);
        vm.expectRevert(IBank.NothingArrived.selector);
        bank.deposit(alice, 1000);
        same(bank.free(alice), 1e6, "free");
    }

    function test_APaymentThatDoesNotLeaveIsNotBooked() external {
        OddToken.Kind[4] memory kinds = [
            OddToken.Kind.FalseOnFailure,
            OddToken.Kind.TrueOnFailure,
            OddToken.Kind.Reverts,
            OddToken.Kind.Surcharge // takes more from the bank than was booked
        ];
        bytes memory one = receipt(bank, ALICE, seller, 600);
        for (uint256 i = 0; i < kinds.length; i++) {
            use(kinds[i]);
            vm.prank(alice);
            vm.expectRevert(IBank.NotMoved.selector);
            bank.withdraw(cold, 400);
            vm.expectRevert(IBank.NotMoved.selector);
            bank.cash(seller, seller, one);
            same(bank.free(alice), 1e6, "free");
            same(paidOf(bank, alice, seller), 0, "paid");
            solvent("payment that fails");
        }
        // Nothing is lost: inside the bank it can still be moved, and out later.
        same(bank.cash(seller, address(0), one), 600, "inside");
        use(OddToken.Kind.Good);
        vm.prank(seller);
        bank.withdraw(cold, 600);
        same(token.trueBalance(cold), 600, "out, once the token pays again");
    }

    function test_ALyingBalanceStopsOnlyItself() external {
        token.setLie(address(bank), -5); // tells too little from now on
        same(bank.deposit(alice, 100), 100, "a constant lie cancels out");
        token.setLie(address(bank), -3e6); // less than nothing
        vm.expectRevert();
        bank.deposit(alice, 100);
        token.setLie(address(bank), int256(1 << 112));
        vm.expectRevert(IBank.TooMuch.selector);
        bank.deposit(alice, 100);
        token.setLie(address(0), 0);
        vm.prank(alice);
        bank.withdraw(cold, 1e6 + 100);
        same(token.trueBalance(cold), 1e6 + 100, "cold");
    }

    // -------------------------------------------------------------- re-entry

    /// During a token call nothing else may move the token.
    function reenter(bytes memory inner) private {
        onCall = inner;
        answered = true;
        token.setHook(address(this));
    }

    function refused(string memory what) private view {
        check(!answered && bytes4(answer) == IBank.Busy.selector, what);
        solvent(what);
    }

    function inners(uint256 i) private view returns (bytes memory) {
        if (i == 0) return abi.encodeCall(IBank.deposit, (address(this), 50));
        if (i == 1) return abi.encodeCall(IBank.withdraw, (cold, 50));
        return abi.encodeCall(IBank.cash, (seller, seller, receipt(bank, ALICE, seller, 9e5)));
    }

    function test_NoReentryWhileADepositIsMeasured() external {
        for (uint256 i = 0; i < 3; i++) {
            reenter(inners(i));
            same(bank.deposit(address(this), 100), 100, "arrived");
            refused(string.concat("deposit, inner ", dec(i)));
        }
    }

    function test_NoReentryWhileAPaymentIsMeasured() external {
        for (uint256 i = 0; i < 3; i++) {
            reenter(inners(i));
            bank.withdraw(cold, 100);
            refused(string.concat("withdraw, inner ", dec(i)));
            reenter(inners(i));
            bank.cash(seller, seller, receipt(bank, ALICE, seller, 1000 * (i + 1)));
            refused(string.concat("cash, inner ", dec(i)));
        }
    }

    function test_WithoutATokenCallReentryIsHarmless() external {
        reenter(abi.encodeCall(IBank.cash, (seller, address(0), receipt(bank, ALICE, seller, 50))));
        same(bank.deposit(address(this), 100), 100, "arrived");
        check(answered, "cashed into the bank meanwhile");
        same(bank.free(seller), 50, "seller");
        solvent("inside");
    }

    function test_TheLockOpensAgain() external {
        reenter(inners(0));
        bank.deposit(address(this), 1);
        token.set(OddToken.Kind.Reverts);
        vm.expectRevert(IBank.NotMoved.selector);
        bank.withdraw(cold, 1);
        token.set(OddToken.Kind.Good);
        bank.withdraw(cold, 1);
        bank.deposit(alice, 1);
    }

    // ------------------------------------------- any token, any sequence

    /// Whatever the token does, at every step: what arrived less what left is
    /// at least what is owed.
    function testFuzz_NoTokenCreatesMoney(uint256[12] memory steps) external {
        uint256 signed;
        for (uint256 i = 0; i < steps.length; i++) {
            uint256 x = steps[i];
            OddToken.Kind kind = OddToken.Kind(x % 10);
            uint256 amount = (x >> 8) % 2e6;
            token.set(kind);
            if (kind == OddToken.Kind.Hook) reenter(inners((x >> 64) % 3));
            uint256 what = (x >> 128) % 4;
            if (what == 0) {
                try bank.deposit(address(this), amount) {} catch {}
            } else if (what == 1) {
                try bank.withdraw(cold, amount) {} catch {}
            } else if (what == 2) {
                signed += amount;
                bytes memory one = receipt(bank, ALICE, seller, signed);
                try bank.cash(seller, x >> 250 == 0 ? address(0) : seller, one) {} catch {}
            } else {
                vm.prank(alice);
                try bank.reserve(promise_(seller, amount, block.timestamp + 1)) {} catch {}
            }
            solvent(string.concat("step ", dec(i)));
        }
    }
}
