#include "wire/veil/veil.h"

#include "tests/wire/mse_pair.h"
#include "wire/peer/handshake.h"

#include <sodium.h>

#define SAYS (300U * 1024U) /* bytes that each side has to say */

/* One side: a peer that says bytes that follow from their place, and checks
 * that it hears the other's. */
struct end {
	struct veil *v;
	uint8_t *says;
	size_t said, heard, say_len;
	uint8_t salt, other_salt;
	bool wrong, gone, wants;
	const char *failed;
	bool dumb; /* says nothing */
};

static uint8_t byte_at(uint8_t salt, size_t at)
{
	/* begins as a handshake does */
	if (at < 20)
		return (uint8_t) "\x13"
				 "BitTorrent protocol"[at];
	return (uint8_t)(salt + at * 31 + (at >> 8));
}

static bool on_deliver(void *user, struct span bytes)
{
	struct end *e = user;

	for (size_t i = 0; i < bytes.len; i++)
		e->wrong |= bytes.p[i] != byte_at(e->other_salt, e->heard + i);
	e->heard += bytes.len;
	return !e->gone;
}

/* In pieces as a peer has them: heads of 13 bytes, blocks of 16 KiB. */
static size_t on_pull(void *user, struct iovec *iov, size_t max, size_t *bytes)
{
	struct end *e = user;
	size_t at = e->said, n = 0;

	*bytes = 0;
	while (!e->dumb && n < max && at < e->say_len) {
		size_t len = at < 68 ? 68 - at : n % 2 ? 16384 : 13;

		if (len > e->say_len - at)
			len = e->say_len - at;
		iov[n].iov_base = e->says + at;
		iov[n++].iov_len = len;
		at += len;
		*bytes += len;
	}
	return n;
}

static void on_pulled(void *user, size_t n)
{
	struct end *e = user;

	e->said += n;
}

static void on_want_write(void *user)
{
	struct end *e = user;

	e->wants = true;
}

static void on_failed(void *user, const char *why)
{
	struct end *e = user;

	CHECK(!e->failed, "failed twice: %s, %s", e->failed, why);
	e->failed = why;
}

static const struct veil_io io = {
	.deliver = on_deliver,
	.pull = on_pull,
	.pulled = on_pulled,
	.want_write = on_want_write,
	.failed = on_failed,
};

static void end_init(struct end *e, uint8_t salt, size_t say_len)
{
	memset(e, 0, sizeof(*e));
	e->salt = salt;
	e->other_salt = salt ^ 1;
	e->say_len = say_len;
	e->says = malloc(say_len);
	for (size_t i = 0; i < say_len; i++)
		e->says[i] = byte_at(salt, i);
}

static void end_clear(struct end *e)
{
	veil_free(e->v);
	free(e->says);
}

struct joint {
	struct veil_env *env;
	struct end opener, accepter;
	struct cbuf_pool *pool;
	size_t chop;	/* of what is received at once; 0: all */
	size_t write;	/* of what is written at once */
	size_t flip_at; /* a byte of the wire that is changed; 0: none */
	size_t moved;	/* by the opener */
};

static void joint_open(struct joint *j, enum veil_policy opener,
		       enum veil_policy accepter)
{
	struct mse_cfg a = pair_cfg(0, false, 1), b = pair_cfg(0, false, 2);

	j->env = veil_env_new(4);
	j->pool = cbuf_pool_new(1U << 18, 8, 2);
	end_init(&j->opener, 4, SAYS);
	end_init(&j->accepter, 5, SAYS);
	j->accepter.v = veil_accept(j->env, accepter, &b, &io, &j->accepter);
	j->opener.v =
		veil_open(j->env, opener, &a, &pair_skey, &io, &j->opener);
}

static void joint_close(struct joint *j)
{
	end_clear(&j->opener);
	end_clear(&j->accepter);
	CHECK(cbuf_pool_in_use(j->pool) == 0, "receive buffers are kept");
	cbuf_pool_free(j->pool);
	veil_env_free(j->env); /* which checks that all are back */
}

/* Hands bytes over as a receive buffer does. */
static void receive(struct joint *j, struct end *to, const uint8_t *p, size_t n)
{
	struct cbuf *b = cbuf_get(j->pool);
	size_t at = 0;

	memcpy(b->data, p, n);
	if (to == &j->accepter && j->flip_at > j->moved &&
	    j->flip_at <= j->moved + n)
		b->data[j->flip_at - 1 - j->moved] ^= 1;
	if (to == &j->accepter)
		j->moved += n;
	while (at < n) {
		size_t len = j->chop && n - at > j->chop ? j->chop : n - at;

		veil_feed(to->v, (struct span){b, b->data + at, len});
		at += len;
	}
	cbuf_unref(b);
}

/* One write of what `from` has. False: nothing. */
static bool move(struct joint *j, struct end *from, struct end *to)
{
	struct iovec iov[64];
	size_t n = veil_output(from->v, iov, 64), room = j->write;
	static uint8_t wire[1U << 18];
	size_t len = 0;

	for (size_t i = 0; i < n && len < room; i++) {
		size_t part = iov[i].iov_len;

		if (part > room - len)
			part = room - len;
		memcpy(wire + len, iov[i].iov_base, part);
		len += part;
	}
	if (len == 0)
		return false;
	veil_sent(from->v, len);
	receive(j, to, wire, len);
	return true;
}

static void run(struct joint *j)
{
	bool more = true;

	while (more && !j->opener.failed && !j->accepter.failed) {
		more = move(j, &j->opener, &j->accepter);
		more |= move(j, &j->accepter, &j->opener);
	}
}

static const struct {
	const char *name;
	enum veil_policy opener, accepter;
	enum veil_kind want; /* NOT_YET: it fails */
} pairs[] = {
	{"both allow: the second try is plain behind the handshake", VEIL_ALLOW,
	 VEIL_ALLOW, VEIL_PLAIN},
	{"who prefers gets frames", VEIL_PREFER, VEIL_ALLOW, VEIL_FRAMES},
	{"who allows meets one who prefers", VEIL_ALLOW, VEIL_PREFER,
	 VEIL_FRAMES},
	{"both prefer", VEIL_PREFER, VEIL_PREFER, VEIL_FRAMES},
	{"one requires", VEIL_REQUIRE, VEIL_ALLOW, VEIL_FRAMES},
	{"the other requires", VEIL_ALLOW, VEIL_REQUIRE, VEIL_FRAMES},
	{"both require", VEIL_REQUIRE, VEIL_REQUIRE, VEIL_FRAMES},
};

static void all_bytes_come_through(void)
{
	static const size_t chops[] = {0, 1, 1000, 40000};

	for (size_t i = 0; i < ROWS(pairs) * ROWS(chops); i++) {
		size_t row = i / ROWS(chops);
		struct joint j = {.chop = chops[i % ROWS(chops)]};

		j.write = j.chop == 1000 ? 777 : 200000;
		joint_open(&j, pairs[row].opener, pairs[row].accepter);
		run(&j);
		CHECK(!j.opener.failed && !j.accepter.failed, "%s: %s %s",
		      pairs[row].name, j.opener.failed, j.accepter.failed);
		CHECK(j.opener.heard == SAYS && j.accepter.heard == SAYS,
		      "%s: %zu, %zu, chop %zu", pairs[row].name, j.opener.heard,
		      j.accepter.heard, j.chop);
		CHECK(!j.opener.wrong && !j.accepter.wrong, "%s: other bytes",
		      pairs[row].name);
		CHECK(veil_kind(j.opener.v) == pairs[row].want &&
			      veil_kind(j.accepter.v) == pairs[row].want,
		      "%s: %s", pairs[row].name,
		      veil_kind_name(veil_kind(j.opener.v)));
		CHECK(veil_is_done(j.opener.v) ==
			      (pairs[row].want == VEIL_PLAIN),
		      "%s: done", pairs[row].name);
		joint_close(&j);
	}
}

/* A stranger that knows RC4 alone. */
static void rc4_comes_through_too(void)
{
	for (size_t chop = 0; chop < 2000; chop += 999) {
		struct mse_cfg c = pair_cfg(MSE_RC4, false, 9);
		struct joint j = {.chop = chop, .write = 50000};
		struct mse_keys keys;
		struct mse *m;
		uint8_t bytes[8192];
		struct iovec iov[4];
		const uint8_t *p;
		size_t n;

		joint_open(&j, VEIL_REQUIRE, VEIL_REQUIRE);
		j.opener.dumb = true;
		m = mse_open(&c, &pair_skey, j.opener.says, 68);
		for (int i = 0; i < 2; i++) {
			n = mse_output(m, &p);
			receive(&j, &j.accepter, p, n);
			mse_sent(m, n);
			n = veil_output(j.accepter.v, iov, 4);
			(void)pair_feed(m, iov[0].iov_base, iov[0].iov_len, 99);
			veil_sent(j.accepter.v, iov[0].iov_len);
		}
		CHECK(mse_state(m) == MSE_DONE, "%s", mse_why(m));
		mse_take(m, &keys);
		rc4_run(&keys.out, bytes, j.opener.says + 68, sizeof(bytes));
		receive(&j, &j.accepter, bytes, sizeof(bytes));
		CHECK(j.accepter.heard == 68 + sizeof(bytes) &&
			      !j.accepter.wrong,
		      "heard %zu", j.accepter.heard);
		n = veil_output(j.accepter.v, iov, 4);
		CHECK(n == 1 && iov[0].iov_len > 1000, "said %zu", n);
		rc4_run(&keys.in, bytes, iov[0].iov_base, 1000);
		CHECK(memcmp(bytes, j.accepter.says, 1000) == 0, "other bytes");
		CHECK(memcmp(j.accepter.says,
			     "\x13"
			     "Bit",
			     4) == 0,
		      "what others share was encrypted in place");
		mse_free(m);
		joint_close(&j);
	}
}

static const struct {
	enum veil_policy policy;
	bool taken;
} plain_firsts[] = {
	{VEIL_ALLOW, true}, {VEIL_PREFER, true}, {VEIL_REQUIRE, false}};

static void a_plain_opener_is_taken_where_policy_has_it(void)
{
	for (size_t i = 0; i < ROWS(plain_firsts); i++) {
		struct joint j = {.chop = i ? 7 : 0, .write = 100000};
		struct iovec iov[64];

		joint_open(&j, VEIL_ALLOW, plain_firsts[i].policy);
		receive(&j, &j.accepter, j.opener.says, 5000);
		CHECK(plain_firsts[i].taken == !j.accepter.failed,
		      "row %zu: %s", i, j.accepter.failed);
		CHECK(j.accepter.heard == (plain_firsts[i].taken ? 5000 : 0),
		      "row %zu: %zu", i, j.accepter.heard);
		CHECK(veil_is_done(j.accepter.v) == plain_firsts[i].taken,
		      "row %zu", i);
		CHECK((veil_output(j.accepter.v, iov, 64) > 0) ==
			      plain_firsts[i].taken,
		      "row %zu: says", i);
		joint_close(&j);
	}
}

/* After some 1,200 bytes of handshake come 9 frames and more. */
static void a_frame_that_was_changed_ends_it(void)
{
	for (size_t at = 3000; at < 300000; at += 29000) {
		struct joint j = {.write = 200000, .flip_at = at};

		joint_open(&j, VEIL_REQUIRE, VEIL_REQUIRE);
		run(&j);
		CHECK(j.accepter.failed &&
			      strcmp(j.accepter.failed,
				     "a frame that does not open") == 0,
		      "byte %zu: %s", at, j.accepter.failed);
		CHECK(j.accepter.heard < at && !j.accepter.wrong,
		      "byte %zu: something of it was handed on", at);
		joint_close(&j);
	}
}

static void a_peer_that_is_gone_hears_no_more(void)
{
	struct joint j = {.write = 200000};
	size_t heard;

	joint_open(&j, VEIL_REQUIRE, VEIL_REQUIRE);
	for (int i = 0; i < 4; i++) {
		(void)move(&j, &j.opener, &j.accepter);
		(void)move(&j, &j.accepter, &j.opener);
	}
	j.accepter.gone = true;
	heard = j.accepter.heard;
	(void)move(&j, &j.opener, &j.accepter);
	CHECK(j.accepter.heard - heard <= VEIL_FRAME_PLAIN, "%zu",
	      j.accepter.heard - heard);
	joint_close(&j);
}

/* No more connections wait with encrypted bytes than the env has room for. */
static void without_a_buffer_it_ends(void)
{
	struct joint j = {.write = 200000};
	struct iovec iov[64];

	joint_open(&j, VEIL_REQUIRE, VEIL_REQUIRE);
	veil_free(j.accepter.v);
	veil_free(j.opener.v);
	veil_env_free(j.env);
	j.env = veil_env_new(1);
	j.opener.said = 0;
	{
		struct mse_cfg a = pair_cfg(0, false, 1);
		struct mse_cfg b = pair_cfg(0, false, 2);

		j.accepter.v =
			veil_accept(j.env, VEIL_REQUIRE, &b, &io, &j.accepter);
		j.opener.v = veil_open(j.env, VEIL_REQUIRE, &a, &pair_skey, &io,
				       &j.opener);
	}
	for (int i = 0; i < 2; i++) {
		(void)move(&j, &j.opener, &j.accepter);
		(void)move(&j, &j.accepter, &j.opener);
	}
	CHECK(veil_output(j.opener.v, iov, 64) == 1, "the only buffer");
	CHECK(veil_output(j.accepter.v, iov, 64) == 0 && j.accepter.failed,
	      "there was another");
	joint_close(&j);
}

static void words_and_ways(void)
{
	static const struct {
		const char *word;
		enum veil_way first, second;
	} rows[] = {
		{"off", VEIL_WAY_PLAIN, VEIL_WAY_NONE},
		{"allow", VEIL_WAY_PLAIN, VEIL_WAY_MSE},
		{"prefer", VEIL_WAY_MSE, VEIL_WAY_PLAIN},
		{"require", VEIL_WAY_MSE, VEIL_WAY_NONE},
	};
	enum veil_policy p;

	for (size_t i = 0; i < ROWS(rows); i++) {
		CHECK(veil_policy_parse(&p, rows[i].word), "%s", rows[i].word);
		CHECK(veil_way(p, 0) == rows[i].first &&
			      veil_way(p, 1) == rows[i].second &&
			      veil_way(p, 2) == VEIL_WAY_NONE,
		      "%s", rows[i].word);
	}
	CHECK(!veil_policy_parse(&p, "yes") && !veil_policy_parse(&p, ""),
	      "no such words");
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	words_and_ways();
	all_bytes_come_through();
	rc4_comes_through_too();
	a_plain_opener_is_taken_where_policy_has_it();
	a_frame_that_was_changed_ends_it();
	a_peer_that_is_gone_hears_no_more();
	without_a_buffer_it_ends();
	return CHECK_EXIT();
}
