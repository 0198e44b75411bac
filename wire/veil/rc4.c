#include "wire/veil/rc4.h"

#include <string.h>

void rc4_init(struct rc4 *c, const uint8_t *key, size_t len, size_t discard)
{
	uint8_t waste[64], j = 0;

	for (unsigned i = 0; i < 256; i++)
		c->s[i] = (uint8_t)i;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t a = c->s[i];

		j = (uint8_t)(j + a + key[i % len]);
		c->s[i] = c->s[j];
		c->s[j] = a;
	}
	c->i = c->j = 0;
	memset(waste, 0, sizeof(waste));
	while (discard) {
		size_t n = discard < sizeof(waste) ? discard : sizeof(waste);

		rc4_run(c, waste, waste, n);
		discard -= n;
	}
}

/* Where a step stands: s[i] is in `a` already. */
struct rc4_step {
	uint8_t i, j, a;
};

/* One byte. The next step's s[i] is read before this one's stores, which the
 * processor would otherwise have to wait for, and mended when it was among
 * them. */
static inline uint8_t step(struct rc4_step *k, uint8_t *s)
{
	uint8_t next = (uint8_t)(k->i + 1), a = k->a, ahead = s[next], b;

	k->j = (uint8_t)(k->j + a);
	b = s[k->j];
	s[k->j] = a;
	k->a = k->j == next ? a : ahead;
	s[k->i] = b;
	k->i = next;
	return s[(uint8_t)(a + b)];
}

void rc4_run(struct rc4 *c, uint8_t *out, const uint8_t *in, size_t n)
{
	struct rc4_step k = {.i = (uint8_t)(c->i + 1), .j = c->j};

	k.a = c->s[k.i];
	for (; n >= 8; n -= 8, in += 8, out += 8) {
		out[0] = in[0] ^ step(&k, c->s);
		out[1] = in[1] ^ step(&k, c->s);
		out[2] = in[2] ^ step(&k, c->s);
		out[3] = in[3] ^ step(&k, c->s);
		out[4] = in[4] ^ step(&k, c->s);
		out[5] = in[5] ^ step(&k, c->s);
		out[6] = in[6] ^ step(&k, c->s);
		out[7] = in[7] ^ step(&k, c->s);
	}
	for (; n; n--)
		*out++ = *in++ ^ step(&k, c->s);
	c->i = (uint8_t)(k.i - 1);
	c->j = k.j;
}
