#include "ledger/chain/node_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_room(struct node_text *t, size_t more)
{
	size_t need = t->len + more + 1, cap = t->cap ? t->cap : 256;
	char *grown;

	if (t->bad)
		return false;
	if (more > NODE_MAX_REQUEST || need > NODE_MAX_REQUEST) {
		t->bad = true;
		return false;
	}
	while (cap < need)
		cap *= 2;
	if (cap == t->cap)
		return true;
	grown = realloc(t->s, cap);
	if (!grown) {
		t->bad = true;
		return false;
	}
	t->s = grown;
	t->cap = cap;
	return true;
}

void node_text_clear(struct node_text *t)
{
	free(t->s);
	*t = (struct node_text){0};
}

void node_text_str(struct node_text *t, const char *s)
{
	size_t len = strlen(s);

	if (!text_room(t, len))
		return;
	memcpy(t->s + t->len, s, len + 1);
	t->len += len;
}

void node_text_digits(struct node_text *t, const void *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = p;

	if (len > NODE_MAX_REQUEST || !text_room(t, 2 * len)) {
		t->bad = true;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		t->s[t->len++] = digits[bytes[i] >> 4];
		t->s[t->len++] = digits[bytes[i] & 15];
	}
	t->s[t->len] = 0;
}

void node_text_u64(struct node_text *t, uint64_t v)
{
	char s[24];

	(void)snprintf(s, sizeof(s), "%llu", (unsigned long long)v);
	node_text_str(t, s);
}

void node_tame(char *out, size_t cap, const char *s)
{
	size_t n = 0;

	for (; *s && n + 1 < cap; s++)
		out[n++] = *s >= ' ' && *s <= '~' ? *s : '?';
	out[n] = 0;
}

const char *node_kind(const json_t *v)
{
	if (!v)
		return "nothing";
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "nothing";
}

int node_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool node_unhex(uint8_t *out, size_t *len, size_t cap, const char *s)
{
	size_t n = strlen(s);

	if (n % 2 || n / 2 > cap)
		return false;
	for (size_t i = 0; i < n / 2; i++) {
		int hi = node_hex_digit(s[2 * i]);
		int lo = node_hex_digit(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	*len = n / 2;
	return true;
}
