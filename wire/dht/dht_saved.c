#include "wire/dht/dht_saved.h"

#include <string.h>

static const char *const id_key[DHT_FAMILIES] = {"id", "id6"};
static const char *const nodes_key[DHT_FAMILIES] = {"nodes", "nodes6"};

static void read_nodes(struct dht_saved *s, enum dht_family f,
		       struct ben_view v)
{
	size_t len = DHT_ID_LEN + dht_compact_len(f);

	for (; v.len >= len && s->count[f] < DHT_SAVED_NODES;
	     v.p += len, v.len -= len) {
		struct dht_contact *c = &s->nodes[f][s->count[f]];

		memcpy(c->id.bytes, v.p, DHT_ID_LEN);
		c->addr = dht_compact_read(v.p + DHT_ID_LEN, f);
		if (dht_place_of(&c->addr) != DHT_NOWHERE &&
		    dht_family_of(&c->addr) == f)
			s->count[f]++;
	}
}

enum err_code dht_saved_read(struct dht_saved *out, const uint8_t *buf,
			     size_t len, struct err *e)
{
	struct ben_doc *doc;
	enum err_code code = ben_parse(&doc, buf, len, 100, 0, e);

	memset(out, 0, sizeof(*out));
	if (code != ERR_NONE)
		return code;
	if (ben_type(ben_root(doc)) != BEN_DICT)
		code = err_fail(e, ERR_PARSE, "dht: no dictionary");
	for (int f = 0; code == ERR_NONE && f < (int)DHT_FAMILIES; f++) {
		struct ben_view v;

		out->has_id[f] = ben_fixed(ben_get(ben_root(doc), id_key[f]),
					   out->id[f].bytes, DHT_ID_LEN);
		if (ben_str(ben_get(ben_root(doc), nodes_key[f]), &v))
			read_nodes(out, (enum dht_family)f, v);
	}
	ben_doc_free(doc);
	return code;
}

static void write_nodes(struct wr *w, const struct dht_saved *s,
			enum dht_family f)
{
	uint8_t bytes[DHT_SAVED_NODES * (DHT_ID_LEN + 18)];
	size_t len = DHT_ID_LEN + dht_compact_len(f);

	for (size_t i = 0; i < s->count[f]; i++) {
		memcpy(bytes + i * len, s->nodes[f][i].id.bytes, DHT_ID_LEN);
		dht_compact_write(bytes + i * len + DHT_ID_LEN,
				  &s->nodes[f][i].addr);
	}
	ben_w_str(w, nodes_key[f]);
	ben_w_bytes(w, bytes, s->count[f] * len);
}

size_t dht_saved_write(const struct dht_saved *s, uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);

	ben_w_dict(&w);
	for (int f = 0; f < (int)DHT_FAMILIES; f++)
		if (s->has_id[f]) {
			ben_w_str(&w, id_key[f]);
			ben_w_bytes(&w, s->id[f].bytes, DHT_ID_LEN);
		}
	for (int f = 0; f < (int)DHT_FAMILIES; f++)
		write_nodes(&w, s, (enum dht_family)f);
	ben_w_end(&w);
	return wr_len(&w);
}
