/* web_seed.h - a torrent's files on an HTTP server, as a source of blocks (BEP
 * 19): the URL of a file, the range of it to ask for, what the head of an
 * answer means, when to ask again.
 *
 * Pure text and numbers; the caller's HTTP client carries them. Thread: any.
 */
#ifndef WIRE_WEB_SEED_H
#define WIRE_WEB_SEED_H

#include "base/err.h"
#include "wire/torrent/metainfo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_SEED_URL_CAP 8192U /* holds any URL that we make */
#define WEB_SEED_SKIP_MAX (4U << 20)
#define WEB_SEED_WHY_MAX 160U

/* ERR_PARSE: no URL of http or https, or with spaces, control characters or a
 * fragment; ERR_LIMIT: over METAINFO_MAX_URL. */
enum err_code web_seed_check_url(const char *url, struct err *e);

/* The URL of file `file`: of a torrent that is one file the seed's own, with
 * the file's name when it ends in a slash; else the seed's own, a slash, the
 * torrent's name and the path, all percent-encoded. ERR_LIMIT: over the cap. */
enum err_code web_seed_url(char out[WEB_SEED_URL_CAP], const char *base,
			   const struct metainfo *m, uint32_t file,
			   struct err *e);

enum web_seed_by { WEB_SEED_BY_TORRENT, WEB_SEED_BY_USER };

/* May a request for `url` go to address `ip`? A torrent's author must not make
 * us ask what only we reach. So of URLs that stand in the torrent none on this
 * machine or this link, and none with a query on a private network; and from
 * whichever seed none on any of these, once it was `seen_global`: that is a
 * redirect, or a name that was given another address, which nobody meant. */
bool web_seed_allowed(enum web_seed_by by, bool seen_global, const char *ip,
		      const char *url);

/* What of the torrent's bytes [at, end) the file has that byte `at` lies in;
 * end is over `at` and within the torrent. */
struct web_range {
	uint32_t file;
	bool pad;	 /* zeroes: not to be asked for */
	uint64_t offset; /* in the file */
	uint64_t len;	 /* over 0 */
};
void web_seed_range(struct web_range *out, const struct metainfo *m,
		    uint64_t at, uint64_t end);

struct web_head { /* of an answer */
	int status;
	const char *content_range; /* NULL: not stated */
	int64_t content_length;	   /* -1: not stated */
};

enum web_verdict {
	WEB_TAKE,    /* the body's bytes from `skip` on are those asked for */
	WEB_LATER,   /* busy: back off */
	WEB_NO_FILE, /* it has not this file */
	WEB_BROKEN,  /* it is of no use */
};

struct web_answer {
	enum web_verdict verdict;
	uint64_t skip;		    /* TAKE; at most WEB_SEED_SKIP_MAX */
	uint64_t len;		    /* TAKE: bytes that come then, 1..asked */
	char why[WEB_SEED_WHY_MAX]; /* "" for TAKE */
};
/* `asked` of a file of `length` bytes. A server without ranges answers 200 and
 * the whole file: taken when what was asked for lies near its beginning. */
void web_seed_judge(struct web_answer *out, const struct web_head *head,
		    const struct web_range *asked, uint64_t length);

/* How long to leave a seed alone after `fails` failures in a row (from 1): 10 s
 * doubled to 30 minutes, or what it says itself (seconds, 0: nothing), an hour
 * at the most. */
int64_t web_seed_wait_ms(unsigned fails, int64_t retry_after_s);

#endif
