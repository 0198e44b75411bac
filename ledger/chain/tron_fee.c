#include "ledger/chain/tron_fee.h"

static struct amount times(uint64_t n, uint64_t price)
{
	struct amount a;

	/* two numbers below 2^64 */
	return amount_mul_u64(&a, amount_from_u64(n), price) ? a : AMOUNT_ZERO;
}

/* Half more, for the state may change until it is mined; not more than the
 * chain takes. */
static enum err_code limit_of(uint64_t *out, uint64_t energy,
			      const struct tron_params *p, struct err *e)
{
	struct amount used = times(energy, p->energy_sun), limit;
	struct amount most = amount_from_u64(p->max_fee_limit);

	if (energy < TRON_ENERGY_MIN)
		used = times(TRON_ENERGY_MIN, p->energy_sun);
	if (amount_cmp(times(energy, p->energy_sun), most) > 0 ||
	    !amount_mul_div(&limit, NULL, used, 3, 0, 2))
		return err_fail(e, ERR_LIMIT,
				"it takes more energy than the chain lets one "
				"transaction have");
	limit = amount_min(limit, most);
	if (!amount_to_u64(out, limit) || *out > INT64_MAX)
		return err_fail(e, ERR_LIMIT, "an absurd price of energy");
	return ERR_NONE;
}

enum err_code tron_cost_of(struct tron_cost *out, const struct tron_tx *t,
			   uint64_t energy, const struct tron_params *p,
			   const struct tron_resources *r, struct err *e)
{
	struct chain_means means = {.units = r->energy,
				    .bytes = r->bandwidth,
				    .free_bytes = r->free_bandwidth};
	struct tron_tx sized = *t;
	enum err_code rc = limit_of(&out->fee_limit, energy, p, e);

	if (rc != ERR_NONE)
		return rc;
	sized.fee_limit = out->fee_limit;
	out->bytes = tron_tx_size(&sized) + TRON_TX_RESULT;
	out->fee = chain_means_burn(&means, energy, out->bytes, p->energy_sun,
				    p->byte_sun);
	out->fee_max = amount_add_cap(amount_from_u64(out->fee_limit),
				      times(out->bytes, p->byte_sun));
	return ERR_NONE;
}
