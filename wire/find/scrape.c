#include "wire/find/scrape.h"

#include "base/bencode.h"

#include <stdio.h>
#include <string.h>

#define MAX_TOKENS 20000U
#define ASKED "announce"
#define INSTEAD "scrape"

/* The last part of a URL's path; NULL: there is no path. */
static const char *last_part(const char *url)
{
	const char *host = strstr(url, "://"), *last = NULL;

	for (const char *p = host ? host + 3 : url; *p && *p != '?'; p++)
		if (*p == '/')
			last = p + 1;
	return last;
}

enum err_code scrape_url(char out[ANNOUNCE_URL_CAP], const char *announce,
			 const struct info_hash *hash, struct err *e)
{
	const char *last = last_part(announce);
	size_t n;
	int len;

	if (strncmp(announce, "http", 4) != 0 || !last ||
	    strncmp(last, ASKED, sizeof(ASKED) - 1) != 0)
		return err_fail(e, ERR_STATE,
				"tracker: its URL is none that can be scraped");
	len = snprintf(out, ANNOUNCE_URL_CAP,
		       "%.*s" INSTEAD "%s%cinfo_hash=", (int)(last - announce),
		       announce, last + sizeof(ASKED) - 1,
		       strchr(last, '?') ? '&' : '?');
	n = (size_t)len;
	if (len < 0 || n + 3 * sizeof(hash->bytes) >= ANNOUNCE_URL_CAP)
		return err_fail(e, ERR_LIMIT, "tracker: URL is too long");
	for (size_t i = 0; i < sizeof(hash->bytes); i++, n += 3)
		(void)snprintf(out + n, ANNOUNCE_URL_CAP - n, "%%%02X",
			       hash->bytes[i]);
	return ERR_NONE;
}

static int64_t read_count(struct ben file, const char *key)
{
	int64_t n;

	return ben_int(ben_get(file, key), &n) && n >= 0 ? n : -1;
}

/* Keys are raw info hashes, which may hold a zero byte. */
static struct ben find_file(struct ben files, const struct info_hash *hash)
{
	struct ben key = ben_first(files);
	struct info_hash got;

	while (ben_type(key) &&
	       !(ben_fixed(key, got.bytes, sizeof(got.bytes)) &&
		 info_hash_eq(&got, hash)))
		key = ben_next(key);
	return ben_type(key) ? ben_value(key) : key;
}

static enum err_code read_root(struct scrape_reply *out, struct ben root,
			       const struct info_hash *hash, struct err *e)
{
	struct ben files = ben_get(root, "files"), file;
	char reason[128];

	if (ben_line(ben_get(root, "failure reason"), reason,
		     sizeof(reason) - 1))
		return err_fail(e, ERR_STATE, "tracker: refused: %s", reason);
	if (ben_type(ben_get(root, "failure reason")))
		return err_fail(e, ERR_STATE, "tracker: refused");
	if (ben_type(files) != BEN_DICT)
		return err_fail(e, ERR_PARSE,
				"tracker: a scrape without files");
	file = find_file(files, hash);
	if (ben_type(file) != BEN_DICT)
		return err_fail(e, ERR_STATE, "tracker: knows no such torrent");
	out->seeds = read_count(file, "complete");
	out->completed = read_count(file, "downloaded");
	out->leechers = read_count(file, "incomplete");
	return ERR_NONE;
}

enum err_code scrape_parse(struct scrape_reply *out,
			   const struct info_hash *hash, const uint8_t *buf,
			   size_t len, struct err *e)
{
	struct ben_doc *doc;
	enum err_code code;

	*out = (struct scrape_reply){-1, -1, -1};
	code = ben_parse(&doc, buf, len, MAX_TOKENS, BEN_TRAILING, e);
	if (code != ERR_NONE)
		return code;
	code = read_root(out, ben_root(doc), hash, e);
	ben_doc_free(doc);
	return code;
}
