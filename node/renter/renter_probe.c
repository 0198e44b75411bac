#include "node/renter/renter_probe.h"

#include "node/rent/carrier.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS 500
#define TILES (RENT_SECTOR / RENT_TILE)

struct asked { /* a question on its way */
	size_t question;
	int64_t since_ms; /* 0: free */
};

struct at_host {
	uint16_t open;
	bool silent;
};

struct probe {
	struct renter *renter;
	struct probe_cfg cfg;
	struct carrier *carrier;
	struct loop_timer *timer;
	struct at_host *hosts; /* heap, as in the placement */
	struct asked asked[PROBE_AT_A_TIME];
	size_t next; /* everything before was asked or answered */
	size_t done;
	bool *begun; /* heap: of each question */
	bool told;
	uint8_t scratch[RENT_TILE]; /* what comes is proved, then not used */
};

struct probe_question probe_ask(struct rng *rng, uint32_t segment, unsigned row,
				uint16_t host)
{
	return (struct probe_question){.segment = segment,
				       .row = (uint16_t)row,
				       .host = host,
				       .tile = (uint8_t)rng_below(rng, TILES)};
}

static int64_t now_of(const struct probe *p)
{
	return loop_now_ms(p->renter->engine->loop);
}

static const struct address *host_of(const struct probe *p, uint16_t host)
{
	return &p->cfg.placement->hosts[host];
}

/* ---- answers ---- */

static void settle(struct probe *p, struct probe_question *q,
		   enum probe_verdict verdict)
{
	q->verdict = (uint8_t)verdict;
	p->done++;
	loop_timer_set(p->timer, 0);
}

/* Once for a host: it is not asked again in this run. */
static void silence(struct probe *p, uint16_t host)
{
	if (p->hosts[host].silent)
		return;
	p->hosts[host].silent = true;
	renter_met(p->renter, host_of(p, host), false, 0);
}

static void judge(struct probe *p, struct asked *a, bool ask_on,
		  enum probe_verdict verdict)
{
	struct probe_question *q = &p->cfg.questions[a->question];
	int64_t took = now_of(p) - a->since_ms;

	p->hosts[q->host].open--;
	a->since_ms = 0;
	if (!ask_on)
		silence(p, q->host);
	else
		renter_met(p->renter, host_of(p, q->host),
			   verdict == PROBE_RIGHT, (uint32_t)took);
	settle(p, q, verdict);
}

static void was_read(void *ctx, uint64_t cookie)
{
	struct probe *p = ctx;

	judge(p, &p->asked[cookie], true, PROBE_RIGHT);
}

enum probe_verdict probe_verdict(enum rent_fate fate, enum rent_no code)
{
	if (fate == RENT_LIED)
		return PROBE_FALSE;
	if (fate == RENT_REFUSED &&
	    (code == RENT_NO_LOST || code == RENT_NO_UNKNOWN))
		return PROBE_LOST;
	return PROBE_SILENT;
}

static void not_read(void *ctx, uint64_t cookie, const struct carrier_no *no)
{
	struct probe *p = ctx;
	const enum probe_verdict v = probe_verdict(no->fate, no->code);
	const bool disk = no->fate == RENT_REFUSED && no->code == RENT_NO_STORE;

	judge(p, &p->asked[cookie], v == PROBE_LOST || disk, v);
}

static const struct carrier_ops carrier_ops = {.was_read = was_read,
					       .not_read = not_read};

/* ---- asking ---- */

static void ask(struct probe *p, size_t i, size_t slot)
{
	struct probe_question *q = &p->cfg.questions[i];
	const struct placement *at = p->cfg.placement;
	const struct placement_row *row =
		&at->rows[(size_t)q->segment * at->n + q->row];

	p->begun[i] = true;
	p->asked[slot] = (struct asked){.question = i, .since_ms = now_of(p)};
	p->hosts[q->host].open++;
	carrier_read(p->carrier, host_of(p, q->host), &row->root,
		     q->tile * RENT_TILE, RENT_TILE, p->scratch, slot);
}

/* It was tried a moment ago. */
static bool is_away(struct probe *p, uint16_t host)
{
	struct rent_peer *peer;

	if (p->hosts[host].open > 0 || p->hosts[host].silent)
		return false;
	peer = rent_peers_get(p->renter->peers, host_of(p, host), p->cfg.shown);
	return peer && rent_peer_is_away(peer);
}

/* What waits for others of its host stays for later. */
static void begin(struct probe *p, size_t i, size_t slot)
{
	struct probe_question *q = &p->cfg.questions[i];
	bool nowhere = q->host == PROBE_NOWHERE;

	if (!nowhere && is_away(p, q->host))
		silence(p, q->host);
	if (nowhere || p->hosts[q->host].silent) {
		p->begun[i] = true;
		settle(p, q, nowhere ? PROBE_LOST : PROBE_SILENT);
	} else if (p->hosts[q->host].open < PROBE_PER_HOST) {
		ask(p, i, slot);
	}
}

static void fill(struct probe *p)
{
	size_t slot = 0;

	while (p->next < p->cfg.n && p->begun[p->next])
		p->next++;
	for (size_t i = p->next; i < p->cfg.n; i++) {
		while (slot < PROBE_AT_A_TIME && p->asked[slot].since_ms)
			slot++;
		if (slot == PROBE_AT_A_TIME)
			return;
		if (!p->begun[i])
			begin(p, i, slot);
	}
}

static void drop_late(struct probe *p)
{
	int64_t now = now_of(p);

	for (size_t i = 0; i < PROBE_AT_A_TIME; i++) {
		struct asked *a = &p->asked[i];

		if (!a->since_ms || now - a->since_ms < PROBE_SILENT_MS)
			continue;
		carrier_cancel(p->carrier, i);
		judge(p, a, false, PROBE_SILENT);
	}
}

static void on_timer(void *ctx)
{
	struct probe *p = ctx;

	if (p->told)
		return;
	drop_late(p);
	fill(p);
	p->cfg.progress(p->cfg.ctx, p->done);
	if (p->done < p->cfg.n) {
		loop_timer_set(p->timer, TICK_MS);
		return;
	}
	p->told = true;
	p->cfg.ended(p->cfg.ctx); /* p may be gone */
}

/* ---- life ---- */

enum err_code probe_start(struct probe **out, struct renter *r,
			  const struct probe_cfg *cfg, struct err *e)
{
	struct probe *p = calloc(1, sizeof(*p));
	enum err_code code = ERR_NONE;

	if (!p)
		return err_fail(e, ERR_NOMEM, "questions");
	p->renter = r;
	p->cfg = *cfg;
	p->hosts = calloc(cfg->placement->hosts_n + 1U, sizeof(*p->hosts));
	p->begun = calloc(cfg->n + 1, sizeof(*p->begun));
	p->timer = loop_timer_new(r->engine->loop, on_timer, p);
	code = p->hosts && p->begun && p->timer
		       ? carrier_new(&p->carrier, r, cfg->shown, &carrier_ops,
				     p, e)
		       : err_fail(e, ERR_NOMEM, "questions");
	if (code != ERR_NONE) {
		probe_free(p);
		return code;
	}
	loop_timer_set(p->timer, 0);
	*out = p;
	return ERR_NONE;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	carrier_free(p->carrier);
	loop_timer_free(p->timer);
	free(p->hosts);
	free(p->begun);
	free(p);
}
