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
    function roll(uint256 number) external;
    function chainId(uint256 id) external;
    function deal(address who, uint256 amount) external;
    function etch(address who, bytes calldata code) external;
    function prank(address sender) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes4 selector) external;
    function expectRevert() external;
    function expectEmit(bool one, bool two, bool three, bool data, address emitter) external;
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
    error BadPeriod();
    error BadAgreement();
    error BadNumber();
    error BadSignature();
    error NoAgreement();
    error Stale();
    error Unsettled();

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

    event Cashed(address indexed payee, address indexed to, uint256 total, uint32 receipts);
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
    event Proved(address indexed host, uint256 total, bytes proofs);
    event ToppedUp(address indexed renter, address indexed host, uint32 number, uint112 amount);
    event Closed(address indexed renter, address indexed host, uint32 number, uint112 toRenter, uint112 toHost);
    event Burnt(address indexed renter, address indexed host, uint32 number, uint112 amount);

    function period() external view returns (uint32);
    function open(bytes calldata packed) external;
    function revise(bytes calldata packed) external;
    function anchor() external returns (bytes32);
    function prove(address host, bytes calldata proofs) external returns (uint32 good, uint256 total);
    function topUp(address renter, address host, uint32 number, uint112 amount) external;
    function close(address renter, address host, uint32 number) external;
    function rootOf(uint64 leaf, bytes calldata proof) external view returns (bytes32);
    function beacon(uint32 when) external view returns (bytes32);
    function agreement(address renter, address host, uint32 number) external view returns (View memory);
    function count(address renter) external view returns (uint32);
    function list(address renter, uint32 from, uint32 max) external view returns (bytes memory);
    function next(address renter, address host) external view returns (uint32);
}

/// ecrecover as TRON's machine has it: 0x41 stands before the address.
contract TronRecover {
    fallback() external {
        assembly {
            calldatacopy(0, 0, calldatasize())
            pop(staticcall(gas(), 1, 0, calldatasize(), 0, 0x20))
            if returndatasize() {
                mstore(0, or(mload(0), shl(160, 0x41)))
                return(0, 0x20)
            }
        }
    }
}

/// Deploys the bank from the artifact, signs and packs; the rest is the tests'.
/// With BANK_ECRECOVER=tron its code asks TronRecover instead of the machine.
abstract contract Harness {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 internal constant DAY = 86400;

    function deployBank(address token) internal returns (IBank bank) {
        return deployBank(token, 20);
    }

    function deployBank(address token, uint256 period) internal returns (IBank bank) {
        string memory json = vm.readFile(vm.envOr("BANK_ARTIFACT", "Bank.json"));
        bytes memory code = abi.encodePacked(vm.parseJsonBytes(json, ".bytecode"), abi.encode(token, period));
        if (bytes(vm.envOr("BANK_ECRECOVER", "")).length != 0) askTron(code);
        assembly {
            bank := create(0, add(code, 0x20), mload(code))
        }
        check(address(bank) != address(0), "deployment failed");
    }

    /// Every call of contract 1 becomes one of TronRecover.
    function askTron(bytes memory code) internal {
        uint256 found;
        vm.etch(address(0x7f), type(TronRecover).runtimeCode);
        for (uint256 i = 0; i + 4 <= code.length; i++) {
            bytes4 four;
            assembly {
                four := mload(add(add(code, 0x20), i))
            }
            if (four != 0x60015afa) continue; // PUSH1 1, GAS, STATICCALL
            code[i + 1] = 0x7f;
            found++;
        }
        same(found, 3, "calls of ecrecover");
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
