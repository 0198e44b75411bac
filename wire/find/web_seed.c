#include "wire/find/web_seed.h"

#include "wire/place.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WAIT_MIN_S 10
#define WAIT_MAX_S 1800
#define TOLD_MAX_S 3600

enum err_code web_seed_check_url(const char *url, struct err *e)
{
	size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
			: strncasecmp(url, "http://", 7) == 0 ? 7
							      : 0;
	size_t len = strlen(url);

	if (len > METAINFO_MAX_URL)
		return err_fail(e, ERR_LIMIT,
				"web seed: URL of %zu bytes, more than %u", len,
				METAINFO_MAX_URL);
	if (!scheme || !url[scheme] || url[scheme] == '/')
		return err_fail(e, ERR_PARSE,
				"web seed: '%.60s' is no http or https URL",
				url);
	for (size_t i = 0; i < len; i++)
		if (url[i] <= 0x20 || url[i] >= 0x7f || url[i] == '#')
			return err_fail(e, ERR_PARSE,
					"web seed: a URL holds a space, a "
					"fragment or a byte beyond ASCII");
	return ERR_NONE;
}

/* --- the URL of a file -----------------------------------------------------
 */

struct text {
	char *p;
	size_t len;
	bool full;
};

static void put(struct text *t, char c)
{
	if (t->len + 1 < WEB_SEED_URL_CAP)
		t->p[t->len++] = c;
	else
		t->full = true;
}

/* RFC 3986: what is unreserved stays, and the slashes between components. */
static void put_encoded(struct text *t, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || strchr("-._~/", c)) {
			put(t, *s);
			continue;
		}
		put(t, '%');
		put(t, hex[c >> 4]);
		put(t, hex[c & 15]);
	}
}

enum err_code web_seed_url(char out[WEB_SEED_URL_CAP], const char *base,
			   const struct metainfo *m, uint32_t file,
			   struct err *e)
{
	struct text t = {.p = out};
	size_t len = strlen(base);
	bool slash = len && base[len - 1] == '/';

	for (const char *s = base; *s; s++)
		put(&t, *s);
	if (m->multi) {
		if (!slash)
			put(&t, '/');
		put_encoded(&t, m->name);
		put(&t, '/');
		put_encoded(&t, m->files[file].path);
	} else if (slash) {
		put_encoded(&t, m->name);
	}
	out[t.len] = '\0';
	if (t.full)
		return err_fail(e, ERR_LIMIT,
				"web seed: the URL of a file has over %u bytes",
				WEB_SEED_URL_CAP - 1);
	return ERR_NONE;
}

bool web_seed_allowed(enum web_seed_by by, bool seen_global, const char *ip,
		      const char *url)
{
	switch (place_of_text(ip)) {
	case PLACE_NOBODY:
		return false;
	case PLACE_LOOPBACK:
	case PLACE_LINK:
		return !seen_global && by == WEB_SEED_BY_USER;
	case PLACE_PRIVATE:
		return !seen_global &&
		       (by == WEB_SEED_BY_USER || !strchr(url, '?'));
	case PLACE_GLOBAL:
		break;
	}
	return true;
}

/* --- ranges ----------------------------------------------------------------
 */

/* The last file that begins at or before `at` and is not empty: files follow
 * one another without gaps. */
static uint32_t file_at(const struct metainfo *m, uint64_t at)
{
	uint32_t low = 0, high = m->file_count - 1;

	while (low < high) {
		uint32_t mid = low + (high - low + 1) / 2;

		if (m->files[mid].offset <= at)
			low = mid;
		else
			high = mid - 1;
	}
	while (low > 0 && m->files[low].length == 0)
		low--;
	return low;
}

void web_seed_range(struct web_range *out, const struct metainfo *m,
		    uint64_t at, uint64_t end)
{
	uint32_t i = file_at(m, at);
	const struct metainfo_file *f = &m->files[i];
	uint64_t left = f->length - (at - f->offset);

	*out = (struct web_range){.file = i,
				  .pad = f->pad,
				  .offset = at - f->offset,
				  .len = left < end - at ? left : end - at};
}

/* --- answers ---------------------------------------------------------------
 */

static bool read_number(const char **s, uint64_t *out)
{
	const char *p = *s;

	*out = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (*out > (UINT64_MAX - 9) / 10)
			return false;
		*out = *out * 10 + (uint64_t)(*p - '0');
	}
	if (p == *s)
		return false;
	*s = p;
	return true;
}

/* "bytes first-last/length", the length may be "*" (RFC 9110, 14.4). */
static bool read_content_range(const char *s, uint64_t *first, uint64_t *last,
			       uint64_t *length)
{
	if (!s || strncasecmp(s, "bytes", 5) != 0)
		return false;
	for (s += 5; *s == ' '; s++)
		;
	if (!read_number(&s, first) || *s++ != '-' || !read_number(&s, last) ||
	    *s++ != '/')
		return false;
	*length = UINT64_MAX;
	if (*s == '*')
		return s[1] == '\0';
	return read_number(&s, length) && *s == '\0';
}

static void say(struct web_answer *out, enum web_verdict verdict,
		const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(struct web_answer *out, enum web_verdict verdict,
		const char *fmt, ...)
{
	va_list ap;

	out->verdict = verdict;
	va_start(ap, fmt);
	(void)vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
}

static void judge_part(struct web_answer *out, const struct web_head *head,
		       const struct web_range *asked, uint64_t length)
{
	uint64_t first, last, all;

	if (!read_content_range(head->content_range, &first, &last, &all)) {
		say(out, WEB_BROKEN, "a part without a good Content-Range");
		return;
	}
	if (all != UINT64_MAX && all != length) {
		say(out, WEB_BROKEN,
		    "the file has %" PRIu64 " bytes there, not %" PRIu64, all,
		    length);
		return;
	}
	if (first != asked->offset || last < first ||
	    last - first >= asked->len ||
	    (head->content_length >= 0 &&
	     (uint64_t)head->content_length != last - first + 1)) {
		say(out, WEB_BROKEN, "another part than was asked for");
		return;
	}
	out->len = last - first + 1;
}

static void judge_whole(struct web_answer *out, const struct web_head *head,
			const struct web_range *asked, uint64_t length)
{
	if (head->content_length >= 0 &&
	    (uint64_t)head->content_length != length) {
		say(out, WEB_BROKEN,
		    "the file has %" PRId64 " bytes there, not %" PRIu64,
		    head->content_length, length);
		return;
	}
	if (asked->offset > WEB_SEED_SKIP_MAX) {
		say(out, WEB_BROKEN, "the server knows no ranges");
		return;
	}
	out->skip = asked->offset;
	out->len = asked->len;
}

/* Not now; later perhaps. */
static bool is_busy(int status)
{
	return status == 408 || status == 425 || status == 429 ||
	       (status >= 500 && status <= 599);
}

void web_seed_judge(struct web_answer *out, const struct web_head *head,
		    const struct web_range *asked, uint64_t length)
{
	*out = (struct web_answer){.verdict = WEB_TAKE};
	switch (head->status) {
	case 206:
		judge_part(out, head, asked, length);
		return;
	case 200:
		judge_whole(out, head, asked, length);
		return;
	case 403:
	case 404:
	case 410:
	case 451:
		say(out, WEB_NO_FILE, "status %d", head->status);
		return;
	case 416:
		say(out, WEB_BROKEN, "the file is shorter there");
		return;
	}
	say(out, is_busy(head->status) ? WEB_LATER : WEB_BROKEN, "status %d",
	    head->status);
}

int64_t web_seed_wait_ms(unsigned fails, int64_t retry_after_s)
{
	int64_t wait = WAIT_MIN_S;

	while (fails-- > 1 && wait < WAIT_MAX_S)
		wait *= 2;
	if (wait > WAIT_MAX_S)
		wait = WAIT_MAX_S;
	if (retry_after_s > wait)
		wait = retry_after_s < TOLD_MAX_S ? retry_after_s : TOLD_MAX_S;
	return wait * 1000;
}
