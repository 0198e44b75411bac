/* host_conf.h - what a host was told: prices as they were typed, the paths and
 * how much of each, when it takes anything new. Kept in HOME/config as settings
 * `host` and `host-...`.
 *
 * Plain values; amounts are texts in tokens, since the token's decimals may not
 * be known yet; space counts in sectors of 1 MiB. Thread: any.
 */
#ifndef NODE_HOST_CONF_H
#define NODE_HOST_CONF_H

#include "base/options.h"
#include "node/core/home.h"

#include <stdbool.h>
#include <stdint.h>

#define HOST_PATHS_MAX 64 /* SECTOR_MAX_VOLUMES */
#define HOST_DIR_MAX 1024 /* SECTOR_MAX_DIR */
#define HOST_TEXT_MAX 64

struct host_path {
	char dir[HOST_DIR_MAX];
	uint32_t sectors; /* that it shall have; 0: it is being drained */
};

struct host_conf {
	bool on; /* takes what is new; what is held is served in any case */
	char price[HOST_TEXT_MAX];	/* a GiB and 30 days; "": none yet */
	char ingress[HOST_TEXT_MAX];	/* a GiB; "": nothing */
	char egress[HOST_TEXT_MAX];	/* a GiB; "": nothing */
	char collateral[HOST_TEXT_MAX]; /* a GiB; "": 30 days' rent */
	char penalty[HOST_TEXT_MAX];	/* a GiB; "": a tenth of it */
	uint32_t span;			/* periods, 1 .. 65535 */
	uint32_t min_term, max_term;	/* periods */
	char endpoint[HOST_TEXT_MAX];	/* IP:PORT; "": where it listens */
	char schedule[HOST_TEXT_MAX];	/* HH:MM-HH:MM; "": always */
	struct host_path paths[HOST_PATHS_MAX];
	unsigned n_paths;
};

/* From HOME/config, over it what a command or the daemon was started with (may
 * be NULL). ERR_PARSE, ERR_LIMIT: a value that means nothing. */
enum err_code host_conf_read(struct host_conf *out,
			     const struct options *settings,
			     const struct options *over, struct err *e)
	__attribute__((warn_unused_result));
/* Writes it all into HOME/config in one step. */
enum err_code host_conf_store(const struct host_conf *c,
			      const struct home *home, struct err *e)
	__attribute__((warn_unused_result));

/* NULL: there is none. */
struct host_path *host_conf_path(struct host_conf *c, const char *dir);
/* Sets or adds it. ERR_LIMIT: HOST_PATHS_MAX, or a name that is too long. */
enum err_code host_conf_set_path(struct host_conf *c, const char *dir,
				 uint32_t sectors, struct err *e)
	__attribute__((warn_unused_result));
void host_conf_drop_path(struct host_conf *c, const char *dir);
uint64_t host_conf_sectors(const struct host_conf *c);

/* "SIZE DIR", as a line host-path of the config has it. ERR_PARSE. */
enum err_code host_path_parse(struct host_path *out, const char *text,
			      struct err *e)
	__attribute__((warn_unused_result));
/* ERR_PARSE: not HH:MM-HH:MM, or an empty span. */
enum err_code host_schedule_check(const char *text, struct err *e)
	__attribute__((warn_unused_result));
/* Is this minute of the day (0 .. 1439) within the schedule? One that ends
 * before it begins goes over midnight; "" is always. */
bool host_schedule_has(const char *text, unsigned minute);

#endif
