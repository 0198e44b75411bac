// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Agreements} from "./Agreements.sol";
import {Balances} from "./Balances.sol";
import {Receipts} from "./Receipts.sol";

/// The bank: balances in one token, paid by receipts and by agreements.
///
/// The token and the length of a period are fixed at deployment. No owner, no
/// upgrade, no fee, no pause, no oracle. What each rule answers stands in
/// DESIGN.md beside this folder.
contract Bank is Receipts, Agreements {
    constructor(address token_, uint32 period_) Balances(token_) Agreements(period_) {}
}
