#include "node/rent/rent_find.h"

#include "node/core/engine.h"
#include "node/money/money.h"
#include "node/rent/rent_link.h"

#include <string.h>

enum err_code rent_find_new(struct dht_topic **out, struct engine *en,
			    const struct address *host,
			    const struct dht_topic_cfg *cfg, struct err *e)
{
	const struct money *m = en->money;
	struct dht_topic_cfg mine = *cfg;
	struct info_hash name =
		host ? rent_name(m->domain.chain_id, &m->domain.bank, host)
		     : rent_name_any(m->domain.chain_id, &m->domain.bank);

	memcpy(mine.target.bytes, name.bytes, sizeof(name.bytes));
	return dht_topic_new(out, en->dht, &mine, e);
}
