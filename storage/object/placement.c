#include "storage/object/placement.h"

#include "base/bytes.h"
#include "storage/object/record.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define ADDRESS_LEN sizeof(((struct address *)0)->bytes)
#define FIXED_LEN (1U + 1U + 1U + 2U + OBJECT_KEY_LEN + 2U)
#define ROW_LEN (SHA256_ROOT_LEN + 1U)
#define SHA256_ROOT_LEN 32U
#define ADDITION_LEN (2U + 1U + ADDRESS_LEN)
/* Places that a row has room for in placement_segments_max(). */
#define ROOM_PLACES 2U
#define NO_HOST UINT16_MAX

_Static_assert(sizeof(struct hash32) == SHA256_ROOT_LEN, "root");

enum err_code placement_new(struct placement **out, unsigned k, unsigned n,
			    unsigned segments, struct err *e)
{
	struct placement *p;

	*out = NULL;
	if (k < 1 || k > CODER_K_MAX || n < k || n > CODER_N_MAX ||
	    segments < 1 || segments > SEGMENTS_MAX)
		return err_fail(e, ERR_LIMIT,
				"placement: %u of %u in %u segments", k, n,
				segments);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_fail(e, ERR_NOMEM, "placement: no memory");
	p->k = (uint8_t)k;
	p->n = (uint8_t)n;
	p->segments = (uint16_t)segments;
	p->salts = calloc(segments, sizeof(*p->salts));
	p->rows = calloc((size_t)segments * n, sizeof(*p->rows));
	if (!p->salts || !p->rows) {
		placement_free(p);
		return err_fail(e, ERR_NOMEM, "placement: no memory");
	}
	*out = p;
	return ERR_NONE;
}

void placement_free(struct placement *p)
{
	if (!p)
		return;
	free(p->rows);
	free(p->salts);
	free(p);
}

unsigned placement_segments_max(unsigned n)
{
	size_t hosts = PLACEMENT_HOSTS_MAX * ADDRESS_LEN;
	size_t segment = SEGMENT_SALT_LEN + n * (ROW_LEN + 2 * ROOM_PLACES);
	size_t max = (RECORD_CONTENT_MAX - FIXED_LEN - hosts) / segment;

	return max < SEGMENTS_MAX ? (unsigned)max : SEGMENTS_MAX;
}

/* The host's index; with `add` it gets one. NO_HOST: none, and no room. */
static uint16_t find_host(struct placement *p, const struct address *host,
			  bool add)
{
	for (uint16_t i = 0; i < p->hosts_n; i++)
		if (address_eq(&p->hosts[i], host))
			return i;
	if (!add || p->hosts_n == PLACEMENT_HOSTS_MAX)
		return NO_HOST;
	p->hosts[p->hosts_n] = *host;
	return p->hosts_n++;
}

static int find_place(const struct placement_row *r, uint16_t host)
{
	for (int i = 0; i < r->places; i++)
		if (r->host[i] == host)
			return i;
	return -1;
}

enum err_code placement_add(struct placement *p, unsigned segment, unsigned row,
			    const struct address *host, struct err *e)
{
	struct placement_row *r = placement_row(p, segment, row);
	uint16_t index;

	if (r->places < PLACEMENT_PLACES_MAX) {
		index = find_host(p, host, true);
		if (index == NO_HOST)
			return err_fail(e, ERR_LIMIT,
					"placement: more than %u hosts",
					PLACEMENT_HOSTS_MAX);
		if (find_place(r, index) < 0)
			r->host[r->places++] = index;
		return ERR_NONE;
	}
	index = find_host(p, host, false);
	if (index != NO_HOST && find_place(r, index) >= 0)
		return ERR_NONE;
	return err_fail(e, ERR_LIMIT, "placement: a row has %u places already",
			PLACEMENT_PLACES_MAX);
}

bool placement_remove(struct placement *p, unsigned segment, unsigned row,
		      const struct address *host)
{
	struct placement_row *r = placement_row(p, segment, row);
	int i = find_place(r, find_host(p, host, false));

	if (i < 0)
		return false;
	r->places--;
	memmove(r->host + i, r->host + i + 1,
		(size_t)(r->places - i) * sizeof(r->host[0]));
	return true;
}

/* --- encoding --- */

/* Hosts that have a place, in order, and where each old index went. */
struct used_hosts {
	uint16_t n;
	uint16_t order[PLACEMENT_HOSTS_MAX]; /* old indexes */
	uint16_t number[PLACEMENT_HOSTS_MAX];
};

static int compare_hosts(const void *a, const void *b, void *ctx)
{
	const struct placement *p = ctx;

	return memcmp(p->hosts[*(const uint16_t *)a].bytes,
		      p->hosts[*(const uint16_t *)b].bytes, ADDRESS_LEN);
}

static void use_hosts(struct used_hosts *u, const struct placement *p)
{
	size_t rows = (size_t)p->segments * p->n;

	memset(u, 0, sizeof(*u));
	for (size_t i = 0; i < rows; i++)
		for (unsigned k = 0; k < p->rows[i].places; k++)
			u->number[p->rows[i].host[k]] = 1;
	for (uint16_t i = 0; i < p->hosts_n; i++)
		if (u->number[i])
			u->order[u->n++] = i;
	qsort_r(u->order, u->n, sizeof(u->order[0]), compare_hosts,
		(void *)(uintptr_t)p);
	for (uint16_t i = 0; i < u->n; i++)
		u->number[u->order[i]] = i;
}

static void write_row(struct wr *w, const struct placement_row *r,
		      const struct used_hosts *u)
{
	uint16_t sorted[PLACEMENT_PLACES_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < r->places; i++) {
		uint16_t number = u->number[r->host[i]];
		unsigned at = n++;

		for (; at && sorted[at - 1] > number; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = number;
	}
	wr_copy(w, r->root.bytes, sizeof(r->root.bytes));
	wr_u8(w, r->places);
	for (unsigned i = 0; i < n; i++)
		wr_u16(w, sorted[i]);
}

static void write_all(struct wr *w, const struct placement *p,
		      const struct used_hosts *u)
{
	wr_u8(w, VERSION);
	wr_u8(w, p->k);
	wr_u8(w, p->n);
	wr_u16(w, p->segments);
	wr_copy(w, p->steward_pk, sizeof(p->steward_pk));
	wr_u16(w, u->n);
	for (uint16_t i = 0; i < u->n; i++)
		wr_copy(w, p->hosts[u->order[i]].bytes, ADDRESS_LEN);
	for (unsigned s = 0; s < p->segments; s++) {
		wr_copy(w, p->salts[s], SEGMENT_SALT_LEN);
		for (unsigned j = 0; j < p->n; j++)
			write_row(w, &p->rows[(size_t)s * p->n + j], u);
	}
}

static size_t encoded_len(const struct placement *p, const struct used_hosts *u)
{
	size_t rows = (size_t)p->segments * p->n;
	size_t len = FIXED_LEN + u->n * ADDRESS_LEN +
		     (size_t)p->segments * SEGMENT_SALT_LEN + rows * ROW_LEN;

	for (size_t i = 0; i < rows; i++)
		len += 2U * p->rows[i].places;
	return len;
}

enum err_code placement_encode(uint8_t **take_out, size_t *len,
			       const struct placement *p, struct err *e)
{
	struct used_hosts *u = malloc(sizeof(*u));
	enum err_code code = ERR_NONE;
	struct wr w;

	*take_out = NULL;
	if (!u)
		return err_fail(e, ERR_NOMEM, "placement: no memory");
	use_hosts(u, p);
	*len = encoded_len(p, u);
	if (*len > RECORD_CONTENT_MAX)
		code = err_fail(e, ERR_LIMIT, "placement: %zu bytes", *len);
	else if (!(*take_out = malloc(*len)))
		code = err_fail(e, ERR_NOMEM, "placement: no memory");
	if (code == ERR_NONE) {
		w = wr_into(*take_out, *len);
		write_all(&w, p, u);
	}
	free(u);
	return code;
}

/* --- decoding --- */

static bool read_hosts(struct rd *r, struct placement *p)
{
	uint16_t n = rd_u16(r);

	if (n > PLACEMENT_HOSTS_MAX)
		return false;
	for (uint16_t i = 0; i < n && !r->bad; i++) {
		rd_copy(r, p->hosts[i].bytes, ADDRESS_LEN);
		if (i && memcmp(p->hosts[i - 1].bytes, p->hosts[i].bytes,
				ADDRESS_LEN) >= 0)
			return false;
	}
	p->hosts_n = n;
	return !r->bad;
}

static bool read_row(struct rd *r, const struct placement *p,
		     struct placement_row *row, uint8_t *used)
{
	rd_copy(r, row->root.bytes, sizeof(row->root.bytes));
	row->places = rd_u8(r);
	if (row->places > PLACEMENT_PLACES_MAX)
		return false;
	for (unsigned i = 0; i < row->places; i++) {
		row->host[i] = rd_u16(r);
		if (row->host[i] >= p->hosts_n ||
		    (i && row->host[i - 1] >= row->host[i]))
			return false;
		used[row->host[i]] = 1;
	}
	return !r->bad;
}

static bool read_segments(struct rd *r, struct placement *p)
{
	uint8_t used[PLACEMENT_HOSTS_MAX] = {0};

	for (unsigned s = 0; s < p->segments; s++) {
		rd_copy(r, p->salts[s], SEGMENT_SALT_LEN);
		for (unsigned j = 0; j < p->n; j++)
			if (!read_row(r, p, placement_row(p, s, j), used))
				return false;
	}
	return !memchr(used, 0, p->hosts_n);
}

enum err_code placement_decode(struct placement **out, const uint8_t *bytes,
			       size_t len, struct err *e)
{
	struct rd r = rd_from(bytes, len);
	uint8_t version = rd_u8(&r), k = rd_u8(&r), n = rd_u8(&r);
	uint16_t segments = rd_u16(&r);
	struct placement *p;
	enum err_code code;

	*out = NULL;
	if (r.bad || version != VERSION)
		return err_fail(e, ERR_PARSE, "placement: no such version");
	/* before memory is taken for what it claims to hold */
	if ((size_t)segments * (SEGMENT_SALT_LEN + n * ROW_LEN) > r.left)
		return err_fail(e, ERR_PARSE, "placement: too short");
	code = placement_new(&p, k, n, segments, e);
	if (code != ERR_NONE)
		return code;
	rd_copy(&r, p->steward_pk, sizeof(p->steward_pk));
	if (!read_hosts(&r, p) || !read_segments(&r, p) || !rd_done(&r)) {
		placement_free(p);
		return err_fail(e, ERR_PARSE, "placement: malformed");
	}
	*out = p;
	return ERR_NONE;
}

/* --- what stewards add --- */

static int compare_additions(const void *a, const void *b)
{
	const struct placement_addition *x = a, *y = b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return memcmp(x->host.bytes, y->host.bytes, ADDRESS_LEN);
}

enum err_code placement_additions_encode(uint8_t **take_out, size_t *len,
					 struct placement_addition *a, size_t n,
					 struct err *e)
{
	size_t kept = 0;
	struct wr w;

	*take_out = NULL;
	if (n)
		qsort(a, n, sizeof(*a), compare_additions);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || compare_additions(&a[kept - 1], &a[i]) != 0)
			a[kept++] = a[i];
	if (kept > PLACEMENT_ADDITIONS_MAX)
		return err_fail(e, ERR_LIMIT, "placement: too many additions");
	*len = 1 + 4 + kept * ADDITION_LEN;
	*take_out = malloc(*len);
	if (!*take_out)
		return err_fail(e, ERR_NOMEM, "placement: no memory");
	w = wr_into(*take_out, *len);
	wr_u8(&w, VERSION);
	wr_u32(&w, (uint32_t)kept);
	for (size_t i = 0; i < kept; i++) {
		wr_u16(&w, a[i].segment);
		wr_u8(&w, a[i].row);
		wr_copy(&w, a[i].host.bytes, ADDRESS_LEN);
	}
	return ERR_NONE;
}

enum err_code placement_additions_decode(struct placement_addition **take_out,
					 size_t *n, const uint8_t *p,
					 size_t len, struct err *e)
{
	struct rd r = rd_from(p, len);
	uint8_t version = rd_u8(&r);
	uint32_t count = rd_u32(&r);
	struct placement_addition *a;

	*take_out = NULL;
	*n = 0;
	if (r.bad || version != VERSION)
		return err_fail(e, ERR_PARSE, "placement: no such version");
	if (count > PLACEMENT_ADDITIONS_MAX)
		return err_fail(e, ERR_LIMIT, "placement: too many additions");
	if (count * ADDITION_LEN != r.left)
		return err_fail(e, ERR_PARSE, "placement: malformed additions");
	if (count == 0)
		return ERR_NONE;
	a = calloc(count, sizeof(*a));
	if (!a)
		return err_fail(e, ERR_NOMEM, "placement: no memory");
	for (uint32_t i = 0; i < count; i++) {
		a[i].segment = rd_u16(&r);
		a[i].row = rd_u8(&r);
		rd_copy(&r, a[i].host.bytes, ADDRESS_LEN);
		if (i && compare_additions(&a[i - 1], &a[i]) >= 0) {
			free(a);
			return err_fail(e, ERR_PARSE,
					"placement: additions out of order");
		}
	}
	*take_out = a;
	*n = count;
	return ERR_NONE;
}

size_t placement_merge(struct placement *p, const struct placement_addition *a,
		       size_t n)
{
	size_t added = 0;

	for (size_t i = 0; i < n; i++) {
		struct placement_row *r;
		uint8_t before;

		if (a[i].segment >= p->segments || a[i].row >= p->n)
			continue;
		r = placement_row(p, a[i].segment, a[i].row);
		before = r->places;
		if (placement_add(p, a[i].segment, a[i].row, &a[i].host,
				  NULL) == ERR_NONE)
			added += r->places > before;
	}
	return added;
}
