#include "base/rlp.h"

#include "base/keccak.h"

static void head(struct wr *w, uint8_t base, size_t len)
{
	unsigned bytes = 0;

	if (len <= 55) {
		wr_u8(w, (uint8_t)(base + len));
		return;
	}
	for (size_t v = len; v; v >>= 8)
		bytes++;
	wr_u8(w, (uint8_t)(base + 55 + bytes));
	while (bytes-- > 0)
		wr_u8(w, (uint8_t)(len >> (8 * bytes)));
}

void rlp_bytes(struct wr *w, const uint8_t *p, size_t len)
{
	if (len != 1 || p[0] >= 0x80) /* a small byte is its own encoding */
		head(w, 0x80, len);
	wr_copy(w, p, len);
}

void rlp_number(struct wr *w, const uint8_t *be, size_t len)
{
	while (len && be[0] == 0) {
		be++;
		len--;
	}
	rlp_bytes(w, be, len);
}

void rlp_u64(struct wr *w, uint64_t v)
{
	uint8_t be[8];

	for (size_t i = 0; i < sizeof(be); i++)
		be[7 - i] = (uint8_t)(v >> (8 * i));
	rlp_number(w, be, sizeof(be));
}

void rlp_amount(struct wr *w, struct amount v)
{
	uint8_t be[16];

	amount_to_be16(be, v);
	rlp_number(w, be, sizeof(be));
}

void rlp_list(struct wr *w, const uint8_t *items, size_t len)
{
	rlp_list_head(w, len);
	wr_copy(w, items, len);
}

void rlp_list_head(struct wr *w, size_t len)
{
	head(w, 0xc0, len);
}

struct address rlp_create_address(const struct address *from, uint64_t nonce)
{
	uint8_t items[32], whole[48];
	struct wr w = wr_into(items, sizeof(items));
	struct wr list = wr_into(whole, sizeof(whole));
	struct address out;
	struct hash32 h;

	rlp_bytes(&w, from->bytes, sizeof(from->bytes));
	rlp_u64(&w, nonce);
	rlp_list(&list, items, wr_len(&w));
	h = keccak256(whole, wr_len(&list));
	memcpy(out.bytes, h.bytes + 12, sizeof(out.bytes));
	return out;
}
