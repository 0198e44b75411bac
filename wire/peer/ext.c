#include "wire/peer/ext.h"

#include "base/bencode.h"

#include <string.h>

#define EXT_TOKENS_MAX 512

const char *ext_name(enum ext_id id)
{
	switch (id) {
	case EXT_SB_PAY:
		return "sb_pay";
	case EXT_SB_STORE:
		return "sb_store";
	case EXT_UT_METADATA:
		return "ut_metadata";
	case EXT_UT_PEX:
		return "ut_pex";
	case EXT_UT_HOLEPUNCH:
		return "ut_holepunch";
	case EXT_LT_DONTHAVE:
		return "lt_donthave";
	case EXT_HANDSHAKE:
	case EXT_COUNT:
		break;
	}
	return NULL;
}

size_t ext_max(enum ext_id id)
{
	switch (id) {
	case EXT_HANDSHAKE:
		return EXT_HANDSHAKE_MAX;
	case EXT_SB_PAY:
		return EXT_PAY_MAX;
	case EXT_SB_STORE:
		return EXT_STORE_MAX;
	case EXT_UT_METADATA:
		return EXT_METADATA_MAX;
	case EXT_UT_PEX:
		return EXT_PEX_MAX;
	case EXT_UT_HOLEPUNCH:
	case EXT_LT_DONTHAVE:
		return EXT_SMALL_MAX;
	case EXT_COUNT:
		break;
	}
	return 0;
}

static void put_int(struct wr *w, const char *key, int64_t v)
{
	ben_w_str(w, key);
	ben_w_int(w, v);
}

static void put_value(struct wr *w, const char *key, const uint8_t *p,
		      size_t len)
{
	if (!p)
		return;
	ben_w_str(w, key);
	wr_copy(w, p, len);
}

/* Keys in BEP 3's order: e m metadata_size p reqq sb_pay sb_store upload_only v
 * yourip. */
static const enum ext_id by_name[] = {EXT_LT_DONTHAVE, EXT_SB_PAY,
				      EXT_SB_STORE,    EXT_UT_HOLEPUNCH,
				      EXT_UT_METADATA, EXT_UT_PEX};

size_t ext_encode(const struct ext_handshake *in, uint8_t *buf, size_t cap)
{
	struct wr w =
		wr_into(buf, cap < EXT_HANDSHAKE_MAX ? cap : EXT_HANDSHAKE_MAX);

	ben_w_dict(&w);
	if (in->prefers_encryption)
		put_int(&w, "e", 1);
	ben_w_str(&w, "m");
	ben_w_dict(&w);
	for (size_t i = 0; i < sizeof(by_name) / sizeof(by_name[0]); i++)
		if (in->id[by_name[i]])
			put_int(&w, ext_name(by_name[i]), by_name[i]);
	ben_w_end(&w);
	if (in->metadata_size)
		put_int(&w, "metadata_size", in->metadata_size);
	if (in->port)
		put_int(&w, "p", in->port);
	if (in->reqq)
		put_int(&w, "reqq", in->reqq);
	put_value(&w, "sb_pay", in->sb_pay, in->sb_pay_len);
	put_value(&w, "sb_store", in->sb_store, in->sb_store_len);
	/* not always: for transmission the key alone tells a seed */
	if (in->upload_only || in->was_upload_only)
		put_int(&w, "upload_only", in->upload_only);
	if (in->client[0]) {
		ben_w_str(&w, "v");
		ben_w_str(&w, in->client);
	}
	if (in->yourip_len) {
		ben_w_str(&w, "yourip");
		ben_w_bytes(&w, in->yourip, in->yourip_len);
	}
	ben_w_end(&w);
	return wr_len(&w);
}

static enum err_code get_ids(struct ext_handshake *out, struct ben root,
			     struct err *e)
{
	struct ben m = ben_get(root, "m");

	if (ben_type(m) == BEN_NONE)
		return ERR_NONE;
	if (ben_type(m) != BEN_DICT)
		return err_fail(e, ERR_PARSE, "ext handshake: m is no dict");
	for (unsigned i = EXT_SB_PAY; i < EXT_COUNT; i++) {
		struct ben v = ben_get(m, ext_name((enum ext_id)i));
		int64_t id;

		if (ben_type(v) == BEN_NONE)
			continue;
		if (!ben_int(v, &id) || id < 0 || id > 255)
			return err_fail(e, ERR_PARSE,
					"ext handshake: id of %s out of range",
					ext_name((enum ext_id)i));
		out->id[i] = (uint8_t)id;
	}
	return ERR_NONE;
}

/* Absent: *out stays. Others put odd values here, so out of range is ignored
 * and only a wrong type is malformed. */
static enum err_code get_int(struct ben root, const char *key, int64_t max,
			     int64_t *out, struct err *e)
{
	struct ben v = ben_get(root, key);
	int64_t n;

	if (ben_type(v) == BEN_NONE)
		return ERR_NONE;
	if (!ben_int(v, &n))
		return err_fail(e, ERR_PARSE, "ext handshake: %s is no integer",
				key);
	if (n >= 0)
		*out = n > max ? max : n;
	return ERR_NONE;
}

static void get_client(struct ext_handshake *out, struct ben root)
{
	struct ben_view v;
	size_t n;

	if (!ben_str(ben_get(root, "v"), &v))
		return;
	memset(out->client, 0, sizeof(out->client));
	n = v.len < EXT_CLIENT_MAX ? v.len : EXT_CLIENT_MAX;
	for (size_t i = 0; i < n; i++)
		out->client[i] =
			v.p[i] >= 0x20 && v.p[i] < 0x7f ? (char)v.p[i] : '?';
}

static void get_values(struct ext_handshake *out, struct ben root)
{
	struct ben pay = ben_get(root, "sb_pay");
	struct ben store = ben_get(root, "sb_store");
	struct ben_view v;

	if (ben_type(pay) != BEN_NONE) {
		v = ben_raw(pay);
		out->sb_pay = v.p;
		out->sb_pay_len = v.len;
	}
	if (ben_type(store) != BEN_NONE) {
		v = ben_raw(store);
		out->sb_store = v.p;
		out->sb_store_len = v.len;
	}
	if (ben_str(ben_get(root, "yourip"), &v) &&
	    (v.len == 4 || v.len == 16)) {
		out->yourip_len = (uint8_t)v.len;
		memcpy(out->yourip, v.p, v.len);
	}
}

static enum err_code read_root(struct ext_handshake *out, struct ben root,
			       struct err *e)
{
	int64_t reqq = out->reqq, port = out->port, size = out->metadata_size;
	int64_t upload_only = out->upload_only;
	int64_t prefers = out->prefers_encryption;

	if (ben_type(root) != BEN_DICT)
		return err_fail(e, ERR_PARSE, "ext handshake: no dictionary");
	if (get_ids(out, root, e) != ERR_NONE ||
	    get_int(root, "reqq", 65536, &reqq, e) != ERR_NONE ||
	    get_int(root, "p", 65536, &port, e) != ERR_NONE ||
	    get_int(root, "metadata_size", UINT32_MAX, &size, e) != ERR_NONE ||
	    get_int(root, "upload_only", 1, &upload_only, e) != ERR_NONE ||
	    get_int(root, "e", 1, &prefers, e) != ERR_NONE)
		return ERR_PARSE;
	out->reqq = (uint32_t)reqq;
	out->port = port > 65535 ? 0 : (uint16_t)port;
	out->upload_only = upload_only != 0;
	out->prefers_encryption = prefers != 0;
	out->metadata_size = (uint32_t)size;
	get_client(out, root);
	get_values(out, root);
	return ERR_NONE;
}

enum err_code ext_decode(struct ext_handshake *out, const uint8_t *buf,
			 size_t len, struct err *e)
{
	memset(out, 0, sizeof(*out));
	return ext_decode_again(out, buf, len, e);
}

enum err_code ext_decode_again(struct ext_handshake *io, const uint8_t *buf,
			       size_t len, struct err *e)
{
	struct ben_doc *doc;
	enum err_code rc;

	io->sb_pay = io->sb_store = NULL;
	io->sb_pay_len = io->sb_store_len = 0;
	if (len > EXT_HANDSHAKE_MAX)
		return err_fail(e, ERR_LIMIT, "ext handshake: %zu bytes", len);
	rc = ben_parse(&doc, buf, len, EXT_TOKENS_MAX, 0, e);
	if (rc != ERR_NONE)
		return rc;
	rc = read_root(io, ben_root(doc), e);
	ben_doc_free(doc);
	return rc;
}
