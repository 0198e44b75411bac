/* Whatever reads as an address, is written so that it reads as the same. */
#include "base/address.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[128], again[ADDRESS_TEXT_MAX];
	struct address a, b;
	enum address_kind kind;
	struct err e = {0};

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (address_parse(&a, &kind, text, &e) != ERR_NONE)
		return 0;
	if (address_parse_as(&b, kind, address_text(again, &a, kind), NULL) !=
		    ERR_NONE ||
	    !address_eq(&a, &b))
		abort();
	if (kind == ADDRESS_TRON && strcmp(again, text) != 0)
		abort(); /* base58check has one form only */
	return 0;
}
