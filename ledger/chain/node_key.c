#include "ledger/chain/node_key.h"

#include "base/file.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BARE_NAME "TRON-PRO-API-KEY"

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Visible ASCII, and spaces between. */
static bool is_value(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((s[i] < '!' || s[i] > '~') && !is_space(s[i]))
			return false;
	return len > 0;
}

/* A key has no colon: such a line is a header, or a mistake. */
static bool is_bare(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_space(s[i]) || s[i] == ':')
			return false;
	return is_value(s, len);
}

static enum err_code put(char out[NODE_KEY_MAX], const char *name,
			 size_t name_len, const char *value, size_t len,
			 struct err *e)
{
	if (name_len + 2 + len >= NODE_KEY_MAX)
		return err_fail(e, ERR_LIMIT, "a key of over %d characters",
				NODE_KEY_MAX - 3);
	memcpy(out, name, name_len);
	memcpy(out + name_len, ": ", 2);
	memcpy(out + name_len + 2, value, len);
	out[name_len + 2 + len] = 0;
	return ERR_NONE;
}

/* The line without what surrounds it; false: there is more than one. */
static bool only_line(const char **text, size_t *len)
{
	const char *s = *text;
	size_t n = *len;

	while (n &&
	       (is_space(s[n - 1]) || s[n - 1] == '\n' || s[n - 1] == '\r'))
		n--;
	while (n && is_space(*s)) {
		s++;
		n--;
	}
	*text = s;
	*len = n;
	return !memchr(s, '\n', n) && !memchr(s, '\r', n);
}

enum err_code node_key_parse(char out[NODE_KEY_MAX], const char *text,
			     size_t len, bool bare, struct err *e)
{
	size_t name = 0, at;

	if (!only_line(&text, &len))
		return err_fail(e, ERR_PARSE, "a key file has one line");
	if (len == 0)
		return err_fail(e, ERR_PARSE, "the key file is empty");
	if (bare && is_bare(text, len))
		return put(out, BARE_NAME, strlen(BARE_NAME), text, len, e);
	while (name < len && is_token_char(text[name]))
		name++;
	at = name + 1;
	while (at < len && is_space(text[at]))
		at++;
	if (name == 0 || name == len || text[name] != ':' || at >= len ||
	    !is_value(text + at, len - at))
		return err_fail(e, ERR_PARSE,
				bare ? "a key file holds a key, or "
				       "`Header-Name: value`"
				     : "a key file holds `Header-Name: "
				       "value`");
	return put(out, text, name, text + at, len - at, e);
}

enum err_code node_key_read(char out[NODE_KEY_MAX], const char *path, bool bare,
			    struct err *e)
{
	uint8_t text[2 * NODE_KEY_MAX];
	size_t len = 0;
	enum err_code rc = file_read(path, true, text, sizeof(text), &len, e);

	if (rc == ERR_NONE)
		rc = node_key_parse(out, (const char *)text, len, bare, e);
	sodium_memzero(text, sizeof(text));
	return rc;
}
