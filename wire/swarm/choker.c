#include "wire/swarm/choker.h"

/* Slots are few, so the best of the rest is found by walking the table once per
 * slot: n x slots, no memory. Where there are as many slots as peers that want
 * one, all of them get one in one walk. */
struct run {
	struct choker_row *rows;
	size_t n;
	const struct choker_cfg *cfg;
	struct rng *rng;
};

static bool undecided(const struct choker_row *row)
{
	return row->interested && !row->decided;
}

static void decide(struct choker_row *row, enum peer_slot slot)
{
	row->decided = true;
	row->want = slot;
}

static bool ranks_before(const struct choker_row *a, const struct choker_row *b)
{
	if (a->rank != b->rank)
		return a->rank > b->rank;
	if ((a->slot == PEER_SLOT_RANK) != (b->slot == PEER_SLOT_RANK))
		return a->slot == PEER_SLOT_RANK;
	return a->since_ms < b->since_ms;
}

static bool is_ranked(const struct run *run, const struct choker_row *row)
{
	(void)run;
	return undecided(row) && row->rank;
}

static bool is_free(const struct run *run, const struct choker_row *row)
{
	return undecided(row) && !row->snubbed &&
	       !(row->optimistic && run->cfg->mode == CHOKER_FILL);
}

typedef bool wants_fn(const struct run *run, const struct choker_row *row);

/* False: there are more of them than slots. */
static bool give_all(struct run *run, uint32_t slots, wants_fn *wants,
		     enum peer_slot kind, uint32_t *given)
{
	*given = 0;
	for (size_t i = 0; i < run->n; i++)
		*given += wants(run, &run->rows[i]);
	if (*given > slots)
		return false;
	for (size_t i = 0; i < run->n; i++)
		if (wants(run, &run->rows[i]))
			decide(&run->rows[i], kind);
	return true;
}

static uint32_t give_ranked(struct run *run, uint32_t slots)
{
	uint32_t given;

	if (give_all(run, slots, is_ranked, PEER_SLOT_RANK, &given))
		return given;
	for (given = 0; given < slots; given++) {
		struct choker_row *best = NULL;

		for (size_t i = 0; i < run->n; i++) {
			struct choker_row *row = &run->rows[i];

			if (is_ranked(run, row) &&
			    (!best || ranks_before(row, best)))
				best = row;
		}
		if (!best)
			break;
		decide(best, PEER_SLOT_RANK);
	}
	return given;
}

/* Seeding: a turn is CHOKER_TURN_MS; then whoever waits longest is next. */
static bool turn_before(const struct run *run, const struct choker_row *a,
			const struct choker_row *b)
{
	int64_t now = run->cfg->now_ms;
	bool a_in =
		a->slot == PEER_SLOT_FREE && now - a->since_ms < CHOKER_TURN_MS;
	bool b_in =
		b->slot == PEER_SLOT_FREE && now - b->since_ms < CHOKER_TURN_MS;
	bool a_had = a->slot == PEER_SLOT_FREE,
	     b_had = b->slot == PEER_SLOT_FREE;

	if (a_in != b_in)
		return a_in;
	if (a_had != b_had) /* its turn is over: last in the line */
		return b_had;
	return a->since_ms < b->since_ms;
}

static bool free_before(const struct run *run, const struct choker_row *a,
			const struct choker_row *b)
{
	if (run->cfg->mode == CHOKER_FILL &&
	    (a->slot == PEER_SLOT_FREE) != (b->slot == PEER_SLOT_FREE))
		return a->slot == PEER_SLOT_FREE;
	if (run->cfg->seeding)
		return turn_before(run, a, b);
	if (a->rate_in != b->rate_in)
		return a->rate_in > b->rate_in;
	if ((a->slot == PEER_SLOT_FREE) != (b->slot == PEER_SLOT_FREE))
		return a->slot == PEER_SLOT_FREE;
	return a->since_ms < b->since_ms;
}

static uint32_t give_free(struct run *run, uint32_t slots)
{
	uint32_t given;

	if (give_all(run, slots, is_free, PEER_SLOT_FREE, &given))
		return given;
	for (given = 0; given < slots; given++) {
		struct choker_row *best = NULL;

		for (size_t i = 0; i < run->n; i++) {
			struct choker_row *row = &run->rows[i];

			if (is_free(run, row) &&
			    (!best || free_before(run, row, best)))
				best = row;
		}
		if (!best)
			break;
		decide(best, PEER_SLOT_FREE);
	}
	return given;
}

static struct choker_row *optimistic_now(struct run *run)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->rows[i].optimistic)
			return &run->rows[i];
	return NULL;
}

/* By chance, among those that got nothing else. */
static struct choker_row *draw(struct run *run, const struct choker_row * not )
{
	struct choker_row *found = NULL;
	uint32_t seen = 0;

	for (size_t i = 0; i < run->n; i++) {
		struct choker_row *row = &run->rows[i];

		if (undecided(row) &&
		    row != not &&rng_below(run->rng, ++seen) == 0)
			found = row;
	}
	return found;
}

static void give_optimistic(struct run *run)
{
	struct choker_row *had = optimistic_now(run);
	struct choker_row *next = NULL;

	if (had && undecided(had) && !run->cfg->rotate)
		next = had;
	if (!next)
		next = draw(run, had);
	if (!next && had && undecided(had))
		next = had;
	for (size_t i = 0; i < run->n; i++)
		run->rows[i].optimistic = &run->rows[i] == next;
	if (next)
		decide(next, PEER_SLOT_FREE);
}

static uint32_t count_ranked(const struct run *run)
{
	uint32_t n = 0;

	for (size_t i = 0; i < run->n; i++)
		n += run->rows[i].interested && run->rows[i].rank;
	return n;
}

static uint32_t count_interested(const struct run *run)
{
	uint32_t n = 0;

	for (size_t i = 0; i < run->n; i++)
		n += run->rows[i].interested;
	return n;
}

void choker_run(struct choker_row *rows, size_t n, const struct choker_cfg *cfg,
		struct rng *rng)
{
	struct run run = {rows, n, cfg, rng};
	uint32_t ranked = count_ranked(&run);
	uint32_t others = count_interested(&run) - ranked;
	uint32_t for_rank = cfg->slots - cfg->free_slots, used;

	for (size_t i = 0; i < n; i++) {
		rows[i].decided = false;
		rows[i].want = PEER_SLOT_NONE;
	}
	/* nobody without rank wants the free slots: ranks may have them too */
	if (others < cfg->free_slots)
		for_rank = cfg->slots - others;
	used = give_ranked(&run, for_rank);
	if (cfg->slots > used) {
		/* the optimistic one has a slot of its own, decided last but
		 * kept free here */
		(void)give_free(&run, cfg->slots - used - 1);
		give_optimistic(&run);
	}
	for (size_t i = 0; i < n; i++) {
		rows[i].slot = rows[i].want;
		if (rows[i].slot != PEER_SLOT_FREE)
			rows[i].optimistic = false;
	}
}
