/* sampling.h - what random samples say of all that was not looked at.
 *
 * "At most e of the blocks are missing, with confidence c": had more than e
 * been missing, so few of the samples would have failed with a probability of
 * at most 1 - c. e is the upper bound of Clopper and Pearson: the least share
 * with P(Binomial(samples, e) <= failed) <= 1 - c. Without failures that is
 * (1 - e)^samples <= 1 - c.
 *
 * It holds for samples drawn from all blocks alike, and as well for as many
 * from each of several parts of the same size (Hoeffding, 1956: that only makes
 * few failures less likely).
 *
 * Integers throughout; every step rounds the probability up, so that no claim
 * is stronger than it may be. Pure; thread: any.
 */
#ifndef STORAGE_RENT_SAMPLING_H
#define STORAGE_RENT_SAMPLING_H

#include <stdint.h>

#define SAMPLING_WHOLE 1000000U /* shares are millionths */
#define SAMPLING_MAX (UINT64_C(1) << 32)

/* e in millionths, rounded up; SAMPLING_WHOLE: nothing can be claimed. failed:
 * of the samples, those that were not shown to be right. confidence: percent,
 * 1 .. 99. More than SAMPLING_MAX samples count as so many. */
uint32_t sampling_at_most(uint64_t samples, uint64_t failed,
			  unsigned confidence);
/* The other way round, without failures: samples until e is claimed. e of 0
 * cannot be: 0. */
uint64_t sampling_needed(uint32_t at_most, unsigned confidence);

#endif
