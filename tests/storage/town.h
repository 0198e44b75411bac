/* town.h - hosts that are a table, time that is a number, and a renter's
 * database: for the tests of upload, download and repair.
 */
#ifndef TESTS_STORAGE_TOWN_H
#define TESTS_STORAGE_TOWN_H

#include "base/db.h"
#include "base/rng.h"
#include "storage/object/placement.h"
#include "storage/object/segment.h"
#include "storage/rent/placing.h"
#include "storage/rent/renter_db.h"
#include "storage/sector/tree.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOWN_HOSTS 24
#define TOWN_SECTORS 256
#define TOWN_ASKED 512
#define TOWN_UNUSED __attribute__((unused))

enum town_habit {
	HABIT_GOOD,
	HABIT_SILENT, /* takes everything, answers nothing */
	HABIT_GONE,   /* cannot be reached */
	HABIT_LIAR,   /* what it gives back is wrong */
	HABIT_REFUSES,
	HABIT_PARKED, /* wants a revision first */
	HABIT_BUSY,
	HABIT_FORGOT, /* it has lost everything */
};

struct town_sector {
	struct hash32 root;
	uint8_t *data;
};

struct town_host {
	enum town_habit habit;
	int64_t takes_ms;      /* to answer; 0: 10 */
	unsigned good_for;     /* answers, then it is GONE; 0: no end */
	unsigned asked, moved; /* what it was asked for, and answered */
	struct town_sector has[TOWN_SECTORS];
	unsigned n;
};

struct town_ask { /* on its way to a host */
	bool open;
	unsigned host;
	uint64_t cookie;
	int64_t at_ms; /* when it is answered */
	struct hash32 root;
	const uint8_t *data; /* put: what is sent */
	uint8_t *buf;	     /* read: where it goes */
	uint32_t off, len;
};

struct town {
	struct town_host hosts[TOWN_HOSTS];
	struct town_ask asks[TOWN_ASKED];
	int64_t now_ms;
};

TOWN_UNUSED static struct address town_address(unsigned host)
{
	struct address a = {{0xaa, (uint8_t)host}};

	return a;
}

TOWN_UNUSED static unsigned town_number(const struct address *a)
{
	CHECK(a->bytes[0] == 0xaa && a->bytes[1] < TOWN_HOSTS, "a host");
	return a->bytes[1] % TOWN_HOSTS;
}

/* Each in a network of its own. */
TOWN_UNUSED static void town_join(struct placing *p, unsigned host)
{
	uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, 127, 0, (uint8_t)host, 1};
	struct placing_host h = {.address = town_address(host),
				 .net = placing_net_of(ip),
				 .rent = amount_from_u64(100 + host),
				 .good = 1000,
				 .room = 1000};
	uint16_t number;

	CHECK(placing_add(p, &number, &h, NULL) == ERR_NONE, "join");
}

TOWN_UNUSED static const uint8_t *
town_sector(const struct town *t, unsigned host, const struct hash32 *root)
{
	const struct town_host *h = &t->hosts[host];

	for (unsigned i = 0; i < h->n; i++)
		if (memcmp(&h->has[i].root, root, sizeof(*root)) == 0)
			return h->has[i].data;
	return NULL;
}

TOWN_UNUSED static void town_keep(struct town *t, unsigned host,
				  const struct hash32 *root,
				  const uint8_t *data)
{
	struct town_host *h = &t->hosts[host];
	struct hash32 is;

	tree_sector_root(&is, data);
	CHECK(memcmp(&is, root, sizeof(is)) == 0, "the root is the sector's");
	if (town_sector(t, host, root))
		return;
	if (h->n == TOWN_SECTORS)
		abort();
	h->has[h->n].data = malloc(SECTOR_LEN);
	if (!h->has[h->n].data)
		abort();
	memcpy(h->has[h->n].data, data, SECTOR_LEN);
	h->has[h->n++].root = *root;
}

TOWN_UNUSED static struct town_ask *
town_ask(struct town *t, const struct address *host, uint64_t cookie)
{
	unsigned number = town_number(host), i = 0;
	struct town_host *h = &t->hosts[number];

	while (i < TOWN_ASKED && t->asks[i].open)
		i++;
	if (i == TOWN_ASKED)
		abort();
	h->asked++;
	t->asks[i] = (struct town_ask){
		.open = true,
		.host = number,
		.cookie = cookie,
		.at_ms = t->now_ms + (h->takes_ms ? h->takes_ms : 10)};
	return &t->asks[i];
}

TOWN_UNUSED static void town_cancel(struct town *t, const struct address *host,
				    uint64_t cookie)
{
	unsigned number = town_number(host);

	for (unsigned i = 0; i < TOWN_ASKED; i++) {
		struct town_ask *a = &t->asks[i];

		if (!a->open || a->host != number || a->cookie != cookie)
			continue;
		a->open = false;
		return;
	}
	CHECK(false, "what is cancelled was asked");
}

/* The next that is answered, up to now; NULL: none. Closed when it returns. */
TOWN_UNUSED static struct town_ask *town_next(struct town *t)
{
	struct town_ask *best = NULL;

	for (unsigned i = 0; i < TOWN_ASKED; i++) {
		struct town_ask *a = &t->asks[i];
		struct town_host *h = &t->hosts[a->host];

		if (!a->open || a->at_ms > t->now_ms ||
		    h->habit == HABIT_SILENT)
			continue;
		if (!best || a->at_ms < best->at_ms)
			best = a;
	}
	if (!best)
		return NULL;
	best->open = false;
	if (t->hosts[best->host].good_for &&
	    ++t->hosts[best->host].moved > t->hosts[best->host].good_for)
		t->hosts[best->host].habit = HABIT_GONE;
	return best;
}

/* When the next answer comes; INT64_MAX: none will. */
TOWN_UNUSED static int64_t town_next_ms(const struct town *t)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < TOWN_ASKED; i++) {
		const struct town_ask *a = &t->asks[i];

		if (a->open && t->hosts[a->host].habit != HABIT_SILENT &&
		    a->at_ms < next)
			next = a->at_ms;
	}
	return next;
}

TOWN_UNUSED static void town_burn(struct town *t, unsigned host)
{
	struct town_host *h = &t->hosts[host];

	for (unsigned i = 0; i < h->n; i++)
		free(h->has[i].data);
	h->n = 0;
}

TOWN_UNUSED static void town_clear(struct town *t)
{
	for (unsigned i = 0; i < TOWN_HOSTS; i++)
		town_burn(t, i);
}

/* A place for a database that is committed often: in memory where there is
 * such a thing. */
TOWN_UNUSED static void town_dir(char *dir, size_t cap)
{
	(void)snprintf(dir, cap, "/dev/shm/seedbank.XXXXXX");
	if (mkdtemp(dir))
		return;
	(void)snprintf(dir, cap, "/tmp/seedbank.XXXXXX");
	if (!mkdtemp(dir))
		abort();
}

/* --- an object --- */

TOWN_UNUSED static void town_keys(struct object_keys *keys)
{
	uint8_t full[OBJECT_KEY_LEN], master[OBJECT_KEY_LEN];

	memset(full, 7, sizeof(full));
	memset(master, 8, sizeof(master));
	object_keys_own(keys, master, full);
}

/* A stream that is its own description: any byte of it can be checked. */
TOWN_UNUSED static void stream_bytes(uint8_t *buf, uint64_t off, size_t len,
				     uint8_t kind)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t at = off + i;

		buf[i] = (uint8_t)((at * 2654435761U >> 13) ^ (at >> 9) ^ kind);
	}
}

TOWN_UNUSED static struct renter_object town_object(struct renter_db *db,
						    uint16_t k, uint16_t n)
{
	struct renter_object o = {
		.wrapped_len = 72, .state = RENTER_PUTTING, .k = k, .n = n};

	memset(o.name.bytes, 3, sizeof(o.name.bytes));
	CHECK(renter_db_add_object(db, &o, NULL) == ERR_NONE, "an object");
	CHECK(renter_db_commit(db, NULL) == ERR_NONE, "commit");
	return o;
}

/* An object of so many segments as it lies after a put: shard i of segment s at
 * host (i + s) mod hosts. */
TOWN_UNUSED static struct placement *town_store(struct town *t, unsigned k,
						unsigned n, unsigned segments,
						unsigned hosts)
{
	struct placement *p = NULL;
	struct segment *s = NULL;
	struct object_keys keys;
	uint8_t *plain = malloc(segment_plain_len(k));
	uint8_t *sectors = malloc((size_t)n * SECTOR_LEN);
	struct hash32 roots[64];
	size_t taken;

	town_keys(&keys);
	if (!plain || !sectors || n > 64 ||
	    placement_new(&p, k, n, segments, NULL) != ERR_NONE ||
	    segment_new(&s, k, n, SECTOR_LEN, NULL) != ERR_NONE)
		abort();
	for (unsigned g = 0; g < segments; g++) {
		memset(p->salts[g], (int)g + 1, SEGMENT_SALT_LEN);
		stream_bytes(plain, (uint64_t)g * segment_plain_len(k),
			     segment_plain_len(k), 0);
		if (segment_begin(s, &keys, p->salts[g], 0, NULL) != ERR_NONE ||
		    segment_put(s, &taken, plain, segment_plain_len(k), NULL) !=
			    ERR_NONE ||
		    segment_finish(s, NULL, 0, NULL) != ERR_NONE ||
		    segment_sectors(s, 0, n, sectors, roots, NULL) != ERR_NONE)
			abort();
		for (unsigned i = 0; i < n; i++) {
			unsigned host = (i + g) % hosts;
			struct address a = town_address(host);

			placement_row(p, g, i)->root = roots[i];
			CHECK(placement_add(p, g, i, &a, NULL) == ERR_NONE,
			      "place");
			town_keep(t, host, &roots[i],
				  sectors + (size_t)i * SECTOR_LEN);
		}
	}
	segment_free(s);
	free(sectors);
	free(plain);
	return p;
}

/* What a host answers to a read: false when it is wrong, and the reader would
 * see it by the proof. */
TOWN_UNUSED static bool town_fill(struct town *t, const struct town_ask *a)
{
	const uint8_t *data = town_sector(t, a->host, &a->root);

	if (t->hosts[a->host].habit == HABIT_LIAR)
		return false;
	CHECK(data, "host %u was asked for what it has", a->host);
	if (data)
		memcpy(a->buf, data + a->off, a->len);
	return true;
}

#endif
