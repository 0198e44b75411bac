#include "wire/dht/kept_items.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct dht_id target;
	int64_t put_ms;
	struct dht_item item;
};

/* A put costs its sender a token and mostly a signature, and a look-up here a
 * walk of at most 2,048 pointers: no index is worth its code. */
struct kept_items {
	size_t count;
	struct entry *entries[KEPT_ITEMS_MAX]; /* the least recent put first */
};

enum err_code kept_items_new(struct kept_items **out, struct err *e)
{
	*out = calloc(1, sizeof(**out));
	return *out ? ERR_NONE : err_fail(e, ERR_NOMEM, "dht: items");
}

void kept_items_free(struct kept_items *k)
{
	for (size_t i = 0; k && i < k->count; i++)
		free(k->entries[i]);
	free(k);
}

static size_t find(const struct kept_items *k, const struct dht_id *target)
{
	size_t i = 0;

	while (i < k->count && !dht_id_eq(&k->entries[i]->target, target))
		i++;
	return i;
}

static struct entry *take_out(struct kept_items *k, size_t at)
{
	struct entry *it = k->entries[at];

	memmove(k->entries + at, k->entries + at + 1,
		(--k->count - at) * sizeof(struct entry *));
	return it;
}

static int compare(const struct dht_item *was, const struct dht_item *item,
		   const int64_t *cas)
{
	if (!item->is_mutable)
		return 0; /* the same value: it names its place */
	if (cas && *cas != was->seq)
		return KRPC_CAS;
	if (item->seq > was->seq)
		return 0;
	if (item->seq == was->seq && item->value_len == was->value_len &&
	    memcmp(item->value, was->value, item->value_len) == 0)
		return 0;
	return KRPC_OLD_SEQ;
}

int kept_items_put(struct kept_items *k, const struct dht_item *item,
		   const int64_t *cas, int64_t now_ms)
{
	struct dht_id target = dht_item_target(item);
	size_t at;
	struct entry *it;
	int refused;

	kept_items_expire(k, now_ms);
	at = find(k, &target);
	if (at < k->count) {
		refused = compare(&k->entries[at]->item, item, cas);
		if (refused)
			return refused;
		it = take_out(k, at);
	} else {
		it = k->count == KEPT_ITEMS_MAX ? take_out(k, 0)
						: malloc(sizeof(*it));
	}
	if (!it)
		return KRPC_SERVER;
	*it = (struct entry){.target = target, .put_ms = now_ms, .item = *item};
	k->entries[k->count++] = it;
	return 0;
}

const struct dht_item *kept_items_get(const struct kept_items *k,
				      const struct dht_id *target,
				      int64_t now_ms)
{
	size_t at = find(k, target);

	if (at == k->count || now_ms - k->entries[at]->put_ms > KEPT_ITEMS_MS)
		return NULL;
	return &k->entries[at]->item;
}

void kept_items_expire(struct kept_items *k, int64_t now_ms)
{
	while (k->count && now_ms - k->entries[0]->put_ms > KEPT_ITEMS_MS)
		free(take_out(k, 0));
}

size_t kept_items_count(const struct kept_items *k)
{
	return k->count;
}
