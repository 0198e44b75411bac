/* Bytes of a stranger to a veil, and changes to what two veils say to each
 * other. First byte: whose side it is (or both), and the policy; second: how
 * many bytes are received at once. Then the bytes; for two veils triples of a
 * place in what the opener sends (2 bytes) and a mask. Nothing crashes, what is
 * handed on between two that were not changed is what was said, and all
 * buffers come back. */
#include "tests/wire/mse_pair.h"
#include "wire/veil/veil.h"

#include <sodium.h>

#define SAYS 70000U
#define FLIPS 8U

struct side {
	struct veil *v;
	size_t said, heard;
	bool failed, other;
};

static uint8_t says[SAYS];

static bool on_deliver(void *user, struct span bytes)
{
	struct side *s = user;
	size_t n = bytes.len;

	if (s->heard + n > SAYS)
		n = s->heard < SAYS ? SAYS - s->heard : 0;
	s->other |= n != bytes.len || memcmp(bytes.p, says + s->heard, n) != 0;
	s->heard += n;
	return true;
}

static size_t on_pull(void *user, struct iovec *iov, size_t max, size_t *bytes)
{
	struct side *s = user;

	(void)max;
	iov->iov_base = says + s->said;
	iov->iov_len = *bytes = SAYS - s->said;
	return *bytes ? 1 : 0;
}

static void on_pulled(void *user, size_t n)
{
	struct side *s = user;

	s->said += n;
}

static void on_want_write(void *user)
{
	(void)user;
}

static void on_failed(void *user, const char *why)
{
	struct side *s = user;

	(void)why;
	if (s->failed)
		abort();
	s->failed = true;
}

static const struct veil_io io = {on_deliver, on_pull, on_pulled, on_want_write,
				  on_failed};

static void feed(struct side *to, uint8_t *p, size_t len, size_t chop)
{
	for (size_t at = 0; at < len; at += chop)
		veil_feed(to->v,
			  (struct span){NULL, p + at,
					len - at < chop ? len - at : chop});
}

struct flips {
	size_t at[FLIPS];
	uint8_t mask[FLIPS];
	size_t n, moved;
};

/* One write; false: there was none. */
static bool move(struct side *from, struct side *to, struct flips *f,
		 size_t chop)
{
	static uint8_t wire[2U * VEIL_OUT];
	struct iovec iov[4];
	size_t n = veil_output(from->v, iov, 4), len;

	if (n == 0)
		return false;
	len = iov[0].iov_len;
	memcpy(wire, iov[0].iov_base, len);
	veil_sent(from->v, len);
	for (size_t i = 0; f && i < f->n; i++)
		if (f->at[i] >= f->moved && f->at[i] < f->moved + len)
			wire[f->at[i] - f->moved] ^= f->mask[i];
	if (f)
		f->moved += len;
	feed(to, wire, len, chop);
	return true;
}

static void both(struct side *opener, struct side *accepter, size_t chop,
		 const uint8_t *data, size_t size)
{
	struct flips f = {.n = 0};
	bool more = true, changed = false;

	for (; size >= 3 && f.n < FLIPS; data += 3, size -= 3) {
		f.at[f.n] = (size_t)data[0] << 8 | data[1];
		f.mask[f.n++] = data[2];
		changed |= data[2] != 0;
	}
	while (more) {
		more = move(opener, accepter, &f, chop);
		more |= move(accepter, opener, NULL, chop);
	}
	if (changed)
		return;
	if (opener->failed || accepter->failed || opener->other ||
	    accepter->other || opener->heard != SAYS || accepter->heard != SAYS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mse_cfg a = pair_cfg(0, false, 1), b = pair_cfg(0, false, 2);
	struct side opener = {0}, accepter = {0};
	enum veil_policy policy;
	struct veil_env *env;
	size_t chop;
	uint8_t *copy;

	if (size < 2 || sodium_init() < 0)
		return 0;
	policy = (enum veil_policy)(VEIL_ALLOW + data[0] / 3 % 3);
	chop = data[1] ? data[1] : 65536;
	for (size_t i = 0; i < SAYS; i++)
		says[i] = (uint8_t)(i * 7 + (i >> 9));
	env = veil_env_new(4);
	accepter.v = veil_accept(env, policy, &b, &io, &accepter);
	opener.v = veil_open(env, policy, &a, &pair_skey, &io, &opener);
	copy = malloc(size);
	memcpy(copy, data, size);
	if (data[0] % 3 == 0)
		feed(&accepter, copy + 2, size - 2, chop);
	else if (data[0] % 3 == 1)
		feed(&opener, copy + 2, size - 2, chop);
	else
		both(&opener, &accepter, chop, data + 2, size - 2);
	free(copy);
	veil_free(opener.v);
	veil_free(accepter.v);
	veil_env_free(env);
	return 0;
}
