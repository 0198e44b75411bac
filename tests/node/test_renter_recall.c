/* What hosts say of us, as a restore takes it: heads that are not ours, and
 * revisions that are not what the chain has, help nobody. */
#include "base/rng.h"
#include "node/renter/renter_recall.h"
#include "tests/check.h"

#include <string.h>

static const uint8_t key[OBJECT_KEY_LEN] = {1, 2, 3};
static const uint8_t other_key[OBJECT_KEY_LEN] = {4};

static void seal(uint8_t out[HEAD_LEN], uint64_t sequence,
		 const uint8_t by[OBJECT_KEY_LEN])
{
	const struct object_head h = {.sequence = sequence,
				      .full = {9},
				      .k = 2,
				      .n = 5,
				      .segments = 1,
				      .size = 100};
	struct rng rng = rng_system();

	CHECK(head_seal(out, &h, by, &rng, NULL) == ERR_NONE, "seal");
}

static void the_newest_head_that_opens_wins(void)
{
	struct recall_host hosts[5];
	const struct recalled all = {.hosts = hosts, .hosts_n = 5};
	uint8_t head[HEAD_LEN];

	memset(hosts, 0, sizeof(hosts));
	CHECK(!recall_best(&all), "nobody has one");
	seal(head, 7, key);
	CHECK(recall_take_head(&hosts[1], key, head, HEAD_LEN), "ours");
	seal(head, 9, key);
	CHECK(recall_take_head(&hosts[2], key, head, HEAD_LEN), "a newer one");
	seal(head, 8, key);
	CHECK(recall_take_head(&hosts[3], key, head, HEAD_LEN), "an older one");
	CHECK(recall_best(&all) == &hosts[2] && hosts[2].head.sequence == 9,
	      "the newest");
	seal(head, 1000, other_key);
	CHECK(!recall_take_head(&hosts[4], key, head, HEAD_LEN),
	      "another's, of a higher sequence");
	seal(head, 6, key);
	head[7] = 0x77; /* of its sequence */
	CHECK(!recall_take_head(&hosts[4], key, head, HEAD_LEN),
	      "ours, made newer by a host");
	head[7] = 0;
	CHECK(!recall_take_head(&hosts[4], key, head, HEAD_LEN - 1) &&
		      !recall_take_head(&hosts[4], key, head, 0),
	      "cut off, and none");
	CHECK(recall_best(&all) == &hosts[2] && !hosts[4].has_head,
	      "none of them wins");
}

/* ---- revisions against the chain ---- */

#define ROOT(x) ((struct hash32){{(x)}})

static const struct renter_lease lease = {
	.host = {{7}},
	.number = 3,
	.view = {.state = BANK_AGREEMENT_OPEN,
		 .revision = 5,
		 .root = {{50}},
		 .next_root = {{51}},
		 .start = 10,
		 .end = 20,
		 .span = 2,
		 .collateral = {.hi = 0, .lo = 30},
		 .penalty = {.hi = 0, .lo = 3}}};

static struct agreement held(void)
{
	return (struct agreement){.host = {{7}},
				  .number = 3,
				  .revision = 5,
				  .root = ROOT(51),
				  .sectors = 1,
				  .start = 10,
				  .end = 20,
				  .span = 2,
				  .collateral = amount_from_u64(30),
				  .penalty = amount_from_u64(3)};
}

static void expect(const char *name, const struct agreement *a, bool good)
{
	struct err e = {0};
	enum err_code code = lease_check(&lease, a, &e);

	CHECK(code == (good ? ERR_NONE : ERR_SIG) && good == !e.msg[0],
	      "%s: %s", name, e.msg);
}

static void what_the_chain_has_is_the_least(void)
{
	struct agreement a = held();

	expect("the list that comes into force", &a, true);
	a.root = ROOT(50);
	expect("the list in force", &a, true);
	a.root = ROOT(52);
	expect("another list of this revision", &a, false);
	a.revision = 6;
	expect("a newer one, not posted yet", &a, true);
	a = held();
	a.revision = 4;
	expect("an older one", &a, false);
}

static void terms_are_as_opened(void)
{
	struct agreement a = held();

	a.start = 11;
	expect("another start", &a, false);
	a = held();
	a.end = 21;
	expect("another end", &a, false);
	a = held();
	a.span = 1;
	expect("another span", &a, false);
	a = held();
	a.collateral = amount_from_u64(29);
	expect("less collateral", &a, false);
	a = held();
	a.penalty = amount_from_u64(4);
	expect("another penalty", &a, false);
	a = held();
	a.number = 4;
	expect("another agreement", &a, false);
	a = held();
	a.host = (struct address){{8}};
	expect("another host's", &a, false);
}

int main(void)
{
	the_newest_head_that_opens_wins();
	what_the_chain_has_is_the_least();
	terms_are_as_opened();
	return CHECK_EXIT();
}
