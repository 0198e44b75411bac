#include "storage/object/link.h"
#include "tests/check.h"
#include "tests/storage/object_vectors.h"

static uint8_t master[OBJECT_KEY_LEN], full[OBJECT_KEY_LEN];
static struct object_keys keys;

static struct object_link link_of(enum object_access access)
{
	struct object_link l;

	if (link_from_keys(&l, &keys, access, NULL) != ERR_NONE)
		abort();
	l.chain = 728126428;
	memset(l.bank.bytes, 0x99, sizeof(l.bank.bytes));
	l.hosts_n = 2;
	memset(l.hosts[0].bytes, 0x11, sizeof(l.hosts[0].bytes));
	memset(l.hosts[1].bytes, 0x22, sizeof(l.hosts[1].bytes));
	return l;
}

static void published_links_hold(void)
{
	static const struct {
		const char *name, *text;
		enum object_access access;
	} rows[] = {
		{"full", VECTOR_LINK_FULL, OBJECT_FULL},
		{"repair", VECTOR_LINK_REPAIR, OBJECT_REPAIR},
		{"sample", VECTOR_LINK_SAMPLE, OBJECT_SAMPLE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct object_link want = link_of(rows[i].access), got;
		struct object_keys k;
		char text[LINK_TEXT_MAX];

		CHECK(link_encode(text, &want, NULL) == ERR_NONE &&
			      strcmp(text, rows[i].text) == 0,
		      "%s: %s", rows[i].name, text);
		CHECK(link_decode(&got, rows[i].text, NULL) == ERR_NONE &&
			      memcmp(&got, &want, sizeof(got)) == 0,
		      "%s: back", rows[i].name);
		link_to_keys(&k, &got);
		CHECK(k.access == rows[i].access &&
			      memcmp(k.placement, keys.placement, 32) == 0 &&
			      memcmp(k.owner_pk, keys.owner_pk, 32) == 0,
		      "%s: keys", rows[i].name);
	}
}

static void a_link_gives_no_more_than_was_given(void)
{
	struct object_keys repair;
	struct object_link l;

	object_keys_from_repair(&repair, keys.repair, keys.owner_pk);
	CHECK(link_from_keys(&l, &repair, OBJECT_FULL, NULL) == ERR_STATE,
	      "full");
	CHECK(link_from_keys(&l, &repair, OBJECT_SAMPLE, NULL) == ERR_NONE,
	      "less is fine");
}

static void mistyped_links_are_refused(void)
{
	char text[LINK_TEXT_MAX], other[LINK_TEXT_MAX + 8];
	struct object_link l = link_of(OBJECT_FULL), got;
	size_t len;

	CHECK(link_encode(text, &l, NULL) == ERR_NONE, "encode");
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		memcpy(other, text, len + 1);
		other[i] = other[i] == 'A' ? 'B' : 'A';
		CHECK(link_decode(&got, other, NULL) == ERR_PARSE,
		      "another character at %zu", i);
		memcpy(other, text, len + 1);
		other[i] = '\0';
		CHECK(link_decode(&got, other, NULL) == ERR_PARSE, "cut at %zu",
		      i);
	}
	memcpy(other, text, len + 1);
	*strchr(other, '_') = '\xea'; /* libsodium reads one for the other */
	CHECK(link_decode(&got, other, NULL) == ERR_PARSE, "no base64");
	(void)snprintf(other, sizeof(other), "%sA", text);
	CHECK(link_decode(&got, other, NULL) == ERR_PARSE, "one more");
	(void)snprintf(other, sizeof(other), "seedbank:repair:%s",
		       text + strlen("seedbank:full:"));
	CHECK(link_decode(&got, other, NULL) == ERR_PARSE, "of another kind");
}

static void the_longest_link_fits(void)
{
	struct object_link l = link_of(OBJECT_SAMPLE), got;
	char text[LINK_TEXT_MAX];

	l.hosts_n = LINK_HOSTS_MAX;
	CHECK(link_encode(text, &l, NULL) == ERR_NONE, "encode");
	CHECK(link_decode(&got, text, NULL) == ERR_NONE && got.hosts_n == 8,
	      "decode");
	l.hosts_n++;
	CHECK(link_encode(text, &l, NULL) == ERR_STATE, "nine hosts");
	l.hosts_n = 0;
	CHECK(link_encode(text, &l, NULL) == ERR_STATE, "no host");
	l.hosts_n = 1;
	l.chain = 0;
	CHECK(link_encode(text, &l, NULL) == ERR_STATE, "no chain");
}

int main(void)
{
	for (uint8_t i = 0; i < OBJECT_KEY_LEN; i++) {
		full[i] = i;
		master[i] = (uint8_t)(32 + i);
	}
	object_keys_own(&keys, master, full);
	published_links_hold();
	a_link_gives_no_more_than_was_given();
	mistyped_links_are_refused();
	the_longest_link_fits();
	return CHECK_EXIT();
}
