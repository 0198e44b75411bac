// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Balances in one token, and all that moves the token itself.
///
/// Part of the bank (Bank.sol). Amounts are in the token's smallest unit and
/// below 2^112, as are all sums of them: no more than that is ever let in.
abstract contract Balances {
    /// An ERC-20, or zero for the chain's own coin.
    address public immutable token;

    /// What an account may withdraw, lock away, or pay by receipts.
    mapping(address account => uint256) public free;

    /// 1 = idle, 2 = a token call is under way.
    uint256 private _lock = 1;

    uint256 internal constant MAX = 0xffffffffffffffffffffffffffff;
    uint256 internal constant HALF_N = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("seedbank");
    bytes32 private constant VERSION = keccak256("1");

    event Deposited(address indexed account, address indexed from, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    error BadAccount();
    error WrongValue();
    error NothingArrived();
    error TooMuch();
    error TooLittle();
    error NotMoved();
    error Busy();
    // Of both parts that follow.
    error BadLength();
    error NotYet();
    error Expired();

    constructor(address token_) {
        if (token_ != address(0) && token_.code.length == 0) revert BadAccount();
        token = token_;
    }

    /// Every movement of the token happens under this lock, so that what is
    /// measured around a call is the work of that call alone.
    modifier alone() {
        if (_lock != 1) revert Busy();
        _lock = 2;
        _;
        _lock = 1;
    }

    /// Credits `account` with what arrives, which may be less than `amount`
    /// when the token takes a fee. Coin: send `amount` along.
    function deposit(address account, uint256 amount) external payable alone returns (uint256 arrived) {
        if (account == address(0) || account == address(this)) revert BadAccount();
        if (msg.value != (token == address(0) ? amount : 0)) revert WrongValue();
        if (token == address(0)) {
            arrived = amount;
        } else {
            uint256 before = _balance();
            _call(token, 0, abi.encodeWithSelector(0x23b872dd, msg.sender, address(this), amount)); // transferFrom
            arrived = _balance() - before;
        }
        if (arrived == 0) revert NothingArrived();
        if (_balance() > MAX) revert TooMuch();
        free[account] += arrived;
        emit Deposited(account, msg.sender, arrived);
    }

    function withdraw(address to, uint256 amount) external {
        _take(msg.sender, amount);
        emit Withdrawn(msg.sender, to, amount);
        _pay(to, amount);
    }

    /// Computed afresh, so that a receipt is never good on two sides of a fork.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, NAME, VERSION, block.chainid, address(this)));
    }

    function _take(address account, uint256 amount) internal {
        uint256 has = free[account];
        if (amount > has) revert TooLittle();
        unchecked {
            free[account] = has - amount;
        }
    }

    function _pay(address to, uint256 amount) internal alone {
        if (to == address(0)) revert BadAccount();
        uint256 before = _balance();
        if (token == address(0)) _call(to, amount, "");
        else _call(token, 0, abi.encodeWithSelector(0xa9059cbb, to, amount)); // transfer
        if (before - _balance() != amount) revert NotMoved();
    }

    /// Success and return value tell nothing: some tokens return false when
    /// they paid, some true when they did not. The balance tells.
    function _call(address to, uint256 value, bytes memory data) private {
        assembly ("memory-safe") {
            pop(call(gas(), to, value, add(data, 0x20), mload(data), 0, 0))
        }
    }

    function _balance() private view returns (uint256) {
        if (token == address(0)) return address(this).balance;
        return IToken(token).balanceOf(address(this));
    }
}

interface IToken {
    function balanceOf(address account) external view returns (uint256);
}
