/* torrent_view.c - what a person or a program is told about a torrent. */
#include "base/hex.h"
#include "ledger/pay/pay.h"
#include "node/money/money.h"
#include "node/swarm/torrent_impl.h"
#include "wire/torrent/magnet.h"

#include <stdlib.h>

const char *torrent_state_name(enum torrent_state s)
{
	switch (s) {
	case TORRENT_METADATA:
		return "metadata";
	case TORRENT_CHECKING:
		return "checking";
	case TORRENT_DOWNLOADING:
		return "downloading";
	case TORRENT_SEEDING:
		return "seeding";
	case TORRENT_PAUSED:
		return "paused";
	case TORRENT_FAULT:
		return "fault";
	case TORRENT_STOPPED:
		return "stopped";
	}
	return "unknown";
}

static void add_rates(const struct torrent *t, json_t *o)
{
	struct swarm_stats stats = {0};
	struct store_stats stored = {0};
	uint64_t wanted, wanted_have;
	int64_t eta = -1, seeds, leechers;

	if (t->store && store_is_ready(t->store))
		store_stats_get(t->store, &stored);
	if (t->swarm)
		swarm_stats_get(t->swarm, &stats);
	if (t->state == TORRENT_DOWNLOADING && stats.rate_in > 0)
		eta = (int64_t)(stats.wanted / stats.rate_in);
	torrent_wanted(t, &wanted, &wanted_have);
	(void)json_object_set_new(o, "total",
				  json_integer((json_int_t)t->meta.wanted));
	(void)json_object_set_new(o, "have",
				  json_integer((json_int_t)stored.have_bytes));
	(void)json_object_set_new(
		o, "percent",
		json_integer(
			(json_int_t)(wanted ? wanted_have * 100 / wanted : 0)));
	if (torrent_is_partial(t)) {
		(void)json_object_set_new(o, "wanted",
					  json_integer((json_int_t)wanted));
		(void)json_object_set_new(
			o, "wanted_have",
			json_integer((json_int_t)wanted_have));
	}
	(void)json_object_set_new(o, "downloaded",
				  json_integer((json_int_t)stats.downloaded));
	(void)json_object_set_new(o, "uploaded",
				  json_integer((json_int_t)stats.uploaded));
	(void)json_object_set_new(o, "wasted",
				  json_integer((json_int_t)stats.wasted));
	(void)json_object_set_new(o, "rate_down", json_integer(stats.rate_in));
	(void)json_object_set_new(o, "rate_up", json_integer(stats.rate_out));
	(void)json_object_set_new(o, "peers", json_integer(stats.peers));
	(void)json_object_set_new(o, "seeds", json_integer(stats.seeds));
	torrent_tracker_counts(t, &seeds, &leechers);
	if (seeds >= 0)
		(void)json_object_set_new(o, "swarm_seeds",
					  json_integer(seeds));
	if (leechers >= 0)
		(void)json_object_set_new(o, "swarm_leechers",
					  json_integer(leechers));
	if (eta >= 0)
		(void)json_object_set_new(o, "eta_s", json_integer(eta));
}

/* How much of the info dictionary is here; "size" is 0 until a peer told it. */
static void add_metadata(const struct torrent *t, json_t *o)
{
	uint32_t have = 0, size = 0;

	if (torrent_knows(t))
		return;
	if (t->swarm)
		swarm_metadata_progress(t->swarm, &have, &size);
	(void)json_object_set_new(o, "metadata",
				  json_pack("{sI sI}", "have", (json_int_t)have,
					    "size", (json_int_t)size));
}

/* The link under which others find it. */
static void add_link(const struct torrent *t, json_t *o)
{
	char *text = NULL;

	if (!torrent_knows(t))
		(void)json_object_set_new(o, "magnet", json_string(t->magnet));
	else if (magnet_of(&text, &t->meta, NULL, 0, NULL) == ERR_NONE)
		(void)json_object_set_new(o, "magnet", json_string(text));
	free(text);
}

static void add_money(const struct torrent *t, json_t *o)
{
	struct pay_job_state state;
	char text[MONEY_TEXT_MAX];

	if (!t->job)
		return;
	pay_job_state(t->job, &state);
	(void)json_object_set_new(
		o, "spent",
		json_string(money_text(t->engine->money, state.spent, text)));
	(void)json_object_set_new(
		o, "budget_left",
		json_string(money_text(t->engine->money, state.left, text)));
	(void)json_object_set_new(
		o, "top_bid",
		json_string(money_text(t->engine->money, state.top_bid, text)));
	(void)json_object_set_new(o, "paid_bytes",
				  json_integer((json_int_t)state.paid_bytes));
}

json_t *torrent_json(const struct torrent *t)
{
	char hex[41], hex_v2[65];
	json_t *o, *web;

	hex_encode(hex, t->meta.info_hash.bytes, 20);
	o = json_pack("{ss ss ss ss ss}", "info_hash", hex, "name",
		      t->meta.name, "kind", torrent_kind(t), "state",
		      torrent_state_name(t->state), "dir", t->dir);
	if (t->meta.v2)
		(void)json_object_set_new(
			o, "info_hash_v2",
			json_string(hex_encode(
				hex_v2, t->meta.info_hash_v2.bytes,
				sizeof(t->meta.info_hash_v2.bytes))));
	if (t->meta.layers_missing)
		(void)json_object_set_new(o, "hashes_missing",
					  json_integer(t->meta.layers_missing));
	if (t->state == TORRENT_FAULT)
		(void)json_object_set_new(o, "fault", json_string(t->fault));
	if (t->state == TORRENT_CHECKING)
		(void)json_object_set_new(o, "checked",
					  json_integer((json_int_t)t->checked));
	add_rates(t, o);
	add_metadata(t, o);
	add_link(t, o);
	add_money(t, o);
	web = web_seeds_json(t->web);
	if (web)
		(void)json_object_set_new(o, "web_seeds", web);
	(void)json_object_set_new(o, "seeded_s",
				  json_integer(torrent_seeded_ms(t) / 1000));
	if (t->seed_time_s >= 0)
		(void)json_object_set_new(o, "seed_time_s",
					  json_integer(t->seed_time_s));
	if (t->ratio_permille)
		(void)json_object_set_new(
			o, "seed_ratio_permille",
			json_integer((json_int_t)t->ratio_permille));
	(void)json_object_set_new(
		o, "slots",
		json_integer(t->slots ? t->slots
				      : engine_int(t->engine, "slots")));
	(void)json_object_set_new(o, "complete",
				  json_boolean(t->complete_ms >= 0));
	(void)json_object_set_new(
		o, "seconds",
		json_integer((torrent_now(t) - t->started_ms) / 1000));
	return o;
}

void torrent_trade_event(struct torrent *t, int kind, const char *amount,
			 const char *text)
{
	switch ((enum pay_event_kind)kind) {
	case PAY_EV_TERMS:
		torrent_tell(t, "seller", "a seller asks %s a GiB", amount);
		return;
	case PAY_EV_BID_RAISED:
		torrent_tell(t, "bid", "bidding %s a GiB", amount);
		return;
	case PAY_EV_BUDGET_GONE:
		torrent_tell(t, "budget",
			     "the budget is used up: going on for free");
		return;
	case PAY_EV_FUNDS_GONE:
		torrent_tell(t, "funds",
			     "no balance in the bank is left to promise (or it "
			     "is not known): going on for free; `seedbank "
			     "deposit` adds to it");
		return;
	case PAY_EV_TOO_DEAR:
		torrent_tell(t, "dear",
			     "a seller asks %s a GiB, more than --bid", amount);
		return;
	case PAY_EV_NO:
		torrent_tell(t, "refused", "a seller refuses: %s", text);
		return;
	case PAY_EV_SELLER_DROPPED:
		torrent_tell(t, "dropped",
			     "a seller took %s and did not serve: not paid "
			     "again",
			     amount);
		return;
	case PAY_EV_ADOPTED:
		torrent_tell(t, "adopted",
			     "a seller held a newer receipt of ours: %s",
			     amount);
		return;
	case PAY_EV_SENT:
	case PAY_EV_ACCEPTED:
	case PAY_EV_REFUSED:
	case PAY_EV_LIMIT:
	case PAY_EV_RANK:
	case PAY_EV_READY:
	case PAY_EV_BOOK:
	case PAY_EV_COVERED:
		return;
	}
}
