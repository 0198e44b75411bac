#include "node/swarm/limiter.h"

#include "base/clock.h"
#include "node/core/engine.h"
#include "node/swarm/schedule.h"

#include <stdlib.h>
#include <string.h>

struct limiter {
	struct engine *engine;
	struct loop_timer *timer; /* NULL: there are no rules */
	struct limits now;
	unsigned n_rules;
	struct schedule_rule rules[LIMITER_RULES];
};

static void put_in_force(const struct limiter *l)
{
	struct rate *r = l->engine->rate;

	rate_set_limit(r, RATE_UP, l->now.of[LIMIT_UP]);
	rate_set_limit(r, RATE_DOWN, l->now.of[LIMIT_DOWN]);
	rate_set_class_limit(r, RATE_UP, RATE_FREE, l->now.of[LIMIT_UP_FREE]);
	rate_set_class_limit(r, RATE_UP, RATE_PAID, l->now.of[LIMIT_UP_PAID]);
	rate_set_class_limit(r, RATE_UP, RATE_RENT, l->now.of[LIMIT_UP_RENT]);
}

static struct limits wanted(const struct limiter *l, time_t at)
{
	static const char *const names[LIMITS] = {
		[LIMIT_UP] = "limit-up",
		[LIMIT_DOWN] = "limit-down",
		[LIMIT_UP_FREE] = "limit-up-free",
		[LIMIT_UP_PAID] = "limit-up-paid",
		[LIMIT_UP_RENT] = "limit-up-rent",
	};
	const struct options *given = l->engine->override;
	struct limits out;
	uint8_t done = 0; /* what a command was told goes before the week */

	for (int i = 0; i < LIMITS; i++) {
		out.of[i] = (uint64_t)engine_int(l->engine, names[i]);
		if (given && options_is_set(given, names[i]))
			done |= (uint8_t)(1U << i);
	}
	for (unsigned i = 0; i < l->n_rules; i++)
		schedule_apply_at(&out, &done, &l->rules[i], at);
	return out;
}

static void on_minute(void *ctx)
{
	struct limiter *l = ctx;
	int64_t now = clock_unix_s();
	struct limits want = wanted(l, (time_t)now);

	if (memcmp(&want, &l->now, sizeof(want)) != 0) {
		l->now = want;
		put_in_force(l);
		log_line(l->engine->log, LOG_INFO, "limits",
			 "in-force up=%llu down=%llu",
			 (unsigned long long)want.of[LIMIT_UP],
			 (unsigned long long)want.of[LIMIT_DOWN]);
	}
	loop_timer_set(l->timer, (60 - now % 60) * 1000);
}

static enum err_code read_rules(struct limiter *l, struct err *e)
{
	const char *text;
	enum err_code code = ERR_NONE;

	while (code == ERR_NONE &&
	       (text = engine_list_at(l->engine, "limit-schedule",
				      l->n_rules))) {
		if (l->n_rules == LIMITER_RULES)
			return err_fail(e, ERR_LIMIT,
					"schedule: more than %d rules",
					LIMITER_RULES);
		code = schedule_parse(&l->rules[l->n_rules++], text, e);
	}
	return code;
}

enum err_code limiter_new(struct limiter **out, struct engine *en,
			  struct err *e)
{
	struct limiter *l = calloc(1, sizeof(*l));
	enum err_code code;

	*out = NULL;
	if (!l)
		return err_fail(e, ERR_NOMEM, "limits");
	l->engine = en;
	code = read_rules(l, e);
	if (code == ERR_NONE && l->n_rules) {
		l->timer = loop_timer_new(en->loop, on_minute, l);
		if (!l->timer)
			code = err_fail(e, ERR_NOMEM, "limits");
	}
	if (code != ERR_NONE) {
		limiter_free(l);
		return code;
	}
	l->now = wanted(l, (time_t)clock_unix_s());
	put_in_force(l);
	if (l->timer)
		loop_timer_set(l->timer, 0);
	*out = l;
	return ERR_NONE;
}

void limiter_free(struct limiter *l)
{
	if (!l)
		return;
	loop_timer_free(l->timer);
	free(l);
}
