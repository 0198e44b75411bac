/* What became of a transaction, and what a refusal of one means, in the words
 * of a java-tron 4.8 node and in what is close to them and wrong. */
#include "ledger/chain/tron_json.h"
#include "tests/base/vec.h"
#include "tests/check.h"

static json_t *parse(const char *name, const char *body)
{
	struct err e = {0};
	json_t *v;

	CHECK(tron_body_decode(&v, body, strlen(body), &e) == ERR_NONE,
	      "%s: %s", name, e.msg);
	return v;
}

#define ALICE "1d0e276e269573b01a26defb37c8efc2cccd113a"

static void mined_transactions_say_how_they_ended(void)
{
	static const struct {
		const char *name, *body;
		enum err_code want;
		bool found, ok;
		uint64_t block, units, fee;
		size_t logs;
		const char *says;
	} rows[] = {
		{"right after broadcast (pending)", "{}", ERR_NONE, false,
		 false, 0, 0, 0, 0, ""},
		{"success (no return value)",
		 "{\"id\":\"696205ce05ec28fd4f7583757098ca32034b213f69287c5d91"
		 "6421d0769da244\",\"fee\":838300,\"blockNumber\":266,\"blockT"
		 "imeStamp\":1795231305000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":525300,\"energy_usage_total\":52"
		 "53,\"net_fee\":313000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 266, 5253, 838300, 0, ""},
		{"on the solidity port 8091", "{}", ERR_NONE, false, false, 0,
		 0, 0, 0, ""},
		{"unknown", "{}", ERR_NONE, false, false, 0, 0, 0, 0, ""},
		{"0x prefix",
		 "{\"id\":\"696205ce05ec28fd4f7583757098ca32034b213f69287c5d91"
		 "6421d0769da244\",\"fee\":838300,\"blockNumber\":266,\"blockT"
		 "imeStamp\":1795231305000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":525300,\"energy_usage_total\":52"
		 "53,\"net_fee\":313000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 266, 5253, 838300, 0, ""},
		{"revert with reason",
		 "{\"id\":\"5a1a893534957b98256ddfb6c655b436bc91b7afbd3a0eed71"
		 "0f2df68c35a6ea\",\"fee\":313400,\"blockNumber\":268,\"blockT"
		 "imeStamp\":1795231311000,\"contractResult\":[\"08c379a000000"
		 "000000000000000000000000000000000000000000000000000000000200"
		 "000000000000000000000000000000000000000000000000000000000000"
		 "0066e6f20776179000000000000000000000000000000000000000000000"
		 "0000000\"],\"contract_address\":\"41cf62b7936c2a11f121746bba"
		 "a5871cef8e356cf4\",\"receipt\":{\"energy_fee\":34400,\"energ"
		 "y_usage_total\":344,\"net_fee\":279000,\"result\":\"REVERT\""
		 "},\"result\":\"FAILED\",\"resMessage\":\"524556455254206f706"
		 "36f6465206578656375746564\"}",
		 ERR_NONE, true, false, 268, 344, 313400, 0, ""},
		{"revert custom error",
		 "{\"id\":\"de5265abf5680201ef964f8018d1e9288768d9c9e6ed5db5f1"
		 "bebcbdd99ce263\",\"fee\":310600,\"blockNumber\":269,\"blockT"
		 "imeStamp\":1795231314000,\"contractResult\":[\"f988f73700000"
		 "000000000000000000000000000000000000000000000000000000000070"
		 "000000000000000000000000000000000000000000000000000000000000"
		 "040000000000000000000000000000000000000000000000000000000000"
		 "000000762656361757365000000000000000000000000000000000000000"
		 "00000000000\"],\"contract_address\":\"41cf62b7936c2a11f12174"
		 "6bbaa5871cef8e356cf4\",\"receipt\":{\"energy_fee\":31600,\"e"
		 "nergy_usage_total\":316,\"net_fee\":279000,\"result\":\"REVE"
		 "RT\"},\"result\":\"FAILED\",\"resMessage\":\"524556455254206"
		 "f70636f6465206578656375746564\"}",
		 ERR_NONE, true, false, 269, 316, 310600, 0, ""},
		{"panic",
		 "{\"id\":\"b7769b8d300fe68929b21287bb6b3be05a44f7769650270852"
		 "98f38d2ef0b17a\",\"fee\":351500,\"blockNumber\":270,\"blockT"
		 "imeStamp\":1795231317000,\"contractResult\":[\"4e487b7100000"
		 "00000000000000000000000000000000000000000000000000000000012"
		 "\"],\"contract_address\":\"41cf62b7936c2a11f121746bbaa5871ce"
		 "f8e356cf4\",\"receipt\":{\"energy_fee\":38500,\"energy_usage"
		 "_total\":385,\"net_fee\":313000,\"result\":\"REVERT\"},\"res"
		 "ult\":\"FAILED\",\"resMessage\":\"524556455254206f70636f6465"
		 "206578656375746564\"}",
		 ERR_NONE, true, false, 270, 385, 351500, 0, ""},
		{"invalid opcode (all energy of fee_limit burnt)",
		 "{\"id\":\"5c8df29b3fd474a9f1d459a49992e1602ec863023ee128a1f4"
		 "e3f9f7eaef706a\",\"fee\":2278000,\"blockNumber\":271,\"block"
		 "TimeStamp\":1795231320000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":2000000,\"energy_usage_total\":2"
		 "0000,\"net_fee\":278000,\"result\":\"ILLEGAL_OPERATION\"},\""
		 "result\":\"FAILED\",\"resMessage\":\"496e76616c6964206f70657"
		 "26174696f6e20636f64653a206f70436f64655b66655d3b\"}",
		 ERR_NONE, true, false, 271, 20000, 2278000, 0, ""},
		{"out of energy (fee_limit too small)",
		 "{\"id\":\"04445436d8178788a04581a02ffa1ad17f09a8aa06c396ba07"
		 "eefcfbe067358a\",\"fee\":1344000,\"blockNumber\":272,\"block"
		 "TimeStamp\":1795231323000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":1000000,\"energy_usage_total\":1"
		 "0000,\"net_fee\":344000,\"result\":\"OUT_OF_ENERGY\"},\"resu"
		 "lt\":\"FAILED\",\"resMessage\":\"4e6f7420656e6f75676820656e6"
		 "572677920666f7220275353544f524527206f7065726174696f6e2065786"
		 "5637574696e673a20637572496e766f6b65456e657267794c696d69745b3"
		 "1303030305d2c206375724f70456e657267795b32303030305d2c2075736"
		 "564456e657267795b3337345d\"}",
		 ERR_NONE, true, false, 272, 10000, 1344000, 0, ""},
		{"fee_limit 0",
		 "{\"id\":\"6dc54e28fb960f93d04bdd579a8ec5269aa7039d2fe071c0bf"
		 "05da6054f7e8d5\",\"fee\":339000,\"blockNumber\":273,\"blockT"
		 "imeStamp\":1795231326000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"net_fee\":339000,\"result\":\"OUT_OF_ENERGY\""
		 "},\"result\":\"FAILED\",\"resMessage\":\"4e6f7420656e6f75676"
		 "820656e6572677920666f722027505553483127206f7065726174696f6e2"
		 "0657865637574696e673a20637572496e766f6b65456e657267794c696d6"
		 "9745b305d2c206375724f70456e657267795b335d2c2075736564456e657"
		 "267795b305d\"}",
		 ERR_NONE, true, false, 273, 0, 339000, 0, ""},
		{"out of CPU time",
		 "{\"id\":\"e74c558e4a53883dc503a3f101de6346b2c3d03c95ec02e375"
		 "db902efa30026a\",\"fee\":15000314000,\"blockNumber\":274,\"b"
		 "lockTimeStamp\":1795231329000,\"contractResult\":[\"\"],\"co"
		 "ntract_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf"
		 "4\",\"receipt\":{\"energy_fee\":15000000000,\"energy_usage_t"
		 "otal\":150000000,\"net_fee\":314000,\"result\":\"OUT_OF_TIME"
		 "\"},\"result\":\"FAILED\",\"resMessage\":\"416c7265616479205"
		 "4696d65204f7574\"}",
		 ERR_NONE, true, false, 274, 150000000, 15000314000, 0, ""},
		{"success with return value and log",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\",\"0000000000000000000000001d0e276e269573b01a26"
		 "defb37c8efc2cccd113a\",\"00000000000000000000000000000000000"
		 "00000000000000000000000000008\"],\"data\":\"0000000000000000"
		 "000000000000000000000000000000000000000000000020000000000000"
		 "0000000000000000000000000000000000000000000000000004deadbeef"
		 "00000000000000000000000000000000000000000000000000000000\"}]"
		 "}",
		 ERR_NONE, true, true, 275, 2951, 673100, 1, ""},
		{"unknown selector, no fallback",
		 "{\"id\":\"8d4db50b5ea7b9f27a8be2bd19291591904738b0404be805d0"
		 "f440b62eeca09e\",\"fee\":300000,\"blockNumber\":276,\"blockT"
		 "imeStamp\":1795231335000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":21000,\"energy_usage_total\":210"
		 ",\"net_fee\":279000,\"result\":\"REVERT\"},\"result\":\"FAIL"
		 "ED\",\"resMessage\":\"524556455254206f70636f6465206578656375"
		 "746564\"}",
		 ERR_NONE, true, false, 276, 210, 300000, 0, ""},
		{"non-payable with value",
		 "{\"id\":\"d713e004a2f7090eb09fd713e53e0c27bc5cb79e7276e07a93"
		 "b5098710b1cf4e\",\"fee\":331400,\"blockNumber\":268,\"blockT"
		 "imeStamp\":1795231311000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":16400,\"energy_usage_total\":164"
		 ",\"net_fee\":315000,\"result\":\"REVERT\"},\"result\":\"FAIL"
		 "ED\",\"resMessage\":\"524556455254206f70636f6465206578656375"
		 "746564\"}",
		 ERR_NONE, true, false, 268, 164, 331400, 0, ""},
		{"memo",
		 "{\"id\":\"ef1593f7ed78042685bb23d39e1f41ddda3836ccbefdacadf0"
		 "86f9e28937d058\",\"fee\":1845300,\"blockNumber\":268,\"block"
		 "TimeStamp\":1795231311000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":525300,\"energy_usage_total\":52"
		 "53,\"net_fee\":320000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 268, 5253, 1845300, 0, ""},
		{"deploy",
		 "{\"id\":\"f0358c4664647f9d6db2fa7e53747f6677e70630fbb68af5a5"
		 "cc75ef3e96e9ec\",\"fee\":4874300,\"blockNumber\":277,\"block"
		 "TimeStamp\":1795231338000,\"contractResult\":[\"608060405234"
		 "8015600e575f5ffd5b50600436106026575f3560e01c8063a56dfe4a1460"
		 "2a575b5f5ffd5b60315f5481565b60405190815260200160405180910390"
		 "f3fea2646970667358221220b1a9d26e710445df7e8a4743267066665b53"
		 "66243035dab4030166f434d5ee1564736f6c63430008250033\"],\"cont"
		 "ract_address\":\"41afdb354effd9875b0fe40eb6ac369f3cbcfdbdb6"
		 "\",\"receipt\":{\"energy_fee\":4427300,\"energy_usage_total"
		 "\":44273,\"net_fee\":447000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 277, 44273, 4874300, 0, ""},
		{"transfer that activates an account",
		 "{\"id\":\"2a905cadb8a7933d10d6c5e28458f6ad8a93c7969fecb4d06e"
		 "21374d5f4ba0e7\",\"fee\":1100000,\"blockNumber\":374,\"block"
		 "TimeStamp\":1795231629000,\"contractResult\":[\"\"],\"receip"
		 "t\":{\"net_fee\":100000}}",
		 ERR_PARSE, false, false, 374, 0, 1100000, 0,
		 "without a result"},
		{"plain transfer",
		 "{\"id\":\"59563d1b356ee226293fdacc44c2b21ba7fcea499364e91f4d"
		 "60bad508791f5a\",\"fee\":265000,\"blockNumber\":375,\"blockT"
		 "imeStamp\":1795231632000,\"contractResult\":[\"\"],\"receipt"
		 "\":{\"net_fee\":265000}}",
		 ERR_PARSE, false, false, 375, 0, 265000, 0,
		 "without a result"},
		{"energy limited by balance, not by fee_limit",
		 "{\"id\":\"e0ff1a0e1ea1c82a8bd5ffe564f8990cfb06ce85807487db16"
		 "6ada3491f93793\",\"fee\":2500000,\"blockNumber\":378,\"block"
		 "TimeStamp\":1795231641000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":2500000,\"energy_usage_total\":2"
		 "5000,\"net_usage\":345,\"result\":\"OUT_OF_ENERGY\"},\"resul"
		 "t\":\"FAILED\",\"resMessage\":\"4e6f7420656e6f75676820656e65"
		 "72677920666f7220275353544f524527206f7065726174696f6e20657865"
		 "637574696e673a20637572496e766f6b65456e657267794c696d69745b32"
		 "353030305d2c206375724f70456e657267795b32303030305d2c20757365"
		 "64456e657267795b32303830315d\"}",
		 ERR_NONE, true, false, 378, 25000, 2500000, 0, ""},
		{"paid with staked energy and bandwidth",
		 "{\"id\":\"a4dce2a2e0eba02efe7daaf76104ce5e9644c276e124991f38"
		 "44500cd31a04bb\",\"blockNumber\":384,\"blockTimeStamp\":1795"
		 "231659000,\"contractResult\":[\"\"],\"contract_address\":\"4"
		 "1cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"receipt\":{\"e"
		 "nergy_usage\":20383,\"energy_usage_total\":20383,\"net_usage"
		 "\":345,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 384, 20383, 0, 0, ""},
		{"reverted by its receipt alone",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"REVERT\"}}",
		 ERR_NONE, true, false, 275, 2951, 673100, 0, ""},
		{"failed by its result alone",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"result\":\"F"
		 "AILED\"}",
		 ERR_NONE, true, false, 275, 2951, 673100, 0, ""},
		{"no block",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockTimeStamp\":179523133"
		 "2000,\"contractResult\":[\"\"],\"contract_address\":\"41cf62"
		 "b7936c2a11f121746bbaa5871cef8e356cf4\",\"receipt\":{\"energy"
		 "_fee\":295100,\"energy_usage_total\":2951,\"net_fee\":378000"
		 ",\"result\":\"SUCCESS\"},\"log\":[{\"address\":\"cf62b7936c2"
		 "a11f121746bbaa5871cef8e356cf4\",\"topics\":[\"be8d013d1dfb7c"
		 "3f269c53a8cf2a2b5c3edb57666a68686a305921409554be29\"],\"data"
		 "\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "blockNumber"},
		{"another transaction",
		 "{\"id\":\"00000000000000000000000000000000000000000000000000"
		 "00000000000000\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "another transaction"},
		{"no id",
		 "{\"fee\":673100,\"blockNumber\":275,\"blockTimeStamp\":17952"
		 "31332000,\"contractResult\":[\"\"],\"contract_address\":\"41"
		 "cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"receipt\":{\"en"
		 "ergy_fee\":295100,\"energy_usage_total\":2951,\"net_fee\":37"
		 "8000,\"result\":\"SUCCESS\"},\"log\":[{\"address\":\"cf62b79"
		 "36c2a11f121746bbaa5871cef8e356cf4\",\"topics\":[\"be8d013d1d"
		 "fb7c3f269c53a8cf2a2b5c3edb57666a68686a305921409554be29\"],\""
		 "data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "id: nothing"},
		{"no receipt",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"log\":[{\"address\":\"cf62b7936c2a11f121746bbaa5871cef8e35"
		 "6cf4\",\"topics\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb576"
		 "66a68686a305921409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "receipt: nothing"},
		{"a fee below zero",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":-1,\"blockNumber\":275,\"blockTimeS"
		 "tamp\":1795231332000,\"contractResult\":[\"\"],\"contract_ad"
		 "dress\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"rec"
		 "eipt\":{\"energy_fee\":295100,\"energy_usage_total\":2951,\""
		 "net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"address"
		 "\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topics\":["
		 "\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a3059214095"
		 "54be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "fee"},
		{"an address of 21 bytes in an event",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"top"
		 "ics\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a305"
		 "921409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "address"},
		{"a contract of 20 bytes",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"r"
		 "eceipt\":{\"energy_fee\":295100,\"energy_usage_total\":2951,"
		 "\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"addre"
		 "ss\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topics\""
		 ":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592140"
		 "9554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "contract_address"},
		{"another network's contract",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"a0cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "without 41"},
		{"five topics",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\",\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68"
		 "686a305921409554be29\",\"be8d013d1dfb7c3f269c53a8cf2a2b5c3ed"
		 "b57666a68686a305921409554be29\",\"be8d013d1dfb7c3f269c53a8cf"
		 "2a2b5c3edb57666a68686a305921409554be29\",\"be8d013d1dfb7c3f2"
		 "69c53a8cf2a2b5c3edb57666a68686a305921409554be29\"],\"data\":"
		 "\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "topics"},
		{"half a byte of data",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\"],\"data\":\"0\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "not hex"},
		{"events that are no list",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":{}}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "want a list"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);
		const char *id = json_string_value(json_object_get(v, "id"));
		struct hash32 txid = {{0}};
		struct address from;
		struct tron_info info;
		struct err e = {0};
		bool found;

		vec(from.bytes, 20, ALICE);
		if (id && strspn(id, "0") < 64)
			vec(txid.bytes, 32, id);
		else
			txid.bytes[0] = 1;
		CHECK(tron_get_info(&info, &found, &txid, &from, v, &e) ==
				      rows[i].want &&
			      found == rows[i].found &&
			      strstr(e.msg, rows[i].says),
		      "%s: %s", rows[i].name, e.msg);
		if (found)
			CHECK(info.o.ok == rows[i].ok &&
				      info.o.block == rows[i].block &&
				      info.o.units == rows[i].units &&
				      amount_cmp(info.o.fee,
						 amount_from_u64(
							 rows[i].fee)) == 0 &&
				      info.o.n_logs == rows[i].logs,
			      "%s: what it says", rows[i].name);
		CHECK(info.o.out_of_time ==
			      (strcmp(rows[i].name, "out of CPU time") == 0),
		      "%s: time", rows[i].name);
		CHECK(address_is_zero(&info.o.created) ==
			      (strcmp(rows[i].name, "deploy") != 0),
		      "%s: what it made", rows[i].name);
		if (info.o.n_logs == 1)
			CHECK(vec_is(info.o.logs[0].where.bytes, 20,
				     "cf62b7936c2a11f121746bbaa5871cef8e356cf"
				     "4") &&
				      info.o.logs[0].len <= 96,
			      "%s: the event", rows[i].name);
		tron_info_clear(&info);
		json_decref(v);
	}
}

static void refusals_of_a_broadcast_mean_something(void)
{
	static const struct {
		const char *name, *body;
		enum chain_send_result want;
		const char *says;
	} rows[] = {
		{"broadcasttransaction ok", "{\"result\":true}", CHAIN_SENT,
		 "SUCCESS"},
		{"broadcasttransaction duplicate while pending",
		 "{\"code\":\"DUP_TRANSACTION_ERROR\",\"message\":\"4475702074"
		 "72616e73616374696f6e2e\"}",
		 CHAIN_SENT, "DUP_TRANSACTION_ERROR"},
		{"broadcasttransaction duplicate after mined",
		 "{\"code\":\"DUP_TRANSACTION_ERROR\",\"message\":\"4475702074"
		 "72616e73616374696f6e2e\"}",
		 CHAIN_SENT, "DUP_TRANSACTION_ERROR"},
		{"broadcasthex ok",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex duplicate",
		 "{\"result\":false,\"code\":\"DUP_TRANSACTION_ERROR\",\"messa"
		 "ge\":\"Dup transaction.\"}",
		 CHAIN_SENT, "DUP_TRANSACTION_ERROR"},
		{"broadcasthex signed by another key",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: 9383c9962b5da7ad5c94aa720cdc242f1fd6d92a"
		 "8027a477daf74a3e459469d6\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex garbage signature",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: 0101010101010101010101010101010101010101"
		 "010101010101010101010101\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex 64-byte signature",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: Signature size is 64\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex no signature",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: miss sig or contract\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex with v = 0/1 (accepted)",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex with high-s signature",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex expired",
		 "{\"result\":false,\"code\":\"TRANSACTION_EXPIRATION_ERROR\","
		 "\"message\":\"Transaction expired\"}",
		 CHAIN_SEND_SLOT, "TRANSACTION_EXPIRATION_ERROR"},
		{"broadcasthex expiration more than 24 h ahead",
		 "{\"result\":false,\"code\":\"TRANSACTION_EXPIRATION_ERROR\","
		 "\"message\":\"Transaction expired\"}",
		 CHAIN_SEND_SLOT, "TRANSACTION_EXPIRATION_ERROR"},
		{"broadcasthex wrong ref_block_hash",
		 "{\"result\":false,\"code\":\"TAPOS_ERROR\",\"message\":\"Tap"
		 "os check error.\"}",
		 CHAIN_SEND_LATER, "TAPOS_ERROR"},
		{"broadcasthex ref block number not known",
		 "{\"result\":false,\"code\":\"TAPOS_ERROR\",\"message\":\"Tap"
		 "os check error.\"}",
		 CHAIN_SEND_LATER, "TAPOS_ERROR"},
		{"broadcasthex owner account not there",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : account [TC4vdsLoq6Eo4WcQ"
		 "vjc6eMNDwo1tViyEhn] does not exist\"}",
		 CHAIN_SEND_FUNDS, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex no such contract",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : No contract or not a smar"
		 "t contract\"}",
		 CHAIN_SEND_NO, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex fee_limit above the chain maximum",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : feeLimit must be >= 0 and"
		 " <= 15000000000\"}",
		 CHAIN_SEND_NO, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex call_value above the balance",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : Validate InternalTransfer"
		 " error, balance is not sufficient.\"}",
		 CHAIN_SEND_FUNDS, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex call_value to a non-payable function (accepted, "
		 "then reverts)",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex with raw_data.data memo (costs memoFee)",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex deploy",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex TransferContract to an address that is not yet "
		 "an account",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, balance (2.5 TRX) below what the call needs",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, no energy, free bandwidth left",
		 "{\"result\":false,\"code\":\"BANDWITH_ERROR\",\"message\":\""
		 "Account resource insufficient error.\"}",
		 CHAIN_SEND_FUNDS, "BANDWITH_ERROR"},
		{"broadcasthex, no balance and bandwidth used up",
		 "{\"result\":false,\"code\":\"BANDWITH_ERROR\",\"message\":\""
		 "Account resource insufficient error.\"}",
		 CHAIN_SEND_FUNDS, "BANDWITH_ERROR"},
		{"broadcasthex transfer with no balance",
		 "{\"result\":false,\"code\":\"BANDWITH_ERROR\",\"message\":\""
		 "Account resource insufficient error.\"}",
		 CHAIN_SEND_FUNDS, "BANDWITH_ERROR"},
		{"broadcasttransaction visible=true, wrong key (message is "
		 "text)",
		 "{\"code\":\"SIGERROR\",\"message\":\"Validate signature erro"
		 "r: aa429ef37cad38df6ca761b947ba61047b3472d150bb2110671584015"
		 "2fc18ce\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex, transaction of 511809 bytes",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, transaction of 511841 bytes",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, transaction of 511873 bytes",
		 "{\"result\":false,\"code\":\"TOO_BIG_TRANSACTION_ERROR\",\"m"
		 "essage\":\"Too big transaction with result, TxId 4ee04c55827"
		 "d61338e48071144b8f5ef2bbc353314427a182589\"}",
		 CHAIN_SEND_NO, "TOO_BIG_TRANSACTION_ERROR"},
		{"broadcasthex, transaction of 600289 bytes",
		 "{\"result\":false,\"code\":\"TOO_BIG_TRANSACTION_ERROR\",\"m"
		 "essage\":\"Too big transaction with result, TxId 3f9643fdda5"
		 "e127a638e0510fbda51e878359942d4f1fa4f2131\"}",
		 CHAIN_SEND_NO, "TOO_BIG_TRANSACTION_ERROR"},
		{"broadcasthex, transaction of 3000294 bytes",
		 "{\"result\":false,\"code\":\"TOO_BIG_TRANSACTION_ERROR\",\"m"
		 "essage\":\"Too big transaction with result, TxId 28d35d9841b"
		 "6326225382fae03fa18ab5209333522b4af3698cb\"}",
		 CHAIN_SEND_NO, "TOO_BIG_TRANSACTION_ERROR"},
		{"server busy", "{\"result\":false,\"code\":\"SERVER_BUSY\"}",
		 CHAIN_SEND_LATER, "SERVER_BUSY"},
		{"no connection",
		 "{\"result\":false,\"code\":\"NO_CONNECTION\"}",
		 CHAIN_SEND_LATER, "NO_CONNECTION"},
		{"not enough effective connection",
		 "{\"result\":false,\"code\":\"NOT_ENOUGH_EFFECTIVE_"
		 "CONNECTION\"}",
		 CHAIN_SEND_LATER, "NOT_ENOUGH_EFFECTIVE_CONNECTION"},
		{"block unsolidified",
		 "{\"result\":false,\"code\":\"BLOCK_UNSOLIDIFIED\"}",
		 CHAIN_SEND_LATER, "BLOCK_UNSOLIDIFIED"},
		{"other error", "{\"result\":false,\"code\":\"OTHER_ERROR\"}",
		 CHAIN_SEND_LATER, "OTHER_ERROR"},
		{"something new",
		 "{\"result\":false,\"code\":\"SOMETHING_NEW\"}",
		 CHAIN_SEND_LATER, "SOMETHING_NEW"},
		{"a call that fails at once",
		 "{\"result\":false,\"code\":\"CONTRACT_EXE_ERROR\"}",
		 CHAIN_SEND_NO, "CONTRACT_EXE"},
		{"neither a result nor a code", "{}", CHAIN_SEND_LATER, ""},
	};
	char why[160];

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);

		CHECK(tron_get_sent(why, sizeof(why), v) == rows[i].want &&
			      strstr(why, rows[i].says),
		      "%s: %s", rows[i].name, why);
		json_decref(v);
	}
	(void)snprintf(why, sizeof(why), "exception decoding Hex string");
	CHECK(tron_get_sent(why, sizeof(why), NULL) == CHAIN_SEND_NO, "%s",
	      why);
	(void)snprintf(why, sizeof(why), "lack of computing resources");
	CHECK(tron_get_sent(why, sizeof(why), NULL) == CHAIN_SEND_LATER, "%s",
	      why);
}

int main(void)
{
	mined_transactions_say_how_they_ended();
	refusals_of_a_broadcast_mean_something();
	return CHECK_EXIT();
}
