#include "wire/veil/veil.h"

#include "wire/peer/handshake.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PULL_IOV 64U
#define BUFFERS_KEPT 4U

struct veil_env {
	struct cbuf_pool *pool; /* buffers of VEIL_OUT bytes */
};

struct veil {
	struct veil_env *env;
	const struct veil_io *io;
	void *user;
	bool plain_taken; /* a handshake of BEP 3 is welcome */
	bool failed;
	enum veil_kind kind;
	struct mse *mse; /* until its last bytes are sent */

	struct rc4 rc4_in, rc4_out;
	struct frames *frames;

	/* a frame that is not whole */
	uint8_t head[FRAMES_HEAD_LEN];
	size_t head_len;
	uint8_t *gather; /* box_len bytes */
	size_t gathered;
	size_t plain_len, box_len; /* what the head said; 0: no head yet */

	struct cbuf *out; /* encrypted, from out_from to out_to */
	size_t out_from, out_to;
};

bool veil_policy_parse(enum veil_policy *out, const char *text)
{
	static const char *const names[] = {"off", "allow", "prefer",
					    "require"};

	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(names[i], text) == 0) {
			*out = (enum veil_policy)i;
			return true;
		}
	}
	return false;
}

enum veil_way veil_way(enum veil_policy policy, unsigned attempt)
{
	static const enum veil_way ways[][2] = {
		[VEIL_OFF] = {VEIL_WAY_PLAIN, VEIL_WAY_NONE},
		[VEIL_ALLOW] = {VEIL_WAY_PLAIN, VEIL_WAY_MSE},
		[VEIL_PREFER] = {VEIL_WAY_MSE, VEIL_WAY_PLAIN},
		[VEIL_REQUIRE] = {VEIL_WAY_MSE, VEIL_WAY_NONE},
	};

	return attempt < 2 ? ways[policy][attempt] : VEIL_WAY_NONE;
}

const char *veil_kind_name(enum veil_kind kind)
{
	switch (kind) {
	case VEIL_NOT_YET:
		return "";
	case VEIL_PLAIN:
		return "plain";
	case VEIL_RC4:
		return "rc4";
	case VEIL_FRAMES:
		return "frames";
	}
	return "";
}

struct veil_env *veil_env_new(unsigned max_veils)
{
	struct veil_env *env = calloc(1, sizeof(*env));

	if (!env)
		return NULL;
	env->pool = cbuf_pool_new(VEIL_OUT, max_veils, BUFFERS_KEPT);
	if (!env->pool) {
		free(env);
		return NULL;
	}
	return env;
}

void veil_env_free(struct veil_env *env)
{
	if (!env)
		return;
	cbuf_pool_free(env->pool);
	free(env);
}

/* ---- a veil ---- */

static struct veil *veil_new(struct veil_env *env, enum veil_policy policy,
			     const struct veil_io *io, void *user)
{
	struct veil *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->env = env;
	v->io = io;
	v->user = user;
	v->plain_taken = policy != VEIL_REQUIRE;
	return v;
}

/* Who prefers encryption offers no plain bytes behind the handshake: those
 * they would get cheaper without one. */
static struct mse_cfg cfg_of(const struct mse_cfg *cfg, enum veil_policy policy,
			     bool opener)
{
	struct mse_cfg out = *cfg;

	out.methods = MSE_RC4 | MSE_FRAMES;
	if (policy == VEIL_ALLOW || (policy == VEIL_PREFER && !opener))
		out.methods |= MSE_PLAIN;
	out.plain_first = policy == VEIL_ALLOW;
	return out;
}

struct veil *veil_open(struct veil_env *env, enum veil_policy policy,
		       const struct mse_cfg *cfg, const struct info_hash *skey,
		       const struct veil_io *io, void *user)
{
	struct mse_cfg c = cfg_of(cfg, policy, true);
	struct veil *v = veil_new(env, policy, io, user);
	uint8_t ia[HANDSHAKE_LEN];
	struct iovec iov[PULL_IOV];
	size_t n, bytes = 0, len = 0;

	if (!v)
		return NULL;
	n = io->pull(user, iov, PULL_IOV, &bytes);
	for (size_t i = 0; i < n && len < sizeof(ia); i++) {
		size_t room = sizeof(ia) - len;
		size_t part = iov[i].iov_len < room ? iov[i].iov_len : room;

		memcpy(ia + len, iov[i].iov_base, part);
		len += part;
	}
	v->mse = mse_open(&c, skey, ia, len);
	if (!v->mse) {
		veil_free(v);
		return NULL;
	}
	if (len)
		io->pulled(user, len);
	return v;
}

struct veil *veil_accept(struct veil_env *env, enum veil_policy policy,
			 const struct mse_cfg *cfg, const struct veil_io *io,
			 void *user)
{
	struct mse_cfg c = cfg_of(cfg, policy, false);
	struct veil *v = veil_new(env, policy, io, user);

	if (!v)
		return NULL;
	v->mse = mse_accept(&c);
	if (!v->mse) {
		veil_free(v);
		return NULL;
	}
	return v;
}

static void drop_gather(struct veil *v)
{
	free(v->gather);
	v->gather = NULL;
	v->gathered = v->head_len = v->plain_len = v->box_len = 0;
}

void veil_free(struct veil *v)
{
	if (!v)
		return;
	mse_free(v->mse);
	frames_free(v->frames);
	cbuf_unref(v->out);
	drop_gather(v);
	sodium_memzero(v, sizeof(*v));
	free(v);
}

static void fail(struct veil *v, const char *why)
{
	if (v->failed)
		return;
	v->failed = true;
	v->io->failed(v->user, why);
}

/* ---- the handshake ---- */

static void take_keys(struct veil *v)
{
	struct mse_keys keys;

	mse_take(v->mse, &keys);
	switch (keys.method) {
	case MSE_PLAIN:
		v->kind = VEIL_PLAIN;
		break;
	case MSE_RC4:
		v->kind = VEIL_RC4;
		v->rc4_in = keys.in;
		v->rc4_out = keys.out;
		break;
	case MSE_FRAMES:
		v->kind = VEIL_FRAMES;
		v->frames = frames_new(&keys.frames);
		break;
	}
	sodium_memzero(&keys, sizeof(keys));
	if (v->kind == VEIL_FRAMES && !v->frames)
		fail(v, "no memory");
}

/* A handshake that was found to be one of BEP 3. */
static void go_plain(struct veil *v)
{
	if (!v->plain_taken)
		fail(v, "not encrypted");
	else
		v->kind = VEIL_PLAIN;
}

static bool deliver(struct veil *v, struct cbuf *owner, const uint8_t *p,
		    size_t len)
{
	return len == 0 ||
	       v->io->deliver(v->user, (struct span){owner, p, len});
}

/* False: nothing more of this feed is for anybody. */
static bool greet(struct veil *v, struct span *in)
{
	const uint8_t *p;
	size_t used, len;
	enum mse_state state = mse_feed(v->mse, in->p, in->len, &used);

	in->p += used;
	in->len -= used;
	if (state == MSE_DONE)
		take_keys(v);
	else if (state == MSE_BARE)
		go_plain(v);
	else if (state == MSE_FAILED)
		fail(v, mse_why(v->mse));
	if (v->failed)
		return false;
	if (state == MSE_DONE || mse_output(v->mse, &p))
		v->io->want_write(v->user);
	if (state == MSE_MORE)
		return false;
	len = mse_early(v->mse, &p);
	return deliver(v, NULL, p, len);
}

/* ---- frames, in ---- */

static void expect_box(struct veil *v)
{
	v->plain_len = frames_next_len(v->frames, v->head);
	v->box_len = v->plain_len + FRAMES_TAG_LEN;
}

static bool open_box(struct veil *v, struct cbuf *owner, uint8_t *box)
{
	size_t len = v->plain_len;

	if (!frames_open(v->frames, box, len)) {
		fail(v, "a frame that does not open");
		return false;
	}
	v->head_len = v->plain_len = v->box_len = 0;
	return deliver(v, owner, box, len);
}

static bool read_head(struct veil *v, struct span *in)
{
	while (v->head_len < FRAMES_HEAD_LEN && in->len) {
		v->head[v->head_len++] = *in->p++;
		in->len--;
	}
	if (v->head_len == FRAMES_HEAD_LEN)
		expect_box(v);
	return true;
}

/* Adds to a frame that came in parts, and opens it when it is whole. */
static bool gather(struct veil *v, struct span *in)
{
	size_t more = v->box_len - v->gathered;
	bool goes_on;

	if (!v->gather)
		v->gather = malloc(v->box_len);
	if (!v->gather) {
		fail(v, "no memory");
		return false;
	}
	if (more > in->len)
		more = in->len;
	memcpy(v->gather + v->gathered, in->p, more);
	v->gathered += more;
	in->p += more;
	in->len -= more;
	if (v->gathered < v->box_len)
		return true;
	goes_on = open_box(v, NULL, v->gather);
	drop_gather(v);
	return goes_on;
}

static bool read_frame(struct veil *v, struct span *in)
{
	uint8_t *box = (uint8_t *)(uintptr_t)in->p; /* ours to change */

	if (!v->box_len)
		return read_head(v, in);
	if (v->gathered || in->len < v->box_len)
		return gather(v, in);
	in->p += v->box_len;
	in->len -= v->box_len;
	return open_box(v, in->owner, box);
}

void veil_feed(struct veil *v, struct span bytes)
{
	struct span in = bytes;
	uint8_t *p;

	if (v->failed)
		return;
	if (v->kind == VEIL_NOT_YET && !greet(v, &in))
		return;
	switch (v->kind) {
	case VEIL_NOT_YET:
		return;
	case VEIL_PLAIN:
		(void)deliver(v, in.owner, in.p, in.len);
		return;
	case VEIL_RC4:
		p = (uint8_t *)(uintptr_t)in.p; /* ours to change */
		rc4_run(&v->rc4_in, p, p, in.len);
		(void)deliver(v, in.owner, p, in.len);
		return;
	case VEIL_FRAMES:
		while (in.len && read_frame(v, &in))
			;
		return;
	}
}

/* ---- out ---- */

/* What is taken of what the peer has to say. */
struct taking {
	const struct iovec *iov;
	size_t n, at, off;
};

/* Up to max bytes of it as pieces; *bytes their sum. */
static size_t take(struct taking *t, struct iovec *out, size_t max,
		   size_t *bytes)
{
	size_t n = 0;

	*bytes = 0;
	while (t->at < t->n && *bytes < max) {
		const struct iovec *from = &t->iov[t->at];
		size_t len = from->iov_len - t->off;

		if (len > max - *bytes)
			len = max - *bytes;
		out[n].iov_base = (uint8_t *)from->iov_base + t->off;
		out[n++].iov_len = len;
		*bytes += len;
		t->off += len;
		if (t->off == from->iov_len) {
			t->at++;
			t->off = 0;
		}
	}
	return n;
}

/* Encrypts into v->out as much as it holds; returns how much was taken. */
static size_t encrypt(struct veil *v, struct taking *t)
{
	bool frames = v->kind == VEIL_FRAMES;
	size_t more = frames ? FRAMES_MORE : 0, taken = 0, bytes;
	struct iovec part[PULL_IOV];

	while (v->out_to + more < VEIL_OUT) {
		size_t room = VEIL_OUT - v->out_to - more;
		uint8_t *to = v->out->data + v->out_to;
		size_t n =
			take(t, part,
			     room < VEIL_FRAME_PLAIN ? room : VEIL_FRAME_PLAIN,
			     &bytes);

		if (n == 0)
			break;
		if (frames && !frames_seal(v->frames, to, part, n, bytes)) {
			fail(v, "no memory");
			break;
		}
		for (size_t i = 0; !frames && i < n; i++) {
			rc4_run(&v->rc4_out, to, part[i].iov_base,
				part[i].iov_len);
			to += part[i].iov_len;
		}
		v->out_to += bytes + more;
		taken += bytes;
	}
	return taken;
}

static void fill(struct veil *v)
{
	struct iovec iov[PULL_IOV];
	size_t bytes = 0, taken;
	struct taking t = {.iov = iov};

	t.n = v->io->pull(v->user, iov, PULL_IOV, &bytes);
	if (t.n == 0)
		return;
	v->out = cbuf_get(v->env->pool);
	if (!v->out) {
		fail(v, "no memory");
		return;
	}
	taken = encrypt(v, &t);
	if (!v->failed)
		v->io->pulled(v->user, taken);
}

/* The handshake's bytes go first, then it is over. */
static bool greeting(struct veil *v, struct iovec *iov)
{
	const uint8_t *p;
	size_t len;

	if (!v->mse)
		return false;
	len = mse_output(v->mse, &p);
	if (len) {
		iov->iov_base = (void *)(uintptr_t)p; /* only read */
		iov->iov_len = len;
		return true;
	}
	if (v->kind == VEIL_NOT_YET)
		return false;
	mse_free(v->mse);
	v->mse = NULL;
	return false;
}

size_t veil_output(struct veil *v, struct iovec *iov, size_t max)
{
	size_t bytes;

	if (v->failed)
		return 0;
	if (greeting(v, iov))
		return 1;
	if (v->kind == VEIL_NOT_YET)
		return 0;
	if (v->kind == VEIL_PLAIN)
		return v->io->pull(v->user, iov, max, &bytes);
	if (!v->out)
		fill(v);
	if (v->failed || !v->out)
		return 0;
	iov->iov_base = v->out->data + v->out_from;
	iov->iov_len = v->out_to - v->out_from;
	return 1;
}

void veil_sent(struct veil *v, size_t n)
{
	if (v->mse) {
		mse_sent(v->mse, n);
	} else if (v->kind == VEIL_PLAIN) {
		v->io->pulled(v->user, n);
	} else if (v->out) {
		v->out_from += n;
		if (v->out_from < v->out_to)
			return;
		cbuf_unref(v->out);
		v->out = NULL;
		v->out_from = v->out_to = 0;
	}
}

enum veil_kind veil_kind(const struct veil *v)
{
	return v->kind;
}

bool veil_is_done(const struct veil *v)
{
	const uint8_t *p;

	return v->kind == VEIL_PLAIN && !v->failed &&
	       (!v->mse || mse_output(v->mse, &p) == 0);
}
