// parameters.mjs - what getchainparameters says: all of java-tron 4.8's
// proposals taken, and prices like those of the main network.
import { prices } from './perform.mjs';
import { FREE_NET, TOTAL_ENERGY, TOTAL_NET } from './accounts.mjs';

// A name without a value is a zero.
const text = `MaintenanceTimeInterval 21600000, AccountUpgradeCost 9999000000, CreateAccountFee ${prices.newAccountBytes},
  TransactionFee ${prices.byte}, AssetIssueFee 1024000000, WitnessPayPerBlock 32000000, WitnessStandbyAllowance 115200000000,
  CreateNewAccountFeeInSystemContract ${prices.newAccount}, CreateNewAccountBandwidthRate 1, AllowCreationOfContracts 1,
  RemoveThePowerOfTheGr, EnergyFee ${prices.energy}, ExchangeCreateFee 1024000000, MaxCpuTimeOfOneTx 80,
  AllowUpdateAccountName, AllowSameTokenName 1, AllowDelegateResource 1, TotalEnergyLimit ${TOTAL_ENERGY},
  AllowTvmTransferTrc10 1, TotalEnergyCurrentLimit ${TOTAL_ENERGY}, AllowMultiSign 1, AllowAdaptiveEnergy,
  TotalEnergyTargetLimit 12500000, TotalEnergyAverageUsage, UpdateAccountPermissionFee 100000000, MultiSignFee 1000000,
  AllowAccountStateRoot, AllowProtoFilterNum, AllowTvmConstantinople 1, AllowTvmSolidity059 1, AllowTvmIstanbul 1,
  AllowShieldedTRC20Transaction, ForbidTransferToContract 1, AdaptiveResourceLimitTargetRatio 10,
  AdaptiveResourceLimitMultiplier 1000, ChangeDelegation 1, Witness127PayPerBlock 16000000, AllowMarketTransaction 1,
  MarketSellFee, MarketCancelFee, AllowPBFT, AllowTransactionFeePool, MaxFeeLimit ${prices.maxFeeLimit},
  AllowOptimizeBlackHole 1, AllowNewResourceModel 1, AllowTvmFreeze 1, AllowTvmVote 1, AllowTvmLondon 1,
  AllowTvmCompatibleEvm 1, AllowAccountAssetOptimization 1, FreeNetLimit ${FREE_NET}, TotalNetLimit ${TOTAL_NET},
  AllowHigherLimitForMaxCpuTimeOfOneTx 1, AllowAssetOptimization 1, AllowNewReward 1, MemoFee ${prices.memo},
  AllowDelegateOptimization 1, UnfreezeDelayDays 14, AllowOptimizedReturnValueOfChainId 1, AllowDynamicEnergy 1,
  DynamicEnergyThreshold 5000000000, DynamicEnergyIncreaseFactor 2000, DynamicEnergyMaxFactor 34000, AllowTvmShangHai 1,
  AllowCancelAllUnfreezeV2 1, MaxDelegateLockPeriod 86400, AllowOldRewardOpt 1, AllowEnergyAdjustment 1,
  MaxCreateAccountTxSize 1000, AllowStrictMath 1, ConsensusLogicOptimization 1, AllowTvmCancun 1, AllowTvmBlob 1`;

export const chainParameters = text.split(',').map((one) => {
  const [name, value] = one.trim().split(' ');
  return { key: `get${name}`, ...value && { value: Number(value) } };
});
