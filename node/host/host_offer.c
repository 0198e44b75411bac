/* host_offer.c - the sheet and the endpoint record: signed, renewed, kept.
 *
 * A sheet is good for OFFER_S and is signed anew when half of that is over, or
 * when prices change. Earlier ones stay in memory until renters may not refer
 * to them any more; those that an agreement names stay in the book's notes,
 * under their digest. */
#include "node/host/host_int.h"

#include "base/clock.h"
#include "base/eip712.h"
#include "base/hex.h"
#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define OFFER_S (6 * 3600)
#define ENDPOINT_S 86400
#define RETRY_S 10
#define NOTE_LEN (SHEET_LEN + 64)
#define NOTE_NOW "host sheet"
#define NOTE_KEY_MAX 80

struct host_scale host_scale_of(const struct host *h)
{
	return (struct host_scale){.decimals = h->en->money->decimals,
				   .period_ms =
					   renting_period_ms(h->en->renting)};
}

static struct book *book_of(const struct host *h)
{
	return h->en->money->storage.book;
}

/* ---- notes ---- */

static void note_key(char out[NOTE_KEY_MAX], const struct hash32 *digest)
{
	char hex[HEX_LEN(32) + 1];

	hex_encode(hex, digest->bytes, 32);
	(void)snprintf(out, NOTE_KEY_MAX, NOTE_NOW " %s", hex);
}

static enum err_code note_put(struct host *h, const char *key,
			      const struct rent_offer *o, struct err *e)
{
	uint8_t note[NOTE_LEN];
	struct wr w = wr_into(note, sizeof(note));
	enum err_code code;

	sheet_put(&w, &o->sheet);
	wr_copy(&w, o->sig.bytes, sizeof(o->sig.bytes));
	if (wr_len(&w) != NOTE_LEN)
		return err_fail(e, ERR_LIMIT, "a sheet out of range");
	code = book_note_set(book_of(h), key, note, sizeof(note), e);
	return code == ERR_NONE ? book_commit_now(book_of(h), e) : code;
}

static bool note_get(const struct host *h, const char *key,
		     struct rent_offer *out)
{
	uint8_t note[NOTE_LEN];
	struct hash32 domain = renting_domain(h->en->renting);
	size_t len = sizeof(note);
	struct rd r;

	if (book_note_get(book_of(h), key, note, &len, NULL) != ERR_NONE ||
	    len != sizeof(note))
		return false;
	r = rd_from(note, len);
	sheet_get(&r, &out->sheet);
	rd_copy(&r, out->sig.bytes, sizeof(out->sig.bytes));
	out->digest = eip712_sheet(&domain, &out->sheet);
	return rd_done(&r);
}

/* ---- which offer ---- */

static bool same_hash(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static struct rent_offer *remember(struct host *h, const struct rent_offer *o)
{
	struct rent_offer *at;

	if (h->n_old < HOST_OLD_OFFERS)
		at = &h->old[h->n_old++];
	else
		at = &h->old[h->next_old++ % HOST_OLD_OFFERS];
	*at = *o;
	return at;
}

const struct rent_offer *offer_find(void *ctx, const struct hash32 *digest)
{
	struct host *h = ctx;
	struct rent_offer noted;
	char key[NOTE_KEY_MAX];

	if (!digest)
		return h->has_offer ? &h->offer : NULL;
	if (h->has_offer && same_hash(&h->offer.digest, digest))
		return &h->offer;
	for (unsigned i = 0; i < h->n_old; i++)
		if (same_hash(&h->old[i].digest, digest))
			return &h->old[i];
	note_key(key, digest);
	if (note_get(h, key, &noted) && same_hash(&noted.digest, digest))
		return remember(h, &noted);
	return NULL;
}

enum err_code offer_keep(struct host *h, const struct hash32 *digest,
			 struct err *e)
{
	const struct rent_offer *o = offer_find(h, digest);
	struct rent_offer there;
	char key[NOTE_KEY_MAX];

	if (!o)
		return err_fail(e, ERR_STATE, "no such sheet of ours");
	note_key(key, digest);
	if (note_get(h, key, &there))
		return ERR_NONE;
	return note_put(h, key, o, e);
}

/* ---- signing sheets ---- */

/* Are these the same prices? */
static bool same_prices(const struct sheet *a, const struct sheet *b)
{
	uint8_t x[SHEET_LEN], y[SHEET_LEN];
	struct sheet copy = *b;
	struct wr w = wr_into(x, sizeof(x)), v = wr_into(y, sizeof(y));

	copy.expires = a->expires;
	sheet_put(&w, a);
	sheet_put(&v, &copy);
	return memcmp(x, y, sizeof(x)) == 0;
}

static void on_sheet(void *ctx, const struct signer_reply *r,
		     const struct err *e)
{
	struct host *h = ctx;
	struct hash32 domain = renting_domain(h->en->renting);
	struct err why = {0};

	h->signing_offer = false;
	if (e) {
		h->offer_retry_s = clock_unix_s() + RETRY_S;
		host_alarm(h, false, "prices could not be signed: %s", e->msg);
		return;
	}
	if (h->has_offer)
		(void)remember(h, &h->offer);
	h->offer.sheet = h->wanted;
	h->offer.sig = r->u.sig;
	h->offer.digest = eip712_sheet(&domain, &h->wanted);
	h->has_offer = true;
	pay_new_offer(h);
	if (note_put(h, NOTE_NOW, &h->offer, &why) != ERR_NONE)
		host_alarm(h, false, "prices were not noted: %s", why.msg);
	log_line(h->en->log, LOG_INFO, "host", "sheet signed expires=%llu",
		 (unsigned long long)h->wanted.expires);
}

/* The sheet as it should be; false: there are no prices. */
static bool wanted(struct host *h, struct sheet *out)
{
	struct host_scale scale = host_scale_of(h);
	struct err e = {0};

	if (!*h->conf.price || host_sheet(out, &h->conf, &scale, &e)) {
		if (*h->conf.price && !h->offer_retry_s)
			host_alarm(h, true, "no prices: %s", e.msg);
		return false;
	}
	out->host = renting_me(h->en->renting);
	out->expires = (uint64_t)clock_unix_s() + OFFER_S;
	return true;
}

static bool fresh(const struct host *h, const struct rent_offer *o,
		  const struct sheet *want)
{
	(void)h;
	return same_prices(&o->sheet, want) &&
	       (int64_t)o->sheet.expires - clock_unix_s() > OFFER_S / 2;
}

static void sign_sheet(struct host *h)
{
	const struct money *m = h->en->money;
	struct signer_request q = {.type = SIGNER_SHEET};
	struct err e = {0};
	int64_t now = clock_unix_s();

	if (h->signing_offer || now < h->offer_retry_s)
		return;
	if (!wanted(h, &h->wanted)) {
		h->offer_retry_s = now + 3600;
		return;
	}
	if (h->has_offer && fresh(h, &h->offer, &h->wanted))
		return;
	q.u.sheet = (struct signer_sheet){.chain_id = m->domain.chain_id,
					  .bank = m->domain.bank,
					  .sheet = h->wanted};
	if (signer_ask(m->signer, &q, on_sheet, h, &e) != ERR_NONE)
		h->offer_retry_s = now + RETRY_S;
	else
		h->signing_offer = true;
}

/* ---- the endpoint ---- */

static bool listens_on(const struct host *h, struct net_addr *out)
{
	const char *text = *h->conf.endpoint
				   ? h->conf.endpoint
				   : engine_list_at(h->en, "listen", 0);
	char host[64];
	uint16_t port;

	if (!text || options_split_endpoint(text, host, sizeof(host), &port,
					    NULL) != ERR_NONE)
		return false;
	if (port == 0)
		port = h->en->listen_port;
	return port && net_addr_from_ip(out, host, port);
}

static bool is_wildcard(const uint8_t ip[16])
{
	static const uint8_t any6[16];
	static const uint8_t any4[16] = IP_ANY_V4;

	return memcmp(ip, any6, 16) == 0 || memcmp(ip, any4, 16) == 0;
}

/* Where others reach us: as told, or the address listened on, or a global one
 * of ours; on a chain of this machine, this machine. */
static bool endpoint_of(const struct host *h, struct endpoint *out)
{
	const bool local = strncmp(h->en->money->profile.name, "local", 5) == 0;
	struct net_addr at;
	char ip6[NET_IP_TEXT_MAX];

	out->host = renting_me(h->en->renting);
	out->port = h->en->listen_port;
	if (listens_on(h, &at)) {
		net_addr_to_ip16(&at, out->ip);
		out->port = net_addr_port(&at);
		if (!is_wildcard(out->ip))
			return true;
	}
	if (!out->port)
		return false;
	if (!net_global_ip6(links_net(h->en->links), ip6) ||
	    !net_addr_from_ip(&at, ip6, out->port)) {
		if (!local || !net_addr_from_ip(&at, "127.0.0.1", out->port))
			return false;
	}
	net_addr_to_ip16(&at, out->ip);
	return true;
}

static void on_endpoint(void *ctx, const struct signer_reply *r,
			const struct err *e)
{
	struct host *h = ctx;

	h->signing_endpoint = false;
	if (e) {
		h->endpoint_retry_s = clock_unix_s() + RETRY_S;
		host_alarm(h, false, "the endpoint could not be signed: %s",
			   e->msg);
		return;
	}
	h->endpoint = h->endpoint_wanted;
	h->endpoint.sig = r->u.sig;
	h->has_endpoint = true;
	endpoints_set_own(renting_peers(h->en->renting), &h->endpoint);
}

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && a->port == b->port;
}

static void sign_endpoint(struct host *h)
{
	const struct money *m = h->en->money;
	struct signer_request q = {.type = SIGNER_ENDPOINT};
	struct endpoint p = {.port = 0};
	struct err e = {0};
	int64_t now = clock_unix_s();

	if (h->signing_endpoint || now < h->endpoint_retry_s)
		return;
	h->endpoint_retry_s = now + RETRY_S;
	if (!endpoint_of(h, &p))
		return;
	if (h->has_endpoint && same_place(&h->endpoint.p, &p) &&
	    now - (int64_t)h->endpoint.p.time < ENDPOINT_S)
		return;
	p.time = (uint64_t)now;
	h->endpoint_wanted.p = p;
	q.u.endpoint = (struct signer_endpoint){.chain_id = m->domain.chain_id,
						.bank = m->domain.bank,
						.endpoint = p};
	h->signing_endpoint =
		signer_ask(m->signer, &q, on_endpoint, h, &e) == ERR_NONE;
}

/* ---- now and then ---- */

void offer_begin(struct host *h)
{
	struct sheet want;
	struct rent_offer noted;

	/* renters may have the sheet of the last run */
	if (note_get(h, NOTE_NOW, &noted)) {
		struct address me = renting_me(h->en->renting);

		if (address_eq(&noted.sheet.host, &me) && wanted(h, &want) &&
		    fresh(h, &noted, &want)) {
			h->offer = noted;
			h->has_offer = true;
		} else {
			(void)remember(h, &noted);
		}
	}
	offer_tick(h);
}

void offer_changed(struct host *h)
{
	h->offer_retry_s = h->endpoint_retry_s = 0;
	offer_tick(h);
}

void offer_tick(struct host *h)
{
	if (h->phase < HOST_LOADING)
		return;
	sign_sheet(h);
	sign_endpoint(h);
}
