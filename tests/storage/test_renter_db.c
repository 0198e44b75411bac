/* What a renter knows survives; lists keep their order; what does not fit is
 * refused. In memory, but for what must survive a restart. */
#include "base/db.h"
#include "storage/rent/rent_msg.h"
#include "storage/rent/renter_db.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct renter_db *open_db(const char *path)
{
	struct renter_db *r = NULL;
	struct err e = {0};

	CHECK(renter_db_open(&r, path, &e) == ERR_NONE, "%s", e.msg);
	if (!r)
		abort();
	return r;
}

static struct address host_of(uint8_t fill)
{
	struct address a;

	memset(a.bytes, fill, sizeof(a.bytes));
	return a;
}

static struct hash32 root_of(uint32_t n)
{
	struct hash32 h = {{0}};

	memcpy(h.bytes, &n, sizeof(n));
	return h;
}

static void must(enum err_code got, const char *what)
{
	CHECK(got == ERR_NONE, "%s: %d", what, got);
}

static struct renter_agreement agreement_with(struct renter_db *r, uint8_t host,
					      uint32_t number)
{
	struct renter_agreement a = {.state = RENTER_UNOPENED};

	a.signed_.host = host_of(host);
	a.signed_.number = number;
	a.signed_.sectors = 1;
	a.offered = a.signed_;
	must(renter_db_add_agreement(r, &a, NULL), "add an agreement");
	CHECK(a.id != 0, "an id");
	return a;
}

static struct renter_object object_with(struct renter_db *r, uint8_t name,
					uint32_t segments)
{
	struct renter_object o = {.wrapped_len = 72,
				  .state = RENTER_PUTTING,
				  .k = 4,
				  .n = 12,
				  .segments = segments};

	memset(o.name.bytes, name, sizeof(o.name.bytes));
	must(renter_db_add_object(r, &o, NULL), "add an object");
	for (uint32_t i = 0; i < segments; i++) {
		struct renter_segment g = {.object = o.id, .index = i};

		must(renter_db_set_segment(r, &g, NULL), "note a segment");
	}
	return o;
}

static enum err_code stage(struct renter_db *r, int64_t object,
			   uint32_t segment, uint16_t shard, uint8_t host,
			   uint32_t root)
{
	const struct renter_place p = {.object = object,
				       .segment = segment,
				       .shard = shard,
				       .root = root_of(root),
				       .host = host_of(host),
				       .since_s = 5};

	return renter_db_stage(r, &p, NULL);
}

static void check_list(struct renter_db *r, int64_t agreement, const char *name,
		       const uint32_t *want, size_t n_want)
{
	struct hash32 *roots;
	size_t n;

	must(renter_db_list(r, agreement, &roots, &n, NULL), name);
	CHECK(n == n_want, "%s: %zu sectors", name, n);
	for (size_t i = 0; i < n && i < n_want; i++) {
		struct hash32 w = root_of(want[i]);

		CHECK(memcmp(&roots[i], &w, sizeof(w)) == 0, "%s: at %zu", name,
		      i);
	}
	free(roots);
}

static void staged_sectors_get_positions_in_order(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_agreement a = agreement_with(r, 1, 0);
	struct renter_object o = object_with(r, 9, 2);
	struct address host = host_of(1);
	struct hash32 *roots;
	size_t n;

	must(stage(r, o.id, 1, 0, 1, 30), "segment 1 first");
	must(stage(r, o.id, 0, 3, 1, 20), "then segment 0");
	must(stage(r, o.id, 0, 2, 2, 99), "another host's");
	CHECK(stage(r, o.id, 0, 3, 1, 21) == ERR_DB, "twice at one host");
	must(renter_db_staged_roots(r, &host, false, SIZE_MAX, &roots, &n,
				    NULL),
	     "staged");
	CHECK(n == 2 && roots[0].bytes[0] == 20 && roots[1].bytes[0] == 30,
	      "in the order of segments");
	free(roots);
	must(renter_db_sign_staged(r, a.id, &host, SIZE_MAX, 7, NULL), "sign");
	check_list(r, a.id, "signed", (const uint32_t[]){20, 30}, 2);
	must(stage(r, o.id, 1, 5, 1, 40), "one more");
	must(renter_db_sign_staged(r, a.id, &host, SIZE_MAX, 8, NULL),
	     "sign again");
	check_list(r, a.id, "appended", (const uint32_t[]){20, 30, 40}, 3);
	renter_db_close(r);
}

static bool count_staged(void *ctx, const struct address *host, bool unopened,
			 uint32_t n)
{
	uint32_t *seen = ctx;
	struct address want = host_of((uint8_t)(1 + seen[0]));

	CHECK(address_eq(host, &want), "hosts in order");
	CHECK(!unopened, "all of it is for the chain");
	seen[++seen[0]] = n;
	return true;
}

static void staged_sectors_are_signed_in_portions(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_agreement a = agreement_with(r, 1, 0);
	struct renter_object o = object_with(r, 9, 2);
	struct address host = host_of(1);
	struct hash32 *roots;
	uint32_t seen[3] = {0};
	size_t n;

	for (uint8_t i = 0; i < 3; i++)
		must(stage(r, o.id, 0, i, 1, (uint32_t)i + 20), "stage");
	must(stage(r, o.id, 0, 3, 2, 99), "another host's");
	must(renter_db_staged_hosts(r, count_staged, seen, NULL), "hosts");
	CHECK(seen[0] == 2 && seen[1] == 3 && seen[2] == 1, "how many each");
	must(renter_db_staged_roots(r, &host, false, 2, &roots, &n, NULL),
	     "two");
	CHECK(n == 2 && roots[1].bytes[0] == 21, "the first two");
	free(roots);
	must(renter_db_sign_staged(r, a.id, &host, 2, 7, NULL), "sign two");
	check_list(r, a.id, "two", (const uint32_t[]){20, 21}, 2);
	must(renter_db_sign_staged(r, a.id, &host, 2, 7, NULL), "the rest");
	check_list(r, a.id, "all", (const uint32_t[]){20, 21, 22}, 3);
	renter_db_close(r);
}

static bool sum_staged(void *ctx, const struct address *host, bool unopened,
		       uint32_t n)
{
	uint32_t *sum = ctx;

	(void)host;
	sum[unopened] += n;
	return true;
}

/* What is to be opened and what never is lie apart, at one host too. */
static void staged_sectors_go_into_agreements_of_their_kind(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_agreement chain = agreement_with(r, 1, 0);
	struct renter_agreement ours = agreement_with(r, 1, RENT_UNOPENED);
	struct renter_object a = object_with(r, 8, 1), b = object_with(r, 9, 1);
	struct address host = host_of(1);
	const struct hash32 held[] = {root_of(31)};
	uint32_t sum[2] = {0};
	struct hash32 *roots;
	size_t n;

	b.unopened = true;
	must(renter_db_set_object(r, &b, NULL), "never opened");
	for (uint8_t i = 0; i < 3; i++) {
		must(stage(r, a.id, 0, i, 1, (uint32_t)i + 20), "stage");
		must(stage(r, b.id, 0, i, 1, (uint32_t)i + 30), "stage");
	}
	must(renter_db_staged_hosts(r, sum_staged, sum, NULL), "hosts");
	CHECK(sum[0] == 3 && sum[1] == 3, "%u and %u", sum[0], sum[1]);
	must(renter_db_staged_roots(r, &host, true, 9, &roots, &n, NULL),
	     "roots");
	CHECK(n == 3 && roots[0].bytes[0] == 30, "of that kind");
	free(roots);
	must(renter_db_sign_staged(r, chain.id, &host, 9, 7, NULL), "sign");
	check_list(r, chain.id, "on chain", (const uint32_t[]){20, 21, 22}, 3);
	must(renter_db_sign_staged(r, ours.id, &host, 1, 7, NULL), "sign");
	check_list(r, ours.id, "unopened", (const uint32_t[]){30}, 1);
	must(renter_db_adopt_list(r, chain.id, &host, held, 1, 9, NULL),
	     "adopt");
	check_list(r, chain.id, "no list takes the other's: a stranger",
		   (const uint32_t[]){31}, 1);
	must(renter_db_staged_roots(r, &host, true, 9, &roots, &n, NULL),
	     "roots");
	CHECK(n == 2, "they are staged as before: %zu", n);
	free(roots);
	renter_db_close(r);
}

static void what_is_unstaged_is_of_one_kind(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_object a = object_with(r, 8, 1), b = object_with(r, 9, 1);
	struct address host = host_of(1);
	uint32_t sum[2] = {0}, gone;
	bool any = false;

	b.unopened = true;
	must(renter_db_set_object(r, &b, NULL), "never opened");
	must(stage(r, a.id, 0, 0, 1, 20), "stage");
	must(stage(r, b.id, 0, 0, 1, 30), "stage");
	must(renter_db_unstage_all(r, &host, true, false, &gone, NULL),
	     "unstage");
	must(renter_db_staged_hosts(r, sum_staged, sum, NULL), "hosts");
	CHECK(sum[0] == 1 && sum[1] == 0, "%u and %u", sum[0], sum[1]);
	must(renter_db_any_staged(r, &any, NULL), "any");
	CHECK(any, "one is left");
	must(renter_db_unstage_all(r, &host, false, false, &gone, NULL),
	     "unstage");
	must(renter_db_any_staged(r, &any, NULL), "any");
	CHECK(!any, "none is left");
	renter_db_close(r);
}

/* Where proofs are due, it is the host's to miss them. */
static void what_is_lost_is_cut_where_nobody_proves_it(void)
{
	static const struct {
		const char *name;
		uint32_t number, cuts;
	} rows[] = {
		{"opened: it stays in the list", 0, 0},
		{"never opened: it is not paid for any more", RENT_UNOPENED, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct renter_db *r = open_db(DB_IN_MEMORY);
		struct renter_agreement a =
			agreement_with(r, 1, rows[i].number);
		struct renter_object o = object_with(r, 9, 1);
		struct address host = host_of(1);
		uint32_t *at, all;
		size_t n;

		o.unopened = rows[i].number != 0;
		must(renter_db_set_object(r, &o, NULL), "its kind");
		for (uint8_t k = 0; k < 3; k++)
			must(stage(r, o.id, 0, k, 1, (uint32_t)k + 20),
			     "stage");
		must(renter_db_sign_staged(r, a.id, &host, 9, 7, NULL), "sign");
		must(renter_db_mark_place(r, a.id, 1, SHARD_LOST, 8, NULL),
		     "lost");
		must(renter_db_cuts(r, a.id, 9, &at, &n, &all, NULL), "cuts");
		CHECK(n == rows[i].cuts && all == n && (!n || at[0] == 1),
		      "%s: %zu", rows[i].name, n);
		free(at);
		renter_db_close(r);
	}
}

static void a_cut_moves_the_last_into_the_gap(void)
{
	static const struct {
		const char *name;
		uint32_t cut;
		uint32_t want[3];
	} rows[] = {
		{"the first", 0, {13, 11, 12}},
		{"in the middle", 1, {10, 13, 12}},
		{"the last", 3, {10, 11, 12}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct renter_db *r = open_db(DB_IN_MEMORY);
		struct renter_agreement a = agreement_with(r, 1, 0);
		struct renter_object o = object_with(r, 9, 1);
		struct address host = host_of(1);

		for (uint16_t s = 0; s < 4; s++)
			must(stage(r, o.id, 0, s, 1, 10U + s), rows[i].name);
		must(renter_db_sign_staged(r, a.id, &host, SIZE_MAX, 7, NULL),
		     rows[i].name);
		must(renter_db_cut(r, a.id, rows[i].cut, NULL), rows[i].name);
		check_list(r, a.id, rows[i].name, rows[i].want, 3);
		CHECK(renter_db_cut(r, a.id, 3, NULL) == ERR_STATE,
		      "%s: there is no fourth any more", rows[i].name);
		renter_db_close(r);
	}
}

struct seen {
	unsigned n;
	struct renter_place last;
};

static bool on_place(void *ctx, const struct renter_place *p)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->last = *p;
	return true;
}

static void places_know_their_state(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_agreement a = agreement_with(r, 1, 0);
	struct renter_object o = object_with(r, 9, 1);
	struct address host = host_of(1);
	struct seen seen = {0};

	must(stage(r, o.id, 0, 7, 1, 50), "stage");
	must(renter_db_places(r, o.id, 0, on_place, &seen, NULL), "places");
	CHECK(seen.n == 1 && seen.last.state == SHARD_STAGED, "staged");
	must(renter_db_unstage(r, &seen.last, NULL), "unstage");
	CHECK(renter_db_unstage(r, &seen.last, NULL) == ERR_STATE, "only once");
	must(stage(r, o.id, 0, 7, 1, 50), "stage again");
	must(renter_db_sign_staged(r, a.id, &host, SIZE_MAX, 70, NULL), "sign");
	CHECK(renter_db_unstage(r, &seen.last, NULL) == ERR_STATE,
	      "what is signed is not unstaged");
	must(renter_db_mark_place(r, a.id, 0, SHARD_LOST, 80, NULL), "lose it");
	CHECK(renter_db_mark_place(r, a.id, 0, SHARD_STAGED, 80, NULL) ==
		      ERR_STATE,
	      "a place in a list is never staged");
	seen = (struct seen){0};
	must(renter_db_places_at(r, a.id, on_place, &seen, NULL), "places at");
	CHECK(seen.n == 1 && seen.last.state == SHARD_LOST &&
		      seen.last.shard == 7 && seen.last.position == 0 &&
		      seen.last.since_s == 80 &&
		      address_eq(&seen.last.host, &host),
	      "lost, and where");
	CHECK(renter_db_remove_object(r, o.id, NULL) == ERR_STATE,
	      "its list still names it");
	CHECK(renter_db_set_segment(r, &(struct renter_segment){.object = o.id},
				    NULL) == ERR_STATE,
	      "nor can its segment be another");
	must(renter_db_cut(r, a.id, 0, NULL), "give the place up");
	must(renter_db_remove_object(r, o.id, NULL), "now it can go");
	renter_db_close(r);
}

/* (!) One salt never serves for two plaintexts. */
static void another_plaintext_takes_another_salt_and_its_shards_go(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_object o = object_with(r, 9, 1);
	struct renter_segment g = {.object = o.id, .index = 0};
	struct seen seen = {0};
	bool known;

	must(stage(r, o.id, 0, 1, 1, 60), "stage");
	memset(g.salt, 0x5a, sizeof(g.salt));
	must(renter_db_set_segment(r, &g, NULL), "note it anew");
	must(renter_db_places(r, o.id, 0, on_place, &seen, NULL), "places");
	CHECK(seen.n == 0, "old shards are wanted again");
	memset(&g, 0, sizeof(g));
	must(renter_db_segment(r, &g, &known, o.id, 0, NULL), "read");
	CHECK(known && g.salt[15] == 0x5a, "the new salt");
	must(renter_db_segment(r, &g, &known, o.id, 1, NULL), "read another");
	CHECK(!known, "not noted");
	renter_db_close(r);
}

static bool collect_file(void *ctx, const struct renter_file *f)
{
	char *all = ctx;

	(void)strcat(strcat(all, f->path), " ");
	return true;
}

static void files_are_listed_below_a_path(void)
{
	static const char *const paths[] = {"a",   "a/b", "a/b/c",
					    "a-b", "a0",  "b"};
	static const struct {
		const char *name, *below, *want;
	} rows[] = {
		{"all", NULL, "a a-b a/b a/b/c a0 b "},
		{"a directory, not its namesakes", "a", "a a/b a/b/c "},
		{"deeper", "a/b", "a/b a/b/c "},
		{"nothing there", "c", ""},
	};
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_object o = object_with(r, 9, 1);
	char all[256] = "";
	uint64_t n;

	for (size_t i = 0; i < ROWS(paths); i++) {
		struct renter_file f = {.path = paths[i],
					.kind = RENTER_FILE,
					.object = o.id,
					.size = 5};

		must(renter_db_set_file(r, &f, NULL), paths[i]);
	}
	must(renter_db_files(r, NULL, collect_file, all, NULL), "list");
	CHECK(strcmp(all, "") == 0, "nothing is there while it is being put");
	o.state = RENTER_STORED;
	must(renter_db_set_object(r, &o, NULL), "stored");
	for (size_t i = 0; i < ROWS(rows); i++) {
		all[0] = '\0';
		must(renter_db_files(r, rows[i].below, collect_file, all, NULL),
		     rows[i].name);
		CHECK(strcmp(all, rows[i].want) == 0, "%s: %s", rows[i].name,
		      all);
	}
	must(renter_db_remove_files(r, "a", &n, NULL), "remove");
	CHECK(n == 3, "%llu went", (unsigned long long)n);
	all[0] = '\0';
	must(renter_db_files(r, NULL, collect_file, all, NULL), "list");
	CHECK(strcmp(all, "a-b a0 b ") == 0, "the rest stays: %s", all);
	renter_db_close(r);
}

static bool first_host(void *ctx, const struct renter_host *h)
{
	uint8_t **at = ctx;

	*(*at)++ = h->address.bytes[0];
	return true;
}

static void hosts_are_ordered_by_our_own_experience(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_host h = {.good = 500, .bad = 1};
	uint8_t got[4] = {0}, *at = got;

	h.address = host_of(2);
	must(renter_db_set_host(r, &h, NULL), "good");
	h = (struct renter_host){.address = host_of(1),
				 .bad = 5,
				 .has_sheet = true,
				 .sheet = {.span = 7},
				 .has_endpoint = true,
				 .endpoint = {.port = 6881}};
	must(renter_db_set_host(r, &h, NULL), "bad");
	h = (struct renter_host){
		.address = host_of(3), .good = 900, .shunned = true};
	must(renter_db_set_host(r, &h, NULL), "shunned");
	h = (struct renter_host){.address = host_of(4)};
	must(renter_db_set_host(r, &h, NULL), "unknown");
	must(renter_db_hosts(r, first_host, (void *)&at, NULL), "hosts");
	CHECK(memcmp(got, (const uint8_t[]){2, 4, 1, 3}, 4) == 0, "%d %d %d %d",
	      got[0], got[1], got[2], got[3]);
	must(renter_db_host(r, &h,
			    &(struct address){{1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
					       1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
			    NULL),
	     "read one");
	CHECK(h.has_sheet && h.sheet.span == 7 && h.has_endpoint &&
		      h.endpoint.port == 6881 && h.bad == 5,
	      "its records");
	renter_db_close(r);
}

static bool count_agreement(void *ctx, const struct renter_agreement *a)
{
	*(struct renter_agreement *)ctx = *a;
	return true;
}

static void what_is_committed_survives_and_the_rest_does_not(void)
{
	char dir[] = "/tmp/seedbank-renter-XXXXXX", path[64];
	struct renter_db *r;
	struct renter_agreement a, got = {0};
	uint64_t n;

	if (!mkdtemp(dir))
		abort();
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	r = open_db(path);
	a = agreement_with(r, 4, 7);
	a.posted = true;
	a.posted_revision = 3;
	a.signed_.earned = amount_max112();
	memset(a.host_sig, 0x77, sizeof(a.host_sig));
	must(renter_db_set_agreement(r, &a, NULL), "set");
	must(renter_db_set_number(r, "catalogue", 9, NULL), "number");
	must(renter_db_commit(r, NULL), "commit");
	must(renter_db_set_number(r, "catalogue", 10, NULL), "number");
	CHECK(renter_db_dirty(r), "not committed");
	renter_db_close(r);

	r = open_db(path);
	must(renter_db_number(r, "catalogue", &n, NULL), "number");
	CHECK(n == 9, "%llu", (unsigned long long)n);
	must(renter_db_agreements(r, count_agreement, &got, NULL),
	     "agreements");
	CHECK(got.id == a.id && got.posted && got.posted_revision == 3 &&
		      got.host_sig[63] == 0x77 &&
		      amount_cmp(got.signed_.earned, amount_max112()) == 0 &&
		      got.signed_.number == 7,
	      "the agreement");
	renter_db_close(r);
	(void)unlink(path);
	(void)rmdir(dir);
}

static bool count_object(void *ctx, const struct renter_object *o)
{
	(void)o;
	++*(unsigned *)ctx;
	return true;
}

static bool take_steward(void *ctx, const struct renter_steward *s)
{
	*(struct renter_steward *)ctx = *s;
	return true;
}

static void objects_of_others_are_listed_apart(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_object own = object_with(r, 8, 1);
	struct renter_object other = object_with(r, 9, 1);
	struct renter_steward s = {.object = other.id,
				   .link = {1, 2, 3},
				   .link_len = 3,
				   .note = "new"},
			      got = {0};
	struct renter_object one;
	unsigned n = 0;

	must(renter_db_add_steward(r, &s, NULL), "add");
	CHECK(renter_db_add_steward(r, &s, NULL) == ERR_DB, "twice");
	s.sequence = 7;
	s.watched = true;
	s.looked_s = 1000;
	must(renter_db_set_steward(r, &s, NULL), "set");
	must(renter_db_stewards(r, take_steward, &got, NULL), "list");
	CHECK(got.object == other.id && got.sequence == 7 && got.watched &&
		      got.looked_s == 1000 && got.link_len == 3 &&
		      got.link[2] == 3 && strcmp(got.note, "new") == 0 &&
		      memcmp(&got.name, &other.name, sizeof(got.name)) == 0,
	      "as it was set");
	CHECK(renter_db_object(r, other.id, &one, NULL) == ERR_STATE,
	      "another's was taken for ours");
	must(renter_db_objects(r, count_object, &n, NULL), "objects");
	CHECK(n == 1, "%u objects are ours", n);
	must(stage(r, other.id, 0, 1, 1, 5), "its sectors are staged");
	must(renter_db_remove_object(r, other.id, NULL), "remove");
	got.object = 0;
	must(renter_db_stewards(r, take_steward, &got, NULL), "list");
	CHECK(got.object == 0, "gone with its object");
	s.object = own.id + 100;
	CHECK(renter_db_set_steward(r, &s, NULL) == ERR_STATE, "none");
	renter_db_close(r);
}

static void an_object_is_found_by_its_id(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_object first = object_with(r, 8, 1), got;
	struct renter_object second = object_with(r, 9, 3);

	must(renter_db_object(r, second.id, &got, NULL), "the second");
	CHECK(got.id == second.id && got.segments == 3 && got.k == second.k &&
		      got.state == RENTER_PUTTING &&
		      memcmp(&got.name, &second.name, sizeof(got.name)) == 0,
	      "as it was added");
	must(renter_db_object(r, first.id, &got, NULL), "the first, after it");
	CHECK(got.id == first.id, "the first");
	CHECK(renter_db_object(r, second.id + 1, &got, NULL) == ERR_STATE,
	      "one that is not there");
	renter_db_close(r);
}

static void the_newest_stored_catalogue_is_found(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_object old = object_with(r, 8, 1), new, got;

	old.state = RENTER_STORED;
	must(renter_db_set_object(r, &old, NULL), "files are stored");
	must(renter_db_catalogue(r, &got, NULL), "look");
	CHECK(got.id == 0, "no catalogue yet");
	old.catalogue = true;
	must(renter_db_set_object(r, &old, NULL), "a catalogue is stored");
	new = object_with(r, 9, 2);
	new.catalogue = true;
	must(renter_db_set_object(r, &new, NULL), "and one is being put");
	must(renter_db_catalogue(r, &got, NULL), "look");
	CHECK(got.id == old.id && got.segments == 1, "the stored one");
	new.state = RENTER_STORED;
	must(renter_db_set_object(r, &new, NULL), "both are stored");
	must(renter_db_catalogue(r, &got, NULL), "look");
	CHECK(got.id == new.id &&got.segments == 2, "the newer");
	renter_db_close(r);
}

static void what_repairs_cost_is_added_by_day(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct amount sum, most = amount_from_parts(UINT64_MAX, UINT64_MAX);

	must(renter_db_repairs(r, 0, 100, &sum, NULL), "none");
	CHECK(amount_is_zero(sum), "nothing yet");
	must(renter_db_add_repair(r, 10, amount_from_u64(5), NULL), "add");
	must(renter_db_add_repair(r, 10, amount_from_u64(6), NULL), "add");
	must(renter_db_add_repair(r, 12, amount_from_u64(100), NULL), "add");
	must(renter_db_repairs(r, 10, 11, &sum, NULL), "two days");
	CHECK(amount_cmp(sum, amount_from_u64(11)) == 0, "of them alone");
	must(renter_db_repairs(r, 0, 12, &sum, NULL), "all");
	CHECK(amount_cmp(sum, amount_from_u64(111)) == 0, "all days");
	CHECK(renter_db_add_repair(r, 10, most, NULL) == ERR_LIMIT,
	      "over 128 bits");
	renter_db_close(r);
}

static void set_state(struct renter_db *r, struct renter_object *o,
		      enum renter_object_state state, uint64_t size)
{
	o->state = state;
	o->size = size;
	must(renter_db_set_object(r, o, NULL), "set an object");
}

static void add_file(struct renter_db *r, const char *path, int64_t object,
		     uint64_t offset, uint64_t size)
{
	const struct renter_file f = {.path = path,
				      .kind = RENTER_FILE,
				      .object = object,
				      .offset = offset,
				      .size = size};

	must(renter_db_set_file(r, &f, NULL), path);
}

struct states {
	enum renter_object_state of[8];
	unsigned n;
};

static bool take_state(void *ctx, const struct renter_object *o)
{
	struct states *s = ctx;

	if (s->n < 8)
		s->of[s->n++] = o->state;
	return true;
}

/* Three objects of 100 bytes: small in the first, large from there to the
 * third, tail behind it. */
static void objects_without_files_are_dropped(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_object o[5];
	struct states s = {.n = 0};
	uint64_t n;

	for (uint8_t i = 0; i < 5; i++) {
		o[i] = object_with(r, (uint8_t)(i + 1), 1);
		o[i].catalogue = i == 3;
		set_state(r, &o[i], i == 4 ? RENTER_PUTTING : RENTER_STORED,
			  100);
	}
	add_file(r, "small", o[0].id, 0, 50);
	add_file(r, "large", o[0].id, 50, 160);
	add_file(r, "tail", o[2].id, 10, 90);
	must(renter_db_drop_unused(r, &n, NULL), "all used");
	CHECK(n == 0, "%llu dropped", (unsigned long long)n);
	must(renter_db_remove_files(r, "tail", &n, NULL), "rm tail");
	must(renter_db_drop_unused(r, &n, NULL), "large reaches there");
	CHECK(n == 0, "%llu dropped", (unsigned long long)n);
	must(stage(r, o[1].id, 0, 0, 1, 7), "a staged one");
	must(stage(r, o[4].id, 0, 0, 1, 8), "of one being put");
	must(renter_db_remove_files(r, "large", &n, NULL), "rm large");
	must(renter_db_drop_unused(r, &n, NULL), "two go");
	CHECK(n == 2, "%llu dropped", (unsigned long long)n);
	must(renter_db_objects(r, take_state, &s, NULL), "objects");
	CHECK(s.of[0] == RENTER_STORED && s.of[1] == RENTER_DROPPING &&
		      s.of[2] == RENTER_DROPPING && s.of[3] == RENTER_STORED &&
		      s.of[4] == RENTER_PUTTING,
	      "which");
	CHECK(stage(r, o[1].id, 0, 0, 1, 7) == ERR_NONE, "it was unstaged");
	CHECK(stage(r, o[4].id, 0, 0, 1, 8) == ERR_DB, "the other not");
	renter_db_close(r);
}

static void puts_are_dropped_with_their_objects(void)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct renter_put a = {.source = "/a",
			       .name = "dir/a",
			       .k = 4,
			       .n = 12},
			  b = {.source = "/b", .name = "dirt", .k = 4, .n = 12};
	struct renter_object x = object_with(r, 1, 1), y = object_with(r, 2, 1);
	struct states s = {.n = 0};
	uint64_t n;

	must(renter_db_add_put(r, &a, NULL), "a");
	must(renter_db_add_put(r, &b, NULL), "b");
	x.put = a.id;
	y.put = b.id;
	set_state(r, &x, RENTER_PUTTING, 0);
	set_state(r, &y, RENTER_PUTTING, 0);
	must(stage(r, x.id, 0, 0, 1, 7), "staged");
	must(renter_db_drop_puts(r, "dir", &n, NULL), "drop");
	CHECK(n == 1, "%llu", (unsigned long long)n);
	must(renter_db_objects(r, take_state, &s, NULL), "objects");
	CHECK(s.of[0] == RENTER_DROPPING && s.of[1] == RENTER_PUTTING, "which");
	must(renter_db_remove_dropped(r, &n, NULL), "nothing holds it");
	CHECK(n == 1, "%llu", (unsigned long long)n);
	renter_db_close(r);
}

static void wait_file(struct renter_db *r, const char *path,
		      const struct renter_object *o, uint64_t offset,
		      uint64_t size)
{
	const struct renter_file f = {.path = path,
				      .kind = RENTER_FILE,
				      .object = o->id,
				      .offset = offset,
				      .size = size};

	must(renter_db_add_waiting(r, o->put, &f, NULL), path);
}

struct where { /* "path@object " of each file */
	char text[256];
	int64_t from; /* objects are counted from this one */
};

static bool take_where(void *ctx, const struct renter_file *f)
{
	struct where *w = ctx;
	size_t n = strlen(w->text);

	(void)snprintf(w->text + n, sizeof(w->text) - n, "%s@%lld ", f->path,
		       (long long)(f->object - w->from));
	return true;
}

static void check_where(struct renter_db *r, const struct renter_object *first,
			int64_t put, const char *stored, const char *later,
			const char *name)
{
	struct where now = {.from = first->id}, then = {.from = first->id};

	must(renter_db_files(r, NULL, take_where, &now, NULL), name);
	CHECK(strcmp(now.text, stored) == 0, "%s: stored: %s", name, now.text);
	must(renter_db_all_files(r, put, take_where, &then, NULL), name);
	CHECK(strcmp(then.text, later) == 0, "%s: later: %s", name, then.text);
}

/* dir/a and dir/b are stored together (0); a put of dir that finds another a
 * and a c is under way (1). */
static struct renter_db *with_put(struct renter_object o[2],
				  struct renter_put *put, const char *path)
{
	struct renter_db *r = open_db(path);

	*put = (struct renter_put){
		.source = "/dir", .name = "dir", .k = 4, .n = 12};
	must(renter_db_add_put(r, put, NULL), "a put");
	o[0] = object_with(r, 1, 1);
	o[1] = object_with(r, 2, 1);
	set_state(r, &o[0], RENTER_STORED, 100);
	o[1].put = put->id;
	set_state(r, &o[1], RENTER_PUTTING, 100);
	add_file(r, "dir/a", o[0].id, 0, 50);
	add_file(r, "dir/b", o[0].id, 50, 50);
	return r;
}

static void what_is_put_again_stays_stored_until_it_is_done(void)
{
	struct renter_object o[2];
	struct renter_put put;
	struct renter_db *r = with_put(o, &put, DB_IN_MEMORY);
	static const char stored[] = "dir/a@0 dir/b@0 ";
	struct states s = {.n = 0};
	uint64_t n;

	wait_file(r, "dir/a", &o[1], 0, 60);
	wait_file(r, "dir/gone", &o[1], 60, 40);
	check_where(r, &o[0], put.id, stored, "dir/a@1 dir/b@0 dir/gone@1 ",
		    "a first run");
	must(renter_db_clear_waiting(r, put.id, NULL), "a second run");
	wait_file(r, "dir/a", &o[1], 0, 70);
	wait_file(r, "dir/b", &o[1], 70, 10);
	wait_file(r, "dir/c", &o[1], 80, 20);
	check_where(r, &o[0], put.id, stored, "dir/a@1 dir/b@1 dir/c@1 ",
		    "a second run");
	check_where(r, &o[0], 0, stored, stored, "for others");
	must(renter_db_drop_unused(r, &n, NULL), "another put is done");
	CHECK(n == 0, "%llu dropped", (unsigned long long)n);
	o[1].put = 0;
	set_state(r, &o[1], RENTER_STORED, 100);
	must(renter_db_finish_put(r, put.id, NULL), "done");
	check_where(r, &o[0], 0, "dir/a@1 dir/b@1 dir/c@1 ",
		    "dir/a@1 dir/b@1 dir/c@1 ", "done");
	must(renter_db_drop_unused(r, &n, NULL), "what was replaced");
	must(renter_db_objects(r, take_state, &s, NULL), "objects");
	CHECK(n == 1 && s.of[0] == RENTER_DROPPING && s.of[1] == RENTER_STORED,
	      "%llu dropped", (unsigned long long)n);
	CHECK(renter_db_finish_put(r, put.id, NULL) == ERR_STATE,
	      "it is forgotten");
	renter_db_close(r);
}

/* The second run of it found less, and needs one object alone. */
static void objects_that_a_put_needs_no_more_are_dropped(void)
{
	struct renter_object o[2], more;
	struct renter_put put;
	struct renter_db *r = with_put(o, &put, DB_IN_MEMORY);
	struct states s = {.n = 0};

	more = object_with(r, 3, 1);
	more.put = put.id;
	set_state(r, &more, RENTER_PUTTING, 100);
	must(stage(r, o[1].id, 0, 0, 1, 7), "a staged one");
	must(stage(r, more.id, 0, 0, 1, 8), "of one that is not needed");
	wait_file(r, "dir/a", &o[1], 0, 60);
	o[1].put = 0;
	set_state(r, &o[1], RENTER_STORED, 60);
	must(renter_db_finish_put(r, put.id, NULL), "done");
	must(renter_db_objects(r, take_state, &s, NULL), "objects");
	CHECK(s.of[0] == RENTER_STORED && s.of[1] == RENTER_STORED &&
		      s.of[2] == RENTER_DROPPING,
	      "which");
	CHECK(stage(r, o[1].id, 0, 0, 1, 7) == ERR_DB, "what is stored stays");
	CHECK(stage(r, more.id, 0, 0, 1, 8) == ERR_NONE, "the other went");
	renter_db_close(r);
}

static void what_is_gone_from_a_directory_stays_stored(void)
{
	struct renter_object o[2];
	struct renter_put put;
	struct renter_db *r = with_put(o, &put, DB_IN_MEMORY);
	uint64_t n;

	wait_file(r, "dir/a", &o[1], 0, 60);
	o[1].put = 0;
	set_state(r, &o[1], RENTER_STORED, 60);
	must(renter_db_finish_put(r, put.id, NULL), "done");
	check_where(r, &o[0], 0, "dir/a@1 dir/b@0 ", "dir/a@1 dir/b@0 ",
		    "done");
	must(renter_db_drop_unused(r, &n, NULL), "b lies there");
	CHECK(n == 0, "%llu dropped", (unsigned long long)n);
	renter_db_close(r);
}

static void a_put_that_is_given_up_leaves_what_is_stored(void)
{
	struct renter_object o[2];
	struct renter_put put;
	struct renter_db *r = with_put(o, &put, DB_IN_MEMORY);
	uint64_t n;

	wait_file(r, "dir/a", &o[1], 0, 60);
	must(renter_db_drop_puts(r, "dir", &n, NULL), "given up");
	CHECK(n == 1, "%llu", (unsigned long long)n);
	check_where(r, &o[0], put.id, "dir/a@0 dir/b@0 ", "dir/a@0 dir/b@0 ",
		    "given up");
	must(renter_db_drop_unused(r, &n, NULL), "nothing else");
	CHECK(n == 0, "%llu dropped", (unsigned long long)n);
	CHECK(renter_db_finish_put(r, put.id, NULL) == ERR_STATE, "no more");
	check_where(r, &o[0], 0, "dir/a@0 dir/b@0 ", "dir/a@0 dir/b@0 ",
		    "still");
	renter_db_close(r);
}

static void one_put_of_a_name_is_given_up(void)
{
	struct renter_object o[2];
	struct renter_put put, other = {.source = "-", .name = "dir"};
	struct renter_db *r = with_put(o, &put, DB_IN_MEMORY);
	struct renter_object piped = object_with(r, 3, 1);
	struct states s = {.n = 0};

	other.k = 4;
	other.n = 12;
	must(renter_db_add_put(r, &other, NULL), "another");
	piped.put = other.id;
	set_state(r, &piped, RENTER_PUTTING, 100);
	wait_file(r, "dir/a", &o[1], 0, 60);
	wait_file(r, "dir/a", &piped, 0, 70);
	must(stage(r, piped.id, 0, 0, 1, 7), "a staged one");
	must(renter_db_drop_put(r, other.id, NULL), "given up");
	CHECK(stage(r, piped.id, 0, 0, 1, 7) == ERR_NONE, "it was unstaged");
	must(renter_db_objects(r, take_state, &s, NULL), "objects");
	CHECK(s.of[0] == RENTER_STORED && s.of[1] == RENTER_PUTTING &&
		      s.of[2] == RENTER_DROPPING,
	      "which");
	check_where(r, &o[0], other.id, "dir/a@0 dir/b@0 ", "dir/a@0 dir/b@0 ",
		    "it");
	check_where(r, &o[0], put.id, "dir/a@0 dir/b@0 ", "dir/a@1 dir/b@0 ",
		    "the other");
	CHECK(renter_db_drop_put(r, other.id, NULL) == ERR_STATE, "no more");
	renter_db_close(r);
}

static bool take_order(void *ctx, const struct renter_object *o)
{
	char *text = ctx;
	size_t n = strlen(text);

	(void)snprintf(text + n, 64 - n, "%u", o->name.bytes[0]);
	return true;
}

/* Objects 2 and 4 are of a put that was cut off, 3 was stored meanwhile; 5 is
 * what the put needs more when it goes on. */
static void a_put_that_grew_stays_in_one_row(void)
{
	struct renter_object o[2], late, between, more;
	struct renter_put put;
	struct renter_db *r = with_put(o, &put, DB_IN_MEMORY);
	char order[64] = "";

	between = object_with(r, 3, 1);
	set_state(r, &between, RENTER_STORED, 100);
	late = object_with(r, 4, 1);
	late.put = put.id;
	set_state(r, &late, RENTER_PUTTING, 100);
	wait_file(r, "dir/a", &o[1], 0, 150);
	wait_file(r, "dir/c", &late, 50, 50);
	must(stage(r, o[1].id, 0, 0, 1, 7), "a staged one");
	must(renter_db_raise_put(r, put.id, NULL), "raised");
	more = object_with(r, 5, 1);
	more.put = put.id;
	set_state(r, &more, RENTER_PUTTING, 100);
	must(renter_db_commit(r, NULL), "its parts moved with it");
	must(renter_db_objects(r, take_order, order, NULL), "objects");
	CHECK(strcmp(order, "13245") == 0, "%s", order);
	check_where(r, &between, put.id, "dir/a@-2 dir/b@-2 ",
		    "dir/a@2 dir/b@-2 dir/c@3 ", "a and c go on behind");
	CHECK(stage(r, between.id + 2, 0, 0, 1, 7) == ERR_DB,
	      "it is staged there");
	must(renter_db_raise_put(r, 99, NULL), "one without objects");
	renter_db_close(r);
}

/* As version 4 left it: files of a put under way in the table of what is
 * stored. */
static void files_of_older_puts_wait_too(void)
{
	static const char *const applied[5] = {"", "", "", "", ""};
	char dir[] = "/tmp/seedbank-renter-XXXXXX", path[64];
	struct db_cfg cfg = {.path = path,
			     .application_id = 0x7362726e,
			     .migrations = applied,
			     .migration_count = ROWS(applied)};
	struct renter_object o[2];
	struct renter_put put;
	struct renter_db *r;
	struct db *db;

	CHECK(mkdtemp(dir) != NULL, "a directory");
	(void)snprintf(path, sizeof(path), "%s/renter.db", dir);
	r = with_put(o, &put, path);
	add_file(r, "dir/a", o[1].id, 0, 60);
	add_file(r, "dir/empty", 0, 0, 0);
	must(renter_db_commit(r, NULL), "commit");
	renter_db_close(r);
	must(db_open(&db, &cfg, NULL), "open it plainly");
	must(db_exec(db, "DROP TABLE waiting; PRAGMA user_version = 4", NULL),
	     "an older one");
	db_close(db);
	r = open_db(path);
	check_where(r, &o[0], put.id, "dir/b@0 dir/empty@-1 ",
		    "dir/a@1 dir/b@0 dir/empty@-1 ", "it moved");
	check_where(r, &o[0], 0, "dir/b@0 dir/empty@-1 ",
		    "dir/b@0 dir/empty@-1 ", "for others");
	renter_db_close(r);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* 10 .. 15 in a list; 11, 12 and 15 are of an object that goes. */
static struct renter_db *with_list(struct renter_agreement *a,
				   struct renter_object *kept,
				   struct renter_object *going)
{
	struct renter_db *r = open_db(DB_IN_MEMORY);
	struct address host = host_of(1);

	*a = agreement_with(r, 1, 0);
	*kept = object_with(r, 1, 3);
	*going = object_with(r, 2, 3);
	must(stage(r, kept->id, 0, 0, 1, 10), "10");
	must(renter_db_sign_staged(r, a->id, &host, 9, 5, NULL), "sign");
	must(stage(r, going->id, 0, 0, 1, 11), "11");
	must(stage(r, going->id, 1, 0, 1, 12), "12");
	must(renter_db_sign_staged(r, a->id, &host, 9, 5, NULL), "sign");
	must(stage(r, kept->id, 1, 0, 1, 13), "13");
	must(stage(r, kept->id, 2, 0, 1, 14), "14");
	must(renter_db_sign_staged(r, a->id, &host, 9, 5, NULL), "sign");
	must(stage(r, going->id, 2, 0, 1, 15), "15");
	must(renter_db_sign_staged(r, a->id, &host, 9, 5, NULL), "sign");
	set_state(r, going, RENTER_DROPPING, 0);
	return r;
}

static void cuts_fall_and_objects_go_when_they_are_made(void)
{
	struct renter_agreement a;
	struct renter_object kept, going;
	struct renter_db *r = with_list(&a, &kept, &going);
	uint32_t *cuts, all;
	uint64_t removed;
	size_t n;

	must(renter_db_cuts(r, a.id, 2, &cuts, &n, &all, NULL), "two");
	CHECK(n == 2 && all == 3 && cuts[0] == 5 && cuts[1] == 2,
	      "%zu of %u: falling", n, all);
	for (size_t i = 0; i < n; i++)
		must(renter_db_cut(r, a.id, cuts[i], NULL), "cut");
	free(cuts);
	check_list(r, a.id, "the last fills the gap",
		   (const uint32_t[]){10, 11, 14, 13}, 4);
	must(renter_db_remove_dropped(r, &removed, NULL), "one is left");
	CHECK(removed == 0, "not yet");
	must(renter_db_cuts(r, a.id, 100, &cuts, &n, &all, NULL), "the rest");
	CHECK(n == 1 && all == 1 && cuts[0] == 1, "%zu of %u", n, all);
	must(renter_db_cut(r, a.id, cuts[0], NULL), "cut");
	free(cuts);
	check_list(r, a.id, "what is kept", (const uint32_t[]){10, 13, 14}, 3);
	must(renter_db_remove_dropped(r, &removed, NULL), "all is cut");
	CHECK(removed == 1, "gone");
	must(renter_db_cuts(r, a.id, 100, &cuts, &n, &all, NULL), "none");
	CHECK(n == 0 && all == 0, "%zu of %u", n, all);
	free(cuts);
	renter_db_close(r);
}

/* What the host holds is another list than we thought, of our own sectors. */
/* The list has `known`, and one that nothing here wants: the next revision cuts
 * that. */
static void strangers_are_cut(struct renter_db *r,
			      const struct renter_agreement *a,
			      const struct hash32 list[2], const char *name)
{
	struct address host = host_of(1);
	uint32_t *at, all;
	size_t n;

	must(renter_db_adopt_list(r, a->id, &host, list, 2, 9, NULL), name);
	must(renter_db_cuts(r, a->id, 9, &at, &n, &all, NULL), name);
	CHECK(n == 1 && at[0] == 1, "%s: %zu are to be cut", name, n);
	free(at);
	must(renter_db_adopt_list(r, a->id, &host, list, 2, 9, NULL), name);
	must(renter_db_cut(r, a->id, 1, NULL), name);
	check_list(r, a->id, name, (const uint32_t[]){10}, 1);
	renter_db_rollback(r);
}

static void a_list_is_adopted(void)
{
	struct renter_agreement a;
	struct renter_object kept, going;
	struct renter_db *r = with_list(&a, &kept, &going);
	struct address host = host_of(1);
	const struct hash32 held[] = {root_of(10), root_of(14), root_of(13),
				      root_of(20)};
	const struct hash32 other[] = {root_of(10), root_of(99)};
	const struct hash32 twice[] = {root_of(10), root_of(10)};
	uint64_t removed;

	must(stage(r, kept.id, 0, 1, 1, 20), "20 is staged");
	must(stage(r, kept.id, 0, 2, 1, 21), "21, too");
	must(renter_db_mark_place(r, a.id, 4, SHARD_LOST, 6, NULL), "14 lost");
	must(renter_db_commit(r, NULL), "commit");
	strangers_are_cut(r, &a, other, "what was given up meanwhile");
	strangers_are_cut(r, &a, twice, "one that is there twice");
	must(renter_db_adopt_list(r, a.id, &host, held, 4, 9, NULL), "adopt");
	check_list(r, a.id, "as the host has it",
		   (const uint32_t[]){10, 14, 13, 20}, 4);
	must(renter_db_remove_dropped(r, &removed, NULL), "cut by it");
	CHECK(removed == 1, "all of it");
	CHECK(stage(r, kept.id, 0, 2, 1, 21) == ERR_DB, "21 is still staged");
	must(renter_db_restage(r, a.id, false, 7, NULL), "restage");
	check_list(r, a.id, "an empty list", NULL, 0);
	must(renter_db_sign_staged(r, a.id, &host, 9, 8, NULL), "sign");
	check_list(r, a.id, "14 was lost and went",
		   (const uint32_t[]){10, 20, 21, 13}, 4);
	renter_db_close(r);
}

/* Stored, and in a list of before that its host has to keep: such a place is
 * not given up with the agreement that was to follow. */
static void what_is_stored_keeps_its_place(void)
{
	struct renter_agreement a;
	struct renter_object kept, going;
	struct renter_db *r = with_list(&a, &kept, &going);
	struct renter_object put = object_with(r, 77, 1);
	struct address host = host_of(1);
	uint32_t gone;
	bool waits = true;

	kept.state = RENTER_STORED;
	put.state = RENTER_PUTTING;
	must(renter_db_set_object(r, &kept, NULL), "stored");
	must(renter_db_set_object(r, &put, NULL), "putting");
	must(stage(r, put.id, 0, 0, 1, 30), "stage");
	must(renter_db_any_waits(r, &waits, NULL), "waits");
	CHECK(!waits, "a put is no renewal");
	must(renter_db_restage(r, a.id, true, 7, NULL), "restage");
	check_list(r, a.id, "nothing stands in it", NULL, 0);
	must(renter_db_any_waits(r, &waits, NULL), "waits");
	CHECK(waits, "what is stored waits for another");
	must(renter_db_unstage_all(r, &host, false, true, &gone, NULL),
	     "unstage");
	must(renter_db_any_waits(r, &waits, NULL), "waits");
	CHECK(waits && gone == 1, "and goes on waiting: %u gone", gone);
	CHECK(stage(r, put.id, 0, 0, 1, 30) == ERR_NONE, "the put's is gone");
	must(renter_db_unstage_all(r, &host, false, false, &gone, NULL),
	     "unstage");
	must(renter_db_any_waits(r, &waits, NULL), "waits");
	CHECK(!waits, "its host need not keep it any more");
	renter_db_close(r);
}

int main(void)
{
	what_is_stored_keeps_its_place();
	objects_without_files_are_dropped();
	puts_are_dropped_with_their_objects();
	what_is_put_again_stays_stored_until_it_is_done();
	objects_that_a_put_needs_no_more_are_dropped();
	what_is_gone_from_a_directory_stays_stored();
	a_put_that_is_given_up_leaves_what_is_stored();
	one_put_of_a_name_is_given_up();
	a_put_that_grew_stays_in_one_row();
	files_of_older_puts_wait_too();
	cuts_fall_and_objects_go_when_they_are_made();
	a_list_is_adopted();
	objects_of_others_are_listed_apart();
	an_object_is_found_by_its_id();
	the_newest_stored_catalogue_is_found();
	what_repairs_cost_is_added_by_day();
	staged_sectors_get_positions_in_order();
	staged_sectors_are_signed_in_portions();
	staged_sectors_go_into_agreements_of_their_kind();
	what_is_unstaged_is_of_one_kind();
	what_is_lost_is_cut_where_nobody_proves_it();
	a_cut_moves_the_last_into_the_gap();
	places_know_their_state();
	another_plaintext_takes_another_salt_and_its_shards_go();
	files_are_listed_below_a_path();
	hosts_are_ordered_by_our_own_experience();
	what_is_committed_survives_and_the_rest_does_not();
	return CHECK_EXIT();
}
