/* What a host's answer says of the tile that was asked for. */
#include "node/renter/renter_probe.h"
#include "tests/check.h"

static const struct {
	const char *name;
	enum rent_fate fate;
	enum rent_no code;
	enum probe_verdict want;
} rows[] = {
	{"it gave the sector up", RENT_REFUSED, RENT_NO_LOST, PROBE_LOST},
	{"it never had it", RENT_REFUSED, RENT_NO_UNKNOWN, PROBE_LOST},
	{"its disk failed just now", RENT_REFUSED, RENT_NO_STORE, PROBE_SILENT},
	{"it has too much to do", RENT_REFUSED, RENT_NO_BUSY, PROBE_SILENT},
	{"it wants to be paid first", RENT_REFUSED, RENT_NO_FUNDS,
	 PROBE_SILENT},
	{"it does not answer", RENT_LATE, RENT_NO_NONE, PROBE_SILENT},
	{"what came was something else", RENT_LIED, RENT_NO_NONE, PROBE_FALSE},
};

int main(void)
{
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(probe_verdict(rows[i].fate, rows[i].code) == rows[i].want,
		      "%s", rows[i].name);
	return CHECK_EXIT();
}
