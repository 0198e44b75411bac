/* veil.h - what stands between a connection and its peer: nothing, message
 * stream encryption, or sealed frames. Bytes of the wire on one side, bytes of
 * peer.h on the other.
 *
 * A policy says whether a connection is opened plain or encrypted, what is
 * taken from others, and what comes second when the first way fails
 * (veil_way()). Accepted connections are told by their first bytes.
 *
 * Data path. RC4 and frames are opened where they were received: the bytes of
 * a feed are the veil's to change, which is why whoever fills a receive buffer
 * must not use them afterwards. A frame that is not whole is gathered in a
 * buffer of its own length. What is sent lies in blocks that others share, so
 * it is encrypted into a buffer of VEIL_OUT bytes; a connection has one while
 * something of it waits to be written. Once a handshake ended in plain bytes,
 * and for all that was never encrypted, the veil is not needed any more
 * (veil_is_done()).
 *
 * Owns no socket and no clock; the peer behind it holds the time for all
 * handshakes. Thread: the loop. Reentrancy: io functions call no veil function.
 */
#ifndef WIRE_VEIL_H
#define WIRE_VEIL_H

#include "base/cbuf.h"
#include "base/err.h"
#include "wire/veil/mse.h"

#include <sys/uio.h>

/* The setting `encryption`. */
enum veil_policy {
	VEIL_OFF,     /* as if there were no such thing */
	VEIL_ALLOW,   /* plain first, encrypted where that fails */
	VEIL_PREFER,  /* the reverse */
	VEIL_REQUIRE, /* never plain */
};

/* False: no such word. */
bool veil_policy_parse(enum veil_policy *out, const char *text);

enum veil_way { VEIL_WAY_PLAIN, VEIL_WAY_MSE, VEIL_WAY_NONE };

/* How a connection is opened at the first or second try. */
enum veil_way veil_way(enum veil_policy policy, unsigned attempt);

/* What a connection's bytes look like to others. */
enum veil_kind { VEIL_NOT_YET, VEIL_PLAIN, VEIL_RC4, VEIL_FRAMES };
const char *veil_kind_name(enum veil_kind kind);

/* A frame that is sent carries at most two blocks of 16 KiB with their heads.
 */
#define VEIL_FRAME_PLAIN (2U * (16384U + 13U))
#define VEIL_OUT (4U * (VEIL_FRAME_PLAIN + FRAMES_MORE))

struct veil;
struct veil_env; /* what all veils of a node share: buffers */

struct veil_io {
	/* Plain bytes that came. False: no more, the peer is gone. */
	bool (*deliver)(void *user, struct span bytes);
	/* As peer_output() and peer_sent(). */
	size_t (*pull)(void *user, struct iovec *iov, size_t max,
		       size_t *bytes);
	void (*pulled)(void *user, size_t n);
	/* veil_output() has something. */
	void (*want_write)(void *user);
	/* What came is no stream of this kind, or what policy forbids; nothing
	 * is called after it. Called at most once, from veil_feed() and
	 * veil_output(). */
	void (*failed)(void *user, const char *why);
};

/* At most max_veils connections wait with something to write. NULL: no memory.
 */
struct veil_env *veil_env_new(unsigned max_veils);
void veil_env_free(struct veil_env *env); /* after its veils; NULL: no-op */

/* cfg: rng, find, may_work and their ctx; the policy fills the rest. NULL: no
 * memory. Opening pulls what goes with the handshake. */
struct veil *veil_open(struct veil_env *env, enum veil_policy policy,
		       const struct mse_cfg *cfg, const struct info_hash *skey,
		       const struct veil_io *io, void *user);
struct veil *veil_accept(struct veil_env *env, enum veil_policy policy,
			 const struct mse_cfg *cfg, const struct veil_io *io,
			 void *user);
void veil_free(struct veil *v); /* wipes; NULL is a no-op */

/* bytes.p is written to. */
void veil_feed(struct veil *v, struct span bytes);
/* As peer_output(): what to write next, valid until the next call on v. 0:
 * nothing until want_write. */
size_t veil_output(struct veil *v, struct iovec *iov, size_t max);
void veil_sent(struct veil *v, size_t n);

enum veil_kind veil_kind(const struct veil *v);
/* All bytes pass as they are from now on, in both directions: it may be freed
 * and left out. Never while a call on v is under way. */
bool veil_is_done(const struct veil *v);

#endif
