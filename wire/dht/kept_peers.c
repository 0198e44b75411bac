#include "wire/dht/kept_peers.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64U
#define HOST_SLOTS 4096U
#define TICK_MS 16000 /* the grain of a record's time */
#define TICK_MASK 0x7fffU

/* One peer: its compact address, then two bytes: whether it is a seed (the
 * highest bit), and when it announced, in ticks that wrap after six days. */
#define STAMP_LEN 2U

struct torrent { /* one info hash, one family */
	struct dht_id id;
	enum dht_family family;
	struct torrent *next;	       /* in its bucket */
	struct torrent *older, *newer; /* by last announce */
	int64_t announced_ms;
	uint32_t count, cap; /* records */
	uint8_t *records;
};

struct kept_peers {
	uint8_t key[crypto_shorthash_KEYBYTES];
	struct torrent **buckets;
	size_t bucket_count; /* a power of two */
	struct torrent *oldest, *newest;
	size_t torrents, peers, bytes;
	uint16_t of_host[HOST_SLOTS];
};

static size_t record_len(enum dht_family family)
{
	return dht_compact_len(family) + STAMP_LEN;
}

static uint32_t hash(const struct kept_peers *k, const void *p, size_t len)
{
	uint8_t h[crypto_shorthash_BYTES];
	uint32_t v;

	(void)crypto_shorthash(h, p, len, k->key);
	memcpy(&v, h, sizeof(v));
	return v;
}

static struct torrent **bucket_of(const struct kept_peers *k,
				  const struct dht_id *id)
{
	return &k->buckets[hash(k, id->bytes, DHT_ID_LEN) &
			   (k->bucket_count - 1)];
}

/* How many records the host's slot holds; `record` begins with its address. */
static uint16_t *of_host(struct kept_peers *k, const uint8_t *record,
			 enum dht_family family)
{
	size_t len = family == DHT_V4 ? 4 : 8; /* an IPv6 host is a /64 */

	return &k->of_host[hash(k, record, len) % HOST_SLOTS];
}

enum err_code kept_peers_new(struct kept_peers **out, struct rng *rng,
			     struct err *e)
{
	struct kept_peers *k = calloc(1, sizeof(*k));

	*out = k;
	if (k)
		k->buckets = calloc(FIRST_BUCKETS, sizeof(struct torrent *));
	if (!k || !k->buckets) {
		kept_peers_free(k);
		*out = NULL;
		return err_fail(e, ERR_NOMEM, "dht: peers");
	}
	k->bucket_count = FIRST_BUCKETS;
	k->bytes = sizeof(*k) + FIRST_BUCKETS * sizeof(struct torrent *);
	rng_fill(rng, k->key, sizeof(k->key));
	return ERR_NONE;
}

/* --- lists -----------------------------------------------------------------
 */

static void unlink_age(struct kept_peers *k, struct torrent *t)
{
	*(t->older ? &t->older->newer : &k->oldest) = t->newer;
	*(t->newer ? &t->newer->older : &k->newest) = t->older;
}

static void link_newest(struct kept_peers *k, struct torrent *t)
{
	t->older = k->newest;
	t->newer = NULL;
	*(k->newest ? &k->newest->newer : &k->oldest) = t;
	k->newest = t;
}

static void remove_torrent(struct kept_peers *k, struct torrent *t)
{
	struct torrent **at = bucket_of(k, &t->id);
	size_t len = record_len(t->family);

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	unlink_age(k, t);
	for (uint32_t i = 0; i < t->count; i++)
		(*of_host(k, t->records + i * len, t->family))--;
	k->torrents--;
	k->peers -= t->count;
	k->bytes -= sizeof(*t) + t->cap * len;
	free(t->records);
	free(t);
}

void kept_peers_free(struct kept_peers *k)
{
	if (!k)
		return;
	while (k->oldest)
		remove_torrent(k, k->oldest);
	free(k->buckets);
	free(k);
}

static void widen(struct kept_peers *k)
{
	size_t n = k->bucket_count * 2;
	struct torrent **wider;

	if (k->torrents < k->bucket_count)
		return;
	wider = calloc(n, sizeof(struct torrent *));
	if (!wider)
		return; /* longer chains until there is memory */
	free(k->buckets);
	k->bytes += (n - k->bucket_count) * sizeof(struct torrent *);
	k->buckets = wider;
	k->bucket_count = n;
	for (struct torrent *t = k->oldest; t; t = t->newer) {
		struct torrent **at = bucket_of(k, &t->id);

		t->next = *at;
		*at = t;
	}
}

static struct torrent *find(const struct kept_peers *k, const struct dht_id *id,
			    enum dht_family family)
{
	struct torrent *t = *bucket_of(k, id);

	while (t && (t->family != family || !dht_id_eq(&t->id, id)))
		t = t->next;
	return t;
}

static struct torrent *find_or_make(struct kept_peers *k,
				    const struct dht_id *id,
				    enum dht_family family)
{
	struct torrent *t = find(k, id, family);
	struct torrent **at;

	if (t) {
		unlink_age(k, t);
		link_newest(k, t);
		return t;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	widen(k);
	t->id = *id;
	t->family = family;
	at = bucket_of(k, id);
	t->next = *at;
	*at = t;
	link_newest(k, t);
	k->torrents++;
	k->bytes += sizeof(*t);
	return t;
}

/* --- records ---------------------------------------------------------------
 */

static uint16_t stamp_of(int64_t now_ms, bool seed)
{
	return (uint16_t)(((uint64_t)now_ms / TICK_MS & TICK_MASK) |
			  (seed ? TICK_MASK + 1 : 0));
}

static uint16_t read_stamp(const uint8_t *record, enum dht_family family)
{
	const uint8_t *p = record + dht_compact_len(family);

	return (uint16_t)(p[0] << 8 | p[1]);
}

static void write_stamp(uint8_t *record, enum dht_family family, uint16_t v)
{
	uint8_t *p = record + dht_compact_len(family);

	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static bool is_over(uint16_t stamp, int64_t now_ms)
{
	uint32_t age = (uint32_t)(stamp_of(now_ms, false) - stamp) & TICK_MASK;

	return age > KEPT_PEERS_MS / TICK_MS;
}

static void forget_old(struct kept_peers *k, struct torrent *t, int64_t now_ms)
{
	size_t len = record_len(t->family);

	for (uint32_t i = t->count; i-- > 0;) {
		uint8_t *r = t->records + i * len;

		if (!is_over(read_stamp(r, t->family), now_ms))
			continue;
		(*of_host(k, r, t->family))--;
		t->count--;
		k->peers--;
		memmove(r, t->records + t->count * len, len);
	}
}

static bool grow(struct kept_peers *k, struct torrent *t)
{
	size_t len = record_len(t->family);
	uint32_t cap = t->cap ? t->cap + t->cap / 2 + 1 : 1;
	uint8_t *grown;

	if (t->count < t->cap)
		return true;
	if (cap > KEPT_PEERS_OF_ONE)
		cap = KEPT_PEERS_OF_ONE;
	grown = realloc(t->records, cap * len);
	if (!grown)
		return false;
	k->bytes += (cap - t->cap) * len;
	t->records = grown;
	t->cap = cap;
	return true;
}

static bool add_record(struct kept_peers *k, struct torrent *t,
		       const uint8_t *compact, uint16_t stamp)
{
	size_t compact_len = dht_compact_len(t->family);
	size_t len = record_len(t->family);
	uint16_t *held = of_host(k, compact, t->family);
	uint8_t *r;

	for (uint32_t i = 0; i < t->count; i++) {
		r = t->records + i * len;
		if (memcmp(r, compact, compact_len) == 0) {
			write_stamp(r, t->family, stamp);
			return true;
		}
	}
	if (t->count == KEPT_PEERS_OF_ONE || *held >= KEPT_PEERS_OF_A_HOST ||
	    !grow(k, t))
		return false;
	r = t->records + t->count++ * len;
	memcpy(r, compact, compact_len);
	write_stamp(r, t->family, stamp);
	(*held)++;
	k->peers++;
	return true;
}

bool kept_peers_add(struct kept_peers *k, const struct dht_id *info_hash,
		    const struct wire_addr *peer, bool seed, int64_t now_ms)
{
	enum dht_family family = dht_family_of(peer);
	struct torrent *t = find_or_make(k, info_hash, family);
	uint8_t compact[18];
	bool added;

	if (!t)
		return false;
	dht_compact_write(compact, peer);
	forget_old(k, t, now_ms);
	added = add_record(k, t, compact, stamp_of(now_ms, seed));
	if (added)
		t->announced_ms = now_ms;
	if (t->count == 0)
		remove_torrent(k, t);
	while (k->peers > KEPT_PEERS_MAX)
		remove_torrent(k, k->oldest);
	return added;
}

size_t kept_peers_write(struct kept_peers *k, uint8_t *buf, size_t cap,
			const struct dht_id *info_hash, enum dht_family family,
			bool noseed, uint32_t chance, int64_t now_ms)
{
	struct torrent *t = find(k, info_hash, family);
	size_t compact_len = dht_compact_len(family);
	size_t at = 0;

	if (!t || cap < 2)
		return 0;
	buf[at++] = 'l';
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t which = (uint32_t)((chance + i) % t->count);
		const uint8_t *r = t->records + which * record_len(family);
		uint16_t stamp = read_stamp(r, family);

		if (is_over(stamp, now_ms) || (noseed && stamp > TICK_MASK))
			continue;
		if (cap - at < compact_len + 4) /* "18:" and the last 'e' */
			break;
		memcpy(buf + at, family == DHT_V4 ? "6:" : "18:",
		       family == DHT_V4 ? 2 : 3);
		at += family == DHT_V4 ? 2 : 3;
		memcpy(buf + at, r, compact_len);
		at += compact_len;
	}
	buf[at++] = 'e';
	return at > 2 ? at : 0;
}

void kept_peers_expire(struct kept_peers *k, int64_t now_ms)
{
	while (k->oldest && now_ms - k->oldest->announced_ms > KEPT_PEERS_MS)
		remove_torrent(k, k->oldest);
}

size_t kept_peers_sample(const struct kept_peers *k, struct dht_id *out,
			 size_t max, uint32_t chance)
{
	size_t n = 0;

	for (size_t i = 0; i < k->bucket_count && n < max; i++) {
		size_t b = (chance + i) & (k->bucket_count - 1);
		size_t first = n;

		for (struct torrent *t = k->buckets[b]; t && n < max;
		     t = t->next) {
			size_t j = first;

			while (j < n && !dht_id_eq(&out[j], &t->id))
				j++;
			if (j == n)
				out[n++] = t->id;
		}
	}
	return n;
}

size_t kept_peers_count(const struct kept_peers *k)
{
	return k->peers;
}

size_t kept_peers_torrents(const struct kept_peers *k)
{
	return k->torrents;
}

size_t kept_peers_bytes(const struct kept_peers *k)
{
	return k->bytes;
}
