/* gate.h - how many key exchanges strangers may have of us: each costs some
 * 70 us, and the question nothing.
 *
 * 200 a second and 400 at once in all; of one address (of IPv6: one /64) 4 a
 * second and 16 at once. GATE_ADDRS addresses are remembered; where there is
 * no room, the one that is nearest to being forgotten anyway gives way.
 * Pure: time is an argument. Thread: the loop.
 */
#ifndef NODE_GATE_H
#define NODE_GATE_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

#define GATE_PER_S 200
#define GATE_BURST 400
#define GATE_ADDR_PER_S 4
#define GATE_ADDR_BURST 16
#define GATE_ADDRS 1024

struct gate;

struct gate *gate_new(struct rng *rng); /* NULL: no memory */
void gate_free(struct gate *g);		/* NULL is a no-op */
/* May this address (IPv4 ones mapped) have one now? It is counted when so. */
bool gate_pass(struct gate *g, const uint8_t ip[16], int64_t now_ms);

#endif
