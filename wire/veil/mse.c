#include "wire/veil/mse.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "wire/peer/handshake.h"
#include "wire/veil/dh768.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define DISCARD 1024U
#define VC_LEN 8U
/* VC, provide or select, the length of a pad. */
#define REST_LEN (VC_LEN + 4U + 2U)
#define ASKED_LEN (SHA1_LEN + REST_LEN)
#define BARE_LEN HANDSHAKE_FIXED
#define KEY_LEN 32U
/* Our hello in PadC or PadD: an X25519 key and one byte of suites. */
#define HELLO_LEN (KEY_LEN + 1U)
#define BUF_LEN (MSE_PAD_MAX + 32U)
#define OUT_LEN \
	(DH768_LEN + MSE_PAD_MAX + SHA1_LEN + ASKED_LEN + MSE_PAD_MAX + 2U + \
	 MSE_IA_MAX)
#define LABEL "seedbank stream v1"

/* What is read next. */
enum at {
	AT_FIRST, /* accepting: is it a handshake of BEP 3? */
	AT_KEY,	  /* Ya or Yb */
	AT_MARK,  /* the end of PadA or PadB, known by what follows it */
	AT_ASKED, /* accepting: which SKEY, up to len(PadC) */
	AT_PAD_C, /* and len(IA) */
	AT_IA,
	AT_CHOSEN, /* opening: the rest of step 4 up to len(PadD) */
	AT_PAD_D,
	AT_END,
};

struct mse {
	struct mse_cfg cfg;
	bool opener;
	enum mse_state state;
	enum at at;
	const char *why;

	uint8_t buf[BUF_LEN]; /* what is read of it */
	size_t have;
	size_t pad_len; /* PadC, PadD */
	size_t ia_len;	/* IA: to send, or in buf at the end */
	uint8_t ia[MSE_IA_MAX];

	uint8_t out[OUT_LEN];
	size_t out_from, out_to;

	struct info_hash skey; /* accepting: from AT_ASKED on */
	struct dh768 dh;
	uint8_t secret[DH768_LEN]; /* S */
	uint8_t mark[SHA1_LEN];	   /* AT_MARK */
	size_t mark_len;
	struct rc4 rc4_in, rc4_out;

	enum mse_method method;
	uint32_t provide;
	uint8_t x_secret[KEY_LEN];
	uint8_t x_theirs[KEY_LEN];
	uint8_t suites;	    /* theirs, of PadC */
	struct sha256 said; /* the transcript of frames */
	struct frames_keys frames;
};

static void hash_of(uint8_t out[SHA1_LEN], const char *name, const uint8_t *p,
		    size_t len, const struct info_hash *skey)
{
	struct sha1 s;

	sha1_init(&s);
	sha1_update(&s, name, 4);
	sha1_update(&s, p, len);
	if (skey)
		sha1_update(&s, skey->bytes, sizeof(skey->bytes));
	sha1_final(&s, out);
}

void mse_req2(uint8_t out[20], const struct info_hash *skey)
{
	hash_of(out, "req2", skey->bytes, sizeof(skey->bytes), NULL);
}

static void rc4_of(struct rc4 *c, const struct mse *m, const char *name)
{
	uint8_t key[SHA1_LEN];

	hash_of(key, name, m->secret, sizeof(m->secret), &m->skey);
	rc4_init(c, key, sizeof(key), DISCARD);
	sodium_memzero(key, sizeof(key));
}

static void fail(struct mse *m, const char *why)
{
	m->state = MSE_FAILED;
	m->why = why;
	m->out_from = m->out_to = 0;
}

/* ---- what is sent ---- */

static struct wr writer(struct mse *m)
{
	return wr_into(m->out + m->out_to, sizeof(m->out) - m->out_to);
}

static void wrote(struct mse *m, const struct wr *w)
{
	m->out_to += wr_len(w);
}

static void write_random(struct mse *m, struct wr *w, size_t len)
{
	uint8_t bytes[MSE_PAD_MAX];

	rng_fill(&m->cfg.rng, bytes, len);
	wr_copy(w, bytes, len);
}

static size_t any_pad(struct mse *m)
{
	return rng_below(&m->cfg.rng, MSE_PAD_MAX + 1);
}

/* Steps 1 and 2. */
static bool write_key(struct mse *m)
{
	struct wr w = writer(m);

	if (!dh768_make(&m->dh, &m->cfg.rng)) {
		fail(m, "no memory");
		return false;
	}
	wr_copy(&w, m->dh.pub, sizeof(m->dh.pub));
	write_random(m, &w, any_pad(m));
	wrote(m, &w);
	return true;
}

static void said(struct mse *m, const void *p, size_t len)
{
	sha256_update(&m->said, p, len);
}

/* len(Pad) and the pad, which begins with our hello when `suites` is not 0. */
static void write_pad(struct mse *m, struct wr *w, uint8_t suites)
{
	size_t len = any_pad(m), from = w->len, rest = len;
	uint8_t key[KEY_LEN];

	if (suites && len < HELLO_LEN)
		len = rest = HELLO_LEN;
	wr_u16(w, (uint16_t)len);
	if (suites) {
		rng_fill(&m->cfg.rng, m->x_secret, sizeof(m->x_secret));
		(void)crypto_scalarmult_base(key, m->x_secret);
		wr_copy(w, key, sizeof(key));
		wr_u8(w, suites);
		rest -= HELLO_LEN;
	}
	write_random(m, w, rest);
	said(m, w->buf + from, w->len - from);
}

static const uint8_t vc[VC_LEN];

static void write_number(struct mse *m, struct wr *w, uint32_t v)
{
	wr_copy(w, vc, sizeof(vc));
	wr_u32(w, v);
	said(m, w->buf + w->len - 4, 4);
}

/* What is fast here; a node that lacks it can do the other all the same. */
static uint8_t own_suites(void)
{
	return crypto_aead_aes256gcm_is_available()
		       ? FRAMES_AES_256_GCM | FRAMES_CHACHA20_POLY1305
		       : FRAMES_CHACHA20_POLY1305;
}

static void write_step3(struct mse *m)
{
	bool frames = (m->cfg.methods & MSE_FRAMES) != 0;
	uint8_t hash[SHA1_LEN], mask[SHA1_LEN];
	struct wr w = writer(m);
	size_t from, ia_at;

	hash_of(hash, "req1", m->secret, sizeof(m->secret), NULL);
	wr_copy(&w, hash, sizeof(hash));
	mse_req2(hash, &m->skey);
	hash_of(mask, "req3", m->secret, sizeof(m->secret), NULL);
	for (size_t i = 0; i < sizeof(hash); i++)
		hash[i] ^= mask[i];
	wr_copy(&w, hash, sizeof(hash));
	from = w.len;
	m->provide = m->cfg.methods & (MSE_PLAIN | MSE_RC4);
	if (frames)
		m->provide |= MSE_OFFER;
	write_number(m, &w, m->provide);
	write_pad(m, &w, frames ? own_suites() : 0);
	ia_at = w.len;
	wr_u16(&w, (uint16_t)m->ia_len);
	wr_copy(&w, m->ia, m->ia_len);
	said(m, w.buf + ia_at, w.len - ia_at);
	rc4_run(&m->rc4_out, w.buf + from, w.buf + from, w.len - from);
	wrote(m, &w);
}

static void write_step4(struct mse *m, uint32_t select, uint8_t suite)
{
	struct wr w = writer(m);

	write_number(m, &w, select);
	write_pad(m, &w, suite);
	rc4_run(&m->rc4_out, w.buf, w.buf, w.len);
	wrote(m, &w);
}

/* ---- frames ---- */

static bool make_frames(struct mse *m, enum frames_suite suite)
{
	uint8_t shared[crypto_scalarmult_BYTES], digest[SHA256_LEN];
	bool ok;

	sha256_final(&m->said, digest);
	ok = crypto_scalarmult(shared, m->x_secret, m->x_theirs) == 0;
	if (ok)
		frames_derive(&m->frames, m->opener, m->secret,
			      sizeof(m->secret), shared, digest);
	else
		fail(m, "an X25519 key that is no key");
	m->frames.suite = suite;
	m->method = MSE_FRAMES;
	sodium_memzero(shared, sizeof(shared));
	return ok;
}

/* ---- what is read ---- */

static void begin_said(struct mse *m, const uint8_t *ya, const uint8_t *yb)
{
	sha256_init(&m->said);
	said(m, LABEL, sizeof(LABEL) - 1);
	said(m, ya, DH768_LEN);
	said(m, yb, DH768_LEN);
}

/* ENCRYPT(VC) as it will come: from here on their stream is known. */
static void expect_vc(struct mse *m)
{
	rc4_of(&m->rc4_in, m, "keyB");
	rc4_of(&m->rc4_out, m, "keyA");
	rc4_run(&m->rc4_in, m->mark, vc, sizeof(vc));
	m->mark_len = sizeof(vc);
}

static void on_key(struct mse *m)
{
	if (!m->opener && !m->cfg.may_work(m->cfg.ctx)) {
		fail(m, "too many handshakes");
		return;
	}
	if (!m->opener && !write_key(m))
		return;
	if (!dh768_shared(m->secret, &m->dh, m->buf)) {
		fail(m, "a public key that is no key");
		return;
	}
	m->at = AT_MARK;
	begin_said(m, m->opener ? m->dh.pub : m->buf,
		   m->opener ? m->buf : m->dh.pub);
	dh768_clear(&m->dh);
	if (m->opener) {
		said(m, m->skey.bytes, sizeof(m->skey.bytes));
		expect_vc(m);
		write_step3(m);
		return;
	}
	hash_of(m->mark, "req1", m->secret, sizeof(m->secret), NULL);
	m->mark_len = SHA1_LEN;
}

/* VC and the number after it, which are told; the length of the pad. */
static uint32_t read_rest(struct mse *m, const uint8_t *p, size_t len)
{
	struct rd r = rd_from(p, len);
	uint32_t v = rd_u32(&r);

	m->pad_len = rd_u16(&r);
	if (m->pad_len > MSE_PAD_MAX)
		fail(m, "a pad that is too long");
	said(m, p, 4);
	return v;
}

static void on_asked(struct mse *m)
{
	uint8_t *rest = m->buf + SHA1_LEN, mask[SHA1_LEN];

	hash_of(mask, "req3", m->secret, sizeof(m->secret), NULL);
	for (size_t i = 0; i < sizeof(mask); i++)
		mask[i] ^= m->buf[i];
	if (!m->cfg.find(m->cfg.ctx, mask, &m->skey)) {
		fail(m, "an info hash that nobody here has");
		return;
	}
	said(m, m->skey.bytes, sizeof(m->skey.bytes));
	rc4_of(&m->rc4_in, m, "keyA");
	rc4_of(&m->rc4_out, m, "keyB");
	rc4_run(&m->rc4_in, rest, rest, REST_LEN);
	if (memcmp(rest, vc, sizeof(vc)) != 0) {
		fail(m, "a wrong verification constant");
		return;
	}
	m->provide = read_rest(m, rest + VC_LEN, REST_LEN - VC_LEN);
	m->at = AT_PAD_C;
}

/* The pad in buf, with its length before it, into the transcript; its hello,
 * when it is to have one. */
static bool read_pad(struct mse *m, bool hello)
{
	uint8_t len[2] = {(uint8_t)(m->pad_len >> 8), (uint8_t)m->pad_len};

	said(m, len, sizeof(len));
	said(m, m->buf, m->pad_len);
	if (!hello)
		return true;
	if (m->pad_len < HELLO_LEN)
		return false;
	memcpy(m->x_theirs, m->buf, KEY_LEN);
	m->suites = m->buf[KEY_LEN];
	return true;
}

static bool is_offer(uint32_t v)
{
	return (v & 0xffff0000U) == MSE_OFFER;
}

static void on_pad_c(struct mse *m)
{
	struct rd r = rd_from(m->buf + m->pad_len, 2);

	rc4_run(&m->rc4_in, m->buf, m->buf, m->pad_len + 2);
	m->ia_len = rd_u16(&r);
	m->at = AT_IA;
	if (m->ia_len > MSE_IA_MAX)
		fail(m, "an initial payload that is too long");
	else if (!read_pad(m, is_offer(m->provide)))
		fail(m, "an offer without a key");
	said(m, m->buf + m->pad_len, 2);
}

static enum mse_method choose(const struct mse *m)
{
	unsigned both = m->provide & (MSE_PLAIN | MSE_RC4) & m->cfg.methods;

	if ((both & MSE_PLAIN) && m->cfg.plain_first)
		return MSE_PLAIN;
	if ((m->cfg.methods & MSE_FRAMES) && is_offer(m->provide) &&
	    (m->suites & FRAMES_CHACHA20_POLY1305))
		return MSE_FRAMES;
	return both & MSE_RC4 ? MSE_RC4 : (enum mse_method)both;
}

static void on_ia(struct mse *m)
{
	enum frames_suite suite = m->suites & own_suites() & FRAMES_AES_256_GCM
					  ? FRAMES_AES_256_GCM
					  : FRAMES_CHACHA20_POLY1305;

	rc4_run(&m->rc4_in, m->ia, m->buf, m->ia_len);
	said(m, m->ia, m->ia_len);
	m->at = AT_END;
	m->method = choose(m);
	if (!m->method) {
		fail(m, "nothing that both sides take");
		return;
	}
	if (m->method != MSE_FRAMES) {
		write_step4(m, m->method, 0);
	} else {
		write_step4(m, MSE_OFFER, suite);
		if (!make_frames(m, suite))
			return;
	}
	m->state = MSE_DONE;
}

static void on_chosen(struct mse *m)
{
	uint32_t select;

	rc4_run(&m->rc4_in, m->buf, m->buf, REST_LEN - VC_LEN);
	select = read_rest(m, m->buf, REST_LEN - VC_LEN);
	if (select == MSE_OFFER)
		m->method = MSE_FRAMES;
	else if (select == MSE_PLAIN || select == MSE_RC4)
		m->method = (enum mse_method)select;
	if (!(m->method & m->cfg.methods))
		fail(m, "chose what was not offered");
	m->at = AT_PAD_D;
}

static void on_pad_d(struct mse *m)
{
	bool frames = m->method == MSE_FRAMES;

	rc4_run(&m->rc4_in, m->buf, m->buf, m->pad_len);
	m->at = AT_END;
	m->ia_len = 0; /* ours, and gone */
	if (!read_pad(m, frames) ||
	    (frames && m->suites != FRAMES_AES_256_GCM &&
	     m->suites != FRAMES_CHACHA20_POLY1305)) {
		fail(m, "an answer without a key");
		return;
	}
	if (frames && !make_frames(m, (enum frames_suite)m->suites))
		return;
	m->state = MSE_DONE;
}

/* ---- the machine ---- */

/* Bytes that must be in buf before what is read next can be looked at. */
static size_t wanted(const struct mse *m)
{
	switch (m->at) {
	case AT_FIRST:
		return m->have + 1;
	case AT_KEY:
		return DH768_LEN;
	case AT_MARK:
		return m->have < m->mark_len ? m->mark_len : m->have + 1;
	case AT_ASKED:
		return ASKED_LEN;
	case AT_PAD_C:
		return m->pad_len + 2;
	case AT_IA:
		return m->ia_len;
	case AT_CHOSEN:
		return REST_LEN - VC_LEN;
	case AT_PAD_D:
		return m->pad_len;
	case AT_END:
		return 0;
	}
	return 0;
}

/* One byte more of a first handshake. */
static void on_first(struct mse *m)
{
	if (!handshake_starts(m->buf, m->have)) {
		m->at = AT_KEY;
		return;
	}
	if (m->have < BARE_LEN)
		return;
	memcpy(m->ia, m->buf, BARE_LEN);
	m->ia_len = BARE_LEN;
	m->at = AT_END;
	m->state = MSE_BARE;
}

static void on_mark(struct mse *m)
{
	if (memcmp(m->buf + m->have - m->mark_len, m->mark, m->mark_len) == 0) {
		m->at = m->opener ? AT_CHOSEN : AT_ASKED;
		m->have = 0;
	} else if (m->have == MSE_PAD_MAX + m->mark_len) {
		fail(m, "no end of its pad");
	}
}

static void act(struct mse *m)
{
	enum at at = m->at;

	switch (at) {
	case AT_FIRST:
		on_first(m);
		return;
	case AT_MARK:
		on_mark(m);
		return;
	case AT_KEY:
		on_key(m);
		break;
	case AT_ASKED:
		on_asked(m);
		break;
	case AT_PAD_C:
		on_pad_c(m);
		break;
	case AT_IA:
		on_ia(m);
		break;
	case AT_CHOSEN:
		on_chosen(m);
		break;
	case AT_PAD_D:
		on_pad_d(m);
		break;
	case AT_END:
		return;
	}
	m->have = 0;
}

enum mse_state mse_feed(struct mse *m, const uint8_t *p, size_t len,
			size_t *used)
{
	size_t left = len;

	while (m->state == MSE_MORE) {
		size_t want = wanted(m);
		size_t more = want > m->have ? want - m->have : 0;

		if (more > left)
			more = left;
		if (more) {
			memcpy(m->buf + m->have, p, more);
			m->have += more;
			p += more;
		}
		left -= more;
		if (m->have < want)
			break;
		act(m);
	}
	*used = len - left;
	return m->state;
}

static struct mse *machine(const struct mse_cfg *cfg, bool opener)
{
	struct mse *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->cfg = *cfg;
	m->opener = opener;
	m->at = opener ? AT_KEY : AT_FIRST;
	m->why = "";
	return m;
}

struct mse *mse_open(const struct mse_cfg *cfg, const struct info_hash *skey,
		     const uint8_t *ia, size_t ia_len)
{
	struct mse *m = machine(cfg, true);

	if (!m)
		return NULL;
	m->skey = *skey;
	if (ia_len)
		memcpy(m->ia, ia, ia_len);
	m->ia_len = ia_len;
	if (!write_key(m)) {
		mse_free(m);
		return NULL;
	}
	return m;
}

struct mse *mse_accept(const struct mse_cfg *cfg)
{
	return machine(cfg, false);
}

void mse_free(struct mse *m)
{
	if (!m)
		return;
	sodium_memzero(m, sizeof(*m));
	free(m);
}

enum mse_state mse_state(const struct mse *m)
{
	return m->state;
}

const char *mse_why(const struct mse *m)
{
	return m->why;
}

size_t mse_output(const struct mse *m, const uint8_t **p)
{
	*p = m->out + m->out_from;
	return m->out_to - m->out_from;
}

void mse_sent(struct mse *m, size_t n)
{
	m->out_from += n;
	if (m->out_from == m->out_to)
		m->out_from = m->out_to = 0;
}

size_t mse_early(const struct mse *m, const uint8_t **p)
{
	*p = m->ia;
	return m->ia_len;
}

void mse_take(const struct mse *m, struct mse_keys *out)
{
	memset(out, 0, sizeof(*out));
	out->method = m->method;
	if (m->method == MSE_RC4) {
		out->in = m->rc4_in;
		out->out = m->rc4_out;
	}
	if (m->method == MSE_FRAMES)
		out->frames = m->frames;
}
