/* bench_keys.c - what a receipt costs in cryptography, and through the signer.
 *
 * usage: bench_keys [rounds]
 * Prints microseconds each. Not a test: figures depend on the machine.
 */
#include "base/clock.h"
#include "base/eip712.h"
#include "base/keccak.h"
#include "ledger/signer/keystore.h"
#include "ledger/signer/signer_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BATCH 128U
#define HUGE_LIMIT \
	{ \
		UINT64_MAX >> 16, UINT64_MAX \
	}

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void show(const char *what, double since, unsigned n)
{
	(void)printf("%-44s %8.2f us\n", what, (now_us() - since) / (double)n);
}

static void pure(unsigned n)
{
	struct ecc *c = ecc_new(NULL);
	struct ecc_key key = {{[31] = 7}};
	struct address bank = {{1}}, payee = {{2}}, payer, who;
	struct hash32 domain = eip712_domain(199, &bank), digest = domain;
	struct sig64 sig = {{0}};
	struct ecc_sig s;
	unsigned good = 0;
	double t = now_us();

	payer = ecc_address(c, &key);
	for (unsigned i = 0; i < n; i++)
		digest = keccak256(digest.bytes, sizeof(digest.bytes));
	show("keccak256 of 32 bytes", t, n);
	t = now_us();
	for (unsigned i = 0; i < n; i++)
		digest = eip712_receipt(&domain, &payer, &payee,
					amount_from_u64(i));
	show("digest of a receipt", t, n);
	t = now_us();
	for (unsigned i = 0; i < n; i++) {
		digest = eip712_receipt(&domain, &payer, &payee,
					amount_from_u64(i));
		s = ecc_sign(c, &key, &digest);
		sig = sig64_pack(&s);
	}
	show("sign a receipt", t, n);
	t = now_us();
	for (unsigned i = 0; i < n; i++) {
		digest = eip712_receipt(&domain, &payer, &payee,
					amount_from_u64(n - 1));
		good += sig64_recover(&who, &digest, &sig, NULL) == ERR_NONE &&
			address_eq(&who, &payer);
	}
	show("check a receipt (digest, recover, compare)", t, n);
	if (good != n)
		abort();
	ecc_free(c);
}

/* ---- through the process */

struct run {
	struct loop *loop;
	struct signer_client *c;
	struct signer_domain domain;
	unsigned asked, answered, n;
};

static void ask_batch(struct run *r);

static void on_signed(void *ctx, const struct signer_reply *p,
		      const struct err *e)
{
	struct run *r = ctx;

	if (!p) {
		(void)fprintf(stderr, "refused: %s\n", e->msg);
		exit(1);
	}
	if (++r->answered == r->n)
		loop_stop(r->loop);
	else if (r->answered == r->asked)
		ask_batch(r);
}

static void ask_batch(struct run *r)
{
	for (unsigned i = 0; i < BATCH && r->asked < r->n; i++, r->asked++) {
		struct address payee = {{(uint8_t)i}};
		struct signer_request q;

		payee.bytes[19] = 1;
		q = signer_receipt_request(
			&r->domain, SIGNER_BANDWIDTH, &payee,
			amount_from_u64((uint64_t)(r->asked + 1) << 20));
		if (signer_ask(r->c, &q, on_signed, r, NULL) != ERR_NONE)
			abort();
	}
}

static void call(struct run *r, const struct signer_request *q)
{
	struct signer_reply p;
	struct err e = {0};

	if (signer_call(r->c, &p, q, &e) != ERR_NONE) {
		(void)fprintf(stderr, "%s\n", e.msg);
		exit(1);
	}
}

static void set_up(struct run *r, const char *key, const char *state)
{
	struct rng rng = rng_system();
	struct keystore *ks = NULL;
	struct signer_proc proc;
	struct signer_request q = {
		.type = SIGNER_UNLOCK,
		.u.unlock = {.key_path = key,
			     .state_path = state,
			     .passphrase = "bench",
			     .index = {0, 1},
			     .limits = {.payee_per_day = HUGE_LIMIT,
					.total_per_day = HUGE_LIMIT}}};
	double t;

	r->loop = loop_new(NULL);
	if (keystore_new(&ks, 12, &rng, NULL) != ERR_NONE ||
	    keystore_save(ks, key, "bench", keystore_cost_default(), NULL) !=
		    ERR_NONE ||
	    signer_fork(&proc, NULL) != ERR_NONE)
		abort();
	keystore_free(ks);
	r->c = signer_client_new(r->loop, &proc, NULL);
	t = now_us();
	call(r, &q);
	show("unlock, once a start", t, 1);
	r->domain = (struct signer_domain){.chain_id = 199, .bank = {{1}}};
	q = (struct signer_request){.type = SIGNER_PIN, .u.pin = r->domain};
	call(r, &q);
}

static void through_the_signer(unsigned n)
{
	char dir[] = "/tmp/seedbank-bench-XXXXXX", key[64], state[64];
	struct run r = {.n = n};
	struct rusage child;
	double t;

	if (!mkdtemp(dir))
		abort();
	(void)snprintf(key, sizeof(key), "%s/key", dir);
	(void)snprintf(state, sizeof(state), "%s/state", dir);
	set_up(&r, key, state);
	t = now_us();
	ask_batch(&r);
	loop_run(r.loop);
	show("sign through the signer, 128 at once", t, n);
	t = now_us();
	for (unsigned i = 0; i < 1000; i++)
		call(&r, &(struct signer_request){.type = SIGNER_STATUS});
	show("a question and its answer, waiting", t, 1000);
	signer_client_free(r.c);
	loop_free(r.loop);
	(void)getrusage(RUSAGE_CHILDREN, &child);
	(void)printf("%-44s %8ld KiB\n",
		     "signer's largest RSS (while unlocking)", child.ru_maxrss);
	(void)unlink(key);
	(void)unlink(state);
	(void)rmdir(dir);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20000;

	if (n == 0)
		return 2;
	pure(n);
	through_the_signer(n);
	return 0;
}
