/* Transactions of the TRON backend: what they take, how they are formed and
 * sent, and what became of them, by nodes that are told what to say. */
#include "tests/base/vec.h"
#include "tests/ledger/tron_world.h"

#define SLOT (TRON_T0 + UINT64_C(300) * 3000)
#define W0 "0000000000000000000000000000000000000000000000000000000000000000"

/* ------------------------------------------------------------------ trials */

#define CALL "wallet/triggerconstantcontract"
#define CALLED "contract_address"
#define USED(n) \
	"{\"result\":{\"result\":true},\"energy_used\":" n \
	",\"constant_result\":[\"" \
	"0000000000000000000000000000000000000000000000000000000000000007" \
	"\"],\"transaction\":{\"ret\":[{}]}}"
#define RICH \
	{ \
		"wallet/getaccount", NULL, "{\"balance\":100000000}" \
	}

static void a_trial_says_what_it_takes(void)
{
	/* 249 bytes and 64 are 313 points of bandwidth */
	static const struct {
		const char *name;
		struct tron_rule rules[4];
		uint64_t fee, units;
		const char *says; /* NULL: it would succeed */
	} rows[] = {
		{"all is burnt",
		 {{CALL, CALLED, USED("20000")}, RICH},
		 2000000 + 313000,
		 20000,
		 NULL},
		{"energy is staked",
		 {{CALL, CALLED, USED("20000")},
		  RICH,
		  {"wallet/getaccountresource", NULL,
		   "{\"EnergyLimit\":15000,\"EnergyUsed\":5000}"}},
		 1000000 + 313000,
		 20000,
		 NULL},
		{"bandwidth is free",
		 {{CALL, CALLED, USED("20000")},
		  RICH,
		  {"wallet/getaccountresource", NULL,
		   "{\"freeNetLimit\":600,\"freeNetUsed\":287}"}},
		 2000000,
		 20000,
		 NULL},
		{"the two pools of bandwidth do not mix",
		 {{CALL, CALLED, USED("20000")},
		  RICH,
		  {"wallet/getaccountresource", NULL,
		   "{\"freeNetLimit\":312,\"NetLimit\":312}"}},
		 2313000,
		 20000,
		 NULL},
		{"nothing is burnt, and nobody ever paid it",
		 {{CALL, CALLED, USED("20000")},
		  {"wallet/getaccountresource", NULL,
		   "{\"EnergyLimit\":20000,\"NetLimit\":313}"}},
		 0,
		 20000,
		 NULL},
		{"too little coin",
		 {{CALL, CALLED, USED("20000")},
		  {"wallet/getaccount", NULL, "{\"balance\":2312999}"}},
		 0,
		 0,
		 "need 2.313, have 2.312999: send it to "
		 "TQLCsShbQNXMTVCjprY64qZmEA4rBarpQp"},
		{"it would revert",
		 {{CALL, CALLED,
		   "{\"result\":{\"result\":true},\"energy_used\":9,"
		   "\"constant_result\":["
		   "\"08c379a0000000000000000000000000000000"
		   "00000000000000000000000000000000200000000000000000000000000"
		   "00"
		   "00000000000000000000000000000000000066e6f207761790000000000"
		   "00"
		   "0000000000000000000000000000000000000000\"],"
		   "\"transaction\":{"
		   "\"ret\":[{\"ret\":\"FAILED\"}]}}"},
		  RICH},
		 0,
		 0,
		 "no way"},
		{"it would run out of time",
		 {{CALL, CALLED,
		   "{\"result\":{\"code\":\"OTHER_ERROR\",\"message\":"
		   "\"50726f6772"
		   "616d244f75744f6654696d65457863657074696f6e\"}}"},
		  RICH},
		 0,
		 0,
		 "more time than the chain"},
		{"no such contract",
		 {{CALL, CALLED,
		   "{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\","
		   "\"message\":"
		   "\"536d61727420636f6e7472616374206973206e6f742065786973742e"
		   "\"}}"},
		  RICH},
		 0,
		 0,
		 "no such contract there"},
		{"more energy than a transaction may have",
		 {{CALL, CALLED, USED("150000001")}, RICH},
		 0,
		 0,
		 "more energy than"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;
		struct chain_call call;
		size_t n = 0;

		world_open(&w, 1);
		while (n < 4 && rows[i].rules[n].path)
			n++;
		rules(&w, 0, rows[i].rules, n);
		call = a_call(&w);
		chain_try(w.ch, &call, on_trial, &w);
		run(&w);
		CHECK(w.got && w.trial.ok == !rows[i].says, "%s: %s%s",
		      rows[i].name, w.e.msg, w.trial.reason);
		CHECK(w.trial.out_of_time ==
			      (strstr(rows[i].name, "out of time") != NULL),
		      "%s: time", rows[i].name);
		if (rows[i].says)
			CHECK(strstr(w.trial.reason, rows[i].says), "%s: %s",
			      rows[i].name, w.trial.reason);
		else
			CHECK(amount_cmp(w.trial.fee,
					 amount_from_u64(rows[i].fee)) == 0 &&
				      w.trial.units == rows[i].units &&
				      amount_cmp(w.trial.fee_max,
						 amount_from_u64(3313000)) ==
					      0 &&
				      w.trial.has_ret && w.trial.ret[31] == 7,
			      "%s", rows[i].name);
		world_close(&w);
	}
}

static void on_means(void *ctx, const struct chain_means *m,
		     const struct err *e)
{
	struct world *w = ctx;

	w->trial.means = m ? *m : (struct chain_means){.known = false};
	got(w, e);
}

static void stake_and_coin_of_an_account_are_told(void)
{
	static const struct {
		const char *name, *resources, *account;
		bool known;
		uint64_t coin, units, bytes, free_bytes;
	} rows[] = {
		{"some of each",
		 "{\"EnergyLimit\":15000,\"EnergyUsed\":5000,\"NetLimit\":400,"
		 "\"NetUsed\":100,\"freeNetLimit\":600,\"freeNetUsed\":10}",
		 "{\"balance\":77}", true, 77, 10000, 300, 590},
		{"nobody ever paid it", "{}", "{}", true, 0, 0, 0, 0},
		{"nonsense about stake", "[]", "{\"balance\":77}", false, 0, 0,
		 0, 0},
		{"nonsense about coin", "{}", "{\"balance\":-1}", false, 0, 0,
		 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct tron_rule answers[] = {
			{"wallet/getaccountresource", NULL, rows[i].resources},
			{"wallet/getaccount", NULL, rows[i].account}};
		const struct chain_means *m;
		static struct world w;

		world_open(&w, 1);
		rules(&w, 0, answers, 2);
		chain_ask_means(w.ch, &w.me, on_means, &w);
		run(&w);
		m = &w.trial.means;
		CHECK(w.got == rows[i].known && m->known == rows[i].known,
		      "%s: %s", rows[i].name, w.e.msg);
		CHECK(amount_cmp(m->coin, amount_from_u64(rows[i].coin)) == 0 &&
			      m->units == rows[i].units &&
			      m->bytes == rows[i].bytes &&
			      m->free_bytes == rows[i].free_bytes,
		      "%s: other figures", rows[i].name);
		world_close(&w);
	}
}

static void a_node_that_cannot_try_is_not_the_calls_fault(void)
{
	static const struct tron_rule bad[] = {
		{CALL, CALLED, "{\"result\":{\"code\":\"SERVER_BUSY\"}}"},
		RICH};
	static const struct tron_rule good[] = {{CALL, CALLED, USED("5")},
						RICH};
	static struct world w;
	struct chain_call call;

	world_open(&w, 2);
	call = a_call(&w);
	rules(&w, 0, bad, 2);
	rules(&w, 1, good, 2);
	chain_try(w.ch, &call, on_trial, &w);
	run(&w);
	CHECK(w.got && w.trial.ok, "the second: %s", w.e.msg);
	rules(&w, 1, bad, 2);
	chain_try(w.ch, &call, on_trial, &w);
	run(&w);
	CHECK(!w.got && w.e.code == ERR_CHAIN, "nothing is known: %s", w.e.msg);
	world_close(&w);
}

static void a_call_would_fail_where_one_node_says_so(void)
{
	static const struct tron_rule good[] = {{CALL, CALLED, USED("5")},
						RICH};
	static const struct tron_rule dear[] = {{CALL, CALLED, USED("6")},
						RICH};
	static const struct tron_rule bad[] = {
		{CALL, CALLED,
		 "{\"result\":{\"result\":true},\"energy_used\":9,\"constant_"
		 "result\":[\"\"],\"transaction\":{\"ret\":[{\"ret\":\"FAILED"
		 "\"}]}}"},
		RICH};
	static const struct {
		const char *name;
		const struct tron_rule *a, *b;
		bool ok;
		uint64_t units;
	} rows[] = {
		{"both say that it would do", good, dear, true, 6},
		{"the first says no", bad, good, false, 0},
		{"the second says no", good, bad, false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;
		struct chain_call call;

		world_open(&w, 2);
		call = a_call(&w);
		rules(&w, 0, rows[i].a, 2);
		rules(&w, 1, rows[i].b, 2);
		chain_try(w.ch, &call, on_trial, &w);
		run(&w);
		CHECK(w.got && w.trial.ok == rows[i].ok &&
			      (!w.trial.ok || w.trial.units == rows[i].units),
		      "%s: %s %llu", rows[i].name, w.e.msg,
		      (unsigned long long)w.trial.units);
		world_close(&w);
	}
}

/* ------------------------------------------------------------------- forms */

static bool form(struct world *w, const struct chain_call *call, uint64_t units,
		 uint64_t floor)
{
	chain_form_tx(w->ch, call, units, NULL, floor, on_form, w);
	run(w);
	return w->got;
}

static void a_form_refers_to_a_solid_block_and_expires(void)
{
	static const struct {
		const char *name;
		uint64_t floor, slot;
	} rows[] = {
		{"the first", 0, TRON_T0 + 265 * 3000 + TRON_LIFE_MS},
		{"one that has no other's slot",
		 TRON_T0 + 265 * 3000 + TRON_LIFE_MS + 5,
		 TRON_T0 + 265 * 3000 + TRON_LIFE_MS + 5},
	};
	static struct world w;

	world_open(&w, 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_call call = a_call(&w);
		struct tron_tx tx;
		struct ecc_sig sig;
		struct hash32 id;
		struct address who;

		call.value = amount_from_u64(9);
		CHECK(form(&w, &call, 20000, rows[i].floor), "%s: %s",
		      rows[i].name, w.e.msg);
		CHECK(tron_tx_decode(&tx, &sig, &id, w.form.raw, w.form.raw_len,
				     NULL) == ERR_NONE &&
			      memcmp(&id, &w.form.txid, sizeof(id)) == 0 &&
			      ecc_recover(&who, &id, &sig, NULL) == ERR_NONE &&
			      address_eq(&who, &w.me),
		      "%s: signed", rows[i].name);
		CHECK(w.form.slot == rows[i].slot &&
			      tx.expiration_ms == w.form.slot,
		      "%s: slot %llu", rows[i].name,
		      (unsigned long long)w.form.slot);
		CHECK(vec_is(tx.ref_block, 2, "0107") &&
			      vec_is(tx.ref_hash, 8, "aaaaaaaaaaaaaaaa"),
		      "%s: the solid block", rows[i].name);
		CHECK(tx.fee_limit == 3000000 && tx.value == 9 &&
			      address_eq(&tx.to, &tron_bank) && tx.len == 36 &&
			      w.q.chain_id == TRON_CHAIN,
		      "%s: fee limit %llu", rows[i].name,
		      (unsigned long long)tx.fee_limit);
	}
	world_close(&w);
}

static void a_form_refers_to_what_all_nodes_know(void)
{
	static const struct tron_rule dear = {
		"wallet/getchainparameters", NULL,
		"{\"chainParameter\":[{\"key\":\"getEnergyFee\",\"value\":200},"
		"{\"key\":\"getTransactionFee\",\"value\":1000},{\"key\":"
		"\"getMaxFeeLimit\",\"value\":15000000000}]}"};
	static const struct {
		const char *name;
		uint64_t solid[2]; /* 0: away */
		char digit[2];	   /* of its blocks' hashes */
		bool dear;
		const char *refers; /* NULL: refused */
		uint64_t head, limit;
	} rows[] = {
		{"to the same block",
		 {263, 263},
		 "aa",
		 false,
		 "0107",
		 265,
		 3000000},
		{"to the older one of the first",
		 {262, 264},
		 "aa",
		 false,
		 "0106",
		 264,
		 3000000},
		{"to the older one of the second",
		 {264, 262},
		 "aa",
		 false,
		 "0106",
		 264,
		 3000000},
		{"not to one that is disputed",
		 {263, 264},
		 "ab",
		 false,
		 NULL,
		 0,
		 0},
		{"at the dearer price",
		 {263, 263},
		 "aa",
		 true,
		 "0107",
		 265,
		 6000000},
		{"of those that answer",
		 {0, 263},
		 "ab",
		 false,
		 "0107",
		 265,
		 3000000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;
		struct chain_call call;
		struct tron_tx tx;
		struct ecc_sig sig;
		struct hash32 id;

		world_open(&w, 2);
		call = a_call(&w);
		for (size_t k = 0; k < 2; k++) {
			w.nodes[k].solid = rows[i].solid[k];
			w.nodes[k].head = rows[i].solid[k] + 2;
			w.nodes[k].http.hash_digit = rows[i].digit[k];
			if (!rows[i].solid[k])
				w.nodes[k].http.mode = RPC_HANGUP;
		}
		if (rows[i].dear)
			rules(&w, 1, &dear, 1);
		CHECK(form(&w, &call, 20000, 0) == (rows[i].refers != NULL),
		      "%s: %s", rows[i].name, w.e.msg);
		if (!rows[i].refers) {
			CHECK(strstr(w.e.msg, "differ about block"), "%s: %s",
			      rows[i].name, w.e.msg);
			world_close(&w);
			continue;
		}
		CHECK(tron_tx_decode(&tx, &sig, &id, w.form.raw, w.form.raw_len,
				     NULL) == ERR_NONE &&
			      vec_is(tx.ref_block, 2, rows[i].refers) &&
			      tx.timestamp_ms ==
				      TRON_T0 + rows[i].head * 3000 &&
			      tx.fee_limit == rows[i].limit,
		      "%s: limit %llu", rows[i].name,
		      (unsigned long long)tx.fee_limit);
		world_close(&w);
	}
}

static void a_fee_limit_is_half_more_and_never_a_blank_cheque(void)
{
	static const struct {
		const char *name;
		uint64_t units, max_fee, limit;
		enum err_code want;
	} rows[] = {
		{"half more", 20000, 0, 3000000, ERR_NONE},
		{"at least what some calls take", 0, 0, 1500000, ERR_NONE},
		{"not above the chain's", 140000000, 0, 15000000000, ERR_NONE},
		{"all that the chain gives", 150000000, 0, 15000000000,
		 ERR_NONE},
		{"more than the chain gives", 150000001, 0, 0, ERR_LIMIT},
		{"within the user's", 20000, 3313000, 3000000, ERR_NONE},
		{"over the user's", 20000, 3312999, 0, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;
		struct chain_call call;

		world_open_max(&w, 1, rows[i].max_fee);
		call = a_call(&w);
		(void)form(&w, &call, rows[i].units, 0);
		CHECK(w.e.code == rows[i].want, "%s: %s", rows[i].name,
		      w.e.msg);
		CHECK(rows[i].want || w.q.tx.fee_limit == rows[i].limit,
		      "%s: %llu", rows[i].name,
		      (unsigned long long)w.q.tx.fee_limit);
		world_close(&w);
	}
}

static void what_must_not_be_signed_is_not(void)
{
	static const struct tron_rule upside_down[] = {
		{"walletsolidity/getblock", NULL,
		 "{\"blockID\":"
		 "\"0000000000000200aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaa\",\"block_header\":{\"raw_data\":{\"number\":"
		 "512,"
		 "\"timestamp\":1795231302000}}}"}};
	static const uint8_t bytes[4];
	struct chain_form old = {.raw = bytes, .raw_len = 4};
	static struct world w;
	struct chain_call call;

	world_open(&w, 1);
	call = a_call(&w);
	call.from = (struct address){{0x77}};
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_STATE,
	      "a stranger's: "
	      "%s",
	      w.e.msg);
	call = a_call(&w);
	chain_form_tx(w.ch, &call, 5, &old, 0, on_form, &w);
	run(&w);
	CHECK(!w.got && w.e.code == ERR_STATE, "a replacement: %s", w.e.msg);
	call.value = amount_from_parts(1, 0);
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_LIMIT,
	      "more coin than there is: %s", w.e.msg);
	call = a_call(&w);
	w.refuse = true;
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_FUNDS, "refused: %s",
	      w.e.msg);
	w.refuse = false;
	w.cheat = true;
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_SIG,
	      "another one came back: %s", w.e.msg);
	w.cheat = false;
	rules(&w, 0, upside_down, 1);
	CHECK(!form(&w, &call, 5, 0) && strstr(w.e.msg, "before the solid"),
	      "upside down: %s", w.e.msg);
	world_close(&w);
}

static void a_contract_is_made_under_our_name(void)
{
	static const uint8_t init[] = {0x60, 0x00, 0x60, 0x00, 0xf3};
	struct chain_call call = {
		.create = true, .data = init, .len = sizeof(init)};
	static struct world w;
	struct tron_tx tx;
	struct ecc_sig sig;
	struct hash32 id;

	world_open(&w, 1);
	call.from = w.me;
	CHECK(form(&w, &call, 50000, 0), "%s", w.e.msg);
	CHECK(tron_tx_decode(&tx, &sig, &id, w.form.raw, w.form.raw_len,
			     NULL) == ERR_NONE &&
		      tx.create && strcmp(tx.name, "seedbank") == 0 &&
		      tx.len == sizeof(init),
	      "creation");
	world_close(&w);
}

/* ------------------------------------------------------------------- sends */

#define SENDS "wallet/broadcasthex"

static void a_broadcast_is_answered_by_the_best(void)
{
	static const char busy[] =
		"{\"result\":false,\"code\":\"SERVER_BUSY\",\"message\":\"\"}";
	static const char no[] = "{\"result\":false,\"code\":\"SIGERROR\","
				 "\"message\":\"Validate signature error\"}";
	static const char old[] =
		"{\"result\":false,\"code\":\"TRANSACTION_EXPIRATION_ERROR\","
		"\"message\":\"Transaction expired\"}";
	static const char other[] = "{\"result\":true,\"code\":\"SUCCESS\","
				    "\"txid\":\"" W0 "\"}";
	static const struct {
		const char *name, *first, *second; /* NULL: it is taken */
		enum chain_send_result want;
	} rows[] = {
		{"both take it", NULL, NULL, CHAIN_SENT},
		{"one takes it", no, NULL, CHAIN_SENT},
		{"one takes it, one is busy", NULL, busy, CHAIN_SENT},
		{"refused and busy", no, busy, CHAIN_SEND_LATER},
		{"both refuse", no, no, CHAIN_SEND_NO},
		{"expired for one", old, no, CHAIN_SEND_SLOT},
		{"it took another", other, other, CHAIN_SEND_LATER},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct tron_rule r[2] = {{SENDS, NULL, rows[i].first},
					       {SENDS, NULL, rows[i].second}};
		static struct world w;
		struct chain_call call;

		world_open(&w, 2);
		call = a_call(&w);
		CHECK(form(&w, &call, 5, 0), "%s", w.e.msg);
		for (size_t k = 0; k < 2; k++)
			rules(&w, k, &r[k], r[k].answer ? 1 : 0);
		chain_send(w.ch, w.form.raw, w.form.raw_len, on_send, &w);
		run(&w);
		CHECK(w.sent == rows[i].want, "%s: %d %s", rows[i].name,
		      (int)w.sent, w.e.msg);
		for (size_t k = 0; k < 2; k++)
			CHECK(r[k].answer || strlen(w.nodes[k].sent) ==
						     2 * w.form.raw_len,
			      "%s: all bytes came", rows[i].name);
		world_close(&w);
	}
}

static void what_is_no_transaction_is_not_sent(void)
{
	static struct world w;

	world_open(&w, 1);
	chain_send(w.ch, (const uint8_t *)"nonsense", 8, on_send, &w);
	run(&w);
	CHECK(w.sent == CHAIN_SEND_LATER && w.nodes[0].http.posts == 0, "%s",
	      w.e.msg);
	world_close(&w);
}

/* ------------------------------------------------------------------- fates */

#define ID "f7be74fcbd042711f79e90eafcab9e125ab78f4e77a37ae8735aec546e31bde5"
#define INFO(block) \
	"{\"id\":\"" ID "\",\"fee\":838300,\"blockNumber\":" block \
	",\"contractResult\":[\"\"],\"receipt\":{\"energy_usage_total\":5253," \
	"\"result\":\"SUCCESS\"}}"
#define IN_BLOCK "wallet/gettransactioninfobyid"
#define IN_SOLID "walletsolidity/gettransactioninfobyid"

static void fates_are_told_by_final_blocks(void)
{
	static const struct tron_rule mined = {IN_BLOCK, NULL, INFO("264")};
	static const struct tron_rule other = {IN_BLOCK, NULL, INFO("265")};
	static const struct tron_rule final[] = {{IN_BLOCK, NULL, INFO("262")},
						 {IN_SOLID, NULL, INFO("262")}};
	static const struct tron_rule bad = {IN_BLOCK, NULL, "{\"id\":5}"};
	static const struct {
		const char *name;
		const struct tron_rule *rules[2];
		size_t n[2], nodes;
		uint64_t solid[2];
		enum chain_fate want;
	} rows[] = {
		{"in no block", {0}, {0}, 1, {263}, CHAIN_FATE_PENDING},
		{"in a block", {&mined}, {1}, 1, {263}, CHAIN_FATE_MINED},
		{"in a solid block", {final}, {2}, 1, {263}, CHAIN_FATE_FINAL},
		{"the solid block is at the slot",
		 {0},
		 {0},
		 1,
		 {300},
		 CHAIN_FATE_PENDING},
		{"the solid block is past the slot",
		 {0},
		 {0},
		 1,
		 {301},
		 CHAIN_FATE_GONE},
		{"past the slot, but in a block",
		 {&mined},
		 {1},
		 1,
		 {301},
		 CHAIN_FATE_MINED},
		{"nonsense", {&bad}, {1}, 1, {263}, CHAIN_FATE_UNKNOWN},
		{"one node is behind",
		 {final, NULL},
		 {2, 0},
		 2,
		 {263, 200},
		 CHAIN_FATE_PENDING},
		{"final for one, in a block for the other",
		 {final, final},
		 {2, 1},
		 2,
		 {263, 200},
		 CHAIN_FATE_MINED},
		{"in different blocks",
		 {&mined, &other},
		 {1, 1},
		 2,
		 {263, 263},
		 CHAIN_FATE_UNKNOWN},
		{"gone for one, in a block for the other",
		 {&mined, NULL},
		 {1, 0},
		 2,
		 {301, 301},
		 CHAIN_FATE_UNKNOWN},
		{"gone for one, the other is behind",
		 {0},
		 {0},
		 2,
		 {301, 299},
		 CHAIN_FATE_PENDING},
		{"gone for both", {0}, {0}, 2, {301, 305}, CHAIN_FATE_GONE},
		{"one talks nonsense",
		 {&bad, final},
		 {1, 2},
		 2,
		 {263, 263},
		 CHAIN_FATE_FINAL},
	};
	struct hash32 id;

	vec(id.bytes, 32, ID);
	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;

		world_open(&w, rows[i].nodes);
		for (size_t k = 0; k < rows[i].nodes; k++) {
			rules(&w, k, rows[i].rules[k], rows[i].n[k]);
			w.nodes[k].solid = rows[i].solid[k];
			w.nodes[k].head = rows[i].solid[k] + 2;
		}
		chain_ask_fate(w.ch, &w.me, SLOT, &id, 1, on_fate, &w);
		run(&w);
		CHECK(w.fate == rows[i].want, "%s: %d", rows[i].name,
		      (int)w.fate);
		if (w.fate == CHAIN_FATE_FINAL)
			CHECK(w.outcome.ok && w.outcome.block == 262 &&
				      w.outcome.units == 5253,
			      "%s: outcome", rows[i].name);
		world_close(&w);
	}
}

static void what_shows_when_asked_again_is_not_gone(void)
{
	/* after a probe, a header and two infos it is mined after all */
	static const struct tron_rule late = {IN_SOLID, NULL, INFO("262")};
	static struct world w;
	struct hash32 id;

	world_open(&w, 1);
	vec(id.bytes, 32, ID);
	w.nodes[0].solid = 301;
	w.nodes[0].head = 303;
	rules(&w, 0, &late, 1);
	w.nodes[0].after = 4;
	chain_ask_fate(w.ch, &w.me, SLOT, &id, 1, on_fate, &w);
	run(&w);
	CHECK(w.fate == CHAIN_FATE_FINAL, "%d", (int)w.fate);
	world_close(&w);
}

int main(void)
{
	a_trial_says_what_it_takes();
	stake_and_coin_of_an_account_are_told();
	a_node_that_cannot_try_is_not_the_calls_fault();
	a_call_would_fail_where_one_node_says_so();
	a_form_refers_to_a_solid_block_and_expires();
	a_form_refers_to_what_all_nodes_know();
	a_fee_limit_is_half_more_and_never_a_blank_cheque();
	what_must_not_be_signed_is_not();
	a_contract_is_made_under_our_name();
	a_broadcast_is_answered_by_the_best();
	what_is_no_transaction_is_not_sent();
	fates_are_told_by_final_blocks();
	what_shows_when_asked_again_is_not_gone();
	return CHECK_EXIT();
}
