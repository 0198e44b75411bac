/* Parsing never crashes; what parses, written again, gives the same bytes. */
#include "base/bencode.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 10000

static void write_again(struct wr *w, struct ben v)
{
	struct ben_view view;
	struct ben it;
	int64_t n;

	if (ben_int(v, &n)) {
		ben_w_int(w, n);
		return;
	}
	if (ben_str(v, &view)) {
		ben_w_bytes(w, view.p, view.len);
		return;
	}
	if (ben_type(v) == BEN_DICT)
		ben_w_dict(w);
	else
		ben_w_list(w);
	for (it = ben_first(v); ben_type(it); it = ben_next(it)) {
		write_again(w, it);
		if (ben_type(ben_value(it)))
			write_again(w, ben_value(it));
	}
	ben_w_end(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ben_doc *doc, *sorted;
	uint8_t *again;
	struct wr w;

	if (ben_parse(&doc, data, size, MAX_TOKENS, BEN_TRAILING, NULL) !=
	    ERR_NONE)
		return 0;
	again = malloc(size);
	if (!again)
		abort();
	w = wr_into(again, size);
	write_again(&w, ben_root(doc));
	if (wr_len(&w) != ben_end(doc) || memcmp(again, data, wr_len(&w)) != 0)
		abort();
	/* strict input is a subset of lenient input */
	if (ben_parse(&sorted, data, size, MAX_TOKENS, BEN_SORTED_KEYS, NULL) ==
		    ERR_NONE &&
	    ben_end(sorted) != size)
		abort();
	ben_doc_free(sorted);
	ben_doc_free(doc);
	free(again);
	return 0;
}
