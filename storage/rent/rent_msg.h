/* rent_msg.h - the messages of sb_store as values, and their one encoding.
 *
 * Each is a bencoded dictionary with sorted keys, "t" naming the message, and
 * for some kinds bulk bytes right behind it (docs/protocol.md section 12 has
 * the tables). A renter's request carries a number "i" of its own choosing, the
 * host's answers to it carry the same. Keys not known are skipped; a missing or
 * malformed one, a value outside its range, or bulk of a length that the kind
 * does not have, is ERR_PARSE and costs the sender its connection. Encoding
 * what was decoded gives the same bytes unless unknown keys were there.
 *
 * Views in a decoded message borrow from the buffer it was decoded from.
 * Pure; thread: any.
 */
#ifndef STORAGE_RENT_RENT_MSG_H
#define STORAGE_RENT_RENT_MSG_H

#include "base/agreement.h"
#include "base/amount.h"
#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RENT_VERSION 1
#define RENT_MSG_MAX (72U * 1024U) /* dictionary and bulk */
#define RENT_DICT_MAX RENT_MSG_MAX
#define RENT_PART 65536U       /* bytes of a sector in one message */
#define RENT_PARTS 16U	       /* of a sector */
#define RENT_TILE 16384U       /* what a read counts in */
#define RENT_SECTOR (1U << 20) /* bytes */
#define RENT_ROOTS_MAX 2048U   /* roots in one message */
#define RENT_HAVE_MAX 256U     /* roots that one HAVE asks for */
#define RENT_OPS_MAX 2048U     /* sectors appended and deleted together */
#define RENT_ADD_MAX 1800U     /* roots that one revision appends */
#define RENT_CUT_MAX 2000U     /* and sectors that it deletes */
#define RENT_NODE_LEN (ENDPOINT_LEN + 64U)
#define RENT_NODES_MAX 256U /* endpoint records in one message */
#define RENT_PROOF_MAX 10U  /* nodes, as tree_range_prove() gives them */
#define RENT_RECORD_MAX (16U << 20) /* a placement record */
#define RENT_HEAD_MAX 1024U	    /* a head record */
#define RENT_WHY_MAX 80U

/* Agreements from this number on are never opened on the chain: they are
 * prepaid by receipts. Those below count up with the bank's. */
#define RENT_UNOPENED (UINT32_C(1) << 31)

enum rent_kind {
	/* from the renter */
	RENT_HELLO = 1, /* who I am, on this very session */
	RENT_OFFER,	/* what are your prices? */
	RENT_PEERS,	/* whom else do you know? */
	RENT_TELL,	/* these hosts are there */
	RENT_HAVE,	/* which of these sectors are there? */
	RENT_WRITE,	/* a part of a sector */
	RENT_REVISE,	/* a signed revision, and how its list comes about */
	RENT_READ,	/* tiles of a sector */
	RENT_LIST,	/* the sectors of an agreement */
	RENT_NEWEST,	/* an agreement as you hold it */
	RENT_LOST,	/* which of mine did you lose? */
	RENT_PLACE,	/* a part of a placement record */
	RENT_FETCH,	/* give me a part of one */
	RENT_KEEP,	/* my head record */
	RENT_HEAD,	/* give it to me */
	/* from the host */
	RENT_WELCOME,
	RENT_SHEET,
	RENT_NODES,
	RENT_STORED, /* durable: a sector, a placement or head record */
	RENT_HAS,

	RENT_SIGNED,
	RENT_DATA,
	RENT_ROOTS,
	RENT_HELD, /* the answer to NEWEST */
	RENT_LOSSES,
	RENT_RECORD, /* a part of a placement record */
	RENT_KEPT,   /* the head record */
	RENT_ERROR,
};

enum rent_no { /* on the wire: never renumber */
	       RENT_NO_NONE = 0,
	       RENT_NO_BUSY = 1,    /* too much at once: later */
	       RENT_NO_BANK = 2,    /* another chain or bank */
	       RENT_NO_ACCOUNT = 3, /* needs an account that was shown */
	       RENT_NO_UNKNOWN = 4, /* no such sector, agreement or record */
	       RENT_NO_FULL = 5,    /* no space left */
	       RENT_NO_STORE = 6,   /* the disk said no */
	       RENT_NO_ROOT = 7,    /* other bytes than root or signature say */
	       RENT_NO_TERMS = 8,   /* no sheet of ours, or expired */
	       RENT_NO_PRICE = 9,   /* rate, collateral or penalty */
	       RENT_NO_REVISION = 10, /* not above the newest */
	       RENT_NO_LIST = 11,     /* the changes do not give that root */
	       RENT_NO_PERIODS = 12,  /* start, end, span, through, earned */
	       RENT_NO_FUNDS = 13,    /* the fund, or receipts, do not cover */
	       RENT_NO_CHAIN = 14,    /* the chain cannot be asked: later */
	       RENT_NO_LOST = 15,     /* it was here, and is gone */
	       RENT_NO_STAGE = 16,    /* too many sectors that nothing names */
	       RENT_NO_OLD = 17, /* a record with a higher sequence is here */
	       RENT_NO_CLOSED = 18, /* takes nothing new (any more) */
};
#define RENT_NO_LAST RENT_NO_CLOSED

struct rent_view { /* borrowed */
	const uint8_t *p;
	size_t len;
};

struct rent_hello {	 /* HELLO and WELCOME */
	uint8_t version; /* highest spoken, 1 .. 255 */
	uint64_t chain_id;
	struct address bank;
	/* HELLO: false, both zero, when the renter shows no account */
	bool shown;
	struct address account;
	struct sig64 sig; /* over Channel(account, own X25519 session key) */
};
struct rent_tell {		/* TELL, NODES */
	struct rent_view nodes; /* n x RENT_NODE_LEN */
};
struct rent_roots {		/* HAVE */
	struct rent_view roots; /* 1 .. RENT_HAVE_MAX x 32 */
};
struct rent_part { /* WRITE */
	struct hash32 root;
	uint32_t off; /* a multiple of RENT_PART */
};
struct rent_revise {
	struct agreement a;
	struct sig64 sig; /* the renter's */
	/* How the list comes about from that of the revision before (empty for
	 * a new agreement): for each cut in turn, the last sector takes the
	 * place of number c, and the list ends one earlier. Then the roots of
	 * `add` are appended. RENT_OPS_MAX at most together. */
	struct rent_view cut; /* n x 4, big-endian */
	struct rent_view add; /* n x 32 */
};
struct rent_read { /* READ */
	struct hash32 root;
	uint32_t off, len; /* multiples of RENT_TILE within the sector */
};
struct rent_page {	 /* LIST, LOST, NEWEST */
	uint32_t number; /* the agreement's */
	uint32_t from;
	uint32_t n; /* at most; LIST only, 1 .. RENT_ROOTS_MAX */
};
struct rent_place {	    /* PLACE, RECORD: bulk is the bytes from off on */
	uint8_t id[32];	    /* PLACE only: an Ed25519 public key */
	uint64_t seq;	    /* 1 .. 2^63-1 */
	uint32_t size, off; /* of the whole record; off < size */
};
struct rent_fetch { /* FETCH */
	uint8_t id[32];
	uint32_t off;
};
struct rent_keep { /* KEEP, KEPT: bulk is the record */
	uint64_t seq;
};
struct rent_sheet { /* SHEET */
	struct sheet sheet;
	struct sig64 sig;
	uint32_t room; /* sectors that may still be written; a hint */
};
struct rent_has {	       /* HAS */
	struct rent_view bits; /* one a root, the first is the highest bit */
};
struct rent_signed {	   /* SIGNED; STORED without sig */
	struct sig64 sig;  /* the host's */
	struct amount due; /* by receipts; counted when it is said */
};
struct rent_data { /* DATA: bulk is tiles of the read from off on */
	uint32_t off;
	struct rent_view proof; /* of the whole read; with its last bytes */
};
struct rent_list { /* ROOTS, LOSSES: bulk is n x 32 */
	uint32_t from;
	uint32_t next;	/* where the next page begins; total at the end */
	uint32_t total; /* sectors of the agreement */
};
struct rent_held { /* HELD */
	struct agreement a;
	struct sig64 renter_sig, host_sig;
	struct amount due; /* what this revision cost by receipts */
};
struct rent_error { /* ERROR; id 0: of no request */
	enum rent_no code;
	char why[RENT_WHY_MAX + 1]; /* printable ASCII, for people */
};

struct rent_msg {
	enum rent_kind kind;
	uint32_t id; /* 1 .. 2^32-1, but see ERROR; 0 where a kind has none */
	union {
		struct rent_hello hello;
		struct rent_tell tell;
		struct rent_roots have;
		struct rent_part part;
		struct rent_revise revise;
		struct rent_read read;
		struct rent_page page;
		struct rent_place place;
		struct rent_fetch fetch;
		struct rent_keep keep;
		struct rent_sheet sheet;
		struct rent_has has;
		struct rent_signed sign;
		struct rent_data data;
		struct rent_list list;
		struct rent_held held;
		struct rent_error error;
		uint32_t peers; /* PEERS: how many, 1 .. RENT_NODES_MAX */
	} u;
	struct rent_view bulk;
};

/* ERR_PARSE: see above. ERR_LIMIT: longer than RENT_MSG_MAX. ERR_NOMEM. */
enum err_code rent_msg_decode(struct rent_msg *out, const uint8_t *buf,
			      size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* Bytes written, 0 when cap is too small (RENT_MSG_MAX never is) or a value is
 * out of its range. */
size_t rent_msg_encode(const struct rent_msg *m, uint8_t *buf, size_t cap);
/* Which side sends this kind. */
bool rent_msg_from_renter(enum rent_kind kind);
const char *rent_kind_name(enum rent_kind kind);
const char *rent_no_name(enum rent_no code);

#endif
