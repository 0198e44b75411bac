/* What a host is told, kept in HOME/config and turned into a sheet. */
#include "node/core/settings.h"
#include "node/host/host_conf.h"
#include "node/host/host_figures.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct home home;
static struct host_conf conf, back;

static void read_back(void)
{
	struct options *o = NULL;
	struct err e = {0};

	CHECK(settings_load(&o, &home, &e) == ERR_NONE, "%s", e.msg);
	CHECK(host_conf_read(&back, o, NULL, &e) == ERR_NONE, "%s", e.msg);
	options_free(o);
}

static void what_is_stored_is_read_back(void)
{
	struct err e = {0};

	memset(&conf, 0, sizeof(conf));
	conf.on = true;
	conf.span = 3;
	conf.min_term = 4;
	conf.max_term = 500;
	(void)snprintf(conf.price, sizeof(conf.price), "2.5");
	(void)snprintf(conf.schedule, sizeof(conf.schedule), "22:00-06:30");
	CHECK(host_conf_set_path(&conf, "/mnt/one disk", 100, &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(host_conf_set_path(&conf, "/mnt/two", 0, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(host_conf_store(&conf, &home, &e) == ERR_NONE, "%s", e.msg);
	read_back();
	CHECK(back.on && back.span == 3 && back.min_term == 4 &&
		      back.max_term == 500,
	      "numbers");
	CHECK(strcmp(back.price, "2.5") == 0 && !*back.ingress &&
		      strcmp(back.schedule, "22:00-06:30") == 0,
	      "texts: %s, %s", back.price, back.schedule);
	CHECK(back.n_paths == 2 && host_conf_path(&back, "/mnt/one disk") &&
		      host_conf_path(&back, "/mnt/one disk")->sectors == 100 &&
		      host_conf_path(&back, "/mnt/two")->sectors == 0,
	      "%u paths", back.n_paths);
	CHECK(host_conf_sectors(&back) == 100, "sectors");
}

static void a_path_that_goes_leaves_the_others(void)
{
	struct err e = {0};

	read_back();
	host_conf_drop_path(&back, "/mnt/one disk");
	back.schedule[0] = 0;
	back.on = false;
	CHECK(host_conf_store(&back, &home, &e) == ERR_NONE, "%s", e.msg);
	read_back();
	CHECK(!back.on && back.n_paths == 1 &&
		      host_conf_path(&back, "/mnt/two") && !*back.schedule,
	      "%u paths", back.n_paths);
	host_conf_drop_path(&back, "/mnt/two");
	CHECK(host_conf_store(&back, &home, &e) == ERR_NONE, "%s", e.msg);
	read_back();
	CHECK(back.n_paths == 0, "%u paths", back.n_paths);
}

static void a_path_is_a_size_and_a_name(void)
{
	static const struct {
		const char *name, *text;
		bool good;
		uint32_t sectors;
		const char *dir;
	} rows[] = {
		{"a size with a unit", "2GiB /mnt/disk", true, 2048,
		 "/mnt/disk"},
		{"a name with blanks", "0 /mnt/my disk", true, 0,
		 "/mnt/my disk"},
		{"no size", "/mnt/disk", false, 0, NULL},
		{"no name", "2GiB", false, 0, NULL},
		{"a name that hangs on where we are", "2GiB disk", false, 0,
		 NULL},
		{"a size that is none", "much /mnt/disk", false, 0, NULL},
	};
	struct host_path p;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};
		bool good = host_path_parse(&p, rows[i].text, &e) == ERR_NONE;

		CHECK(good == rows[i].good, "%s: %s", rows[i].name, e.msg);
		CHECK(!good || (p.sectors == rows[i].sectors &&
				strcmp(p.dir, rows[i].dir) == 0),
		      "%s: %u %s", rows[i].name, p.sectors, p.dir);
	}
}

static void a_schedule_may_go_over_midnight(void)
{
	static const struct {
		const char *text;
		unsigned minute;
		bool in;
	} rows[] = {
		{"", 0, true},
		{"08:00-18:00", 8 * 60, true},
		{"08:00-18:00", 18 * 60, false},
		{"08:00-18:00", 8 * 60 - 1, false},
		{"22:00-06:30", 23 * 60, true},
		{"22:00-06:30", 6 * 60 + 29, true},
		{"22:00-06:30", 6 * 60 + 30, false},
		{"22:00-06:30", 12 * 60, false},
	};
	static const char *const wrong[] = {"8-18",	    "08:00-08:00",
					    "24:00-06:00",  "08:60-09:00",
					    "08:00-09:00 ", "08:00 09:00"};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(host_schedule_has(rows[i].text, rows[i].minute) ==
			      rows[i].in,
		      "%s at %u", rows[i].text, rows[i].minute);
	for (size_t i = 0; i < ROWS(wrong); i++)
		CHECK(host_schedule_check(wrong[i], NULL) == ERR_PARSE, "%s",
		      wrong[i]);
}

static uint64_t units(struct amount a)
{
	uint64_t v = UINT64_MAX;

	CHECK(amount_to_u64(&v, a), "more than 64 bits");
	return v;
}

/* A day is a period, the token has 6 decimals. */
static const struct host_scale scale = {6, INT64_C(86400) * 1000};

static void a_sheet_has_units_a_sector_and_period(void)
{
	struct sheet s;
	struct err e = {0};

	memset(&conf, 0, sizeof(conf));
	conf.span = 7;
	conf.min_term = 7;
	conf.max_term = 400;
	CHECK(host_sheet(&s, &conf, &scale, &e) == ERR_PARSE, "no price");
	(void)snprintf(conf.price, sizeof(conf.price), "3.072");
	e = (struct err){0};
	CHECK(host_sheet(&s, &conf, &scale, &e) == ERR_NONE, "%s", e.msg);
	CHECK(units(s.rent) == 100, "rent %llu",
	      (unsigned long long)units(s.rent));
	CHECK(units(s.collateral) == 3000 && units(s.penalty) == 300,
	      "30 days' rent, and a tenth of it");
	(void)snprintf(conf.price, sizeof(conf.price), "0.000001");
	CHECK(host_sheet(&s, &conf, &scale, &e) == ERR_NONE &&
		      units(s.rent) == 1,
	      "at least one unit: %s", e.msg);
	(void)snprintf(conf.collateral, sizeof(conf.collateral), "1");
	(void)snprintf(conf.penalty, sizeof(conf.penalty), "2");
	CHECK(host_sheet(&s, &conf, &scale, &e) == ERR_LIMIT,
	      "a penalty above the collateral");
}

static void a_quote_says_what_it_comes_to(void)
{
	struct host_fees fees = {
		.known = true,
		.per_million = amount_from_u64(1000000),
		.in_token = true,
		.token_per_million = amount_from_u64(1000000),
	};
	struct host_quote q;
	struct sheet s;
	struct err e = {0};

	memset(&conf, 0, sizeof(conf));
	conf.span = 7;
	conf.min_term = 7;
	conf.max_term = 400;
	(void)snprintf(conf.price, sizeof(conf.price), "3.072");
	CHECK(host_sheet(&s, &conf, &scale, &e) == ERR_NONE, "%s", e.msg);
	host_quote_of(&q, &s, 10 * HOST_GIB_SECTORS, &fees, &scale);
	CHECK(units(q.collateral) == 30720000, "collateral");
	CHECK(units(q.income) == 30720000, "income %llu",
	      (unsigned long long)units(q.income));
	CHECK(units(q.proof) == HOST_PROOF_UNITS, "a proof");
	/* a GiB pays 716,800 a span; 20 proofs cost 1,400,000 */
	CHECK(q.least_gib == 2, "least %llu", (unsigned long long)q.least_gib);
	CHECK(q.break_even_gib == 1, "break-even %llu",
	      (unsigned long long)q.break_even_gib);
	fees.in_token = false;
	host_quote_of(&q, &s, 1024, &fees, &scale);
	CHECK(q.least_gib == 0 && q.break_even_gib == 0 &&
		      units(q.proof) == HOST_PROOF_UNITS,
	      "a coin without a price");
}

int main(void)
{
	char dir[] = "/tmp/seedbank-host-conf-XXXXXX";
	char path[HOME_PATH_MAX];
	struct err e = {0};

	if (!mkdtemp(dir) || home_open(&home, dir, &e) != ERR_NONE)
		return 2;
	what_is_stored_is_read_back();
	a_path_that_goes_leaves_the_others();
	a_path_is_a_size_and_a_name();
	a_schedule_may_go_over_midnight();
	a_sheet_has_units_a_sector_and_period();
	a_quote_says_what_it_comes_to();
	home_file(&home, "config", path);
	(void)unlink(path);
	(void)rmdir(dir);
	return CHECK_EXIT();
}
