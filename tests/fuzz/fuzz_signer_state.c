/* Any bytes as a state file: opened or refused, and what opens can be used,
 * closed and opened again. The file is memory with a path. */
#include "ledger/signer/signer_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 100

static void use(const char *path)
{
	static const struct signer_limits l = {.payee_per_day = {0, 640},
					       .total_per_day = {0, 640}};
	const struct address payer = {{1}}, payee = {{2}};
	struct signer_state *s = NULL;

	if (signer_state_open(&s, path, DAY, NULL) != ERR_NONE)
		return;
	(void)!signer_state_promise(s, &l, DAY, &payer, &payee,
				    amount_from_u64(5), NULL);
	signer_state_close(s);
	s = NULL;
	if (signer_state_open(&s, path, DAY, NULL) != ERR_NONE)
		abort(); /* what was whole stays whole */
	signer_state_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || fchmod(fd, 0600) != 0 ||
	    write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	use(path);
	(void)close(fd);
	return 0;
}
