/* Two ends of links in one process, on loopback, and strangers at raw sockets:
 * how connections are encrypted, and what strangers may cost. */
#include "node/net/link.h"

#include "tests/check.h"
#include "wire/peer/handshake.h"

#include <netinet/in.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

struct rig {
	struct loop *loop;
	struct links *there, *here;
	struct swarm *swarm_there, *swarm_here;
	uint16_t port;
	struct loop_timer *guard;
	unsigned ready, ended;
	enum veil_kind kind_there, kind_here;
	bool timed_out;
	enum peer_close why; /* of what ended last */
	uint8_t owner;
};

static struct rig rig;

static struct swarm *on_find(void *ctx, const struct info_hash *hash)
{
	(void)ctx;
	return info_hash_eq(hash, swarm_info_hash(rig.swarm_there))
		       ? rig.swarm_there
		       : NULL;
}

static void is_ready(struct peer *p, enum veil_kind *kind)
{
	struct link *k = peer_user(p);

	link_set_ready(k);
	*kind = link_encryption(k);
	if (++rig.ready == 2)
		loop_stop(rig.loop);
}

static void on_ready_there(void *ctx, struct peer *p,
			   const struct ext_handshake *ext)
{
	(void)ctx;
	(void)ext;
	is_ready(p, &rig.kind_there);
}

static void on_ready_here(void *ctx, struct peer *p,
			  const struct ext_handshake *ext)
{
	(void)ctx;
	(void)ext;
	is_ready(p, &rig.kind_here);
}

static void on_gone(void *ctx, struct peer *p)
{
	(void)ctx;
	(void)p;
}

static void on_ext(void *ctx, struct peer *p, enum ext_id ext,
		   const uint8_t *bytes, size_t len)
{
	(void)ctx;
	(void)p;
	(void)ext;
	(void)bytes;
	(void)len;
}

static const struct swarm_ops ops_there = {.ext_message = on_ext,
					   .peer_ready = on_ready_there,
					   .peer_gone = on_gone};
static const struct swarm_ops ops_here = {.ext_message = on_ext,
					  .peer_ready = on_ready_here,
					  .peer_gone = on_gone};

static struct swarm *swarm_with(const struct swarm_ops *ops, uint8_t self)
{
	struct swarm_cfg cfg = {.ops = ops,
				.rng = rng_seeded(self),
				.sb_store = (const uint8_t *)"d1:vi1ee",
				.sb_store_len = 8};
	struct swarm *out = NULL;

	memset(cfg.info_hash.bytes, 0x77, 20);
	memset(cfg.self.bytes, self, 20);
	CHECK(swarm_new(&out, &cfg, loop_now_ms(rig.loop), NULL) == ERR_NONE,
	      "swarm");
	return out;
}

static void on_turn_end(void *ctx)
{
	(void)ctx;
	links_turn_end(rig.here);
	links_turn_end(rig.there);
}

static void on_guard(void *ctx)
{
	(void)ctx;
	rig.timed_out = true;
	loop_stop(rig.loop);
}

static void on_ended(void *owner, const struct net_addr *to, bool lasted,
		     enum peer_close why)
{
	(void)owner;
	(void)to;
	(void)lasted;
	rig.why = why;
	rig.ended++;
	loop_stop(rig.loop);
}

static unsigned rig_max = 200; /* connections */

static void set_up(enum veil_policy there, enum veil_policy here, bool listed)
{
	static const struct links_ops ops = {.find = on_find};

	memset(&rig, 0, sizeof(rig));
	rig.loop = loop_new(NULL);
	rig.there = links_new(rig.loop, NULL, &ops, NULL, rig_max, NULL);
	rig.here = links_new(rig.loop, NULL, &ops, NULL, 200, NULL);
	rig.guard = loop_timer_new(rig.loop, on_guard, NULL);
	rig.swarm_there = swarm_with(&ops_there, 1);
	rig.swarm_here = swarm_with(&ops_here, 2);
	links_set_encryption(rig.there, there);
	links_set_encryption(rig.here, here);
	if (listed)
		links_list(rig.there, swarm_info_hash(rig.swarm_there));
	CHECK(net_listen(links_net(rig.there), "127.0.0.1", 0, &rig.port,
			 NULL) == ERR_NONE,
	      "listen");
	loop_on_turn_end(rig.loop, on_turn_end, NULL);
}

static void clean_up(void)
{
	links_close_swarm(rig.here, rig.swarm_here, &rig.owner);
	links_close_swarm(rig.there, rig.swarm_there, NULL);
	swarm_free(rig.swarm_here);
	swarm_free(rig.swarm_there);
	loop_on_turn_end(rig.loop, NULL, NULL);
	links_free(rig.here);
	links_free(rig.there);
	loop_timer_free(rig.guard);
	loop_free(rig.loop);
}

static void run(const char *what)
{
	loop_timer_set(rig.guard, 20000);
	loop_run(rig.loop);
	CHECK(!rig.timed_out, "%s: nothing happened", what);
}

static const struct {
	const char *name;
	enum veil_policy there, here;
	enum veil_kind want; /* NOT_YET: they do not meet */
} meetings[] = {
	{"both off", VEIL_OFF, VEIL_OFF, VEIL_PLAIN},
	{"both allow: the first way is plain", VEIL_ALLOW, VEIL_ALLOW,
	 VEIL_PLAIN},
	{"who is asked requires it: the second way", VEIL_REQUIRE, VEIL_ALLOW,
	 VEIL_FRAMES},
	{"who asks prefers it", VEIL_ALLOW, VEIL_PREFER, VEIL_FRAMES},
	{"who asks prefers it of one that has it off: the second way", VEIL_OFF,
	 VEIL_PREFER, VEIL_PLAIN},
	{"who asks requires it", VEIL_PREFER, VEIL_REQUIRE, VEIL_FRAMES},
	{"one requires it, the other has it off", VEIL_REQUIRE, VEIL_OFF,
	 VEIL_NOT_YET},
	{"the other way round", VEIL_OFF, VEIL_REQUIRE, VEIL_NOT_YET},
};

static void policies_meet(void)
{
	for (size_t i = 0; i < ROWS(meetings); i++) {
		struct net_addr to;

		set_up(meetings[i].there, meetings[i].here, true);
		CHECK(net_addr_from_ip(&to, "127.0.0.1", rig.port), "address");
		CHECK(links_open(rig.here, rig.swarm_here, &to, on_ended,
				 &rig.owner),
		      "%s", meetings[i].name);
		run(meetings[i].name);
		CHECK(rig.kind_there == meetings[i].want &&
			      rig.kind_here == meetings[i].want,
		      "%s: %s, %s", meetings[i].name,
		      veil_kind_name(rig.kind_there),
		      veil_kind_name(rig.kind_here));
		CHECK(rig.ended == (meetings[i].want == VEIL_NOT_YET),
		      "%s: told of %u ends", meetings[i].name, rig.ended);
		clean_up();
	}
}

static void what_is_tried_next(void)
{
	static const struct {
		const char *name;
		enum veil_policy policy;
		struct link_try tried;
		bool mute_utp, more;
		struct link_try next;
	} rows[] = {
		{"the second way",
		 VEIL_ALLOW,
		 {0, false},
		 false,
		 true,
		 {1, false}},
		{"the second is the last",
		 VEIL_ALLOW,
		 {1, false},
		 false,
		 false,
		 {2, false}},
		{"there is none",
		 VEIL_OFF,
		 {0, false},
		 false,
		 false,
		 {1, false}},
		{"uTP was mute: the same by TCP",
		 VEIL_ALLOW,
		 {0, false},
		 true,
		 true,
		 {0, true}},
		{"and where there is one way",
		 VEIL_OFF,
		 {0, false},
		 true,
		 true,
		 {0, true}},
		{"then the second, by TCP",
		 VEIL_ALLOW,
		 {0, true},
		 false,
		 true,
		 {1, true}},
		{"uTP was mute to the second",
		 VEIL_PREFER,
		 {1, false},
		 true,
		 true,
		 {1, true}},
		{"never twice",
		 VEIL_REQUIRE,
		 {0, true},
		 true,
		 false,
		 {1, true}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct link_try t = rows[i].tried;
		bool more = link_next_try(&t, rows[i].policy, rows[i].mute_utp);

		CHECK(more == rows[i].more && t.way == rows[i].next.way &&
			      t.tcp == rows[i].next.tcp,
		      "%s: %d, way %u, TCP %d", rows[i].name, more, t.way,
		      t.tcp);
	}
}

static void a_swarm_that_is_not_listed_is_not_found(void)
{
	struct net_addr to;

	set_up(VEIL_ALLOW, VEIL_REQUIRE, false);
	CHECK(net_addr_from_ip(&to, "127.0.0.1", rig.port), "address");
	CHECK(links_open(rig.here, rig.swarm_here, &to, on_ended, &rig.owner),
	      "open");
	run("not listed");
	CHECK(rig.ready == 0 && rig.ended == 1, "ready %u", rig.ready);
	clean_up();
}

/* The end to which we came sees it first and closes; the other must not take
 * that for a peer that may be tried again, or otherwise. */
static void who_reaches_itself_knows(void)
{
	static const enum veil_policy policies[] = {VEIL_ALLOW, VEIL_PREFER};

	for (size_t i = 0; i < ROWS(policies); i++) {
		struct net_addr to;

		set_up(policies[i], VEIL_ALLOW, true);
		CHECK(net_addr_from_ip(&to, "127.0.0.1", rig.port), "address");
		CHECK(links_open(rig.there, rig.swarm_there, &to, on_ended,
				 &rig.owner),
		      "open");
		run("itself");
		CHECK(rig.ended == 1 && rig.why == PEER_CLOSE_SELF &&
			      links_count(rig.there) == 0,
		      "row %zu: %u ended, the last by %s", i, rig.ended,
		      peer_close_name(rig.why));
		clean_up();
	}
}

/* ---- strangers ---- */

static int stranger(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(rig.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		CHECK(false, "connect");
	return fd;
}

/* Turns of the loop until all that is under way has been dealt with. */
static void settle(void)
{
	for (int i = 0; i < 50; i++) {
		loop_timer_set(rig.guard, 1);
		loop_run(rig.loop);
	}
	rig.timed_out = false;
}

static void of_the_silent_the_oldest_gives_way(void)
{
	int fd[LINKS_GREETING_MAX + 20];
	uint8_t byte;

	set_up(VEIL_ALLOW, VEIL_ALLOW, true);
	for (size_t i = 0; i < ROWS(fd); i++)
		fd[i] = stranger();
	settle();
	CHECK(links_count(rig.there) == LINKS_GREETING_MAX, "%u are there",
	      links_count(rig.there));
	for (size_t i = 0; i < ROWS(fd); i++) {
		ssize_t got = recv(fd[i], &byte, 1, MSG_DONTWAIT);

		CHECK((got == 0) == (i < 20), "the %zuth: %zd", i, got);
		(void)close(fd[i]);
	}
	clean_up();
}

/* They fill what there is; one that speaks is let in all the same. */
static void who_speaks_finds_room_among_the_silent(void)
{
	struct net_addr to;
	int fd[12];
	uint8_t first = 19; /* of a handshake that never goes on */

	rig_max = 10;
	set_up(VEIL_ALLOW, VEIL_ALLOW, true);
	rig_max = 200;
	for (size_t i = 0; i < ROWS(fd); i++) {
		fd[i] = stranger();
		CHECK(write(fd[i], &first, 1) == 1, "write");
		settle();
	}
	CHECK(links_count(rig.there) == 8, "%u are there",
	      links_count(rig.there));
	CHECK(net_addr_from_ip(&to, "127.0.0.1", rig.port), "address");
	CHECK(links_open(rig.here, rig.swarm_here, &to, on_ended, &rig.owner),
	      "open");
	run("among the silent");
	CHECK(rig.ready == 2 && !rig.ended, "%u ready", rig.ready);
	for (size_t i = 0; i < ROWS(fd); i++)
		(void)close(fd[i]);
	clean_up();
}

/* Nobody has been read yet when the bounds for the silent are met. The bytes
 * fit and are not whole, so a link stays that spoke. */
static void a_burst_that_has_spoken_is_let_in(void)
{
	static const uint8_t says[] = "\x13"
				      "BitTorrent protocol\0\0\0\0\0"
				      "\0\0\0wwwwwwwwwwwwwwwwwwww";
	uint8_t whole[68];
	int fd[150];
	unsigned kept = 0;
	uint8_t byte;

	set_up(VEIL_ALLOW, VEIL_ALLOW, true);
	memcpy(whole, says, 48);
	for (size_t i = 0; i < ROWS(fd); i++) {
		fd[i] = stranger();
		memset(whole + 48, (int)i + 10, 20); /* each by its own id */
		CHECK(write(fd[i], whole, sizeof(whole)) == 68, "write");
	}
	settle();
	for (size_t i = 0; i < ROWS(fd); i++) {
		/* answered, or closed with its bytes unread: ECONNRESET */
		kept += recv(fd[i], &byte, 1, MSG_DONTWAIT) == 1;
		(void)close(fd[i]);
	}
	CHECK(kept == ROWS(fd), "%u of %zu are there", kept, ROWS(fd));
	clean_up();
}

/* From one address 16 at once cost a key exchange; the others are closed. */
static void a_flood_of_handshakes_is_bounded(void)
{
	uint8_t key[96], answer[96];
	unsigned answered = 0, closed = 0;
	int fd[40];

	memset(key, 0x42, sizeof(key));
	set_up(VEIL_ALLOW, VEIL_ALLOW, true);
	for (size_t i = 0; i < ROWS(fd); i++) {
		fd[i] = stranger();
		CHECK(write(fd[i], key, sizeof(key)) == 96, "write");
	}
	settle();
	for (size_t i = 0; i < ROWS(fd); i++) {
		ssize_t got = recv(fd[i], answer, sizeof(answer), MSG_DONTWAIT);

		answered += got == sizeof(answer);
		closed += got <= 0;
		(void)close(fd[i]);
	}
	/* the clock runs on: one more each quarter of a second */
	CHECK(answered >= 16 && answered < 40 && closed == 40 - answered,
	      "%u answered, %u closed", answered, closed);
	clean_up();
}

static void noise_is_closed_and_told_nothing(void)
{
	uint8_t noise[96 + 512 + 20], answer[2048];
	size_t got = 0;
	ssize_t n;
	int fd;

	memset(noise, 0x42, sizeof(noise));
	set_up(VEIL_REQUIRE, VEIL_ALLOW, true);
	fd = stranger();
	CHECK(write(fd, noise, sizeof(noise)) == sizeof(noise), "write");
	settle();
	while ((n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0)
		got += (size_t)n;
	CHECK(n <= 0 && got <= 96 + 512, "%zu bytes of answer", got);
	CHECK(links_count(rig.there) == 0, "it is there still");
	(void)close(fd);
	clean_up();
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	policies_meet();
	what_is_tried_next();
	a_swarm_that_is_not_listed_is_not_found();
	who_reaches_itself_knows();
	of_the_silent_the_oldest_gives_way();
	who_speaks_finds_room_among_the_silent();
	a_burst_that_has_spoken_is_let_in();
	a_flood_of_handshakes_is_bounded();
	noise_is_closed_and_told_nothing();
	return CHECK_EXIT();
}
