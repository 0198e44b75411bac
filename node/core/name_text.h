/* name_text.h - names of files as text. A name is any bytes but '/' and NUL,
 * UTF-8 by custom; JSON takes nothing else, and a terminal obeys some of it.
 *
 * For people: two names may look the same. Thread: any.
 */
#ifndef NODE_NAME_TEXT_H
#define NODE_NAME_TEXT_H

#include <jansson.h>

/* As it is where it is UTF-8; else with all bytes above ASCII as \xNN. */
json_t *name_json(const char *name);
/* For a terminal: control characters as \xNN. Heap, the caller's; NULL: no
 * memory. */
char *name_shown(const char *name);

#endif
