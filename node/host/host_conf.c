#include "node/host/host_conf.h"

#include "node/core/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (INT64_C(1) << 20)
#define LINE_MAX_LEN (HOST_DIR_MAX + 32)
#define DAY_MINUTES 1440U

/* ---- paths ---- */

static enum err_code parse_size(const char *text, int64_t *out, struct err *e)
{
	static const struct option table[] = {
		{"space", OPT_SIZE, NULL, 0, INT64_C(1) << 44, "SIZE", ""}};
	struct options *o = NULL;
	enum err_code code = options_new(&o, table, 1, e);

	if (code == ERR_NONE)
		code = options_set(o, "space", text, e);
	if (code == ERR_NONE)
		*out = options_int(o, "space");
	options_free(o);
	return code;
}

enum err_code host_path_parse(struct host_path *out, const char *text,
			      struct err *e)
{
	const char *space = strchr(text, ' ');
	char size[32];
	struct err why = {0};
	int64_t bytes;

	if (!space || (size_t)(space - text) >= sizeof(size) ||
	    space[1] != '/' || strlen(space + 1) >= sizeof(out->dir))
		return err_fail(e, ERR_PARSE,
				"host-path '%.60s': want a size and an "
				"absolute path, as in `100GiB /mnt/disk`",
				text);
	memcpy(size, text, (size_t)(space - text));
	size[space - text] = 0;
	if (parse_size(size, &bytes, &why) != ERR_NONE)
		return err_fail(e, ERR_PARSE, "host-path '%.60s': %s", text,
				why.msg);
	out->sectors = (uint32_t)(bytes / MIB);
	(void)snprintf(out->dir, sizeof(out->dir), "%s", space + 1);
	return ERR_NONE;
}

struct host_path *host_conf_path(struct host_conf *c, const char *dir)
{
	for (unsigned i = 0; i < c->n_paths; i++)
		if (strcmp(c->paths[i].dir, dir) == 0)
			return &c->paths[i];
	return NULL;
}

enum err_code host_conf_set_path(struct host_conf *c, const char *dir,
				 uint32_t sectors, struct err *e)
{
	struct host_path *p = host_conf_path(c, dir);

	if (!p && c->n_paths == HOST_PATHS_MAX)
		return err_fail(e, ERR_LIMIT, "at most %d paths",
				HOST_PATHS_MAX);
	if (strlen(dir) >= sizeof(p->dir))
		return err_fail(e, ERR_LIMIT, "the path is too long");
	if (!p) {
		p = &c->paths[c->n_paths++];
		(void)snprintf(p->dir, sizeof(p->dir), "%s", dir);
	}
	p->sectors = sectors;
	return ERR_NONE;
}

void host_conf_drop_path(struct host_conf *c, const char *dir)
{
	struct host_path *p = host_conf_path(c, dir);

	if (p)
		*p = c->paths[--c->n_paths];
}

uint64_t host_conf_sectors(const struct host_conf *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < c->n_paths; i++)
		n += c->paths[i].sectors;
	return n;
}

/* ---- the schedule ---- */

static bool two_digits(const char *text, unsigned below, unsigned *out)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*out = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
	return *out < below;
}

static bool minute_of(const char *text, unsigned *out)
{
	unsigned hour, minute;

	if (!two_digits(text, 24, &hour) || text[2] != ':' ||
	    !two_digits(text + 3, 60, &minute))
		return false;
	*out = hour * 60 + minute;
	return true;
}

static bool span_of(const char *text, unsigned *from, unsigned *to)
{
	return strlen(text) == 11 && minute_of(text, from) && text[5] == '-' &&
	       minute_of(text + 6, to) && *from != *to;
}

enum err_code host_schedule_check(const char *text, struct err *e)
{
	unsigned from, to;

	if (span_of(text, &from, &to))
		return ERR_NONE;
	return err_fail(e, ERR_PARSE,
			"schedule '%.40s': want HH:MM-HH:MM, as in 22:00-06:30",
			text);
}

bool host_schedule_has(const char *text, unsigned minute)
{
	unsigned from, to;

	if (!span_of(text, &from, &to))
		return true;
	minute %= DAY_MINUTES;
	if (from < to)
		return minute >= from && minute < to;
	return minute >= from || minute < to;
}

/* ---- reading and writing ---- */

struct values {
	const struct options *settings, *over;
};

static const struct options *holder(const struct values *v, const char *name)
{
	return v->over && options_is_set(v->over, name) ? v->over : v->settings;
}

static enum err_code take(char out[HOST_TEXT_MAX], const struct values *v,
			  const char *name, struct err *e)
{
	const char *text = options_text(holder(v, name), name);

	if (text && strlen(text) >= HOST_TEXT_MAX)
		return err_fail(e, ERR_PARSE, "%s: over %d characters", name,
				HOST_TEXT_MAX - 1);
	(void)snprintf(out, HOST_TEXT_MAX, "%s", text ? text : "");
	return ERR_NONE;
}

static enum err_code take_paths(struct host_conf *c, const struct values *v,
				struct err *e)
{
	const struct options *o =
		v->over && options_list_count(v->over, "host-path") > 0
			? v->over
			: v->settings;
	struct host_path p;
	enum err_code code = ERR_NONE;
	const char *text;

	for (size_t i = 0;
	     code == ERR_NONE && (text = options_list_at(o, "host-path", i));
	     i++) {
		code = host_path_parse(&p, text, e);
		if (code == ERR_NONE)
			code = host_conf_set_path(c, p.dir, p.sectors, e);
	}
	return code;
}

static uint32_t number(const struct values *v, const char *name)
{
	return (uint32_t)options_int(holder(v, name), name);
}

static const struct {
	const char *name;
	size_t at;
} texts[] = {
	{"host-price", offsetof(struct host_conf, price)},
	{"host-ingress", offsetof(struct host_conf, ingress)},
	{"host-egress", offsetof(struct host_conf, egress)},
	{"host-collateral", offsetof(struct host_conf, collateral)},
	{"host-penalty", offsetof(struct host_conf, penalty)},
	{"host-endpoint", offsetof(struct host_conf, endpoint)},
	{"host-schedule", offsetof(struct host_conf, schedule)},
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

enum err_code host_conf_read(struct host_conf *out,
			     const struct options *settings,
			     const struct options *over, struct err *e)
{
	const struct values v = {settings, over};
	enum err_code code = ERR_NONE;

	memset(out, 0, sizeof(*out));
	out->on = options_flag(holder(&v, "host"), "host");
	for (size_t i = 0; code == ERR_NONE && i < TEXTS; i++)
		code = take((char *)out + texts[i].at, &v, texts[i].name, e);
	out->span = number(&v, "host-span");
	out->min_term = number(&v, "host-min-term");
	out->max_term = number(&v, "host-max-term");
	if (code == ERR_NONE)
		code = take_paths(out, &v, e);
	return code;
}

enum err_code host_conf_store(const struct host_conf *c,
			      const struct home *home, struct err *e)
{
	struct setting_value v[TEXTS + 5 + HOST_PATHS_MAX];
	char numbers[3][12];
	char(*lines)[LINE_MAX_LEN] = calloc(c->n_paths + 1U, sizeof(*lines));
	size_t n = 0;
	enum err_code code;

	if (!lines)
		return err_fail(e, ERR_NOMEM, "config");
	(void)snprintf(numbers[0], 12, "%u", c->span);
	(void)snprintf(numbers[1], 12, "%u", c->min_term);
	(void)snprintf(numbers[2], 12, "%u", c->max_term);
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = (const char *)c + texts[i].at;

		v[n++] = (struct setting_value){texts[i].name,
						*text ? text : NULL};
	}
	v[n++] = (struct setting_value){"host-span", numbers[0]};
	v[n++] = (struct setting_value){"host-min-term", numbers[1]};
	v[n++] = (struct setting_value){"host-max-term", numbers[2]};
	v[n++] = (struct setting_value){"host", c->on ? "yes" : "no"};
	for (unsigned i = 0; i < c->n_paths; i++) {
		(void)snprintf(lines[i], sizeof(lines[i]), "%uMiB %s",
			       c->paths[i].sectors, c->paths[i].dir);
		v[n++] = (struct setting_value){"host-path", lines[i]};
	}
	if (c->n_paths == 0)
		v[n++] = (struct setting_value){"host-path", NULL};
	code = settings_store_all(home, v, n, e);
	free(lines);
	return code;
}
