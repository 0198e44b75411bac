#include "wire/peer/ext.h"

#include "tests/check.h"

#include <string.h>

static void handshakes_are_read_or_refused(void)
{
	static const struct {
		const char *name;
		const char *in;
		enum err_code want;
		unsigned pay, reqq, port;
		const char *client;
	} rows[] = {
		{"nothing in it", "de", ERR_NONE, 0, 0, 0, ""},
		{"all that we know",
		 "d1:md6:sb_payi7ee1:pi6881e4:reqqi250e1:v5:other6:yourip4:"
		 "abcde",
		 ERR_NONE, 7, 250, 6881, "other"},
		{"unknown names and keys",
		 "d1:ei0e1:md6:ut_yyyi2e6:ut_zzzi1ee13:metadata_sizxi9ee",
		 ERR_NONE, 0, 0, 0, ""},
		{"an extension switched off", "d1:md6:sb_payi0eee", ERR_NONE, 0,
		 0, 0, ""},
		{"reqq too large is cut", "d4:reqqi99999999ee", ERR_NONE, 0,
		 65536, 0, ""},
		{"negative reqq is none", "d4:reqqi-5ee", ERR_NONE, 0, 0, 0,
		 ""},
		{"port out of range is none", "d1:pi70000ee", ERR_NONE, 0, 0, 0,
		 ""},
		{"a client's name that is not text",
		 "d1:v4:a\n\x1b\xff"
		 "e",
		 ERR_NONE, 0, 0, 0, "a???"},
		{"a long name is cut",
		 "d1:v40:aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbe", ERR_NONE,
		 0, 0, 0, "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabb"},
		{"unsorted keys", "d1:v1:a1:pi5ee", ERR_NONE, 0, 0, 5, "a"},
		{"no dictionary", "le", ERR_PARSE, 0, 0, 0, ""},
		{"m is no dictionary", "d1:mi1ee", ERR_PARSE, 0, 0, 0, ""},
		{"an id over 255", "d1:md6:sb_payi256eee", ERR_PARSE, 0, 0, 0,
		 ""},
		{"an id that is text", "d1:md6:sb_pay1:aee", ERR_PARSE, 0, 0, 0,
		 ""},
		{"reqq that is text", "d4:reqq1:9e", ERR_PARSE, 0, 0, 0, ""},
		{"bytes after it", "dei0e", ERR_PARSE, 0, 0, 0, ""},
		{"cut off", "d1:m", ERR_PARSE, 0, 0, 0, ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ext_handshake out;
		struct err e = {0};
		enum err_code rc = ext_decode(&out, (const uint8_t *)rows[i].in,
					      strlen(rows[i].in), &e);

		CHECK(rc == rows[i].want, "%s: %d (%s)", rows[i].name, rc,
		      e.msg);
		if (rc != ERR_NONE)
			continue;
		CHECK(out.id[EXT_SB_PAY] == rows[i].pay &&
			      out.reqq == rows[i].reqq &&
			      out.port == rows[i].port &&
			      strcmp(out.client, rows[i].client) == 0,
		      "%s: %u %u %u %s", rows[i].name, out.id[EXT_SB_PAY],
		      out.reqq, out.port, out.client);
	}
}

static void metadata_is_told(void)
{
	static const struct {
		const char *name, *in;
		enum err_code want;
		uint32_t id, size;
	} rows[] = {
		{"metadata", "d1:md11:ut_metadatai2ee13:metadata_sizei9ee",
		 ERR_NONE, 2, 9},
		{"none yet", "d1:md11:ut_metadatai2eee", ERR_NONE, 2, 0},
		{"a size past 32 bits is cut", "d13:metadata_sizei4294967296ee",
		 ERR_NONE, 0, UINT32_MAX},
		{"a negative size is none", "d13:metadata_sizei-1ee", ERR_NONE,
		 0, 0},
		{"a size that is text", "d13:metadata_size1:9e", ERR_PARSE, 0,
		 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ext_handshake out;
		enum err_code rc = ext_decode(&out, (const uint8_t *)rows[i].in,
					      strlen(rows[i].in), NULL);

		CHECK(rc == rows[i].want &&
			      (rc != ERR_NONE ||
			       (out.id[EXT_UT_METADATA] == rows[i].id &&
				out.metadata_size == rows[i].size)),
		      "%s: %d %u %u", rows[i].name, rc, out.id[EXT_UT_METADATA],
		      out.metadata_size);
	}
}

static void what_is_said_is_read_back(void)
{
	struct ext_handshake in = {
		.reqq = 500,
		.port = 6881,
		.yourip_len = 4,
		.yourip = {10, 0, 0, 1},
		.upload_only = true,
		.prefers_encryption = true,
		.client = "seedbank",
		.metadata_size = 31235,
		.sb_pay = (const uint8_t *)"d1:vi1ee",
		.sb_pay_len = 8,
	};
	struct ext_handshake out;
	uint8_t buf[512];
	size_t len;

	in.id[EXT_SB_PAY] = 1;
	in.id[EXT_UT_METADATA] = 1;
	len = ext_encode(&in, buf, sizeof(buf));
	CHECK(len > 0, "did not fit");
	CHECK(ext_decode(&out, buf, len, NULL) == ERR_NONE, "unreadable");
	CHECK(out.id[EXT_SB_PAY] == EXT_SB_PAY && out.id[EXT_SB_STORE] == 0,
	      "ids");
	CHECK(out.id[EXT_UT_METADATA] == EXT_UT_METADATA &&
		      out.metadata_size == in.metadata_size,
	      "metadata");
	CHECK(out.reqq == 500 && out.port == 6881 && out.upload_only &&
		      out.prefers_encryption && out.yourip_len == 4 &&
		      memcmp(out.yourip, in.yourip, 4) == 0,
	      "values");
	CHECK(out.sb_pay_len == 8 && memcmp(out.sb_pay, "d1:vi1ee", 8) == 0 &&
		      !out.sb_store,
	      "opaque values");
	CHECK(ext_encode(&in, buf, len - 1) == 0, "into too little room");
}

/* rtorrent says `m` with the one id that changes. */
static void a_later_one_tells_changes_alone(void)
{
	static const struct {
		const char *name, *in;
		uint32_t pex, metadata, size;
		bool upload_only;
		const char *client;
	} rows[] = {
		{"nothing", "de", 4, 3, 99, true, "first"},
		{"one off", "d1:md6:ut_pexi0eee", 0, 3, 99, true, "first"},
		{"one on", "d1:md6:ut_pexi9eee", 9, 3, 99, true, "first"},
		{"the size", "d13:metadata_sizei5ee", 4, 3, 5, true, "first"},
		{"not upload only", "d11:upload_onlyi0ee", 4, 3, 99, false,
		 "first"},
		{"a shorter name", "d1:v1:be", 4, 3, 99, true, "b"},
	};
	static const char first[] =
		"d1:md11:ut_metadatai3e6:ut_pexi4ee13:metadata_sizei99e"
		"6:sb_pay0:11:upload_onlyi1e1:v5:firste";

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ext_handshake hs;
		const uint8_t *in = (const uint8_t *)rows[i].in;

		CHECK(ext_decode(&hs, (const uint8_t *)first, strlen(first),
				 NULL) == ERR_NONE &&
			      hs.sb_pay,
		      "the first");
		CHECK(ext_decode_again(&hs, in, strlen(rows[i].in), NULL) ==
				      ERR_NONE &&
			      !hs.sb_pay && hs.sb_pay_len == 0,
		      "%s: refused", rows[i].name);
		CHECK(hs.id[EXT_UT_PEX] == rows[i].pex &&
			      hs.id[EXT_UT_METADATA] == rows[i].metadata &&
			      hs.metadata_size == rows[i].size &&
			      hs.upload_only == rows[i].upload_only &&
			      strcmp(hs.client, rows[i].client) == 0,
		      "%s: %u %u %u %d %s", rows[i].name, hs.id[EXT_UT_PEX],
		      hs.id[EXT_UT_METADATA], hs.metadata_size, hs.upload_only,
		      hs.client);
	}
}

static void too_long_is_refused(void)
{
	static uint8_t buf[EXT_HANDSHAKE_MAX + 1];

	CHECK(ext_decode(&(struct ext_handshake){0}, buf, sizeof(buf), NULL) ==
		      ERR_LIMIT,
	      "taken");
}

static void all_names_are_said_in_order(void)
{
	static const char want[] =
		"d1:md11:lt_donthavei6e6:sb_payi1e8:sb_storei2e"
		"12:ut_holepunchi5e11:ut_metadatai3e6:ut_pexi4eee";
	struct ext_handshake in = {0};
	uint8_t buf[EXT_HANDSHAKE_MAX];
	size_t len;

	for (int i = EXT_HANDSHAKE + 1; i < EXT_COUNT; i++)
		in.id[i] = 1;
	len = ext_encode(&in, buf, sizeof(buf));
	CHECK(len == sizeof(want) - 1 && memcmp(buf, want, len) == 0, "%.*s",
	      (int)len, buf);
	CHECK(ext_decode(&in, buf, len, NULL) == ERR_NONE &&
		      in.id[EXT_LT_DONTHAVE] == EXT_LT_DONTHAVE &&
		      in.id[EXT_UT_PEX] == EXT_UT_PEX,
	      "read");
}

int main(void)
{
	all_names_are_said_in_order();
	handshakes_are_read_or_refused();
	metadata_is_told();
	what_is_said_is_read_back();
	a_later_one_tells_changes_alone();
	too_long_is_refused();
	return CHECK_EXIT();
}
