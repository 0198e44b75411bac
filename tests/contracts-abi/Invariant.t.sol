// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Harness, IBank} from "./Harness.sol";
import {OddToken} from "./Tokens.sol";

/// Random calls by random people. Keeps what each account signed, gave away and
/// was given, so that at any moment everyone's wealth can be told exactly.
contract World is Harness {
    uint256 public constant PEOPLE = 4;
    uint256 public constant START = 1e9;

    OddToken public immutable token;
    IBank public immutable bank;
    address[PEOPLE] public who;
    uint256[PEOPLE] public gifts; // deposited for or sent to others
    uint256[PEOPLE] public given; // received so
    uint256[PEOPLE][PEOPLE] public signed; // [payer][payee], highest ever
    bytes[] private pool; // every receipt ever signed, and forged ones
    string public broken; // the first step that broke a rule of reserves
    uint256 public cashed; // receipts that paid; to see that the walk gets anywhere

    constructor() {
        token = new OddToken();
        bank = deployBank(address(token));
        for (uint256 i = 0; i < PEOPLE; i++) {
            who[i] = vm.addr(key(i));
            token.mint(who[i], START);
            vm.prank(who[i]);
            token.approve(address(bank), type(uint256).max);
        }
    }

    function key(uint256 i) private pure returns (uint256) {
        return 0xbeef + i;
    }

    /// Small numbers collide, and colliding amounts are where the edges are.
    function sum(uint256 seed) private pure returns (uint256) {
        return seed % 4 == 0 ? seed % 7 : seed % 1e6;
    }

    function deposit(uint256 by, uint256 to, uint256 seed) external {
        (by, to) = (by % PEOPLE, to % PEOPLE);
        vm.prank(who[by]);
        try bank.deposit(who[to], sum(seed)) returns (uint256 n) {
            gifts[by] += n;
            given[to] += n;
        } catch {}
    }

    function withdraw(uint256 by, uint256 to, uint256 seed) external {
        (by, to) = (by % PEOPLE, to % PEOPLE);
        uint256 n = sum(seed);
        vm.prank(who[by]);
        try bank.withdraw(who[to], n) {
            gifts[by] += n;
            given[to] += n;
        } catch {}
    }

    function reserve(uint256 by, uint256 to, uint256 seed, uint16 during) external {
        (by, to) = (by % PEOPLE, to % PEOPLE);
        (uint256 paid, uint256 held, uint256 until) = bank.pair(who[by], who[to]);
        uint256 total = paid + seed % 1e5;
        vm.prank(who[by]);
        try bank.reserve(promise_(who[to], total, block.timestamp + during)) {} catch {}
        (uint256 paid2, uint256 held2, uint256 until2) = bank.pair(who[by], who[to]);
        if (paid2 != paid || held2 < held || until2 < until) broken = "reserve";
        if (held2 != held && (paid2 + held2 != total || until2 <= block.timestamp)) broken = "reserve total";
    }

    function release(uint256 by, uint256 payer, uint256 payee) external {
        (by, payer, payee) = (by % PEOPLE, payer % PEOPLE, payee % PEOPLE);
        (uint256 paid, uint256 held, uint256 until) = bank.pair(who[payer], who[payee]);
        vm.prank(who[by]);
        try bank.release(who[payer], who[payee]) {
            bool may = by == payee || (by == payer && block.timestamp > until);
            if (!may) broken = "released by whom it does not belong to";
        } catch {
            if (heldOf(bank, who[payer], who[payee]) != held) broken = "release";
        }
        if (paidOf(bank, who[payer], who[payee]) != paid) broken = "release touched paid";
    }

    function sign(uint256 payer, uint256 payee, uint256 seed) external {
        (payer, payee) = (payer % PEOPLE, payee % PEOPLE);
        uint256 n = paidOf(bank, who[payer], who[payee]) + sum(seed);
        if (seed % 5 == 0) { // a forgery: the payee signs for the payer
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(key(payee), digestOf(bank, who[payer], who[payee], n));
            if (payer != payee) pool.push(pack(who[payer], n, v, r, s));
            return;
        }
        if (n > signed[payer][payee]) signed[payer][payee] = n;
        pool.push(receipt(bank, key(payer), who[payee], n));
    }

    /// A batch of three out of the pool, good, stale, forged, of other payees.
    function cash(uint256 by, uint256 payee, uint256 to, uint256 seed) external {
        (by, payee) = (by % PEOPLE, payee % PEOPLE);
        to %= PEOPLE + 1;
        if (pool.length == 0) return;
        bytes memory batch;
        for (uint256 i = 0; i < 3; i++) {
            // mostly recent ones, which are not yet stale
            uint256 back = (seed >> 32 * i) % (pool.length < 6 ? pool.length : 6);
            batch = bytes.concat(batch, pool[pool.length - 1 - back]);
        }
        uint256[PEOPLE] memory held;
        uint256[PEOPLE] memory paid;
        for (uint256 i = 0; i < PEOPLE; i++) (paid[i], held[i],) = bank.pair(who[i], who[payee]);
        address target = to == PEOPLE ? address(0) : who[to];
        vm.prank(who[by]);
        try bank.cash(who[payee], target, batch) returns (uint256 n) {
            if (n != 0) cashed++;
            if (to != PEOPLE && to != payee) {
                if (by != payee && n != 0) broken = "cashed to a third party";
                gifts[payee] += n;
                given[to] += n;
            }
        } catch {
            if (to == PEOPLE || to == payee || by == payee) broken = "a batch was blocked";
        }
        for (uint256 i = 0; i < PEOPLE; i++) {
            (uint256 paid2, uint256 held2,) = bank.pair(who[i], who[payee]);
            // the reserve goes first, and only into paid
            if (paid2 < paid[i]) broken = "paid fell";
            uint256 drawn = paid2 - paid[i];
            if (held2 != (drawn < held[i] ? held[i] - drawn : 0)) broken = "reserve order";
        }
    }

    function wait(uint16 during) external {
        vm.warp(block.timestamp + during);
    }
}

contract InvariantTest is Harness {
    World private world;

    function setUp() external {
        vm.warp(1_700_000_000);
        world = new World();
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(world);
    }

    /// One walk for all rules: a walk is what costs.
    function invariant_NoOrderOfCallsTakesOrMakesMoney() external view {
        theBankHasWhatItOwes();
        nobodyIsPaidMoreThanWasSigned();
        nobodyLosesByWhatOthersDo();
        check(bytes(world.broken()).length == 0, world.broken());
    }

    function theBankHasWhatItOwes() private view {
        uint256 owed;
        IBank bank = world.bank();
        for (uint256 i = 0; i < world.PEOPLE(); i++) {
            owed += bank.free(world.who(i));
            for (uint256 j = 0; j < world.PEOPLE(); j++) owed += heldOf(bank, world.who(i), world.who(j));
        }
        same(world.token().balanceOf(address(bank)), owed, "token balance and debts");
    }

    function nobodyIsPaidMoreThanWasSigned() private view {
        for (uint256 i = 0; i < world.PEOPLE(); i++) {
            for (uint256 j = 0; j < world.PEOPLE(); j++) {
                check(
                    paidOf(world.bank(), world.who(i), world.who(j)) <= world.signed(i, j), "paid more than signed"
                );
            }
        }
    }

    /// What one has in all changes by one's own gifts and receipts alone.
    function nobodyLosesByWhatOthersDo() private view {
        IBank bank = world.bank();
        for (uint256 i = 0; i < world.PEOPLE(); i++) {
            address me = world.who(i);
            uint256 has = world.token().balanceOf(me) + bank.free(me);
            uint256 spent = world.gifts(i);
            uint256 got = world.given(i);
            for (uint256 j = 0; j < world.PEOPLE(); j++) {
                has += heldOf(bank, me, world.who(j));
                spent += paidOf(bank, me, world.who(j));
                got += paidOf(bank, world.who(j), me);
            }
            same(has + spent, world.START() + got, "wealth");
        }
    }
}
