#include "storage/object/placement.h"
#include "storage/object/record.h"
#include "tests/check.h"
#include "tests/storage/object_vectors.h"

static uint8_t master[OBJECT_KEY_LEN], full[OBJECT_KEY_LEN];
static struct object_keys keys;

static struct address host(uint8_t i)
{
	struct address a;

	memset(a.bytes, i, sizeof(a.bytes));
	return a;
}

/* --- the envelope --- */

static void check_opens(const char *name, const char *record,
			const char *content, const uint8_t *signer,
			uint64_t sequence)
{
	size_t len, want_len, got_len;
	uint8_t *r = vector_bytes(&len, record);
	uint8_t *want = vector_bytes(&want_len, content), *got;
	struct record_head h;

	CHECK(record_check(&h, r, len, NULL) == ERR_NONE, "%s", name);
	CHECK(memcmp(h.signer, signer, OBJECT_KEY_LEN) == 0, "%s: whose", name);
	CHECK(h.sequence == sequence, "%s: sequence", name);
	CHECK(record_open(&got, &got_len, keys.placement, r, len, NULL) ==
		      ERR_NONE,
	      "%s opens", name);
	CHECK(got_len == want_len && memcmp(got, want, want_len) == 0,
	      "%s: content", name);
	free(got);
	CHECK(record_open(&got, &got_len, keys.repair, r, len, NULL) == ERR_SIG,
	      "%s: another key", name);
	free(want);
	free(r);
}

static void published_records_hold(void)
{
	check_opens("owner", VECTOR_OWNER_RECORD, VECTOR_PLACEMENT,
		    keys.owner_pk, 7);
	check_opens("steward", VECTOR_STEWARD_RECORD, VECTOR_ADDITIONS,
		    keys.steward_pk, 3);
}

static void what_is_sealed_opens(void)
{
	struct rng rng = rng_seeded(1);
	static const uint8_t content[] = "where things lie";
	struct record_head h;
	uint8_t *r, *got;
	size_t len, n;

	CHECK(record_seal(&r, &len, &keys, master, 1, content, sizeof(content),
			  &rng, NULL) == ERR_NONE,
	      "owner");
	CHECK(record_check(&h, r, len, NULL) == ERR_NONE &&
		      memcmp(h.signer, keys.owner_pk, 32) == 0,
	      "owner's");
	CHECK(record_open(&got, &n, keys.placement, r, len, NULL) == ERR_NONE &&
		      n == sizeof(content) && memcmp(got, content, n) == 0,
	      "opens");
	free(got);
	for (size_t i = 0; i < len; i++) {
		r[i] ^= 1;
		CHECK(record_check(&h, r, len, NULL) != ERR_NONE,
		      "altered at %zu", i);
		r[i] ^= 1;
	}
	CHECK(record_check(&h, r, len - 1, NULL) == ERR_SIG, "cut");
	CHECK(record_check(&h, r, 20, NULL) == ERR_PARSE, "cut short");
	free(r);
	CHECK(record_seal(&r, &len, &keys, NULL, RECORD_SEQUENCE_MAX, content,
			  0, &rng, NULL) == ERR_NONE,
	      "steward, empty");
	CHECK(record_check(&h, r, len, NULL) == ERR_NONE &&
		      memcmp(h.signer, keys.steward_pk, 32) == 0 &&
		      h.sequence == RECORD_SEQUENCE_MAX,
	      "steward's");
	free(r);
}

static void what_may_not_be_sealed_is_refused(void)
{
	struct rng rng = rng_seeded(2);
	struct object_keys sample;
	uint8_t *r, *large = calloc(1, RECORD_MAX + 1);
	struct record_head h;
	size_t len;

	if (!large)
		abort();
	object_keys_from_sample(&sample, keys.placement, keys.owner_pk);
	CHECK(record_seal(&r, &len, &sample, NULL, 1, large, 1, &rng, NULL) ==
		      ERR_STATE,
	      "a sample link signs nothing");
	CHECK(record_seal(&r, &len, &keys, master, 0, large, 1, &rng, NULL) ==
		      ERR_LIMIT,
	      "sequence 0");
	CHECK(record_seal(&r, &len, &keys, master, RECORD_SEQUENCE_MAX + 1,
			  large, 1, &rng, NULL) == ERR_LIMIT,
	      "a high sequence");
	CHECK(record_seal(&r, &len, &keys, master, 1, large,
			  RECORD_CONTENT_MAX + 1, &rng, NULL) == ERR_LIMIT,
	      "too long");
	CHECK(record_check(&h, large, RECORD_MAX + 1, NULL) == ERR_LIMIT,
	      "too long to check");
	CHECK(record_seal(&r, &len, &keys, master, 1, large, RECORD_CONTENT_MAX,
			  &rng, NULL) == ERR_NONE &&
		      len == RECORD_MAX,
	      "the longest");
	CHECK(record_check(&h, r, len, NULL) == ERR_NONE, "and it is fine");
	free(r);
	free(large);
}

/* --- the owner's content --- */

static void check_again(const struct placement *p, const uint8_t *want,
			size_t want_len)
{
	uint8_t *again;
	size_t len;

	CHECK(placement_encode(&again, &len, p, NULL) == ERR_NONE, "encode");
	CHECK(len == want_len && memcmp(again, want, len) == 0, "the same");
	free(again);
}

static void the_published_placement_holds(void)
{
	size_t len;
	uint8_t *bytes = vector_bytes(&len, VECTOR_PLACEMENT);
	struct address a = host(0x11), b = host(0x22), c = host(0x05);
	struct placement *p, *own;

	CHECK(placement_decode(&p, bytes, len, NULL) == ERR_NONE, "decode");
	CHECK(p->k == 1 && p->n == 2 && p->segments == 1 && p->hosts_n == 2,
	      "shape");
	CHECK(p->salts[0][15] == 0xaf, "salt");
	CHECK(placement_row(p, 0, 1)->root.bytes[31] == 0xbb &&
		      placement_row(p, 0, 1)->places == 2 &&
		      placement_row(p, 0, 0)->places == 1,
	      "rows");
	check_again(p, bytes, len);
	placement_free(p);

	/* the same by hand, in another order and with a host that goes again */
	CHECK(placement_new(&own, 1, 2, 1, NULL) == ERR_NONE, "new");
	memcpy(own->steward_pk, keys.steward_pk, OBJECT_KEY_LEN);
	for (uint8_t i = 0; i < 16; i++)
		own->salts[0][i] = (uint8_t)(0xa0 + i);
	memset(placement_row(own, 0, 0)->root.bytes, 0xaa, 32);
	memset(placement_row(own, 0, 1)->root.bytes, 0xbb, 32);
	CHECK(placement_add(own, 0, 1, &c, NULL) == ERR_NONE &&
		      placement_add(own, 0, 1, &b, NULL) == ERR_NONE &&
		      placement_add(own, 0, 1, &a, NULL) == ERR_NONE &&
		      placement_add(own, 0, 1, &a, NULL) == ERR_NONE &&
		      placement_add(own, 0, 0, &a, NULL) == ERR_NONE,
	      "places");
	CHECK(placement_remove(own, 0, 1, &c), "removed");
	CHECK(!placement_remove(own, 0, 1, &c), "once");
	check_again(own, bytes, len);
	placement_free(own);
	free(bytes);
}

/* Offsets into the published placement. */
enum {
	AT_K = 1,
	AT_N = 2,
	AT_SEGMENTS = 3,
	AT_HOSTS = 37,
	AT_HOST0 = 39,
	AT_PLACES0 = 127,
	AT_INDEX0 = 128,
	AT_INDEX1A = 163,
	AT_INDEX1B = 165
};

static void malformed_placements_are_refused(void)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t value;
		enum err_code code;
	} rows[] = {
		{"another version", 0, 2, ERR_PARSE},
		{"k 0", AT_K, 0, ERR_LIMIT},
		{"k above n", AT_K, 3, ERR_LIMIT},
		{"more rows than there are bytes", AT_N, 255, ERR_PARSE},
		{"more segments", AT_SEGMENTS + 1, 2, ERR_PARSE},
		{"no segment", AT_SEGMENTS + 1, 0, ERR_LIMIT},
		{"too many hosts", AT_HOSTS, 0xff, ERR_PARSE},
		{"hosts out of order", AT_HOST0, 0x33, ERR_PARSE},
		{"more places than fit", AT_PLACES0, 7, ERR_PARSE},
		{"a place at no host", AT_INDEX0 + 1, 2, ERR_PARSE},
		{"one place twice", AT_INDEX1A + 1, 1, ERR_PARSE},
		{"places out of order", AT_INDEX1B + 1, 0, ERR_PARSE},
	};
	size_t len;
	uint8_t *bytes = vector_bytes(&len, VECTOR_PLACEMENT);
	struct placement *p;

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t was = bytes[rows[i].at];

		bytes[rows[i].at] = rows[i].value;
		CHECK(placement_decode(&p, bytes, len, NULL) == rows[i].code,
		      "%s", rows[i].name);
		bytes[rows[i].at] = was;
	}
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *part = malloc(cut + 1); /* nothing readable behind */

		if (!part)
			abort();
		memcpy(part, bytes, cut);
		CHECK(placement_decode(&p, part, cut, NULL) != ERR_NONE,
		      "cut at %zu", cut);
		free(part);
	}
	/* a host that nothing lies at: the last one, of row 1 */
	bytes[AT_PLACES0 + 35] = 1;
	CHECK(placement_decode(&p, bytes, len - 2, NULL) == ERR_PARSE,
	      "a host without a place");
	free(bytes);
}

static void places_are_bounded(void)
{
	struct placement *p;
	struct address a = {{0}};

	CHECK(placement_new(&p, 1, 255, 4, NULL) == ERR_NONE, "new");
	for (unsigned i = 0; i <= PLACEMENT_HOSTS_MAX; i++) {
		a.bytes[0] = (uint8_t)(i >> 8);
		a.bytes[1] = (uint8_t)i;
		CHECK(placement_add(p, i / 5 / 255, i / 5 % 255, &a, NULL) ==
			      (i < PLACEMENT_HOSTS_MAX ? ERR_NONE : ERR_LIMIT),
		      "host %u", i);
	}
	placement_free(p);
	CHECK(placement_new(&p, 1, 1, 1, NULL) == ERR_NONE, "new");
	for (uint8_t i = 0; i < PLACEMENT_PLACES_MAX; i++) {
		a = host(i);
		CHECK(placement_add(p, 0, 0, &a, NULL) == ERR_NONE, "%u", i);
	}
	CHECK(placement_add(p, 0, 0, &a, NULL) == ERR_NONE, "there already");
	a = host(99);
	CHECK(placement_add(p, 0, 0, &a, NULL) == ERR_LIMIT, "one more");
	CHECK(p->hosts_n == PLACEMENT_PLACES_MAX, "no host was noted for it");
	placement_free(p);
	CHECK(placement_new(&p, 1, 1, SEGMENTS_MAX + 1, NULL) == ERR_LIMIT,
	      "segments");
	CHECK(placement_new(&p, 2, 1, 1, NULL) == ERR_LIMIT, "k above n");
}

/* The largest that a put makes fits, with two places for each row. */
static void the_largest_fits(void)
{
	static const unsigned ns[] = {1, 30, 80, 255};

	for (size_t i = 0; i < ROWS(ns); i++) {
		unsigned segments = placement_segments_max(ns[i]);
		struct placement *p;
		uint8_t *bytes;
		size_t len;

		CHECK(placement_new(&p, 1, ns[i], segments, NULL) == ERR_NONE,
		      "%u", ns[i]);
		for (unsigned s = 0; s < segments; s++) {
			for (unsigned j = 0; j < ns[i]; j++) {
				struct address a = host((uint8_t)j);
				struct address b = host((uint8_t)(j + 1));

				CHECK(placement_add(p, s, j, &a, NULL) ==
						      ERR_NONE &&
					      placement_add(p, s, j, &b,
							    NULL) == ERR_NONE,
				      "places");
			}
		}
		CHECK(placement_encode(&bytes, &len, p, NULL) == ERR_NONE,
		      "n %u, %u segments", ns[i], segments);
		CHECK(segments == SEGMENTS_MAX || len > RECORD_MAX / 10 * 9,
		      "n %u: as many as fit", ns[i]);
		free(bytes);
		placement_free(p);
	}
}

/* --- stewards --- */

static void additions_are_sorted_and_single(void)
{
	struct placement_addition a[] = {{1, 0, host(1)},
					 {0, 2, host(1)},
					 {0, 0, host(2)},
					 {0, 0, host(1)},
					 {0, 0, host(2)}};
	struct placement_addition *got;
	uint8_t *bytes;
	size_t len, n;

	CHECK(placement_additions_encode(&bytes, &len, a, ROWS(a), NULL) ==
		      ERR_NONE,
	      "encode");
	CHECK(placement_additions_decode(&got, &n, bytes, len, NULL) ==
			      ERR_NONE &&
		      n == 4,
	      "four");
	CHECK(n == 4 && got[0].host.bytes[0] == 1 &&
		      got[1].host.bytes[0] == 2 && got[2].row == 2 &&
		      got[3].segment == 1,
	      "in order");
	free(got);
	memmove(bytes + 5, bytes + 5 + 23, 23);
	CHECK(placement_additions_decode(&got, &n, bytes, len, NULL) ==
		      ERR_PARSE,
	      "one twice");
	CHECK(placement_additions_decode(&got, &n, bytes, len - 1, NULL) ==
		      ERR_PARSE,
	      "cut");
	memset(bytes + 1, 0xff, 4);
	CHECK(placement_additions_decode(&got, &n, bytes, len, NULL) ==
		      ERR_LIMIT,
	      "a count that is no count");
	free(bytes);
	CHECK(placement_additions_encode(&bytes, &len, NULL, 0, NULL) ==
			      ERR_NONE &&
		      placement_additions_decode(&got, &n, bytes, len, NULL) ==
			      ERR_NONE &&
		      n == 0,
	      "none");
	free(bytes);
}

static void a_steward_adds_and_never_removes(void)
{
	size_t len, n;
	uint8_t *bytes = vector_bytes(&len, VECTOR_PLACEMENT);
	uint8_t *more = vector_bytes(&n, VECTOR_ADDITIONS);
	const struct placement_addition odd[] = {
		{1, 0, host(9)},    /* no such segment */
		{0, 2, host(9)},    /* no such row */
		{0, 1, host(0x11)}, /* there already */
		{0, 1, host(9)},
	};
	struct placement_addition *a;
	struct placement *p;
	size_t count;

	CHECK(placement_decode(&p, bytes, len, NULL) == ERR_NONE, "decode");
	CHECK(placement_additions_decode(&a, &count, more, n, NULL) == ERR_NONE,
	      "additions");
	CHECK(placement_merge(p, a, count) == 1, "one");
	CHECK(placement_merge(p, a, count) == 0, "once");
	CHECK(placement_row(p, 0, 0)->places == 2, "added");
	CHECK(placement_merge(p, odd, ROWS(odd)) == 1, "one of the odd ones");
	CHECK(placement_row(p, 0, 1)->places == 3, "to row 1");
	for (uint8_t i = 100; i < 120; i++) {
		struct placement_addition flood = {0, 0, host(i)};

		(void)placement_merge(p, &flood, 1);
	}
	CHECK(placement_row(p, 0, 0)->places == PLACEMENT_PLACES_MAX,
	      "a flood ends");
	CHECK(p->hosts[placement_row(p, 0, 0)->host[0]].bytes[0] == 0x11,
	      "the owner's place is still the first");
	free(a);
	placement_free(p);
	free(more);
	free(bytes);
}

int main(void)
{
	for (uint8_t i = 0; i < OBJECT_KEY_LEN; i++) {
		full[i] = i;
		master[i] = (uint8_t)(32 + i);
	}
	object_keys_own(&keys, master, full);
	published_records_hold();
	what_is_sealed_opens();
	what_may_not_be_sealed_is_refused();
	the_published_placement_holds();
	malformed_placements_are_refused();
	places_are_bounded();
	the_largest_fits();
	additions_are_sorted_and_single();
	a_steward_adds_and_never_removes();
	return CHECK_EXIT();
}
