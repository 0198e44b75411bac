/* An agreement's whole life on a real EVM, driven from C, over real sectors:
 * opened, proved, revised, proved again, closed. */
#include "base/agreement.h"
#include "base/hash.h"
#include "tests/chain/town.h"

#define PERIOD 20	/* blocks */
#define SECTOR 1048576U /* bytes */
#define SECTORS_MAX 5
#define COIN_EACH 1000000000ULL
#define RATE 1000
#define SPAN 2

struct farm { /* a host and what it keeps, and a renter */
	struct town t;
	struct ecc_key renter, host;
	struct agreement a;
	uint8_t *sectors; /* heap, SECTORS_MAX of them */
};

/* ---------------------------------------------------------------- the tree */

struct node {
	uint8_t bytes[32];
};

static struct node parent(const struct node *left, const struct node *right)
{
	struct node pair[2] = {*left, *right}, up;

	sha256_once(up.bytes, pair, sizeof(pair));
	return up;
}

/* Halves a level of n nodes in place; what stands beside `leaf` goes to the
 * path. Returns the next leaf. */
static uint64_t climb(struct node *level, size_t n, uint64_t leaf,
		      struct node *beside)
{
	*beside = level[leaf ^ 1];
	for (size_t i = 0; i < n / 2; i++)
		level[i] = parent(&level[2 * i], &level[2 * i + 1]);
	return leaf / 2;
}

static struct node sector_root(const uint8_t *sector, uint64_t leaf,
			       struct node path[11])
{
	static struct node level[AGREEMENT_LEAVES];
	size_t n = AGREEMENT_LEAVES;

	for (size_t i = 0; i < n; i++)
		sha256_once(level[i].bytes, sector + i * AGREEMENT_LEAF,
			    AGREEMENT_LEAF);
	for (size_t k = 0; k < 11; k++, n /= 2)
		leaf = climb(level, n, leaf, &path[k]);
	return level[0];
}

/* Root of the first n sectors, and the path of a leaf. */
static struct hash32 tree(const struct farm *f, uint32_t n, uint64_t leaf,
			  struct node path[AGREEMENT_PATH_MAX])
{
	struct node level[8] = {{{0}}}, unused[11];
	uint64_t at = leaf / AGREEMENT_LEAVES;
	unsigned nodes = agreement_path_nodes(n);
	size_t width = (size_t)1 << (nodes - 11);
	struct hash32 root;

	for (uint32_t i = 0; i < n; i++)
		level[i] = sector_root(f->sectors + (size_t)i * SECTOR,
				       leaf % AGREEMENT_LEAVES,
				       i == at ? path : unused);
	for (unsigned k = 11; k < nodes; k++, width /= 2)
		at = climb(level, width, at, &path[k]);
	memcpy(root.bytes, level[0].bytes, sizeof(root.bytes));
	return root;
}

/* --------------------------------------------------------------- the chain */

static uint64_t call_bank(struct farm *f, const struct wr *w, uint64_t value,
			  const char *what)
{
	struct chain_call call = {.from = f->t.b.me,
				  .to = f->t.bank,
				  .value = amount_from_u64(value),
				  .data = w->buf,
				  .len = w->len};

	CHECK(do_call(&f->t.b, &f->t.g, f->t.ch, &call), "%s: %s", what,
	      f->t.g.e.msg);
	return f->t.g.o.units;
}

static bool hex_result(json_t *r, uint8_t *out, size_t cap, size_t *len)
{
	const char *text = json_string_value(r);
	size_t digits = text ? strlen(text) : 0;

	if (digits < 2 || digits / 2 - 1 > cap)
		return false;
	*len = digits / 2 - 1;
	return hex_decode(out, *len, text);
}

/* What a view returns on the newest block. */
static size_t ask_bank(struct farm *f, const struct wr *w, uint8_t *out,
		       size_t cap)
{
	char data[HEX_LEN(256)], bank[41], params[1024];
	size_t len = 0;
	json_t *r;

	hex_encode(bank, f->t.bank.bytes, 20);
	hex_encode(data, w->buf, w->len);
	(void)snprintf(params, sizeof(params),
		       "[{\"to\":\"0x%s\",\"data\":\"0x%s\"},\"latest\"]", bank,
		       data);
	r = raw_rpc(&f->t.b, &f->t.anvil, "eth_call", params);
	CHECK(hex_result(r, out, cap, &len), "eth_call");
	json_decref(r);
	return len;
}

static uint64_t block_now(struct farm *f)
{
	json_t *r = raw_rpc(&f->t.b, &f->t.anvil, "eth_blockNumber", "[]");
	const char *text = json_string_value(r);
	uint64_t n = text ? strtoull(text, NULL, 16) : 0;

	json_decref(r);
	return n;
}

static uint32_t period_now(struct farm *f)
{
	return (uint32_t)(block_now(f) / PERIOD);
}

/* Mines until the next block is the second of a period. */
static void go_to(struct farm *f, uint32_t period)
{
	char params[32];
	uint64_t want = (uint64_t)period * PERIOD, now = block_now(f);

	CHECK(now <= want, "period %u is over", period);
	(void)snprintf(params, sizeof(params), "[\"0x%llx\"]",
		       (unsigned long long)(want > now ? want - now : 0));
	raw_do(&f->t.b, &f->t.anvil, "anvil_mine", params);
}

static struct bank_agreement view(struct farm *f)
{
	uint8_t data[BANK_AGREEMENT_LEN], answer[1024];
	struct wr w = wr_into(data, sizeof(data));
	struct bank_agreement v = {0};
	size_t len;

	bank_enc_agreement(&w, &f->a.renter, &f->a.host, f->a.number);
	len = ask_bank(f, &w, answer, sizeof(answer));
	CHECK(bank_ret_agreement(&v, answer, len, NULL) == ERR_NONE, "view");
	return v;
}

static struct amount free_of(struct farm *f, const struct address *who)
{
	uint8_t data[BANK_FREE_LEN], answer[64];
	struct wr w = wr_into(data, sizeof(data));
	struct amount n = AMOUNT_ZERO;
	size_t len;

	bank_enc_free(&w, who);
	len = ask_bank(f, &w, answer, sizeof(answer));
	CHECK(bank_ret_free(&n, answer, len, NULL) == ERR_NONE, "free");
	return n;
}

static bool is(struct amount n, uint64_t want)
{
	return amount_cmp(n, amount_from_u64(want)) == 0;
}

/* ----------------------------------------------------------------- the life */

static void make_people(struct farm *f)
{
	uint8_t key[32] = {0};

	key[31] = 7;
	CHECK(!ecc_key_read(&f->renter, key, NULL), "renter");
	key[31] = 8;
	CHECK(!ecc_key_read(&f->host, key, NULL), "host");
	f->a.renter = ecc_address(f->t.b.ecc, &f->renter);
	f->a.host = ecc_address(f->t.b.ecc, &f->host);
	f->sectors = malloc((size_t)SECTORS_MAX * SECTOR);
	if (!f->sectors)
		abort();
	for (size_t i = 0; i < (size_t)SECTORS_MAX * SECTOR; i += 4) {
		uint32_t v = (uint32_t)i * 2654435761U;

		memcpy(f->sectors + i, &v, 4);
	}
}

static void a_bank_of_the_coin_is_deployed(struct farm *f)
{
	static uint8_t code[BANK_DEPLOY_LEN];
	struct wr w = wr_into(code, sizeof(code));
	struct address coin = {{0}};
	struct chain_call call = {.from = f->t.b.me, .create = true};
	struct address *people[] = {&f->a.renter, &f->a.host};

	bank_put_deploy(&w, &coin, PERIOD);
	call.data = code;
	call.len = wr_len(&w);
	CHECK(do_call(&f->t.b, &f->t.g, f->t.ch, &call), "bank");
	f->t.bank = f->t.g.o.created;
	f->t.domain = eip712_domain(ANVIL_CHAIN_ID, &f->t.bank);
	for (size_t i = 0; i < ROWS(people); i++) {
		uint8_t data[BANK_DEPOSIT_LEN];

		w = wr_into(data, sizeof(data));
		bank_enc_deposit(&w, people[i], amount_from_u64(COIN_EACH));
		(void)call_bank(f, &w, COIN_EACH, "deposit");
	}
}

static size_t put_both_signed(struct farm *f, uint8_t out[BANK_SIGNED_LEN])
{
	struct hash32 digest = eip712_agreement(&f->t.domain, &f->a);
	struct ecc_sig r = ecc_sign(f->t.b.ecc, &f->renter, &digest);
	struct ecc_sig h = ecc_sign(f->t.b.ecc, &f->host, &digest);
	struct sig64 renter = sig64_pack(&r), host = sig64_pack(&h);
	struct wr w = wr_into(out, BANK_SIGNED_LEN);

	bank_put_signed(&w, &f->a, &renter, &host);
	return wr_len(&w);
}

static void it_is_opened(struct farm *f)
{
	uint8_t both[BANK_SIGNED_LEN], data[BANK_OPEN_LEN(BANK_SIGNED_LEN)];
	uint32_t start = period_now(f) + 2;
	struct node path[AGREEMENT_PATH_MAX];
	struct wr w = wr_into(data, sizeof(data));
	struct bank_agreement v;

	f->a.revision = 1;
	f->a.sectors = 3;
	f->a.root = tree(f, 3, 0, path);
	f->a.start = f->a.through = start;
	f->a.end = start + 2 * SPAN;
	f->a.span = SPAN;
	f->a.rate = amount_from_u64(RATE);
	f->a.fund = amount_from_u64(10 * RATE);
	f->a.collateral = amount_from_u64(5000);
	f->a.penalty = amount_from_u64(500);
	CHECK(!agreement_check_open(&f->a, period_now(f), NULL), "sense");
	bank_enc_open(&w, both, put_both_signed(f, both));
	(void)call_bank(f, &w, 0, "open");
	v = view(f);
	CHECK(v.state == BANK_AGREEMENT_OPEN && v.sectors == 3 &&
		      memcmp(&v.root, &f->a.root, 32) == 0 &&
		      v.start == start && v.through == start &&
		      v.end == f->a.end && v.span == SPAN && is(v.rate, RATE) &&
		      is(v.fund, 10 * RATE) && is(v.collateral, 5000) &&
		      is(v.penalty, 500) && v.revision == 1,
	      "what it says");
	CHECK(is(free_of(f, &f->a.renter), COIN_EACH - 10 * RATE) &&
		      is(free_of(f, &f->a.host), COIN_EACH - 5000),
	      "locked");
}

static void the_renter_finds_it(struct farm *f)
{
	uint8_t data[BANK_LIST_LEN], answer[512];
	struct wr w = wr_into(data, sizeof(data));
	struct bank_listed one = {.number = 9};
	const uint8_t *list;
	size_t len, n;
	uint32_t next;
	struct rd r;

	bank_enc_list(&w, &f->a.renter, 0, 10);
	len = ask_bank(f, &w, answer, sizeof(answer));
	CHECK(!bank_ret_list(&list, &n, answer, len, NULL) &&
		      n == BANK_LISTED_LEN,
	      "list");
	r = rd_from(list, n);
	CHECK(bank_next_listed(&r, &one) && one.number == 0 &&
		      address_eq(&one.host, &f->a.host),
	      "its entry");
	w = wr_into(data, sizeof(data));
	bank_enc_next(&w, &f->a.renter, &f->a.host);
	len = ask_bank(f, &w, answer, sizeof(answer));
	CHECK(!bank_ret_next(&next, answer, len, NULL) && next == 1, "next");
}

static uint64_t challenge(struct farm *f)
{
	uint8_t data[BANK_BEACON_LEN], answer[64];
	struct wr w = wr_into(data, sizeof(data));
	struct hash32 beacon = {{0}};
	size_t len;

	bank_enc_anchor(&w);
	(void)call_bank(f, &w, 0, "anchor");
	w = wr_into(data, sizeof(data));
	bank_enc_beacon(&w, period_now(f));
	len = ask_bank(f, &w, answer, sizeof(answer));
	CHECK(bank_ret_beacon(&beacon, answer, len, NULL) == ERR_NONE &&
		      beacon.bytes[0] + beacon.bytes[31] > 0,
	      "beacon");
	return agreement_challenge(&beacon, &f->a.renter, &f->a.host,
				   f->a.number, f->a.sectors);
}

/* The proof of a leaf in this span; good tells whether the right one. */
static void prove(struct farm *f, uint64_t leaf, bool good)
{
	static uint8_t proof[BANK_PROOF_LEN(AGREEMENT_PATH_MAX)],
		data[BANK_PROVE_LEN(sizeof(proof))];
	struct node path[AGREEMENT_PATH_MAX];
	struct bank_proof p = {.renter = f->a.renter,
			       .number = f->a.number,
			       .leaf = f->sectors + leaf * AGREEMENT_LEAF,
			       .path = path[0].bytes,
			       .nodes = agreement_path_nodes(f->a.sectors)};
	struct wr w = wr_into(proof, sizeof(proof));
	struct wr o = wr_into(data, sizeof(data));
	struct bank_ev_proved ev = {0};
	struct bank_proved one = {0};
	struct rd r;

	(void)tree(f, f->a.sectors, leaf, path);
	bank_put_proof(&w, &p);
	bank_enc_prove(&o, &f->a.host, proof, wr_len(&w));
	(void)call_bank(f, &o, 0, "prove");
	CHECK(f->t.g.o.n_logs == (good ? 1 : 0), "events");
	if (!good || !f->t.g.o.n_logs)
		return;

	struct abi_log log = {f->t.g.logs[0].topics, f->t.g.logs[0].n_topics,
			      f->t.g.logs[0].data, f->t.g.logs[0].len};

	CHECK(bank_ev_proved_read(&ev, &log, NULL) == ERR_NONE &&
		      is(ev.total, SPAN * RATE),
	      "Proved");
	r = rd_from(ev.proofs, ev.proofs_len);
	CHECK(bank_next_proved(&r, &one) && rd_done(&r) &&
		      address_eq(&one.renter, &f->a.renter) &&
		      is(one.paid, SPAN * RATE),
	      "of this agreement");
	f->a.through = one.through;
	CHECK(amount_add(&f->a.earned, f->a.earned, one.paid), "earned");
}

static void its_first_span_is_proved(struct farm *f)
{
	uint64_t leaf;

	go_to(f, agreement_span_end(&f->a, 0) - 1);
	leaf = challenge(f);
	prove(f, (leaf + 1) % (3 * AGREEMENT_LEAVES), false);
	prove(f, leaf, true);
	CHECK(f->a.through == f->a.start + SPAN &&
		      is(free_of(f, &f->a.host),
			 COIN_EACH - 5000 + SPAN * RATE),
	      "paid");
}

static void two_sectors_are_added(struct farm *f)
{
	uint8_t both[BANK_SIGNED_LEN], data[BANK_REVISE_LEN(BANK_SIGNED_LEN)];
	struct node path[AGREEMENT_PATH_MAX];
	struct agreement last = f->a;
	struct wr w = wr_into(data, sizeof(data));
	struct bank_agreement v;

	f->a.revision++;
	f->a.sectors = 5;
	f->a.root = tree(f, 5, 0, path);
	CHECK(!agreement_check_next(&f->a, &last, period_now(f), NULL),
	      "sense");
	bank_enc_revise(&w, both, put_both_signed(f, both));
	(void)call_bank(f, &w, 0, "revise");
	v = view(f);
	CHECK(v.sectors == 3 && v.next_sectors == 5 &&
		      v.from == period_now(f) + 1 &&
		      memcmp(&v.next_root, &f->a.root, 32) == 0,
	      "pending");
}

static void its_last_span_is_proved_and_it_is_closed(struct farm *f)
{
	uint8_t data[BANK_CLOSE_LEN];
	struct wr w = wr_into(data, sizeof(data));
	struct bank_agreement v;

	go_to(f, f->a.end - 1);
	prove(f, challenge(f), true);
	v = view(f);
	CHECK(v.through == f->a.end && v.sectors == 5 && v.misses == 0 &&
		      is(v.earned, 2 * SPAN * RATE),
	      "settled");
	bank_enc_close(&w, &f->a.renter, &f->a.host, f->a.number);
	(void)call_bank(f, &w, 0, "close");
	CHECK(view(f).state == BANK_AGREEMENT_CLOSED, "closed");
	CHECK(is(free_of(f, &f->a.renter), COIN_EACH - 2 * SPAN * RATE) &&
		      is(free_of(f, &f->a.host), COIN_EACH + 2 * SPAN * RATE),
	      "all is back");
}

static void the_bank_tells_roots_as_we_do(struct farm *f)
{
	static uint8_t data[BANK_ROOT_OF_LEN(AGREEMENT_LEAF + 32 * 14)];
	uint8_t proof[AGREEMENT_LEAF + 32 * 14], answer[64];
	struct node path[AGREEMENT_PATH_MAX];
	const uint64_t leaf = 2 * AGREEMENT_LEAVES + 1234;
	struct hash32 root = tree(f, 5, leaf, path), got = {{0}};
	struct wr w = wr_into(proof, sizeof(proof));
	char text[HEX_LEN(sizeof(data))], bank[41], params[4000];
	json_t *r;
	size_t len = 0;

	wr_copy(&w, f->sectors + leaf * AGREEMENT_LEAF, AGREEMENT_LEAF);
	wr_copy(&w, path[0].bytes, (size_t)32 * 14);
	CHECK(wr_len(&w) == sizeof(proof), "a path of 14");
	w = wr_into(data, sizeof(data));
	bank_enc_root_of(&w, leaf, proof, sizeof(proof));
	hex_encode(text, data, w.len);
	hex_encode(bank, f->t.bank.bytes, 20);
	(void)snprintf(params, sizeof(params),
		       "[{\"to\":\"0x%s\",\"data\":\"0x%s\"},\"latest\"]", bank,
		       text);
	r = raw_rpc(&f->t.b, &f->t.anvil, "eth_call", params);
	CHECK(hex_result(r, answer, sizeof(answer), &len) &&
		      !bank_ret_root_of(&got, answer, len, NULL) &&
		      memcmp(&got, &root, sizeof(got)) == 0,
	      "root");
	json_decref(r);
}

int main(int argc, char **argv)
{
	static struct farm f;
	struct chain_evm_config cfg;

	if (!anvil_find(&f.t.anvil, argc, argv))
		return SKIPPED;
	bench_init(&f.t.b);
	if (anvil_start(&f.t.b, &f.t.anvil)) {
		cfg = bench_config(f.t.anvil.url);
		f.t.ch = bench_chain(&f.t.b, &cfg);
		make_people(&f);
		a_bank_of_the_coin_is_deployed(&f);
		the_bank_tells_roots_as_we_do(&f);
		it_is_opened(&f);
		the_renter_finds_it(&f);
		its_first_span_is_proved(&f);
		two_sectors_are_added(&f);
		its_last_span_is_proved_and_it_is_closed(&f);
		free(f.sectors);
		chain_free(f.t.ch);
	}
	anvil_stop(&f.t.anvil, SIGTERM);
	bench_clear(&f.t.b);
	return CHECK_EXIT();
}
