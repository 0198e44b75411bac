/* make_receipts.c - puts receipts of many payers into a book, as if they had
 * come with bytes: what a test of settling has to settle.
 *
 * usage: make_receipts BOOK CHAIN-ID BANK PAYEE FIRST COUNT AMOUNT
 * Addresses are 20 bytes of hex, AMOUNT is in the token's smallest unit. Payers
 * are numbered, FIRST is the first one's number; the address of each is printed
 * on a line. The program that owns the book must not run.
 */
#include "base/ecc.h"
#include "base/eip712.h"
#include "base/hex.h"
#include "base/keccak.h"
#include "ledger/book/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct made {
	struct ecc *ecc;
	struct book *book;
	struct hash32 domain;
	struct address payee;
	struct amount amount;
};

static struct ecc_key key_of(unsigned i)
{
	uint8_t seed[3] = {(uint8_t)(i >> 8), (uint8_t)i, 0x5b};
	struct hash32 h = keccak256(seed, sizeof(seed));
	struct ecc_key key;

	if (ecc_key_read(&key, h.bytes, NULL) != ERR_NONE)
		abort();
	return key;
}

static enum err_code add(struct made *m, unsigned i, struct err *e)
{
	struct ecc_key key = key_of(i);
	struct receipt r = {.payer = ecc_address(m->ecc, &key),
			    .amount = m->amount};
	struct hash32 digest =
		eip712_receipt(&m->domain, &r.payer, &m->payee, r.amount);
	struct ecc_sig sig = ecc_sign(m->ecc, &key, &digest);
	struct sig64 packed = sig64_pack(&sig);
	char hex[41];

	memcpy(r.sig, packed.bytes, sizeof(r.sig));
	(void)printf("0x%s\n", hex_encode(hex, r.payer.bytes, 20));
	return book_receipt_in(m->book, &r, r.amount, 0, 1, e);
}

static int make(struct made *m, char **argv)
{
	unsigned first = (unsigned)strtoul(argv[5], NULL, 10);
	unsigned n = (unsigned)strtoul(argv[6], NULL, 10);
	struct err e = {0};
	enum err_code rc = book_open(&m->book, argv[1], &m->payee, &e);

	for (unsigned i = first; i < first + n && rc == ERR_NONE; i++)
		rc = add(m, i, &e);
	if (rc == ERR_NONE)
		rc = book_commit(m->book, &e);
	book_close(m->book);
	if (rc != ERR_NONE)
		(void)fprintf(stderr, "make_receipts: %s\n", e.msg);
	return rc == ERR_NONE ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct made m = {.ecc = ecc_new(NULL)};
	struct address bank;
	int status = 2;

	if (argc == 8 && m.ecc && hex_decode(bank.bytes, 20, argv[3]) &&
	    hex_decode(m.payee.bytes, 20, argv[4]) &&
	    amount_from_dec(&m.amount, argv[7], 0, NULL) == ERR_NONE) {
		m.domain = eip712_domain(strtoull(argv[2], NULL, 10), &bank);
		status = make(&m, argv);
	} else {
		(void)fprintf(stderr, "usage: see the source\n");
	}
	ecc_free(m.ecc);
	return status;
}
