/* Whatever is read, written again gives the same bytes, and no rule about it
 * crashes. First byte: 0 an agreement (and the one it follows), 1 a price
 * sheet, 2 an endpoint. */
#include "base/agreement.h"
#include "base/offer.h"

#include <stdlib.h>
#include <string.h>

static void same(const struct wr *w, const uint8_t *data, size_t len)
{
	if (wr_len(w) != len || memcmp(w->buf, data, len) != 0)
		abort();
}

static void agreements(const uint8_t *data, size_t size)
{
	uint8_t again[AGREEMENT_LEN];
	struct wr w = wr_into(again, sizeof(again));
	struct rd r = rd_from(data, size);
	struct agreement a, b;
	uint32_t now;

	agreement_get(&r, &a);
	if (r.bad)
		return;
	agreement_put(&w, &a);
	same(&w, data, AGREEMENT_LEN);
	agreement_get(&r, &b);
	now = rd_u32(&r);
	if (agreement_check_next(&b, &a, now, NULL) == ERR_NONE &&
	    (b.revision <= a.revision || b.through < a.through))
		abort();
	if (agreement_check(&a, NULL) != ERR_NONE)
		return;
	if (agreement_span_end(&a, agreement_spans(&a) - 1) != a.end ||
	    agreement_span_of(&a, a.end - 1) != agreement_spans(&a) - 1)
		abort();
	if (agreement_challenge(&a.root, &a.renter, &a.host, a.number,
				a.sectors) >=
	    (uint64_t)a.sectors * AGREEMENT_LEAVES)
		abort();
}

static void sheets(const uint8_t *data, size_t size)
{
	uint8_t again[SHEET_LEN];
	struct wr w = wr_into(again, sizeof(again));
	struct rd r = rd_from(data, size);
	struct sheet s;

	sheet_get(&r, &s);
	if (!rd_done(&r))
		return;
	sheet_put(&w, &s);
	same(&w, data, size);
	(void)!sheet_check(&s, NULL);
}

static void endpoints(const uint8_t *data, size_t size)
{
	uint8_t again[ENDPOINT_LEN];
	struct wr w = wr_into(again, sizeof(again));
	struct rd r = rd_from(data, size);
	struct endpoint p;

	endpoint_get(&r, &p);
	if (!rd_done(&r))
		return;
	endpoint_put(&w, &p);
	same(&w, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		agreements(data + 1, size - 1);
	else if (data[0] == 1)
		sheets(data + 1, size - 1);
	else
		endpoints(data + 1, size - 1);
	return 0;
}
