/* How many proofs a prover puts into one transaction, on a model of the bank:
 * as many as it is told, fewer where the chain has no time for them. */
#include "ledger/settle/prover.h"
#include "tests/ledger/settle_world.h"

#define LEASES 24
#define PERIOD 100
#define NODES 11 /* of one sector's path */

struct farm {
	struct world w;
	struct prover *p;
	struct agreement leases[LEASES];
	struct prover_ask asks[LEASES];
	unsigned n_asks;
	unsigned proved, refused;
};

static void each(void *ctx, prover_each_fn *fn, void *fn_ctx)
{
	struct farm *f = ctx;

	for (size_t i = 0; i < LEASES; i++)
		fn(fn_ctx, &f->leases[i]);
}

static void want_proof(void *ctx, const struct prover_ask *ask)
{
	struct farm *f = ctx;

	if (!ask->rehearsal)
		f->asks[f->n_asks++] = *ask;
}

static void on_event(void *ctx, const struct prover_event *ev)
{
	struct farm *f = ctx;

	if (ev->kind == PROVER_PROVED)
		f->proved++;
	else if (ev->kind == PROVER_REFUSED)
		f->refused++;
}

static void answer_disk(struct farm *f)
{
	static const uint8_t leaf[AGREEMENT_LEAF], path[NODES * 32];
	unsigned n = f->n_asks;

	f->n_asks = 0;
	for (unsigned i = 0; i < n; i++)
		prover_on_proof(f->p, &f->asks[i], leaf, path, NODES, NULL);
}

/* One lease of each of so many renters, with a span that is due now. */
static void farm_open(struct farm *f, unsigned proofs, size_t bytes)
{
	struct prover_config cfg = {.block_ms = 1,
				    .most_proofs = proofs,
				    .most_bytes = bytes,
				    .node = {.ctx = f,
					     .each = each,
					     .want_proof = want_proof,
					     .event = on_event}};
	struct model *m = &f->w.m;
	struct err e = {0};

	world_open(&f->w);
	m->period = PERIOD;
	m->beacon.bytes[0] = 1;
	m->block = 10 * PERIOD + 5;
	m->accounts[0].free = 1000000;
	for (unsigned i = 0; i < LEASES; i++) {
		struct model_account *renter = model_add(m, i + 1);

		renter->free = 1000;
		f->leases[i] = (struct agreement){.renter = renter->who,
						  .host = m->accounts[0].who,
						  .sectors = 1,
						  .start = 9,
						  .through = 9,
						  .end = 13,
						  .span = 2,
						  .rate = amount_from_u64(5),
						  .fund = amount_from_u64(500)};
		CHECK(model_open(m, &f->leases[i], false), "lease %u", i);
	}
	cfg.bank = m->bank;
	cfg.host = m->accounts[0].who;
	CHECK(prover_new(&f->p, f->w.loop, &m->f.ch, f->w.s, &cfg, NULL, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
}

static void run(struct farm *f)
{
	for (int i = 0; i < 4000 && f->proved < LEASES; i++) {
		answer_disk(f);
		if (!model_answer(&f->w.m))
			turn(&f->w);
	}
}

static void proofs_are_sent_in_what_the_chain_has_time_for(void)
{
	static const struct {
		const char *name;
		unsigned most;
		size_t bytes;
		unsigned try_most, mine_most;
		unsigned sizes[8]; /* of the transactions, as they went */
		unsigned failed;
	} rows[] = {
		{"all at once", 0, 0, 0, 0, {24}, 0},
		{"as many as it is told", 10, 0, 0, 0, {10, 10, 4}, 0},
		{"as many bytes as it is told",
		 10,
		 7 * BANK_PROOF_LEN(NODES) + 100,
		 0,
		 0,
		 {7, 7, 7, 3},
		 0},
		{"half, after a dry run took too long",
		 20,
		 0,
		 12,
		 0,
		 {10, 10, 4},
		 0},
		{"half, after a block took too long",
		 10,
		 0,
		 0,
		 6,
		 {10, 5, 5, 5, 5, 4},
		 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct farm f = {.n_asks = 0};
		struct model *m = &f.w.m;
		unsigned failed = 0;
		bool same = true;

		farm_open(&f, rows[i].most, rows[i].bytes);
		m->try_most = rows[i].try_most;
		m->mine_most = rows[i].mine_most;
		run(&f);
		for (size_t k = 0; k < m->n_txs; k++) {
			failed += !m->txs[k].ok;
			same = same && model_entries(&m->txs[k].call) ==
					       rows[i].sizes[k];
		}
		CHECK(f.proved == LEASES && f.refused == 0,
		      "%s: %u proved, %u refused", rows[i].name, f.proved,
		      f.refused);
		CHECK(same && rows[i].sizes[m->n_txs] == 0 &&
			      failed == rows[i].failed,
		      "%s: %zu transactions, %u failed", rows[i].name, m->n_txs,
		      failed);
		prover_free(f.p);
		world_close(&f.w);
	}
}

int main(void)
{
	proofs_are_sent_in_what_the_chain_has_time_for();
	return CHECK_EXIT();
}
