#include "storage/rent/sampling.h"

#include <stdbool.h>

/* m x 2^x, the upper bound of a number: m has its highest bit set, or is 0. */
struct up {
	uint64_t m;
	int64_t x;
};

__extension__ typedef unsigned __int128 wide;

static struct up up_of(wide v, int64_t x)
{
	bool more = false;

	if (v == 0)
		return (struct up){0, 0};
	while (v >> 64) {
		more |= (v & 1) != 0;
		v >>= 1;
		x++;
	}
	v += more;
	if (v >> 64) {
		v >>= 1; /* it was 2^64 */
		x++;
	}
	while (!(v >> 63)) {
		v <<= 1;
		x--;
	}
	return (struct up){(uint64_t)v, x};
}

static struct up up_mul(struct up a, struct up b)
{
	return up_of((wide)a.m * b.m, a.x + b.x);
}

/* num / den, both not 0 */
static struct up up_ratio(uint64_t num, uint64_t den)
{
	wide v = (wide)num << 64;

	return up_of(v / den + (v % den != 0), -64);
}

static struct up up_add(struct up a, struct up b)
{
	int64_t apart;

	if (a.m == 0 || b.m == 0)
		return a.m ? a : b;
	if (a.x < b.x) {
		struct up c = a;

		a = b;
		b = c;
	}
	apart = a.x - b.x;
	if (apart >= 63) /* b is less than two of the last bits of a */
		return up_of((wide)a.m + 2, a.x);
	return up_of(((wide)a.m << apart) + b.m, b.x);
}

static struct up up_pow(struct up a, uint64_t n)
{
	struct up out = up_of(1, 0);

	for (; n; n >>= 1) {
		if (n & 1)
			out = up_mul(out, a);
		a = up_mul(a, a);
	}
	return out;
}

/* a <= num / den, both under 128. */
static bool up_is_within(struct up a, uint64_t num, uint64_t den)
{
	if (a.m == 0 || a.x < -120)
		return true;
	return a.x < 0 && (wide)a.m * den <= (wide)num << -a.x;
}

/* P(Binomial(n, share / WHOLE) <= failed), or a little more. */
static struct up tail(uint64_t n, uint64_t failed, uint32_t share)
{
	uint32_t rest = SAMPLING_WHOLE - share;
	struct up odds = up_ratio(share, rest);
	struct up term = up_pow(up_ratio(rest, SAMPLING_WHOLE), n);
	struct up sum = term;

	for (uint64_t i = 0; i < failed; i++) {
		term = up_mul(term, up_mul(up_ratio(n - i, i + 1), odds));
		sum = up_add(sum, term);
	}
	return sum;
}

uint32_t sampling_at_most(uint64_t samples, uint64_t failed,
			  unsigned confidence)
{
	uint32_t low = 0, high = SAMPLING_WHOLE; /* low is none, high is one */

	if (samples > SAMPLING_MAX)
		samples = SAMPLING_MAX;
	if (samples == 0 || failed >= samples || confidence < 1 ||
	    confidence > 99)
		return SAMPLING_WHOLE;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (up_is_within(tail(samples, failed, mid), 100 - confidence,
				 100))
			high = mid;
		else
			low = mid;
	}
	return high;
}

uint64_t sampling_needed(uint32_t at_most, unsigned confidence)
{
	uint64_t low = 0, high = SAMPLING_MAX;

	if (sampling_at_most(high, 0, confidence) > at_most)
		return 0;
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (sampling_at_most(mid, 0, confidence) <= at_most)
			high = mid;
		else
			low = mid;
	}
	return high;
}
