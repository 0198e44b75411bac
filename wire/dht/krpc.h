/* krpc.h - the DHT's messages: BEP 5, 32 (want, nodes6), 42 (ip), 43 (ro), 44
 * (get, put), 51 (sample_infohashes), and the `seed` and `noseed` of BEP 33.
 *
 * One value for both directions. Byte strings are views: of the datagram after
 * krpc_read(), of the caller's memory before krpc_write(). Reading takes any
 * order of keys and any keys that it does not know; writing is canonical, so
 * what was read and written again reads as the same value. A field of the wrong
 * shape counts as not there; who needs it says 203. Thread: any.
 */
#ifndef WIRE_DHT_KRPC_H
#define WIRE_DHT_KRPC_H

#include "base/bencode.h"
#include "base/err.h"
#include "wire/dht/dht_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KRPC_MAX 2048U	     /* bytes of a datagram that we read */
#define KRPC_MAX_TOKENS 640U /* values in it; a `v` of 1,000 bytes has 500 */
#define KRPC_MAX_TID 32U     /* of a query: it is sent back */
#define KRPC_MAX_TOKEN 64U
#define KRPC_MAX_VALUE 1000U /* BEP 44: `v` as it is bencoded */
#define KRPC_MAX_SALT 64U    /* BEP 44 */

enum krpc_type { KRPC_QUERY, KRPC_ANSWER, KRPC_ERROR };

enum krpc_method {
	KRPC_UNKNOWN, /* to be answered with 204; says nothing in an answer */
	KRPC_PING,
	KRPC_FIND_NODE,
	KRPC_GET_PEERS,
	KRPC_ANNOUNCE_PEER,
	KRPC_GET,
	KRPC_PUT,
	KRPC_SAMPLE,
};

enum krpc_error { /* BEP 5, 44 */
		  KRPC_GENERIC = 201,
		  KRPC_SERVER = 202,
		  KRPC_PROTOCOL = 203,
		  KRPC_NO_METHOD = 204,
		  KRPC_TOO_BIG = 205,
		  KRPC_BAD_SIGNATURE = 206,
		  KRPC_SALT_TOO_BIG = 207,
		  KRPC_CAS = 301,
		  KRPC_OLD_SEQ = 302,
};

#define KRPC_WANT4 1U
#define KRPC_WANT6 2U

struct krpc_msg {
	enum krpc_type type;
	enum krpc_method method; /* of a query */
	struct ben_view tid;
	struct ben_view version; /* `v` outside, 4 bytes; len 0: none */
	bool read_only;		 /* BEP 43 */
	bool has_ip;		 /* BEP 42: how the other sees us */
	struct wire_addr ip;

	bool has_id;
	struct dht_id id;
	bool has_target; /* `target`, or `info_hash` where a method has that */
	struct dht_id target;
	unsigned want; /* KRPC_WANT*; 0: not said */
	bool implied_port, seed, noseed;
	bool has_port;
	uint16_t port;
	struct ben_view token; /* p NULL: none */

	struct ben_view nodes, nodes6; /* compact, whole ones; p NULL: none */
	struct ben_view values;	 /* the bencoded list; see krpc_values() */
	struct ben_view samples; /* 20 bytes each; p NULL: none */
	bool has_num, has_interval;
	int64_t num, interval;

	struct ben_view value; /* `v` inside, bencoded; p NULL: none */
	struct ben_view salt;  /* p NULL: none */
	const uint8_t *key;    /* 32 bytes of ed25519, or NULL */
	const uint8_t *sig;    /* 64 bytes, or NULL */
	bool has_seq, has_cas;
	int64_t seq, cas;

	int64_t code; /* of an error */
	struct ben_view text;
};

/* ERR_PARSE: no bencoded dictionary, or one that is neither query, answer nor
 * error, has no `t` of 1 .. KRPC_MAX_TID bytes, or no dictionary of arguments;
 * ERR_LIMIT: over KRPC_MAX or KRPC_MAX_TOKENS; ERR_NOMEM. Sizes of BEP 44 are
 * not checked: there is an error to answer with. */
enum err_code krpc_read(struct krpc_msg *out, const uint8_t *buf, size_t len,
			struct err *e);
/* Bytes written, or 0 when they do not fit. */
size_t krpc_write(const struct krpc_msg *m, uint8_t *buf, size_t cap);

/* Peers of one family in `values`, `max` at most; what is no compact address is
 * passed over. */
size_t krpc_values(struct wire_addr *out, size_t max, struct ben_view values,
		   enum dht_family family);

const char *krpc_method_text(enum krpc_method method);

#endif
