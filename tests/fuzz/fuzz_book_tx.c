/* Any bytes as what the book keeps of a transaction under way: taken up by a
 * new run or refused, and what is taken up has bounds. */
#include "ledger/settle/settle.h"
#include "tests/ledger/fake_chain.h"

#define META_MAX 60000

static int64_t at_once(void)
{
	return 1000;
}

static void check(const struct outbox_record *r)
{
	if (r->n_forms != 1 || r->call.len > CHAIN_MAX_DATA)
		abort();
	for (size_t i = 0; i < r->call.len; i++) /* all of it can be read */
		(void)*(volatile const uint8_t *)&r->call.data[i];
}

static void take_up(struct book *b, const struct address *me)
{
	struct settle_config cfg = {.me = *me, .unix_s = at_once, .poll_ms = 1};
	struct loop *loop = loop_new(NULL);
	struct fake_chain chain;
	struct profile profile;
	struct settle *s = NULL;
	struct err e = {0};
	const struct outbox_record *r;

	fake_chain_init(&chain);
	if (!loop || profile_find(&profile, "local-evm", NULL) != ERR_NONE)
		abort();
	if (settle_new(&s, loop, &chain.ch, b, &profile, &cfg, NULL, &e) ==
	    ERR_NONE) {
		r = settle_pending(s, 0);
		if (!r)
			abort();
		check(r);
	} else if (e.code != ERR_DB) {
		abort();
	}
	settle_free(s);
	fake_chain_clear(&chain);
	loop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct address me = {{1}};
	const struct book_tx_form form = {.raw = (const uint8_t *)"raw",
					  .raw_len = 3};
	struct book_tx tx = {.kind = 1 + (enum book_tx_kind)(size % 8),
			     .state = BOOK_TX_PENDING,
			     .to = {{2}},
			     .meta = data,
			     .meta_len = size};
	struct book *b;

	if (size > META_MAX)
		return 0;
	if (book_open(&b, ":memory:", &me, NULL) != ERR_NONE)
		abort();
	if (book_tx_add(b, &tx, &form, NULL) == ERR_NONE &&
	    book_commit(b, NULL) == ERR_NONE)
		take_up(b, &me);
	book_close(b);
	return 0;
}
