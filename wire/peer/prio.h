/* prio.h - canonical peer priority (BEP 40): a number that both ends of a
 * connection come to, and nobody chooses. Of more peers than there is room for,
 * those with the higher one are kept, so that who floods a swarm with
 * connections gets no more than his share of addresses. Thread: any.
 */
#ifndef WIRE_PRIO_H
#define WIRE_PRIO_H

#include "wire/addr.h"

/* Addresses of two families have nothing in common: 0. */
uint32_t prio_of(const struct wire_addr *us, const struct wire_addr *peer);

#endif
