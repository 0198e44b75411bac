#include "ledger/chain/chain_said.h"

#include <stdio.h>
#include <string.h>

static bool mined(enum chain_fate f)
{
	return f == CHAIN_FATE_MINED || f == CHAIN_FATE_FINAL;
}

/* ------------------------------------------------------------------- words */

static const char *ask_name(enum chain_ask_what what)
{
	switch (what) {
	case CHAIN_ASK_ID:
		return "id";
	case CHAIN_ASK_COIN:
		return "coin";
	case CHAIN_ASK_CODE:
		return "code";
	case CHAIN_ASK_FREE:
		return "free";
	case CHAIN_ASK_PAIR:
		return "pair";
	case CHAIN_ASK_BANK_TOKEN:
	case CHAIN_ASK_TOKEN_BALANCE:
	case CHAIN_ASK_ALLOWANCE:
	case CHAIN_ASK_DECIMALS:
	case CHAIN_ASK_SYMBOL:
		return "token";
	case CHAIN_ASK_PERIOD:
		return "period";
	case CHAIN_ASK_BEACON:
		return "beacon";
	case CHAIN_ASK_AGREEMENT:
		return "agreement";
	case CHAIN_ASK_NEXT:
	case CHAIN_ASK_COUNT:
	case CHAIN_ASK_LIST:
		return "agreements";
	}
	return "";
}

static void say_answer(char *out, size_t cap, const struct chain_answer *a,
		       enum chain_ask_what what, uint64_t block)
{
	char n[AMOUNT_DEC_MAX], reserve[AMOUNT_DEC_MAX];
	char says[NODE_ODD_WORDS] = "";

	if (what == CHAIN_ASK_PAIR)
		(void)snprintf(says, sizeof(says), " paid=%s reserve=%s",
			       amount_to_dec(n, a->pair.paid, 0),
			       amount_to_dec(reserve, a->pair.reserve, 0));
	else if (what == CHAIN_ASK_FREE || what == CHAIN_ASK_COIN)
		(void)snprintf(says, sizeof(says), " says=%s",
			       amount_to_dec(n, a->amount, 0));
	(void)snprintf(out, cap, "question=%s block=%llu%s", ask_name(what),
		       (unsigned long long)block, says);
}

/* ------------------------------------------------------------------- reads */

static bool same_answer(const struct chain_answer *a,
			const struct chain_answer *b, enum chain_ask_what what)
{
	struct chain_answer copy = *a;

	return chain_answer_merge(&copy, b, what);
}

/* Who is odd about one question, of those who know an answer. */
static unsigned odd_answers(const struct chain_said_read *said, size_t n,
			    size_t ask, enum chain_ask_what what)
{
	unsigned groups[NODE_MAX];
	size_t who[NODE_MAX], known = 0;
	unsigned odd, out = 0;

	for (size_t i = 0; i < n; i++) {
		const struct chain_answer *a = &said[i].answers[ask];
		size_t k = 0;

		if (!a->known)
			continue;
		while (k < known &&
		       !same_answer(&said[who[k]].answers[ask], a, what))
			k++;
		groups[known] = k < known ? groups[k] : (unsigned)known;
		who[known++] = i;
	}
	odd = node_odd_ones(groups, known);
	for (size_t k = 0; k < known; k++)
		if (odd & 1U << k)
			out |= 1U << who[k];
	return known > 1 ? out : 0;
}

void chain_tell_reads(struct node_odd *o, const struct chain_said_read *said,
		      size_t n, const struct chain_ask *asks, size_t n_asks)
{
	struct node_said words[NODE_MAX] = {{0}};
	bool apart = false;

	if (n < 2)
		return;
	for (size_t i = 1; i < n; i++)
		apart = apart || said[i].block != said[0].block;
	for (size_t k = 0; k < n_asks; k++) {
		unsigned odd = odd_answers(said, n, k, asks[k].what);

		for (size_t i = 0; i < n; i++) {
			if (!(odd & 1U << i) || words[i].odd)
				continue;
			words[i].odd = true;
			words[i].lag = apart;
			say_answer(words[i].words, sizeof(words[i].words),
				   &said[i].answers[k], asks[k].what,
				   said[i].block);
		}
	}
	for (size_t i = 0; i < n; i++)
		node_odd_tell(o, NODE_ON_STATE, said[i].node, &words[i]);
}

/* ------------------------------------------------------- fates, heads, trials
 */

static const char *fate_name(enum chain_fate f)
{
	switch (f) {
	case CHAIN_FATE_UNKNOWN:
		return "unknown";
	case CHAIN_FATE_PENDING:
		return "pending";
	case CHAIN_FATE_MINED:
		return "mined";
	case CHAIN_FATE_FINAL:
		return "final";
	case CHAIN_FATE_GONE:
		return "gone";
	}
	return "";
}

/* Could one of two nodes just be behind the other? */
static bool lag_explains(const struct chain_said_fate *a,
			 const struct chain_said_fate *b)
{
	if (mined(a->fate) && mined(b->fate))
		return a->group == b->group;
	if (mined(a->fate) || mined(b->fate))
		return a->fate != CHAIN_FATE_FINAL &&
		       b->fate != CHAIN_FATE_FINAL &&
		       a->fate != CHAIN_FATE_GONE && b->fate != CHAIN_FATE_GONE;
	return true;
}

void chain_tell_fates(struct node_odd *o, const struct chain_said_fate *said,
		      size_t n)
{
	unsigned groups[NODE_MAX], odd;
	bool lag = true;

	if (n < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		groups[i] = said[i].group;
		for (size_t k = 0; k < i; k++)
			lag = lag && lag_explains(&said[i], &said[k]);
	}
	odd = node_odd_ones(groups, n);
	for (size_t i = 0; i < n; i++) {
		struct node_said words = {.odd = odd & 1U << i, .lag = lag};

		(void)snprintf(words.words, sizeof(words.words), "says=%s",
			       fate_name(said[i].fate));
		node_odd_tell(o, NODE_ON_FATE, said[i].node, &words);
	}
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void chain_tell_numbers(struct node_odd *o, enum node_topic topic,
			const struct chain_said_number *said, size_t n,
			uint64_t most)
{
	unsigned groups[NODE_MAX], odd;

	if (n < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < i && apart(said[k].number, said[i].number) > most)
			k++;
		groups[i] = k < i ? groups[k] : (unsigned)i;
	}
	odd = node_odd_ones(groups, n);
	for (size_t i = 0; i < n; i++) {
		struct node_said words = {.odd = odd & 1U << i};

		(void)snprintf(words.words, sizeof(words.words), "says=%llu",
			       (unsigned long long)said[i].number);
		node_odd_tell(o, topic, said[i].node, &words);
	}
}

/* For the user: one node of several is what stands in the way. */
static void name_refuser(const struct node_odd *o, struct chain_trials *t)
{
	char reason[CHAIN_REASON_MAX];
	size_t i = 0;

	while (t->said[i].ok)
		i++;
	memcpy(reason, t->all.reason, sizeof(reason));
	(void)snprintf(t->all.reason, sizeof(t->all.reason),
		       "%.60s (so says %.40s, not all)", reason,
		       node_set_name(o->nodes, t->said[i].node));
}

void chain_tell_trials(struct node_odd *o, struct chain_trials *t)
{
	unsigned groups[NODE_MAX], odd;

	if (t->n < 2)
		return;
	for (size_t i = 0; i < t->n; i++)
		groups[i] = t->said[i].ok;
	odd = node_odd_ones(groups, t->n);
	for (size_t i = 0; i < t->n; i++) {
		struct node_said words = {.odd = odd & 1U << i};
		const char *says =
			t->said[i].ok ? "it would do" : t->said[i].reason;

		(void)snprintf(words.words, sizeof(words.words),
			       "says=\"%.100s\"", says);
		node_odd_tell(o, NODE_ON_TRIAL, t->said[i].node, &words);
	}
	if (odd && !t->all.no_funds)
		name_refuser(o, t);
}

/* Means that only one knows are those. */
static void merge_means(struct chain_means *into,
			const struct chain_means *other)
{
	if (!other->known)
		return;
	if (!into->known) {
		*into = *other;
		return;
	}
	into->coin = amount_min(into->coin, other->coin);
	if (other->units < into->units)
		into->units = other->units;
	if (other->bytes < into->bytes)
		into->bytes = other->bytes;
	if (other->free_bytes < into->free_bytes)
		into->free_bytes = other->free_bytes;
}

static void merge_trial(struct chain_trial *into,
			const struct chain_trial *other)
{
	if (!into->ok)
		return;
	if (!other->ok) {
		*into = *other;
		return;
	}
	if (other->units > into->units)
		into->units = other->units;
	into->fee = amount_max(into->fee, other->fee);
	into->fee_max = amount_max(into->fee_max, other->fee_max);
	merge_means(&into->means, &other->means);
	if (other->bytes > into->bytes)
		into->bytes = other->bytes;
	if (other->unit_price > into->unit_price)
		into->unit_price = other->unit_price;
	if (other->byte_price > into->byte_price)
		into->byte_price = other->byte_price;
	if (other->has_ret &&
	    (!into->has_ret ||
	     memcmp(other->ret, into->ret, sizeof(into->ret)) < 0)) {
		memcpy(into->ret, other->ret, sizeof(into->ret));
		into->has_ret = true;
	}
}

void chain_trials_add(struct chain_trials *t, size_t node,
		      const struct chain_trial *one)
{
	if (t->n == 0)
		t->all = *one;
	else
		merge_trial(&t->all, one);
	t->said[t->n].node = node;
	t->said[t->n].ok = one->ok;
	memcpy(t->said[t->n].reason, one->reason, sizeof(one->reason));
	t->n++;
}
