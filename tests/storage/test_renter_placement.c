/* What the database knows of an object becomes a record at hosts, and from that
 * record and the lists of agreements the same database again. */
#include "storage/rent/renter_placement.h"

#include "base/db.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define K 2U
#define N 5U
#define SEGMENTS 300U
#define HOSTS 7U
#define STEWARD_HOST 60

static const uint8_t master[OBJECT_KEY_LEN] = {1};
static const uint8_t other_master[OBJECT_KEY_LEN] = {2};
static const uint8_t full[OBJECT_KEY_LEN] = {3};

static void must(enum err_code got, const char *what)
{
	CHECK(got == ERR_NONE, "%s: %d", what, got);
}

static struct renter_db *open_db(void)
{
	struct renter_db *r = NULL;

	if (renter_db_open(&r, DB_IN_MEMORY, NULL) != ERR_NONE)
		abort();
	return r;
}

static struct address host_of(unsigned i)
{
	struct address a = {{0x11, (uint8_t)i}};

	return a;
}

static struct hash32 root_of(unsigned segment, unsigned shard)
{
	struct hash32 h = {{0x22, (uint8_t)(segment >> 8), (uint8_t)segment,
			    (uint8_t)shard}};

	return h;
}

static int64_t agreement_with(struct renter_db *db, unsigned host)
{
	struct renter_agreement a = {.state = RENTER_UNOPENED};

	a.offered.host = host_of(host);
	a.signed_ = a.offered;
	must(renter_db_add_agreement(db, &a, NULL), "add an agreement");
	return a.id;
}

static struct renter_object object_with(struct renter_db *db, unsigned segments,
					struct object_keys *keys)
{
	struct rng rng = rng_seeded(5);
	struct renter_object o = {
		.state = RENTER_STORED, .k = K, .n = N, .segments = segments};

	must(renter_wrap_key(&o, keys, master, full, &rng, NULL), "wrap");
	must(renter_db_add_object(db, &o, NULL), "add an object");
	return o;
}

static void note_segment(struct renter_db *db, int64_t object, unsigned segment)
{
	struct renter_segment g = {.object = object, .index = segment};

	memset(g.salt, (int)segment + 1, sizeof(g.salt));
	g.plain.bytes[0] = (uint8_t)segment;
	must(renter_db_set_segment(db, &g, NULL), "note a segment");
}

static struct renter_place place_of(int64_t object, unsigned segment,
				    unsigned shard, unsigned host)
{
	return (struct renter_place){.object = object,
				     .segment = segment,
				     .shard = (uint16_t)shard,
				     .root = root_of(segment, shard),
				     .host = host_of(host)};
}

static void stage(struct renter_db *db, int64_t object, unsigned segment,
		  unsigned shard, unsigned host)
{
	struct renter_place p = place_of(object, segment, shard, host);

	must(renter_db_stage(db, &p, NULL), "stage");
}

/* Shard i of segment s at host (i + s) mod HOSTS, all in agreements. */
static struct renter_object stored(struct renter_db *db, unsigned segments,
				   struct object_keys *keys,
				   int64_t agreements[HOSTS])
{
	struct renter_object o = object_with(db, segments, keys);

	for (unsigned s = 0; s < segments; s++) {
		note_segment(db, o.id, s);
		for (unsigned i = 0; i < N; i++)
			stage(db, o.id, s, i, (i + s) % HOSTS);
	}
	for (unsigned h = 0; h < HOSTS; h++) {
		struct address a = host_of(h);

		agreements[h] = agreement_with(db, h);
		must(renter_db_sign_staged(db, agreements[h], &a, SIZE_MAX, 9,
					   NULL),
		     "sign");
	}
	return o;
}

static void check_same(const char *name, const struct placement *a,
		       const struct placement *b)
{
	uint8_t *x = NULL, *y = NULL;
	size_t x_len = 0, y_len = 0;

	must(placement_encode(&x, &x_len, a, NULL), name);
	must(placement_encode(&y, &y_len, b, NULL), name);
	CHECK(x_len == y_len && x && y && memcmp(x, y, x_len) == 0, "%s", name);
	free(x);
	free(y);
}

/* --- keys --- */

static void a_key_opens_with_its_phrase_and_name_alone(void)
{
	static const struct {
		const char *name;
		size_t flip; /* byte of `wrapped`; SIZE_MAX: none */
		size_t len;
		bool name_too, other;
		enum err_code want;
	} rows[] = {
		{"as it was", SIZE_MAX, 72, false, false, ERR_NONE},
		{"another phrase", SIZE_MAX, 72, false, true, ERR_SIG},
		{"another name", SIZE_MAX, 72, true, false, ERR_SIG},
		{"its nonce", 0, 72, false, false, ERR_SIG},
		{"its box", 30, 72, false, false, ERR_SIG},
		{"its tag", 71, 72, false, false, ERR_SIG},
		{"cut", SIZE_MAX, 71, false, false, ERR_SIG},
		{"none", SIZE_MAX, 0, false, false, ERR_SIG},
	};
	static const struct object_keys none;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rng rng = rng_seeded(1);
		struct object_keys keys, got;
		struct renter_object o = {0};

		must(renter_wrap_key(&o, &keys, master, full, &rng, NULL),
		     "wrap");
		CHECK(o.wrapped_len == RENTER_WRAPPED_LEN, "its length");
		if (rows[i].flip != SIZE_MAX)
			o.wrapped[rows[i].flip] ^= 1;
		o.name.bytes[31] ^= rows[i].name_too;
		o.wrapped_len = rows[i].len;
		CHECK(renter_unwrap_key(&got, &o,
					rows[i].other ? other_master : master,
					NULL) == rows[i].want,
		      "%s", rows[i].name);
		CHECK(memcmp(&got, rows[i].want == ERR_NONE ? &keys : &none,
			     sizeof(got)) == 0,
		      "%s: keys", rows[i].name);
	}
}

/* --- there and back --- */

/* The placement of an object as a record that hosts have. */
static struct placement *through_record(const struct placement *p,
					const struct object_keys *keys)
{
	struct rng rng = rng_seeded(2);
	struct placement *got = NULL;
	struct object_keys sample;
	uint64_t sequence = 0;
	uint8_t *record;
	size_t len;

	must(renter_placement_seal(&record, &len, p, keys, master, 8, &rng,
				   NULL),
	     "seal");
	object_keys_from_sample(&sample, keys->placement, keys->owner_pk);
	must(renter_placement_open(&got, &sequence, &sample, record, len, NULL),
	     "open");
	CHECK(sequence == 8, "its sequence");
	free(record);
	if (!got)
		abort();
	return got;
}

struct lists {
	struct renter_list list[HOSTS];
	struct hash32 *roots[HOSTS];
};

/* What hosts tell of their agreements; `agreements` are ids of the database
 * that is being restored. */
static void tell_lists(struct lists *l, struct renter_db *old,
		       const int64_t was[HOSTS],
		       const int64_t agreements[HOSTS])
{
	for (unsigned h = 0; h < HOSTS; h++) {
		l->list[h] = (struct renter_list){.agreement = agreements[h],
						  .host = host_of(h)};
		must(renter_db_list(old, was[h], &l->roots[h], &l->list[h].n,
				    NULL),
		     "list");
		l->list[h].roots = l->roots[h];
	}
}

static void free_lists(struct lists *l)
{
	for (unsigned h = 0; h < HOSTS; h++)
		free(l->roots[h]);
}

static void check_lists(struct renter_db *db, const struct lists *l)
{
	for (unsigned h = 0; h < HOSTS; h++) {
		struct hash32 *roots = NULL;
		size_t n = 0;

		must(renter_db_list(db, l->list[h].agreement, &roots, &n, NULL),
		     "a whole list");
		CHECK(n == l->list[h].n && roots &&
			      memcmp(roots, l->roots[h], n * sizeof(*roots)) ==
				      0,
		      "list %u as the host has it", h);
		free(roots);
	}
}

static bool take_last(void *ctx, const struct renter_object *o)
{
	*(struct renter_object *)ctx = *o;
	return true;
}

/* A removed object's sectors are still in the lists. */
static void a_database_comes_back_from_records_and_lists(void)
{
	struct renter_db *old = open_db(), *new = open_db();
	int64_t was[HOSTS], agreements[HOSTS];
	struct object_keys keys;
	struct renter_object o = stored(old, SEGMENTS, &keys, was), again, x;
	struct renter_restored done;
	struct renter_lists *lists = NULL;
	struct placement *p, *q;
	struct lists l;
	uint64_t rest = 0;

	must(renter_placement(&p, old, &o, &keys, RENTER_COUNT_SIGNED, NULL),
	     "from the database");
	q = through_record(p, &keys);
	check_same("the record", p, q);
	for (unsigned h = 0; h < HOSTS; h++)
		agreements[h] = agreement_with(new, h);
	again = object_with(new, SEGMENTS, NULL);
	tell_lists(&l, old, was, agreements);
	must(renter_lists_new(&lists, l.list, HOSTS, NULL), "lists");
	must(renter_placement_restore(new, &again, q, 8, lists, 7, &done, NULL),
	     "restore");
	CHECK(done.signed_ == SEGMENTS * N && done.unknown == 0, "%llu %llu",
	      (unsigned long long)done.signed_,
	      (unsigned long long)done.unknown);
	CHECK(again.sequence == 8, "the record's sequence");
	must(renter_lists_rest(lists, new, false, 7, &rest, NULL), "rest");
	CHECK(rest == 0, "nothing is left");
	placement_free(q);
	must(renter_placement(&q, new, &again, &keys, RENTER_COUNT_SIGNED,
			      NULL),
	     "from the new one");
	check_same("the same again", p, q);
	check_lists(new, &l);
	must(renter_db_objects(new, take_last, &x, NULL), "objects");
	CHECK(x.id == again.id && x.sequence == 8, "it alone, committed so");
	placement_free(p);
	placement_free(q);
	renter_lists_free(lists);
	free_lists(&l);
	renter_db_close(old);
	renter_db_close(new);
}

static void what_belongs_to_no_object_is_there_to_be_dropped(void)
{
	struct renter_db *old = open_db(), *new = open_db();
	int64_t was[HOSTS], agreements[HOSTS];
	struct object_keys keys;
	struct renter_object o = stored(old, SEGMENTS, &keys, was), x = {0};
	struct renter_lists *lists = NULL;
	struct lists l;
	uint64_t rest = 0;

	(void)o;
	for (unsigned h = 0; h < HOSTS; h++)
		agreements[h] = agreement_with(new, h);
	tell_lists(&l, old, was, agreements);
	must(renter_lists_new(&lists, l.list, HOSTS, NULL), "lists");
	must(renter_lists_rest(lists, new, false, 7, &rest, NULL), "rest");
	CHECK(rest == SEGMENTS * N, "%llu", (unsigned long long)rest);
	check_lists(new, &l);
	must(renter_db_objects(new, take_last, &x, NULL), "objects");
	CHECK(x.state == RENTER_DROPPING && x.wrapped_len == 0,
	      "to be dropped");
	must(renter_lists_rest(lists, new, false, 7, &rest, NULL), "again");
	CHECK(rest == 0, "once");
	for (unsigned h = 0; h < HOSTS; h++)
		while (l.list[h].n--)
			must(renter_db_cut(new, agreements[h], 0, NULL), "cut");
	must(renter_db_remove_object(new, x.id, NULL), "it goes");
	renter_lists_free(lists);
	free_lists(&l);
	renter_db_close(old);
	renter_db_close(new);
}

/* Where a record was not found, its sectors may be among them: they are kept,
 * and a later restore begins with whole lists again. */
static void what_may_be_an_objects_own_is_held(void)
{
	struct renter_db *old = open_db(), *new = open_db();
	int64_t was[HOSTS], agreements[HOSTS];
	struct object_keys keys;
	struct renter_object o = stored(old, SEGMENTS, &keys, was), x = {0};
	struct renter_object again = object_with(new, SEGMENTS, NULL);
	struct renter_lists *lists = NULL;
	struct renter_restored done;
	struct placement *p;
	struct lists l;
	uint64_t rest = 0;

	must(renter_placement(&p, old, &o, &keys, RENTER_COUNT_SIGNED, NULL),
	     "from the database");
	for (unsigned h = 0; h < HOSTS; h++)
		agreements[h] = agreement_with(new, h);
	tell_lists(&l, old, was, agreements);
	must(renter_lists_new(&lists, l.list, HOSTS, NULL), "lists");
	must(renter_lists_rest(lists, new, true, 7, &rest, NULL), "rest");
	must(renter_db_objects(new, take_last, &x, NULL), "objects");
	CHECK(rest == SEGMENTS * N && x.state == RENTER_PUTTING &&
		      x.wrapped_len == 0,
	      "%llu are held", (unsigned long long)rest);
	check_lists(new, &l);
	renter_lists_free(lists);
	for (unsigned h = 0; h < HOSTS; h++)
		must(renter_db_forget_rest(new, agreements[h], NULL), "forget");
	must(renter_db_objects(new, take_last, &x, NULL), "objects");
	CHECK(x.id == again.id, "they are gone, the object is not");
	must(renter_lists_new(&lists, l.list, HOSTS, NULL), "lists");
	must(renter_placement_restore(new, &again, p, 3, lists, 7, &done, NULL),
	     "its record");
	must(renter_lists_rest(lists, new, false, 7, &rest, NULL), "rest");
	CHECK(done.signed_ == SEGMENTS * N && rest == 0, "all were its own");
	check_lists(new, &l);
	for (unsigned h = 0; h < HOSTS; h++)
		must(renter_db_forget_rest(new, agreements[h], NULL), "forget");
	check_lists(new, &l);
	placement_free(p);
	renter_lists_free(lists);
	free_lists(&l);
	renter_db_close(old);
	renter_db_close(new);
}

static void a_host_out_of_reach_is_added_later(void)
{
	struct renter_db *old = open_db(), *new = open_db();
	int64_t was[HOSTS], agreements[HOSTS];
	struct object_keys keys;
	struct renter_object o = stored(old, 7, &keys, was), again;
	struct renter_lists *some = NULL, *late = NULL;
	struct renter_restored done;
	struct placement *p, *q;
	struct lists l;
	uint64_t rest = 9;

	must(renter_placement(&p, old, &o, &keys, RENTER_COUNT_SIGNED, NULL),
	     "from the database");
	for (unsigned h = 0; h < HOSTS; h++)
		agreements[h] = agreement_with(new, h);
	again = object_with(new, 7, NULL);
	tell_lists(&l, old, was, agreements);
	must(renter_lists_new(&some, l.list, HOSTS - 1, NULL), "lists");
	must(renter_placement_restore(new, &again, p, 3, some, 7, &done, NULL),
	     "restore");
	CHECK(done.signed_ == 30 && done.unknown == 5, "five are not told");
	must(renter_placement(&q, new, &again, &keys, RENTER_COUNT_SIGNED,
			      NULL),
	     "rows without a place have roots");
	placement_free(q);
	must(renter_lists_new(&late, l.list + HOSTS - 1, 1, NULL), "list");
	must(renter_placement_restore(new, &again, p, 2, late, 7, &done, NULL),
	     "later");
	CHECK(done.signed_ == 5 && done.unknown == 0, "the rest");
	CHECK(again.sequence == 3, "the sequence does not fall");
	must(renter_placement(&q, new, &again, &keys, RENTER_COUNT_SIGNED,
			      NULL),
	     "from the new one");
	check_same("the same", p, q);
	check_lists(new, &l);
	renter_lists_free(late);
	must(renter_lists_new(&late, l.list, HOSTS, NULL), "all lists");
	must(renter_lists_rest(late, new, false, 7, &rest, NULL), "rest");
	CHECK(rest == 0, "all positions are taken already");
	p->salts[3][0] ^= 1;
	CHECK(renter_placement_restore(new, &again, p, 9, late, 7, &done,
				       NULL) == ERR_STATE,
	      "another salt");
	again.segments = 8;
	CHECK(renter_placement_restore(new, &again, p, 9, late, 7, &done,
				       NULL) == ERR_STATE,
	      "another shape");
	placement_free(p);
	placement_free(q);
	renter_lists_free(some);
	renter_lists_free(late);
	free_lists(&l);
	renter_db_close(old);
	renter_db_close(new);
}

/* A list may name a root twice: each position has one place. */
static void each_position_is_given_out_once(void)
{
	struct renter_db *db = open_db();
	struct renter_object o = object_with(db, 2, NULL);
	const struct hash32 roots[3] = {{{7}}, {{7}}, {{7}}};
	const struct renter_list list = {.agreement = agreement_with(db, 1),
					 .host = host_of(1),
					 .roots = roots,
					 .n = 3};
	struct renter_lists *lists = NULL;
	struct renter_restored done;
	struct placement *p = NULL;
	struct hash32 *got = NULL;
	uint64_t rest = 0;
	size_t n = 0;

	must(placement_new(&p, K, N, 2, NULL), "placement");
	for (unsigned s = 0; s < 2; s++) {
		placement_row(p, s, 1)->root = roots[0];
		must(placement_add(p, s, 1, &list.host, NULL), "add");
	}
	must(renter_lists_new(&lists, &list, 1, NULL), "lists");
	must(renter_placement_restore(db, &o, p, 1, lists, 7, &done, NULL),
	     "restore");
	CHECK(done.signed_ == 2, "two of them");
	must(renter_lists_rest(lists, db, false, 7, &rest, NULL), "rest");
	CHECK(rest == 1, "and one");
	must(renter_db_list(db, list.agreement, &got, &n, NULL), "list");
	CHECK(n == 3, "whole");
	free(got);
	renter_lists_free(lists);
	placement_free(p);
	renter_db_close(db);
}

/* --- what counts --- */

static unsigned places(struct renter_db *db, const struct renter_object *o,
		       const struct object_keys *keys, enum renter_count count,
		       unsigned row)
{
	struct placement *p = NULL;
	unsigned n;

	must(renter_placement(&p, db, o, keys, count, NULL), "a placement");
	if (!p)
		return UINT32_MAX;
	n = placement_row(p, 0, row)->places;
	placement_free(p);
	return n;
}

static void signed_and_staged_count_and_lost_do_not(void)
{
	struct renter_db *db = open_db();
	int64_t agreements[HOSTS];
	struct object_keys keys;
	struct renter_object o = stored(db, 1, &keys, agreements);

	CHECK(places(db, &o, &keys, RENTER_COUNT_STAGED, 0) == 1, "signed");
	stage(db, o.id, 0, 3, 50);
	CHECK(places(db, &o, &keys, RENTER_COUNT_STAGED, 3) == 2, "and staged");
	CHECK(places(db, &o, &keys, RENTER_COUNT_SIGNED, 3) == 1, "not asked");
	must(renter_db_mark_place(db, agreements[0], 0, SHARD_LOST, 1, NULL),
	     "lost");
	CHECK(places(db, &o, &keys, RENTER_COUNT_STAGED, 0) == 0, "lost");
	CHECK(places(db, &o, &keys, RENTER_COUNT_ALL, 0) == 1 &&
		      places(db, &o, &keys, RENTER_COUNT_ALL, 3) == 2,
	      "for repair");
	must(renter_db_cut(db, agreements[0], 0, NULL), "cut");
	CHECK(places(db, &o, &keys, RENTER_COUNT_STAGED, 0) == 0,
	      "its root is known still");
	for (unsigned h = 50; h < 57; h++)
		stage(db, o.id, 0, 1, h);
	CHECK(places(db, &o, &keys, RENTER_COUNT_STAGED, 1) ==
		      PLACEMENT_PLACES_MAX,
	      "so many");
	renter_db_close(db);
}

static void roots_outlive_their_places_until_the_salt_is_another(void)
{
	struct renter_db *db = open_db();
	struct object_keys keys;
	struct renter_object o = object_with(db, 1, &keys);
	struct placement *p = NULL;
	struct renter_place x;

	CHECK(renter_placement(&p, db, &o, &keys, RENTER_COUNT_STAGED, NULL) ==
			      ERR_STATE &&
		      !p,
	      "no segment");
	note_segment(db, o.id, 0);
	for (unsigned i = 0; i < N - 1; i++)
		stage(db, o.id, 0, i, i);
	CHECK(renter_placement(&p, db, &o, &keys, RENTER_COUNT_STAGED, NULL) ==
		      ERR_STATE,
	      "a row was never made");
	stage(db, o.id, 0, N - 1, N - 1);
	x = place_of(o.id, 0, 2, 2);
	must(renter_db_unstage(db, &x, NULL), "expired");
	CHECK(places(db, &o, &keys, RENTER_COUNT_STAGED, 2) == 0, "a root");
	x.host = host_of(44);
	x.root.bytes[31] = 1;
	must(renter_db_stage(db, &x, NULL), "with another root");
	CHECK(renter_placement(&p, db, &o, &keys, RENTER_COUNT_STAGED, NULL) ==
		      ERR_STATE,
	      "two roots");
	note_segment(db, o.id, 0);
	CHECK(renter_placement(&p, db, &o, &keys, RENTER_COUNT_STAGED, NULL) ==
		      ERR_STATE,
	      "all is forgotten");
	renter_db_close(db);
}

/* --- records --- */

static void a_record_of_another_is_refused(void)
{
	struct rng rng = rng_seeded(2);
	struct object_keys keys, others;
	struct placement *p = NULL, *got = NULL;
	uint64_t sequence;
	uint8_t *record;
	size_t len;

	object_keys_own(&keys, master, full);
	object_keys_own(&others, other_master, full);
	must(placement_new(&p, 1, 2, 1, NULL), "placement");
	must(renter_placement_seal(&record, &len, p, &others, other_master, 1,
				   &rng, NULL),
	     "seal");
	CHECK(renter_placement_open(&got, &sequence, &keys, record, len,
				    NULL) == ERR_SIG &&
		      !got,
	      "the same keys, another owner");
	record[len - 1] ^= 1;
	CHECK(renter_placement_open(&got, &sequence, &others, record, len,
				    NULL) == ERR_SIG,
	      "forged");
	CHECK(renter_placement_open(&got, &sequence, &others, record, 20,
				    NULL) == ERR_PARSE,
	      "cut");
	free(record);
	placement_free(p);
}

static void additions_count_when_the_owners_steward_made_them(void)
{
	struct rng rng = rng_seeded(3);
	struct placement_addition a[2] = {
		{.segment = 0, .row = 1, .host = host_of(STEWARD_HOST)},
		{.segment = 9, .row = 1, .host = host_of(STEWARD_HOST)}};
	struct object_keys keys, repair, sample;
	struct placement *p = NULL;
	uint8_t *record = NULL;
	size_t len = 0, added = 0;

	object_keys_own(&keys, master, full);
	object_keys_from_repair(&repair, keys.repair, keys.owner_pk);
	object_keys_from_sample(&sample, keys.placement, keys.owner_pk);
	must(placement_new(&p, 1, 2, 1, NULL), "placement");
	memcpy(p->steward_pk, keys.steward_pk, sizeof(p->steward_pk));
	CHECK(renter_additions_seal(&record, &len, &sample, 4, a, 2, &rng,
				    NULL) == ERR_STATE,
	      "who looks adds nothing");
	must(renter_additions_seal(&record, &len, &repair, 4, a, 2, &rng, NULL),
	     "seal");
	must(renter_additions_merge(p, &added, &sample, record, len, NULL),
	     "merge");
	CHECK(added == 1 && placement_row(p, 0, 1)->places == 1,
	      "%zu: one names a row of it", added);
	p->steward_pk[0] ^= 1;
	CHECK(renter_additions_merge(p, &added, &sample, record, len, NULL) ==
		      ERR_SIG,
	      "another steward");
	CHECK(added == 0, "nothing");
	free(record);
	placement_free(p);
}

int main(void)
{
	a_key_opens_with_its_phrase_and_name_alone();
	a_database_comes_back_from_records_and_lists();
	what_belongs_to_no_object_is_there_to_be_dropped();
	what_may_be_an_objects_own_is_held();
	a_host_out_of_reach_is_added_later();
	each_position_is_given_out_once();
	signed_and_staged_count_and_lost_do_not();
	roots_outlive_their_places_until_the_salt_is_another();
	a_record_of_another_is_refused();
	additions_count_when_the_owners_steward_made_them();
	return CHECK_EXIT();
}
