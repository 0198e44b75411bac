#include "node/core/settings.h"

#include "base/address.h"
#include "base/file.h"
#include "ledger/chain/profile.h"
#include "node/host/host_conf.h"
#include "node/net/net.h"
#include "node/swarm/schedule.h"
#include "wire/reach/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CONFIG_MAX (1U << 20)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct option settings_table[] = {
	{"listen", OPT_LIST, NULL, 0, 0, "IP:PORT",
	 "address to listen on; may be given again (default every address, "
	 "port "
	 "6881)"},
	{"limit-up", OPT_RATE, "none", 0, 0, "RATE",
	 "upload limit in bytes a second"},
	{"limit-down", OPT_RATE, "none", 0, 0, "RATE",
	 "download limit in bytes a second"},
	{"dht", OPT_FLAG, "yes", 0, 0, NULL,
	 "find peers without a tracker, in the Mainline DHT"},
	{"dht-node", OPT_LIST, NULL, 0, 0, "HOST:PORT",
	 "a node of the DHT to begin with; may be given again"},
	{"dht-bootstrap", OPT_STRING,
	 "dht.transmissionbt.com:6881,router.bittorrent.com:6881,"
	 "dht.libtorrent.org:25401",
	 0, 0, "HOST:PORT,..",
	 "who is asked for nodes when nobody else answers; `none`"},
	{"dht-read-only", OPT_FLAG, "no", 0, 0, NULL,
	 "ask in the DHT, and answer nobody: for a line where each byte "
	 "counts"},
	{"limit-up-free", OPT_RATE, "none", 0, 0, "RATE",
	 "of it, for peers that do not pay"},
	{"limit-up-paid", OPT_RATE, "none", 0, 0, "RATE",
	 "of it, for peers that pay"},
	{"limit-up-rent", OPT_RATE, "none", 0, 0, "RATE",
	 "of it, for renting: sectors that are stored and read"},
	{"limit-local", OPT_FLAG, "yes", 0, 0, NULL,
	 "limits hold in one's own network, too"},
	{"limit-schedule", OPT_LIST, NULL, 0, 0, "RULE",
	 "other limits at times of the week, as in `mon-fri 08:00-18:00 up=1M "
	 "down=none` (also up-free, up-paid, up-rent; days: daily, sat,sun); "
	 "may be given again, the first that fits counts"},
	{"max-peers", OPT_INT, "200", 1, 100000, "N",
	 "connections in all torrents together"},
	{"max-peers-torrent", OPT_INT, "0", 0, 100000, "N",
	 "connections in one torrent; 0: as many as in all"},
	{"encryption", OPT_STRING, "allow", 0, 0, "HOW",
	 "connections: off, allow (plain first), prefer (encrypted first) or "
	 "require (never plain)"},
	{"pex", OPT_FLAG, "yes", 0, 0, NULL,
	 "peers tell each other of others (not of private torrents)"},
	{"lsd", OPT_FLAG, "yes", 0, 0, NULL,
	 "find peers in the local network (not of private torrents)"},
	{"utp", OPT_STRING, "yes", 0, 0, "YES|NO|ONLY",
	 "connections by uTP (BEP 29) too; only: none by TCP"},
	{"slots", OPT_INT, "8", 1, 10000, "N", "upload slots a torrent"},
	{"proxy", OPT_STRING, NULL, 0, 0, "URL",
	 "socks5://[USER:PASSWORD@]HOST[:PORT] or http://...: all that the "
	 "node sends goes through it or not at all, and nothing listens but at "
	 "`listen`"},
	{"port-mapping", OPT_FLAG, "yes", 0, 0, NULL,
	 "a daemon on a private network asks the router to let others in (PCP, "
	 "NAT-PMP or UPnP)"},
	{"free-share", OPT_INT, "25", 1, 100, "PERCENT",
	 "share of slots and upload kept for peers who do not pay"},
	{"cache", OPT_SIZE, "12MiB", 1 << 20, 1LL << 40, "SIZE",
	 "memory for blocks being served"},
	{"sell", OPT_FLAG, "yes", 0, 0, NULL,
	 "take receipts for seeding, when there is a wallet"},
	{"price", OPT_AMOUNT, "0.01", 0, 0, "TOKENS",
	 "the least that a GiB costs a paying peer"},
	{"profile", OPT_STRING, "local-evm", 0, 0, "NAME",
	 "which chain: local-evm, bttc, bttc-testnet, local-tron, tron, nile"},
	{"rpc", OPT_LIST, NULL, 0, 0, "URL",
	 "the chain's RPC, instead of the profile's; may be given again; a "
	 "TRON node's second port after a comma"},
	{"rpc-key-file", OPT_STRING, NULL, 0, 0, "FILE",
	 "a provider's key for the RPC, mode 0600: `Header-Name: value`, or on "
	 "TRON the key alone"},
	{"bank", OPT_STRING, NULL, 0, 0, "ADDRESS",
	 "the bank contract, instead of the profile's"},
	{"token", OPT_STRING, NULL, 0, 0, "ADDRESS",
	 "the bank's token, instead of the profile's"},
	{"chain-id", OPT_INT, NULL, 1, INT64_MAX, "N",
	 "the chain's id, instead of the profile's"},
	{"confirmations", OPT_STRING, NULL, 0, 0, "BLOCKS",
	 "blocks until something is final, or \"finalized\" to ask the chain"},
	{"legacy-fees", OPT_STRING, NULL, 0, 0, "YES|NO",
	 "one gas price even where the chain knows EIP-1559"},
	{"block-ms", OPT_INT, NULL, PROFILE_BLOCK_MS_MIN, PROFILE_BLOCK_MS_MAX,
	 "MS",
	 "how often the chain makes a block, about, instead of the profile's"},
	{"coin-price", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "tokens that one coin of the chain is worth; unset: settle by hand"},
	{"fee-share", OPT_INT, "2", 1, 100, "PERCENT",
	 "a daemon settles when the fee is under this share of what it brings, "
	 "or when what is due may be lost by waiting"},
	{"trust", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "what a new payer without a reserve may owe before it is cashed "
	 "(default: what a GiB costs)"},
	{"max-trust", OPT_AMOUNT, "1000", 0, 0, "TOKENS",
	 "what a payer without a reserve may owe at the most"},
	{"max-egress", OPT_AMOUNT, "10", 0, 0, "TOKENS",
	 "the most that a GiB fetched from a host may cost"},
	{"wallet-index", OPT_INT, "0", 0, (INT32_MAX - 1) / 2, "N",
	 "accounts of the recovery phrase: for speed 2N, for renting 2N + 1"},
	{"passphrase-file", OPT_STRING, NULL, 0, 0, "FILE",
	 "the key file's passphrase, first line of FILE"},
	{"day-limit", OPT_AMOUNT, "1000", 0, 0, "TOKENS",
	 "the most that is promised to sellers in a day"},
	{"payee-day-limit", OPT_AMOUNT, "1000", 0, 0, "TOKENS",
	 "the most that is promised to one seller in a day"},
	{"fee-limit", OPT_AMOUNT, NULL, 0, 0, "COINS",
	 "the most that one transaction may cost in fees (default by profile: "
	 "bttc 10, tron 150)"},
	{"day-fee-limit", OPT_AMOUNT, NULL, 0, 0, "COINS",
	 "the most that all transactions of a day may cost in fees (default by "
	 "profile: bttc 100, tron 500)"},
	{"cold", OPT_LIST, NULL, 0, 0, "ADDRESS",
	 "an address that earnings may be paid to; may be given again"},
	{"host", OPT_FLAG, "no", 0, 0, NULL,
	 "rent out disk space; see `seedbank host enable`"},
	{"host-path", OPT_LIST, NULL, 0, 0, "SIZE DIR",
	 "space to rent out, and where; may be given again"},
	{"host-price", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "rent of a GiB for 30 days"},
	{"host-ingress", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "what a GiB that renters store costs them (default nothing)"},
	{"host-egress", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "what a GiB that is read costs (default nothing)"},
	{"host-collateral", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "locked by the host for a GiB stored (default 30 days' rent)"},
	{"host-penalty", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "burnt of it for a GiB and missed span (default a tenth of it)"},
	{"host-span", OPT_INT, "7", 1, 65535, "PERIODS",
	 "periods that one proof pays for"},
	{"host-min-term", OPT_INT, "7", 1, UINT32_MAX, "PERIODS",
	 "the shortest term of an agreement"},
	{"host-max-term", OPT_INT, "400", 1, UINT32_MAX, "PERIODS",
	 "the longest term of an agreement"},
	{"host-endpoint", OPT_STRING, NULL, 0, 0, "IP:PORT",
	 "where others reach this host (default where it listens)"},
	{"host-peer", OPT_LIST, NULL, 0, 0, "IP:PORT",
	 "a host to begin with, which tells of others; may be given again"},
	{"host-schedule", OPT_STRING, NULL, 0, 0, "HH:MM-HH:MM",
	 "local time in which anything new is taken (default always)"},
	{"store-watch", OPT_FLAG, "no", 0, 0, NULL,
	 "a daemon audits and repairs what is stored, by itself"},
	{"store-pay", OPT_FLAG, "yes", 0, 0, NULL,
	 "a daemon audits and pays what was put with --unopened, each period, "
	 "by itself"},
	{"store-settle", OPT_FLAG, "no", 0, 0, NULL,
	 "and agreements on the chain, too, so that their hosts need not prove "
	 "what it has seen"},
	{"store-renew", OPT_FLAG, "no", 0, 0, NULL,
	 "a daemon renews what is stored when its end is near, by itself"},
	{"store-renew-budget", OPT_AMOUNT, "10", 0, 0, "TOKENS",
	 "the most that one such renewal costs"},
	{"watch-every", OPT_INT, "86400", 5, 366 * 86400, "SECONDS",
	 "how often it looks at that, and at what it is steward of"},
	{"repair-budget", OPT_AMOUNT, "10", 0, 0, "TOKENS",
	 "the most that a daemon's repairs cost in 30 days"},
	{"log-level", OPT_STRING, "info", 0, 0, "LEVEL",
	 "error, warn, info or debug"},
};
const size_t settings_count =
	sizeof(settings_table) / sizeof(settings_table[0]);

static enum err_code read_config(const struct home *h, char **text, size_t *len,
				 char path[HOME_PATH_MAX], struct err *e)
{
	struct err inner = {0};

	*text = NULL;
	*len = 0;
	home_file(h, "config", path);
	if (file_load(path, CONFIG_MAX, text, len, &inner) == ERR_NONE ||
	    inner.os == ENOENT)
		return ERR_NONE;
	return err_fail(e, inner.code, "%s", inner.msg);
}

enum err_code settings_load(struct options **out, const struct home *h,
			    struct err *e)
{
	char path[HOME_PATH_MAX], *text;
	struct options *o = NULL;
	size_t len;
	enum err_code code = options_new(&o, settings_table, settings_count, e);

	if (code == ERR_NONE)
		code = read_config(h, &text, &len, path, e);
	if (code == ERR_NONE) {
		code = options_parse_file(o, path, text ? text : "", len, NULL,
					  e);
		free(text);
	}
	if (code != ERR_NONE) {
		options_free(o);
		return code;
	}
	*out = o;
	return ERR_NONE;
}

/* ---- what values mean ---- */

struct values {
	const struct options *settings, *over;
};

static const struct options *holder(const struct values *v, const char *name)
{
	return v->over && options_is_set(v->over, name) ? v->over : v->settings;
}

enum err_code settings_log_level(enum log_level *out, const char *text,
				 struct err *e)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (int i = 0; i < 4; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum log_level)i;
			return ERR_NONE;
		}
	}
	return err_fail(e, ERR_PARSE,
			"log-level '%.40s': want error, warn, info or debug",
			text);
}

enum err_code settings_encryption(enum veil_policy *out, const char *text,
				  struct err *e)
{
	if (veil_policy_parse(out, text))
		return ERR_NONE;
	return err_fail(e, ERR_PARSE,
			"encryption '%.40s': want off, allow, prefer or "
			"require",
			text);
}

enum err_code settings_utp(enum settings_utp *out, const char *text,
			   struct err *e)
{
	static const char *const names[] = {"no", "yes", "only"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum settings_utp)i;
			return ERR_NONE;
		}
	}
	return err_fail(e, ERR_PARSE, "utp '%.40s': want yes, no or only",
			text);
}

static enum err_code check_endpoint(const char *name, const char *text,
				    struct err *e)
{
	struct err why = {0};
	struct net_addr addr;
	char host[64];
	uint16_t port;

	if (options_split_endpoint(text, host, sizeof(host), &port, &why) !=
	    ERR_NONE)
		return err_fail(e, ERR_PARSE, "%s %s", name, why.msg);
	if (!net_addr_from_ip(&addr, host, port))
		return err_fail(e, ERR_PARSE,
				"%s '%.60s': want an IP address, not a name",
				name, host);
	return ERR_NONE;
}

static enum err_code check_place(const char *name, const char *text,
				 struct err *e)
{
	struct err why = {0};
	char host[256];
	uint16_t port;

	if (options_split_endpoint(text, host, sizeof(host), &port, &why) !=
	    ERR_NONE)
		return err_fail(e, ERR_PARSE, "%s %s", name, why.msg);
	if (port == 0)
		return err_fail(e, ERR_PARSE, "%s '%.60s': nobody is at port 0",
				name, text);
	return ERR_NONE;
}

static const struct check {
	const char *name;
	enum meaning {
		LEVEL,
		ENDPOINT, /* an IP address and a port */
		PLACE,	  /* a name or an IP address, and a port */
		PROFILE,
		PROXY,
		FIELD, /* of the profile, which it changes */
		ADDRESS,
		HOST_PATH,
		SCHEDULE,
		ENCRYPTION,
		WEEK,
		UTP,
	} meaning;
} checks[] = {
	{"encryption", ENCRYPTION},
	{"limit-schedule", WEEK},
	{"log-level", LEVEL},
	{"listen", ENDPOINT},
	{"dht-node", PLACE},
	{"profile", PROFILE},
	{"chain-id", FIELD},
	{"bank", FIELD},
	{"proxy", PROXY},
	{"token", FIELD},
	{"rpc", FIELD},
	{"confirmations", FIELD},
	{"cold", ADDRESS},
	{"legacy-fees", FIELD},
	{"block-ms", FIELD},
	{"host-path", HOST_PATH},
	{"host-endpoint", ENDPOINT},
	{"host-peer", ENDPOINT},
	{"host-schedule", SCHEDULE}, /* local time */
	{"utp", UTP},
};

static enum err_code check_text(const struct profile *profile,
				const struct check *k, const char *text,
				struct err *e)
{
	struct profile p = *profile;
	enum log_level level;
	enum veil_policy policy;
	struct schedule_rule rule;
	enum settings_utp utp;
	struct address address;
	struct proxy proxy;
	struct host_path path;
	struct err why = {0};
	enum err_code code = ERR_NONE;

	switch (k->meaning) {
	case LEVEL:
		return settings_log_level(&level, text, e);
	case ENDPOINT:
		return check_endpoint(k->name, text, e);
	case PLACE:
		return check_place(k->name, text, e);
	case PROFILE:
		return profile_find(&p, text, e);
	case PROXY: /* its text may hold a password */
		if (proxy_parse(&proxy, text, &why) == ERR_NONE)
			return ERR_NONE;
		return err_fail(e, ERR_PARSE, "proxy: %s", why.msg);
	case HOST_PATH:
		return host_path_parse(&path, text, e);
	case SCHEDULE:
		return host_schedule_check(text, e);
	case WEEK:
		return schedule_parse(&rule, text, e);
	case ENCRYPTION:
		return settings_encryption(&policy, text, e);
	case UTP:
		return settings_utp(&utp, text, e);
	case FIELD:
		code = profile_set(&p, k->name, text, &why);
		break;
	case ADDRESS:
		code = address_parse_as(&address, p.address, text, &why);
		break;
	}
	/* these two do not name the setting */
	if (code == ERR_NONE)
		return ERR_NONE;
	return err_fail(e, ERR_PARSE, "%s '%.60s': %s", k->name, text, why.msg);
}

static enum err_code check_one(const struct values *v, const struct check *k,
			       struct err *e)
{
	const struct options *o = holder(v, k->name);
	const char *text = options_text(o, k->name);
	struct profile p;
	enum err_code code = ERR_NONE;

	/* a wrong profile is told once, as itself */
	if (profile_find(&p, options_text(holder(v, "profile"), "profile"),
			 NULL) != ERR_NONE)
		code = profile_find(&p, profile_name(0), e);
	if (code == ERR_NONE && text)
		code = check_text(&p, k, text, e);
	for (size_t i = 0;
	     code == ERR_NONE && (text = options_list_at(o, k->name, i)); i++)
		code = check_text(&p, k, text, e);
	return code;
}

enum err_code settings_check(const struct options *settings,
			     const struct options *over, struct err *e)
{
	const struct values v = {settings, over};
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < COUNT(checks); i++)
		code = check_one(&v, &checks[i], e);
	return code;
}

/* The new value of one setting among the others as they stand. */
static enum err_code check_new(const struct home *h, const char *name,
			       const char *value, struct err *e)
{
	struct options *now = NULL, *set = NULL;
	enum err_code code =
		options_new(&set, settings_table, settings_count, e);

	if (code == ERR_NONE)
		code = options_set(set, name, value, e);
	for (size_t i = 0; code == ERR_NONE && i < COUNT(checks); i++) {
		struct values v = {NULL, set};

		if (strcmp(checks[i].name, name) != 0)
			continue;
		if (settings_load(&now, h, NULL) == ERR_NONE)
			v.settings = now;
		else
			v.settings = set;
		code = check_one(&v, &checks[i], e);
	}
	options_free(now);
	options_free(set);
	return code;
}

/* ---- storing ---- */

/* Is this line `name = ...`? */
static bool line_sets(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (len < n || memcmp(line, name, n) != 0)
		return false;
	line += n;
	len -= n;
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	return len > 0 && *line == '=';
}

static bool sets_any(const char *line, size_t len,
		     const struct setting_value *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (line_sets(line, len, v[i].name))
			return true;
	return false;
}

static size_t keep_lines(char *out, const char *text, size_t len,
			 const struct setting_value *v, size_t n_values)
{
	size_t kept = 0;

	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		if (!sets_any(text, n, v, n_values)) {
			memcpy(out + kept, text, n);
			kept += n;
			out[kept++] = '\n';
		}
		text += n + (nl != NULL);
		len -= n + (nl != NULL);
	}
	return kept;
}

static enum err_code replace_config(const char *path, const char *text,
				    size_t len, const struct setting_value *v,
				    size_t n_values, struct err *e)
{
	size_t cap = len + 1; /* for a newline that the last line lacked */
	char *out;
	size_t n;
	enum err_code code;

	for (size_t i = 0; i < n_values; i++) /* " = ", a newline, a zero */
		if (v[i].value)
			cap += strlen(v[i].name) + strlen(v[i].value) + 5;
	out = malloc(cap);
	if (!out)
		return err_fail(e, ERR_NOMEM, "config");
	n = keep_lines(out, text, len, v, n_values);
	for (size_t i = 0; i < n_values; i++)
		if (v[i].value)
			n += (size_t)snprintf(out + n, cap - n, "%s = %s\n",
					      v[i].name, v[i].value);
	code = file_replace(path, (const uint8_t *)out, n, e);
	free(out);
	return code;
}

static bool is_setting(const char *name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (strcmp(settings_table[i].name, name) == 0)
			return true;
	return false;
}

/* Two that change it at once would each keep what they read: one by one. Where
 * a directory has no locks (some NFS), as well as can be. -1: there is none. */
static int one_by_one(const struct home *h)
{
	int fd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
		;
	return fd;
}

enum err_code settings_store_all(const struct home *h,
				 const struct setting_value *v, size_t n,
				 struct err *e)
{
	int lock = one_by_one(h);
	char path[HOME_PATH_MAX], *text = NULL;
	size_t len;
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < n; i++) {
		if (v[i].value)
			code = check_new(h, v[i].name, v[i].value, e);
		else if (!is_setting(v[i].name))
			code = err_fail(e, ERR_PARSE, "no setting '%.60s'",
					v[i].name);
	}
	if (code == ERR_NONE)
		code = read_config(h, &text, &len, path, e);
	if (code == ERR_NONE)
		code = replace_config(path, text ? text : "", len, v, n, e);
	free(text);
	if (lock >= 0)
		(void)close(lock);
	return code;
}

enum err_code settings_store(const struct home *h, const char *name,
			     const char *value, struct err *e)
{
	const struct setting_value v = {name, value};

	return settings_store_all(h, &v, 1, e);
}
