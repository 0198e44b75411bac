// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// An ERC-20 that can be told to misbehave in one way at a time.
contract OddToken {
    enum Kind {
        Good,
        FalseOnSuccess, // moves and returns false, as USDT does on TRON
        FalseOnFailure, // returns false and moves nothing
        TrueOnFailure, // returns true and moves nothing
        Silent, // returns nothing at all
        Fee, // the receiver gets 1 % less
        Surcharge, // the sender is charged 1 % more
        Reverts,
        Bomb, // returns a megabyte
        Hook // calls back while it moves
    }

    Kind public kind;
    mapping(address => uint256) private _balance;
    mapping(address => mapping(address => uint256)) public allowance;
    /// Added to what balanceOf tells about `lieAbout`.
    address public lieAbout;
    int256 public lie;
    address public hook;

    function set(Kind kind_) external {
        kind = kind_;
    }

    function setHook(address hook_) external {
        kind = Kind.Hook;
        hook = hook_;
    }

    function setLie(address about, int256 lie_) external {
        (lieAbout, lie) = (about, lie_);
    }

    function mint(address to, uint256 value) external {
        _balance[to] += value;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function balanceOf(address who) external view returns (uint256) {
        return who == lieAbout ? uint256(int256(_balance[who]) + lie) : _balance[who];
    }

    function trueBalance(address who) external view returns (uint256) {
        return _balance[who];
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        if (kind != Kind.FalseOnFailure && kind != Kind.TrueOnFailure) allowance[from][msg.sender] -= value;
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private {
        uint256 answer = 1;
        if (kind == Kind.Hook) IHook(hook).called();
        if (kind == Kind.Reverts) revert("no");
        if (kind == Kind.FalseOnFailure || kind == Kind.TrueOnFailure) {
            answer = kind == Kind.TrueOnFailure ? 1 : 0;
        } else {
            uint256 off = kind == Kind.Surcharge ? value + value / 100 : value;
            _balance[from] -= off;
            _balance[to] += kind == Kind.Fee ? value - value / 100 : value;
            if (kind == Kind.FalseOnSuccess) answer = 0;
        }
        if (kind == Kind.Silent) {
            assembly {
                return(0, 0)
            }
        }
        uint256 size = kind == Kind.Bomb ? 1 << 20 : 32;
        assembly {
            let p := mload(0x40)
            mstore(p, answer)
            return(p, size)
        }
    }
}

interface IHook {
    function called() external;
}
