/* Two ends of sealed renting connections, both in this process: a door, and
 * links that knock at it over loopback. */
#include "node/core/engine.h"
#include "node/core/settings.h"
#include "node/rent/rent_link.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG (64U * 1024U)
#define MANY 40U

struct end { /* what one side saw */
	struct rent_link *link;
	unsigned ups, downs, messages, drained, pays;
	char order[8]; /* of the first: 's' or 'p' each */
	size_t last_len;
	uint8_t last, first_byte;
	char why[96];
	bool echo;
	unsigned to_send;
};

struct rig {
	struct engine *en;
	struct options *settings;
	struct home home;
	char dir[64];
	struct rent_door *door;
	struct end host, renter;
	struct loop_timer *timer;
	bool timed_out;
};

static struct rig rig;

static void send_more(struct end *s)
{
	static uint8_t msg[LONG];

	while (s->to_send && rent_link_room(s->link)) {
		memset(msg, (int)s->to_send, sizeof(msg));
		s->to_send--;
		if (!rent_link_send(s->link, msg, sizeof(msg)))
			return;
	}
}

static void *on_up(void *ctx, struct rent_link *k)
{
	struct end *s = ctx;

	s->ups++;
	s->link = k;
	if (s == &rig.renter)
		loop_stop(rig.en->loop);
	return s;
}

static void note_order(struct end *s, char what)
{
	size_t n = strlen(s->order);

	if (n + 1 < sizeof(s->order))
		s->order[n] = what;
}

static void on_pay(void *ctx, struct rent_link *k, const uint8_t *msg,
		   size_t len)
{
	struct end *s = ctx;

	(void)k;
	note_order(s, 'p');
	s->pays++;
	s->last_len = len;
	s->last = msg[len - 1];
	loop_stop(rig.en->loop);
}

static void on_message(void *ctx, struct rent_link *k, const uint8_t *msg,
		       size_t len)
{
	struct end *s = ctx;

	note_order(s, 's');
	s->messages++;
	s->last_len = len;
	s->first_byte = msg[0];
	s->last = msg[len - 1];
	if (s->echo)
		(void)rent_link_send(k, msg, len);
	else if (!rig.host.echo || s == &rig.renter)
		loop_stop(rig.en->loop);
}

static void on_drained(void *ctx, struct rent_link *k)
{
	struct end *s = ctx;

	(void)k;
	s->drained++;
	send_more(s);
}

static void on_down(void *ctx, struct rent_link *k, const char *why)
{
	struct end *s = ctx;

	(void)k;
	s->downs++;
	s->link = NULL;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
	if (s == &rig.renter)
		loop_stop(rig.en->loop);
}

static const struct rent_link_ops ops = {.up = on_up,
					 .message = on_message,
					 .pay = on_pay,
					 .drained = on_drained,
					 .down = on_down};

static void on_guard(void *ctx)
{
	(void)ctx;
	rig.timed_out = true;
	loop_stop(rig.en->loop);
}

static bool run(const char *what)
{
	loop_timer_set(rig.timer, 20000);
	loop_run(rig.en->loop);
	CHECK(!rig.timed_out, "%s: nothing happened", what);
	return !rig.timed_out;
}

static struct info_hash name_of(uint8_t host)
{
	struct address bank, who;

	memset(bank.bytes, 0xba, sizeof(bank.bytes));
	memset(who.bytes, host, sizeof(who.bytes));
	return rent_name(199, &bank, &who);
}

static void knock(uint8_t host)
{
	struct info_hash name = name_of(host);
	struct net_addr to;
	struct err e = {0};
	struct rent_link *k;

	rig.renter = (struct end){0};
	if (!net_addr_from_ip(&to, "127.0.0.1", rig.en->listen_port))
		abort();
	CHECK(rent_link_open(&k, rig.en->rent, &name, &to, &ops, &rig.renter,
			     &e) == ERR_NONE,
	      "%s", e.msg);
	(void)run("knock");
}

static void a_name_is_of_chain_bank_and_host(void)
{
	static const uint8_t want[20] = {
		0x8d, 0x4a, 0xbf, 0xe6, 0xea, 0x98, 0xb2, 0x03, 0x09, 0x2b,
		0x4d, 0x46, 0x7f, 0xb3, 0x76, 0x5d, 0xcf, 0x02, 0xdc, 0x18};
	static const uint8_t any[20] = {
		0x52, 0xcf, 0xcd, 0x78, 0x65, 0xe9, 0x8a, 0xe3, 0xa0, 0x90,
		0xdd, 0x8a, 0xf8, 0xaf, 0xed, 0xbf, 0x28, 0x73, 0x8b, 0xbd};
	struct info_hash got = name_of(0x11);
	struct address bank;

	CHECK(memcmp(got.bytes, want, sizeof(want)) == 0, "%02x%02x%02x",
	      got.bytes[0], got.bytes[1], got.bytes[2]);
	memset(bank.bytes, 0xba, sizeof(bank.bytes));
	got = rent_name_any(199, &bank);
	CHECK(memcmp(got.bytes, any, sizeof(any)) == 0, "any: %02x%02x%02x",
	      got.bytes[0], got.bytes[1], got.bytes[2]);
}

static void sealed_messages_go_both_ways(void)
{
	knock(1);
	CHECK(rig.renter.ups == 1 && rig.renter.link, "it came up: %s",
	      rig.renter.why);
	if (!rig.renter.link)
		return;
	CHECK(rent_link_send(rig.renter.link, (const uint8_t *)"hello", 5),
	      "sent");
	(void)run("hello");
	CHECK(rig.host.ups == 1 && rig.host.messages == 1 &&
		      rig.host.last_len == 5,
	      "the host heard it");
	CHECK(memcmp(rent_link_peer_key(rig.renter.link),
		     rent_door_key(rig.door), 32) == 0 &&
		      memcmp(rent_link_peer_key(rig.host.link),
			     rent_link_own_key(rig.renter.link), 32) == 0,
	      "each knows the other's key");
	CHECK(rent_link_pays(rig.renter.link) && rent_link_pays(rig.host.link),
	      "both speak sb_pay");
	memset(rig.host.order, 0, sizeof(rig.host.order));
	CHECK(rent_link_send_pay(rig.renter.link, (const uint8_t *)"a", 1) &&
		      rent_link_send(rig.renter.link, (const uint8_t *)"b",
				     1) &&
		      rent_link_send_pay(rig.renter.link, (const uint8_t *)"c",
					 1),
	      "three, of both extensions");
	while (strlen(rig.host.order) < 3 && run("both extensions"))
		;
	CHECK(strcmp(rig.host.order, "psp") == 0 && rig.host.last == 'c',
	      "in the order sent: %s", rig.host.order);
	CHECK(rent_link_send_pay(rig.host.link, (const uint8_t *)"d", 1),
	      "and back");
	(void)run("back");
	CHECK(rig.renter.pays == 1 && rig.renter.last == 'd', "sb_pay back");
	rig.host.echo = true;
	rig.host.messages = 0;
	rig.renter.to_send = MANY;
	send_more(&rig.renter);
	while (rig.renter.messages < MANY && run("echo"))
		;
	CHECK(rig.host.messages == MANY && rig.renter.last_len == LONG &&
		      rig.renter.last == 1,
	      "%u long ones, in order", rig.renter.messages);
	CHECK(rig.renter.drained > 0, "it waited for room");
	rig.host.echo = false;
}

static void closing_tells_both_once(void)
{
	rent_link_close(rig.renter.link, "enough");
	rent_link_close(rig.renter.link, "more than enough");
	(void)run("close");
	CHECK(rig.renter.downs == 1 && strcmp(rig.renter.why, "enough") == 0,
	      "renter: %u, %s", rig.renter.downs, rig.renter.why);
	for (int i = 0; i < 50 && !rig.host.downs; i++) {
		loop_timer_set(rig.timer, 20);
		loop_run(rig.en->loop);
		rig.timed_out = false;
	}
	CHECK(rig.host.downs == 1, "host: %u", rig.host.downs);
}

static void a_name_that_is_not_there_ends(void)
{
	knock(2);
	CHECK(rig.renter.ups == 0 && rig.renter.downs == 1, "%u, %u: %s",
	      rig.renter.ups, rig.renter.downs, rig.renter.why);
}

static void a_door_may_have_two_names(void)
{
	rig.host = (struct end){0};
	knock(3);
	CHECK(rig.renter.ups == 1, "up: %s", rig.renter.why);
	(void)rent_link_send(rig.renter.link, (const uint8_t *)"x", 1);
	(void)run("x");
	CHECK(rig.host.ups == 1 && rig.host.messages == 1, "the host heard it");
	closing_tells_both_once();
}

static void a_door_that_closes_sends_all_away(void)
{
	rig.host = (struct end){0};
	knock(1);
	CHECK(rig.renter.ups == 1, "up: %s", rig.renter.why);
	(void)rent_link_send(rig.renter.link, (const uint8_t *)"x", 1);
	(void)run("x");
	rent_door_free(rig.door);
	rig.door = NULL;
	CHECK(rig.host.downs == 1, "the host's end is gone at once");
	(void)run("gone");
	CHECK(rig.renter.downs == 1, "the renter hears of it");
}

static bool set_up(void)
{
	struct info_hash names[2] = {name_of(1), name_of(3)};
	struct err e = {0};

	(void)snprintf(rig.dir, sizeof(rig.dir), "/tmp/seedbank-rent-XXXXXX");
	if (!mkdtemp(rig.dir) ||
	    home_open(&rig.home, rig.dir, &e) != ERR_NONE ||
	    settings_load(&rig.settings, &rig.home, &e) != ERR_NONE ||
	    options_set(rig.settings, "listen", "127.0.0.1:0", &e) !=
		    ERR_NONE ||
	    engine_new(&rig.en, &rig.home, rig.settings, NULL, true, MONEY_NONE,
		       &e) != ERR_NONE ||
	    engine_listen(rig.en, false, &e) != ERR_NONE ||
	    rent_door_new(&rig.door, rig.en->rent, names, 2, &ops, &rig.host,
			  &e) != ERR_NONE) {
		CHECK(false, "%s", e.msg);
		return false;
	}
	rig.en->peer_id.bytes[19] ^= 1; /* or it would meet itself */
	rig.timer = loop_timer_new(rig.en->loop, on_guard, NULL);
	return rig.timer != NULL;
}

static void clean_up(void)
{
	static const char *const files[] = {"torrents.db", "torrents.db-wal",
					    "torrents.db-shm", "torrents.lock",
					    "config"};
	char path[128];

	rent_door_free(rig.door);
	loop_timer_free(rig.timer);
	engine_free(rig.en);
	options_free(rig.settings);
	for (size_t i = 0; i < ROWS(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", rig.dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(rig.dir);
}

int main(void)
{
	a_name_is_of_chain_bank_and_host();
	/* plain, and in frames */
	for (int i = 0; i < 2 && set_up(); i++) {
		links_set_encryption(rig.en->links,
				     i ? VEIL_REQUIRE : VEIL_OFF);
		sealed_messages_go_both_ways();
		closing_tells_both_once();
		a_name_that_is_not_there_ends();
		a_door_may_have_two_names();
		a_door_that_closes_sends_all_away();
		clean_up();
		memset(&rig, 0, sizeof(rig));
	}
	return CHECK_EXIT();
}
