// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// What the tests use of forge's cheat codes.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function warp(uint256 timestamp) external;
    function chainId(uint256 id) external;
    function deal(address who, uint256 amount) external;
    function prank(address sender) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes4 selector) external;
    function expectRevert() external;
    function mockCall(address callee, bytes calldata data, bytes calldata answer) external;
    function clearMockedCalls() external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function envOr(string calldata name, string calldata fallback_) external view returns (string memory);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
}

interface IBank {
    error BadAccount();
    error BadLength();
    error WrongValue();
    error NothingArrived();
    error TooMuch();
    error TooLittle();
    error NotMoved();
    error NotYours();
    error NotYet();
    error Expired();
    error Busy();

    event Cashed(address indexed payee, address indexed to, uint256 total, bytes draws);
    event Bounced(address indexed payer, address indexed payee, uint112 missing);

    function token() external view returns (address);
    function free(address account) external view returns (uint256);
    function pair(address payer, address payee) external view returns (uint112 paid, uint112 held, uint32 until);
    function domainSeparator() external view returns (bytes32);
    function deposit(address account, uint256 amount) external payable returns (uint256);
    function withdraw(address to, uint256 amount) external;
    function reserve(bytes calldata promises) external;
    function release(address payer, address payee) external;
    function cash(address payee, address to, bytes calldata receipts) external returns (uint256);
}

/// Deploys the bank from the artifact, signs and packs; the rest is the tests'.
abstract contract Harness {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 internal constant DAY = 86400;

    function deployBank(address token) internal returns (IBank bank) {
        string memory json = vm.readFile(vm.envOr("BANK_ARTIFACT", "Bank.json"));
        bytes memory code = abi.encodePacked(vm.parseJsonBytes(json, ".bytecode"), abi.encode(token));
        assembly {
            bank := create(0, add(code, 0x20), mload(code))
        }
        check(address(bank) != address(0), "deployment failed");
    }

    function digestOf(IBank bank, address payer, address payee, uint256 amount) internal view returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                hex"1901",
                bank.domainSeparator(),
                keccak256(
                    abi.encode(
                        keccak256("Receipt(address payer,address payee,uint112 amount)"), payer, payee, amount
                    )
                )
            )
        );
    }

    function pack(address payer, uint256 amount, uint8 v, bytes32 r, bytes32 s) internal pure returns (bytes memory) {
        return abi.encodePacked(payer, uint112(amount), r, uint256(s) | (uint256(v - 27) << 255));
    }

    /// A good receipt of the account with this key.
    function receipt(IBank bank, uint256 key, address payee, uint256 amount) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(bank, vm.addr(key), payee, amount));
        return pack(vm.addr(key), amount, v, r, s);
    }

    function promise_(address payee, uint256 total, uint256 until) internal pure returns (bytes memory) {
        return abi.encodePacked(payee, uint112(total), uint32(until));
    }

    function paidOf(IBank bank, address payer, address payee) internal view returns (uint256 paid) {
        (paid,,) = bank.pair(payer, payee);
    }

    function heldOf(IBank bank, address payer, address payee) internal view returns (uint256 held) {
        (, held,) = bank.pair(payer, payee);
    }

    function untilOf(IBank bank, address payer, address payee) internal view returns (uint256 until) {
        (,, until) = bank.pair(payer, payee);
    }

    function check(bool ok, string memory what) internal pure {
        require(ok, what);
    }

    function same(uint256 a, uint256 b, string memory what) internal pure {
        if (a != b) revert(string.concat(what, ": ", dec(a), " is not ", dec(b)));
    }

    function dec(uint256 n) internal pure returns (string memory s) {
        do {
            s = string.concat(string(abi.encodePacked(bytes1(uint8(48 + n % 10)))), s);
            n /= 10;
        } while (n != 0);
    }

    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + x % (high - low + 1);
    }
}
