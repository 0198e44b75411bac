/* Whatever a router says, in datagrams, descriptions and answers, stays within
 * its bounds and at the router. The first byte says which of them it is. */
#include "wire/reach/igd.h"
#include "wire/reach/mapper.h"
#include "wire/reach/pcp.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void whole_machine(const uint8_t *data, size_t size)
{
	struct mapper_cfg cfg = {.tcp = 6881,
				 .udp = 6881,
				 .own_ip = {[10] = 0xff, [11] = 0xff, 10, 2},
				 .gateway = true,
				 .rng = rng_seeded(1)};
	struct mapper_step step;
	struct mapper *m;
	int64_t now = 0;

	must(mapper_new(&m, &cfg, 0, NULL) == ERR_NONE);
	for (int i = 0; i < 40; i++) {
		if (mapper_next(m, &step, now))
			must(step.len <= sizeof(step.bytes));
		mapper_on_datagram(m, data, size, now);
		mapper_on_found(m, "10.0.0.1", data, size, now);
		mapper_on_answer(m, 200, data, size, now);
		now += 1000;
	}
	mapper_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcp_answer a;
	struct igd_answer b;
	struct igd igd;
	char url[IGD_TEXT_MAX], text[2048];
	uint8_t ip[16];

	if (size == 0)
		return 0;
	if (data[0] == 'm') {
		whole_machine(data + 1, size - 1);
		return 0;
	}
	if (pcp_read(&a, data, size) && a.result == PCP_OK &&
	    a.kind != PCP_PMP_ADDRESS)
		must(a.mapped || !a.life_s);
	if (igd_read_found(url, "10.0.0.1", data, size))
		must(strncasecmp(url, "http://10.0.0.1", 15) == 0);
	if (igd_read_description(&igd, "http://10.0.0.1/d", data, size))
		must(strncasecmp(igd.control, "http://10.0.0.1", 15) == 0);
	igd_read_answer(&b, data, size);
	if (size < sizeof(text)) {
		memcpy(text, data, size);
		text[size] = '\0';
		(void)pcp_gateway(ip, text);
	}
	return 0;
}
