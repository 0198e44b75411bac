#include "contracts-abi/abi.h"

#include <string.h>

static const uint8_t zeros[ABI_WORD];

void abi_put_u64(struct wr *w, uint64_t v)
{
	wr_copy(w, zeros, 24);
	wr_u64(w, v);
}

void abi_put_amount(struct wr *w, struct amount v)
{
	uint8_t b[16];

	amount_to_be16(b, v);
	wr_copy(w, zeros, 16);
	wr_copy(w, b, sizeof(b));
}

void abi_put_address(struct wr *w, const struct address *v)
{
	wr_copy(w, zeros, 12);
	wr_copy(w, v->bytes, sizeof(v->bytes));
}

void abi_put_hash(struct wr *w, const struct hash32 *v)
{
	wr_copy(w, v->bytes, sizeof(v->bytes));
}

void abi_put_tail(struct wr *w, const uint8_t *p, size_t len)
{
	abi_put_u64(w, len);
	wr_copy(w, p, len);
	wr_copy(w, zeros, (ABI_WORD - len % ABI_WORD) % ABI_WORD);
}

/* Skips n bytes that must be zero. */
static void get_zeros(struct rd *r, size_t n)
{
	const uint8_t *p = rd_view(r, n, ABI_WORD);

	if (p && memcmp(p, zeros, n) != 0)
		r->bad = true;
}

uint64_t abi_get_uint(struct rd *r, unsigned bits)
{
	uint64_t v;

	get_zeros(r, 24);
	v = rd_u64(r);
	if (bits < 64 && v >> bits)
		r->bad = true;
	return r->bad ? 0 : v;
}

struct amount abi_get_amount(struct rd *r, unsigned bits)
{
	const uint8_t *p;

	get_zeros(r, 32 - bits / 8);
	p = rd_view(r, bits / 8, 16);
	if (!p)
		return AMOUNT_ZERO;

	uint8_t b[16] = {0};

	memcpy(b + 16 - bits / 8, p, bits / 8);
	return r->bad ? AMOUNT_ZERO : amount_from_be16(b);
}

struct amount abi_get_amount_cap(struct rd *r)
{
	const uint8_t *p = rd_view(r, ABI_WORD, ABI_WORD);

	if (!p)
		return AMOUNT_ZERO;
	if (memcmp(p, zeros, 16) != 0)
		return amount_from_parts(UINT64_MAX, UINT64_MAX);
	return amount_from_be16(p + 16);
}

bool abi_get_bool(struct rd *r)
{
	return abi_get_uint(r, 1) != 0;
}

struct address abi_get_address(struct rd *r)
{
	struct address a;

	get_zeros(r, 12);
	rd_copy(r, a.bytes, sizeof(a.bytes));
	if (r->bad)
		memset(&a, 0, sizeof(a));
	return a;
}

struct hash32 abi_get_hash(struct rd *r)
{
	struct hash32 h;

	rd_copy(r, h.bytes, sizeof(h.bytes));
	return h;
}

void abi_get_offset(struct rd *r, size_t words)
{
	if (abi_get_uint(r, 64) != words * ABI_WORD)
		r->bad = true;
}

const uint8_t *abi_get_tail(struct rd *r, size_t *len)
{
	uint64_t n = abi_get_uint(r, 32);
	const uint8_t *p = rd_view(r, (size_t)n, r->left);

	get_zeros(r, (size_t)((ABI_WORD - n % ABI_WORD) % ABI_WORD));
	*len = r->bad ? 0 : (size_t)n;
	return r->bad ? NULL : p;
}

void abi_get_text(struct rd *r, char out[ABI_TEXT_MAX])
{
	const uint8_t *p;
	size_t len = ABI_WORD;

	memset(out, 0, ABI_TEXT_MAX);
	if (r->left == ABI_WORD) {
		p = rd_view(r, ABI_WORD, ABI_WORD);
	} else {
		abi_get_offset(r, 1);
		p = abi_get_tail(r, &len);
	}
	if (!p)
		return;
	for (size_t i = 0; i < len && i < ABI_TEXT_MAX - 1 && p[i]; i++)
		out[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
}
