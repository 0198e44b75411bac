#include "node/cli/cli_progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct progress progress_start(bool quiet)
{
	return (struct progress){.terminal = isatty(STDERR_FILENO) == 1,
				 .quiet = quiet,
				 .last_tenth = -1};
}

void progress_bytes(char *out, size_t cap, int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;
	int64_t tenths = bytes < 0 ? 0 : bytes;

	if (tenths < 1024) {
		(void)snprintf(out, cap, "%lld B", (long long)tenths);
		return;
	}
	while (tenths >= 1024LL * 1024 && unit + 2 < 5) {
		tenths /= 1024;
		unit++;
	}
	tenths = tenths * 10 / 1024;
	if (tenths < 1000)
		(void)snprintf(out, cap, "%lld.%lld %s", (long long)tenths / 10,
			       (long long)tenths % 10, units[unit + 1]);
	else
		(void)snprintf(out, cap, "%lld %s", (long long)tenths / 10,
			       units[unit + 1]);
}

void progress_time(char *out, size_t cap, int64_t seconds)
{
	long long s = seconds;

	if (s < 0)
		(void)snprintf(out, cap, "-");
	else if (s < 60)
		(void)snprintf(out, cap, "%llds", s);
	else if (s < 3600)
		(void)snprintf(out, cap, "%lldm%02llds", s / 60, s % 60);
	else
		(void)snprintf(out, cap, "%lldh%02lldm", s / 3600, s / 60 % 60);
}

static int64_t number(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

static void bar(char *out, size_t width, int64_t have, int64_t total)
{
	size_t full =
		total > 0
			? (size_t)((double)have / (double)total * (double)width)
			: width;

	for (size_t i = 0; i < width; i++)
		out[i] = i < full ? '#' : '.';
	out[width] = '\0';
}

/* Of a transfer; a check has no rates. */
static void put_rates(char *out, size_t cap, const json_t *event)
{
	const char *spent = json_string_value(json_object_get(event, "spent"));
	char down[16], up[16], left[16], tail[64] = "";

	out[0] = '\0';
	if (!json_object_get(event, "rate_down"))
		return;
	progress_bytes(down, sizeof(down), number(event, "rate_down"));
	progress_bytes(up, sizeof(up), number(event, "rate_up"));
	progress_time(left, sizeof(left),
		      json_object_get(event, "eta_s") ? number(event, "eta_s")
						      : -1);
	if (spent)
		(void)snprintf(tail, sizeof(tail), " spent %.24s", spent);
	(void)snprintf(out, cap, " down %s/s up %s/s peers %lld%s left %s",
		       down, up, (long long)number(event, "peers"), tail, left);
}

/* Before the torrent is known. */
static void metadata_line(char *out, size_t cap, const json_t *event)
{
	const json_t *m = json_object_get(event, "metadata");
	char have[16], size[16];

	progress_bytes(have, sizeof(have), number(m, "have"));
	progress_bytes(size, sizeof(size), number(m, "size"));
	(void)snprintf(out, cap, "fetching metadata: %s of %s, %lld peers",
		       have, number(m, "size") > 0 ? size : "?",
		       (long long)number(event, "peers"));
}

void progress_line(char *out, size_t cap, int width, const json_t *event)
{
	bool part = json_object_get(event, "wanted") != NULL;
	int64_t have = number(event, part ? "wanted_have" : "have");
	int64_t total = number(event, part ? "wanted" : "total");
	char done[16], all[16], cells[32], rates[160];
	long percent = total > 0 ? (long)(have * 100 / total) : 100;
	size_t len;

	if (json_object_get(event, "metadata")) {
		metadata_line(out, cap, event);
		return;
	}
	progress_bytes(done, sizeof(done), have);
	progress_bytes(all, sizeof(all), total);
	put_rates(rates, sizeof(rates), event);
	bar(cells, width > 100 ? 20 : 10, have, total);
	(void)snprintf(out, cap, "%3ld%% [%s] %s/%s%s", percent, cells, done,
		       all, rates);
	len = strlen(out);
	if (width > 0 && len >= (size_t)width && (size_t)width < cap)
		out[width - 1] = '\0';
}

static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		return size.ws_col;
	return 80;
}

static void draw(struct progress *p, const json_t *event)
{
	char line[512];
	int64_t have = number(event, "have"), total = number(event, "total");
	int tenth;

	if (json_object_get(event, "metadata"))
		total = 1;
	if (total <= 0) /* nothing is known yet, or there is nothing */
		return;
	progress_line(line, sizeof(line), p->terminal ? columns() : 0, event);
	tenth = (int)(have * 10 / total);
	if (p->terminal) {
		(void)fprintf(stderr, "\r\033[K%s", line);
		p->drawn = true;
	} else if (tenth != p->last_tenth) {
		(void)fprintf(stderr, "%s\n", line);
	}
	p->last_tenth = tenth;
}

void progress_event(struct progress *p, const json_t *event)
{
	const char *type = json_string_value(json_object_get(event, "type"));
	const char *text = json_string_value(json_object_get(event, "text"));

	if (p->quiet || !type)
		return;
	if (strcmp(type, "progress") == 0) {
		draw(p, event);
		return;
	}
	if (!text)
		return;
	progress_end(p);
	(void)fprintf(stderr, "%s\n", text);
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		(void)fputc('\n', stderr);
	p->drawn = false;
}
