/* pieces.h - how the bytes of a torrent are cut into pieces, for those who move
 * them (wire) and those who keep them (storage).
 *
 * Piece i has its place at i * len, and is as long as its place, but for the
 * last and for *short* ones: their place ends in padding that nobody needs to
 * send. In BitTorrent v2 (BEP 52) every file begins with a piece of its own,
 * and what lies behind the end of a file does not exist for peers. In v1 and
 * hybrid torrents that padding is a file of zeroes (BEP 47), which peers may
 * ask for; a short piece there ends with the 16 KiB block that holds the last
 * byte of a real file.
 *
 * Thread: any; plain values.
 */
#ifndef BASE_PIECES_H
#define BASE_PIECES_H

#include <stdint.h>

struct piece_short {
	uint32_t piece;
	uint32_t size; /* 1..the place's bytes */
};

struct pieces {
	uint32_t count;
	uint32_t len;	/* of a place; the last one may be shorter */
	uint64_t total; /* of all places */
	const struct piece_short *shorts; /* rising by piece; borrowed */
	uint32_t short_count;
};

/* Bytes of the piece's place. i < count. */
uint32_t pieces_place(const struct pieces *p, uint32_t i);
/* Bytes of the piece that are asked for. i < count. */
uint32_t pieces_size(const struct pieces *p, uint32_t i);
/* Sum of pieces_size() over all. */
uint64_t pieces_bytes(const struct pieces *p);

#endif
