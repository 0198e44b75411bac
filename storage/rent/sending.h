/* sending.h - sectors on their way to hosts: what upload.h and repair.h share.
 *
 * A pool of slots, one sector each. The engine fills a slot and has its sector
 * made; when it is READY it goes to the host that the engine seated it at, as
 * soon as that one takes more. What a host answers, or that it does not, says
 * who is waited for and who is dropped: the tables in storage/DESIGN.md.
 *
 * Embedded in its engine; owns no socket, clock or timer: the engine sets
 * now_ms before it calls. Thread: the loop; a worker may write the sectors of
 * slots that are MAKING.
 */
#ifndef STORAGE_RENT_SENDING_H
#define STORAGE_RENT_SENDING_H

#include "storage/rent/upload.h"

enum slot_state { SLOT_FREE, SLOT_MAKING, SLOT_READY, SLOT_SENT };

struct sending_slot {
	enum slot_state state;
	uint16_t row;
	uint32_t generation;  /* of its cookie */
	void *segment;	      /* the engine's */
	const uint16_t *seat; /* its host, by number in the placing */
	struct hash32 root;
	int64_t sent_ms, moved_ms;
};

struct sending_host {	/* all zero: nothing known */
	unsigned sent;	/* sectors on their way */
	unsigned tries; /* gone, one after another */
	bool parked;
	int64_t not_before_ms;
	uint64_t acks_then; /* of all hosts, when it was first gone */
};

struct sending_cfg {
	struct placing *placing;
	struct log *log;
	const char *name; /* of the engine, in the log */
	/* A host that is gone again and again may be our own line: others must
	 * have answered meanwhile. False: it is dropped in any case. */
	bool doubts_line;
	/* As in struct upload_ops; did may be NULL. */
	void *ctx;
	void (*put)(void *ctx, const struct address *host,
		    const struct hash32 *root, const uint8_t *data,
		    uint64_t cookie);
	void (*cancel)(void *ctx, const struct address *host, uint64_t cookie);
	void (*did)(void *ctx, const struct address *host,
		    enum upload_deed deed, uint32_t ms);
};

struct sending {
	struct sending_cfg cfg;
	unsigned slots_n;
	struct sending_slot *slots;
	uint8_t *pool;		    /* slots_n sectors */
	struct sending_host *hosts; /* by number in the placing */
	uint64_t acks;
	int64_t last_ack_ms;
	int64_t mean_ms;  /* of acknowledging a sector; 0: not known */
	int64_t probe_ms; /* until then none is given up on suspicion */
	int64_t now_ms;
};

/* slots 0: UPLOAD_SLOTS. ERR_NOMEM: s is to be cleared all the same. */
enum err_code sending_init(struct sending *s, const struct sending_cfg *cfg,
			   unsigned slots, int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));
/* All zero: a no-op. */
void sending_clear(struct sending *s);

/* A free slot is to be made: MAKING. */
void sending_fill(struct sending *s, unsigned slot, void *segment, uint16_t row,
		  const uint16_t *seat);
uint8_t *sending_sector(const struct sending *s, unsigned slot);

/* What is ready leaves, as far as hosts take it. */
void sending_go(struct sending *s);
void sending_cancel_all(struct sending *s);

/* The slot that was sent under this cookie; NULL: stale. */
struct sending_slot *sending_find(struct sending *s, uint64_t cookie);
/* It was acknowledged: the slot is free. Returns the host's number. */
uint16_t sending_stored(struct sending *s, struct sending_slot *slot);
/* It was not, and is ready again. UPLOAD_STOP: *why, or ERR_STATE, which ends
 * the engine. */
enum err_code sending_refused(struct sending *s, struct sending_slot *slot,
			      enum upload_no no, const struct err *why,
			      struct err *e)
	__attribute__((warn_unused_result));
/* A byte of it moved: that of any sector counts for all of the host. No time
 * passes for the others: s->now_ms is as it was. */
void sending_moving(struct sending *s, const struct sending_slot *slot,
		    int64_t now_ms);
/* A host that was parked takes more. False: it is not in the placing. */
bool sending_host_ready(struct sending *s, const struct address *host);

void sending_check_times(struct sending *s);
/* When that is to be called next, or something can go; INT64_MAX: never. */
int64_t sending_next_ms(const struct sending *s);

static inline const struct address *sending_address(const struct sending *s,
						    uint16_t host)
{
	return &placing_get(s->cfg.placing, host)->address;
}

#endif
