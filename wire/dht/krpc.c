#include "wire/dht/krpc.h"

#include <string.h>

static const char *const method_text[] = {
	[KRPC_UNKNOWN] = "?",
	[KRPC_PING] = "ping",
	[KRPC_FIND_NODE] = "find_node",
	[KRPC_GET_PEERS] = "get_peers",
	[KRPC_ANNOUNCE_PEER] = "announce_peer",
	[KRPC_GET] = "get",
	[KRPC_PUT] = "put",
	[KRPC_SAMPLE] = "sample_infohashes",
};

#define METHODS (sizeof(method_text) / sizeof(method_text[0]))

const char *krpc_method_text(enum krpc_method method)
{
	return method_text[method];
}

/* Its target is named `info_hash`. */
static bool is_about_peers(enum krpc_method method)
{
	return method == KRPC_GET_PEERS || method == KRPC_ANNOUNCE_PEER;
}

/* --- reading ---------------------------------------------------------------
 */

static struct ben_view str_at(struct ben dict, const char *key)
{
	struct ben_view v;

	return ben_str(ben_get(dict, key), &v) ? v : (struct ben_view){NULL, 0};
}

/* A string of whole items, or none. */
static struct ben_view items_at(struct ben dict, const char *key, size_t item)
{
	struct ben_view v = str_at(dict, key);

	return v.len % item == 0 ? v : (struct ben_view){NULL, 0};
}

static const uint8_t *fixed_at(struct ben dict, const char *key, size_t len)
{
	struct ben_view v = str_at(dict, key);

	return v.len == len ? v.p : NULL;
}

static bool flag_at(struct ben dict, const char *key)
{
	int64_t v;

	return ben_int(ben_get(dict, key), &v) && v == 1;
}

static unsigned read_want(struct ben list)
{
	unsigned want = 0;

	for (struct ben it = ben_first(list); ben_type(it); it = ben_next(it)) {
		struct ben_view v;

		if (ben_type(list) != BEN_LIST || !ben_str(it, &v) ||
		    v.len != 2 || v.p[0] != 'n')
			continue;
		if (v.p[1] == '4')
			want |= KRPC_WANT4;
		if (v.p[1] == '6')
			want |= KRPC_WANT6;
	}
	return want;
}

static void read_item(struct krpc_msg *m, struct ben args)
{
	m->value = ben_raw(ben_get(args, "v"));
	m->key = fixed_at(args, "k", 32);
	m->sig = fixed_at(args, "sig", 64);
	m->has_seq = ben_int(ben_get(args, "seq"), &m->seq);
	m->token = str_at(args, "token");
	if (m->token.len > KRPC_MAX_TOKEN)
		m->token = (struct ben_view){NULL, 0};
}

static void read_query(struct krpc_msg *m, struct ben args)
{
	const char *target = is_about_peers(m->method) ? "info_hash" : "target";
	int64_t port;

	m->has_target =
		ben_fixed(ben_get(args, target), m->target.bytes, DHT_ID_LEN);
	m->want = read_want(ben_get(args, "want"));
	m->implied_port = flag_at(args, "implied_port");
	m->seed = flag_at(args, "seed");
	m->noseed = flag_at(args, "noseed");
	if (ben_int(ben_get(args, "port"), &port) && port >= 0 &&
	    port <= UINT16_MAX) {
		m->has_port = true;
		m->port = (uint16_t)port;
	}
	m->salt = str_at(args, "salt");
	m->has_cas = ben_int(ben_get(args, "cas"), &m->cas);
	read_item(m, args);
}

static void read_answer(struct krpc_msg *m, struct ben r)
{
	m->nodes = items_at(r, "nodes", DHT_ID_LEN + 6);
	m->nodes6 = items_at(r, "nodes6", DHT_ID_LEN + 18);
	if (ben_type(ben_get(r, "values")) == BEN_LIST)
		m->values = ben_raw(ben_get(r, "values"));
	m->samples = items_at(r, "samples", DHT_ID_LEN);
	m->has_num = ben_int(ben_get(r, "num"), &m->num);
	m->has_interval = ben_int(ben_get(r, "interval"), &m->interval);
	read_item(m, r);
}

static void read_error(struct krpc_msg *m, struct ben list)
{
	struct ben first = ben_first(list);

	(void)ben_int(first, &m->code);
	(void)ben_str(ben_next(first), &m->text);
}

static enum krpc_method read_method(struct ben root)
{
	struct ben_view v = str_at(root, "q");

	for (size_t i = KRPC_PING; i < METHODS; i++)
		if (v.len == strlen(method_text[i]) &&
		    memcmp(v.p, method_text[i], v.len) == 0)
			return (enum krpc_method)i;
	return KRPC_UNKNOWN;
}

static void read_outside(struct krpc_msg *m, struct ben root)
{
	struct ben_view ip = str_at(root, "ip");

	m->version = str_at(root, "v");
	if (m->version.len != 4)
		m->version = (struct ben_view){NULL, 0};
	m->read_only = flag_at(root, "ro");
	m->has_ip = ip.len == 6 || ip.len == 18;
	if (m->has_ip)
		m->ip = dht_compact_read(ip.p, ip.len == 6 ? DHT_V4 : DHT_V6);
	/* an IPv4 address written as one of 16 bytes is written back as 4 */
}

static enum err_code read_msg(struct krpc_msg *m, struct ben root,
			      struct err *e)
{
	struct ben_view type = str_at(root, "y");
	char y = type.len == 1 ? (char)type.p[0] : '\0';
	struct ben body = ben_get(root, (char[]){y == 'q' ? 'a' : y, '\0'});

	m->tid = str_at(root, "t");
	if (m->tid.len == 0 || m->tid.len > KRPC_MAX_TID)
		return err_fail(e, ERR_PARSE, "dht: no transaction id");
	if (ben_type(body) != (y == 'e' ? BEN_LIST : BEN_DICT))
		return err_fail(e, ERR_PARSE, "dht: no arguments");
	if (y != 'q' && y != 'r' && y != 'e')
		return err_fail(e, ERR_PARSE, "dht: no kind of message");
	m->type = y == 'q' ? KRPC_QUERY : y == 'r' ? KRPC_ANSWER : KRPC_ERROR;
	read_outside(m, root);
	if (m->type == KRPC_ERROR) {
		read_error(m, body);
		return ERR_NONE;
	}
	m->has_id = ben_fixed(ben_get(body, "id"), m->id.bytes, DHT_ID_LEN);
	if (m->type == KRPC_ANSWER) {
		read_answer(m, body);
		return ERR_NONE;
	}
	m->method = read_method(root);
	read_query(m, body);
	return ERR_NONE;
}

enum err_code krpc_read(struct krpc_msg *out, const uint8_t *buf, size_t len,
			struct err *e)
{
	enum err_code code;
	struct ben_doc *doc;

	memset(out, 0, sizeof(*out));
	if (len > KRPC_MAX)
		return err_fail(e, ERR_LIMIT, "dht: message of %zu bytes", len);
	code = ben_parse(&doc, buf, len, KRPC_MAX_TOKENS, 0, e);
	if (code != ERR_NONE)
		return code;
	code = read_msg(out, ben_root(doc), e);
	ben_doc_free(doc);
	return code;
}

/* A string at *at of at most two digits of length: all that `values` may hold
 * to be taken. False: something else stands there. */
static bool next_string(struct ben_view *out, struct ben_view list, size_t *at)
{
	size_t n = 0;
	size_t i = *at;

	for (; i < list.len && i < *at + 2 && list.p[i] >= '0' &&
	       list.p[i] <= '9';
	     i++)
		n = n * 10 + (size_t)(list.p[i] - '0');
	if (i == *at || i == list.len || list.p[i] != ':' ||
	    n > list.len - i - 1)
		return false;
	*out = (struct ben_view){list.p + i + 1, n};
	*at = i + 1 + n;
	return true;
}

size_t krpc_values(struct wire_addr *out, size_t max, struct ben_view values,
		   enum dht_family family)
{
	struct ben_view v;
	size_t at = 1; /* behind the 'l' */
	size_t n = 0;

	while (n < max && next_string(&v, values, &at))
		if (v.len == dht_compact_len(family))
			out[n++] = dht_compact_read(v.p, family);
	return n;
}

/* --- writing ---------------------------------------------------------------
 */

static void put_str(struct wr *w, const char *key, struct ben_view v)
{
	if (!v.p)
		return;
	ben_w_str(w, key);
	ben_w_bytes(w, v.p, v.len);
}

static void put_fixed(struct wr *w, const char *key, const uint8_t *p,
		      size_t len)
{
	put_str(w, key, (struct ben_view){p, len});
}

static void put_raw(struct wr *w, const char *key, struct ben_view v)
{
	if (!v.p)
		return;
	ben_w_str(w, key);
	wr_copy(w, v.p, v.len);
}

static void put_int(struct wr *w, const char *key, bool there, int64_t v)
{
	if (!there)
		return;
	ben_w_str(w, key);
	ben_w_int(w, v);
}

static void put_want(struct wr *w, unsigned want)
{
	if (!want)
		return;
	ben_w_str(w, "want");
	ben_w_list(w);
	if (want & KRPC_WANT4)
		ben_w_str(w, "n4");
	if (want & KRPC_WANT6)
		ben_w_str(w, "n6");
	ben_w_end(w);
}

static void write_query(const struct krpc_msg *m, struct wr *w)
{
	const uint8_t *target = m->has_target ? m->target.bytes : NULL;
	bool peers = is_about_peers(m->method);

	ben_w_str(w, "a");
	ben_w_dict(w);
	put_int(w, "cas", m->has_cas, m->cas);
	put_fixed(w, "id", m->has_id ? m->id.bytes : NULL, DHT_ID_LEN);
	put_int(w, "implied_port", m->implied_port, 1);
	put_fixed(w, "info_hash", peers ? target : NULL, DHT_ID_LEN);
	put_fixed(w, "k", m->key, 32);
	put_int(w, "noseed", m->noseed, 1);
	put_int(w, "port", m->has_port, m->port);
	put_str(w, "salt", m->salt);
	put_int(w, "seed", m->seed, 1);
	put_int(w, "seq", m->has_seq, m->seq);
	put_fixed(w, "sig", m->sig, 64);
	put_fixed(w, "target", peers ? NULL : target, DHT_ID_LEN);
	put_str(w, "token", m->token);
	put_raw(w, "v", m->value);
	put_want(w, m->want);
	ben_w_end(w);
}

static void write_answer(const struct krpc_msg *m, struct wr *w)
{
	ben_w_str(w, "r");
	ben_w_dict(w);
	put_fixed(w, "id", m->has_id ? m->id.bytes : NULL, DHT_ID_LEN);
	put_int(w, "interval", m->has_interval, m->interval);
	put_fixed(w, "k", m->key, 32);
	put_str(w, "nodes", m->nodes);
	put_str(w, "nodes6", m->nodes6);
	put_int(w, "num", m->has_num, m->num);
	put_str(w, "samples", m->samples);
	put_int(w, "seq", m->has_seq, m->seq);
	put_fixed(w, "sig", m->sig, 64);
	put_str(w, "token", m->token);
	put_raw(w, "v", m->value);
	put_raw(w, "values", m->values);
	ben_w_end(w);
}

static void write_error(const struct krpc_msg *m, struct wr *w)
{
	ben_w_str(w, "e");
	ben_w_list(w);
	ben_w_int(w, m->code);
	ben_w_bytes(w, m->text.p, m->text.len);
	ben_w_end(w);
}

static void write_ip(const struct krpc_msg *m, struct wr *w)
{
	uint8_t ip[18];

	if (!m->has_ip)
		return;
	dht_compact_write(ip, &m->ip);
	put_fixed(w, "ip", ip, dht_compact_len(dht_family_of(&m->ip)));
}

size_t krpc_write(const struct krpc_msg *m, uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);

	ben_w_dict(&w);
	if (m->type == KRPC_QUERY)
		write_query(m, &w);
	if (m->type == KRPC_ERROR)
		write_error(m, &w);
	write_ip(m, &w);
	if (m->type == KRPC_QUERY) {
		ben_w_str(&w, "q");
		ben_w_str(&w, method_text[m->method]);
	}
	if (m->type == KRPC_ANSWER)
		write_answer(m, &w);
	put_int(&w, "ro", m->read_only, 1);
	put_str(&w, "t", m->tid);
	put_str(&w, "v", m->version);
	ben_w_str(&w, "y");
	ben_w_str(&w, m->type == KRPC_QUERY    ? "q"
		      : m->type == KRPC_ANSWER ? "r"
					       : "e");
	ben_w_end(&w);
	return wr_len(&w);
}
