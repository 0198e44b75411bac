#include "base/bencode.h"
#include "base/bytes.h"
#include "ledger/pay/pay_msg.h"
#include "tests/check.h"

#include <string.h>

#define A20 "20:aaaaaaaaaaaaaaaaaaaa"
#define Z20 "20:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define M14 "14:bbbbbbbbbbbbbb"
#define Z14 "14:\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define S64 \
	"64:ssssssssssssssssssssssssssssssss" \
	"ssssssssssssssssssssssssssssssss"
#define ROW(text) (const uint8_t *)(text), sizeof(text) - 1

static const struct row {
	const char *name;
	const uint8_t *bytes;
	size_t len;
	enum err_code want;
} rows[] = {
	{"an ask", ROW("d4:bank" A20 "5:chaini1e1:t3:ask1:vi1ee"), ERR_NONE},
	{"a newer version asks", ROW("d4:bank" A20 "5:chaini1e1:t3:ask1:vi2ee"),
	 ERR_NONE},
	{"chain 2^63-1",
	 ROW("d4:bank" A20 "5:chaini9223372036854775807e1:t3:ask1:vi1ee"),
	 ERR_NONE},
	{"chain 2^63",
	 ROW("d4:bank" A20 "5:chaini9223372036854775808e1:t3:ask1:vi1ee"),
	 ERR_PARSE},
	{"chain 0", ROW("d4:bank" A20 "5:chaini0e1:t3:ask1:vi1ee"), ERR_PARSE},
	{"chain negative", ROW("d4:bank" A20 "5:chaini-1e1:t3:ask1:vi1ee"),
	 ERR_PARSE},
	{"chain as text", ROW("d4:bank" A20 "5:chain1:11:t3:ask1:vi1ee"),
	 ERR_PARSE},
	{"version 0", ROW("d4:bank" A20 "5:chaini1e1:t3:ask1:vi0ee"),
	 ERR_PARSE},
	{"version 256", ROW("d4:bank" A20 "5:chaini1e1:t3:ask1:vi256ee"),
	 ERR_PARSE},
	{"bank of zeros", ROW("d4:bank" Z20 "5:chaini1e1:t3:ask1:vi1ee"),
	 ERR_PARSE},
	{"bank too short",
	 ROW("d4:bank19:aaaaaaaaaaaaaaaaaaa5:chaini1e1:t3:ask1:vi1ee"),
	 ERR_PARSE},
	{"no bank", ROW("d5:chaini1e1:t3:ask1:vi1ee"), ERR_PARSE},
	{"no type", ROW("d4:bank" A20 "5:chaini1e1:vi1ee"), ERR_PARSE},
	{"unknown type", ROW("d1:t3:axee"), ERR_PARSE},
	{"type is a prefix", ROW("d4:bank" A20 "5:chaini1e1:t2:as1:vi1ee"),
	 ERR_PARSE},
	{"keys out of order", ROW("d5:chaini1e4:bank" A20 "1:t3:ask1:vi1ee"),
	 ERR_PARSE},
	{"an unknown key",
	 ROW("d4:bank" A20 "5:chaini1e3:newle1:t3:ask1:vi1ee"), ERR_NONE},
	{"empty", ROW(""), ERR_PARSE},
	{"a list", ROW("l1:t3:aske"), ERR_PARSE},
	{"bytes after it", ROW("d5:price" M14 "1:t3:bidex"), ERR_PARSE},
	{"terms",
	 ROW("d4:bank" A20 "5:chaini1e5:payee" A20 "5:price" M14 "3:sig" S64
	     "4:stepi262144e1:t5:terms1:vi1ee"),
	 ERR_NONE},
	{"terms to nobody",
	 ROW("d4:bank" A20 "5:chaini1e5:payee" Z20 "5:price" M14 "3:sig" S64
	     "4:stepi262144e1:t5:terms1:vi1ee"),
	 ERR_PARSE},
	{"terms for nothing",
	 ROW("d4:bank" A20 "5:chaini1e5:payee" A20 "5:price" Z14 "3:sig" S64
	     "4:stepi262144e1:t5:terms1:vi1ee"),
	 ERR_PARSE},
	{"a step of 0",
	 ROW("d4:bank" A20 "5:chaini1e5:payee" A20 "5:price" M14 "3:sig" S64
	     "4:stepi0e1:t5:terms1:vi1ee"),
	 ERR_PARSE},
	{"a step over the most",
	 ROW("d4:bank" A20 "5:chaini1e5:payee" A20 "5:price" M14 "3:sig" S64
	     "4:stepi262145e1:t5:terms1:vi1ee"),
	 ERR_PARSE},
	{"a bid", ROW("d5:price" M14 "1:t3:bide"), ERR_NONE},
	{"a bid of nothing", ROW("d5:price" Z14 "1:t3:bide"), ERR_PARSE},
	{"a bid of 15 bytes", ROW("d5:price15:bbbbbbbbbbbbbbb1:t3:bide"),
	 ERR_PARSE},
	{"a bid as number", ROW("d5:pricei5e1:t3:bide"), ERR_PARSE},
	{"an ok", ROW("d5:price" M14 "1:t2:oke"), ERR_NONE},
	{"a no", ROW("d4:codei4e5:price" Z14 "1:t2:no3:why4:fulle"), ERR_NONE},
	{"a no without code", ROW("d4:codei0e5:price" Z14 "1:t2:no3:why0:e"),
	 ERR_PARSE},
	{"a no of a code that is none",
	 ROW("d4:codei8e5:price" Z14 "1:t2:no3:why0:e"), ERR_PARSE},
	{"a no with control bytes",
	 ROW("d4:codei4e5:price" Z14 "1:t2:no3:why2:a\ne"), ERR_PARSE},
	{"a no of 81 letters",
	 ROW("d4:codei4e5:price" Z14 "1:t2:no3:why81:"
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaae"),
	 ERR_PARSE},
	{"a receipt",
	 ROW("d6:amount" M14 "5:bytesi7e4:owed" M14 "5:payer" A20 "3:sig" S64
	     "1:t7:receipte"),
	 ERR_NONE},
	{"a receipt of nobody",
	 ROW("d6:amount" M14 "5:bytesi7e4:owed" M14 "5:payer" Z20 "3:sig" S64
	     "1:t7:receipte"),
	 ERR_PARSE},
	{"a receipt with bytes below zero",
	 ROW("d6:amount" M14 "5:bytesi-7e4:owed" M14 "5:payer" A20 "3:sig" S64
	     "1:t7:receipte"),
	 ERR_PARSE},
	{"a receipt with 2^60 + 1 bytes",
	 ROW("d6:amount" M14 "5:bytesi1152921504606846977e4:owed" M14
	     "5:payer" A20 "3:sig" S64 "1:t7:receipte"),
	 ERR_PARSE},
	{"a receipt with 65 bytes of signature",
	 ROW("d6:amount" M14 "5:bytesi7e4:owed" M14 "5:payer" A20 "3:sig65:s"
	     "ssssssssssssssssssssssssssssssss"
	     "ssssssssssssssssssssssssssssssss"
	     "1:t7:receipte"),
	 ERR_PARSE},
	{"an ack",
	 ROW("d6:amount" M14 "4:holdi1e5:limit" M14 "4:owed" Z14 "1:t3:acke"),
	 ERR_NONE},
	{"an ack that holds twice",
	 ROW("d6:amount" M14 "4:holdi2e5:limit" M14 "4:owed" Z14 "1:t3:acke"),
	 ERR_PARSE},
	{"held", ROW("d6:amount" M14 "3:sig" S64 "1:t4:helde"), ERR_NONE},
	{"a meter", ROW("d5:bytesi0e4:paidi1e5:price" M14 "1:t5:metere"),
	 ERR_NONE},
	{"a meter off", ROW("d5:bytesi9e4:paidi0e5:price" Z14 "1:t5:metere"),
	 ERR_NONE},
	{"a meter paid for nothing",
	 ROW("d5:bytesi0e4:paidi1e5:price" Z14 "1:t5:metere"), ERR_PARSE},
	{"a meter off at a price",
	 ROW("d5:bytesi0e4:paidi0e5:price" M14 "1:t5:metere"), ERR_PARSE},
};

static void messages_decode_and_encode(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct row *row = &rows[i];
		struct pay_msg m;
		uint8_t again[PAY_MSG_ROOM];
		struct err e = {0};
		size_t n;

		CHECK(pay_msg_decode(&m, row->bytes, row->len, &e) == row->want,
		      "%s: got %d (%s)", row->name, e.code, e.msg);
		if (row->want != ERR_NONE || strstr(row->name, "unknown key"))
			continue;
		n = pay_msg_encode(&m, again, sizeof(again));
		CHECK(n == row->len && memcmp(again, row->bytes, n) == 0,
		      "%s: other bytes", row->name);
	}
}

static void a_message_is_bounded(void)
{
	static uint8_t big[PAY_MSG_MAX + 1];
	struct pay_msg m = {.kind = PAY_MSG_BID};
	uint8_t buf[PAY_MSG_ROOM];

	CHECK(pay_msg_decode(&m, big, sizeof(big), NULL) == ERR_LIMIT, "taken");
	m.kind = PAY_MSG_BID;
	m.u.price.price = amount_max112();
	CHECK(pay_msg_encode(&m, buf, sizeof(buf)) > 0, "largest price");
	CHECK(pay_msg_encode(&m, buf, 20) == 0, "wrote over the end");
	CHECK(amount_add(&m.u.price.price, amount_max112(), amount_from_u64(1)),
	      "2^112");
	CHECK(pay_msg_encode(&m, buf, sizeof(buf)) == 0, "2^112 was sent");
	m.u.price.price = AMOUNT_ZERO;
	CHECK(pay_msg_encode(&m, buf, sizeof(buf)) == 0, "a bid of zero");
}

int main(void)
{
	messages_decode_and_encode();
	a_message_is_bounded();
	return CHECK_EXIT();
}
