/* fill_book.c - receipts of made-up payers in a node's book, as if each had
 * been served: for benches that settle (settle.py).
 *
 * usage: fill_book BOOK ME CHAIN_ID BANK
 * Reads an amount a line (token units) and prints for it the payer, and where
 * the bank keeps that payer's free balance and its pair with ME.
 */
#include "base/address.h"
#include "base/clock.h"
#include "base/ecc.h"
#include "base/eip712.h"
#include "base/keccak.h"
#include "ledger/book/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Slots of the bank's mappings (contracts-abi/src): free, and the pairs. */
#define FREE_AT 0
#define PAIRS_AT 2

struct filler {
	struct ecc *ecc;
	struct book *book;
	struct address me;
	struct hash32 domain;
	int64_t now_s;
	uint32_t payers;
};

static void fail(const struct err *e)
{
	(void)fprintf(stderr, "fill_book: %s\n", e->msg);
	exit(1);
}

/* Where mapping[key] lies, the mapping itself being at `at`. */
static struct hash32 slot(const struct address *key, const struct hash32 *at)
{
	uint8_t words[64] = {0};

	memcpy(words + 12, key->bytes, 20);
	memcpy(words + 32, at->bytes, 32);
	return keccak256(words, sizeof(words));
}

static void print_hex(const uint8_t *p, size_t len, const char *end)
{
	(void)printf("0x");
	for (size_t i = 0; i < len; i++)
		(void)printf("%02x", p[i]);
	(void)printf("%s", end);
}

static void print_places(const struct filler *f, const struct address *payer)
{
	static const struct hash32 free_at = {{[31] = FREE_AT}};
	static const struct hash32 pairs_at = {{[31] = PAIRS_AT}};
	struct hash32 mine = slot(&f->me, &pairs_at);
	struct hash32 pair = slot(payer, &mine);
	struct hash32 balance = slot(payer, &free_at);

	print_hex(payer->bytes, 20, " ");
	print_hex(balance.bytes, 32, " ");
	print_hex(pair.bytes, 32, "\n");
}

static void add_receipt(struct filler *f, struct amount amount)
{
	uint8_t bytes[32] = {1};
	struct ecc_key key;
	struct ecc_sig sig;
	struct sig64 packed;
	struct receipt r = {.amount = amount};
	struct hash32 digest;
	struct err e = {0};

	f->payers++;
	for (int i = 0; i < 4; i++)
		bytes[28 + i] = (uint8_t)(f->payers >> (24 - 8 * i));
	if (ecc_key_read(&key, bytes, &e) != ERR_NONE)
		fail(&e);
	r.payer = ecc_address(f->ecc, &key);
	digest = eip712_receipt(&f->domain, &r.payer, &f->me, amount);
	sig = ecc_sign(f->ecc, &key, &digest);
	packed = sig64_pack(&sig);
	memcpy(r.sig, packed.bytes, sizeof(r.sig));
	if (receipt_verify(&r, &f->domain, &f->me, &e) != ERR_NONE ||
	    book_receipt_in(f->book, &r, amount, 0, f->now_s, &e) != ERR_NONE)
		fail(&e);
	print_places(f, &r.payer);
}

int main(int argc, char **argv)
{
	struct filler f = {.now_s = clock_unix_s()};
	enum address_kind kind;
	struct address bank;
	struct err e = {0};
	char line[64];

	if (argc != 5) {
		(void)fprintf(stderr,
			      "usage: fill_book BOOK ME CHAIN_ID BANK\n");
		return 2;
	}
	if (address_parse(&f.me, &kind, argv[2], &e) != ERR_NONE ||
	    address_parse(&bank, &kind, argv[4], &e) != ERR_NONE ||
	    book_open(&f.book, argv[1], &f.me, &e) != ERR_NONE)
		fail(&e);
	f.domain = eip712_domain(strtoull(argv[3], NULL, 0), &bank);
	f.ecc = ecc_new(&e);
	if (!f.ecc)
		fail(&e);
	while (fgets(line, sizeof(line), stdin)) {
		struct amount amount;

		line[strcspn(line, "\n")] = 0;
		if (amount_from_dec(&amount, line, 0, &e) != ERR_NONE)
			fail(&e);
		add_receipt(&f, amount);
	}
	if (book_commit(f.book, &e) != ERR_NONE)
		fail(&e);
	book_close(f.book);
	ecc_free(f.ecc);
	return 0;
}
