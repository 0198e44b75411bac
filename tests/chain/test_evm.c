/* What only a real EVM shows: both kinds of fee, a transaction that is stuck,
 * one that another took the place of, several URLs, and a bank of the chain's
 * coin with the signer's own process behind it. */
#include "ledger/settle/settle.h"
#include "ledger/signer/keystore.h"
#include "tests/chain/town.h"
#include "tests/ledger/scratch.h"

#include <time.h>

struct yard {
	struct bench b;
	struct anvil anvil;
	struct got_tx g;
	struct got_read r;
	struct scratch dir;
	struct signer_proc proc;
	/* of journeys */
	struct settle_result result;
	struct signer_client *client;
	struct err e;
};

/* Coin to ourselves: the cheapest transaction there is. */
static struct chain_call small(const struct yard *y, uint64_t wei)
{
	return (struct chain_call){
		.from = y->b.me, .to = y->b.me, .value = amount_from_u64(wei)};
}

static void type_on_chain_is(struct yard *y, const char *want, const char *name)
{
	char params[80], hex[65];
	json_t *tx;
	const char *type;

	(void)snprintf(params, sizeof(params), "[\"0x%s\"]",
		       hex_encode(hex, y->g.form.txid.bytes, 32));
	tx = raw_rpc(&y->b, &y->anvil, "eth_getTransactionByHash", params);
	type = json_string_value(json_object_get(tx, "type"));
	CHECK(type && strcmp(type, want) == 0, "%s: type %s", name,
	      type ? type : "none");
	json_decref(tx);
}

static void both_kinds_of_fee_are_mined(struct yard *y)
{
	static const struct {
		const char *name, *type;
		bool legacy;
	} rows[] = {{"EIP-1559", "0x2", false}, {"legacy", "0x0", true}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_evm_config cfg = bench_config(y->anvil.url);
		struct chain_call call = small(y, i + 1);
		struct chain *ch;

		cfg.legacy_fees = rows[i].legacy;
		ch = bench_chain(&y->b, &cfg);
		CHECK(do_call(&y->b, &y->g, ch, &call), "%s", rows[i].name);
		type_on_chain_is(y, rows[i].type, rows[i].name);
		CHECK(y->g.o.units == 21000 &&
			      amount_cmp(y->g.o.fee, y->g.form.fee_max) <= 0 &&
			      !amount_is_zero(y->g.o.fee),
		      "%s: fee within what was signed", rows[i].name);
		chain_free(ch);
	}
}

static void fate_of(struct yard *y, struct chain *ch, const struct hash32 *ids,
		    size_t n, enum chain_fate want)
{
	for (int i = 0; i < 500; i++) {
		chain_ask_fate(ch, &y->b.me, y->g.form.slot, ids, n, on_fate,
			       &y->g);
		(void)run_loop(&y->b);
		if (y->g.fate == want)
			return;
	}
	CHECK(false, "fate %d, want %d", (int)y->g.fate, (int)want);
}

static void a_stuck_one_is_replaced_by_a_dearer_form(struct yard *y)
{
	struct chain_evm_config cfg = bench_config(y->anvil.url);
	struct chain_call call = small(y, 77);
	struct chain *ch = bench_chain(&y->b, &cfg);
	struct hash32 ids[2];
	static uint8_t first[SIGNER_RAW_MAX];
	struct chain_form older;

	raw_do(&y->b, &y->anvil, "evm_setAutomine", "[false]");
	CHECK(wait_trial(&y->b, &y->g, ch, &call) &&
		      wait_form(&y->b, &y->g, ch, &call, NULL, 0) &&
		      wait_send(&y->b, &y->g, ch) == CHAIN_SENT,
	      "sent: %s", y->g.e.msg);
	fate_of(y, ch, &y->g.form.txid, 1, CHAIN_FATE_PENDING);
	CHECK(wait_send(&y->b, &y->g, ch) == CHAIN_SENT,
	      "the same bytes again: %s", y->g.e.msg);
	older = y->g.form;
	ids[0] = older.txid;
	memcpy(first, older.raw, older.raw_len);
	older.raw = first;
	CHECK(wait_form(&y->b, &y->g, ch, &call, &older, 0), "raised: %s",
	      y->g.e.msg);
	ids[1] = y->g.form.txid;
	CHECK(y->g.form.slot == older.slot &&
		      amount_cmp(y->g.form.fee_max, older.fee_max) > 0,
	      "same slot, higher fee");
	CHECK(wait_send(&y->b, &y->g, ch) == CHAIN_SENT,
	      "the node takes it as replacement: %s", y->g.e.msg);
	raw_do(&y->b, &y->anvil, "evm_mine", "[]");
	fate_of(y, ch, ids, 2, CHAIN_FATE_FINAL);
	CHECK(memcmp(&y->g.o.txid, &ids[1], sizeof(ids[1])) == 0,
	      "the dearer one was mined");
	raw_do(&y->b, &y->anvil, "evm_setAutomine", "[true]");
	/* what it replaced can never be mined, and its sending says so */
	fate_of(y, ch, &ids[0], 1, CHAIN_FATE_GONE);
	memcpy(y->g.raw, first, older.raw_len);
	y->g.form.raw_len = older.raw_len;
	CHECK(wait_send(&y->b, &y->g, ch) == CHAIN_SEND_SLOT,
	      "sent too late: %d %s", (int)y->g.sent, y->g.e.msg);
	chain_free(ch);
}

static void several_urls_are_asked_and_agree(struct yard *y)
{
	struct chain_evm_config cfg = bench_config(y->anvil.url);
	struct chain_ask ask = {.what = CHAIN_ASK_COIN, .a = y->b.me};
	struct chain_call call = small(y, 5);
	struct chain *ch;
	char other[64];

	(void)snprintf(other, sizeof(other), "http://localhost:%u/",
		       y->anvil.port);
	cfg.rpc.nodes.urls[1] = other;
	cfg.rpc.nodes.urls[2] = "http://127.0.0.1:1"; /* nobody there */
	cfg.rpc.nodes.n_urls = 3;
	ch = bench_chain(&y->b, &cfg);
	CHECK(wait_read(&y->b, &y->r, ch, CHAIN_FINAL, &ask, 1) &&
		      y->r.answers[0].known,
	      "%s", y->r.e.msg);
	CHECK(do_call(&y->b, &y->g, ch, &call), "sent to all");
	chain_free(ch);
}

static void an_url_of_another_chain_is_refused(struct yard *y)
{
	struct chain_evm_config cfg = bench_config(y->anvil.url);
	struct chain_ask ask = {.what = CHAIN_ASK_COIN, .a = y->b.me};
	struct chain *ch;

	cfg.rpc.chain_id = 1;
	ch = bench_chain(&y->b, &cfg);
	CHECK(!wait_read(&y->b, &y->r, ch, CHAIN_FINAL, &ask, 1) &&
		      strstr(y->r.e.msg, "is chain 31337, want 1"),
	      "%s", y->r.e.msg);
	chain_free(ch);
}

static void the_signer_may_say_no(struct yard *y)
{
	struct chain_evm_config cfg = bench_config(y->anvil.url);
	struct chain_call call = small(y, 5);
	struct chain *ch = bench_chain(&y->b, &cfg);

	y->b.refuse = true;
	CHECK(wait_trial(&y->b, &y->g, ch, &call), "%s", y->g.e.msg);
	CHECK(!wait_form(&y->b, &y->g, ch, &call, NULL, 0) &&
		      y->g.e.code == ERR_FUNDS,
	      "%s", y->g.e.msg);
	y->b.refuse = false;
	chain_free(ch);
	cfg.max_fee = amount_from_u64(1);
	ch = bench_chain(&y->b, &cfg);
	CHECK(!wait_form(&y->b, &y->g, ch, &call, NULL, 0) &&
		      y->g.e.code == ERR_LIMIT,
	      "over our own limit: %s", y->g.e.msg);
	chain_free(ch);
}

/* ------------------------------------------ with the signer's own process */

static void on_done(void *ctx, const struct settle_result *r,
		    const struct err *e)
{
	struct yard *y = ctx;

	y->result = *r;
	y->e = e ? *e : (struct err){0};
	loop_stop(y->b.loop);
}

static void on_allowed(void *ctx, const struct signer_reply *r,
		       const struct err *e)
{
	(void)r;
	settle_deploy_allowed(ctx, e);
}

static void allow_deploy(void *ctx, struct settle *s, uint64_t chain_id,
			 const struct hash32 *code)
{
	struct yard *y = ctx;
	struct signer_request q = {
		.type = SIGNER_ALLOW_DEPLOY,
		.u.deploy = {.chain_id = chain_id, .code = *code}};

	CHECK(signer_ask(y->client, &q, on_allowed, s, NULL) == ERR_NONE,
	      "asked");
}

static int64_t unix_now(void)
{
	return time(NULL);
}

static bool unlock(struct yard *y)
{
	const struct keystore_cost cheap = {.passes = 1, .mem_kib = 64};
	struct amount plenty = amount_from_parts(1, 0);
	struct signer_request q = {
		.type = SIGNER_UNLOCK,
		.u.unlock = {.passphrase = "a passphrase",
			     .index = {0, 1},
			     .limits = {plenty, plenty, plenty, plenty, 30}}};
	struct keystore *ks = NULL;
	struct signer_reply r;
	struct err e = {0};

	q.u.unlock.key_path = scratch_path(&y->dir, "key");
	q.u.unlock.state_path = scratch_path(&y->dir, "state");
	CHECK(keystore_from_hex(&ks, ANVIL_KEY, &e) == ERR_NONE &&
		      keystore_save(ks, q.u.unlock.key_path, "a passphrase",
				    cheap, &e) == ERR_NONE,
	      "%s", e.msg);
	keystore_free(ks);
	y->client = signer_client_new(y->b.loop, &y->proc, &e);
	CHECK(y->client && signer_call(y->client, &r, &q, &e) == ERR_NONE, "%s",
	      e.msg);
	return e.code == ERR_NONE;
}

static void coin_journeys(struct yard *y, struct settle *s,
			  struct profile *profile)
{
	struct signer_request pin = {.type = SIGNER_PIN};
	struct address none = {{0}};
	struct signer_reply r;
	struct err e = {0};

	settle_deploy(s, &none, false, 20, NULL, on_done, y);
	CHECK(run_loop(&y->b) && y->e.code == ERR_NONE, "deploy: %s", y->e.msg);
	profile->bank = y->result.bank;
	profile->has_bank = profile->has_token = true;
	pin.u.pin = (struct signer_domain){.chain_id = ANVIL_CHAIN_ID,
					   .bank = profile->bank};
	CHECK(signer_call(y->client, &r, &pin, &e) == ERR_NONE &&
		      settle_set_profile(s, profile, &e) == ERR_NONE,
	      "pin: %s", e.msg);
	settle_deposit(s, amount_from_u64(1000000), &y->b.me, NULL, on_done, y);
	CHECK(run_loop(&y->b) && y->e.code == ERR_NONE, "deposit: %s",
	      y->e.msg);
	settle_withdraw(s, amount_from_u64(400000), &y->b.me, NULL, on_done, y);
	CHECK(run_loop(&y->b) && y->e.code == ERR_NONE, "withdraw: %s",
	      y->e.msg);
	settle_withdraw(s, amount_from_u64(1), &none, NULL, on_done, y);
	CHECK(run_loop(&y->b) && y->e.code == ERR_PARSE, "%s", y->e.msg);
	none.bytes[0] = 1; /* not ours, not among the cold addresses */
	settle_withdraw(s, amount_from_u64(1), &none, NULL, on_done, y);
	CHECK(run_loop(&y->b) && y->e.code == ERR_STATE, "to a stranger: %s",
	      y->e.msg);
}

static void a_bank_of_coin_with_the_real_signer(struct yard *y)
{
	const struct address accounts[2] = {y->b.me, {{0}}};
	struct chain_evm_config cfg = bench_config(y->anvil.url);
	struct settle_config sc = {.me = y->b.me,
				   .price = settle_price_same(),
				   .fee_share = 2,
				   .unix_s = unix_now,
				   .allow_deploy = allow_deploy,
				   .ctx = y,
				   .poll_ms = 10};
	struct chain_signer signer;
	struct profile profile;
	struct chain *ch = NULL;
	struct settle *s = NULL;
	struct book *book = NULL;
	struct err e = {0};

	if (!unlock(y))
		return;
	signer = chain_signer_process(y->client, accounts);
	CHECK(profile_find(&profile, "local-evm", &e) == ERR_NONE &&
		      chain_evm_new(&ch, y->b.loop, y->b.http, &signer, &cfg,
				    NULL, &e) == ERR_NONE &&
		      book_open(&book, ":memory:", &y->b.me, &e) == ERR_NONE &&
		      settle_new(&s, y->b.loop, ch, book, &profile, &sc, NULL,
				 &e) == ERR_NONE,
	      "%s", e.msg);
	coin_journeys(y, s, &profile);
	CHECK(!settle_pending(s, 0), "nothing is left under way");
	settle_free(s);
	book_close(book);
	chain_free(ch);
	signer_client_free(y->client);
}

int main(int argc, char **argv)
{
	static struct yard y;

	if (!anvil_find(&y.anvil, argc, argv))
		return SKIPPED;
	if (signer_fork(&y.proc, NULL) != ERR_NONE)
		abort();
	scratch_make(&y.dir);
	bench_init(&y.b);
	if (anvil_start(&y.b, &y.anvil)) {
		both_kinds_of_fee_are_mined(&y);
		a_stuck_one_is_replaced_by_a_dearer_form(&y);
		several_urls_are_asked_and_agree(&y);
		an_url_of_another_chain_is_refused(&y);
		the_signer_may_say_no(&y);
		a_bank_of_coin_with_the_real_signer(&y);
	}
	anvil_stop(&y.anvil, SIGTERM);
	bench_clear(&y.b);
	scratch_remove(&y.dir);
	return CHECK_EXIT();
}
