/* What a chain node sends as answers and logs never crashes a decoder; an
 * answer that is read, encodes again to the same bytes. The first byte chooses
 * the decoder; for events three topics follow it. */
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"

#include <stdlib.h>
#include <string.h>

static void again(const struct wr *w, const uint8_t *data, size_t len)
{
	if (wr_len(w) != len || memcmp(w->buf, data, len) != 0)
		abort();
}

static void cashed(const struct abi_log *log)
{
	uint8_t buf[2 * ABI_WORD];
	struct wr w = wr_into(buf, sizeof(buf));
	struct bank_ev_cashed ev;

	if (bank_ev_cashed_read(&ev, log, NULL) != ERR_NONE)
		return;
	abi_put_amount(&w, ev.total);
	abi_put_u64(&w, ev.receipts);
	again(&w, log->data, log->data_len);
}

/* Its event has one topic less. */
static void proved(const struct abi_log *log)
{
	const struct abi_log shorter = {log->topics, 2, log->data,
					log->data_len};
	struct bank_ev_proved ev;
	struct bank_proved one;
	size_t n = 0;
	struct rd r;

	if (bank_ev_proved_read(&ev, &shorter, NULL) != ERR_NONE)
		return;
	r = rd_from(ev.proofs, ev.proofs_len);
	while (bank_next_proved(&r, &one))
		n++;
	if (n > log->data_len / BANK_PROVED_LEN)
		abort();
}

static void agreement_event(uint8_t which, const struct abi_log *log)
{
	union {
		struct bank_ev_opened opened;
		struct bank_ev_revised revised;
		struct bank_ev_topped_up topped_up;
		struct bank_ev_closed closed;
		struct bank_ev_burnt burnt;
	} ev;

	if (which == 12)
		(void)!bank_ev_opened_read(&ev.opened, log, NULL);
	else if (which == 13)
		(void)!bank_ev_revised_read(&ev.revised, log, NULL);
	else if (which == 14)
		proved(log);
	else if (which == 15)
		(void)!bank_ev_topped_up_read(&ev.topped_up, log, NULL);
	else if (which == 16)
		(void)!bank_ev_closed_read(&ev.closed, log, NULL);
	else if (which == 17)
		(void)!bank_ev_burnt_read(&ev.burnt, log, NULL);
}

static void event(uint8_t which, const uint8_t *data, size_t len)
{
	struct hash32 topics[3];
	struct abi_log log = {topics, 3, NULL, 0};
	union {
		struct bank_ev_deposited deposited;
		struct bank_ev_withdrawn withdrawn;
		struct bank_ev_reserved reserved;
		struct bank_ev_released released;
		struct bank_ev_bounced bounced;
	} ev;

	if (len < sizeof(topics))
		return;
	memcpy(topics, data, sizeof(topics));
	log.data = data + sizeof(topics);
	log.data_len = len - sizeof(topics);
	switch (which) {
	case 0:
		(void)!bank_ev_deposited_read(&ev.deposited, &log, NULL);
		return;
	case 1:
		(void)!bank_ev_withdrawn_read(&ev.withdrawn, &log, NULL);
		return;
	case 2:
		(void)!bank_ev_reserved_read(&ev.reserved, &log, NULL);
		return;
	case 3:
		(void)!bank_ev_released_read(&ev.released, &log, NULL);
		return;
	case 4:
		cashed(&log);
		return;
	case 5:
		(void)!bank_ev_bounced_read(&ev.bounced, &log, NULL);
		return;
	}
	agreement_event(which, &log);
}

static void put_view(struct wr *w, const struct bank_agreement *v)
{
	abi_put_u64(w, v->state);
	abi_put_u64(w, v->revision);
	abi_put_hash(w, &v->root);
	abi_put_u64(w, v->sectors);
	abi_put_u64(w, v->through);
	abi_put_amount(w, v->earned);
	abi_put_amount(w, v->rate);
	abi_put_u64(w, v->start);
	abi_put_u64(w, v->end);
	abi_put_u64(w, v->span);
	abi_put_amount(w, v->fund);
	abi_put_amount(w, v->collateral);
	abi_put_amount(w, v->penalty);
	abi_put_u64(w, v->misses);
	abi_put_hash(w, &v->next_root);
	abi_put_u64(w, v->next_sectors);
	abi_put_amount(w, v->next_rate);
	abi_put_u64(w, v->from);
}

static void listed(const uint8_t *data, size_t len)
{
	struct bank_listed one;
	const uint8_t *list;
	size_t list_len, n = 0;
	struct rd r;

	if (bank_ret_list(&list, &list_len, data, len, NULL) != ERR_NONE)
		return;
	r = rd_from(list, list_len);
	while (bank_next_listed(&r, &one))
		n++;
	if (n > len / BANK_LISTED_LEN)
		abort();
}

static void agreement_answer(uint8_t which, const uint8_t *data, size_t len)
{
	uint8_t buf[18 * ABI_WORD];
	struct wr w = wr_into(buf, sizeof(buf));
	struct bank_agreement v;
	struct bank_prove proof;
	uint32_t next;

	if (which == 18 && !bank_ret_agreement(&v, data, len, NULL)) {
		put_view(&w, &v);
		again(&w, data, len);
	} else if (which == 19) {
		listed(data, len);
	} else if (which == 20 && !bank_ret_prove(&proof, data, len, NULL)) {
		abi_put_u64(&w, proof.good);
		abi_put_amount(&w, proof.total);
		again(&w, data, len);
	} else if (which == 21 && !bank_ret_next(&next, data, len, NULL)) {
		abi_put_u64(&w, next);
		again(&w, data, len);
	}
}

static void answer(uint8_t which, const uint8_t *data, size_t len)
{
	uint8_t buf[96];
	struct wr w = wr_into(buf, sizeof(buf));
	char text[ABI_TEXT_MAX];
	struct address token;
	struct bank_pair pair;
	struct amount n;
	uint8_t decimals;

	if (which == 6 && !bank_ret_pair(&pair, data, len, NULL)) {
		abi_put_amount(&w, pair.paid);
		abi_put_amount(&w, pair.held);
		abi_put_u64(&w, pair.until);
		again(&w, data, len);
	} else if (which == 7 && !bank_ret_free(&n, data, len, NULL)) {
		abi_put_amount(&w, n);
		again(&w, data, len);
	} else if (which == 8 && !bank_ret_token(&token, data, len, NULL)) {
		abi_put_address(&w, &token);
		again(&w, data, len);
	} else if (which == 9 && !erc20_ret_balance_of(&n, data, len, NULL)) {
		if (len != ABI_WORD)
			abort();
	} else if (which == 10 &&
		   !erc20_ret_decimals(&decimals, data, len, NULL)) {
		abi_put_u64(&w, decimals);
		again(&w, data, len);
	} else if (which == 11 && !erc20_ret_symbol(text, data, len, NULL)) {
		if (strlen(text) >= sizeof(text))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	event(data[0], data + 1, size - 1);
	answer(data[0], data + 1, size - 1);
	agreement_answer(data[0], data + 1, size - 1);
	(void)bank_error_name(data, size);
	return 0;
}
