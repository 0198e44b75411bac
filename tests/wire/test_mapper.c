/* Routers of a few kinds answer the machine under a clock that we turn. */
#include "wire/reach/mapper.h"

#include "base/bytes.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

enum kind {
	SILENT,
	SPEAKS_PCP,
	PCP_OTHER_PORT, /* gives another one */
	PCP_REFUSES,
	SPEAKS_PMP, /* and says so to PCP */
	PMP_ALONE,  /* does not answer PCP */
	UPNP,
	UPNP_FOR_EVER, /* keeps mappings without an end alone */
	UPNP_REFUSES,
	UPNP_NO_XML,
	UPNP_DOWN, /* does not answer HTTP */
};

struct world {
	struct mapper *m;
	enum kind kind;
	int64_t now;
	unsigned sends, searches, gets, posts, deletes, ends;
	uint16_t held; /* bits: 1 TCP, 2 UDP */
};

static void answer_pcp(struct world *w, const uint8_t *ask)
{
	uint8_t out[60];
	struct wr o = wr_into(out, sizeof(out));
	bool end = ask[4] == 0 && ask[5] == 0 && ask[6] == 0 && ask[7] == 0;
	bool udp = ask[36] == 17;

	wr_u8(&o, 2);
	wr_u8(&o, 0x81);
	wr_u8(&o, 0);
	wr_u8(&o, w->kind == PCP_REFUSES ? 2 : 0);
	wr_u32(&o, end ? 0 : 3600);
	for (int i = 0; i < 16; i++)
		wr_u8(&o, 0);
	wr_copy(&o, ask + 24, 16); /* nonce, protocol */
	wr_copy(&o, ask + 40, 2);
	wr_u16(&o, w->kind == PCP_OTHER_PORT ? 7 : 6881);
	wr_copy(&o, (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\7",
		16);
	if (end)
		w->ends++;
	if (w->kind != PCP_REFUSES)
		w->held = (uint16_t)(end ? w->held & ~(1 << udp)
					 : w->held | 1 << udp);
	mapper_on_datagram(w->m, out, wr_len(&o), w->now);
}

static void answer_pmp(struct world *w, const uint8_t *ask)
{
	uint8_t out[16];
	struct wr o = wr_into(out, sizeof(out));
	bool end, udp = ask[1] == 1;

	wr_u8(&o, 0);
	wr_u8(&o, ask[1] | 0x80);
	wr_u16(&o, 0);
	wr_u32(&o, 9);
	if (ask[1] == 0) {
		wr_copy(&o, (const uint8_t *)"\xcb\0\x71\7", 4);
	} else {
		wr_copy(&o, ask + 4, 8);
		end = memcmp(ask + 8, "\0\0\0\0", 4) == 0;
		w->ends += end;
		w->held = (uint16_t)(end ? w->held & ~(1 << udp)
					 : w->held | 1 << udp);
	}
	wr_len(&o);
	mapper_on_datagram(w->m, out, wr_len(&o), w->now);
}

static void answer_datagram(struct world *w, const struct mapper_step *s)
{
	bool pcp = s->bytes[0] == 2;

	w->sends++;
	switch (w->kind) {
	case SPEAKS_PCP:
	case PCP_OTHER_PORT:
	case PCP_REFUSES:
		if (pcp)
			answer_pcp(w, s->bytes);
		return;
	case SPEAKS_PMP:
		if (pcp)
			mapper_on_datagram(
				w->m, (const uint8_t *)"\0\x81\0\1\0\0\0\1", 8,
				w->now);
		else
			answer_pmp(w, s->bytes);
		return;
	case PMP_ALONE:
		if (!pcp)
			answer_pmp(w, s->bytes);
		return;
	case SILENT:
	case UPNP:
	case UPNP_FOR_EVER:
	case UPNP_REFUSES:
	case UPNP_NO_XML:
	case UPNP_DOWN:
		return;
	}
}

static void answer_post(struct world *w, const struct mapper_step *s)
{
	const char *body = (const char *)s->bytes;
	bool udp = strstr(body, ">UDP<") != NULL;
	const char *out = "<ok/>";
	int status = 200;

	w->posts++;
	if (w->kind < UPNP) {
		mapper_on_answer(w->m, 0, NULL, 0, w->now);
		return;
	}
	if (strstr(s->header, "GetExternalIPAddress")) {
		out = "<NewExternalIPAddress>203.0.113.7"
		      "</NewExternalIPAddress>";
	} else if (strstr(s->header, "DeletePortMapping")) {
		w->deletes++;
		w->held &= (uint16_t) ~(1 << udp);
	} else if (w->kind == UPNP_REFUSES) {
		status = 500;
		out = "<errorCode>606</errorCode>";
	} else if (w->kind == UPNP_FOR_EVER &&
		   !strstr(body, "<NewLeaseDuration>0<")) {
		status = 500;
		out = "<errorCode>725</errorCode>";
	} else {
		w->held |= (uint16_t)(1 << udp);
	}
	mapper_on_answer(w->m, status, (const uint8_t *)out, strlen(out),
			 w->now);
}

static void answer_get(struct world *w)
{
	const char *text =
		w->kind == UPNP_NO_XML
			? "<html>"
			: "<service><serviceType>urn:schemas-upnp-org:service:"
			  "WANIPConnection:1</serviceType><controlURL>/c"
			  "</controlURL></service>";

	w->gets++;
	if (w->kind == UPNP_DOWN)
		mapper_on_answer(w->m, 0, NULL, 0, w->now);
	else
		mapper_on_answer(w->m, 200, (const uint8_t *)text, strlen(text),
				 w->now);
}

static void answer_search(struct world *w)
{
	static const char found[] = "HTTP/1.1 200 OK\r\nLocation: "
				    "http://10.0.0.1:5000/d.xml\r\n\r\n";

	w->searches++;
	mapper_on_found(w->m, "10.0.0.9", (const uint8_t *)found,
			sizeof(found) - 1, w->now); /* somebody else */
	if (w->kind >= UPNP)
		mapper_on_found(w->m, "10.0.0.1", (const uint8_t *)found,
				sizeof(found) - 1, w->now);
}

static void run(struct world *w, int64_t until)
{
	static struct mapper_step s;

	for (int i = 0; i < 10000; i++) {
		while (mapper_next(w->m, &s, w->now)) {
			switch (s.what) {
			case MAPPER_SEND:
				answer_datagram(w, &s);
				break;
			case MAPPER_SEARCH:
				answer_search(w);
				break;
			case MAPPER_GET:
				answer_get(w);
				break;
			case MAPPER_POST:
				answer_post(w, &s);
				break;
			}
		}
		if (mapper_wake_ms(w->m) > until)
			break;
		w->now = mapper_wake_ms(w->m);
	}
	w->now = until;
}

static void open_world(struct world *w, enum kind kind, uint16_t udp)
{
	struct mapper_cfg cfg = {
		.tcp = 6881,
		.udp = udp,
		.own_ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 2},
		.gateway = true,
		.rng = rng_seeded(1)};

	*w = (struct world){.kind = kind, .now = 1000};
	CHECK(mapper_new(&w->m, &cfg, w->now, NULL) == ERR_NONE, "new");
}

static void ports_are_mapped_and_given_back(void)
{
	static const struct {
		const char *name;
		enum kind kind;
		const char *how;
		const char *address, *why;
		unsigned ends;
	} rows[] = {
		{"nobody answers", SILENT, NULL, "", "no router answers", 0},
		{"PCP", SPEAKS_PCP, "PCP", "203.0.113.7", NULL, 2},
		{"another port is given back at once", PCP_OTHER_PORT, NULL, "",
		 "no router answers", 2},
		{"PCP refuses", PCP_REFUSES, NULL, "", "no router answers", 0},
		{"NAT-PMP", SPEAKS_PMP, "NAT-PMP", "203.0.113.7", NULL, 2},
		{"NAT-PMP that knows nothing of PCP", PMP_ALONE, "NAT-PMP",
		 "203.0.113.7", NULL, 2},
		{"UPnP", UPNP, "UPnP", "203.0.113.7", NULL, 2},
		{"UPnP without an end", UPNP_FOR_EVER, "UPnP", "203.0.113.7",
		 NULL, 2},
		{"UPnP refuses", UPNP_REFUSES, NULL, "", "the router refuses",
		 0},
		{"UPnP is not described", UPNP_NO_XML, NULL, "",
		 "the router is not described", 0},
		{"UPnP is down", UPNP_DOWN, NULL, "",
		 "the router is not described", 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;
		struct mapper_view v;

		open_world(&w, rows[i].kind, 6881);
		run(&w, 60000);
		mapper_view(w.m, &v);
		CHECK(rows[i].how ? v.how && strcmp(v.how, rows[i].how) == 0 &&
					    v.tcp && v.udp && w.held == 3
				  : !v.how && w.held == 0,
		      "%s: by %s, held %u", rows[i].name, v.how ? v.how : "-",
		      w.held);
		CHECK(strcmp(v.address, rows[i].address) == 0, "%s: %s",
		      rows[i].name, v.address);
		CHECK(rows[i].why ? v.why && strcmp(v.why, rows[i].why) == 0
				  : !v.why,
		      "%s: %s", rows[i].name, v.why ? v.why : "-");
		mapper_stop(w.m, w.now);
		run(&w, 70000);
		CHECK(mapper_done(w.m) && w.held == 0 &&
			      w.ends + w.deletes == rows[i].ends,
		      "%s: given back %u", rows[i].name, w.ends + w.deletes);
		mapper_free(w.m);
	}
}

static void what_is_held_is_renewed(void)
{
	static const enum kind kinds[] = {SPEAKS_PCP, PMP_ALONE, UPNP};

	for (size_t i = 0; i < ROWS(kinds); i++) {
		struct world w;
		struct mapper_view v;
		unsigned before;

		open_world(&w, kinds[i], 6881);
		run(&w, 60000);
		before = w.sends + w.posts;
		run(&w, 61000);
		CHECK(w.sends + w.posts == before, "kind %zu: at rest", i);
		run(&w, 60000 + 3600 * 1000);
		CHECK(w.sends + w.posts > before, "kind %zu: renewed", i);
		w.kind = SILENT; /* it is gone */
		run(&w, 60000 + 3 * 7200 * 1000);
		mapper_view(w.m, &v);
		CHECK(!v.how, "kind %zu: not held any more", i);
		w.kind = kinds[i]; /* and back */
		run(&w, 60000 + 4 * 7200 * 1000);
		mapper_view(w.m, &v);
		CHECK(v.how && v.tcp && v.udp, "kind %zu: held again", i);
		mapper_free(w.m);
	}
}

static void a_port_alone_is_enough(void)
{
	struct world w;
	struct mapper_view v;

	open_world(&w, SPEAKS_PCP, 0);
	run(&w, 60000);
	mapper_view(w.m, &v);
	CHECK(v.how && v.tcp && !v.udp && w.sends == 1, "%u sends", w.sends);
	mapper_free(w.m);
}

static void nobody_is_asked_without_end(void)
{
	struct world w;

	open_world(&w, SILENT, 6881);
	run(&w, 1000 + 599000);
	CHECK(w.sends == 6 && w.searches == 4, "%u datagrams, %u searches",
	      w.sends, w.searches);
	run(&w, 1000 + 700000);
	CHECK(w.sends == 12, "again after ten minutes: %u", w.sends);
	mapper_free(w.m);
}

static void what_was_not_asked_changes_nothing(void)
{
	struct world w;
	struct mapper_view v;

	open_world(&w, SILENT, 6881);
	run(&w, 1100);
	/* a mapping of another nonce, and an answer of HTTP */
	mapper_on_datagram(
		w.m,
		(const uint8_t *)"\2\x81\0\0\0\0\x0e\x10\0\0\0\1"
				 "\0\0\0\0\0\0\0\0\0\0\0\0"
				 "xxxxxxxxxxxx\x06\0\0\0\x1a\xe1"
				 "\x1a\xe1\0\0\0\0\0\0\0\0\0\0\xff\xff"
				 "\1\1\1\1",
		60, w.now);
	mapper_on_answer(w.m, 200, (const uint8_t *)"x", 1, w.now);
	mapper_on_found(w.m, "10.0.0.1", (const uint8_t *)"x", 1, w.now);
	mapper_view(w.m, &v);
	CHECK(!v.how, "held by %s", v.how);
	mapper_free(w.m);
}

int main(void)
{
	ports_are_mapped_and_given_back();
	what_is_held_is_renewed();
	a_port_alone_is_enough();
	nobody_is_asked_without_end();
	what_was_not_asked_changes_nothing();
	return CHECK_EXIT();
}
