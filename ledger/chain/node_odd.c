#include "ledger/chain/node_odd.h"

unsigned node_odd_ones(const unsigned *groups, size_t n)
{
	unsigned odd = 0;
	size_t most = 0, of = 0;

	for (size_t i = 0; i < n; i++) {
		size_t same = 0;

		for (size_t k = 0; k < n; k++)
			same += groups[k] == groups[i];
		if (same > most) {
			most = same;
			of = i;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (2 * most <= n || groups[i] != groups[of])
			odd |= 1U << i;
	return odd;
}

static const char *topic_name(enum node_topic topic)
{
	switch (topic) {
	case NODE_ON_HEAD:
		return "head";
	case NODE_ON_STATE:
		return "state";
	case NODE_ON_TRIAL:
		return "trial";
	case NODE_ON_FORM:
		return "form";
	case NODE_ON_FATE:
		return "fate";
	case NODE_TOPICS:
		break;
	}
	return "";
}

void node_odd_tell(struct node_odd *o, enum node_topic topic, size_t node,
		   const struct node_said *said)
{
	bool *told = &o->told[topic][node];
	unsigned *times = &o->times[topic][node];
	const char *name = node_set_name(o->nodes, node);

	if (!said->odd) {
		if (*told)
			log_line(o->log, LOG_INFO, "chain",
				 "agrees node=%s on=%s", name,
				 topic_name(topic));
		*told = false;
		*times = 0;
		return;
	}
	if (*times < NODE_ODD_SURE)
		++*times;
	if (*told || (said->lag && *times < NODE_ODD_SURE))
		return;
	log_line(o->log, LOG_WARN, "chain", "differs node=%s on=%s %s", name,
		 topic_name(topic), said->words);
	*told = true;
}
