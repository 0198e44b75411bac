/* Whatever is opened was sealed: any other bytes are refused and change
 * nothing, so that the next true box still opens. */
#include "wire/peer/seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seal_keypair s, b;
	static struct seal seller, buyer;
	static uint8_t plain[SEAL_PLAIN_MAX], box[SEAL_PLAIN_MAX + 16];
	const struct seal_transcript t = {0};
	struct seal_outer outer;
	size_t len, box_len;

	if (seal_outer_read(&outer, data, size, NULL) == ERR_NONE &&
	    (outer.p < data || outer.p + outer.len > data + size))
		abort();
	if (s.pk[0] == 0 && s.pk[1] == 0) {
		seal_keypair_new(&s);
		seal_keypair_new(&b);
		if (seal_seller_new(&seller, &s, b.pk, &t, NULL) != ERR_NONE ||
		    seal_buyer_new(&buyer, &b, s.pk, &t, NULL) != ERR_NONE)
			abort();
	}
	if (seal_open(&seller, 'p', plain, sizeof(plain), &len, data, size,
		      NULL) == ERR_NONE)
		abort();
	if (seal_box(&buyer, 'p', box, sizeof(box), &box_len, data,
		     size < SEAL_PLAIN_MAX ? size : SEAL_PLAIN_MAX,
		     NULL) != ERR_NONE ||
	    seal_open(&seller, 'p', plain, sizeof(plain), &len, box, box_len,
		      NULL) != ERR_NONE ||
	    (len && memcmp(plain, data, len) != 0))
		abort();
	return 0;
}
