/* magnet.h - magnet links: read into a checked value, and written.
 *
 * magnet:?xt=urn:btih:HASH with what BEP 9 and others add to it:
 *   xt    urn:btih: 40 hex digits or 32 of base32 (v1); urn:btmh: a multihash,
 *         1220 and 64 hex digits (v2, BEP 52). One of each at most; the same
 *         again is no error, another is.
 *   dn    a name to show until the torrent's own is known; '+' is a blank
 *   tr    trackers, each a tier of its own in the order given
 *   ws    web seeds (BEP 19)
 *   x.pe  peers: HOST:PORT, A.B.C.D:PORT or [IPV6]:PORT
 *   so    files wanted (BEP 53): numbers and ranges, such as 0,2,4-7
 * Keys may carry a number (xt.1, tr.2), and "&amp;" separates like "&": links
 * are copied out of web pages. Other keys, kinds of xt and broken values are
 * left out, but for the hash and `so`: they are refused, because a download of
 * something else, or of all, is not what was asked for.
 *
 * Thread: any; a magnet is a plain value that magnet_clear() empties.
 */
#ifndef WIRE_MAGNET_H
#define WIRE_MAGNET_H

#include "base/err.h"
#include "base/ids.h"
#include "wire/torrent/metainfo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAGNET_MAX_BYTES 65536U /* of a link */
#define MAGNET_MAX_NAME METAINFO_MAX_COMPONENT
#define MAGNET_MAX_TRACKERS METAINFO_MAX_TRACKERS /* more are ignored */
#define MAGNET_MAX_SEEDS 64U			  /* web seeds; the same */
#define MAGNET_MAX_PEERS 128U			  /* the same */
#define MAGNET_MAX_HOST 255U
#define MAGNET_MAX_RANGES 1024U /* of `so`; more are refused */

/* Files first..last, counted from 0 as they stand in the torrent. */
struct magnet_range {
	uint32_t first, last;
};

struct magnet {
	bool has_v1, has_v2;   /* at least one */
	struct info_hash hash; /* v1: SHA-1 */
	struct hash32 hash_v2; /* SHA-256 */
	const char *name;      /* valid UTF-8 without controls; NULL: none */
	const char **trackers; /* printable ASCII, METAINFO_MAX_URL at most */
	const char **seeds;    /* the same */
	const char **peers;    /* the same; a port from 1 on */
	uint32_t tracker_count;
	uint32_t seed_count;
	uint32_t peer_count;
	uint32_t range_count;	     /* 0: all files */
	struct magnet_range *ranges; /* rising, with a gap between each */
	void *owned;		     /* memory behind the pointers above */
};

/* True when it begins as a magnet link: it is no file's name. */
bool magnet_is(const char *text);

/* Fills *out, which keeps nothing of `text`. ERR_PARSE: no magnet link, no hash
 * of a torrent in it, a broken or a second one, a broken `so`; ERR_LIMIT;
 * ERR_NOMEM. *out is empty on failure. */
enum err_code magnet_parse(struct magnet *out, const char *text, struct err *e);
/* Only for what magnet_parse() filled; an empty one is a no-op. */
void magnet_clear(struct magnet *m);
/* Is the file with this number wanted? */
bool magnet_wants(const struct magnet *m, uint32_t file);

/* Writes a link that magnet_parse() reads as the same value. *out is malloc'ed;
 * ERR_NOMEM. */
enum err_code magnet_print(char **out, const struct magnet *m, struct err *e);
/* The link of a torrent: its hashes, name, trackers and web seeds, and these
 * peers (as in struct magnet). */
enum err_code magnet_of(char **out, const struct metainfo *m,
			const char **peers, uint32_t peer_count, struct err *e);

/* What a link tells of its torrent: hashes, name (the hash in hexadecimal where
 * there is none), trackers, web seeds. `piece_count` and all that goes with it
 * is 0 until the info dictionary is known. ERR_NOMEM. */
enum err_code magnet_metainfo(struct metainfo *out, const struct magnet *m,
			      struct err *e);
/* A .torrent of the info dictionary (its bytes as they are) with the trackers
 * and web seeds of `m`. *out is malloc'ed; ERR_NOMEM. */
enum err_code magnet_make_torrent(uint8_t **out, size_t *out_len,
				  const struct metainfo *m, const uint8_t *info,
				  size_t info_len, struct err *e);

#endif
