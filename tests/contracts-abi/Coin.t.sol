// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Harness, IBank} from "./Harness.sol";

/// The bank of a chain's own coin.
contract CoinTest is Harness {
    uint256 private constant ALICE = 0xa11ce;
    address private alice = vm.addr(ALICE);
    address private seller = address(0x5e11e7);

    IBank private bank;
    bytes private onReceive;
    bool private refuse;
    bool private answered;

    function setUp() external {
        bank = deployBank(address(0));
        vm.deal(address(this), 100 ether);
        bank.deposit{value: 10 ether}(alice, 10 ether);
        bank.deposit{value: 10 ether}(address(this), 10 ether);
    }

    receive() external payable {
        require(!refuse, "no, thanks");
        bytes memory call = onReceive;
        if (call.length == 0) return;
        delete onReceive;
        (answered,) = address(bank).call{value: 0}(call);
    }

    function test_DepositsSayWhatTheySend() external {
        vm.expectRevert(IBank.WrongValue.selector);
        bank.deposit{value: 1}(alice, 2);
        vm.expectRevert(IBank.WrongValue.selector);
        bank.deposit{value: 2}(alice, 1);
        vm.expectRevert(IBank.NothingArrived.selector);
        bank.deposit{value: 0}(alice, 0);
        same(bank.deposit{value: 5}(alice, 5), 5, "arrived");
        same(bank.free(alice), 10 ether + 5, "free");
    }

    function test_CoinSentWithoutACallIsRefused() external {
        (bool ok,) = address(bank).call{value: 1}("");
        check(!ok, "plain coin was taken");
    }

    function test_PayersPayInCoin() external {
        vm.prank(alice);
        bank.reserve(promise_(seller, 1 ether, block.timestamp + 1));
        same(bank.cash(seller, seller, receipt(bank, ALICE, seller, 3 ether)), 3 ether, "drawn");
        same(seller.balance, 3 ether, "seller");
        vm.prank(alice);
        bank.withdraw(seller, 7 ether);
        same(seller.balance, 10 ether, "withdrawn");
        same(address(bank).balance, 10 ether, "bank");
    }

    function test_WhoRefusesCoinKeepsItsBalance() external {
        refuse = true;
        vm.expectRevert(IBank.NotMoved.selector);
        bank.withdraw(address(this), 1 ether);
        bytes memory one = receipt(bank, ALICE, address(this), 1 ether);
        vm.expectRevert(IBank.NotMoved.selector);
        bank.cash(address(this), address(this), one);
        same(bank.cash(address(this), address(0), one), 1 ether, "inside");
        same(bank.free(address(this)), 11 ether, "free");
    }

    function test_NoReentryWhileCoinIsPaid() external {
        bytes[2] memory inner = [
            abi.encodeCall(IBank.withdraw, (address(this), 1 ether)),
            abi.encodeCall(
                IBank.cash, (address(this), address(this), receipt(bank, ALICE, address(this), 1 ether))
            )
        ];
        for (uint256 i = 0; i < 2; i++) {
            onReceive = inner[i];
            answered = true;
            bank.withdraw(address(this), 1 ether);
            check(!answered, "re-entered");
        }
        same(bank.free(address(this)), 8 ether, "free");
        same(address(bank).balance, 18 ether, "bank");
    }
}
