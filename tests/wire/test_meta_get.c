/* Fetching an info dictionary from peers that answer, lie, reject, are silent
 * or tell another size, under a clock that we turn. */
#include "wire/swarm/meta_get.h"

#include "base/rng.h"
#include "tests/check.h"
#include "wire/peer/ut_metadata.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum habit {
	HONEST,
	LIES,	   /* a wrong byte in each piece */
	LIES_ONCE, /* in piece 0 only */
	REJECTS,
	SILENT,
	LARGER, /* tells a size that is too large, and sends zeroes */
	HUGE,	/* tells more than can be */
	SHORT,	/* sends a byte too few */
	BOASTS, /* tells one size and sends another */
	SLOW,	/* answers one piece in four seconds */
};

struct row {
	const char *name;
	uint32_t size;
	enum habit habits[8];
	unsigned n;
	uint32_t guilty; /* bits: peers that are to be found out */
	int64_t most_ms; /* until it is here; 0: never */
};

#define PEERS_MAX 8U

struct queued {
	uint32_t piece;
	int64_t at_ms;
};

struct play {
	struct meta_get *g;
	const struct row *row;
	uint8_t *truth;
	int64_t now;
	struct queued queue[PEERS_MAX][64];
	unsigned n_queue[PEERS_MAX];
	bool gone[PEERS_MAX];
	uint32_t guilty;
	unsigned asked; /* pieces, all told */
};

static uint32_t told(const struct row *row, unsigned i)
{
	switch (row->habits[i]) {
	case LARGER:
		return row->size + 3;
	case HUGE:
		return UT_METADATA_SIZE_MAX + 1;
	case HONEST:
	case LIES:
	case LIES_ONCE:
	case REJECTS:
	case SILENT:
	case SHORT:
	case BOASTS:
	case SLOW:
		break;
	}
	return row->size;
}

static void leave(struct play *p, unsigned i)
{
	p->gone[i] = true;
	p->n_queue[i] = 0;
	meta_get_gone(p->g, p->now, i + 1);
}

static void find_out(struct play *p)
{
	uint64_t serial;

	while (meta_get_liar(p->g, &serial)) {
		p->guilty |= 1U << (serial - 1);
		leave(p, (unsigned)serial - 1);
	}
}

static enum meta_got send_data(struct play *p, unsigned i, uint32_t piece)
{
	static uint8_t data[UT_METADATA_PIECE];
	enum habit habit = p->row->habits[i];
	uint32_t size = told(p->row, i);
	uint32_t len = ut_metadata_piece_len(size, piece);
	bool lies = habit == LIES || (habit == LIES_ONCE && piece == 0);

	memset(data, 0, sizeof(data));
	if (habit != LARGER)
		memcpy(data, p->truth + (size_t)piece * UT_METADATA_PIECE, len);
	if (lies)
		data[len / 2] ^= 0x55;
	if (habit == SHORT)
		len--;
	if (habit == BOASTS)
		size++;
	return meta_get_data(p->g, p->now, i + 1, piece, size, data, len);
}

/* Answers the first piece that was asked. False: nothing to answer. */
static bool answer(struct play *p, unsigned i)
{
	struct queued q = p->queue[i][0];
	enum meta_got got;

	if (p->n_queue[i] == 0 || p->row->habits[i] == SILENT ||
	    (p->row->habits[i] == SLOW && p->now - q.at_ms < 4000))
		return false;
	memmove(p->queue[i], p->queue[i] + 1,
		--p->n_queue[i] * sizeof(p->queue[i][0]));
	if (p->row->habits[i] == SLOW)
		for (unsigned k = 0; k < p->n_queue[i]; k++)
			p->queue[i][k].at_ms = p->now;
	got = p->row->habits[i] == REJECTS
		      ? meta_get_reject(p->g, p->now, i + 1, q.piece)
		      : send_data(p, i, q.piece);
	if (got == META_LIE) {
		p->guilty |= 1U << i;
		leave(p, i);
	}
	find_out(p);
	return true;
}

static void ask_all(struct play *p)
{
	uint64_t serial;
	uint32_t piece;

	while (meta_get_ask(p->g, p->now, &serial, &piece)) {
		unsigned i = (unsigned)serial - 1;

		CHECK(i < p->row->n && !p->gone[i], "%s: peer %u is asked",
		      p->row->name, i);
		CHECK(piece < ut_metadata_pieces(told(p->row, i)),
		      "%s: piece %u", p->row->name, piece);
		if (p->n_queue[i] == 64) /* those given up are still queued */
			p->n_queue[i] = 0;
		p->queue[i][p->n_queue[i]++] = (struct queued){piece, p->now};
		p->asked++;
	}
}

static void turn(struct play *p)
{
	bool more = true;

	while (more) {
		more = false;
		ask_all(p);
		for (unsigned i = 0; i < p->row->n; i++)
			more |= !p->gone[i] && answer(p, i);
	}
}

static void begin(struct play *p, const struct row *row)
{
	struct info_hash hash;
	struct rng rng = rng_seeded(7);

	*p = (struct play){.row = row, .now = 1000};
	p->truth = malloc(row->size + UT_METADATA_PIECE);
	rng_fill(&rng, p->truth, row->size + UT_METADATA_PIECE);
	(void)SHA1(p->truth, row->size, hash.bytes);
	CHECK(meta_get_new(&p->g, &hash, NULL, NULL) == ERR_NONE, "no memory");
	for (unsigned i = 0; i < row->n; i++)
		meta_get_peer(p->g, p->now, i + 1, told(row, i));
}

static void finish(struct play *p)
{
	meta_get_free(p->g);
	free(p->truth);
}

static void check_end(struct play *p, int64_t began_ms)
{
	const struct row *row = p->row;
	size_t len;
	const uint8_t *info = meta_get_info(p->g, &len);
	uint32_t have, size;

	if (!row->most_ms) {
		CHECK(!info, "%s: came", row->name);
		CHECK(p->guilty == row->guilty, "%s: guilty %x", row->name,
		      p->guilty);
		return;
	}
	CHECK(info && len == row->size && memcmp(info, p->truth, len) == 0,
	      "%s: not here", row->name);
	CHECK(p->now - began_ms <= row->most_ms, "%s: after %lld ms", row->name,
	      (long long)(p->now - began_ms));
	CHECK(p->guilty == row->guilty, "%s: guilty %x", row->name, p->guilty);
	meta_get_progress(p->g, &have, &size);
	CHECK(have == row->size && size == row->size, "%s: progress",
	      row->name);
}

static void it_comes_whatever_peers_do(void)
{
	static const struct row rows[] = {
		{"one piece of one peer", 100, {HONEST}, 1, 0, 0 + 1},
		{"many pieces of one peer", 5 * 16384 + 1, {HONEST}, 1, 0, 1},
		{"many pieces of three",
		 40 * 16384,
		 {HONEST, HONEST, HONEST},
		 3,
		 0,
		 1},
		{"the largest",
		 UT_METADATA_SIZE_MAX,
		 {HONEST, HONEST},
		 2,
		 0,
		 1},
		{"one lies, alone with its piece",
		 100,
		 {LIES, HONEST},
		 2,
		 1,
		 1},
		{"one of two lies in its pieces",
		 20 * 16384,
		 {LIES, HONEST},
		 2,
		 1,
		 1},
		{"one of two lies in one piece",
		 20 * 16384,
		 {LIES_ONCE, HONEST},
		 2,
		 1,
		 1},
		/* who is not asked any more is not found out */
		{"many lie", 20 * 16384, {LIES, LIES, LIES, HONEST}, 4, 7, 1},
		{"one rejects", 20 * 16384, {REJECTS, HONEST}, 2, 0, 1},
		{"one is silent", 20 * 16384, {SILENT, HONEST}, 2, 0, 4000},
		{"two are silent with the only piece",
		 100,
		 {SILENT, SILENT, HONEST},
		 3,
		 0,
		 4000},
		{"seven are silent",
		 100,
		 {SILENT, SILENT, SILENT, SILENT, SILENT, SILENT, SILENT,
		  HONEST},
		 8,
		 0,
		 12000},
		{"most tell a false size and send false data",
		 20 * 16384,
		 {LARGER, LARGER, LARGER, HONEST},
		 4,
		 7,
		 1},
		{"more than can be", 100, {HUGE, HONEST}, 2, 0, 1},
		{"a byte too few", 100, {SHORT, HONEST}, 2, 1, 1},
		{"tells one size and sends another",
		 100,
		 {BOASTS, HONEST},
		 2,
		 1,
		 1},
		{"one slow peer", 6 * 16384, {SLOW}, 1, 0, 30000},
		{"nobody but liars", 20 * 16384, {LIES, LIES}, 2, 3, 0},
		{"nobody but a silent one", 100, {SILENT}, 1, 0, 0},
		{"nobody but one that rejects", 100, {REJECTS}, 1, 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct play p;
		size_t len;

		begin(&p, &rows[i]);
		for (turn(&p); !meta_get_info(p.g, &len) && p.now < 200000;
		     turn(&p))
			p.now += 1000;
		check_end(&p, 1000);
		finish(&p);
	}
}

/* A majority that tells a size and answers nothing for it holds nobody up. */
static void a_size_that_comes_to_nothing_gives_way(void)
{
	static const struct row row = {"false size", 100, {HONEST}, 1, 0, 1};
	struct play p;
	size_t len;

	begin(&p, &row);
	meta_get_gone(p.g, p.now, 1);
	for (uint64_t other = 10; other < 13; other++)
		meta_get_peer(p.g, p.now, other, 1600000);
	meta_get_peer(p.g, p.now, 1, row.size);
	while (!meta_get_info(p.g, &len) && p.now < 100000) {
		uint64_t serial;
		uint32_t piece;

		while (meta_get_ask(p.g, p.now, &serial, &piece)) {
			static uint8_t zeroes[UT_METADATA_PIECE];

			/* just enough to seem alive */
			if (serial == 10)
				(void)meta_get_data(p.g, p.now, serial, piece,
						    1600000, zeroes,
						    sizeof(zeroes));
			if (serial == 1)
				(void)meta_get_data(p.g, p.now, serial, piece,
						    row.size, p.truth,
						    row.size);
			if (serial == 10)
				break;
		}
		p.now += 1000;
	}
	CHECK(meta_get_info(p.g, &len) && p.now <= 1000 + META_ROUND_MS + 2000,
	      "after %lld ms", (long long)p.now);
	finish(&p);
}

/* Who rejects is asked again, later and later. */
static void who_rejects_is_asked_again(void)
{
	static const struct row row = {"rejects", 100, {REJECTS}, 1, 0, 0};
	struct play p;

	begin(&p, &row);
	for (; p.now < 1000 + 10 * 60000; p.now += 1000)
		turn(&p);
	/* at 0, 30, 90, 210, 450 s */
	CHECK(p.asked == 5, "asked %u times", p.asked);
	finish(&p);
}

/* By a v2 hash all 32 bytes count, not the 20 that peers go by. */
static void a_v2_hash_counts_whole(void)
{
	for (int last = 0; last < 2; last++) {
		uint8_t info[100] = "d4:name1:ae";
		struct hash32 hash;
		struct info_hash cut;
		struct meta_get *g;
		uint64_t serial;
		uint32_t piece;
		enum meta_got got;

		(void)SHA256(info, sizeof(info), hash.bytes);
		memcpy(cut.bytes, hash.bytes, sizeof(cut.bytes));
		hash.bytes[31] ^= (uint8_t)last;
		CHECK(meta_get_new(&g, &cut, &hash, NULL) == ERR_NONE, "new");
		meta_get_peer(g, 1, 1, sizeof(info));
		CHECK(meta_get_ask(g, 1, &serial, &piece), "it is asked");
		got = meta_get_data(g, 1, 1, 0, sizeof(info), info,
				    sizeof(info));
		CHECK((got == META_DONE) == !last, "last byte wrong %d: %d",
		      last, (int)got);
		meta_get_free(g);
	}
}

static void what_was_not_asked_for_is_of_no_use(void)
{
	static const struct row row = {"odd", 20000, {HONEST}, 1, 0, 1};
	struct play p;
	uint64_t serial;
	uint32_t piece;

	begin(&p, &row);
	CHECK(meta_get_data(p.g, 1, 1, 0, row.size, p.truth,
			    UT_METADATA_PIECE) == META_USELESS,
	      "not asked for");
	CHECK(meta_get_reject(p.g, 1, 1, 0) == META_USELESS, "not asked for");
	CHECK(meta_get_ask(p.g, 1, &serial, &piece) && piece == 0, "not asked");
	CHECK(meta_get_data(p.g, 1, 2, 0, row.size, p.truth,
			    UT_METADATA_PIECE) == META_USELESS,
	      "of a stranger");
	CHECK(meta_get_data(p.g, 1, 1, 77, row.size, p.truth, 1) ==
		      META_USELESS,
	      "past the end");
	CHECK(meta_get_data(p.g, 1, 1, 0, row.size, p.truth,
			    UT_METADATA_PIECE) == META_TAKEN,
	      "not taken");
	CHECK(meta_get_data(p.g, 1, 1, 0, row.size, p.truth,
			    UT_METADATA_PIECE) == META_USELESS,
	      "twice");
	CHECK(meta_get_ask(p.g, 1, &serial, &piece) && piece == 1, "not asked");
	CHECK(meta_get_data(p.g, 1, 1, 1, row.size, p.truth,
			    UT_METADATA_PIECE) == META_LIE,
	      "more than the last piece has");
	finish(&p);
}

static void peers_have_a_maximum(void)
{
	static const struct row row = {"many", 100, {HONEST}, 0, 0, 1};
	struct play p;
	uint64_t serial;
	uint32_t piece;

	begin(&p, &row);
	for (uint64_t i = 0; i < META_PEERS_MAX; i++)
		meta_get_peer(p.g, p.now, 100 + i, 50);
	meta_get_peer(p.g, p.now, 1, row.size);
	for (uint64_t i = 0; i < META_PEERS_MAX; i++)
		meta_get_gone(p.g, p.now, 100 + i);
	CHECK(!meta_get_ask(p.g, p.now, &serial, &piece), "one too many");
	finish(&p);
}

int main(void)
{
	it_comes_whatever_peers_do();
	a_size_that_comes_to_nothing_gives_way();
	who_rejects_is_asked_again();
	a_v2_hash_counts_whole();
	what_was_not_asked_for_is_of_no_use();
	peers_have_a_maximum();
	return CHECK_EXIT();
}
