// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IBank} from "./Harness.sol";
import {Rent} from "./Rent.sol";
import {OddToken} from "./Tokens.sol";

/// Three people who rent from one another and do anything in any order, with
/// revisions of every kind in a pool that anybody may post from. After each
/// call everyone's wealth is counted: free balance, what is left of funds as a
/// renter, collateral as a host.
contract Market is Rent {
    uint256 public constant PEOPLE = 3;
    uint256 public constant START = 1e9;
    uint256 private constant DEALS = 8;

    OddToken public immutable token;
    IBank public immutable bank;
    address[PEOPLE] public who;
    Deal[] private deals; // as signed last
    bytes[] private trees; // their sectors, by what was signed last
    bytes[] private pool; // every revision ever signed by both, and forged ones
    mapping(bytes32 => bytes) private sectorsOf; // root -> sectors
    mapping(uint256 => mapping(uint256 => bool)) private settled; // deal, period
    uint256 public burnt;
    uint256[4] public done; // opened, revised, proved, closed: to see that it gets anywhere
    string public broken; // the first rule that broke

    constructor() {
        go(10);
        token = new OddToken();
        bank = deployBank(address(token), PERIOD);
        token.mint(address(this), PEOPLE * START);
        token.approve(address(bank), PEOPLE * START);
        for (uint256 i = 0; i < PEOPLE; i++) {
            who[i] = vm.addr(key(i));
            bank.deposit(who[i], START);
        }
    }

    function key(uint256 i) private pure returns (uint256) {
        return 0xbeef + i;
    }

    function keyOf(address a) private view returns (uint256) {
        for (uint256 i = 0; i < PEOPLE; i++) if (who[i] == a) return key(i);
        revert();
    }

    // ------------------------------------------------------- what each one has

    function wealth() private view returns (uint256[PEOPLE] memory w) {
        for (uint256 i = 0; i < PEOPLE; i++) w[i] = bank.free(who[i]);
        for (uint256 k = 0; k < deals.length; k++) {
            IBank.View memory v = viewOf(bank, deals[k]);
            if (v.state != 1) continue;
            for (uint256 i = 0; i < PEOPLE; i++) {
                if (who[i] == deals[k].renter) w[i] += v.fund - v.earned;
                if (who[i] == deals[k].host) w[i] += v.collateral;
            }
        }
    }

    /// After a call, nobody but these two has more or less, and they by this.
    function moved(uint256[PEOPLE] memory was, address from, address to, uint256 n, string memory what) private {
        uint256[PEOPLE] memory now_ = wealth();
        for (uint256 i = 0; i < PEOPLE; i++) {
            uint256 want = was[i];
            if (who[i] == from) want -= n;
            if (who[i] == to) want += n;
            if (now_[i] != want) broken = what;
        }
    }

    /// Each period of an agreement is paid at most once, whichever way.
    function settle(uint256 k, IBank.View memory was, uint256 paid, uint256 from, uint256 most) private {
        IBank.View memory v = viewOf(bank, deals[k]);
        if (v.through < was.through || v.earned < was.earned) broken = "something was taken back";
        if (v.earned - was.earned != paid) broken = "paid and not booked";
        if (v.earned > v.fund) broken = "more earned than locked";
        if (paid != 0 && v.through == was.through) broken = "paid for settled periods";
        if (paid > most) broken = "paid more than was signed or proved";
        for (uint256 p = from; p < v.through; p++) {
            if (settled[k][p]) broken = "a period was settled twice";
        }
        for (uint256 p = was.through; p < v.through; p++) settled[k][p] = true;
    }

    // -------------------------------------------------------------- the steps

    function open(uint256 seed) external {
        if (deals.length == DEALS) return;
        Deal memory d;
        (d.renter, d.host) = (who[seed % PEOPLE], who[(seed >> 8) % PEOPLE]);
        d.number = bank.next(d.renter, d.host);
        d.start = time() + uint32(seed >> 16) % 4;
        d.end = d.start + uint32(seed >> 24) % 25;
        d.span = uint16(seed >> 32) % 6;
        bytes memory sectors = "abcdef";
        assembly {
            mstore(sectors, add(1, mod(shr(40, seed), 5)))
        }
        (d.sectors, d.root) = (uint32(sectors.length), rootOfTree(sectors));
        sectorsOf[d.root] = sectors;
        d.through = d.start;
        d.rate = uint112(seed >> 48) % 1000;
        d.fund = uint112(seed >> 64) % 20000;
        d.collateral = uint112(seed >> 96) % 5000;
        d.penalty = uint112(seed >> 128) % 1500;
        d.revision = 1;
        bool sense = d.start > time() && d.end > d.start && d.span != 0;
        uint256[PEOPLE] memory was = wealth();
        try bank.open(signed(bank, d, keyOf(d.renter), keyOf(d.host))) {
            if (!sense) broken = "opened what makes no sense";
            done[0]++;
            deals.push(d);
            trees.push(sectors);
        } catch {
            if (sense && was[seed % PEOPLE] > 1e8 && was[(seed >> 8) % PEOPLE] > 1e8) broken = "could not open";
        }
        moved(was, address(0), address(0), 0, "opening moved wealth");
    }

    /// Both sign something; whether it makes sense is the bank's to find out.
    function sign(uint256 seed) external {
        if (deals.length == 0) return;
        uint256 k = seed % deals.length;
        Deal memory d = deals[k];
        d.revision += 1 + uint32(seed >> 8) % 2;
        if (seed >> 16 & 3 != 0) { // mostly up to about now, and its rent
            if (seed >> 20 & 1 == 0) { // as nodes do: from what the chain says
                IBank.View memory v = viewOf(bank, d);
                if (v.revision + 5 < d.revision) d.revision = v.revision + 1;
                (d.through, d.earned) = (v.through, v.earned);
            }
            uint32 to = seed >> 21 & 7 == 0 ? d.end : time() + uint32(seed >> 24) % 4;
            if (to < d.through) to = d.through;
            if (to > d.end) to = d.end;
            d.earned += uint112((to - d.through) * (uint256(d.rate) + (seed >> 32) % 3));
            d.through = to;
        } else { // or anything at all
            d.through = uint32(d.start + (seed >> 40) % 30);
            d.earned = uint112(seed >> 64) % 20000;
        }
        if (seed >> 128 & 3 == 0) d.rate = uint112(seed >> 136) % 1000;
        if (seed >> 129 & 1 == 0) {
            bytes memory sectors = "ghijkl";
            assembly {
                mstore(sectors, add(1, mod(shr(160, seed), 5)))
            }
            (d.sectors, d.root) = (uint32(sectors.length), rootOfTree(sectors));
            sectorsOf[d.root] = sectors;
        }
        bool changed = seed >> 252 == 2;
        if (changed) d.collateral++; // not as opened
        bool forged = seed >> 252 == 3;
        uint256 hostKey = forged && d.host != d.renter ? keyOf(d.renter) : keyOf(d.host);
        pool.push(abi.encode(k, d, signed(bank, d, keyOf(d.renter), hostKey), hostKey == keyOf(d.host)));
        if (!forged && !changed && d.through <= d.end) deals[k] = d;
    }

    function revise(uint256 by, uint256 seed) external {
        if (pool.length == 0) return;
        uint256 back = seed % (pool.length < 4 ? pool.length : 4);
        (uint256 k, Deal memory d, bytes memory data, bool genuine) =
            abi.decode(pool[pool.length - 1 - back], (uint256, Deal, bytes, bool));
        IBank.View memory was = viewOf(bank, d);
        uint256[PEOPLE] memory had = wealth();
        vm.prank(who[by % PEOPLE]);
        try bank.revise(data) {
            done[1]++;
            IBank.View memory v = viewOf(bank, d);
            if (!genuine) broken = "a forgery was taken";
            if (was.state != 1 || d.revision <= was.revision || v.revision != d.revision) broken = "revision order";
            if (d.through > d.end || v.through > d.end) broken = "settled past the end";
            if (was.start <= time() && (v.root != was.root || v.rate != was.rate || v.sectors != was.sectors)) {
                broken = "it took force at once";
            }
            if (was.rate != d.rate && time() >= was.start && v.through <= time() && v.through != v.end) {
                broken = "a mixed rate";
            }
            uint256 paid = v.earned - was.earned;
            settle(k, was, paid, was.through, d.earned > was.earned ? d.earned - was.earned : 0);
            moved(had, d.renter, d.host, paid, "a revision moved other money");
        } catch {
            moved(had, address(0), address(0), 0, "a refused revision moved money");
        }
    }

    /// A proof, good or of other sectors, alone or with another's junk.
    function prove(uint256 by, uint256 seed) external {
        if (deals.length == 0) return;
        uint256 k = seed % deals.length;
        Deal memory d = deals[k];
        IBank.View memory was = viewOf(bank, d);
        bool lies = seed >> 8 & 7 == 0;
        bytes memory sectors = lies ? bytes("zz") : sectorsOf[was.root];
        if (sectors.length == 0) return;
        bytes memory proof = proofOf(bank, d, sectors);
        if (seed >> 12 & 1 == 0) proof = bytes.concat(proof, proof);
        uint256[PEOPLE] memory had = wealth();
        vm.prank(who[by % PEOPLE]);
        (uint32 good, uint256 paid) = bank.prove(d.host, proof);
        if (good > 1) broken = "one proof counted twice";
        bool ought = !lies && isDue(was);
        if ((good == 1) != ought) broken = ought ? "a good proof was refused" : "a bad proof was taken";
        if (good == 1) {
            done[2]++;
            uint256 first = firstOf(was);
            settle(k, was, paid, first, uint256(was.rate) * (time() + 1 - first));
        }
        moved(had, d.renter, d.host, paid, "a proof moved other money");
    }

    /// Is a proof due now, and its span not settled?
    function isDue(IBank.View memory v) private view returns (bool) {
        uint256 next = time() + 1;
        if (bank.beacon(uint32(next) - 1) == 0) return false; // in its first block
        if (v.state != 1 || time() < v.start || next > v.end || v.through >= next) return false;
        return next == v.end || (next - v.start) % v.span == 0;
    }

    /// The first period that it pays.
    function firstOf(IBank.View memory v) private view returns (uint256 first) {
        first = time() - (time() - v.start) % v.span;
        if (first < v.through) first = v.through;
    }

    function anchor() external {
        bank.anchor();
    }

    function topUp(uint256 by, uint256 seed) external {
        if (deals.length == 0) return;
        Deal memory d = deals[seed % deals.length];
        uint112 n = uint112(seed >> 8) % 3000;
        uint256[PEOPLE] memory had = wealth();
        address from = who[by % PEOPLE];
        vm.prank(from);
        try bank.topUp(d.renter, d.host, d.number, n) {
            moved(had, from, d.renter, n, "a top up moved other money");
        } catch {
            moved(had, address(0), address(0), 0, "a refused top up moved money");
        }
    }

    function close(uint256 by, uint256 seed) external {
        if (deals.length == 0) return;
        Deal memory d = deals[seed % deals.length];
        IBank.View memory was = viewOf(bank, d);
        uint256[PEOPLE] memory had = wealth();
        vm.prank(who[by % PEOPLE]);
        try bank.close(d.renter, d.host, d.number) {
            done[3]++;
            IBank.View memory v = viewOf(bank, d);
            if (was.state != 1 || v.state != 2) broken = "closed twice";
            if (was.through != was.end && time() < was.end + 7) broken = "closed too early";
            uint256 spare = (uint256(was.end - was.start) + was.span - 1) / was.span / 10;
            uint256 lost = v.misses > spare ? (v.misses - spare) * uint256(v.penalty) : 0;
            if (lost > was.collateral) lost = was.collateral;
            burnt += lost;
            moved(had, d.host, address(0), lost, "a close burnt something else");
        } catch {
            moved(had, address(0), address(0), 0, "a refused close moved money");
        }
    }

    function wait(uint256 seed) external {
        vm.roll(block.number + 1 + seed % (seed >> 8 & 7 == 0 ? 200 : 30));
    }

    // ----------------------------------------------------------------- the sum

    function owed() external view returns (uint256 sum) {
        uint256[PEOPLE] memory w = wealth();
        for (uint256 i = 0; i < PEOPLE; i++) sum += w[i];
    }
}

contract RentInvariantTest is Rent {
    Market private market;

    function setUp() external {
        market = new Market();
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(market);
    }

    function invariant_RentIsPaidOnceAndTakenFromNobodyElse() external view {
        check(bytes(market.broken()).length == 0, market.broken());
        same(market.owed() + market.burnt(), market.PEOPLE() * market.START(), "owed and burnt");
        same(market.token().balanceOf(address(market.bank())), market.PEOPLE() * market.START(), "held");
    }
}
