#include "ledger/signer/signer.h"

#include "base/clock.h"
#include "base/eip712.h"
#include "base/keccak.h"
#include "ledger/signer/evm_tx.h"
#include "ledger/signer/keystore.h"
#include "ledger/signer/signer_policy.h"
#include "ledger/signer/signer_proto.h"
#include "ledger/signer/signer_sandbox.h"
#include "ledger/signer/signer_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_S 86400
#define IN_MAX (SIGNER_FRAME_MAX + 8192U)
#define REPLY_MAX (SIGNER_RAW_MAX + 512U)
#define OUT_MAX (2U * REPLY_MAX)
#define ACCOUNTS 2

/* All that may not be swapped out, in sodium_malloc memory. */
struct secret {
	struct ecc_key key[ACCOUNTS];
	uint8_t storage_key[32];       /* when can_store */
	struct signer_strings strings; /* while unlocking */
};

struct signer {
	int fd;
	struct secret *secret;
	struct ecc *ecc;
	struct signer_state *state; /* NULL: locked */
	bool can_store;
	struct address own[ACCOUNTS];
	enum address_kind kind;
	struct signer_limits limits;
	struct address cold[SIGNER_COLD_MAX];
	size_t cold_len;
	bool deploy_allowed;
	struct signer_deploy deploy;
	struct hash32 separator; /* of the pinned domain */
	uint8_t *in;
	size_t in_len;
	uint8_t *out; /* replies that wait for the flush */
	size_t out_len;
	uint8_t *scratch; /* a transaction, REPLY_MAX */
};

static uint32_t today(void)
{
	return (uint32_t)(clock_unix_s() / DAY_S);
}

/* ---- unlocking */

/* A raw key has no path: whatever index the node counts with, it is the one. */
static enum err_code derive(struct signer *s, const struct signer_unlock *u,
			    struct err *e)
{
	struct keystore *ks = NULL;
	enum err_code code = keystore_load(&ks, u->key_path, u->passphrase, e);

	if (code != ERR_NONE)
		return code;
	s->can_store = keystore_can_store(ks);
	for (size_t i = 0; i < ACCOUNTS && code == ERR_NONE; i++) {
		if (i == SIGNER_STORAGE && !s->can_store)
			break;
		code = keystore_account(ks, &s->secret->key[i], u->kind,
					s->can_store ? u->index[i] : 0, e);
		if (code == ERR_NONE)
			s->own[i] = ecc_address(s->ecc, &s->secret->key[i]);
	}
	if (code == ERR_NONE && s->can_store)
		code = keystore_storage_key(ks, s->secret->storage_key, e);
	keystore_free(ks);
	return code;
}

static void lock_again(struct signer *s)
{
	sodium_memzero(s->secret, sizeof(*s->secret));
	memset(s->own, 0, sizeof(s->own));
	signer_state_close(s->state);
	s->state = NULL;
}

static void learn_domain(struct signer *s)
{
	struct signer_domain d;

	if (signer_state_domain(s->state, &d))
		s->separator = eip712_domain(d.chain_id, &d.bank);
}

static enum err_code open_up(struct signer *s, const struct signer_unlock *u,
			     struct err *e)
{
	enum err_code code;

	if (u->index[0] == u->index[1])
		return err_fail(e, ERR_STATE,
				"signer: bandwidth and storage need accounts "
				"of their own");
	code = derive(s, u, e);
	if (code == ERR_NONE)
		code = signer_state_open(&s->state, u->state_path, today(), e);
	if (code == ERR_NONE)
		code = signer_sandbox_enter(e);
	return code;
}

static enum err_code do_unlock(struct signer *s, const struct signer_unlock *u,
			       struct signer_reply *p, struct err *e)
{
	enum err_code code;

	if (s->state) {
		code = err_fail(e, ERR_STATE, "signer: already unlocked");
	} else {
		code = open_up(s, u, e);
		if (code != ERR_NONE)
			lock_again(s);
	}
	sodium_memzero(&s->secret->strings, sizeof(s->secret->strings));
	if (code != ERR_NONE)
		return code;
	s->kind = u->kind;
	s->limits = u->limits;
	memcpy(s->cold, u->cold, sizeof(s->cold));
	s->cold_len = u->cold_len;
	learn_domain(s);
	p->u.unlocked.can_store = s->can_store;
	memcpy(p->u.unlocked.account, s->own, sizeof(s->own));
	return ERR_NONE;
}

/* ---- the other requests; all but status only when unlocked */

static enum err_code has_account(const struct signer *s, enum signer_purpose w,
				 struct err *e)
{
	if (w == SIGNER_STORAGE && !s->can_store)
		return err_fail(e, ERR_STATE,
				"signer: an imported private key has no "
				"storage account: that takes a recovery "
				"phrase");
	return ERR_NONE;
}

static void do_status(const struct signer *s, struct signer_status *out)
{
	*out = (struct signer_status){.unlocked = s->state != NULL,
				      .limits = s->limits};
	if (!s->state)
		return;
	out->pinned = signer_state_domain(s->state, &out->domain);
	signer_state_sums(s->state, &out->day, &out->promised, &out->fees);
}

static enum err_code do_pin(struct signer *s, const struct signer_domain *d,
			    struct err *e)
{
	enum err_code code;

	if (address_is_zero(&d->bank))
		return err_fail(e, ERR_STATE, "signer: the bank is nobody");
	code = signer_state_pin(s->state, d, e);
	if (code == ERR_NONE) {
		s->deploy_allowed = false;
		learn_domain(s);
	}
	return code;
}

static enum err_code
do_allow_deploy(struct signer *s, const struct signer_deploy *d, struct err *e)
{
	struct signer_domain pinned;

	if (signer_state_domain(s->state, &pinned))
		return err_fail(e, ERR_STATE,
				"signer: a bank is pinned: another one takes "
				"another --home");
	s->deploy = *d;
	s->deploy_allowed = true;
	return ERR_NONE;
}

static bool within(struct amount a, struct amount most)
{
	return amount_cmp(a, most) <= 0;
}

/* A token turned out to have fewer decimals than was thought when the limits
 * were read. They only fall here: a parent that was taken over raises none. */
static enum err_code do_limits(struct signer *s, const struct signer_limits *l,
			       struct err *e)
{
	const struct signer_limits *now = &s->limits;

	if (!within(l->payee_per_day, now->payee_per_day) ||
	    !within(l->total_per_day, now->total_per_day) ||
	    !within(l->fee_per_tx, now->fee_per_tx) ||
	    !within(l->fee_per_day, now->fee_per_day) ||
	    l->reserve_days > now->reserve_days)
		return err_fail(e, ERR_STATE,
				"signer: limits only fall while it runs");
	s->limits = *l;
	return ERR_NONE;
}

static enum err_code check_domain(const struct signer *s, uint64_t chain_id,
				  const struct address *bank, struct err *e)
{
	struct signer_domain d;

	if (!signer_state_domain(s->state, &d))
		return err_fail(e, ERR_STATE,
				"signer: no bank is pinned yet: nothing is "
				"signed");
	if (d.chain_id != chain_id || !address_eq(&d.bank, bank))
		return err_fail(e, ERR_STATE,
				"signer: words are signed for the pinned "
				"bank only (chain %llu)",
				(unsigned long long)d.chain_id);
	return ERR_NONE;
}

static enum err_code do_receipt(struct signer *s,
				const struct signer_receipt *q,
				struct sig64 *out, struct err *e)
{
	const struct address *payer = &s->own[q->purpose];
	enum err_code code = has_account(s, q->purpose, e);
	struct hash32 digest;
	struct ecc_sig sig;

	if (code == ERR_NONE)
		code = check_domain(s, q->chain_id, &q->bank, e);
	if (code == ERR_NONE && address_is_zero(&q->payee))
		code = err_fail(e, ERR_STATE, "signer: the payee is nobody");
	if (code == ERR_NONE)
		code = signer_state_promise(s->state, &s->limits, today(),
					    payer, &q->payee, q->amount, e);
	if (code != ERR_NONE)
		return code;
	digest = eip712_receipt(&s->separator, payer, &q->payee, q->amount);
	sig = ecc_sign(s->ecc, &s->secret->key[q->purpose], &digest);
	*out = sig64_pack(&sig);
	return ERR_NONE;
}

static enum err_code do_channel(const struct signer *s,
				const struct signer_channel *q,
				struct sig64 *out, struct err *e)
{
	const struct address *payee = &s->own[q->purpose];
	enum err_code code = has_account(s, q->purpose, e);
	struct hash32 digest;
	struct ecc_sig sig;

	if (code == ERR_NONE)
		code = check_domain(s, q->chain_id, &q->bank, e);
	if (code != ERR_NONE)
		return code;
	digest = eip712_channel(&s->separator, payee, q->key);
	sig = ecc_sign(s->ecc, &s->secret->key[q->purpose], &digest);
	*out = sig64_pack(&sig);
	return ERR_NONE;
}

static struct sig64 sign_for_storage(const struct signer *s,
				     const struct hash32 *digest)
{
	struct ecc_sig sig =
		ecc_sign(s->ecc, &s->secret->key[SIGNER_STORAGE], digest);

	return sig64_pack(&sig);
}

/* An agreement as the limits know it: a hash of its parties and number. */
static struct address agreement_name(const struct address *renter,
				     const struct address *host,
				     uint32_t number)
{
	uint8_t buf[20 + 20 + 4];
	struct wr w = wr_into(buf, sizeof(buf));
	struct address name;
	struct hash32 h;

	wr_copy(&w, renter->bytes, sizeof(renter->bytes));
	wr_copy(&w, host->bytes, sizeof(host->bytes));
	wr_u32(&w, number);
	h = keccak256(buf, wr_len(&w));
	memcpy(name.bytes, h.bytes, sizeof(name.bytes));
	return name;
}

/* What we lock in it counts towards the limits: the fund as its renter, the
 * collateral as its host. */
static enum err_code do_agreement(struct signer *s,
				  const struct signer_agreement *q,
				  struct sig64 *out, struct err *e)
{
	const struct agreement *a = &q->agreement;
	const struct address *own = &s->own[SIGNER_STORAGE];
	struct address name = agreement_name(&a->renter, &a->host, a->number);
	bool renter = address_eq(&a->renter, own);
	enum err_code code = has_account(s, SIGNER_STORAGE, e);
	struct hash32 digest;

	if (code == ERR_NONE)
		code = check_domain(s, q->chain_id, &q->bank, e);
	if (code == ERR_NONE)
		code = agreement_check(a, e);
	if (code == ERR_NONE && renter == address_eq(&a->host, own))
		code = err_fail(e, ERR_STATE,
				"signer: one side of an agreement is the own "
				"storage account, the other is not");
	if (code == ERR_NONE)
		code = signer_state_lock(s->state, &s->limits, today(), own,
					 &name,
					 renter ? a->fund : a->collateral, e);
	if (code != ERR_NONE)
		return code;
	digest = eip712_agreement(&s->separator, a);
	*out = sign_for_storage(s, &digest);
	return ERR_NONE;
}

static enum err_code check_own_host(const struct signer *s, uint64_t chain_id,
				    const struct address *bank,
				    const struct address *host, struct err *e)
{
	enum err_code code = has_account(s, SIGNER_STORAGE, e);

	if (code == ERR_NONE)
		code = check_domain(s, chain_id, bank, e);
	if (code == ERR_NONE && !address_eq(host, &s->own[SIGNER_STORAGE]))
		code = err_fail(e, ERR_STATE,
				"signer: a host speaks for its own storage "
				"account only");
	return code;
}

static enum err_code do_sheet(const struct signer *s,
			      const struct signer_sheet *q, struct sig64 *out,
			      struct err *e)
{
	enum err_code code =
		check_own_host(s, q->chain_id, &q->bank, &q->sheet.host, e);
	struct hash32 digest;

	if (code == ERR_NONE)
		code = sheet_check(&q->sheet, e);
	if (code != ERR_NONE)
		return code;
	digest = eip712_sheet(&s->separator, &q->sheet);
	*out = sign_for_storage(s, &digest);
	return ERR_NONE;
}

static enum err_code do_endpoint(const struct signer *s,
				 const struct signer_endpoint *q,
				 struct sig64 *out, struct err *e)
{
	enum err_code code =
		check_own_host(s, q->chain_id, &q->bank, &q->endpoint.host, e);
	struct hash32 digest;

	if (code != ERR_NONE)
		return code;
	digest = eip712_endpoint(&s->separator, &q->endpoint);
	*out = sign_for_storage(s, &digest);
	return ERR_NONE;
}

static enum err_code do_adopt(struct signer *s, const struct signer_adopt *q,
			      struct err *e)
{
	const struct address *payer = &s->own[q->purpose];
	enum err_code code = has_account(s, q->purpose, e);
	struct signer_domain d;
	struct hash32 digest;
	struct address who;

	if (code != ERR_NONE)
		return code;
	if (!signer_state_domain(s->state, &d))
		return err_fail(e, ERR_STATE, "signer: no bank is pinned yet");
	digest = eip712_receipt(&s->separator, payer, &q->payee, q->amount);
	code = sig64_recover(&who, &digest, &q->sig, e);
	if (code != ERR_NONE)
		return code;
	if (!address_eq(&who, payer))
		return err_fail(e, ERR_SIG,
				"signer: this account never signed that "
				"receipt");
	return signer_state_adopt(s->state, today(), payer, &q->payee,
				  q->amount, e);
}

static struct signer_rules rules_of(const struct signer *s)
{
	struct signer_rules rules = {
		.deploy_allowed = s->deploy_allowed,
		.deploy = s->deploy,
		.own = {s->own[0], s->own[1]},
		.cold = s->cold,
		.cold_len = s->cold_len,
		.reserve_days = s->limits.reserve_days,
		.now_s = clock_unix_s(),
	};

	rules.pinned = signer_state_domain(s->state, &rules.domain);
	return rules;
}

/* A form with a higher fee counts once more: limits are reached early then,
 * never late. */
static enum err_code
count_spend(struct signer *s, const struct signer_spend *spend, struct err *e)
{
	struct address name =
		agreement_name(&spend->renter, &spend->host, spend->number);

	if (!spend->any)
		return ERR_NONE;
	return signer_state_lock_more(s->state, &s->limits, today(),
				      &spend->renter, &name, spend->amount, e);
}

/* Keys of one kind of chain sign for that kind. */
static enum err_code check_kind(const struct signer *s, enum address_kind kind,
				struct err *e)
{
	if (s->kind != kind)
		return err_fail(e, ERR_STATE,
				"signer: not a transaction of this kind of "
				"chain");
	return ERR_NONE;
}

static enum err_code do_tx(struct signer *s, const struct signer_tx_evm *t,
			   struct signer_tx *out, struct err *e)
{
	struct signer_rules rules = rules_of(s);
	struct signer_spend spend = {0};
	enum err_code code = has_account(s, t->purpose, e);
	struct amount fee;
	struct hash32 digest;
	struct ecc_sig sig;

	if (code == ERR_NONE)
		code = check_kind(s, ADDRESS_EVM, e);
	if (code == ERR_NONE)
		code = signer_policy_check(&rules, t, &spend, e);
	if (code == ERR_NONE)
		code = evm_tx_fee(&fee, t, e);
	if (code == ERR_NONE)
		code = evm_tx_digest(&digest, t, s->scratch, REPLY_MAX, e);
	if (code == ERR_NONE)
		code = count_spend(s, &spend, e);
	if (code == ERR_NONE) /* counted last: nothing below can refuse */
		code = signer_state_fee(s->state, &s->limits, today(),
					&s->own[t->purpose], t->nonce, fee, e);
	if (code != ERR_NONE)
		return code;
	sig = ecc_sign(s->ecc, &s->secret->key[t->purpose], &digest);
	return evm_tx_seal(out, t, &sig, s->scratch, REPLY_MAX, e);
}

/* The most that it can cost: all energy that its limit buys, and its bytes at a
 * price that the chain alone knows. The price of the main chain is assumed. */
static struct amount tron_fee(const struct tron_tx *t)
{
	uint64_t bytes = tron_tx_size(t) + TRON_TX_RESULT;

	return amount_add_cap(amount_from_u64(t->fee_limit),
			      amount_from_u64(bytes * TRON_BYTE_SUN));
}

static enum err_code do_tron(struct signer *s, const struct signer_tx_tron *q,
			     struct signer_tx *out, struct err *e)
{
	struct signer_rules rules = rules_of(s);
	struct signer_spend spend = {0};
	enum err_code code = has_account(s, q->purpose, e);
	struct ecc_sig sig;

	if (code == ERR_NONE)
		code = check_kind(s, ADDRESS_TRON, e);
	if (code == ERR_NONE)
		code = signer_policy_check_tron(&rules, q, &spend, e);
	if (code == ERR_NONE)
		code = tron_tx_id(&out->hash, &q->tx, s->scratch, REPLY_MAX, e);
	if (code == ERR_NONE)
		code = count_spend(s, &spend, e);
	if (code == ERR_NONE) /* counted last: nothing below can refuse */
		code = signer_state_fee_once(s->state, &s->limits, today(),
					     tron_fee(&q->tx), e);
	if (code != ERR_NONE)
		return code;
	sig = ecc_sign(s->ecc, &s->secret->key[q->purpose], &out->hash);
	out->raw = s->scratch;
	out->raw_len = tron_tx_seal(&q->tx, &sig, s->scratch, REPLY_MAX);
	return ERR_NONE;
}

static enum err_code answer(struct signer *s, const struct signer_request *q,
			    struct signer_reply *p, struct err *e)
{
	if (!s->state && q->type != SIGNER_UNLOCK && q->type != SIGNER_STATUS)
		return err_fail(e, ERR_STATE,
				"signer: locked: the passphrase has not come");
	switch (q->type) {
	case SIGNER_UNLOCK:
		return do_unlock(s, &q->u.unlock, p, e);
	case SIGNER_STATUS:
		do_status(s, &p->u.status);
		return ERR_NONE;
	case SIGNER_ADDRESS:
		p->u.address = s->own[q->u.purpose];
		return has_account(s, q->u.purpose, e);
	case SIGNER_PIN:
		return do_pin(s, &q->u.pin, e);
	case SIGNER_ALLOW_DEPLOY:
		return do_allow_deploy(s, &q->u.deploy, e);
	case SIGNER_RECEIPT:
		return do_receipt(s, &q->u.receipt, &p->u.sig, e);
	case SIGNER_ADOPT:
		return do_adopt(s, &q->u.adopt, e);
	case SIGNER_TX_EVM:
		return do_tx(s, &q->u.tx, &p->u.tx, e);
	case SIGNER_TX_TRON:
		return do_tron(s, &q->u.tron, &p->u.tx, e);
	case SIGNER_CHANNEL:
		return do_channel(s, &q->u.channel, &p->u.sig, e);
	case SIGNER_AGREEMENT:
		return do_agreement(s, &q->u.agreement, &p->u.sig, e);
	case SIGNER_SHEET:
		return do_sheet(s, &q->u.sheet, &p->u.sig, e);
	case SIGNER_ENDPOINT:
		return do_endpoint(s, &q->u.endpoint, &p->u.sig, e);
	case SIGNER_STORAGE_KEY:
		memcpy(p->u.storage_key, s->secret->storage_key,
		       sizeof(p->u.storage_key));
		return has_account(s, SIGNER_STORAGE, e);
	case SIGNER_LIMITS:
		return do_limits(s, &q->u.limits, e);
	}
	return err_fail(e, ERR_PARSE, "signer: not a request");
}

/* ---- serving */

static bool write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static size_t put_reply(struct signer_reply *p, uint32_t id,
			const struct err *e, uint8_t *buf, size_t cap)
{
	p->code = e->code;
	if (e->code != ERR_NONE)
		memcpy(p->msg, e->msg, sizeof(p->msg));
	return signer_reply_encode(p, id, buf, cap);
}

/* What was decided could not be made durable: no signature leaves, each reply
 * becomes the error. */
static bool refuse_waiting(struct signer *s, const struct err *why)
{
	uint8_t buf[512];
	size_t at = 0;
	bool bad;

	while (at < s->out_len) {
		size_t len =
			signer_frame_len(s->out + at, s->out_len - at, &bad);
		struct signer_reply p;
		uint32_t id;

		if (len == 0 || signer_reply_decode(&p, &id, s->out + at, len,
						    NULL) != ERR_NONE)
			return false;
		at += len;
		len = put_reply(&p, id, why, buf, sizeof(buf));
		if (!write_all(s->fd, buf, len))
			return false;
	}
	s->out_len = 0;
	return true;
}

/* Durable first, then out. */
static bool release(struct signer *s)
{
	struct err e = {0};
	bool good;

	if (s->state && signer_state_flush(s->state, &e) != ERR_NONE)
		return refuse_waiting(s, &e);
	good = write_all(s->fd, s->out, s->out_len);
	s->out_len = 0;
	return good;
}

static bool serve_frame(struct signer *s, uint8_t *frame, size_t len)
{
	struct signer_request q;
	struct signer_reply p = {0};
	struct err e = {0};
	uint32_t id;
	enum err_code code = signer_request_decode(&q, &id, &s->secret->strings,
						   frame, len, NULL);

	if (code == ERR_NONE && q.type == SIGNER_UNLOCK)
		sodium_memzero(frame, len); /* the passphrase is in strings */
	if (code != ERR_NONE ||
	    (s->out_len > OUT_MAX - REPLY_MAX && !release(s)))
		return false;
	p.type = q.type;
	(void)!answer(s, &q, &p, &e);
	len = put_reply(&p, id, &e, s->out + s->out_len, OUT_MAX - s->out_len);
	s->out_len += len;
	return len > 0;
}

/* Every whole frame that has come, then one flush for all. */
static bool serve_input(struct signer *s)
{
	size_t at = 0;
	bool bad = false;

	for (;;) {
		size_t len = signer_frame_len(s->in + at, s->in_len - at, &bad);

		if (bad || len == 0 || len > s->in_len - at)
			break;
		if (!serve_frame(s, s->in + at, len))
			return false;
		at += len;
	}
	memmove(s->in, s->in + at, s->in_len - at);
	s->in_len -= at;
	return !bad && release(s);
}

static bool set_up(struct signer *s, int fd)
{
	s->fd = fd;
	if (sodium_init() < 0)
		return false;
	s->secret = sodium_malloc(sizeof(*s->secret));
	s->ecc = ecc_new(NULL);
	s->in = malloc(IN_MAX);
	s->out = malloc(OUT_MAX);
	s->scratch = malloc(REPLY_MAX);
	if (s->in)
		(void)sodium_mlock(s->in, IN_MAX);
	if (s->secret)
		memset(s->secret, 0, sizeof(*s->secret));
	return s->secret && s->ecc && s->in && s->out && s->scratch;
}

static void clear(struct signer *s)
{
	signer_state_close(s->state);
	sodium_free(s->secret);
	ecc_free(s->ecc);
	if (s->in)
		(void)sodium_munlock(s->in, IN_MAX); /* wipes */
	free(s->in);
	free(s->out);
	free(s->scratch);
}

int signer_serve(int fd)
{
	struct signer s = {0};
	bool good = set_up(&s, fd);

	while (good) {
		ssize_t n = read(fd, s.in + s.in_len, IN_MAX - s.in_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		s.in_len += (size_t)n;
		good = serve_input(&s);
	}
	clear(&s);
	return good ? 0 : 1;
}

/* ---- the process */

static void child_main(int fd, const sigset_t *mask)
{
	static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,
				      SIGQUIT, SIGPIPE, SIGUSR1,
				      SIGUSR2, SIGALRM, SIGXFSZ};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* clear of 0, 1 and 2 */
	signer_sandbox_begin(fd);
	_exit(signer_serve(fd)); /* no atexit of the parent's */
}

enum err_code signer_fork(struct signer_proc *out, struct err *e)
{
	sigset_t all, mask;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return err_fail(e, ERR_IO, "signer: no socket: %s",
				strerror(errno));
	(void)fflush(NULL);	/* or the child would print it again */
	(void)sigfillset(&all); /* no signal finds the child unprepared */
	(void)sigprocmask(SIG_SETMASK, &all, &mask);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]); /* or it would never see the end */
		child_main(fds[1], &mask);
	}
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return err_fail(e, ERR_IO, "signer: no process: %s",
				strerror(errno));
	}
	*out = (struct signer_proc){.pid = pid, .fd = fds[0]};
	return ERR_NONE;
}

void signer_stop(struct signer_proc *p)
{
	if (p->pid <= 0)
		return;
	(void)close(p->fd);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*p = (struct signer_proc){.pid = 0, .fd = -1};
}
