/* trade_event.c - what the pay machine tells of trade: to the swarm, and to
 * whoever waits for a paid download; and what is still missing of one. */
#include "node/swarm/trade_int.h"

#include "node/money/money.h"
#include "node/swarm/torrent.h"

uint64_t trade_missing(void *ctx, void *session_ctx, uint64_t enough)
{
	const struct side *side = session_ctx;

	(void)ctx;
	return swarm_peer_missing(side->deal->peer, enough);
}

static void tell_buyer(struct trade *t, const struct pay_event *ev)
{
	struct deal *d =
		ev->session_ctx ? ((struct side *)ev->session_ctx)->deal : NULL;
	char amount[MONEY_TEXT_MAX];

	for (struct torrent *at = t->engine->torrents; at;
	     at = torrent_next(at)) {
		if (!(ev->job && torrent_job(at) == ev->job) &&
		    !(d && d->torrent == at))
			continue;
		(void)money_text(t->engine->money, ev->amount, amount);
		torrent_trade_event(at, (int)ev->kind, amount,
				    ev->text ? ev->text : "");
	}
}

void trade_event(void *ctx, const struct pay_event *ev)
{
	struct trade *t = ctx;
	struct side *side = ev->session_ctx;

	if (side && ev->kind == PAY_EV_RANK) {
		side->deal->rank_changed = true;
		trade_note_deal(side->deal);
		return;
	}
	if (side && ev->kind == PAY_EV_READY) {
		side->deal->ready_again = true;
		trade_note_deal(side->deal);
		return;
	}
	pay_lend_note(&t->lend, ev);
	if (ev->kind != PAY_EV_SENT && ev->kind != PAY_EV_ACCEPTED)
		tell_buyer(t, ev);
}
