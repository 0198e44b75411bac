/* Decoding never crashes or looks outside; what decodes, encodes, and that
 * decodes to the same bytes again (unknown keys are gone after the first). */
#include "storage/rent/rent_msg.h"

#include <stdlib.h>
#include <string.h>

static uint8_t one[RENT_MSG_MAX], two[RENT_MSG_MAX];

static void check_view(const struct rent_view *v, const uint8_t *data,
		       size_t size)
{
	if (v->len && (v->p < data || v->p + v->len > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rent_msg m, again;
	size_t n;

	if (rent_msg_decode(&m, data, size, NULL) != ERR_NONE)
		return 0;
	check_view(&m.bulk, data, size);
	if (m.kind == RENT_REVISE) {
		check_view(&m.u.revise.add, data, size);
		check_view(&m.u.revise.cut, data, size);
	}
	n = rent_msg_encode(&m, one, sizeof(one));
	if (!n || n > size)
		abort();
	if (rent_msg_decode(&again, one, n, NULL) != ERR_NONE ||
	    again.kind != m.kind || again.id != m.id ||
	    rent_msg_encode(&again, two, sizeof(two)) != n ||
	    memcmp(one, two, n) != 0)
		abort();
	if (n == size && memcmp(one, data, n) != 0)
		abort();
	return 0;
}
