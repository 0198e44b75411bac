#include "storage/object/link.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <sodium.h>
#include <string.h>

#define VERSION 1
#define CHECK_LEN 4U
#define FIXED_LEN (1U + 8U + 20U + 2U * OBJECT_KEY_LEN + 1U)
#define PAYLOAD_MAX (FIXED_LEN + LINK_HOSTS_MAX * 20U)
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

static const struct {
	enum object_access access;
	const char *text;
} prefixes[] = {
	{OBJECT_SAMPLE, "seedbank:sample:"},
	{OBJECT_REPAIR, "seedbank:repair:"},
	{OBJECT_FULL, "seedbank:full:"},
};

#define PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

enum err_code link_from_keys(struct object_link *out,
			     const struct object_keys *keys,
			     enum object_access access, struct err *e)
{
	const uint8_t *key = access == OBJECT_FULL     ? keys->full
			     : access == OBJECT_REPAIR ? keys->repair
						       : keys->placement;

	memset(out, 0, sizeof(*out));
	if (access > keys->access)
		return err_fail(e, ERR_STATE,
				"link: cannot give more than was given");
	out->access = access;
	memcpy(out->key, key, OBJECT_KEY_LEN);
	memcpy(out->owner_pk, keys->owner_pk, OBJECT_KEY_LEN);
	return ERR_NONE;
}

void link_to_keys(struct object_keys *out, const struct object_link *l)
{
	switch (l->access) {
	case OBJECT_FULL:
		object_keys_from_full(out, l->key, l->owner_pk);
		return;
	case OBJECT_REPAIR:
		object_keys_from_repair(out, l->key, l->owner_pk);
		return;
	case OBJECT_SAMPLE:
		object_keys_from_sample(out, l->key, l->owner_pk);
		return;
	}
}

/* Covers the prefix too, so that a link cannot change its kind by mistake. */
static void checksum(uint8_t out[CHECK_LEN], const char *prefix,
		     const uint8_t *payload, size_t len)
{
	uint8_t digest[SHA256_LEN];
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, prefix, strlen(prefix));
	sha256_update(&s, payload, len);
	sha256_final(&s, digest);
	memcpy(out, digest, CHECK_LEN);
}

static const char *prefix_of(enum object_access access)
{
	for (size_t i = 0; i < PREFIXES; i++)
		if (prefixes[i].access == access)
			return prefixes[i].text;
	return NULL;
}

static bool in_range(const struct object_link *l)
{
	return prefix_of(l->access) && l->chain &&
	       l->chain <= UINT64_MAX >> 1 && l->hosts_n &&
	       l->hosts_n <= LINK_HOSTS_MAX;
}

enum err_code link_encode(char out[LINK_TEXT_MAX], const struct object_link *l,
			  struct err *e)
{
	uint8_t payload[PAYLOAD_MAX + CHECK_LEN];
	struct wr w = wr_into(payload, sizeof(payload));
	const char *prefix = prefix_of(l->access);
	size_t at;

	if (!in_range(l))
		return err_fail(e, ERR_STATE, "link: a value is out of range");
	wr_u8(&w, VERSION);
	wr_u64(&w, l->chain);
	wr_copy(&w, l->bank.bytes, sizeof(l->bank.bytes));
	wr_copy(&w, l->key, sizeof(l->key));
	wr_copy(&w, l->owner_pk, sizeof(l->owner_pk));
	wr_u8(&w, l->hosts_n);
	for (unsigned i = 0; i < l->hosts_n; i++)
		wr_copy(&w, l->hosts[i].bytes, sizeof(l->hosts[i].bytes));
	checksum(payload + w.len, prefix, payload, w.len);
	at = strlen(prefix);
	memcpy(out, prefix, at);
	(void)sodium_bin2base64(out + at, LINK_TEXT_MAX - at, payload,
				w.len + CHECK_LEN, BASE64);
	sodium_memzero(payload, sizeof(payload));
	return ERR_NONE;
}

/* libsodium takes some other characters for those of the alphabet. */
static bool is_spelled_so(const char *text, const uint8_t *payload, size_t len)
{
	char again[LINK_TEXT_MAX];

	(void)sodium_bin2base64(again, sizeof(again), payload, len, BASE64);
	return strcmp(again, text) == 0;
}

static bool read_payload(struct object_link *out, const uint8_t *p, size_t len)
{
	struct rd r = rd_from(p, len);

	if (rd_u8(&r) != VERSION)
		return false;
	out->chain = rd_u64(&r);
	rd_copy(&r, out->bank.bytes, sizeof(out->bank.bytes));
	rd_copy(&r, out->key, sizeof(out->key));
	rd_copy(&r, out->owner_pk, sizeof(out->owner_pk));
	out->hosts_n = rd_u8(&r);
	if (!in_range(out))
		return false;
	for (unsigned i = 0; i < out->hosts_n; i++)
		rd_copy(&r, out->hosts[i].bytes, sizeof(out->hosts[i].bytes));
	return rd_done(&r);
}

enum err_code link_decode(struct object_link *out, const char *text,
			  struct err *e)
{
	uint8_t payload[PAYLOAD_MAX + CHECK_LEN], sum[CHECK_LEN];
	const char *prefix = NULL;
	size_t len = 0;
	bool ok;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < PREFIXES && !prefix; i++) {
		if (strncmp(text, prefixes[i].text, strlen(prefixes[i].text)))
			continue;
		prefix = prefixes[i].text;
		out->access = prefixes[i].access;
	}
	if (!prefix)
		return err_fail(e, ERR_PARSE,
				"link: it begins with seedbank:full:, "
				"seedbank:repair: or seedbank:sample:");
	text += strlen(prefix);
	if (sodium_base642bin(payload, sizeof(payload), text, strlen(text),
			      NULL, &len, NULL, BASE64) != 0 ||
	    len <= CHECK_LEN || !is_spelled_so(text, payload, len))
		return err_fail(e, ERR_PARSE, "link: cut off or mistyped");
	len -= CHECK_LEN;
	checksum(sum, prefix, payload, len);
	if (memcmp(sum, payload + len, CHECK_LEN) != 0)
		return err_fail(e, ERR_PARSE,
				"link: its checksum does not match: cut off or "
				"mistyped");
	ok = read_payload(out, payload, len);
	sodium_memzero(payload, sizeof(payload));
	if (!ok)
		return err_fail(e, ERR_PARSE,
				"link: of a version not known here");
	return ERR_NONE;
}
