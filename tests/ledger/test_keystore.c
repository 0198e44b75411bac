/* Key files and what comes out of them. Web3 vectors: the two of the format's
 * own definition, and one of ethers 6. */
#include "base/keccak.h"
#include "ledger/signer/keystore.h"
#include "tests/base/vec.h"
#include "tests/check.h"
#include "tests/ledger/scratch.h"

#include <sys/stat.h>

#define PHRASE12 \
	"abandon abandon abandon abandon abandon abandon abandon abandon " \
	"abandon abandon abandon about"
#define KEY46 "4646464646464646464646464646464646464646464646464646464646464646"
#define STORAGE_KEY \
	"5d8e8d62b59c1a1d9305799227bdecfad1be674008d775b1c70ecb57c1756859"
#define FILE_LEN 105

static const struct keystore_cost cheap = {.passes = 1, .mem_kib = 64};
static struct scratch dir;

static struct keystore *phrase_store(void)
{
	struct keystore *ks = NULL;

	if (keystore_from_phrase(&ks, PHRASE12, NULL) != ERR_NONE)
		abort();
	return ks;
}

static struct keystore *raw_store(void)
{
	struct keystore *ks = NULL;

	if (keystore_from_hex(&ks, KEY46, NULL) != ERR_NONE)
		abort();
	return ks;
}

static void files_give_back_what_was_sealed(void)
{
	const char *path = scratch_path(&dir, "a.key");
	struct keystore *ks = phrase_store(), *back = NULL;
	char phrase[BIP39_PHRASE_MAX];
	enum keystore_kind kind;
	struct err e = {0};
	struct stat st;

	CHECK(keystore_save(ks, path, "pass", cheap, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 &&
		      st.st_size == FILE_LEN,
	      "mode and size");
	CHECK(keystore_peek(&kind, path, &e) == ERR_NONE &&
		      kind == KEYSTORE_12_WORDS,
	      "%s", e.msg);
	CHECK(keystore_load(&back, path, "pass", &e) == ERR_NONE, "%s", e.msg);
	CHECK(keystore_phrase(back, phrase, &e) == ERR_NONE &&
		      strcmp(phrase, PHRASE12) == 0,
	      "%s", e.msg);
	CHECK(keystore_save(ks, path, "pass", cheap, &e) == ERR_STATE &&
		      strstr(e.msg, "not overwritten"),
	      "%s", e.msg);
	keystore_free(back);
	keystore_free(ks);
}

static void new_ones_differ_and_have_their_words(void)
{
	struct rng rng = rng_seeded(1);
	struct keystore *a = NULL, *b = NULL;
	char pa[BIP39_PHRASE_MAX], pb[BIP39_PHRASE_MAX];

	CHECK(keystore_new(&a, 24, &rng, NULL) == ERR_NONE, "24");
	CHECK(keystore_new(&b, 24, &rng, NULL) == ERR_NONE, "24");
	CHECK(keystore_phrase(a, pa, NULL) == ERR_NONE &&
		      keystore_phrase(b, pb, NULL) == ERR_NONE &&
		      strcmp(pa, pb) != 0,
	      "twice the same");
	CHECK(keystore_kind(a) == KEYSTORE_24_WORDS, "kind");
	keystore_free(b);
	CHECK(keystore_from_phrase(&b, pa, NULL) == ERR_NONE, "%s", pa);
	keystore_free(a);
	keystore_free(b);
	CHECK(keystore_new(&a, 15, &rng, NULL) == ERR_LIMIT, "15 words");
}

static void bad_files_are_refused(void)
{
	static const struct {
		const char *name;
		size_t len, flip;
		mode_t mode;
		const char *pass;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"the right one", FILE_LEN, 0, 0600, "pass", ERR_NONE, ""},
		{"owner reads only", FILE_LEN, 0, 0400, "pass", ERR_NONE, ""},
		{"wrong passphrase", FILE_LEN, 0, 0600, "Pass", ERR_SIG,
		 "wrong passphrase"},
		{"no passphrase", FILE_LEN, 0, 0600, "", ERR_LIMIT, "empty"},
		{"group may read", FILE_LEN, 0, 0640, "pass", ERR_STATE,
		 "chmod 600"},
		{"all may read", FILE_LEN, 0, 0604, "pass", ERR_STATE,
		 "chmod 600"},
		{"empty", 0, 0, 0600, "pass", ERR_PARSE, "not a seedbank key"},
		{"a byte short", FILE_LEN - 1, 0, 0600, "pass", ERR_PARSE,
		 "damaged"},
		{"a byte long", FILE_LEN + 1, 0, 0600, "pass", ERR_PARSE,
		 "not a seedbank key"},
		{"another magic", FILE_LEN, 1, 0600, "pass", ERR_PARSE,
		 "not a seedbank key"},
		{"another version", FILE_LEN, 7, 0600, "pass", ERR_PARSE,
		 "newer version"},
		{"another kind", FILE_LEN, 8, 0600, "pass", ERR_PARSE, "kind"},
		{"absurd passes", FILE_LEN, 9, 0600, "pass", ERR_LIMIT, "cost"},
		{"absurd memory", FILE_LEN, 13, 0600, "pass", ERR_LIMIT,
		 "cost"},
		{"salt damaged", FILE_LEN, 17, 0600, "pass", ERR_SIG,
		 "damaged"},
		{"nonce damaged", FILE_LEN, 40, 0600, "pass", ERR_SIG,
		 "damaged"},
		{"secret damaged", FILE_LEN, 60, 0600, "pass", ERR_SIG,
		 "damaged"},
		{"tag damaged", FILE_LEN, 104, 0600, "pass", ERR_SIG,
		 "damaged"},
	};
	const char *path = scratch_path(&dir, "b.key");
	uint8_t file[FILE_LEN + 1] = {0};
	struct keystore *ks = phrase_store();

	CHECK(keystore_save(ks, path, "pass", cheap, NULL) == ERR_NONE, "save");
	(void)scratch_read(path, file, sizeof(file));
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct keystore *got = NULL;
		struct err e = {0};

		file[rows[i].flip] ^= rows[i].flip ? 0x80 : 0;
		(void)unlink(path);
		scratch_write(path, file, rows[i].len);
		file[rows[i].flip] ^= rows[i].flip ? 0x80 : 0;
		(void)chmod(path, rows[i].mode);
		CHECK(keystore_load(&got, path, rows[i].pass, &e) ==
			      rows[i].want,
		      "%s: %d (%s)", rows[i].name, e.code, e.msg);
		CHECK(strstr(e.msg, rows[i].says), "%s: says \"%s\"",
		      rows[i].name, e.msg);
		keystore_free(got);
	}
	keystore_free(ks);
}

/* The kind is not encrypted, but it is authenticated. */
static void the_kind_cannot_be_changed(void)
{
	const char *path = scratch_path(&dir, "kind.key");
	struct keystore *ks = phrase_store(), *got = NULL;
	uint8_t file[FILE_LEN];

	CHECK(keystore_save(ks, path, "pass", cheap, NULL) == ERR_NONE, "save");
	(void)scratch_read(path, file, sizeof(file));
	file[8] = KEYSTORE_RAW;
	scratch_write(path, file, sizeof(file));
	CHECK(keystore_load(&got, path, "pass", NULL) == ERR_SIG, "loaded");
	keystore_free(ks);
}

static void what_is_no_file_is_refused(void)
{
	struct keystore *ks = NULL;
	struct err e = {0};

	CHECK(keystore_load(&ks, dir.dir, "pass", &e) == ERR_STATE &&
		      strstr(e.msg, "regular"),
	      "%s", e.msg);
	e = (struct err){0};
	CHECK(keystore_load(&ks, scratch_path(&dir, "none"), "pass", &e) ==
			      ERR_IO &&
		      strstr(e.msg, "none"),
	      "%s", e.msg);
}

static void costs_out_of_range_are_refused(void)
{
	static const struct keystore_cost rows[] = {
		{0, 64}, {21, 64}, {1, 7}, {1, (1U << 20) + 1}};
	struct keystore *ks = phrase_store();

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(keystore_save(ks, scratch_path(&dir, "cost.key"), "pass",
				    rows[i], NULL) == ERR_LIMIT,
		      "row %zu", i);
	CHECK(keystore_save(ks, scratch_path(&dir, "cost.key"), "", cheap,
			    NULL) == ERR_LIMIT,
	      "an empty passphrase");
	keystore_free(ks);
}

static void a_backup_is_the_sealed_file(void)
{
	const char *path = scratch_path(&dir, "c.key");
	const char *to = scratch_path(&dir, "c.backup");
	struct keystore *ks = raw_store(), *got = NULL;
	uint8_t a[FILE_LEN], b[FILE_LEN];
	struct err e = {0};

	CHECK(keystore_save(ks, path, "pass", cheap, NULL) == ERR_NONE, "save");
	CHECK(keystore_backup(path, to, &e) == ERR_NONE, "%s", e.msg);
	CHECK(scratch_read(path, a, sizeof(a)) == FILE_LEN &&
		      scratch_read(to, b, sizeof(b)) == FILE_LEN &&
		      memcmp(a, b, sizeof(a)) == 0,
	      "the same bytes");
	CHECK(keystore_load(&got, to, "pass", &e) == ERR_NONE, "%s", e.msg);
	keystore_free(got);
	CHECK(keystore_backup(path, to, &e) == ERR_STATE, "overwritten");
	scratch_write(path, "junk", 4);
	CHECK(keystore_backup(path, scratch_path(&dir, "d"), NULL) == ERR_PARSE,
	      "junk was copied");
	keystore_free(ks);
}

static void a_raw_key_is_one_account(void)
{
	struct keystore *ks = raw_store();
	char phrase[BIP39_PHRASE_MAX], hex[KEYSTORE_HEX_MAX];
	struct address a;
	struct ecc_key key;
	uint8_t master[32];
	struct err e = {0};

	CHECK(!keystore_can_store(ks), "can store");
	CHECK(keystore_address(ks, &a, ADDRESS_EVM, 0, NULL) == ERR_NONE &&
		      vec_is(a.bytes, 20,
			     "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"),
	      "address");
	CHECK(keystore_hex(ks, hex, ADDRESS_TRON, 0, NULL) == ERR_NONE &&
		      strcmp(hex, KEY46) == 0,
	      "the same key on either chain");
	CHECK(keystore_account(ks, &key, ADDRESS_EVM, 1, NULL) == ERR_STATE,
	      "a second account");
	CHECK(keystore_phrase(ks, phrase, NULL) == ERR_STATE, "a phrase");
	CHECK(keystore_storage_key(ks, master, &e) == ERR_STATE &&
		      strstr(e.msg, "not store"),
	      "%s", e.msg);
	keystore_free(ks);
}

/* Fixed for good: change it, and nobody's stored files open any more. Checked
 * against BLAKE2b-256 of the label, keyed with the phrase's BIP-39 seed. */
static void the_storage_key_is_a_branch_of_its_own(void)
{
	struct keystore *ks = phrase_store();
	uint8_t master[32];
	struct ecc_key key;

	CHECK(keystore_can_store(ks), "can store");
	CHECK(keystore_storage_key(ks, master, NULL) == ERR_NONE &&
		      vec_is(master, 32, STORAGE_KEY),
	      "storage key");
	CHECK(keystore_account(ks, &key, ADDRESS_TRON, 0, NULL) == ERR_NONE &&
		      vec_is(key.bytes, 32,
			     "b5a4cea271ff424d7c31dc12a3e43e401df7a40d7412a157"
			     "50f3f0b6b5449a28"),
	      "TRON account 0");
	keystore_free(ks);
}

static void hex_keys_are_read_as_people_paste_them(void)
{
	static const struct {
		const char *name, *hex;
		enum err_code want;
	} rows[] = {
		{"plain", KEY46, ERR_NONE},
		{"with 0x", "0x" KEY46, ERR_NONE},
		{"with blanks and a newline", "  " KEY46 "\r\n", ERR_NONE},
		{"a digit short", &KEY46[1], ERR_PARSE},
		{"a digit long", KEY46 "4", ERR_PARSE},
		{"two keys", KEY46 " " KEY46, ERR_PARSE},
		{"nothing", "", ERR_PARSE},
		{"zero",
		 "00000000000000000000000000000000000000000000000000000000000"
		 "00000",
		 ERR_PARSE},
		{"the curve's order",
		 "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd03"
		 "64141",
		 ERR_PARSE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct keystore *ks = NULL;

		CHECK(keystore_from_hex(&ks, rows[i].hex, NULL) == rows[i].want,
		      "%s", rows[i].name);
		keystore_free(ks);
	}
}

/* ---- Web3 v3 */

#define PBKDF2(iv, cipher, kdf, params, mac, version) \
	"{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":" \
	"\"" iv "\"},\"ciphertext\":\"" cipher "\",\"kdf\":\"" kdf \
	"\",\"kdfparams\":{" params "},\"mac\":\"" mac \
	"\"},\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\"," \
	"\"version\":" version "}"
#define IV "6087dab2f9fdbbfaddc31a909735c1e6"
#define CT "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46"
#define SALT "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"
#define MAC "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
#define PARAMS \
	"\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\",\"salt\":\"" SALT \
	"\""
#define SCRYPT(n, r, p) \
	"\"n\":" n ",\"r\":" r ",\"p\":" p ",\"dklen\":32,\"salt\":\"" SALT "\""
#define WIKI_KEY \
	"7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"

static void web3_files_are_read(void)
{
	static const struct {
		const char *name, *json, *pass;
		enum err_code want;
		const char *key_or_says;
	} rows[] = {
		{"PBKDF2", PBKDF2(IV, CT, "pbkdf2", PARAMS, MAC, "3"),
		 "testpassword", ERR_NONE, WIKI_KEY},
		{"wrong passphrase", PBKDF2(IV, CT, "pbkdf2", PARAMS, MAC, "3"),
		 "testpasswore", ERR_SIG, "wrong passphrase"},
		{"scrypt, n 262144, r 1, p 8",
		 "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{"
		 "\"iv\":\"83dbcc02d8ccb40e466191a123791e0e\"},\"ciphertext\":"
		 "\"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fb"
		 "de479c\",\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,"
		 "\"n\":262144,\"p\":8,\"r\":1,\"salt\":\"ab0c7876052600dd7035"
		 "18d6fc3fe8984592145b591fc8fb5c6d43190334ba19\"},\"mac\":\"21"
		 "03ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e30"
		 "97\"},\"id\":\"x\",\"version\":3}",
		 "testpassword", ERR_NONE, WIKI_KEY},
		{"scrypt, n 262144, r 8, with Crypto and an address",
		 "{\"address\":\"9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f\","
		 "\"id\":\"4bf9d5c0-9ee1-4de1-b006-c2c7e60c741e\",\"version\":"
		 "3,\"Crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{"
		 "\"iv\":\"f0e3d3338d557065b11796db92ab2ff4\"},\"ciphertext\":"
		 "\"b36781f7982bbaa424f6cdea2cee2224dea8665d464e5cd09c2e14bfe1"
		 "072c35\",\"kdf\":\"scrypt\",\"kdfparams\":{\"salt\":\"7aa81f"
		 "98b1497616d62280aadcdb02d891c20de736c9727fb7a3335a18d663c9\""
		 ",\"n\":262144,\"dklen\":32,\"p\":1,\"r\":8},\"mac\":\"e99fbc"
		 "a5fdb66171424a739768e448a2472291989e54bcecb8db1736d1d5aad2\""
		 "}}",
		 "pw for test", ERR_NONE, KEY46},
		{"not JSON", "{", "x", ERR_PARSE, "not a JSON object"},
		{"not an object", "[]", "x", ERR_PARSE, "not a JSON object"},
		{"version 1", PBKDF2(IV, CT, "pbkdf2", PARAMS, MAC, "1"), "x",
		 ERR_PARSE, "version"},
		{"no crypto", "{\"version\":3}", "x", ERR_PARSE, "cipher"},
		{"iv too short", PBKDF2("6087", CT, "pbkdf2", PARAMS, MAC, "3"),
		 "x", ERR_PARSE, "iv"},
		{"ciphertext too long",
		 PBKDF2(IV, CT "00", "pbkdf2", PARAMS, MAC, "3"), "x",
		 ERR_PARSE, "ciphertext"},
		{"another kdf", PBKDF2(IV, CT, "argon2", PARAMS, MAC, "3"), "x",
		 ERR_PARSE, "kdf"},
		{"no mac", PBKDF2(IV, CT, "pbkdf2", PARAMS, "", "3"), "x",
		 ERR_PARSE, "mac"},
		{"another prf",
		 PBKDF2(IV, CT, "pbkdf2",
			"\"c\":1,\"dklen\":32,\"prf\":\"md5\",\"salt\":\"00\"",
			MAC, "3"),
		 "x", ERR_PARSE, "prf"},
		{"no rounds",
		 PBKDF2(IV, CT, "pbkdf2",
			"\"c\":0,\"dklen\":32,\"prf\":\"hmac-sha256\","
			"\"salt\":\"00\"",
			MAC, "3"),
		 "x", ERR_PARSE, "pbkdf2's c"},
		{"rounds without end",
		 PBKDF2(IV, CT, "pbkdf2",
			"\"c\":4000000000,\"dklen\":32,\"prf\":\"hmac-sha256\""
			",\"salt\":\"00\"",
			MAC, "3"),
		 "x", ERR_LIMIT, "rounds"},
		{"a short derived key",
		 PBKDF2(IV, CT, "pbkdf2", "\"c\":1,\"dklen\":16", MAC, "3"),
		 "x", ERR_PARSE, "dklen"},
		{"scrypt that takes gigabytes",
		 PBKDF2(IV, CT, "scrypt", SCRYPT("262144", "64", "1"), MAC,
			"3"),
		 "x", ERR_LIMIT, "costs too much"},
		{"scrypt over its n",
		 PBKDF2(IV, CT, "scrypt", SCRYPT("524288", "1", "1"), MAC, "3"),
		 "x", ERR_LIMIT, "costs too much"},
		{"scrypt with an odd n",
		 PBKDF2(IV, CT, "scrypt", SCRYPT("1000", "8", "1"), MAC, "3"),
		 "x", ERR_PARSE, "power of two"},
		{"scrypt with a negative r",
		 PBKDF2(IV, CT, "scrypt", SCRYPT("1024", "-8", "1"), MAC, "3"),
		 "x", ERR_PARSE, "n, r or p"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct keystore *ks = NULL;
		char hex[KEYSTORE_HEX_MAX];
		struct err e = {0};

		CHECK(keystore_from_web3(&ks, rows[i].json,
					 strlen(rows[i].json), rows[i].pass,
					 &e) == rows[i].want,
		      "%s: %d (%s)", rows[i].name, e.code, e.msg);
		if (ks)
			CHECK(keystore_hex(ks, hex, ADDRESS_EVM, 0, NULL) ==
					      ERR_NONE &&
				      strcmp(hex, rows[i].key_or_says) == 0,
			      "%s: the key", rows[i].name);
		else
			CHECK(strstr(e.msg, rows[i].key_or_says),
			      "%s: says \"%s\"", rows[i].name, e.msg);
		keystore_free(ks);
	}
}

static void web3_files_are_written(void)
{
	struct keystore *ks = phrase_store(), *back = NULL;
	struct rng rng = rng_seeded(3);
	char json[WEB3_KEY_OUT], want[KEYSTORE_HEX_MAX], got[KEYSTORE_HEX_MAX];
	struct err e = {0};

	CHECK(keystore_web3_out(ks, json, ADDRESS_EVM, 4, "pw", 1024, &rng,
				&e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(keystore_from_web3(&back, json, strlen(json), "pw", &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	CHECK(keystore_hex(ks, want, ADDRESS_EVM, 4, NULL) == ERR_NONE &&
		      keystore_hex(back, got, ADDRESS_EVM, 0, NULL) ==
			      ERR_NONE &&
		      strcmp(want, got) == 0,
	      "the same account");
	CHECK(keystore_web3_out(ks, json, ADDRESS_EVM, 4, "pw", 1000, &rng,
				NULL) == ERR_LIMIT,
	      "an n that is no power of two");
	keystore_free(back);
	keystore_free(ks);
}

/* A file that names somebody else's address is not what it seems. */
static void a_web3_file_with_another_address_is_refused(void)
{
	struct keystore *ks = raw_store(), *back = NULL;
	struct rng rng = rng_seeded(4);
	char json[WEB3_KEY_OUT], lie[WEB3_KEY_OUT + 128];
	struct err e = {0};

	CHECK(keystore_web3_out(ks, json, ADDRESS_EVM, 0, "pw", 1024, &rng,
				NULL) == ERR_NONE,
	      "seal");
	(void)snprintf(lie, sizeof(lie),
		       "{\"address\":"
		       "\"00000000000000000000000000000000000000aa\",%s",
		       json + 1);
	CHECK(keystore_from_web3(&back, lie, strlen(lie), "pw", &e) ==
			      ERR_PARSE &&
		      strstr(e.msg, "not its key's"),
	      "%s", e.msg);
	keystore_free(ks);
}

int main(void)
{
	scratch_make(&dir);
	files_give_back_what_was_sealed();
	new_ones_differ_and_have_their_words();
	bad_files_are_refused();
	the_kind_cannot_be_changed();
	what_is_no_file_is_refused();
	costs_out_of_range_are_refused();
	a_backup_is_the_sealed_file();
	a_raw_key_is_one_account();
	the_storage_key_is_a_branch_of_its_own();
	hex_keys_are_read_as_people_paste_them();
	web3_files_are_read();
	web3_files_are_written();
	a_web3_file_with_another_address_is_refused();
	scratch_remove(&dir);
	return CHECK_EXIT();
}
