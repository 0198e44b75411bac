/* catalogue_int.h - shared by catalogue.c (what may be in one) and
 * catalogue_code.c (how it is encoded). */
#ifndef STORAGE_OBJECT_CATALOGUE_INT_H
#define STORAGE_OBJECT_CATALOGUE_INT_H

#include "storage/object/catalogue.h"

/* len bytes and a NUL behind them, the catalogue's. NULL: e says why. */
char *catalogue_text_take(struct catalogue *c, size_t len, struct err *e);
/* As catalogue_add_entry(), with strings that are the catalogue's. */
enum err_code catalogue_push_entry(struct catalogue *c,
				   const struct catalogue_entry *entry,
				   struct err *e)
	__attribute__((warn_unused_result));

/* NULL: in order. */
const char *catalogue_object_fault(const struct catalogue_object *o);
/* Of entry i, the ones before it being in order. */
const char *catalogue_entry_fault(const struct catalogue *c, uint32_t i);
int catalogue_agreement_compare(const void *a, const void *b);

#endif
