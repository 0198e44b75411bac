/* The purse of an account that was never opened: the storage account of whoever
 * only shares files. */
#include "node/purse.h"
#include "tests/check.h"

static void one_that_was_never_opened_does_nothing(void)
{
	struct purse p = {0};

	purse_housekeeping(&p);
	purse_close(&p);
	purse_housekeeping(&p);
	CHECK(!p.book && !p.refreshing && !p.settling, "it began something");
}

int main(void)
{
	one_that_was_never_opened_does_nothing();
	return CHECK_EXIT();
}
