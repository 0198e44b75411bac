#include "wire/peer/pex.h"

#include "base/bencode.h"

#include <string.h>

#define TOKENS_MAX 64 /* six lists, and what others add to them */
#define V4 6U
#define V6 18U

/* --- writing ---------------------------------------------------------------
 */

static size_t size_of(const struct wire_addr *a)
{
	return wire_addr_is_v4(a) ? V4 : V6;
}

/* The addresses of one family, or their flags. */
static void put_added(struct wr *w, const struct pex_msg *m, size_t size,
		      const char *key, const char *flags_key)
{
	uint8_t list[PEX_HEAR_MAX * V6], flags[PEX_HEAR_MAX];
	size_t len = 0, n = 0;

	for (uint32_t i = 0; i < m->n_added; i++) {
		if (size_of(&m->added[i].addr) != size)
			continue;
		len += wire_addr_to_compact(list + len, &m->added[i].addr);
		flags[n++] = m->added[i].flags;
	}
	if (n == 0)
		return;
	ben_w_str(w, key);
	ben_w_bytes(w, list, len);
	ben_w_str(w, flags_key);
	ben_w_bytes(w, flags, n);
}

static void put_dropped(struct wr *w, const struct pex_msg *m, size_t size,
			const char *key)
{
	uint8_t list[PEX_HEAR_MAX * V6];
	size_t len = 0;

	for (uint32_t i = 0; i < m->n_dropped; i++)
		if (size_of(&m->dropped[i]) == size)
			len += wire_addr_to_compact(list + len, &m->dropped[i]);
	if (len == 0)
		return;
	ben_w_str(w, key);
	ben_w_bytes(w, list, len);
}

size_t pex_encode(uint8_t *buf, size_t cap, const struct pex_msg *m)
{
	struct wr w = wr_into(buf, cap);

	ben_w_dict(&w);
	put_added(&w, m, V4, "added", "added.f");
	put_added(&w, m, V6, "added6", "added6.f");
	put_dropped(&w, m, V4, "dropped");
	put_dropped(&w, m, V6, "dropped6");
	ben_w_end(&w);
	return wr_len(&w);
}

/* --- reading ---------------------------------------------------------------
 */

/* False: there is something else under the key. */
static bool get_list(struct ben root, const char *key, struct ben_view *out)
{
	struct ben v = ben_get(root, key);

	*out = (struct ben_view){NULL, 0};
	return ben_type(v) == BEN_NONE || ben_str(v, out);
}

static bool get_added(struct pex_msg *out, struct ben root, size_t size,
		      const char *key, const char *flags_key)
{
	struct ben_view list, flags;

	if (!get_list(root, key, &list) || !get_list(root, flags_key, &flags))
		return false;
	for (size_t i = 0; i < list.len / size && out->n_added < PEX_HEAR_MAX;
	     i++) {
		struct pex_peer *k = &out->added[out->n_added];

		wire_addr_from_compact(&k->addr, list.p + i * size, size - 2);
		k->flags = i < flags.len ? flags.p[i] & PEX_FLAGS : 0;
		out->n_added += wire_addr_possible(&k->addr);
	}
	return true;
}

static bool get_dropped(struct pex_msg *out, struct ben root, size_t size,
			const char *key)
{
	struct ben_view list;

	if (!get_list(root, key, &list))
		return false;
	for (; list.len >= size && out->n_dropped < PEX_HEAR_MAX;
	     list.p += size, list.len -= size) {
		struct wire_addr *a = &out->dropped[out->n_dropped];

		wire_addr_from_compact(a, list.p, size - 2);
		out->n_dropped += wire_addr_possible(a);
	}
	return true;
}

enum err_code pex_decode(struct pex_msg *out, const uint8_t *buf, size_t len,
			 struct err *e)
{
	struct ben_doc *doc;
	struct ben root;
	enum err_code code;
	bool good;

	memset(out, 0, sizeof(*out));
	code = ben_parse(&doc, buf, len, TOKENS_MAX, 0, e);
	if (code != ERR_NONE)
		return code;
	root = ben_root(doc);
	good = ben_type(root) == BEN_DICT &&
	       get_added(out, root, V4, "added", "added.f") &&
	       get_added(out, root, V6, "added6", "added6.f") &&
	       get_dropped(out, root, V4, "dropped") &&
	       get_dropped(out, root, V6, "dropped6");
	ben_doc_free(doc);
	if (!good)
		return err_fail(e, ERR_PARSE, "ut_pex: no lists of peers");
	return ERR_NONE;
}
