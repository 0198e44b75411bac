/* host_state.c - alarms, and what status shows. */
#include "node/host/host_int.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct host_alarm *newest(struct host *h)
{
	return h->n_alarms ? &h->alarms[(h->next_alarm + HOST_ALARMS - 1) %
					HOST_ALARMS]
			   : NULL;
}

void host_alarm(struct host *h, bool grave, const char *fmt, ...)
{
	struct host_alarm made = {.time_s = clock_unix_s(), .grave = grave};
	const struct host_alarm *last = newest(h);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(made.text, sizeof(made.text), fmt, args);
	va_end(args);
	log_line(h->en->log, grave ? LOG_ERROR : LOG_WARN, "host",
		 "alarm text=\"%s\"", made.text);
	if (last && strcmp(last->text, made.text) == 0)
		return;
	h->alarms[h->next_alarm] = made;
	h->next_alarm = (h->next_alarm + 1) % HOST_ALARMS;
	h->n_alarms += h->n_alarms < HOST_ALARMS;
}

void host_alarm_of(struct host *h, const struct address *renter,
		   uint32_t number)
{
	struct host_alarm *a = newest(h);

	if (!a)
		return;
	a->renter = *renter;
	a->number = number;
}

void host_alarm_over(struct host *h, const struct address *renter,
		     uint32_t number)
{
	struct host_alarm kept[HOST_ALARMS];
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_alarms; i++) {
		const struct host_alarm *a =
			&h->alarms[(h->next_alarm + HOST_ALARMS - h->n_alarms +
				    i) %
				   HOST_ALARMS];

		if (!address_eq(&a->renter, renter) || a->number != number)
			kept[n++] = *a;
	}
	memcpy(h->alarms, kept, n * sizeof(kept[0]));
	h->n_alarms = n;
	h->next_alarm = n % HOST_ALARMS;
}

static void set(json_t *o, const char *name, json_t *take_value)
{
	(void)json_object_set_new(o, name, take_value);
}

static json_t *alarms(const struct host *h)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < h->n_alarms; i++) {
		const struct host_alarm *a =
			&h->alarms[(h->next_alarm + HOST_ALARMS - h->n_alarms +
				    i) %
				   HOST_ALARMS];

		(void)json_array_append_new(
			list,
			json_pack("{sI sb ss}", "time", (json_int_t)a->time_s,
				  "grave", (int)a->grave, "text", a->text));
	}
	return list;
}

static const char *volume_word(const struct sectors_volume_state *v)
{
	if (!v->open)
		return "missing";
	if (v->sick)
		return "sick";
	if (v->goal == 0)
		return "draining";
	if (v->goal < v->slots)
		return "shrinking";
	return v->goal > v->slots ? "growing" : "open";
}

static json_t *paths(const struct host *h)
{
	struct sectors_volume_state v;
	json_t *list = json_array();

	for (uint32_t i = 0; h->sectors && sectors_volume(h->sectors, i, &v);
	     i++)
		(void)json_array_append_new(
			list,
			json_pack("{ss sI sI sI ss ss}", "path", v.dir, "space",
				  (json_int_t)v.slots << 20, "goal",
				  (json_int_t)v.goal << 20, "used",
				  (json_int_t)v.used << 20, "state",
				  volume_word(&v), "note", v.note));
	return list;
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *prices(const struct host *h)
{
	const struct host_conf *c = &h->conf;

	return json_pack(
		"{so so so so so sI sI sI so}", "price", text_or_null(c->price),
		"ingress", text_or_null(c->ingress), "egress",
		text_or_null(c->egress), "collateral",
		text_or_null(c->collateral), "penalty",
		text_or_null(c->penalty), "span", (json_int_t)c->span,
		"min_term", (json_int_t)c->min_term, "max_term",
		(json_int_t)c->max_term, "schedule", text_or_null(c->schedule));
}

struct sums {
	uint64_t opened, unopened, misses;
	struct amount earned, collateral;
};

static struct sums sum_up(const struct host *h)
{
	struct sums s = {.earned = h->earned_before};

	for (size_t i = 0; i < h->n_leases; i++) {
		const struct host_lease *l = h->leases[i];

		if (rent_unopened(&l->a)) {
			s.unopened++;
			s.earned = amount_add_cap(s.earned, l->a.earned);
			continue;
		}
		s.opened += l->view.state == BANK_AGREEMENT_OPEN;
		s.misses += l->view.misses;
		s.earned = amount_add_cap(s.earned, l->view.earned);
		if (l->view.state == BANK_AGREEMENT_OPEN)
			s.collateral = amount_add_cap(s.collateral,
						      l->view.collateral);
	}
	return s;
}

static void add_sums(const struct host *h, json_t *o)
{
	const struct money *m = h->en->money;
	struct sums s = sum_up(h);
	char text[MONEY_TEXT_MAX];

	set(o, "agreements", json_integer((json_int_t)h->n_leases));
	set(o, "opened", json_integer((json_int_t)s.opened));
	set(o, "unopened", json_integer((json_int_t)s.unopened));
	set(o, "missed", json_integer((json_int_t)s.misses));
	if (!m)
		return;
	set(o, "earned", json_string(money_text(m, s.earned, text)));
	set(o, "collateral", json_string(money_text(m, s.collateral, text)));
}

static void add_duties(const struct host *h, json_t *o)
{
	struct prover_state s = {.known = false};
	uint64_t block = 0;
	uint32_t period = 0;

	if (h->prover)
		prover_state(h->prover, &s);
	if (h->phase != HOST_ASLEEP && h->en->money) {
		(void)renting_block(h->en->renting, &block);
		(void)renting_period(h->en->renting, &period);
	}
	set(o, "block", json_integer((json_int_t)block));
	set(o, "period", json_integer(period));
	set(o, "due", json_integer(s.due));
	set(o, "proved", json_integer(s.proved));
	set(o, "due_next", json_integer(s.due_next));
	set(o, "proofs", json_integer((json_int_t)h->proved));
}

static void add_names(const struct host *h, json_t *o)
{
	const struct money *m = h->en->money;
	char text[ADDRESS_TEXT_MAX], at[80] = "";
	struct net_addr addr;

	if (m && m->open && !address_is_zero(&m->accounts[SIGNER_STORAGE]))
		set(o, "address",
		    json_string(address_text(text, &m->accounts[SIGNER_STORAGE],
					     m->profile.address)));
	if (h->has_endpoint) {
		net_addr_from_ip16(&addr, h->endpoint.p.ip, h->endpoint.p.port);
		net_addr_text(&addr, at, sizeof(at));
	}
	set(o, "endpoint", text_or_null(*at ? at : h->conf.endpoint));
}

json_t *host_status(struct host *h)
{
	static const char *const words[] = {
		[HOST_ASLEEP] = "off",
		[HOST_OPENING] = "opening",
		[HOST_LOADING] = "loading",
		[HOST_UP] = "up",
	};
	json_t *o = json_object();

	set(o, "enabled", json_boolean(h->conf.on));
	set(o, "state", json_string(words[h->phase]));
	set(o, "trouble", text_or_null(h->trouble));
	set(o, "open",
	    json_boolean(h->phase == HOST_UP && h->has_offer &&
			 !host_is_closed(h)));
	add_names(h, o);
	set(o, "prices", prices(h));
	set(o, "paths", paths(h));
	set(o, "free",
	    json_integer(h->sectors ? (json_int_t)sectors_free(h->sectors)
				    : 0));
	set(o, "sessions", json_integer(h->n_sessions));
	add_sums(h, o);
	add_duties(h, o);
	set(o, "alarms", alarms(h));
	return o;
}
