#include "node/core/methods.h"

#include "base/address.h"
#include "node/find/dht_node.h"
#include "node/money/money.h"
#include "node/net/portmap.h"
#include "node/renter/tenure.h"
#include "node/swarm/torrent.h"

const struct method methods[] = {
	{"add", false, false, method_add},
	{"list", false, true, method_list},
	{"pause", false, true, method_pause},
	{"resume", false, true, method_resume},
	{"move", false, true, method_move},
	{"remove", false, true, method_remove},
	{"files", false, true, method_files},
	{"verify", false, false, method_verify},
	{"scrape", false, false, method_scrape},
	{"status", false, false, method_status},
	{"stop", false, true, method_stop},
	{"deploy", true, false, method_deploy},
	{"mint", true, false, method_mint},
	{"deposit", true, false, method_deposit},
	{"withdraw", true, false, method_withdraw},
	{"reserve", true, false, method_reserve},
	{"release", true, false, method_release},
	{"settle", true, false, method_settle},
	{"exposure", true, false, method_exposure},
	{"ledger_check", true, false, method_ledger_check},
	{"ledger_export", true, false, method_ledger_export},
	{"host_enable", true, false, method_host_enable},
	{"host_status", false, false, method_host_status},
	{"host_disable", false, false, method_host_disable},
	{"store_put", true, false, method_store_put},
	{"store_cost", true, false, method_store_cost},
	{"store_hosts", true, false, method_store_hosts},
	{"store_ls", true, false, method_store_ls},
	{"store_get", true, false, method_store_get},
	{"store_share", true, false, method_store_share},
	{"store_rm", true, false, method_store_rm},
	{"store_renew", true, false, method_store_renew},
	{"store_pay", true, false, method_store_pay},
	{"store_status", true, false, method_store_status},
	{"store_audit", true, false, method_store_audit},
	{"restore", true, false, method_restore},
	{"store_repair", true, false, method_store_repair},
	{"steward_add", true, true, method_steward_add},
	{"steward_ls", true, false, method_steward_ls},
	{"steward_rm", true, false, method_steward_rm},
};
const size_t method_count = sizeof(methods) / sizeof(methods[0]);

static void add_totals(const struct money *m, const struct purse *p, json_t *o)
{
	struct book_totals t;
	char text[MONEY_TEXT_MAX];
	struct err e = {0};

	if (book_totals(p->book, &t, &e) != ERR_NONE) {
		(void)json_object_set_new(o, "trouble", json_string(e.msg));
		return;
	}
	(void)json_object_set_new(o, "earned",
				  json_string(money_text(m, t.final, text)));
	(void)json_object_set_new(o, "secured",
				  json_string(money_text(m, t.secured, text)));
	(void)json_object_set_new(o, "promised",
				  json_string(money_text(m, t.promised, text)));
	(void)json_object_set_new(o, "spent",
				  json_string(money_text(m, t.spent, text)));
	(void)json_object_set_new(o, "in_bank",
				  json_string(money_text(m, t.bank, text)));
	(void)json_object_set_new(o, "reserved",
				  json_string(money_text(m, t.reserved, text)));
	(void)json_object_set_new(o, "in_wallet",
				  json_string(money_text(m, t.wallet, text)));
}

/* What there is for fees, when it was last read; stake goes before coin. */
static void add_means(const struct money *m, const struct purse *p, json_t *o)
{
	char text[MONEY_TEXT_MAX];

	if (!p->means.known)
		return;
	(void)json_object_set_new(
		o, "coin",
		json_string(amount_to_dec(text, p->means.coin,
					  m->profile.coin_decimals)));
	if (m->profile.kind != PROFILE_TRON)
		return;
	(void)json_object_set_new(o, "staked_energy",
				  json_integer((json_int_t)p->means.units));
	(void)json_object_set_new(o, "staked_bandwidth",
				  json_integer((json_int_t)p->means.bytes));
	(void)json_object_set_new(
		o, "free_bandwidth",
		json_integer((json_int_t)p->means.free_bytes));
}

/* What agreements hold of it, and what they brought and cost. */
static void add_rent(const struct money *m, json_t *o)
{
	struct book_totals t;
	char text[MONEY_TEXT_MAX];

	if (book_totals(m->storage.book, &t, NULL) != ERR_NONE)
		return;
	(void)json_object_set_new(o, "in_funds",
				  json_string(money_text(m, t.fund, text)));
	(void)json_object_set_new(
		o, "collateral",
		json_string(money_text(m, t.collateral, text)));
	(void)json_object_set_new(
		o, "rent_earned",
		json_string(money_text(m, t.rent_earned, text)));
	(void)json_object_set_new(
		o, "rent_paid", json_string(money_text(m, t.rent_paid, text)));
	(void)json_object_set_new(o, "burnt",
				  json_string(money_text(m, t.burnt, text)));
}

/* The storage account, where something is rented. */
static json_t *storage_json(const struct money *m)
{
	char text[ADDRESS_TEXT_MAX];
	json_t *o = json_pack(
		"{ss}", "address",
		address_text(text, &m->storage.me, m->profile.address));

	add_totals(m, &m->storage, o);
	add_means(m, &m->storage, o);
	add_rent(m, o);
	return o;
}

static void add_wallet(const struct engine *en, json_t *o)
{
	const struct money *m = en->money;
	char text[ADDRESS_TEXT_MAX];

	if (!m) {
		(void)json_object_set_new(
			o, "wallet",
			json_string(en->no_wallet[0] ? en->no_wallet : "none"));
		return;
	}
	(void)json_object_set_new(o, "wallet",
				  json_string(!m->open	  ? "being opened"
					      : m->pinned ? "open"
							  : m->trouble.msg));
	if (!m->open)
		return;
	(void)json_object_set_new(
		o, "address",
		json_string(address_text(text, &m->bandwidth.me,
					 m->profile.address)));
	if (!address_is_zero(&m->domain.bank))
		(void)json_object_set_new(
			o, "bank",
			json_string(address_text(text, &m->domain.bank,
						 m->profile.address)));
	if (m->profile.has_token)
		(void)json_object_set_new(
			o, "token",
			json_string(address_text(text, &m->profile.token,
						 m->profile.address)));
	add_totals(m, &m->bandwidth, o);
	add_means(m, &m->bandwidth, o);
	if (m->storage.book)
		(void)json_object_set_new(o, "storage", storage_json(m));
}

/* What a daemon knows of what is stored: `store status` says more. */
static void add_tenure(const struct engine *en, json_t *o)
{
	struct tenure_view v;

	if (!en->tenure)
		return;
	v = tenure_view(en->tenure);
	(void)json_object_set_new(o, "store",
				  json_pack("{si si}", "ending", (int)v.ending,
					    "unpaid", (int)v.unpaid));
}

void method_status(struct engine *en, const json_t *params, struct call *c)
{
	json_t *o = json_object(), *mapping;
	json_int_t torrents = 0;

	(void)params;
	for (struct torrent *t = en->torrents; t; t = torrent_next(t))
		torrents++;
	(void)json_object_set_new(o, "version", json_string(SEEDBANK_VERSION));
	(void)json_object_set_new(o, "daemon", json_boolean(en->daemon));
	(void)json_object_set_new(o, "home", json_string(en->home.path));
	if (en->daemon) {
		(void)json_object_set_new(o, "port",
					  json_integer(en->listen_port));
		(void)json_object_set_new(o, "torrents",
					  json_integer(torrents));
		(void)json_object_set_new(o, "connections",
					  json_integer(links_count(en->links)));
		mapping = portmap_json(en->portmap);
		if (mapping)
			(void)json_object_set_new(o, "port_mapping", mapping);
	}
	if (en->daemon)
		(void)json_object_set_new(o, "dht", dht_node_json(en->dht));
	add_wallet(en, o);
	add_tenure(en, o);
	call_result(c, o);
}

void method_stop(struct engine *en, const json_t *params, struct call *c)
{
	(void)params;
	call_result(c, json_pack("{ss}", "text", "stopping"));
	engine_stop(en);
}

const char *method_text(const json_t *params, const char *key)
{
	return json_string_value(json_object_get(params, key));
}
