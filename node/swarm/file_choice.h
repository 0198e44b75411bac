/* file_choice.h - which files of a torrent are wanted and how much, as values.
 *
 * Files have numbers from 1 on, as they stand in the torrent (links are not
 * counted, nor the padding of version 2, which stands in no list). A choice is
 * a priority for each file; pieces have the highest of the files that lie in
 * them. Where files come in order, for a player, the first and the last piece
 * of the first media file go before all others: there stands what a player
 * looks for.
 *
 * Pure. Thread: any.
 */
#ifndef NODE_FILE_CHOICE_H
#define NODE_FILE_CHOICE_H

#include "base/err.h"
#include "wire/swarm/picker.h"
#include "wire/torrent/magnet.h"

#include <jansson.h>

/* Does the file have a number? */
bool choice_counts(const struct metainfo *m, uint32_t file);

/* Words of a choice, all but "only" a list of numbers and ranges: "1,3-5", or
 * "all". "files" and "only" (texts with * and ? against paths) name all that
 * are wanted; then "skip", "want", "low", "high" change some. */
bool choice_has_words(const json_t *words);

/* A priority for each file, malloc'ed: `before` (NULL: all normal) with the
 * words applied. ERR_PARSE: a list that is none, or a number that no file has;
 * ERR_STATE: nothing matches, or nothing is left to want; ERR_NOMEM. */
enum err_code choice_make(uint8_t **out, const struct metainfo *m,
			  const uint8_t *before, const json_t *words,
			  struct err *e);
/* The same of a link's `so` (BEP 53). */
enum err_code choice_of_link(uint8_t **out, const struct metainfo *m,
			     const struct magnet *link, struct err *e);

/* A priority for each piece, malloc'ed; NULL: all normal, or out of memory. */
uint8_t *choice_pieces(const struct metainfo *m, const uint8_t *files,
		       bool in_order);

/* malloc'ed; NULL: out of memory. */
uint8_t *choice_copy(const uint8_t *files, uint32_t n);

/* As a text for settings ("2x3,0x1": three files normal, one skipped), and
 * back; NULL: out of memory, or not of so many files. */
char *choice_text(const uint8_t *files, uint32_t n);
uint8_t *choice_read(const char *text, uint32_t n);

const char *choice_prio_name(enum picker_prio prio);

#endif
