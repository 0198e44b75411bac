#include "wire/find/turns.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct turns_server {
	struct turns_server *next;
	uint64_t key;		   /* of scheme, host and port */
	struct turn *first, *last; /* those that wait */
	struct turn *last_first; /* the last of those that came with `first` */
	unsigned asking;
	unsigned in_vain; /* questions in a row */
	bool hopeless;	  /* nobody waits for it */
};

struct turns {
	/* in the order in which they take turns */
	struct turns_server *servers;
	unsigned n_servers;
	unsigned per_server, in_all;
	unsigned asking, waiting;
	bool any_hopeless;
	uint8_t key[crypto_shorthash_KEYBYTES];
};

struct turns *turns_new(struct rng rng, unsigned per_server, unsigned in_all)
{
	struct turns *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	turns_widen(s, per_server, in_all);
	rng_fill(&rng, s->key, sizeof(s->key));
	return s;
}

void turns_free(struct turns *s)
{
	if (!s)
		return;
	while (s->servers) {
		struct turns_server *v = s->servers;

		s->servers = v->next;
		free(v);
	}
	free(s);
}

void turns_widen(struct turns *s, unsigned per_server, unsigned in_all)
{
	s->per_server = per_server;
	s->in_all = in_all;
}

/* --- servers ---------------------------------------------------------------
 */

/* Two servers have one key as good as never, and then share their turns. */
static uint64_t key_of(const struct turns *s, const char *url)
{
	const char *host = strstr(url, "://");
	size_t len = host ? (size_t)(host - url) + 3 : 0;
	uint8_t out[crypto_shorthash_BYTES];
	char text[512];
	uint64_t key;

	len += strcspn(url + len, "/?");
	if (len > sizeof(text)) /* no host is so long */
		len = sizeof(text);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)tolower((unsigned char)url[i]);
	(void)crypto_shorthash(out, (const uint8_t *)text, len, s->key);
	memcpy(&key, out, sizeof(key));
	return key;
}

static bool is_idle(const struct turns_server *v)
{
	return !v->first && v->asking == 0;
}

static void unlink_server(struct turns *s, const struct turns_server *v)
{
	struct turns_server **at = &s->servers;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
}

static void put_last(struct turns *s, struct turns_server *v)
{
	struct turns_server **at = &s->servers;

	while (*at)
		at = &(*at)->next;
	v->next = NULL;
	*at = v;
}

static void forget(struct turns *s, struct turns_server *v)
{
	unlink_server(s, v);
	s->n_servers--;
	free(v);
}

static bool make_room(struct turns *s)
{
	struct turns_server *v = s->servers;

	while (v && !is_idle(v))
		v = v->next;
	if (!v)
		return false;
	forget(s, v);
	return true;
}

static struct turns_server *find(const struct turns *s, uint64_t key)
{
	struct turns_server *v = s->servers;

	while (v && v->key != key)
		v = v->next;
	return v;
}

static enum err_code need(struct turns *s, struct turns_server **out,
			  const char *url, struct err *e)
{
	const uint64_t key = key_of(s, url);
	struct turns_server *v = find(s, key);

	*out = v;
	if (v)
		return ERR_NONE;
	if (s->n_servers == TURNS_SERVERS_MAX && !make_room(s))
		return err_fail(e, ERR_LIMIT, "tracker: %u others are asked",
				s->n_servers);
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_fail(e, ERR_NOMEM, "tracker");
	v->key = key;
	s->n_servers++;
	put_last(s, v);
	*out = v;
	return ERR_NONE;
}

/* --- places ----------------------------------------------------------------
 */

static void insert(struct turns_server *v, struct turn *t, bool first)
{
	t->prev = first ? v->last_first : v->last;
	t->next = t->prev ? t->prev->next : v->first;
	*(t->prev ? &t->prev->next : &v->first) = t;
	*(t->next ? &t->next->prev : &v->last) = t;
	if (first)
		v->last_first = t;
}

static void take_out(struct turns *s, struct turn *t)
{
	struct turns_server *v = t->server;

	if (v->last_first == t)
		v->last_first = t->prev;
	*(t->prev ? &t->prev->next : &v->first) = t->next;
	*(t->next ? &t->next->prev : &v->last) = t->prev;
	t->next = t->prev = NULL;
	s->waiting--;
}

enum err_code turns_join(struct turns *s, struct turn *t, const char *url,
			 bool first, struct err *e)
{
	struct turns_server *v;
	enum err_code code = need(s, &v, url, e);

	if (code != ERR_NONE)
		return code;
	*t = (struct turn){.server = v};
	insert(v, t, first);
	s->waiting++;
	return ERR_NONE;
}

static bool may_ask(const struct turns *s, const struct turns_server *v)
{
	unsigned most = v->in_vain == TURNS_VAIN ? 1 : s->per_server;

	return v->first && !v->hopeless && v->asking < most;
}

struct turn *turns_next(struct turns *s)
{
	struct turns_server *v = s->servers;
	struct turn *t;

	if (s->waiting == 0 || s->asking >= s->in_all)
		return NULL;
	while (v && !may_ask(s, v))
		v = v->next;
	if (!v)
		return NULL;
	t = v->first;
	take_out(s, t);
	t->asking = true;
	v->asking++;
	s->asking++;
	unlink_server(s, v);
	put_last(s, v);
	return t;
}

static struct turn *vain_of(struct turns *s, struct turns_server *v)
{
	struct turn *t = v->first;

	v->hopeless &= t != NULL;
	if (!t)
		return NULL;
	take_out(s, t);
	t->server = NULL;
	return t;
}

struct turn *turns_vain(struct turns *s)
{
	struct turn *t = NULL;

	if (!s->any_hopeless)
		return NULL;
	for (struct turns_server *v = s->servers; v && !t; v = v->next)
		if (v->hopeless)
			t = vain_of(s, v);
	s->any_hopeless = t != NULL;
	return t;
}

/* What a question came to tells of its server. */
static void judge(struct turns *s, struct turns_server *v, enum turn_end end)
{
	switch (end) {
	case TURN_ANSWERED:
		v->in_vain = 0;
		v->hopeless = false;
		break;
	case TURN_SILENT:
		v->in_vain += v->in_vain < TURNS_VAIN;
		if (v->in_vain == TURNS_VAIN && v->first)
			v->hopeless = s->any_hopeless = true;
		break;
	case TURN_CANCELLED:
		break;
	}
}

void turns_end(struct turns *s, struct turn *t, enum turn_end end)
{
	struct turns_server *v = t->server;

	if (!v)
		return;
	if (t->asking) {
		v->asking--;
		s->asking--;
		judge(s, v, end);
	} else {
		take_out(s, t);
	}
	*t = (struct turn){0};
	if (is_idle(v) && v->in_vain == 0)
		forget(s, v);
}

unsigned turns_asking(const struct turns *s)
{
	return s->asking;
}

unsigned turns_waiting(const struct turns *s)
{
	return s->waiting;
}
