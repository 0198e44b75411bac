#include "wire/reach/mapper.h"

#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_S 7200U
#define LIFE_MIN_S 120U
#define LIFE_MAX_S 86400U
#define FIRST_WAIT_MS 250
#define SENDS 3U /* about 2 s */
#define SEARCHES 4U
#define SEARCH_MS 1000
#define REST_MS 600000 /* until all is tried again */

enum phase {
	ASK_PCP,
	ASK_PMP_ADDRESS,
	ASK_PMP,
	SEARCH,
	DESCRIBE,
	ASK_ADDRESS, /* UPnP */
	ASK_ADD,     /* UPnP */
	HELD,
	REST,
	GIVE_BACK,
	DONE,
};

struct item {
	bool udp;
	uint16_t port;
	bool held;
	bool undo; /* another port was given: away with it */
	uint8_t nonce[PCP_NONCE];
};

struct mapper {
	struct mapper_cfg cfg;
	char own_ip[INET6_ADDRSTRLEN];
	enum phase phase;
	struct item items[2];
	unsigned count, at; /* the item that is asked for */
	unsigned tries;
	int64_t due_ms; /* of the next step; INT64_MAX: an event */
	enum phase how; /* ASK_PCP, ASK_PMP or ASK_ADD: what holds */
	uint32_t life_s;
	uint32_t upnp_life_s;
	char found[IGD_TEXT_MAX];
	struct igd igd;
	char address[64];
	const char *why;
};

static void add_item(struct mapper *m, bool udp, uint16_t port)
{
	struct item *i = &m->items[m->count];

	if (!port)
		return;
	i->udp = udp;
	i->port = port;
	rng_fill(&m->cfg.rng, i->nonce, sizeof(i->nonce));
	m->count++;
}

static void begin(struct mapper *m, enum phase phase, int64_t now_ms)
{
	m->phase = phase;
	m->at = 0;
	m->tries = 0;
	m->due_ms = now_ms;
}

static void start_over(struct mapper *m, int64_t now_ms)
{
	m->life_s = LIFE_MAX_S;
	begin(m, m->cfg.gateway ? ASK_PCP : SEARCH, now_ms);
}

enum err_code mapper_new(struct mapper **out, const struct mapper_cfg *cfg,
			 int64_t now_ms, struct err *e)
{
	struct mapper *m = calloc(1, sizeof(*m));

	if (!m)
		return err_fail(e, ERR_NOMEM, "port mapping");
	m->cfg = *cfg;
	(void)ip_text(m->own_ip, cfg->own_ip);
	add_item(m, false, cfg->tcp);
	add_item(m, true, cfg->udp);
	m->upnp_life_s = LIFE_S;
	m->why = "not asked yet";
	start_over(m, now_ms);
	*out = m;
	return ERR_NONE;
}

void mapper_free(struct mapper *m)
{
	free(m);
}

/* ---- from one way to the next ---- */

static bool holds(const struct mapper *m)
{
	return m->items[0].held || m->items[1].held;
}

/* Of all items is known what became of them. */
static void settle(struct mapper *m, int64_t now_ms)
{
	uint32_t life = m->life_s < LIFE_MIN_S ? LIFE_MIN_S : m->life_s;

	m->phase = HELD;
	m->due_ms = now_ms + (int64_t)life * 1000 / 2;
	m->why = NULL;
}

static void next_way(struct mapper *m, const char *why, int64_t now_ms)
{
	m->why = why;
	for (unsigned i = 0; i < m->count; i++)
		m->items[i].held = false;
	switch (m->phase) {
	case ASK_PCP:
		begin(m, ASK_PMP_ADDRESS, now_ms);
		return;
	case ASK_PMP_ADDRESS:
	case ASK_PMP:
		begin(m, SEARCH, now_ms);
		return;
	case SEARCH:
	case DESCRIBE:
	case ASK_ADDRESS:
	case ASK_ADD:
	case HELD:
	case REST:
		begin(m, REST, now_ms + REST_MS);
		return;
	case GIVE_BACK:
	case DONE:
		break;
	}
}

/* The item at hand is held, or refused. */
static void next_item(struct mapper *m, bool held, enum phase how,
		      const char *why, int64_t now_ms)
{
	m->items[m->at].held = held;
	m->how = held ? how : m->how;
	m->at++;
	m->tries = 0;
	m->due_ms = now_ms;
	if (m->at < m->count)
		return;
	if (holds(m))
		settle(m, now_ms);
	else
		next_way(m, why, now_ms);
}

/* ---- what to do ---- */

static void say_pcp(const struct mapper *m, struct mapper_step *out,
		    enum pcp_kind kind, const struct item *i, uint32_t life_s)
{
	struct pcp_ask ask = {.kind = kind,
			      .udp = i->udp,
			      .port = i->port,
			      .want = i->port,
			      .life_s = life_s};

	memcpy(ask.own_ip, m->cfg.own_ip, sizeof(ask.own_ip));
	memcpy(ask.nonce, i->nonce, sizeof(ask.nonce));
	out->what = MAPPER_SEND;
	out->len = pcp_write(out->bytes, &ask);
}

static void say_igd(const struct mapper *m, struct mapper_step *out,
		    enum igd_action action, const struct item *i)
{
	struct igd_ask ask = {.action = action,
			      .udp = i->udp,
			      .port = i->port,
			      .own_ip = m->own_ip,
			      .life_s = m->upnp_life_s};

	out->what = MAPPER_POST;
	out->len = igd_write((char *)out->bytes, out->header, &m->igd, &ask);
	(void)snprintf(out->url, sizeof(out->url), "%s", m->igd.control);
}

static bool send_again(struct mapper *m, struct mapper_step *out,
		       enum pcp_kind kind, int64_t now_ms)
{
	if (m->tries == SENDS) {
		next_way(m, "the router does not answer", now_ms);
		return false;
	}
	say_pcp(m, out, kind, &m->items[m->at], LIFE_S);
	m->due_ms = now_ms + ((int64_t)FIRST_WAIT_MS << m->tries++);
	return true;
}

static bool search(struct mapper *m, struct mapper_step *out, int64_t now_ms)
{
	if (m->tries == SEARCHES) {
		next_way(m, "no router answers", now_ms);
		return false;
	}
	out->what = MAPPER_SEARCH;
	out->len = igd_search((char *)out->bytes, m->tries++ % IGD_SEARCHES);
	m->due_ms = now_ms + SEARCH_MS;
	return true;
}

/* The mappings that are held, or were given at another port. */
static bool give_back(struct mapper *m, struct mapper_step *out)
{
	for (; m->at < m->count; m->at++) {
		struct item *i = &m->items[m->at];

		if (!i->held && !i->undo)
			continue;
		i->held = i->undo = false;
		if (m->how == ASK_ADD) {
			say_igd(m, out, IGD_DELETE, i);
			m->due_ms = INT64_MAX;
		} else {
			say_pcp(m, out,
				m->how == ASK_PCP ? PCP_MAP : PCP_PMP_MAP, i,
				0);
		}
		return true;
	}
	m->phase = DONE;
	m->due_ms = INT64_MAX;
	return false;
}

static bool undo(struct mapper *m, struct mapper_step *out, enum pcp_kind kind,
		 int64_t now_ms)
{
	struct item *i = &m->items[m->at];

	i->undo = false;
	say_pcp(m, out, kind, i, 0);
	next_item(m, false, m->phase, "another port was given", now_ms);
	return true;
}

static bool step(struct mapper *m, struct mapper_step *out, int64_t now_ms)
{
	switch (m->phase) {
	case ASK_PCP:
		return m->items[m->at].undo
			       ? undo(m, out, PCP_MAP, now_ms)
			       : send_again(m, out, PCP_MAP, now_ms);
	case ASK_PMP_ADDRESS:
		return send_again(m, out, PCP_PMP_ADDRESS, now_ms);
	case ASK_PMP:
		return m->items[m->at].undo
			       ? undo(m, out, PCP_PMP_MAP, now_ms)
			       : send_again(m, out, PCP_PMP_MAP, now_ms);
	case SEARCH:
		return search(m, out, now_ms);
	case DESCRIBE:
		out->what = MAPPER_GET;
		(void)snprintf(out->url, sizeof(out->url), "%s", m->found);
		m->due_ms = INT64_MAX;
		return true;
	case ASK_ADDRESS:
		say_igd(m, out, IGD_ADDRESS, &m->items[0]);
		m->due_ms = INT64_MAX;
		return true;
	case ASK_ADD:
		say_igd(m, out, IGD_ADD, &m->items[m->at]);
		m->due_ms = INT64_MAX;
		return true;
	case HELD: /* half of its life is over */
		m->life_s = LIFE_MAX_S;
		begin(m, m->how, now_ms);
		return false;
	case REST:
		start_over(m, now_ms);
		return false;
	case GIVE_BACK:
		return give_back(m, out);
	case DONE:
		break;
	}
	return false;
}

bool mapper_next(struct mapper *m, struct mapper_step *out, int64_t now_ms)
{
	/* a step that leads to another phase is followed at once */
	for (unsigned i = 0; i < 8 && now_ms >= m->due_ms; i++)
		if (step(m, out, now_ms))
			return true;
	return false;
}

int64_t mapper_wake_ms(const struct mapper *m)
{
	return m->due_ms;
}

/* ---- what came of it ---- */

static void note_life(struct mapper *m, uint32_t life_s)
{
	if (life_s < m->life_s)
		m->life_s = life_s;
}

static void note_address(struct mapper *m, const uint8_t ip[16])
{
	(void)ip_text(m->address, ip);
}

/* Is it the answer to what is asked now? */
static bool fits(const struct mapper *m, const struct pcp_answer *a)
{
	const struct item *i = &m->items[m->at];

	if (m->phase == ASK_PMP_ADDRESS)
		return a->kind == PCP_PMP_ADDRESS;
	if (m->phase != (a->kind == PCP_MAP ? ASK_PCP : ASK_PMP))
		return false;
	if (a->result == PCP_OLD)
		return true;
	return a->kind != PCP_PMP_ADDRESS && a->udp == i->udp &&
	       a->port == i->port && !i->undo &&
	       (a->kind != PCP_MAP ||
		memcmp(a->nonce, i->nonce, sizeof(a->nonce)) == 0);
}

static void take_mapping(struct mapper *m, const struct pcp_answer *a,
			 int64_t now_ms)
{
	struct item *i = &m->items[m->at];

	if (a->life_s == 0)
		return; /* the end of one: not what is asked for */
	if (a->mapped != i->port) {
		i->undo = true;
		m->due_ms = now_ms;
		return;
	}
	if (a->kind == PCP_MAP)
		note_address(m, a->ip);
	note_life(m, a->life_s);
	next_item(m, true, m->phase, "", now_ms);
}

void mapper_on_datagram(struct mapper *m, const uint8_t *bytes, size_t len,
			int64_t now_ms)
{
	struct pcp_answer a;

	if (!pcp_read(&a, bytes, len) || !fits(m, &a))
		return;
	switch (a.result) {
	case PCP_OK:
		break;
	case PCP_OLD:
		next_way(m, "it speaks another version", now_ms);
		return;
	case PCP_REFUSED:
	case PCP_TROUBLE:
		if (a.kind == PCP_PMP_ADDRESS)
			next_way(m, "the router refuses", now_ms);
		else
			next_item(m, false, m->phase, "the router refuses",
				  now_ms);
		return;
	}
	if (a.kind == PCP_PMP_ADDRESS) {
		note_address(m, a.ip);
		begin(m, ASK_PMP, now_ms);
		return;
	}
	take_mapping(m, &a, now_ms);
}

void mapper_on_found(struct mapper *m, const char *ip, const uint8_t *bytes,
		     size_t len, int64_t now_ms)
{
	if (m->phase == SEARCH && igd_read_found(m->found, ip, bytes, len))
		begin(m, DESCRIBE, now_ms);
}

static void on_added(struct mapper *m, int status, unsigned error,
		     int64_t now_ms)
{
	if (status == 200) {
		note_life(m, m->upnp_life_s ? m->upnp_life_s : LIFE_S);
		next_item(m, true, ASK_ADD, "", now_ms);
		return;
	}
	if (error == IGD_NO_LIFE && m->upnp_life_s) {
		m->upnp_life_s = 0;
		m->due_ms = now_ms; /* the same again, for ever */
		return;
	}
	next_item(m, false, ASK_ADD, "the router refuses", now_ms);
}

void mapper_on_answer(struct mapper *m, int status, const uint8_t *bytes,
		      size_t len, int64_t now_ms)
{
	struct igd_answer a = {0};

	if (m->due_ms != INT64_MAX) /* nothing was asked */
		return;
	if (status && m->phase != DESCRIBE)
		igd_read_answer(&a, bytes, len);
	switch (m->phase) {
	case DESCRIBE:
		if (status == 200 &&
		    igd_read_description(&m->igd, m->found, bytes, len))
			begin(m, ASK_ADDRESS, now_ms);
		else
			next_way(m, "the router is not described", now_ms);
		return;
	case ASK_ADDRESS: /* without it mappings work all the same */
		if (status == 200)
			(void)snprintf(m->address, sizeof(m->address), "%s",
				       a.address);
		begin(m, ASK_ADD, now_ms);
		return;
	case ASK_ADD:
		on_added(m, status, a.error, now_ms);
		return;
	case GIVE_BACK:
		m->due_ms = now_ms;
		return;
	case ASK_PCP:
	case ASK_PMP_ADDRESS:
	case ASK_PMP:
	case SEARCH:
	case HELD:
	case REST:
	case DONE:
		break;
	}
}

void mapper_stop(struct mapper *m, int64_t now_ms)
{
	if (m->phase == DONE || m->phase == GIVE_BACK)
		return;
	begin(m, GIVE_BACK, now_ms);
}

bool mapper_done(const struct mapper *m)
{
	return m->phase == DONE;
}

void mapper_view(const struct mapper *m, struct mapper_view *out)
{
	*out = (struct mapper_view){.why = m->why};
	for (unsigned i = 0; i < m->count; i++) {
		out->tcp |= m->items[i].held && !m->items[i].udp;
		out->udp |= m->items[i].held && m->items[i].udp;
	}
	if (!out->tcp && !out->udp)
		return;
	out->how = m->how == ASK_PCP   ? "PCP"
		   : m->how == ASK_PMP ? "NAT-PMP"
				       : "UPnP";
	out->why = NULL;
	memcpy(out->address, m->address, sizeof(out->address));
}
