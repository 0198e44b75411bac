/* An object from its files to its hosts, and back from a link's text: the parts
 * of storage/object/ as a put, a get of one file, and a steward use them. */
#include "base/rng.h"
#include "storage/object/catalogue.h"
#include "storage/object/link.h"
#include "storage/object/placement.h"
#include "storage/object/record.h"
#include "storage/object/segment.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define K 2U
#define N 5U
#define SEGMENTS 2U
#define BIG 2500000U /* over the border of the segments */

static const uint8_t master[OBJECT_KEY_LEN] = {1, 2, 3};
static const char small[] = "a small file\n";
static uint8_t big[BIG];

/* Five hosts: each keeps a row of each segment, and all the records. */
struct hosts {
	uint8_t *sectors[SEGMENTS][N];
	uint8_t *owner, *steward;
	size_t owner_len, steward_len;
};

static struct address address_of(unsigned row)
{
	struct address a;

	memset(a.bytes, (int)(0x10 + row), sizeof(a.bytes));
	return a;
}

/* --- put --- */

static void put(struct segment *s, const void *data, size_t len, size_t *done)
{
	size_t taken;

	CHECK(segment_put(s, &taken, (const uint8_t *)data + *done, len - *done,
			  NULL) == ERR_NONE,
	      "put");
	*done += taken;
}

static uint8_t *make_table(size_t *len)
{
	const struct catalogue_object self = {
		.k = K, .n = N, .segments = SEGMENTS, .size = BIG + 13};
	const struct catalogue_entry entries[] = {
		{.kind = CATALOGUE_DIR, .path = "d", .mode = 0755},
		{.kind = CATALOGUE_FILE, .path = "d/big", .size = BIG},
		{.kind = CATALOGUE_FILE,
		 .path = "d/small",
		 .offset = BIG,
		 .size = 13},
	};
	struct catalogue *c = catalogue_new();
	uint8_t *table = NULL;

	CHECK(c && catalogue_add_object(c, &self, NULL) == ERR_NONE, "self");
	for (size_t i = 0; i < ROWS(entries); i++)
		CHECK(catalogue_add_entry(c, &entries[i], NULL) == ERR_NONE,
		      "entry");
	CHECK(catalogue_encode(&table, len, c, NULL) == ERR_NONE, "table");
	catalogue_free(c);
	return table;
}

static void hand_out(struct hosts *h, struct placement *p, struct segment *s,
		     unsigned number)
{
	uint8_t *all = malloc(N * SECTOR_LEN);
	struct hash32 roots[N];

	if (!all)
		abort();
	CHECK(segment_sectors(s, 0, N, all, roots, NULL) == ERR_NONE, "made");
	for (unsigned j = 0; j < N; j++) {
		struct address a = address_of(j);

		h->sectors[number][j] = malloc(SECTOR_LEN);
		if (!h->sectors[number][j])
			abort();
		memcpy(h->sectors[number][j], all + (size_t)j * SECTOR_LEN,
		       SECTOR_LEN);
		placement_row(p, number, j)->root = roots[j];
		CHECK(placement_add(p, number, j, &a, NULL) == ERR_NONE, "at");
	}
	free(all);
}

static void put_object(struct hosts *h, const struct object_keys *keys,
		       struct rng *rng)
{
	struct catalogue_footer footer = {.offset = BIG + 13};
	size_t table_len, done = 0, none = 0, len;
	uint8_t *table = make_table(&table_len), *content;
	uint8_t tail[CATALOGUE_FOOTER_LEN];
	struct placement *p;
	struct segment *s;

	CHECK(segment_new(&s, K, N, SECTOR_LEN, NULL) == ERR_NONE &&
		      placement_new(&p, K, N, SEGMENTS, NULL) == ERR_NONE,
	      "new");
	memcpy(p->steward_pk, keys->steward_pk, sizeof(p->steward_pk));
	rng_fill(rng, p->salts[0], SEGMENT_SALT_LEN);
	rng_fill(rng, p->salts[1], SEGMENT_SALT_LEN);

	CHECK(segment_begin(s, keys, p->salts[0], 0, NULL) == ERR_NONE, "0");
	put(s, big, BIG, &done);
	CHECK(done == segment_plain_len(K), "the first is full");
	CHECK(segment_finish(s, NULL, 0, NULL) == ERR_NONE, "finish");
	hand_out(h, p, s, 0);

	CHECK(segment_begin(s, keys, p->salts[1], 0, NULL) == ERR_NONE, "1");
	put(s, big, BIG, &done);
	put(s, small, 13, &none);
	none = 0;
	put(s, table, table_len, &none);
	footer.len = table_len;
	catalogue_footer_encode(tail, &footer);
	CHECK(segment_finish(s, tail, sizeof(tail), NULL) == ERR_NONE, "last");
	hand_out(h, p, s, 1);

	CHECK(placement_encode(&content, &len, p, NULL) == ERR_NONE &&
		      record_seal(&h->owner, &h->owner_len, keys, master, 1,
				  content, len, rng, NULL) == ERR_NONE,
	      "record");
	free(content);
	free(table);
	placement_free(p);
	segment_free(s);
}

/* --- get --- */

struct reader {
	const struct hosts *h;
	struct object_keys keys;
	struct placement *p;
	struct segment *slice; /* a frame wide */
};

/* The frame's 64 KiB of the last two rows; host 0 is never asked. */
static void read_frame(struct reader *r, const struct stream_place *at,
		       uint8_t out[FRAME_PLAIN])
{
	uint32_t offset = at->frame % FRAMES_PER_ROW * FRAME_LEN;

	CHECK(segment_begin(r->slice, &r->keys, r->p->salts[at->segment],
			    offset, NULL) == ERR_NONE,
	      "slice");
	for (unsigned j = N - K; j < N; j++)
		CHECK(segment_load(r->slice, j,
				   r->h->sectors[at->segment][j] + offset,
				   NULL) == ERR_NONE,
		      "load");
	CHECK(segment_solve(r->slice, NULL) == ERR_NONE, "solve");
	CHECK(segment_open(r->slice, out, at->frame, NULL) == ERR_NONE, "open");
}

static void read_stream(struct reader *r, uint8_t *out, uint64_t offset,
			size_t len)
{
	static uint8_t frame[FRAME_PLAIN];

	while (len) {
		struct stream_place at = stream_place_of(K, offset);
		size_t now = FRAME_PLAIN - at.at;

		now = now < len ? now : len;
		read_frame(r, &at, frame);
		memcpy(out, frame + at.at, now);
		out += now;
		offset += now;
		len -= now;
	}
}

static void reader_init(struct reader *r, const struct hosts *h,
			const char *text)
{
	struct record_head head;
	struct object_link l;
	uint8_t *content;
	size_t len;

	r->h = h;
	CHECK(link_decode(&l, text, NULL) == ERR_NONE, "link");
	link_to_keys(&r->keys, &l);
	CHECK(record_check(&head, h->owner, h->owner_len, NULL) == ERR_NONE &&
		      memcmp(head.signer, r->keys.owner_pk, 32) == 0,
	      "the owner's record");
	CHECK(record_open(&content, &len, r->keys.placement, h->owner,
			  h->owner_len, NULL) == ERR_NONE &&
		      placement_decode(&r->p, content, len, NULL) == ERR_NONE,
	      "opens");
	CHECK(segment_new(&r->slice, K, N, FRAME_LEN, NULL) == ERR_NONE, "new");
	free(content);
}

static void reader_clear(struct reader *r)
{
	segment_free(r->slice);
	placement_free(r->p);
}

static void check_file(struct reader *r, const struct catalogue *c,
		       const char *path, const void *want, size_t len)
{
	const struct catalogue_entry *f = catalogue_find(c, path);
	uint8_t *got = malloc(len);

	if (!got)
		abort();
	CHECK(f && f->size == len, "%s is there", path);
	if (f) {
		read_stream(r, got, f->offset, len);
		CHECK(memcmp(got, want, len) == 0, "%s", path);
	}
	free(got);
}

static void a_full_link_brings_names_and_bytes(const struct hosts *h,
					       const char *text)
{
	uint64_t stream = (uint64_t)SEGMENTS * segment_plain_len(K);
	uint8_t tail[CATALOGUE_FOOTER_LEN], *table;
	struct catalogue_footer footer;
	struct catalogue *c;
	struct reader r;

	reader_init(&r, h, text);
	read_stream(&r, tail, stream - sizeof(tail), sizeof(tail));
	CHECK(catalogue_footer_decode(&footer, tail, stream), "a table");
	table = malloc(footer.len);
	if (!table)
		abort();
	read_stream(&r, table, footer.offset, footer.len);
	CHECK(catalogue_decode(&c, table, footer.len, NULL) == ERR_NONE,
	      "decodes");
	check_file(&r, c, "d/small", small, 13);
	check_file(&r, c, "d/big", big, BIG);
	catalogue_free(c);
	free(table);
	reader_clear(&r);
}

/* Host 0 is lost. A steward makes its sector of segment 1 again, puts it to a
 * new host and says so; a reader finds it there. */
static void a_repair_link_brings_a_sector_back(struct hosts *h,
					       const char *text,
					       struct rng *rng)
{
	struct placement_addition a = {1, 0, address_of(40)}, *got;
	uint8_t *sector = malloc(SECTOR_LEN), *content;
	struct hash32 root;
	struct segment *s;
	struct reader r;
	size_t len, n;

	if (!sector)
		abort();
	reader_init(&r, h, text);
	CHECK(segment_new(&s, K, N, SECTOR_LEN, NULL) == ERR_NONE &&
		      segment_begin(s, &r.keys, r.p->salts[1], 0, NULL) ==
			      ERR_NONE &&
		      segment_load(s, 4, h->sectors[1][4], NULL) == ERR_NONE &&
		      segment_load(s, 1, h->sectors[1][1], NULL) == ERR_NONE &&
		      segment_solve(s, NULL) == ERR_NONE &&
		      segment_sectors(s, 0, 1, sector, &root, NULL) == ERR_NONE,
	      "made again");
	CHECK(memcmp(&root, &placement_row(r.p, 1, 0)->root, 32) == 0, "root");
	CHECK(memcmp(sector, h->sectors[1][0], SECTOR_LEN) == 0, "bytes");
	CHECK(placement_additions_encode(&content, &len, &a, 1, NULL) ==
			      ERR_NONE &&
		      record_seal(&h->steward, &h->steward_len, &r.keys, NULL,
				  1, content, len, rng, NULL) == ERR_NONE,
	      "said");
	free(content);
	CHECK(record_open(&content, &len, r.keys.placement, h->steward,
			  h->steward_len, NULL) == ERR_NONE &&
		      placement_additions_decode(&got, &n, content, len,
						 NULL) == ERR_NONE &&
		      placement_merge(r.p, got, n) == 1,
	      "found");
	CHECK(placement_row(r.p, 1, 0)->places == 2, "a place more");
	free(got);
	free(content);
	free(sector);
	segment_free(s);
	reader_clear(&r);
}

/* Who samples finds roots, and where the stewards' record lies. */
static void a_sample_link_shows_roots_alone(const struct hosts *h,
					    const char *text,
					    const struct object_keys *keys)
{
	struct hash32 root;
	struct reader r;

	reader_init(&r, h, text);
	tree_sector_root(&root, h->sectors[0][3]);
	CHECK(memcmp(&root, &placement_row(r.p, 0, 3)->root, 32) == 0, "root");
	CHECK(memcmp(r.p->steward_pk, keys->steward_pk, 32) == 0, "steward");
	CHECK(segment_begin(r.slice, &r.keys, r.p->salts[0], 0, NULL) ==
		      ERR_STATE,
	      "and nothing more");
	reader_clear(&r);
}

static const char *link_text(char text[LINK_TEXT_MAX],
			     const struct object_keys *keys,
			     enum object_access access)
{
	struct object_link l;

	CHECK(link_from_keys(&l, keys, access, NULL) == ERR_NONE, "link");
	l.chain = 1;
	l.hosts_n = 1;
	l.hosts[0] = address_of(1);
	CHECK(link_encode(text, &l, NULL) == ERR_NONE, "text");
	return text;
}

int main(void)
{
	struct rng rng = rng_seeded(1);
	char text[LINK_TEXT_MAX];
	struct object_keys keys;
	struct hosts h = {.owner = NULL};
	uint8_t full[OBJECT_KEY_LEN];

	rng_fill(&rng, full, sizeof(full));
	rng_fill(&rng, big, sizeof(big));
	object_keys_own(&keys, master, full);
	put_object(&h, &keys, &rng);
	a_full_link_brings_names_and_bytes(&h,
					   link_text(text, &keys, OBJECT_FULL));
	a_repair_link_brings_a_sector_back(
		&h, link_text(text, &keys, OBJECT_REPAIR), &rng);
	a_sample_link_shows_roots_alone(
		&h, link_text(text, &keys, OBJECT_SAMPLE), &keys);
	for (unsigned s = 0; s < SEGMENTS; s++)
		for (unsigned j = 0; j < N; j++)
			free(h.sectors[s][j]);
	free(h.owner);
	free(h.steward);
	return CHECK_EXIT();
}
