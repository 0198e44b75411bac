#include "wire/dht/dht_item.h"

#include "base/hash.h"

#include <sodium.h>
#include <string.h>

struct dht_id dht_item_target_of(const uint8_t key[32], const uint8_t *salt,
				 size_t salt_len)
{
	struct dht_id id;
	struct sha1 s;

	sha1_init(&s);
	sha1_update(&s, key, 32);
	sha1_update(&s, salt, salt_len);
	sha1_final(&s, id.bytes);
	return id;
}

struct dht_id dht_item_target(const struct dht_item *item)
{
	struct dht_id id;

	if (item->is_mutable)
		return dht_item_target_of(item->key, item->salt,
					  item->salt_len);
	sha1_once(id.bytes, item->value, item->value_len);
	return id;
}

/* What is signed: salt, seq and v as they stand in a dictionary. */
static size_t signed_bytes(uint8_t *buf, size_t cap,
			   const struct dht_item *item)
{
	struct wr w = wr_into(buf, cap);

	if (item->salt_len) {
		ben_w_str(&w, "salt");
		ben_w_bytes(&w, item->salt, item->salt_len);
	}
	ben_w_str(&w, "seq");
	ben_w_int(&w, item->seq);
	ben_w_str(&w, "v");
	wr_copy(&w, item->value, item->value_len);
	return wr_len(&w);
}

void dht_item_sign(struct dht_item *item, const uint8_t secret[64])
{
	uint8_t buf[KRPC_MAX_VALUE + KRPC_MAX_SALT + 64];
	size_t len;

	item->is_mutable = true;
	(void)crypto_sign_ed25519_sk_to_pk(item->key, secret);
	len = signed_bytes(buf, sizeof(buf), item);
	(void)crypto_sign_detached(item->sig, NULL, buf, len, secret);
}

bool dht_item_is_signed(const struct dht_item *item)
{
	uint8_t buf[KRPC_MAX_VALUE + KRPC_MAX_SALT + 64];
	size_t len = signed_bytes(buf, sizeof(buf), item);

	return !item->is_mutable ||
	       crypto_sign_verify_detached(item->sig, buf, len, item->key) == 0;
}

int dht_item_read(struct dht_item *out, const struct krpc_msg *m)
{
	memset(out, 0, sizeof(*out));
	if (!m->value.p)
		return KRPC_PROTOCOL;
	if (m->value.len > KRPC_MAX_VALUE)
		return KRPC_TOO_BIG;
	memcpy(out->value, m->value.p, m->value.len);
	out->value_len = m->value.len;
	if (!m->key)
		return 0;
	if (m->salt.len > KRPC_MAX_SALT)
		return KRPC_SALT_TOO_BIG;
	if (!m->sig || !m->has_seq || m->seq < 0)
		return KRPC_PROTOCOL;
	out->is_mutable = true;
	memcpy(out->key, m->key, sizeof(out->key));
	memcpy(out->sig, m->sig, sizeof(out->sig));
	out->seq = m->seq;
	if (m->salt.len)
		memcpy(out->salt, m->salt.p, m->salt.len);
	out->salt_len = m->salt.len;
	return 0;
}

void dht_item_write(struct krpc_msg *m, const struct dht_item *item)
{
	m->value = (struct ben_view){item->value, item->value_len};
	if (!item->is_mutable)
		return;
	m->key = item->key;
	m->sig = item->sig;
	m->has_seq = true;
	m->seq = item->seq;
	if (item->salt_len && m->type == KRPC_QUERY)
		m->salt = (struct ben_view){item->salt, item->salt_len};
}
