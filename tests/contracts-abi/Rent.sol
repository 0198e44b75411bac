// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Harness, IBank} from "./Harness.sol";
import {OddToken} from "./Tokens.sol";

/// Agreements as both sides sign them, and trees as hosts keep them.
///
/// A sector here has 2,048 leaves that are all alike, told by one byte, so its
/// tree takes 12 hashes to make; which leaf of it is asked for makes no
/// difference, which sector does. (Real trees: tests/chain/test_bank.c.)
abstract contract Rent is Harness {
    uint256 internal constant PERIOD = 20;
    uint32 internal constant DAYS = 70;

    struct Deal {
        address renter;
        address host;
        uint32 number;
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
        bytes32 terms;
    }

    bytes32 internal constant DEAL_TYPE = keccak256(
        "Agreement(address renter,address host,uint32 number,uint32 revision,bytes32 root,uint32 sectors,uint32 through,uint112 earned,uint112 rate,uint32 start,uint32 end,uint16 span,uint112 fund,uint112 collateral,uint112 penalty,bytes32 terms)"
    );

    // ----------------------------------------------------------------- signing

    function packed(Deal memory d) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(d.renter, d.host, d.number, d.revision, d.root, d.sectors, d.through, d.earned),
            abi.encodePacked(d.rate, d.start, d.end, d.span, d.fund, d.collateral, d.penalty, d.terms)
        );
    }

    function digestOf(IBank bank, Deal memory d) internal view returns (bytes32) {
        return keccak256(
            abi.encodePacked(hex"1901", bank.domainSeparator(), keccak256(abi.encode(DEAL_TYPE, d)))
        );
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, uint256(s) | uint256(v - 27) << 255);
    }

    function signed(IBank bank, Deal memory d, uint256 renter, uint256 host) internal view returns (bytes memory) {
        bytes32 digest = digestOf(bank, d);
        return bytes.concat(packed(d), signature(renter, digest), signature(host, digest));
    }

    // ------------------------------------------------------------------- trees

    function leafOf(bytes1 sector) internal pure returns (bytes memory leaf) {
        for (uint256 i = 0; i < 16; i++) leaf = bytes.concat(leaf, keccak256(abi.encode(sector, i)));
    }

    /// The nodes of a sector from leaf to root, 12 of them.
    function nodesOf(bytes1 sector) internal pure returns (bytes32[12] memory nodes) {
        nodes[0] = sha256(leafOf(sector));
        for (uint256 i = 1; i < 12; i++) nodes[i] = sha256(abi.encode(nodes[i - 1], nodes[i - 1]));
    }

    /// The level of the sectors' roots, filled up to a power of two.
    function bottomOf(bytes memory sectors) internal pure returns (bytes32[] memory level) {
        uint256 width = 1;
        while (width < sectors.length) width *= 2;
        level = new bytes32[](width);
        for (uint256 i = 0; i < sectors.length; i++) level[i] = nodesOf(sectors[i])[11];
    }

    function above(bytes32[] memory level) internal pure returns (bytes32[] memory up) {
        up = new bytes32[](level.length / 2);
        for (uint256 i = 0; i < up.length; i++) up[i] = sha256(abi.encode(level[2 * i], level[2 * i + 1]));
    }

    function rootOfTree(bytes memory sectors) internal pure returns (bytes32) {
        bytes32[] memory level = bottomOf(sectors);
        while (level.length > 1) level = above(level);
        return level[0];
    }

    /// Leaf and path of a leaf of this sector, as prove() takes them.
    function proofIn(bytes memory sectors, uint256 sector) internal pure returns (bytes memory proof) {
        bytes32[12] memory nodes = nodesOf(sectors[sector]);
        proof = leafOf(sectors[sector]);
        uint8 height = 11;
        for (uint256 i = 0; i < 11; i++) proof = bytes.concat(proof, nodes[i]);
        for (bytes32[] memory level = bottomOf(sectors); level.length > 1; level = above(level)) {
            proof = bytes.concat(proof, level[sector ^ 1]);
            sector /= 2;
            height++;
        }
        return bytes.concat(bytes1(height), proof);
    }

    // -------------------------------------------------------------- the chain

    /// Early in a period, one block after its first.
    function go(uint256 to) internal {
        vm.roll(to * PERIOD + 1);
    }

    function time() internal view returns (uint32) {
        return uint32(block.number / PERIOD);
    }

    /// Which leaf is due, once the beacon is recorded.
    function dueLeaf(IBank bank, Deal memory d, uint256 sectors) internal view returns (uint256) {
        bytes32 beacon = bank.beacon(time());
        return uint256(keccak256(abi.encodePacked(beacon, d.renter, d.host, d.number))) % (sectors * 2048);
    }

    /// The good proof of an agreement over these sectors, which is due now.
    function proofOf(IBank bank, Deal memory d, bytes memory sectors) internal returns (bytes memory) {
        bank.anchor();
        uint256 leaf = dueLeaf(bank, d, sectors.length);
        return bytes.concat(abi.encodePacked(d.renter, d.number), proofIn(sectors, leaf / 2048));
    }

    /// Forge keeps block.number for the whole of a function; this does not.
    function viewOf(IBank bank, Deal memory d) internal view returns (IBank.View memory) {
        return bank.agreement(d.renter, d.host, d.number);
    }
}
