/* What a node costs itself and others: two hours of fake time with nothing to
 * do, in a DHT of 40, with 20 torrents that nobody else has; and a minute with
 * 100 torrents in a DHT of ten. */
#include "tests/wire/dht_sim.h"
#include "wire/dht/agenda.h"

#define TORRENTS 20
#define MOST_TORRENTS 100
#define BARRED 50 /* datagrams within 10 s that libtorrent bars for */
#define MINUTE (60 * 1000)

struct rest;

struct rest_topic {
	struct agenda_topic topic; /* first */
	struct rest *rest;
	struct dht_id target;
	size_t peers;
};

struct rest {
	struct sim sim;
	struct sim_node *node;
	struct agenda agenda;
	struct rest_topic topics[MOST_TORRENTS];
	uint32_t wakes, rounds;
};

static void on_peers(void *ctx, const struct wire_addr *p, size_t n)
{
	struct rest_topic *t = ctx;

	(void)p;
	t->peers += n;
}

static void on_done(void *ctx, const struct dht_outcome *o)
{
	struct rest_topic *t = ctx;
	struct rest *r = t->rest;

	CHECK(o->answered >= 8, "%u answered", o->answered);
	r->rounds++;
	agenda_done(&r->agenda, &t->topic, o->answered, t->peers,
		    r->sim.now_ms);
}

static void begin_rounds(struct rest *r)
{
	struct agenda_topic *next;

	while ((next = agenda_next(&r->agenda, r->sim.now_ms))) {
		struct rest_topic *t = (struct rest_topic *)next;
		const struct dht_search what = {.aim = DHT_FIND_PEERS,
						.target = t->target,
						.announce = true,
						.port = 9,
						.on_peers = on_peers,
						.on_done = on_done,
						.ctx = t};

		t->peers = 0;
		CHECK(dht_start(r->node->dht, &what, r->sim.now_ms) != 0,
		      "it starts");
	}
}

/* As sim_run(), and as a node's loop the one at rest: woken for the DHT or the
 * agenda. */
static void run(struct rest *r, int64_t ms)
{
	for (int64_t end = r->sim.now_ms + ms; r->sim.now_ms < end;) {
		int64_t dht = dht_wake_ms(r->node->dht);
		int64_t agenda = agenda_wake_ms(&r->agenda);

		r->wakes += (dht < agenda ? dht : agenda) <=
			    r->sim.now_ms + SIM_STEP_MS;
		sim_run(&r->sim, SIM_STEP_MS);
		begin_rounds(r);
	}
}

static void open_rest(struct rest *r, size_t others, int torrents,
		      enum agenda_need need)
{
	memset(r, 0, sizeof(*r));
	sim_init(&r->sim, others + 1, 7);
	sim_grow(&r->sim, others, true, false);
	r->node = sim_place(&r->sim, true, false);
	sim_boot(&r->sim, r->node, false);
	(void)dht_add_contact(r->node->dht, &r->sim.nodes[0].addr[0], NULL,
			      r->sim.now_ms);
	sim_run(&r->sim, MINUTE);
	CHECK(dht_ready(r->node->dht, DHT_V4), "it finds its way");
	agenda_init(&r->agenda, &r->sim.rng);
	agenda_set_nodes(&r->agenda, dht_status(r->node->dht).nodes[DHT_V4]);
	for (int i = 0; i < torrents; i++) {
		r->topics[i].rest = r;
		r->topics[i].target = sim_target(&r->sim);
		r->topics[i].topic.need = need;
		agenda_add(&r->agenda, &r->topics[i].topic, r->sim.now_ms);
	}
}

/* In a small DHT each of them is asked in each round. */
static void few_nodes_are_not_flooded(void)
{
	enum { OTHERS = 9 };
	static struct rest r;
	uint64_t before[OTHERS] = {0};

	open_rest(&r, OTHERS, MOST_TORRENTS, AGENDA_CALM);
	for (size_t i = 0; i < OTHERS; i++)
		before[i] = dht_status(r.sim.nodes[i].dht).questions;
	for (int tens = 0; tens < 6; tens++) {
		run(&r, 10000);
		for (size_t i = 0; i < OTHERS; i++) {
			uint64_t all = dht_status(r.sim.nodes[i].dht).questions;

			CHECK(all - before[i] < BARRED,
			      "%llu questions to node %zu in 10 s",
			      (unsigned long long)(all - before[i]), i);
			before[i] = all;
		}
	}
	CHECK(r.rounds >= MOST_TORRENTS * 9 / 10, "%u rounds", r.rounds);
	sim_free(&r.sim);
}

static void two_hours_of_rest(void)
{
	static const struct {
		const char *name;
		enum agenda_need need;
		uint32_t rounds[2]; /* of the first and the second hour */
		uint64_t sent[2];   /* questions and answers */
	} rows[] = {
		{"seeds", AGENDA_CALM, {60, 60}, {1600, 1600}},
		{"alone", AGENDA_ALONE, {300, 240}, {6000, 5000}},
	};
	static struct rest r;

	for (size_t i = 0; i < ROWS(rows); i++) {
		open_rest(&r, 40, TORRENTS, rows[i].need);
		for (int hour = 0; hour < 2; hour++) {
			struct dht_status st;

			r.rounds = r.wakes = 0;
			r.node->sent = 0;
			run(&r, 60 * MINUTE);
			st = dht_status(r.node->dht);
			CHECK(r.rounds >= TORRENTS &&
				      r.rounds <= rows[i].rounds[hour],
			      "%s: %u rounds", rows[i].name, r.rounds);
			CHECK(r.node->sent <= rows[i].sent[hour],
			      "%s: %llu datagrams", rows[i].name,
			      (unsigned long long)r.node->sent);
			/* one in two seconds, and while something runs */
			CHECK(r.wakes <= 3600, "%s: woken %u times",
			      rows[i].name, r.wakes);
			CHECK(st.asked <= 100 && st.searches <= AGENDA_AT_ONCE,
			      "%s: %zu asked, %zu searches", rows[i].name,
			      st.asked, st.searches);
		}
		sim_free(&r.sim);
	}
}

int main(void)
{
	two_hours_of_rest();
	few_nodes_are_not_flooded();
	return CHECK_EXIT();
}
