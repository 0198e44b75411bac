/* What decodes, encoded again, gives the same text. The payload is given a
 * right checksum, so that the fuzzer gets past it: the input is a prefix's
 * number and the payload. */
#include "base/hash.h"
#include "storage/object/link.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *text)
{
	struct object_link l;
	char again[LINK_TEXT_MAX];

	if (link_decode(&l, text, NULL) != ERR_NONE)
		return;
	if (link_encode(again, &l, NULL) != ERR_NONE ||
	    strcmp(again, text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const prefixes[] = {
		"seedbank:full:", "seedbank:repair:", "seedbank:sample:"};
	uint8_t payload[300], digest[SHA256_LEN];
	char text[512], raw[512];
	struct sha256 s;
	const char *prefix;
	int at;

	if (size < 1 || size > 256)
		return 0;
	memcpy(raw, data, size);
	raw[size] = '\0';
	check(raw);
	prefix = prefixes[data[0] % 3];
	memcpy(payload, data + 1, size - 1);
	sha256_init(&s);
	sha256_update(&s, prefix, strlen(prefix));
	sha256_update(&s, payload, size - 1);
	sha256_final(&s, digest);
	memcpy(payload + size - 1, digest, 4);
	at = snprintf(text, sizeof(text), "%s", prefix);
	(void)sodium_bin2base64(text + at, sizeof(text) - (size_t)at, payload,
				size + 3,
				sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	check(text);
	return 0;
}
