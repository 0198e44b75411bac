/* Every message there and back, and every way in which one can be malformed. */
#include "ledger/signer/signer_proto.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static uint8_t data[SIGNER_DATA_MAX + 1];
static uint8_t frame[SIGNER_FRAME_MAX + 8], again[SIGNER_FRAME_MAX + 8];

static const enum signer_type types[] = {
	SIGNER_UNLOCK,	     SIGNER_STATUS,    SIGNER_ADDRESS, SIGNER_PIN,
	SIGNER_ALLOW_DEPLOY, SIGNER_RECEIPT,   SIGNER_ADOPT,   SIGNER_TX_EVM,
	SIGNER_CHANNEL,	     SIGNER_AGREEMENT, SIGNER_SHEET,   SIGNER_ENDPOINT,
	SIGNER_STORAGE_KEY,  SIGNER_LIMITS,    SIGNER_TX_TRON,
};

static void fill(void *p, size_t len, uint8_t from)
{
	uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)(from + i);
}

static struct signer_request request_of(enum signer_type type)
{
	struct signer_request q = {.type = type};

	switch (type) {
	case SIGNER_UNLOCK:
		q.u.unlock = (struct signer_unlock){
			.key_path = "/var/lib/sb/key",
			.state_path = "/var/lib/sb/state",
			.passphrase = "p\xc3\xa4ss",
			.kind = ADDRESS_TRON,
			.index = {3, 0x7fffffff},
			.limits = {.payee_per_day = amount_from_parts(1, 2),
				   .reserve_days = 9},
			.cold_len = SIGNER_COLD_MAX};
		fill(q.u.unlock.cold, sizeof(q.u.unlock.cold), 1);
		break;
	case SIGNER_STATUS:
		break;
	case SIGNER_ADDRESS:
		q.u.purpose = SIGNER_STORAGE;
		break;
	case SIGNER_PIN:
		q.u.pin.chain_id = UINT64_MAX;
		fill(&q.u.pin.bank, sizeof(q.u.pin.bank), 2);
		fill(&q.u.pin.token, sizeof(q.u.pin.token), 3);
		break;
	case SIGNER_ALLOW_DEPLOY:
		q.u.deploy.chain_id = 5;
		fill(&q.u.deploy.code, sizeof(q.u.deploy.code), 4);
		break;
	case SIGNER_RECEIPT:
		q.u.receipt.chain_id = 6;
		fill(&q.u.receipt.bank, sizeof(q.u.receipt.bank), 5);
		fill(&q.u.receipt.payee, sizeof(q.u.receipt.payee), 6);
		q.u.receipt.amount = amount_max112();
		break;
	case SIGNER_ADOPT:
		q.u.adopt.purpose = SIGNER_STORAGE;
		fill(&q.u.adopt.payee, sizeof(q.u.adopt.payee), 7);
		q.u.adopt.amount = amount_max112();
		fill(&q.u.adopt.sig, sizeof(q.u.adopt.sig), 8);
		break;
	case SIGNER_CHANNEL:
		q.u.channel.chain_id = 11;
		fill(&q.u.channel.bank, sizeof(q.u.channel.bank), 10);
		fill(q.u.channel.key, sizeof(q.u.channel.key), 11);
		break;
	case SIGNER_AGREEMENT:
		q.u.agreement.chain_id = 12;
		fill(&q.u.agreement.bank, sizeof(q.u.agreement.bank), 12);
		q.u.agreement.agreement =
			(struct agreement){.number = 1,
					   .revision = 2,
					   .sectors = 3,
					   .earned = amount_max112(),
					   .span = UINT16_MAX};
		fill(&q.u.agreement.agreement.terms, 32, 13);
		break;
	case SIGNER_SHEET:
		q.u.sheet.chain_id = 13;
		q.u.sheet.sheet = (struct sheet){.rent = amount_max112(),
						 .span = 7,
						 .expires = UINT64_MAX};
		break;
	case SIGNER_ENDPOINT:
		q.u.endpoint.chain_id = 14;
		q.u.endpoint.endpoint = (struct endpoint){.port = 6881};
		fill(q.u.endpoint.endpoint.ip, 16, 14);
		break;
	case SIGNER_STORAGE_KEY:
		break;
	case SIGNER_LIMITS:
		q.u.limits.total_per_day = amount_from_parts(3, 4);
		q.u.limits.reserve_days = 8;
		break;
	case SIGNER_TX_EVM:
		q.u.tx = (struct signer_tx_evm){
			.style = SIGNER_TX_1559,
			.chain_id = 7,
			.nonce = 8,
			.max_fee = amount_from_parts(UINT64_MAX, 1),
			.tip = amount_from_u64(1),
			.gas = 9,
			.value = amount_from_u64(10),
			.data = data,
			.data_len = SIGNER_DATA_MAX};
		fill(&q.u.tx.to, sizeof(q.u.tx.to), 9);
		break;
	case SIGNER_TX_TRON:
		q.u.tron =
			(struct signer_tx_tron){.purpose = SIGNER_STORAGE,
						.chain_id = 7,
						.tx = {.ref_block = {1, 2},
						       .ref_hash = {3, 4, 5},
						       .expiration_ms = 6,
						       .timestamp_ms = 7,
						       .fee_limit = 8,
						       .value = 9,
						       .create = true,
						       .name = "bank",
						       .data = data,
						       .len = SIGNER_DATA_MAX}};
		fill(&q.u.tron.tx.owner, sizeof(q.u.tron.tx.owner), 9);
		break;
	}
	return q;
}

static struct signer_reply reply_of(enum signer_type type)
{
	struct signer_reply p = {.type = type};

	switch (type) {
	case SIGNER_UNLOCK:
		p.u.unlocked.can_store = true;
		fill(p.u.unlocked.account, sizeof(p.u.unlocked.account), 1);
		break;
	case SIGNER_STATUS:
		p.u.status = (struct signer_status){.unlocked = true,
						    .pinned = true,
						    .day = 20000,
						    .promised = amount_max112(),
						    .fees = amount_from_u64(3)};
		break;
	case SIGNER_ADDRESS:
		fill(&p.u.address, sizeof(p.u.address), 2);
		break;
	case SIGNER_PIN:
	case SIGNER_ALLOW_DEPLOY:
	case SIGNER_ADOPT:
	case SIGNER_LIMITS:
		break;
	case SIGNER_RECEIPT:
	case SIGNER_CHANNEL:
	case SIGNER_AGREEMENT:
	case SIGNER_SHEET:
	case SIGNER_ENDPOINT:
		fill(&p.u.sig, sizeof(p.u.sig), 3);
		break;
	case SIGNER_STORAGE_KEY:
		fill(p.u.storage_key, sizeof(p.u.storage_key), 5);
		break;
	case SIGNER_TX_EVM:
	case SIGNER_TX_TRON:
		fill(&p.u.tx.hash, sizeof(p.u.tx.hash), 4);
		p.u.tx.raw = data;
		p.u.tx.raw_len = SIGNER_DATA_MAX;
		break;
	}
	return p;
}

static enum err_code decode(const uint8_t *buf, size_t len)
{
	static struct signer_strings strings;
	struct signer_request q;
	uint32_t id;

	return signer_request_decode(&q, &id, &strings, buf, len, NULL);
}

static enum err_code decode_reply(const uint8_t *buf, size_t len)
{
	struct signer_reply p;
	uint32_t id;

	return signer_reply_decode(&p, &id, buf, len, NULL);
}

static void messages_come_back_as_they_were(void)
{
	static struct signer_strings strings;

	for (size_t i = 0; i < ROWS(types); i++) {
		enum signer_type t = types[i];
		struct signer_request q = request_of(t), r;
		struct signer_reply p = reply_of(t), s;
		uint32_t id = 0;
		size_t len =
			signer_request_encode(&q, 77, frame, sizeof(frame));
		bool bad;

		CHECK(len && signer_frame_len(frame, len, &bad) == len,
		      "request %d: length", (int)t);
		CHECK(signer_request_decode(&r, &id, &strings, frame, len,
					    NULL) == ERR_NONE &&
			      id == 77 && r.type == q.type,
		      "request %d", t);
		CHECK(signer_request_encode(&r, 77, again, sizeof(again)) ==
				      len &&
			      memcmp(frame, again, len) == 0,
		      "request %d: the same bytes", t);
		len = signer_reply_encode(&p, 78, frame, sizeof(frame));
		CHECK(len && signer_reply_decode(&s, &id, frame, len, NULL) ==
				      ERR_NONE,
		      "reply %d", t);
		CHECK(id == 78 &&
			      signer_reply_encode(&s, 78, again,
						  sizeof(again)) == len &&
			      memcmp(frame, again, len) == 0,
		      "reply %d: the same bytes", t);
		p.code = ERR_FUNDS;
		memcpy(p.msg, "why", 4);
		len = signer_reply_encode(&p, 79, frame, sizeof(frame));
		CHECK(signer_reply_decode(&s, &id, frame, len, NULL) ==
				      ERR_NONE &&
			      s.code == ERR_FUNDS && strcmp(s.msg, "why") == 0,
		      "refusal %d", t);
	}
}

static void strings_keep_their_content(void)
{
	static struct signer_strings strings;
	struct signer_request q = request_of(SIGNER_UNLOCK), r;
	uint32_t id;
	size_t len = signer_request_encode(&q, 1, frame, sizeof(frame));

	CHECK(signer_request_decode(&r, &id, &strings, frame, len, NULL) ==
		      ERR_NONE,
	      "decode");
	memset(frame, 0, len); /* nothing borrows from it */
	CHECK(strcmp(r.u.unlock.key_path, "/var/lib/sb/key") == 0 &&
		      strcmp(r.u.unlock.state_path, "/var/lib/sb/state") == 0 &&
		      strcmp(r.u.unlock.passphrase, "p\xc3\xa4ss") == 0,
	      "strings");
	CHECK(r.u.unlock.kind == ADDRESS_TRON && r.u.unlock.index[0] == 3 &&
		      r.u.unlock.index[1] == 0x7fffffff &&
		      r.u.unlock.cold_len == SIGNER_COLD_MAX,
	      "numbers");
}

/* A frame cut anywhere, with its length put right, is no message. */
static void short_and_long_frames_are_refused(void)
{
	for (size_t i = 0; i < ROWS(types); i++) {
		enum signer_type t = types[i];
		struct signer_request q = request_of(t);
		size_t len, step;

		if (t == SIGNER_TX_EVM)
			q.u.tx.data_len = 40;
		if (t == SIGNER_TX_TRON)
			q.u.tron.tx.len = 40;
		len = signer_request_encode(&q, 1, frame, sizeof(frame));
		CHECK(decode(frame, len - 1) == ERR_PARSE, "%d: a byte less",
		      t);
		CHECK(decode(frame, len + 1) == ERR_PARSE, "%d: a byte more",
		      t);
		for (step = 4; step < len + 3; step++) {
			if (step == len)
				continue;
			frame[0] = frame[1] = 0;
			frame[2] = (uint8_t)((step - 4) >> 8);
			frame[3] = (uint8_t)(step - 4);
			CHECK(decode(frame, step) == ERR_PARSE,
			      "type %d, %zu of %zu bytes", t, step, len);
		}
	}
}

static void fields_out_of_range_are_refused(void)
{
	static const struct {
		const char *name;
		enum signer_type type;
		size_t at; /* in the frame */
		uint8_t value;
	} rows[] = {
		{"no such type", SIGNER_STATUS, 4, 0},
		{"a type to come", SIGNER_STATUS, 4, 16},
		{"no such purpose", SIGNER_ADDRESS, 9, 2},
		{"a receipt for no such purpose", SIGNER_RECEIPT, 9, 2},
		{"a string with a NUL", SIGNER_UNLOCK, 14, 0},
		{"a path over its length", SIGNER_UNLOCK, 10, 1},
		{"no such style", SIGNER_TX_EVM, 10, 1},
		{"neither created nor not", SIGNER_TX_EVM, 67, 2},
		{"created, but at an address", SIGNER_TX_EVM, 67, 1},
		{"a TRON call with a name", SIGNER_TX_TRON, 80, 0},
		{"a TRON creation at an address", SIGNER_TX_TRON, 81, 1},
		{"a name with a NUL", SIGNER_TX_TRON, 105, 0},
		{"a name over its length", SIGNER_TX_TRON, 104, 33},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct signer_request q = request_of(rows[i].type);
		size_t len = signer_request_encode(&q, 1, frame, sizeof(frame));

		CHECK(decode(frame, len) == ERR_NONE, "%s: before",
		      rows[i].name);
		frame[rows[i].at] = rows[i].value;
		CHECK(decode(frame, len) == ERR_PARSE, "%s", rows[i].name);
	}
}

static void what_is_out_of_range_is_not_sent(void)
{
	struct signer_request q = request_of(SIGNER_RECEIPT);
	struct signer_reply p = reply_of(SIGNER_TX_EVM);
	char *path = malloc(SIGNER_PATH_MAX + 2);

	if (!path)
		abort();
	CHECK(amount_add(&q.u.receipt.amount, amount_max112(),
			 amount_from_u64(1)),
	      "2^112");
	CHECK(!signer_request_encode(&q, 1, frame, sizeof(frame)), "2^112");
	q = request_of(SIGNER_TX_EVM);
	q.u.tx.data_len++;
	CHECK(!signer_request_encode(&q, 1, frame, sizeof(frame)),
	      "too much data");
	q = request_of(SIGNER_TX_EVM);
	q.u.tx.create = true;
	CHECK(!signer_request_encode(&q, 1, frame, sizeof(frame)),
	      "created at an address");
	q = request_of(SIGNER_UNLOCK);
	memset(path, 'a', SIGNER_PATH_MAX + 1);
	path[SIGNER_PATH_MAX + 1] = '\0';
	q.u.unlock.key_path = path;
	CHECK(!signer_request_encode(&q, 1, frame, sizeof(frame)),
	      "path too long");
	path[SIGNER_PATH_MAX] = '\0';
	CHECK(signer_request_encode(&q, 1, frame, sizeof(frame)) > 0,
	      "the longest path");
	q.u.unlock.cold_len = SIGNER_COLD_MAX + 1;
	CHECK(!signer_request_encode(&q, 1, frame, sizeof(frame)),
	      "too many cold addresses");
	p.u.tx.raw_len = SIGNER_RAW_MAX + 1;
	CHECK(!signer_reply_encode(&p, 1, frame, sizeof(frame)),
	      "a transaction too long");
	free(path);
}

static void lengths_are_bounded_before_they_are_used(void)
{
	static const struct {
		const char *name;
		uint8_t head[4];
		size_t have, want;
		bool bad;
	} rows[] = {
		{"nothing yet", {0}, 0, 0, false},
		{"half a length", {0, 0}, 2, 0, false},
		{"the shortest", {0, 0, 0, 5}, 4, 9, false},
		{"one below", {0, 0, 0, 4}, 4, 0, true},
		{"zero", {0, 0, 0, 0}, 4, 0, true},
		{"the longest",
		 {0, 2, 0x10, 0},
		 4,
		 4 + SIGNER_FRAME_MAX,
		 false},
		{"one above", {0, 2, 0x10, 1}, 4, 0, true},
		{"all ones", {255, 255, 255, 255}, 4, 0, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		bool bad;

		CHECK(signer_frame_len(rows[i].head, rows[i].have, &bad) ==
				      rows[i].want &&
			      bad == rows[i].bad,
		      "%s", rows[i].name);
	}
}

static void replies_are_checked_too(void)
{
	struct signer_reply p = reply_of(SIGNER_STATUS);
	size_t len = signer_reply_encode(&p, 1, frame, sizeof(frame));

	CHECK(decode_reply(frame, len) == ERR_NONE, "before");
	frame[9] = ERR_CHAIN + 1;
	CHECK(decode_reply(frame, len) == ERR_PARSE, "no such error");
	frame[9] = 0;
	frame[10] = 2;
	CHECK(decode_reply(frame, len) == ERR_PARSE, "no such truth");
	frame[10] = 1;
	CHECK(decode_reply(frame, len - 1) == ERR_PARSE, "a byte less");
}

int main(void)
{
	messages_come_back_as_they_were();
	strings_keep_their_content();
	short_and_long_frames_are_refused();
	fields_out_of_range_are_refused();
	what_is_out_of_range_is_not_sent();
	lengths_are_bounded_before_they_are_used();
	replies_are_checked_too();
	return CHECK_EXIT();
}
