/* dump_torrent FILE [REBUILT] - prints what metainfo reads from a .torrent, and
 * writes what metainfo builds from that. For torrents.py. */
#include "wire/torrent/metainfo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int complain(const char *what, const struct err *e)
{
	(void)fprintf(stderr, "dump_torrent: %s%s\n", what, e ? e->msg : "");
	return 1;
}

static uint8_t *read_file(const char *path, size_t *len)
{
	const size_t cap = METAINFO_MAX_BYTES + 1;
	uint8_t *buf = malloc(cap);
	FILE *f = fopen(path, "rb");

	*len = 0;
	if (buf && f)
		*len = fread(buf, 1, cap, f);
	if (f)
		(void)fclose(f);
	return buf;
}

static void print(const struct metainfo *m)
{
	(void)printf("info_hash ");
	for (size_t i = 0; i < sizeof(m->info_hash.bytes); i++)
		(void)printf("%02x", m->info_hash.bytes[i]);
	if (m->v2)
		(void)printf("\ninfo_hash_v2 ");
	for (size_t i = 0; m->v2 && i < sizeof(m->info_hash_v2.bytes); i++)
		(void)printf("%02x", m->info_hash_v2.bytes[i]);
	(void)printf("\nname %s\npiece_length %" PRIu32 "\npieces %" PRIu32
		     "\ntotal %" PRIu64 "\nprivate %d\n",
		     m->name, m->piece_length, m->piece_count, m->total,
		     m->is_private);
	for (uint32_t i = 0; i < m->file_count; i++)
		(void)printf("file %" PRIu64 " %" PRIu64 " %d %s%s%s\n",
			     m->files[i].offset, m->files[i].length,
			     m->files[i].pad, m->multi ? m->name : "",
			     m->multi ? "/" : "", m->files[i].path);
	for (uint32_t i = 0; i < m->tracker_count; i++)
		(void)printf("tracker %" PRIu32 " %s\n", m->trackers[i].tier,
			     m->trackers[i].url);
	if (m->comment)
		(void)printf("comment %s\n", m->comment);
}

static int rebuild(const struct metainfo *m, const char *path)
{
	struct err e = {0};
	size_t len, wrote = 0;
	uint8_t *out;
	FILE *f;

	if (metainfo_build(&out, &len, m, &e) != ERR_NONE)
		return complain("", &e);
	f = fopen(path, "wb");
	if (f) {
		wrote = fwrite(out, 1, len, f);
		(void)fclose(f);
	}
	free(out);
	return wrote == len ? 0 : complain("cannot write", NULL);
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct metainfo m;
	int status = 0;
	uint8_t *buf;
	size_t len;

	if (argc != 2 && argc != 3)
		return complain("usage: dump_torrent FILE [REBUILT]", NULL);
	buf = read_file(argv[1], &len);
	if (!buf || !len) {
		free(buf);
		return complain("cannot read", NULL);
	}
	if (metainfo_parse(&m, buf, len, &e) != ERR_NONE) {
		free(buf);
		return complain("", &e);
	}
	free(buf);
	print(&m);
	if (argc == 3)
		status = rebuild(&m, argv[2]);
	metainfo_clear(&m);
	return status;
}
