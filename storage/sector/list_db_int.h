/* list_db_int.h - what list_db.c, list_change.c and list_proof.c share: rows,
 * blocks of nodes, and how they fold.
 */
#ifndef STORAGE_SECTOR_LIST_DB_INT_H
#define STORAGE_SECTOR_LIST_DB_INT_H

#include "storage/sector/list_db.h"
#include "storage/sector/sector_db_int.h"

#define LIST_LEVELS 3U /* of blocks: 256^3 sectors are LIST_MAX_SECTORS */

struct list_row {
	int64_t id;
	struct list_key key;
	uint32_t revision, sectors, settled, old;
	struct hash32 root;
	bool keep;
};

/* Nodes 256 x index .. of a level; a node of level L covers 256^L sectors. */
struct list_block {
	unsigned level;
	uint32_t index;
	uint32_t n; /* 0: there is none */
	struct hash32 nodes[TREE_BLOCK];
};

/* Nodes that a list of so many sectors has at a level. */
uint32_t list_count(uint32_t sectors, unsigned level);
/* The first level whose nodes fit into one block. */
unsigned list_top(uint32_t sectors);
/* Nodes of a block's tree above its nodes; 8 unless it is the top. */
unsigned list_height(uint32_t sectors, unsigned level);
/* The first n of 256 nodes become one at nodes[0], `height` levels above; the
 * path of number `index` is noted unless path is NULL. */
void list_fold(struct hash32 nodes[TREE_BLOCK], uint32_t n, unsigned level,
	       unsigned height, struct hash32 *path, uint32_t index);

__attribute__((warn_unused_result)) enum err_code
list_find(struct sector_db *d, const struct list_key *key, struct list_row *row,
	  bool *found, struct err *e);
/* As list_find(); ERR_STATE: there is none. */
__attribute__((warn_unused_result)) enum err_code
list_must_find(struct sector_db *d, const struct list_key *key,
	       struct list_row *row, struct err *e);
/* A new row gets its id. */
__attribute__((warn_unused_result)) enum err_code
list_add_row(struct sector_db *d, struct list_row *row, const uint8_t *blob,
	     size_t blob_len, struct err *e);
__attribute__((warn_unused_result)) enum err_code
list_save_row(struct sector_db *d, const struct list_row *row,
	      const uint8_t *blob, size_t blob_len, struct err *e);

__attribute__((warn_unused_result)) enum err_code
list_load(struct sector_db *d, int64_t agreement, unsigned level,
	  uint32_t index, struct list_block *out, struct err *e);
/* n 0: deletes it. */
__attribute__((warn_unused_result)) enum err_code
list_save(struct sector_db *d, int64_t agreement, const struct list_block *b,
	  struct err *e);
/* Deletes the blocks of a level from `index` on. */
__attribute__((warn_unused_result)) enum err_code
list_cut_level(struct sector_db *d, int64_t agreement, unsigned level,
	       uint32_t index, struct err *e);

/* --- earlier revisions --- */

__attribute__((warn_unused_result)) enum err_code
list_add_version(struct sector_db *d, const struct list_row *row,
		 struct err *e);
/* *found: a kept revision has this root; *revision is the newest such. */
__attribute__((warn_unused_result)) enum err_code
list_find_version(struct sector_db *d, int64_t agreement,
		  const struct hash32 *root, uint32_t sectors,
		  uint32_t *revision, bool *found, struct err *e);
/* *fresh false: it is known already what stood there. */
__attribute__((warn_unused_result)) enum err_code
list_add_was(struct sector_db *d, int64_t agreement, uint32_t position,
	     uint32_t until, const struct hash32 *root, bool *fresh,
	     struct err *e);
/* Whether a position in [from, to) was another at `revision`. */
__attribute__((warn_unused_result)) enum err_code
list_any_was(struct sector_db *d, int64_t agreement, uint64_t from, uint64_t to,
	     uint32_t revision, bool *any, struct err *e);
/* Puts the roots that stood at `revision` into a block of level 0; b->n is what
 * it has then. */
__attribute__((warn_unused_result)) enum err_code
list_put_was(struct sector_db *d, int64_t agreement, uint32_t revision,
	     struct list_block *b, struct err *e);

#endif
