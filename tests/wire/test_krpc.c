#include "wire/dht/krpc.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define ID20 "abcdefghij0123456789"
#define TARGET "mnopqrstuvwxyz123456"

static enum err_code read_text(struct krpc_msg *m, const char *text)
{
	return krpc_read(m, (const uint8_t *)text, strlen(text), NULL);
}

/* The examples of BEP 5, 32, 42, 43, 44, 51: read, and written the same. */
static void what_the_beps_show_is_read_and_written(void)
{
	static const struct {
		const char *name, *text;
		enum krpc_type type;
		enum krpc_method method;
	} rows[] = {
		{"ping", "d1:ad2:id20:" ID20 "e1:q4:ping1:t2:aa1:y1:qe",
		 KRPC_QUERY, KRPC_PING},
		{"pong", "d1:rd2:id20:" TARGET "e1:t2:aa1:y1:re", KRPC_ANSWER,
		 KRPC_UNKNOWN},
		{"find_node",
		 "d1:ad2:id20:" ID20 "6:target20:" TARGET
		 "e1:q9:find_node1:t2:aa1:y1:qe",
		 KRPC_QUERY, KRPC_FIND_NODE},
		{"get_peers, with want and noseed",
		 "d1:ad2:id20:" ID20 "9:info_hash20:" TARGET
		 "6:noseedi1e4:wantl2:n42:n6ee1:q9:get_peers1:t2:aa1:v4:SE01"
		 "1:y1:qe",
		 KRPC_QUERY, KRPC_GET_PEERS},
		{"peers",
		 "d2:ip6:aaaabb1:rd2:id20:" ID20
		 "5:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
		 KRPC_ANSWER, KRPC_UNKNOWN},
		{"announce_peer, of a seed",
		 "d1:ad2:id20:" ID20 "12:implied_porti1e9:info_hash20:" TARGET
		 "4:porti6881e4:seedi1e5:token8:aoeusnthe1:q13:announce_peer"
		 "1:t2:aa1:y1:qe",
		 KRPC_QUERY, KRPC_ANNOUNCE_PEER},
		{"an error",
		 "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
		 KRPC_ERROR, KRPC_UNKNOWN},
		{"read-only",
		 "d1:ad2:id20:" ID20 "e1:q4:ping2:roi1e1:t2:aa1:y1:qe",
		 KRPC_QUERY, KRPC_PING},
		{"put of a mutable item",
		 "d1:ad3:casi3e2:id20:" ID20
		 "1:k32:kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk4:salt3:abc3:seqi4e"
		 "3:sig64:ssssssssssssssssssssssssssssssssssssssssssssssssssss"
		 "ssssssssssss5:token2:xy1:vd1:ai1eee1:q3:put1:t2:aa1:y1:qe",
		 KRPC_QUERY, KRPC_PUT},
		{"samples",
		 "d1:rd2:id20:" ID20
		 "8:intervali600e5:nodes0:3:numi7e7:samples20:" TARGET
		 "e1:t2:aa1:y1:re",
		 KRPC_ANSWER, KRPC_UNKNOWN},
		{"a question for samples",
		 "d1:ad2:id20:" ID20 "6:target20:" TARGET
		 "e1:q17:sample_infohashes1:t2:aa1:y1:qe",
		 KRPC_QUERY, KRPC_SAMPLE},
	};
	uint8_t buf[KRPC_MAX];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct krpc_msg m;
		size_t len;

		CHECK(read_text(&m, rows[i].text) == ERR_NONE, "%s",
		      rows[i].name);
		CHECK(m.type == rows[i].type && m.method == rows[i].method,
		      "%s", rows[i].name);
		len = krpc_write(&m, buf, sizeof(buf));
		CHECK(len == strlen(rows[i].text) &&
			      memcmp(buf, rows[i].text, len) == 0,
		      "%s: %.*s", rows[i].name, (int)len, (char *)buf);
	}
}

static void what_is_no_message_is_refused(void)
{
	static const struct {
		const char *name, *text;
		enum err_code want;
	} rows[] = {
		{"nothing", "", ERR_PARSE},
		{"no dictionary", "le", ERR_PARSE},
		{"no transaction id", "d1:ade1:q4:ping1:y1:qe", ERR_PARSE},
		{"an empty one", "d1:ade1:q4:ping1:t0:1:y1:qe", ERR_PARSE},
		{"one of 33 bytes",
		 "d1:ade1:q4:ping1:t33:012345678901234567890123456789012"
		 "1:y1:qe",
		 ERR_PARSE},
		{"one of 32 bytes",
		 "d1:ade1:q4:ping1:t32:01234567890123456789012345678901"
		 "1:y1:qe",
		 ERR_NONE},
		{"a number for one", "d1:ade1:q4:ping1:ti1e1:y1:qe", ERR_PARSE},
		{"no kind", "d1:ade1:q4:ping1:t1:ae", ERR_PARSE},
		{"another kind", "d1:xde1:t1:a1:y1:xe", ERR_PARSE},
		{"arguments are a list", "d1:ale1:q4:ping1:t1:a1:y1:qe",
		 ERR_PARSE},
		{"no arguments", "d1:q4:ping1:t1:a1:y1:qe", ERR_PARSE},
		{"an answer without r", "d1:t1:a1:y1:re", ERR_PARSE},
		{"an error that is a dictionary", "d1:ede1:t1:a1:y1:ee",
		 ERR_PARSE},
		{"bytes behind it", "d1:ade1:q4:ping1:t1:a1:y1:qex", ERR_PARSE},
		{"a length that lies", "d1:ade1:q4:ping1:t9:a1:y1:qe",
		 ERR_PARSE},
		{"a method that nobody knows", "d1:ade1:q3:abc1:t1:a1:y1:qe",
		 ERR_NONE},
		{"keys in any order", "d1:y1:q1:t1:a1:q4:ping1:adee", ERR_NONE},
	};
	static uint8_t big[KRPC_MAX + 1];
	struct krpc_msg m;

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(read_text(&m, rows[i].text) == rows[i].want, "%s",
		      rows[i].name);
	CHECK(krpc_read(&m, big, sizeof(big), NULL) == ERR_LIMIT, "too long");
	memset(big, 'l', 40);
	CHECK(krpc_read(&m, big, 40, NULL) == ERR_LIMIT, "nested too deep");
	memset(big, 'e', sizeof(big));
	big[0] = 'l';
	for (size_t i = 1; i < 1401; i += 2)
		memcpy(big + i, "0:", 2);
	CHECK(krpc_read(&m, big, 1402, NULL) == ERR_LIMIT, "too many values");
}

static void a_field_of_the_wrong_shape_is_not_there(void)
{
	struct krpc_msg m;

	CHECK(read_text(&m,
			"d1:ad2:id19:abcdefghij0123456789:info_hashi1e"
			"4:porti65536e4:seedi2e4:wantd2:n42:n6ee"
			"1:q9:get_peers1:t1:a1:v5:SE0011:y1:qe") == ERR_NONE,
	      "read");
	CHECK(!m.has_id && !m.has_target && !m.has_port && !m.seed && !m.want &&
		      !m.version.p,
	      "nothing is taken");
	CHECK(read_text(&m, "d2:ip5:aaaab1:rd2:id20:" ID20
			    "5:nodes25:aaaaaaaaaaaaaaaaaaaaaaaaa6:nodes6i1e"
			    "7:samples3:abc6:values6:aaaabbe1:t1:a1:y1:re") ==
		      ERR_NONE,
	      "read");
	CHECK(m.has_id && !m.has_ip && !m.nodes.p && !m.nodes6.p &&
		      !m.samples.p && !m.values.p,
	      "nothing is taken");
}

static void peers_are_taken_out_of_a_list(void)
{
	static const struct {
		const char *name, *list;
		size_t v4, v6;
	} rows[] = {
		{"two of each",
		 "l6:aaaabb6:ccccdd18:0123456789012345pp"
		 "18:abcdefghijklmnopqqe",
		 2, 2},
		{"none", "le", 0, 0},
		{"no list at all", "", 0, 0},
		{"other lengths are passed over", "l3:abc6:aaaabbe", 1, 0},
		{"what is no string ends it", "l6:aaaabbi5e6:ccccdde", 1, 0},
		{"and a long one", "l6:aaaabb100:x", 1, 0},
	};
	struct wire_addr a[8];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ben_view v = {(const uint8_t *)rows[i].list,
				     strlen(rows[i].list)};

		CHECK(krpc_values(a, 8, v, DHT_V4) == rows[i].v4, "%s",
		      rows[i].name);
		CHECK(krpc_values(a, 8, v, DHT_V6) == rows[i].v6, "%s",
		      rows[i].name);
		CHECK(krpc_values(a, 1, v, DHT_V4) <= 1, "%s: no more than max",
		      rows[i].name);
	}
}

static void what_does_not_fit_is_not_written(void)
{
	struct krpc_msg m;
	uint8_t buf[KRPC_MAX];
	const char *text = "d1:ad2:id20:" ID20 "e1:q4:ping1:t2:aa1:y1:qe";
	size_t len = strlen(text);

	CHECK(read_text(&m, text) == ERR_NONE, "read");
	CHECK(krpc_write(&m, buf, len) == len, "exactly");
	CHECK(krpc_write(&m, buf, len - 1) == 0, "one byte less");
}

int main(void)
{
	what_the_beps_show_is_read_and_written();
	what_is_no_message_is_refused();
	a_field_of_the_wrong_shape_is_not_there();
	peers_are_taken_out_of_a_list();
	what_does_not_fit_is_not_written();
	return CHECK_EXIT();
}
