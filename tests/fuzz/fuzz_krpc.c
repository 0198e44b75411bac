/* Reading a message never crashes; what is read and written again is the same
 * value, and its bytes do not change a second time. */
#include "wire/dht/krpc.h"

#include <stdlib.h>
#include <string.h>

static bool same(struct ben_view a, struct ben_view b)
{
	return a.len == b.len && !a.p == !b.p &&
	       (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool same_fixed(const uint8_t *a, const uint8_t *b, size_t len)
{
	return !a == !b && (!a || memcmp(a, b, len) == 0);
}

static bool same_outside(const struct krpc_msg *a, const struct krpc_msg *b)
{
	return a->type == b->type && a->method == b->method &&
	       same(a->tid, b->tid) && same(a->version, b->version) &&
	       a->read_only == b->read_only && a->has_ip == b->has_ip &&
	       dht_addr_eq(&a->ip, &b->ip) && a->code == b->code &&
	       a->text.len == b->text.len && a->has_id == b->has_id &&
	       dht_id_eq(&a->id, &b->id);
}

static bool same_body(const struct krpc_msg *a, const struct krpc_msg *b)
{
	return a->has_target == b->has_target &&
	       dht_id_eq(&a->target, &b->target) && a->want == b->want &&
	       a->implied_port == b->implied_port && a->seed == b->seed &&
	       a->noseed == b->noseed && a->has_port == b->has_port &&
	       a->port == b->port && same(a->token, b->token) &&
	       same(a->nodes, b->nodes) && same(a->nodes6, b->nodes6) &&
	       same(a->values, b->values) && same(a->samples, b->samples) &&
	       a->num == b->num && a->interval == b->interval &&
	       same(a->value, b->value) && same(a->salt, b->salt) &&
	       same_fixed(a->key, b->key, 32) &&
	       same_fixed(a->sig, b->sig, 64) && a->has_seq == b->has_seq &&
	       a->seq == b->seq && a->has_cas == b->has_cas && a->cas == b->cas;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first[2 * KRPC_MAX], second[2 * KRPC_MAX];
	struct wire_addr peers[200];
	struct krpc_msg a, b;
	size_t len;

	if (krpc_read(&a, data, size, NULL) != ERR_NONE)
		return 0;
	if (krpc_values(peers, 200, a.values, DHT_V4) > 200 ||
	    krpc_values(peers, 200, a.values, DHT_V6) > 200)
		abort();
	len = krpc_write(&a, first, sizeof(first));
	if (!len)
		abort(); /* a canonical form is not longer than twice */
	if (len > KRPC_MAX)
		return 0;
	if (krpc_read(&b, first, len, NULL) != ERR_NONE ||
	    !same_outside(&a, &b) || !same_body(&a, &b))
		abort();
	if (krpc_write(&b, second, sizeof(second)) != len ||
	    memcmp(first, second, len) != 0)
		abort();
	return 0;
}
