/* The process itself, played by its parent: unlocking, the domain, one flush a
 * batch, limits over restarts, the end. Rules and limits in detail are in
 * test_signer_policy.c and test_signer_state.c. */
#include "base/clock.h"
#include "base/eip712.h"
#include "base/keccak.h"
#include "contracts-abi/bank_abi.h"
#include "ledger/signer/keystore.h"
#include "ledger/signer/signer_client.h"
#include "tests/base/vec.h"
#include "tests/check.h"
#include "tests/ledger/scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PHRASE \
	"abandon abandon abandon abandon abandon abandon abandon abandon " \
	"abandon abandon abandon about"
#define PASS "a passphrase"

static struct scratch dir;

static struct address address_of(uint8_t fill)
{
	struct address a;

	memset(a.bytes, fill, sizeof(a.bytes));
	return a;
}

static struct signer_domain domain(void)
{
	return (struct signer_domain){.chain_id = 199,
				      .bank = address_of(0xba),
				      .token = address_of(0x70)};
}

static const char *key_file(bool raw)
{
	const struct keystore_cost cheap = {.passes = 1, .mem_kib = 64};
	const char *path = scratch_path(&dir, raw ? "raw.key" : "phrase.key");
	struct keystore *ks = NULL;
	struct err e = {0};

	if (access(path, F_OK) == 0)
		return path;
	CHECK((raw ? keystore_from_hex(&ks,
				       "46464646464646464646464646464646464646"
				       "46464646464646464646464646",
				       &e)
		   : keystore_from_phrase(&ks, PHRASE, &e)) == ERR_NONE,
	      "%s", e.msg);
	CHECK(keystore_save(ks, path, PASS, cheap, &e) == ERR_NONE, "%s",
	      e.msg);
	keystore_free(ks);
	return path;
}

static struct signer_client *start(struct loop *l)
{
	struct signer_proc proc;
	struct err e = {0};
	struct signer_client *c;

	if (signer_fork(&proc, &e) != ERR_NONE)
		abort();
	c = signer_client_new(l, &proc, &e);
	if (!c)
		abort();
	return c;
}

static struct signer_request unlock_of(const char *key, const char *state)
{
	return (struct signer_request){
		.type = SIGNER_UNLOCK,
		.u.unlock = {.key_path = key,
			     .state_path = state,
			     .passphrase = PASS,
			     .kind = ADDRESS_EVM,
			     .index = {0, 1},
			     .limits = {.payee_per_day = amount_from_u64(6400),
					.total_per_day = amount_from_u64(10000),
					.fee_per_tx = amount_from_u64(1000000),
					.fee_per_day = amount_from_u64(1500000),
					.reserve_days = 30}},
	};
}

/* Asks and waits; says what came when it is not what was wanted. */
static struct signer_reply call(struct signer_client *c, const char *name,
				const struct signer_request *q,
				enum err_code want, const char *says)
{
	struct signer_reply r = {0};
	struct err e = {0};
	enum err_code got = signer_call(c, &r, q, &e);

	CHECK(got == want, "%s: got %d (%s)", name, got, e.msg);
	CHECK(strstr(e.msg, says), "%s: says \"%s\"", name, e.msg);
	return r;
}

static struct signer_client *start_pinned(const char *state)
{
	struct signer_client *c = start(NULL);
	struct signer_request q = unlock_of(key_file(false), state);

	(void)call(c, "unlock", &q, ERR_NONE, "");
	q = (struct signer_request){.type = SIGNER_PIN, .u.pin = domain()};
	(void)call(c, "pin", &q, ERR_NONE, "");
	return c;
}

static struct signer_request receipt(uint8_t payee, uint64_t amount)
{
	struct signer_domain d = domain();
	struct address a = address_of(payee);

	return signer_receipt_request(&d, SIGNER_BANDWIDTH, &a,
				      amount_from_u64(amount));
}

static void nothing_is_done_before_the_passphrase(void)
{
	static const enum signer_type rows[] = {
		SIGNER_ADDRESS,	 SIGNER_PIN,	     SIGNER_ALLOW_DEPLOY,
		SIGNER_RECEIPT,	 SIGNER_ADOPT,	     SIGNER_TX_EVM,
		SIGNER_CHANNEL,	 SIGNER_AGREEMENT,   SIGNER_SHEET,
		SIGNER_ENDPOINT, SIGNER_STORAGE_KEY, SIGNER_LIMITS,
		SIGNER_TX_TRON,
	};
	struct signer_client *c = start(NULL);
	struct signer_request q = {.type = SIGNER_STATUS};
	struct signer_reply r = call(c, "status", &q, ERR_NONE, "");

	CHECK(!r.u.status.unlocked && !r.u.status.pinned, "a fresh signer");
	for (size_t i = 0; i < ROWS(rows); i++) {
		q = (struct signer_request){.type = rows[i]};
		(void)call(c, "locked", &q, ERR_STATE, "locked");
	}
	signer_client_free(c);
}

static void unlocking_refuses_what_it_cannot_trust(void)
{
	static const char junk[] = "this is no key file";
	const char *bad = scratch_path(&dir, "junk.key");
	struct signer_client *c = start(NULL);
	struct signer_request q;
	struct signer_reply r;

	scratch_write(bad, junk, sizeof(junk));
	q = unlock_of(bad, scratch_path(&dir, "unlock.state"));
	(void)call(c, "not a key file", &q, ERR_PARSE, "not a seedbank key");
	q = unlock_of(scratch_path(&dir, "none.key"), "x");
	(void)call(c, "no key file", &q, ERR_IO, "none.key");
	q = unlock_of(key_file(false), scratch_path(&dir, "unlock.state"));
	q.u.unlock.passphrase = "another";
	(void)call(c, "wrong passphrase", &q, ERR_SIG, "wrong passphrase");
	q.u.unlock.passphrase = PASS;
	q.u.unlock.index[1] = 0;
	(void)call(c, "one account for both", &q, ERR_STATE, "of their own");
	q.u.unlock.index[1] = 1;
	scratch_write(scratch_path(&dir, "unlock.state"), junk, sizeof(junk));
	(void)call(c, "damaged state", &q, ERR_STATE, "repair-state");
	(void)unlink(scratch_path(&dir, "unlock.state"));
	r = call(c, "after all that", &q, ERR_NONE, "");
	CHECK(r.u.unlocked.can_store, "a phrase can store");
	CHECK(vec_is(r.u.unlocked.account[0].bytes, 20,
		     "9858effd232b4033e47d90003d41ec34ecaeda94"),
	      "bandwidth account");
	CHECK(vec_is(r.u.unlocked.account[1].bytes, 20,
		     "6fac4d18c912343bf86fa7049364dd4e424ab9c0"),
	      "storage account");
	(void)call(c, "twice", &q, ERR_STATE, "already");
	signer_client_free(c);
}

static void a_raw_key_pays_but_does_not_store(void)
{
	struct signer_client *c = start(NULL);
	struct signer_request q =
		unlock_of(key_file(true), scratch_path(&dir, "raw.state"));
	struct signer_reply r = call(c, "unlock", &q, ERR_NONE, "");

	CHECK(!r.u.unlocked.can_store, "can store");
	CHECK(vec_is(r.u.unlocked.account[0].bytes, 20,
		     "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"),
	      "account");
	q = (struct signer_request){.type = SIGNER_ADDRESS,
				    .u.purpose = SIGNER_STORAGE};
	(void)call(c, "storage account", &q, ERR_STATE, "recovery phrase");
	signer_client_free(c);
}

static void receipts_are_for_the_pinned_bank_only(void)
{
	struct signer_client *c = start(NULL);
	struct signer_request q =
		unlock_of(key_file(false), scratch_path(&dir, "domain.state"));
	struct address payer, who;
	struct signer_reply r = call(c, "unlock", &q, ERR_NONE, "");
	struct signer_domain d = domain();
	struct hash32 sep = eip712_domain(d.chain_id, &d.bank), digest;

	payer = r.u.unlocked.account[0];
	q = receipt(1, 100);
	(void)call(c, "before the pin", &q, ERR_STATE, "no bank is pinned");
	q = (struct signer_request){.type = SIGNER_PIN, .u.pin = d};
	(void)call(c, "pin", &q, ERR_NONE, "");
	(void)call(c, "pin again", &q, ERR_NONE, "");
	q.u.pin.bank = address_of(0xbb);
	(void)call(c, "pin another", &q, ERR_STATE, "another bank");
	q = receipt(1, 100);
	q.u.receipt.chain_id = 1;
	(void)call(c, "another chain", &q, ERR_STATE, "pinned bank only");
	q = receipt(1, 100);
	q.u.receipt.bank = address_of(0xbb);
	(void)call(c, "another bank", &q, ERR_STATE, "pinned bank only");
	q = receipt(0, 100);
	(void)call(c, "payee is nobody", &q, ERR_STATE, "nobody");
	q = receipt(1, 100);
	r = call(c, "the pinned one", &q, ERR_NONE, "");
	digest = eip712_receipt(&sep, &payer, &q.u.receipt.payee,
				q.u.receipt.amount);
	CHECK(sig64_recover(&who, &digest, &r.u.sig, NULL) == ERR_NONE &&
		      address_eq(&who, &payer),
	      "signed by the bandwidth account");
	q = (struct signer_request){.type = SIGNER_ALLOW_DEPLOY};
	(void)call(c, "deploy after pinning", &q, ERR_STATE, "pinned");
	signer_client_free(c);
}

static void a_seal_key_is_vouched_for_in_the_pinned_domain(void)
{
	struct signer_client *c =
		start_pinned(scratch_path(&dir, "channel.state"));
	struct signer_domain d = domain();
	struct hash32 sep = eip712_domain(d.chain_id, &d.bank), digest;
	struct signer_request q = {
		.type = SIGNER_CHANNEL,
		.u.channel = {.chain_id = d.chain_id, .bank = d.bank}};
	struct address own, who;
	struct signer_reply r;

	memset(q.u.channel.key, 0x5e, sizeof(q.u.channel.key));
	r = call(c, "channel", &q, ERR_NONE, "");
	vec(own.bytes, 20, "9858effd232b4033e47d90003d41ec34ecaeda94");
	digest = eip712_channel(&sep, &own, q.u.channel.key);
	CHECK(sig64_recover(&who, &digest, &r.u.sig, NULL) == ERR_NONE &&
		      address_eq(&who, &own),
	      "signed by the bandwidth account");
	q.u.channel.bank = address_of(0xbb);
	(void)call(c, "another bank", &q, ERR_STATE, "pinned bank only");
	signer_client_free(c);
}

static struct address storage_account(void)
{
	struct address a;

	vec(a.bytes, 20, "6fac4d18c912343bf86fa7049364dd4e424ab9c0");
	return a;
}

/* A month of a fund of 3,000, our storage account being its renter. */
static struct signer_request agreement(uint32_t number)
{
	struct signer_domain d = domain();

	return (struct signer_request){
		.type = SIGNER_AGREEMENT,
		.u.agreement = {
			.chain_id = d.chain_id,
			.bank = d.bank,
			.agreement = {.renter = storage_account(),
				      .host = address_of(0x40),
				      .number = number,
				      .sectors = 1,
				      .start = 10,
				      .end = 40,
				      .through = 10,
				      .span = 7,
				      .rate = amount_from_u64(100),
				      .fund = amount_from_u64(3000),
				      .collateral = amount_from_u64(5000)}}};
}

static void check_storage_word(const char *name, const struct signer_reply *r,
			       const struct hash32 *digest)
{
	struct address own = storage_account(), who;

	CHECK(sig64_recover(&who, digest, &r->u.sig, NULL) == ERR_NONE &&
		      address_eq(&who, &own),
	      "%s: signed by the storage account", name);
}

static void agreements_are_signed_for_the_own_side_only(void)
{
	struct signer_client *c =
		start_pinned(scratch_path(&dir, "agreement.state"));
	struct signer_domain d = domain();
	struct hash32 sep = eip712_domain(d.chain_id, &d.bank), digest;
	struct signer_request q = agreement(0);
	struct agreement *a = &q.u.agreement.agreement;
	struct signer_reply r = call(c, "as its renter", &q, ERR_NONE, "");

	digest = eip712_agreement(&sep, a);
	check_storage_word("renter", &r, &digest);
	a->host = a->renter;
	(void)call(c, "both sides are us", &q, ERR_STATE, "one side");
	a->renter = address_of(1);
	a->host = address_of(2);
	(void)call(c, "neither side is us", &q, ERR_STATE, "one side");
	vec(a->renter.bytes, 20, "9858effd232b4033e47d90003d41ec34ecaeda94");
	(void)call(c, "the bandwidth account", &q, ERR_STATE, "one side");
	q = agreement(0);
	a->sectors = 0;
	(void)call(c, "no sectors", &q, ERR_LIMIT, "");
	q = agreement(0);
	q.u.agreement.bank = address_of(0xbb);
	(void)call(c, "another bank", &q, ERR_STATE, "pinned bank only");
	signer_client_free(c);
}

/* The day allows 10,000 to all and 6,400 to one. */
static void what_agreements_lock_counts_towards_the_day(void)
{
	const char *state = scratch_path(&dir, "locks.state");
	struct signer_client *c = start_pinned(state);
	struct signer_request q = agreement(0);
	struct agreement *a = &q.u.agreement.agreement;

	(void)call(c, "a fund of 3000", &q, ERR_NONE, "");
	a->revision = 1;
	(void)call(c, "its next revision locks nothing more", &q, ERR_NONE, "");
	a->fund = amount_from_u64(2000);
	(void)call(c, "a lower fund is no matter", &q, ERR_NONE, "");
	a->fund = amount_from_u64(6401);
	(void)call(c, "a fund over the limit of one", &q, ERR_FUNDS, "one");
	q = agreement(1);
	a->host = a->renter;
	a->renter = address_of(0x41);
	(void)call(c, "a collateral of 5000", &q, ERR_NONE, "");
	signer_client_free(c);
	c = start_pinned(state);
	q = agreement(2);
	(void)call(c, "a third: 11000 in all", &q, ERR_FUNDS, "all");
	a->fund = amount_from_u64(2000);
	(void)call(c, "exactly the day", &q, ERR_NONE, "");
	q = receipt(1, 1);
	(void)call(c, "receipts count with them", &q, ERR_FUNDS, "all");
	signer_client_free(c);
}

static void a_host_speaks_for_itself_only(void)
{
	struct signer_client *c =
		start_pinned(scratch_path(&dir, "host.state"));
	struct signer_domain d = domain();
	struct hash32 sep = eip712_domain(d.chain_id, &d.bank), digest;
	struct signer_request q = {
		.type = SIGNER_SHEET,
		.u.sheet = {.chain_id = d.chain_id,
			    .bank = d.bank,
			    .sheet = {.host = storage_account(),
				      .min_periods = 1,
				      .max_periods = 30,
				      .span = 7}}};
	struct signer_reply r = call(c, "own sheet", &q, ERR_NONE, "");

	digest = eip712_sheet(&sep, &q.u.sheet.sheet);
	check_storage_word("sheet", &r, &digest);
	q.u.sheet.sheet.host = address_of(3);
	(void)call(c, "another's sheet", &q, ERR_STATE, "own storage");
	q = (struct signer_request){
		.type = SIGNER_ENDPOINT,
		.u.endpoint = {
			.chain_id = d.chain_id,
			.bank = d.bank,
			.endpoint = {.host = storage_account(), .port = 6881}}};
	r = call(c, "own endpoint", &q, ERR_NONE, "");
	digest = eip712_endpoint(&sep, &q.u.endpoint.endpoint);
	check_storage_word("endpoint", &r, &digest);
	q.u.endpoint.chain_id = 1;
	(void)call(c, "another chain", &q, ERR_STATE, "pinned bank only");
	signer_client_free(c);
}

static void the_storage_key_comes_from_the_phrase(void)
{
	struct signer_client *c = start(NULL);
	struct signer_request q =
		unlock_of(key_file(false), scratch_path(&dir, "key.state"));
	struct keystore *ks = NULL;
	struct signer_reply r;
	uint8_t want[32];

	(void)call(c, "unlock", &q, ERR_NONE, "");
	q = (struct signer_request){.type = SIGNER_STORAGE_KEY};
	r = call(c, "of a phrase", &q, ERR_NONE, "");
	CHECK(keystore_from_phrase(&ks, PHRASE, NULL) == ERR_NONE &&
		      keystore_storage_key(ks, want, NULL) == ERR_NONE &&
		      memcmp(want, r.u.storage_key, sizeof(want)) == 0,
	      "the key store's");
	keystore_free(ks);
	signer_client_free(c);
	c = start(NULL);
	q = unlock_of(key_file(true), scratch_path(&dir, "raw-key.state"));
	(void)call(c, "unlock", &q, ERR_NONE, "");
	q = (struct signer_request){.type = SIGNER_STORAGE_KEY};
	(void)call(c, "of a raw key", &q, ERR_STATE, "recovery phrase");
	signer_client_free(c);
}

static void limits_only_fall(void)
{
	struct signer_client *c =
		start_pinned(scratch_path(&dir, "limits.state"));
	struct signer_request q = {.type = SIGNER_LIMITS}, ask = receipt(1, 60);
	struct signer_reply r;
	struct signer_limits *l = &q.u.limits;

	(void)call(c, "before", &ask, ERR_NONE, "");
	*l = unlock_of("", "").u.unlock.limits;
	l->payee_per_day = amount_from_u64(64);
	(void)call(c, "less for one payee", &q, ERR_NONE, "");
	ask = receipt(1, 65);
	(void)call(c, "over it", &ask, ERR_FUNDS, "one payee");
	ask = receipt(1, 64);
	(void)call(c, "up to it", &ask, ERR_NONE, "");
	l->payee_per_day = amount_from_u64(65);
	(void)call(c, "one more than now", &q, ERR_STATE, "only fall");
	l->payee_per_day = amount_from_u64(64);
	l->reserve_days++;
	(void)call(c, "longer reserves", &q, ERR_STATE, "only fall");
	q = (struct signer_request){.type = SIGNER_STATUS};
	r = call(c, "status", &q, ERR_NONE, "");
	CHECK(amount_cmp(r.u.status.limits.payee_per_day,
			 amount_from_u64(64)) == 0 &&
		      r.u.status.limits.reserve_days == 30,
	      "what was refused changed nothing");
	signer_client_free(c);
}

static void restarts_reset_nothing(void)
{
	const char *state = scratch_path(&dir, "restart.state");
	uint32_t day = (uint32_t)(clock_unix_s() / 86400);
	struct signer_client *c = start_pinned(state);
	struct signer_request q = receipt(1, 6000);
	struct signer_reply r;

	(void)call(c, "most of the day", &q, ERR_NONE, "");
	q = receipt(1, 5999);
	(void)call(c, "less than before", &q, ERR_STATE, "never falls");
	signer_client_free(c);

	c = start_pinned(state);
	q = receipt(1, 5999);
	(void)call(c, "less, after a restart", &q, ERR_STATE, "never falls");
	q = receipt(1, 6000);
	(void)call(c, "the same again", &q, ERR_NONE, "");
	q = receipt(1, 6401);
	(void)call(c, "over the payee's day", &q, ERR_FUNDS, "one payee");
	q = receipt(2, 4001);
	(void)call(c, "over the whole day", &q, ERR_FUNDS, "all payees");
	q = receipt(2, 4000);
	(void)call(c, "exactly the whole day", &q, ERR_NONE, "");
	q = (struct signer_request){.type = SIGNER_STATUS};
	r = call(c, "status", &q, ERR_NONE, "");
	CHECK(amount_cmp(r.u.status.promised, amount_from_u64(10000)) == 0 ||
		      r.u.status.day != day,
	      "the day's sum");
	signer_client_free(c);
}

/* A full disk, played by a limit on the size of files that the child inherits.
 */
static void what_cannot_be_written_is_not_signed(void)
{
	struct rlimit before, small;
	const char *state = scratch_path(&dir, "full.state");
	struct signer_client *c;
	struct signer_request q;

	(void)key_file(false);
	if (getrlimit(RLIMIT_FSIZE, &before) != 0)
		abort();
	small = (struct rlimit){.rlim_cur = 256, .rlim_max = before.rlim_max};
	(void)setrlimit(RLIMIT_FSIZE, &small); /* a head, but no payee */
	c = start_pinned(state);
	(void)setrlimit(RLIMIT_FSIZE, &before);
	q = receipt(1, 100);
	(void)call(c, "a first promise", &q, ERR_IO, "full.state");
	(void)call(c, "the same again", &q, ERR_IO, "full.state");
	q = receipt(2, 100);
	(void)call(c, "another payee", &q, ERR_IO, "full.state");
	signer_client_free(c);
}

static void a_second_signer_is_kept_out(void)
{
	const char *state = scratch_path(&dir, "shared.state");
	struct signer_client *a = start_pinned(state), *b = start(NULL);
	struct signer_request q = unlock_of(key_file(false), state);

	(void)call(b, "the same state", &q, ERR_STATE, "another seedbank");
	signer_client_free(a);
	(void)call(b, "once it is free", &q, ERR_NONE, "");
	signer_client_free(b);
}

static void adopting_takes_our_own_signature_only(void)
{
	struct signer_client *c =
		start_pinned(scratch_path(&dir, "adopt-a.state"));
	struct signer_request q = receipt(1, 5000);
	struct signer_reply r = call(c, "sign", &q, ERR_NONE, "");
	struct signer_request adopt = {
		.type = SIGNER_ADOPT,
		.u.adopt = {.payee = address_of(1),
			    .amount = amount_from_u64(5000),
			    .sig = r.u.sig}};

	signer_client_free(c);
	c = start_pinned(scratch_path(&dir, "adopt-b.state"));
	adopt.u.adopt.amount = amount_from_u64(5001);
	(void)call(c, "another amount", &adopt, ERR_SIG, "never signed");
	adopt.u.adopt.amount = amount_from_u64(5000);
	adopt.u.adopt.payee = address_of(2);
	(void)call(c, "another payee", &adopt, ERR_SIG, "never signed");
	adopt.u.adopt.payee = address_of(1);
	(void)call(c, "our own", &adopt, ERR_NONE, "");
	q = receipt(1, 4999);
	(void)call(c, "below what was adopted", &q, ERR_STATE, "never falls");
	q = receipt(1, 5000 + 6400);
	(void)call(c, "a whole day's rise above it", &q, ERR_NONE, "");
	signer_client_free(c);
}

static void transactions_are_checked_and_signed(void)
{
	struct signer_client *c = start_pinned(scratch_path(&dir, "tx.state"));
	uint8_t data[BANK_DEPOSIT_LEN];
	struct wr w = wr_into(data, sizeof(data));
	struct address own;
	struct signer_request q;
	struct signer_reply r;

	vec(own.bytes, 20, "9858effd232b4033e47d90003d41ec34ecaeda94");
	bank_enc_deposit(&w, &own, amount_from_u64(5));
	q = (struct signer_request){.type = SIGNER_TX_EVM,
				    .u.tx = {.style = SIGNER_TX_1559,
					     .chain_id = 199,
					     .nonce = 7,
					     .max_fee = amount_from_u64(10),
					     .tip = amount_from_u64(1),
					     .gas = 90000,
					     .to = address_of(0xba),
					     .data = data,
					     .data_len = sizeof(data)}};
	r = call(c, "deposit", &q, ERR_NONE, "");
	CHECK(r.u.tx.raw_len > 100 && r.u.tx.raw[0] == 2, "typed bytes");
	q.u.tx.max_fee = amount_from_u64(12);
	(void)call(c, "over a transaction's fee", &q, ERR_FUNDS,
		   "one transaction");
	q.u.tx.nonce = 8;
	q.u.tx.max_fee = amount_from_u64(10);
	(void)call(c, "over a day's fees", &q, ERR_FUNDS, "day's fees");
	q.u.tx.nonce = 7;
	q.u.tx.max_fee = amount_from_u64(11);
	(void)call(c, "the same nonce for more", &q, ERR_NONE, "");
	q.u.tx.to = address_of(0xbb);
	(void)call(c, "another contract", &q, ERR_STATE, "neither");
	q = (struct signer_request){.type = SIGNER_TX_TRON};
	(void)call(c, "another kind of chain", &q, ERR_STATE, "kind of chain");
	signer_client_free(c);
}

/* A deposit into the pinned bank by the TRON account of the test's phrase. */
static struct signer_request tron_deposit(uint8_t data[BANK_DEPOSIT_LEN])
{
	struct wr w = wr_into(data, BANK_DEPOSIT_LEN);
	struct signer_request q = {
		.type = SIGNER_TX_TRON,
		.u.tron = {
			.chain_id = 199,
			.tx = {.expiration_ms = (uint64_t)clock_unix_s() * 1000,
			       .timestamp_ms = 1,
			       .fee_limit = 500000,
			       .to = address_of(0xba),
			       .data = data,
			       .len = BANK_DEPOSIT_LEN}}};
	enum address_kind kind;

	if (address_parse(&q.u.tron.tx.owner, &kind,
			  "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", NULL))
		abort();
	bank_enc_deposit(&w, &q.u.tron.tx.owner, amount_from_u64(5));
	return q;
}

static void tron_transactions_are_checked_and_signed(void)
{
	struct signer_request u =
		unlock_of(key_file(false), scratch_path(&dir, "tron.state"));
	struct signer_request pin = {.type = SIGNER_PIN, .u.pin = domain()};
	struct signer_client *c = start(NULL);
	uint8_t data[BANK_DEPOSIT_LEN];
	struct signer_request q = tron_deposit(data);
	struct signer_reply r;
	struct address who;
	struct tron_tx got;
	struct ecc_sig sig;
	struct hash32 id;

	u.u.unlock.kind = ADDRESS_TRON;
	(void)call(c, "unlock", &u, ERR_NONE, "");
	(void)call(c, "nothing is pinned", &q, ERR_STATE, "no bank is pinned");
	(void)call(c, "pin", &pin, ERR_NONE, "");
	r = call(c, "deposit", &q, ERR_NONE, "");
	CHECK(tron_tx_decode(&got, &sig, &id, r.u.tx.raw, r.u.tx.raw_len,
			     NULL) == ERR_NONE &&
		      memcmp(&id, &r.u.tx.hash, sizeof(id)) == 0 &&
		      ecc_recover(&who, &id, &sig, NULL) == ERR_NONE &&
		      address_eq(&who, &got.owner) && got.fee_limit == 500000 &&
		      got.len == sizeof(data),
	      "signed by its owner");
	/* about 345 bytes of bandwidth are counted with each */
	(void)call(c, "the same once more counts anew", &q, ERR_FUNDS,
		   "day's fees");
	q.u.tron.tx.fee_limit = 1000000;
	(void)call(c, "over a transaction's fee", &q, ERR_FUNDS,
		   "one transaction");
	q.u.tron.tx.fee_limit = 1;
	q.u.tron.purpose = SIGNER_STORAGE;
	(void)call(c, "by another account", &q, ERR_STATE, "another's");
	q.u.tron.purpose = SIGNER_BANDWIDTH;
	q.u.tron.tx.to = address_of(0xbb);
	(void)call(c, "another contract", &q, ERR_STATE, "neither");
	q = (struct signer_request){.type = SIGNER_TX_EVM};
	(void)call(c, "another kind of chain", &q, ERR_STATE, "");
	signer_client_free(c);
}

static void one_contract_is_made_before_the_pin(void)
{
	static const uint8_t code[] = {0x60, 0x00, 0x60, 0x00, 0xf3};
	struct signer_client *c = start(NULL);
	struct signer_request q =
		unlock_of(key_file(false), scratch_path(&dir, "make.state"));
	struct signer_request make = {.type = SIGNER_TX_EVM,
				      .u.tx = {.style = SIGNER_TX_LEGACY,
					       .chain_id = 199,
					       .max_fee = amount_from_u64(1),
					       .gas = 100000,
					       .create = true,
					       .data = code,
					       .data_len = sizeof(code)}};

	(void)call(c, "unlock", &q, ERR_NONE, "");
	(void)call(c, "not allowed yet", &make, ERR_STATE, "not allowed");
	q = (struct signer_request){
		.type = SIGNER_ALLOW_DEPLOY,
		.u.deploy = {.chain_id = 199,
			     .code = keccak256(code, sizeof(code))}};
	(void)call(c, "allow", &q, ERR_NONE, "");
	(void)call(c, "the allowed one", &make, ERR_NONE, "");
	make.u.tx.data_len--;
	(void)call(c, "another one", &make, ERR_STATE, "another contract");
	make.u.tx.data_len++;
	q = (struct signer_request){.type = SIGNER_PIN, .u.pin = domain()};
	(void)call(c, "pin", &q, ERR_NONE, "");
	(void)call(c, "after the pin", &make, ERR_STATE, "no more contracts");
	signer_client_free(c);
}

/* ---- on the loop */

struct asked {
	struct loop *loop;
	struct signer_client *c;
	unsigned good, refused, dead, in_order;
	unsigned next, want;
};

struct one {
	struct asked *all;
	unsigned number;
};

static void on_reply(void *ctx, const struct signer_reply *r,
		     const struct err *e)
{
	struct one *one = ctx;
	struct asked *all = one->all;

	all->in_order += one->number == all->next++;
	all->good += r != NULL;
	all->refused += e && e->code == ERR_STATE;
	all->dead += e && e->code == ERR_IO;
	if (all->next == all->want)
		loop_stop(all->loop);
}

static void a_batch_is_answered_in_order(void)
{
	enum { N = 300 };
	static struct one ones[N];
	struct asked all = {.loop = loop_new(NULL), .want = N};
	struct signer_request q =
		unlock_of(key_file(false), scratch_path(&dir, "batch.state"));
	struct signer_reply r;
	struct err e = {0};

	all.c = start(all.loop);
	(void)call(all.c, "unlock", &q, ERR_NONE, "");
	q = (struct signer_request){.type = SIGNER_PIN, .u.pin = domain()};
	(void)call(all.c, "pin", &q, ERR_NONE, "");
	for (unsigned i = 0; i < N; i++) {
		/* every tenth asks for less than the one before */
		q = receipt(1, i % 10 == 9 ? i - 1 : i + 1);
		ones[i] = (struct one){&all, i};
		CHECK(signer_ask(all.c, &q, on_reply, &ones[i], &e) == ERR_NONE,
		      "ask %u: %s", i, e.msg);
	}
	CHECK(signer_call(all.c, &r, &q, NULL) == ERR_STATE,
	      "a call while others wait");
	loop_run(all.loop);
	CHECK(all.in_order == N, "%u in order", all.in_order);
	CHECK(all.good == N - N / 10 && all.refused == N / 10,
	      "%u good, %u refused", all.good, all.refused);
	signer_client_free(all.c);
	loop_free(all.loop);
}

static void when_it_dies_all_who_wait_are_told(void)
{
	enum { N = 5 };
	static struct one ones[N];
	struct asked all = {.loop = loop_new(NULL), .want = N};
	struct signer_request q = {.type = SIGNER_STATUS};
	struct signer_proc proc;
	struct err e = {0};

	CHECK(signer_fork(&proc, &e) == ERR_NONE, "%s", e.msg);
	all.c = signer_client_new(all.loop, &proc, &e);
	(void)kill(proc.pid, SIGKILL);
	for (unsigned i = 0; i < N; i++) {
		ones[i] = (struct one){&all, i};
		CHECK(signer_ask(all.c, &q, on_reply, &ones[i], &e) == ERR_NONE,
		      "%s", e.msg);
	}
	loop_run(all.loop);
	CHECK(all.dead == N && all.in_order == N, "%u told", all.dead);
	CHECK(signer_ask(all.c, &q, on_reply, &ones[0], &e) == ERR_IO,
	      "asked the dead");
	signer_client_free(all.c);
	loop_free(all.loop);
}

static void who_forgets_is_not_called(void)
{
	static struct one ones[2];
	struct asked all = {.loop = loop_new(NULL), .want = 1};
	struct signer_request q = {.type = SIGNER_STATUS};

	all.c = start(all.loop);
	for (unsigned i = 0; i < 2; i++) {
		ones[i] = (struct one){&all, 0};
		CHECK(signer_ask(all.c, &q, on_reply, &ones[i], NULL) ==
			      ERR_NONE,
		      "ask");
	}
	signer_forget(all.c, &ones[0]);
	loop_run(all.loop);
	CHECK(all.good == 1, "%u called", all.good);
	signer_client_free(all.c);
	loop_free(all.loop);
}

static void the_queue_is_bounded(void)
{
	struct loop *l = loop_new(NULL);
	struct signer_client *c = start(l);
	struct signer_request q = {.type = SIGNER_STATUS};
	unsigned n = 0;
	struct err e = {0};

	while (n < 2 * SIGNER_ASK_MAX &&
	       signer_ask(c, &q, on_reply, NULL, &e) == ERR_NONE)
		n++;
	CHECK(n == SIGNER_ASK_MAX && e.code == ERR_LIMIT, "%u taken: %s", n,
	      e.msg);
	signer_client_free(c); /* drops them without a call */
	loop_free(l);
}

/* ---- its end */

static void it_ends_with_its_parent(void)
{
	struct signer_proc proc;
	int status = -1;

	CHECK(signer_fork(&proc, NULL) == ERR_NONE, "fork");
	(void)kill(proc.pid, SIGINT); /* a terminal's ^C is for the parent */
	(void)kill(proc.pid, SIGTERM);
	(void)close(proc.fd);
	CHECK(waitpid(proc.pid, &status, 0) == proc.pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 0,
	      "status %x", (unsigned)status);
}

static void nonsense_ends_it(void)
{
	static const uint8_t frames[][16] = {
		{0xff, 0xff, 0xff, 0xff},	   /* an absurd length */
		{0, 0, 0, 5, 99, 0, 0, 0, 1},	   /* no such type */
		{0, 0, 0, 6, 2, 0, 0, 0, 1, 0xaa}, /* a byte too many */
	};

	for (size_t i = 0; i < ROWS(frames); i++) {
		struct signer_proc proc;
		int status = -1;

		CHECK(signer_fork(&proc, NULL) == ERR_NONE, "fork");
		CHECK(write(proc.fd, frames[i], sizeof(frames[i])) ==
			      sizeof(frames[i]),
		      "row %zu", i);
		CHECK(waitpid(proc.pid, &status, 0) == proc.pid &&
			      WIFEXITED(status) && WEXITSTATUS(status) == 1,
		      "row %zu: status %x", i, (unsigned)status);
		(void)close(proc.fd);
	}
}

int main(void)
{
	scratch_make(&dir);
	nothing_is_done_before_the_passphrase();
	unlocking_refuses_what_it_cannot_trust();
	a_raw_key_pays_but_does_not_store();
	receipts_are_for_the_pinned_bank_only();
	a_seal_key_is_vouched_for_in_the_pinned_domain();
	agreements_are_signed_for_the_own_side_only();
	what_agreements_lock_counts_towards_the_day();
	a_host_speaks_for_itself_only();
	the_storage_key_comes_from_the_phrase();
	limits_only_fall();
	restarts_reset_nothing();
	what_cannot_be_written_is_not_signed();
	a_second_signer_is_kept_out();
	adopting_takes_our_own_signature_only();
	transactions_are_checked_and_signed();
	tron_transactions_are_checked_and_signed();
	one_contract_is_made_before_the_pin();
	a_batch_is_answered_in_order();
	when_it_dies_all_who_wait_are_told();
	who_forgets_is_not_called();
	the_queue_is_bounded();
	it_ends_with_its_parent();
	nonsense_ends_it();
	scratch_remove(&dir);
	return CHECK_EXIT();
}
