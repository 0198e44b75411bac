// accounts.mjs - what the chain keeps of an account besides its coin: bandwidth,
// energy and stake. An account is a frozen value; a change makes another.
//
// Used bandwidth and energy come back over 24 hours, a straight line from the
// last use on.
const DAY_MS = 86_400_000;
export const FREE_NET = 600, TOTAL_NET = 43_200_000_000, TOTAL_ENERGY = 180_000_000_000;

const unused = { used: 0, at: 0 };

export const newAccount = (timeMs, more = {}) => Object.freeze({ created: timeMs, last: 0, free: unused, net: unused,
  energy: unused, stakedNet: 0n, stakedEnergy: 0n, ...more });

const changed = (account, more) => Object.freeze({ ...account, ...more });

// What is still in use of what was used.
export function inUse({ used, at }, now) {
  const gone = now - at;
  return gone >= DAY_MS ? 0 : Math.ceil(used * (DAY_MS - gone) / DAY_MS);
}

const use = (meter, amount, now) => ({ used: inUse(meter, now) + amount, at: now });

// Shares of all there is, by whole TRX of stake.
const trx = (sun) => Number(sun / 1_000_000n);
const share = (staked, all, total) => all === 0 ? 0 : Math.floor(total * trx(staked) / all);

export const stakeWeights = (accounts) => accounts.reduce((sum, a) => ({ net: sum.net + trx(a.stakedNet),
  energy: sum.energy + trx(a.stakedEnergy) }), { net: 0, energy: 0 });

export function limitsOf(account, weights) {
  return { net: share(account.stakedNet, weights.net, TOTAL_NET),
    energy: share(account.stakedEnergy, weights.energy, TOTAL_ENERGY) };
}

export function energyLeft(account, weights, now) {
  return Math.max(0, limitsOf(account, weights).energy - inUse(account.energy, now));
}

// Pays for bytes out of the stake, else out of the free ones, all or nothing;
// null when neither has them. A transaction that makes an account may not use
// the free ones.
export function payBytes(account, bytes, weights, now, makesAccount) {
  const staked = limitsOf(account, weights).net;
  if (inUse(account.net, now) + bytes <= staked) return changed(account, { net: use(account.net, bytes, now), last: now });
  if (!makesAccount && inUse(account.free, now) + bytes <= FREE_NET)
    return changed(account, { free: use(account.free, bytes, now), last: now });
  return null;
}

export const payEnergy = (account, energy, now) => changed(account, { energy: use(account.energy, energy, now), last: now });
export const touched = (account, now) => changed(account, { last: now });

export function stake(account, resource, sun) {
  return resource === 1 ? changed(account, { stakedEnergy: account.stakedEnergy + sun })
    : changed(account, { stakedNet: account.stakedNet + sun });
}
