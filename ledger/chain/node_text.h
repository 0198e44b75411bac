/* node_text.h - JSON for chain nodes: a text that grows, and words about what
 * came back. What EVM nodes and TRON nodes have in common. Pure. Thread: any.
 */
#ifndef LEDGER_NODE_TEXT_H
#define LEDGER_NODE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODE_MAX_REQUEST (1 << 20) /* bytes of one HTTP body */

/* Grows up to NODE_MAX_REQUEST. Sticky: after the first piece that does not
 * fit, or no memory, it stays `bad`. */
struct node_text {
	char *s;
	size_t len, cap;
	bool bad;
};

void node_text_clear(struct node_text *t);
void node_text_str(struct node_text *t, const char *s);
/* Two lower-case hex digits a byte; no quotes, no 0x. */
void node_text_digits(struct node_text *t, const void *p, size_t len);
void node_text_u64(struct node_text *t, uint64_t v); /* decimal */

/* "an object", "nothing": what a value is, for "%s, want a block". */
const char *node_kind(const json_t *v);
/* A stranger's words for our log: printable ASCII, cut to cap - 1. */
void node_tame(char *out, size_t cap, const char *s);

/* 0 to 15, or -1. */
int node_hex_digit(char c);
/* A whole string of hex digits, in pairs. False when it is anything else or
 * more than cap bytes. */
bool node_unhex(uint8_t *out, size_t *len, size_t cap, const char *s);

#endif
