/* settings.h - every setting of a node: one table for HOME/config, for the
 * daemon's flags and for `seedbank config`.
 *
 * Thread: the loop.
 */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H

#include "base/log.h"
#include "base/options.h"
#include "node/core/home.h"
#include "wire/veil/veil.h"

extern const struct option settings_table[];
extern const size_t settings_count;

/* Defaults, then HOME/config when it is there. Errors name file and line. */
enum err_code settings_load(struct options **out, const struct home *h,
			    struct err *e);

/* What a value means, beyond its type: levels, addresses to listen on, chains
 * and their addresses. `over` (may be NULL) goes before `settings`, as in
 * engine_text(). ERR_PARSE names the setting. */
enum err_code settings_check(const struct options *settings,
			     const struct options *over, struct err *e);

/* off, allow, prefer or require; else ERR_PARSE. */
enum err_code settings_encryption(enum veil_policy *out, const char *text,
				  struct err *e);

/* error, warn, info or debug; else ERR_PARSE. */
enum err_code settings_log_level(enum log_level *out, const char *text,
				 struct err *e);

enum settings_utp { SETTINGS_UTP_NO, SETTINGS_UTP_YES, SETTINGS_UTP_ONLY };

/* yes, no or only; else ERR_PARSE. */
enum err_code settings_utp(enum settings_utp *out, const char *text,
			   struct err *e);

/* Writes one `name = value` line into HOME/config (checked first; the other
 * lines stay as they are; replaced atomically). value NULL removes the line. */
enum err_code settings_store(const struct home *h, const char *name,
			     const char *value, struct err *e);

struct setting_value {
	const char *name;
	const char *value; /* NULL: remove it */
};
/* The same of several in one step; a name that comes again is a list's. */
enum err_code settings_store_all(const struct home *h,
				 const struct setting_value *v, size_t n,
				 struct err *e);

#endif
