#include "base/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct value {
	bool set; /* by the user; a default leaves it false */
	int64_t number;
	char *text;
	char *list[OPT_LIST_MAX];
	size_t list_count;
};

struct options {
	const struct option *table;
	size_t count;
	struct value *values;
};

static size_t edit_distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b);

	if (la >= 63 || lb >= 63)
		return 63;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t swap = diagonal + (a[i - 1] != b[j - 1]);
			size_t best = row[j] < row[j - 1] ? row[j] : row[j - 1];

			diagonal = row[j];
			row[j] = best + 1 < swap ? best + 1 : swap;
		}
	}
	return row[lb];
}

static const struct option *nearest(const struct options *o, const char *name)
{
	const struct option *best = NULL;
	/* a word of which every letter would change is no slip */
	size_t least = strlen(name) < 4 ? strlen(name) : 4;

	for (size_t i = 0; i < o->count; i++) {
		size_t d = edit_distance(name, o->table[i].name);

		if (d < least) {
			least = d;
			best = &o->table[i];
		}
	}
	return best;
}

static struct value *find(const struct options *o, const char *name,
			  const struct option **option)
{
	for (size_t i = 0; i < o->count; i++) {
		if (strcmp(o->table[i].name, name) != 0)
			continue;
		if (option)
			*option = &o->table[i];
		return &o->values[i];
	}
	return NULL;
}

static enum err_code unknown(const struct options *o, const char *name,
			     struct err *e)
{
	const struct option *near = nearest(o, name);

	if (near)
		return err_fail(e, ERR_PARSE,
				"unknown option '%.40s'; did you mean '%s'?",
				name, near->name);
	return err_fail(e, ERR_PARSE, "unknown option '%.40s'; see --help",
			name);
}

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},	  {"B", 1},
	{"K", 1024},	  {"KiB", 1024},
	{"M", 1LL << 20}, {"MiB", 1LL << 20},
	{"G", 1LL << 30}, {"GiB", 1LL << 30},
	{"T", 1LL << 40}, {"TiB", 1LL << 40},
	{NULL, 0},
};

static const struct unit time_units[] = {
	{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0},
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static bool parse_number(const char *text, const struct unit *units,
			 int64_t *out)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (end == text || errno || text[0] == ' ')
		return false;
	for (; units->name; units++) {
		if (strcasecmp(end, units->name) != 0)
			continue;
		return !__builtin_mul_overflow((int64_t)n, units->factor, out);
	}
	return false;
}

static bool parse_flag(const char *text, int64_t *out)
{
	static const char *const words[] = {"no",  "yes", "false", "true",
					    "off", "on",  "0",	   "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*out = (int64_t)(i & 1);
			return true;
		}
	}
	return false;
}

static bool is_amount(const char *text)
{
	size_t digits = 0, points = 0;

	for (; *text; text++) {
		if (*text == '.')
			points++;
		else if (*text >= '0' && *text <= '9')
			digits++;
		else
			return false;
	}
	return digits > 0 && digits <= 60 && points <= 1;
}

bool options_read_size(int64_t *out, const char *text)
{
	return parse_number(text, size_units, out) && *out >= 0;
}

static bool is_text(const char *text)
{
	size_t len = strlen(text);

	if (len > OPT_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static const char *wants(enum opt_type type)
{
	switch (type) {
	case OPT_FLAG:
		return "yes or no";
	case OPT_INT:
		return "a whole number";
	case OPT_SIZE:
		return "a size such as 64MiB";
	case OPT_RATE:
		return "bytes per second such as 2MiB, or none";
	case OPT_DURATION:
		return "a time such as 90s, 15m, 2h or 7d";
	case OPT_AMOUNT:
		return "a decimal number such as 1.5";
	case OPT_STRING:
	case OPT_LIST:
		return "text without control characters";
	case OPT_ENDPOINT:
		return "HOST:PORT or [IPV6]:PORT";
	}
	return "";
}

/* What the bounds of a range count, for its error. */
static const char *counted(enum opt_type type)
{
	if (type == OPT_DURATION)
		return " seconds";
	return type == OPT_SIZE || type == OPT_RATE ? " bytes" : "";
}

static bool check(const struct option *option, const char *text,
		  int64_t *number)
{
	char host[256];
	uint16_t port;

	switch (option->type) {
	case OPT_FLAG:
		return parse_flag(text, number);
	case OPT_INT:
		return parse_number(text, no_units, number);
	case OPT_SIZE:
		return parse_number(text, size_units, number) && *number >= 0;
	case OPT_RATE:
		if (strcasecmp(text, "none") == 0) {
			*number = 0;
			return true;
		}
		return parse_number(text, size_units, number) && *number >= 0;
	case OPT_DURATION:
		return parse_number(text, time_units, number) && *number >= 0;
	case OPT_AMOUNT:
		return is_amount(text);
	case OPT_STRING:
	case OPT_LIST:
		return is_text(text);
	case OPT_ENDPOINT:
		return options_split_endpoint(text, host, sizeof(host), &port,
					      NULL) == ERR_NONE;
	}
	return false;
}

static enum err_code keep_text(struct value *v, const struct option *option,
			       const char *text, struct err *e)
{
	char *copy = strdup(text);

	if (!copy)
		return err_fail(e, ERR_NOMEM, "option %s", option->name);
	if (option->type == OPT_LIST) {
		if (v->list_count == OPT_LIST_MAX) {
			free(copy);
			return err_fail(e, ERR_LIMIT,
					"--%s: given more than %d times",
					option->name, OPT_LIST_MAX);
		}
		v->list[v->list_count++] = copy;
		return ERR_NONE;
	}
	free(v->text);
	v->text = copy;
	return ERR_NONE;
}

static enum err_code set_value(struct value *v, const struct option *option,
			       const char *text, struct err *e)
{
	int64_t number = 0;

	if (!check(option, text, &number))
		return err_fail(e, ERR_PARSE, "--%s '%.60s': want %s",
				option->name, text, wants(option->type));
	if ((option->min || option->max) &&
	    (number < option->min || number > option->max))
		return err_fail(e, ERR_PARSE, "--%s %.40s: want %lld to %lld%s",
				option->name, text, (long long)option->min,
				(long long)option->max, counted(option->type));
	v->number = number;
	return keep_text(v, option, text, e);
}

enum err_code options_new(struct options **out, const struct option *table,
			  size_t count, struct err *e)
{
	struct options *o = calloc(1, sizeof(*o));

	if (o)
		o->values = calloc(count ? count : 1, sizeof(*o->values));
	if (!o || !o->values) {
		free(o);
		return err_fail(e, ERR_NOMEM, "options");
	}
	o->table = table;
	o->count = count;
	for (size_t i = 0; i < count; i++) {
		enum err_code code;

		if (!table[i].fallback)
			continue;
		code = set_value(&o->values[i], &table[i], table[i].fallback,
				 e);
		if (code != ERR_NONE) {
			options_free(o);
			return code == ERR_NOMEM ? code : ERR_STATE;
		}
	}
	*out = o;
	return ERR_NONE;
}

void options_free(struct options *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->count; i++) {
		free(o->values[i].text);
		for (size_t j = 0; j < o->values[i].list_count; j++)
			free(o->values[i].list[j]);
	}
	free(o->values);
	free(o);
}

enum err_code options_set(struct options *o, const char *name,
			  const char *value, struct err *e)
{
	const struct option *option;
	struct value *v = find(o, name, &option);
	enum err_code code;

	if (!v)
		return unknown(o, name, e);
	code = set_value(v, option, value, e);
	if (code == ERR_NONE)
		v->set = true;
	return code;
}

/* One `--...` word; *used is 2 when it took the next word as its value. */
static enum err_code take_word(struct options *o, const char *word,
			       const char *next, int *used, struct err *e)
{
	const struct option *option;
	const char *eq = strchr(word, '=');
	char name[64];
	size_t len = eq ? (size_t)(eq - word) : strlen(word);

	*used = 1;
	if (len >= sizeof(name))
		return err_fail(e, ERR_PARSE, "option '%.40s...' is too long",
				word);
	memcpy(name, word, len);
	name[len] = '\0';
	if (!find(o, name, &option)) {
		if (!eq && strncmp(name, "no-", 3) == 0 &&
		    find(o, name + 3, &option) && option->type == OPT_FLAG)
			return options_set(o, name + 3, "no", e);
		return unknown(o, name, e);
	}
	if (eq)
		return options_set(o, name, eq + 1, e);
	if (option->type == OPT_FLAG)
		return options_set(o, name, "yes", e);
	if (!next)
		return err_fail(e, ERR_PARSE, "--%s needs a value: %s", name,
				wants(option->type));
	*used = 2;
	return options_set(o, name, next, e);
}

enum err_code options_parse_args(struct options *o, int argc,
				 char *const argv[], const char **rest,
				 int *rest_count, struct err *e)
{
	*rest_count = 0;
	for (int i = 0; i < argc;) {
		enum err_code code;
		int used;

		if (strcmp(argv[i], "--") == 0) {
			for (i++; i < argc; i++)
				rest[(*rest_count)++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			rest[(*rest_count)++] = argv[i++];
			continue;
		}
		if (argv[i][1] != '-')
			return err_fail(e, ERR_PARSE,
					"unknown option '%.40s'; see --help",
					argv[i]);
		code = take_word(o, argv[i] + 2,
				 i + 1 < argc ? argv[i + 1] : NULL, &used, e);
		if (code != ERR_NONE)
			return code;
		i += used;
	}
	return ERR_NONE;
}

static char *trim(char *s)
{
	char *end;

	while (*s == ' ' || *s == '\t')
		s++;
	end = s + strlen(s);
	while (end > s &&
	       (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		*--end = '\0';
	return s;
}

static enum err_code take_line(struct options *o, const char *what,
			       unsigned number, char *line,
			       const struct options *others, struct err *e)
{
	struct err inner = {0};
	char *eq, *name;

	line = trim(line);
	if (!*line || *line == '#')
		return ERR_NONE;
	eq = strchr(line, '=');
	if (!eq)
		return err_fail(e, ERR_PARSE, "%s line %u: want NAME = VALUE",
				what, number);
	*eq = '\0';
	name = trim(line);
	if (others && find(others, name, NULL))
		return ERR_NONE;
	if (options_set(o, name, trim(eq + 1), &inner) != ERR_NONE)
		return err_fail(e, inner.code, "%s line %u: %.110s", what,
				number, inner.msg);
	return ERR_NONE;
}

enum err_code options_parse_file(struct options *o, const char *what,
				 const char *text, size_t len,
				 const struct options *others, struct err *e)
{
	char line[OPT_TEXT_MAX + 128];
	unsigned number = 0;

	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;
		enum err_code code;

		number++;
		if (n >= sizeof(line) || memchr(text, '\0', n))
			return err_fail(e, ERR_PARSE,
					"%s line %u: too long, or not text",
					what, number);
		memcpy(line, text, n);
		line[n] = '\0';
		code = take_line(o, what, number, line, others, e);
		if (code != ERR_NONE)
			return code;
		text += n + (nl != NULL);
		len -= n + (nl != NULL);
	}
	return ERR_NONE;
}

bool options_is_set(const struct options *o, const char *name)
{
	const struct value *v = find(o, name, NULL);

	return v && v->set;
}

bool options_flag(const struct options *o, const char *name)
{
	return options_int(o, name) != 0;
}

int64_t options_int(const struct options *o, const char *name)
{
	const struct value *v = find(o, name, NULL);

	return v ? v->number : 0;
}

const char *options_text(const struct options *o, const char *name)
{
	const struct value *v = find(o, name, NULL);

	return v ? v->text : NULL;
}

size_t options_list_count(const struct options *o, const char *name)
{
	const struct value *v = find(o, name, NULL);

	return v ? v->list_count : 0;
}

const char *options_list_at(const struct options *o, const char *name, size_t i)
{
	const struct value *v = find(o, name, NULL);

	return v && i < v->list_count ? v->list[i] : NULL;
}

static void print_wrapped(FILE *out, const char *text, int indent)
{
	int column = indent;

	while (*text) {
		int word = (int)strcspn(text, " ");

		if (column + word > 79 && column > indent) {
			(void)fprintf(out, "\n%*s", indent, "");
			column = indent;
		}
		(void)fprintf(out, "%.*s", word, text);
		column += word;
		text += word;
		if (*text == ' ') {
			(void)fputc(' ', out);
			column++;
			text++;
		}
	}
	(void)fputc('\n', out);
}

void options_print_help(const struct option *table, size_t count, FILE *out)
{
	enum { INDENT = 26 };

	for (size_t i = 0; i < count; i++) {
		char left[64], text[OPT_TEXT_MAX];
		int n = snprintf(left, sizeof(left), "  --%s%s%s",
				 table[i].name, table[i].arg ? " " : "",
				 table[i].arg ? table[i].arg : "");

		(void)fprintf(out, "%-*s", INDENT, left);
		if (n >= INDENT)
			(void)fprintf(out, "\n%*s", INDENT, "");
		if (table[i].fallback && table[i].type != OPT_FLAG)
			(void)snprintf(text, sizeof(text), "%s (default %s)",
				       table[i].help, table[i].fallback);
		else
			(void)snprintf(text, sizeof(text), "%s", table[i].help);
		print_wrapped(out, text, INDENT);
	}
}

enum err_code options_split_endpoint(const char *text, char *host,
				     size_t host_cap, uint16_t *port,
				     struct err *e)
{
	const char *colon = strrchr(text, ':'), *begin = text, *end = colon;
	int64_t n;

	if (!colon || !parse_number(colon + 1, no_units, &n) || n < 0 ||
	    n > 65535)
		return err_fail(e, ERR_PARSE, "'%.60s': want HOST:PORT", text);
	if (*begin == '[') {
		if (colon == text || colon[-1] != ']')
			return err_fail(e, ERR_PARSE,
					"'%.60s': want [IPV6]:PORT", text);
		begin++;
		end--;
	} else if (memchr(begin, ':', (size_t)(end - begin))) {
		return err_fail(e, ERR_PARSE,
				"'%.60s': write IPv6 as [ADDRESS]:PORT", text);
	}
	if (end <= begin || (size_t)(end - begin) >= host_cap)
		return err_fail(e, ERR_PARSE, "'%.60s': want HOST:PORT", text);
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	*port = (uint16_t)n;
	return ERR_NONE;
}
