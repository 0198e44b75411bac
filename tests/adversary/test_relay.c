/* A relay in the middle. With a channel of its own to each side it passes on
 * what suits it: a seller's terms are signed for the seller's own channel key,
 * so through the relay's they are worth nothing. As a pipe, with the two ends'
 * own keys, it sees boxes: none opens elsewhere, changed, again or out of
 * order, nor when it told the two different things about each other. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"
#include "wire/peer/seal.h"

#include <string.h>

static const uint8_t ip[4] = {192, 0, 2, 1};

static void between_two_channels(void)
{
	const struct sim_node_config sc = {
		.sell = true, .floor = 1024, .trust_start = 100};
	const struct sim_node_config bc = {.balance = 1000};
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &sc);
	struct sim_node *buyer = sim_node(sim, &bc);
	struct pay_job *job = sim_job(buyer, 1, 2048, 100);
	struct sim_raw *to_seller = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	struct sim_raw *to_buyer = sim_raw(sim, buyer, PAY_BUY, job, ip);
	struct pay_msg m;

	EXPECT(sim_raw_take(to_buyer, PAY_MSG_ASK, &m), "the buyer asks");
	EXPECT(sim_raw_send(to_seller, &m), "passed on");
	EXPECT(sim_raw_take(to_seller, PAY_MSG_TERMS, &m),
	       "the seller answers");
	EXPECT(!sim_raw_send(to_buyer, &m), "terms of another channel taken");
	EXPECT(sim_raw_closed(to_buyer), "the connection goes on");
	EXPECT(!sim_raw_take(to_buyer, PAY_MSG_BID, NULL), "a bid");
	sim_run(sim, 20000);
	EXPECT(!sim_raw_take(to_buyer, PAY_MSG_RECEIPT, NULL), "a receipt");
	EXPECT(sim_signatures(buyer) == 0, "signed");
	EXPECT(sim_raw_pull(to_seller, 1 << 20) == 0, "served");
	EXPECT(pay_rank(sim_raw_session(to_seller)) == 0, "ranked");
	sim_check_books(sim);
	sim_free(sim);
}

/* ---- as a pipe ---- */

struct ends {
	struct seal seller, buyer;
};

enum lie { HONEST, HANDSHAKE, SELLER_ID, BUYER_ID, TORRENT, RELAYS_KEY };

/* What the relay told the buyer; the seller knows the truth. */
static struct ends meet(enum lie lie)
{
	static const uint8_t ext[] = "d1:md6:sb_payi1eee";
	static const uint8_t other[] = "d1:md6:sb_payi2eee";
	struct seal_keypair s, b, relay;
	struct seal_transcript t = {.seller_ext = ext,
				    .buyer_ext = ext,
				    .seller_ext_len = sizeof(ext) - 1,
				    .buyer_ext_len = sizeof(ext) - 1,
				    .seller_id = {{1}},
				    .buyer_id = {{2}},
				    .hash = {{3}}};
	struct ends e;

	seal_keypair_new(&s);
	seal_keypair_new(&b);
	seal_keypair_new(&relay);
	MUST(seal_seller_new(&e.seller, &s, b.pk, &t, NULL));
	if (lie == HANDSHAKE)
		t.seller_ext = other;
	if (lie == SELLER_ID)
		t.seller_id.bytes[0] = 9;
	if (lie == BUYER_ID)
		t.buyer_id.bytes[0] = 9;
	if (lie == TORRENT)
		t.hash.bytes[0] = 9;
	MUST(seal_buyer_new(&e.buyer, &b, lie == RELAYS_KEY ? relay.pk : s.pk,
			    &t, NULL));
	return e;
}

static size_t box(struct seal *from, uint8_t *out, const char *text)
{
	size_t len = 0;

	MUST(seal_box(from, 'p', out, 256, &len, (const uint8_t *)text,
		      strlen(text), NULL));
	return len;
}

static bool opens(struct seal *at, const uint8_t *bytes, size_t len)
{
	uint8_t plain[256];
	size_t n;

	return seal_open(at, 'p', plain, sizeof(plain), &n, bytes, len, NULL) ==
	       ERR_NONE;
}

static void what_it_told_must_be_true(void)
{
	static const struct {
		const char *name;
		enum lie lie;
		bool opens;
	} rows[] = {
		{"it told the truth", HONEST, true},
		{"another handshake", HANDSHAKE, false},
		{"another peer id of the seller", SELLER_ID, false},
		{"another peer id of the buyer", BUYER_ID, false},
		{"another torrent", TORRENT, false},
		{"a key of its own", RELAYS_KEY, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ends e = meet(rows[i].lie);
		uint8_t b[256];
		size_t n = box(&e.buyer, b, "ask");

		EXPECT(opens(&e.seller, b, n) == rows[i].opens, "%s",
		       rows[i].name);
	}
}

static void boxes_go_one_way_once_in_order(void)
{
	struct ends e = meet(HONEST), other = meet(HONEST);
	uint8_t one[256], two[256], back[256];
	size_t n1 = box(&e.buyer, one, "receipt 1");
	size_t n2 = box(&e.buyer, two, "receipt 2");
	size_t nb = box(&e.seller, back, "ack");
	struct ends fresh = e;

	EXPECT(!opens(&fresh.seller, two, n2), "a box left out");
	fresh = e;
	one[0] ^= 1;
	EXPECT(!opens(&fresh.seller, one, n1), "a changed box");
	one[0] ^= 1;
	EXPECT(!opens(&fresh.buyer, one, n1), "sent back to its sender");
	EXPECT(!opens(&other.seller, one, n1), "in another session");
	fresh = e;
	EXPECT(opens(&fresh.seller, one, n1), "the true one");
	EXPECT(!opens(&fresh.seller, one, n1), "twice");
	EXPECT(opens(&e.seller, one, n1) && opens(&e.seller, two, n2),
	       "in order");
	EXPECT(opens(&e.buyer, back, nb), "the answer");
}

/* It cannot learn the wallet: the address is nowhere in what it sees. */
static void the_wallet_is_not_on_the_wire(void)
{
	struct ends e = meet(HONEST);
	struct address payee = sim_address(4711);
	struct pay_msg m = {.kind = PAY_MSG_TERMS,
			    .u.terms = {.version = 1,
					.chain_id = SIM_CHAIN,
					.bank = sim_bank(),
					.payee = payee,
					.price = sim_tokens(1),
					.step = 1}};
	uint8_t plain[PAY_MSG_ROOM], sealed[PAY_MSG_ROOM + SEAL_MAC_LEN];
	size_t n = pay_msg_encode(&m, plain, sizeof(plain)), len = 0;

	MUST(seal_box(&e.seller, 'p', sealed, sizeof(sealed), &len, plain, n,
		      NULL));
	EXPECT(memmem(plain, n, payee.bytes, 20) != NULL, "inside");
	EXPECT(memmem(sealed, len, payee.bytes, 20) == NULL, "outside");
}

int main(void)
{
	between_two_channels();
	what_it_told_must_be_true();
	boxes_go_one_way_once_in_order();
	the_wallet_is_not_on_the_wire();
	return EXPECT_EXIT();
}
