#include "node/money/plan_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *plan_units(const struct money *m)
{
	return m->profile.kind == PROFILE_TRON ? "energy" : "gas";
}

const char *plan_units_each(const struct money *m)
{
	return m->profile.kind == PROFILE_TRON ? "energy_per_receipt"
					       : "gas_per_receipt";
}

static void put(json_t *o, const char *key, const char *text)
{
	(void)json_object_set_new(o, key, json_string(text));
}

static void put_int(json_t *o, const char *key, uint64_t n)
{
	(void)json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void put_tokens(const struct money *m, json_t *o, const char *key,
		       struct amount a)
{
	char text[MONEY_TEXT_MAX];

	put(o, key, money_text(m, a, text));
}

static void put_coin(const struct money *m, json_t *o, const char *key,
		     struct amount a)
{
	char text[MONEY_TEXT_MAX];

	put(o, key, amount_to_dec(text, a, m->profile.coin_decimals));
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* A line that grows; what does not fit is cut. */
struct line {
	char text[1024];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct line *l,
						      const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, format, args);
	va_end(args);
	if (n > 0)
		l->len += (size_t)n;
	if (l->len >= sizeof(l->text))
		l->len = sizeof(l->text) - 1;
}

/* ---- one transaction ---- */

static void add_stake(const struct money *m, const struct settle_batch *b,
		      json_t *o)
{
	if (m->profile.kind != PROFILE_TRON)
		return;
	put_int(o, "staked", b->units_staked);
	put_int(o, "bandwidth", b->bytes);
	put_int(o, "bandwidth_staked", b->bytes_staked);
}

/* From what sum on, or below what price, it pays. */
static void add_even(const struct money *m, const struct settle_batch *b,
		     json_t *o)
{
	struct amount price;

	if (b->fee_known) {
		put_tokens(m, o, "fee_tokens", b->fee_token);
		put_tokens(m, o, "by_itself_from", b->by_itself);
	} else if (settle_even_price(&price, b->brings, b->fee,
				     m->profile.coin_decimals)) {
		put_tokens(m, o, "pays_under", price);
	}
}

static void say_batch(const struct money *m, const struct settle_batch *b,
		      json_t *o)
{
	const char *coin = m->profile.coin_symbol;
	struct line l = {.len = 0};

	if (!b->ok) {
		say(&l, "not sent: %s", b->reason);
		put(o, "text", l.text);
		return;
	}
	say(&l, "%zu %s, %s tokens; %s %llu", b->receipts,
	    b->receipts == 1 ? "receipt" : "receipts", text_of(o, "brings"),
	    plan_units(m), (unsigned long long)b->units);
	if (b->units_staked)
		say(&l, " (%llu of stake)",
		    (unsigned long long)b->units_staked);
	if (b->bytes)
		say(&l, ", bandwidth %llu%s", (unsigned long long)b->bytes,
		    b->bytes_staked ? " (of stake or free)" : "");
	say(&l, ", fee %s %s", text_of(o, "fee"), coin);
	if (b->fee_known)
		say(&l, "; pays above %s tokens, goes by itself from %s",
		    text_of(o, "fee_tokens"), text_of(o, "by_itself_from"));
	else if (json_object_get(o, "pays_under"))
		say(&l, "; pays while a %s costs less than %s tokens", coin,
		    text_of(o, "pays_under"));
	if (b->at_risk)
		say(&l, "; %zu may be lost by waiting", b->at_risk);
	put(o, "text", l.text);
}

json_t *plan_batch_json(const struct money *m, const struct settle_batch *b)
{
	json_t *o = json_object();

	put_int(o, "receipts", b->receipts);
	put_int(o, "at_risk", b->at_risk);
	put_tokens(m, o, "worth", b->worth);
	put_tokens(m, o, "brings", b->brings);
	put_int(o, plan_units(m), b->units);
	put_int(o, plan_units_each(m),
		b->receipts ? b->units / b->receipts : 0);
	put_coin(m, o, "fee", b->fee);
	put_coin(m, o, "fee_max", b->fee_max);
	(void)json_object_set_new(o, "ok", json_boolean(b->ok));
	put(o, "reason", b->reason);
	add_stake(m, b, o);
	add_even(m, b, o);
	say_batch(m, b, o);
	return o;
}

/* ---- all of them ---- */

static void add_means(const struct money *m, const struct chain_means *means,
		      json_t *o)
{
	if (!means->known)
		return;
	put_coin(m, o, "coin", means->coin);
	if (m->profile.kind != PROFILE_TRON)
		return;
	put_int(o, "staked_energy", means->units);
	put_int(o, "staked_bandwidth", means->bytes);
	put_int(o, "free_bandwidth", means->free_bytes);
}

static void say_means(const struct money *m, const struct settle_plan *p,
		      const json_t *o, struct line *l)
{
	const char *coin = m->profile.coin_symbol;

	if (!p->means.known || p->n_batches == 0)
		return;
	say(l, "; %s %s there", text_of(o, "coin"), coin);
	if (m->profile.kind == PROFILE_TRON)
		say(l, ", used after %llu energy and %llu bandwidth",
		    (unsigned long long)p->means.units,
		    (unsigned long long)(p->means.bytes > p->means.free_bytes
						 ? p->means.bytes
						 : p->means.free_bytes));
}

static void say_plan(const struct money *m, const struct settle_plan *p,
		     size_t receipts, size_t sent, json_t *o)
{
	struct line l = {.len = 0};

	say(&l, "would cash %zu receipts in %zu transactions", receipts, sent);
	if (p->n_batches)
		say(&l, ": %s tokens for %s %s", text_of(o, "brings"),
		    text_of(o, "fee"), m->profile.coin_symbol);
	say_means(m, p, o, &l);
	if (p->under_way)
		say(&l, "; %zu are under way", p->under_way);
	say(&l, "; %zu wait (%s)", p->waiting, text_of(o, "waiting_worth"));
	if (p->waiting && !amount_is_zero(p->worth_from))
		say(&l, ", each pays above %s", text_of(o, "worth_from"));
	say(&l, "; %zu payers have nothing to draw from (%s)", p->uncovered,
	    text_of(o, "uncovered_amount"));
	if (p->by_hand)
		say(&l, "; coin-price is not set: nothing goes by itself");
	put(o, "text", l.text);
}

json_t *plan_json(const struct money *m, const struct settle_plan *p)
{
	json_t *o = json_object(), *batches = json_array();
	size_t receipts = 0, sent = 0;

	for (size_t i = 0; i < p->n_batches; i++) {
		(void)json_array_append_new(batches,
					    plan_batch_json(m, &p->batches[i]));
		receipts += p->batches[i].ok ? p->batches[i].receipts : 0;
		sent += p->batches[i].ok;
	}
	(void)json_object_set_new(o, "dry_run", json_true());
	(void)json_object_set_new(o, "batches", batches);
	put_int(o, "receipts", receipts);
	put_tokens(m, o, "brings", p->brings);
	put_coin(m, o, "fee", p->fee);
	put_coin(m, o, "fee_max", p->fee_max);
	add_means(m, &p->means, o);
	put_int(o, "under_way", p->under_way);
	put_int(o, "waiting", p->waiting);
	put_tokens(m, o, "waiting_worth", p->waiting_worth);
	put_tokens(m, o, "worth_from", p->worth_from);
	put_int(o, "uncovered", p->uncovered);
	put_tokens(m, o, "uncovered_amount", p->uncovered_amount);
	say_plan(m, p, receipts, sent, o);
	return o;
}

void plan_add_limit(const struct money *m, json_t *plan, struct amount left,
		    struct amount most)
{
	struct line l = {.len = 0};

	put_coin(m, plan, "fees_left", left);
	if (amount_cmp(left, most) >= 0)
		return;
	say(&l,
	    "%s; today's limit of fees (day-fee-limit) has %s %s left, and up "
	    "to %s may be taken: the rest waits for tomorrow",
	    text_of(plan, "text"), text_of(plan, "fees_left"),
	    m->profile.coin_symbol, text_of(plan, "fee_max"));
	put(plan, "text", l.text);
}
