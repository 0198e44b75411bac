#include "node/swarm/file_choice.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct word {
	const char *key;
	enum picker_prio prio;
} changes[] = {{"skip", PICKER_SKIP},
	       {"want", PICKER_NORMAL},
	       {"low", PICKER_LOW},
	       {"high", PICKER_HIGH}};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *choice_prio_name(enum picker_prio prio)
{
	switch (prio) {
	case PICKER_SKIP:
		return "skip";
	case PICKER_LOW:
		return "low";
	case PICKER_NORMAL:
		return "normal";
	case PICKER_HIGH:
		return "high";
	}
	return "normal";
}

bool choice_has_words(const json_t *words)
{
	if (json_string_value(json_object_get(words, "files")) ||
	    json_array_size(json_object_get(words, "only")) > 0)
		return true;
	for (size_t i = 0; i < COUNT(changes); i++)
		if (json_string_value(json_object_get(words, changes[i].key)))
			return true;
	return false;
}

bool choice_counts(const struct metainfo *m, uint32_t file)
{
	return m->v1 || !m->files[file].pad;
}

/* ---- lists of numbers ---- */

static bool read_number(const char **p, uint32_t most, uint32_t *out)
{
	uint64_t n = 0;

	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (uint64_t)(**p - '0');
		if (n > most)
			return false;
	}
	*out = (uint32_t)n;
	return n > 0;
}

static void set_range(uint8_t *files, const struct metainfo *m, uint32_t first,
		      uint32_t last, enum picker_prio prio)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < m->file_count && number < last; i++) {
		number += choice_counts(m, i);
		if (number >= first && choice_counts(m, i))
			files[i] = (uint8_t)prio;
	}
}

static uint32_t count_files(const struct metainfo *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->file_count; i++)
		n += choice_counts(m, i);
	return n;
}

static enum err_code set_numbers(uint8_t *files, const struct metainfo *m,
				 const char *list, enum picker_prio prio,
				 struct err *e)
{
	const uint32_t most = count_files(m);
	const char *p = list;

	if (strcmp(list, "all") == 0) {
		memset(files, (int)prio, m->file_count);
		return ERR_NONE;
	}
	do {
		uint32_t first, last;
		bool good = read_number(&p, most, &first);

		last = first;
		if (good && *p == '-') {
			p++;
			good = read_number(&p, most, &last) && first <= last;
		}
		if (!good || (*p && *p != ','))
			return err_fail(e, ERR_PARSE,
					"'%.60s': want numbers of files from 1 "
					"to %u, such as 1,3-5",
					list, most);
		set_range(files, m, first, last, prio);
	} while (*p++);
	return ERR_NONE;
}

/* ---- words ---- */

static enum err_code set_matching(uint8_t *files, const struct metainfo *m,
				  const char *glob, struct err *e)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < m->file_count; i++) {
		if (m->files[i].pad ||
		    fnmatch(glob, m->files[i].path, FNM_NOESCAPE) != 0)
			continue;
		files[i] = PICKER_NORMAL;
		found++;
	}
	return found ? ERR_NONE
		     : err_fail(e, ERR_STATE, "no file matches '%.60s'", glob);
}

static enum err_code set_exactly(uint8_t *files, const struct metainfo *m,
				 const json_t *words, struct err *e)
{
	const char *list = json_string_value(json_object_get(words, "files"));
	json_t *only = json_object_get(words, "only"), *glob;
	enum err_code code = ERR_NONE;
	size_t i;

	if (!list && json_array_size(only) == 0)
		return ERR_NONE;
	memset(files, PICKER_SKIP, m->file_count);
	if (list)
		code = set_numbers(files, m, list, PICKER_NORMAL, e);
	json_array_foreach(only, i, glob)
	{
		if (code == ERR_NONE && json_is_string(glob))
			code = set_matching(files, m, json_string_value(glob),
					    e);
	}
	return code;
}

static enum err_code something_is_wanted(const uint8_t *files,
					 const struct metainfo *m,
					 struct err *e)
{
	for (uint32_t i = 0; i < m->file_count; i++)
		if (files[i] != PICKER_SKIP && !m->files[i].pad)
			return ERR_NONE;
	return err_fail(e, ERR_STATE, "no file would be left to want");
}

static uint8_t *start(const struct metainfo *m, const uint8_t *before)
{
	uint8_t *files = malloc(m->file_count + 1);

	if (files && before)
		memcpy(files, before, m->file_count);
	else if (files)
		memset(files, PICKER_NORMAL, m->file_count);
	return files;
}

enum err_code choice_make(uint8_t **out, const struct metainfo *m,
			  const uint8_t *before, const json_t *words,
			  struct err *e)
{
	uint8_t *files = start(m, before);
	enum err_code code;

	*out = NULL;
	if (!files)
		return err_fail(e, ERR_NOMEM, "choice of files");
	code = set_exactly(files, m, words, e);
	for (size_t i = 0; i < COUNT(changes) && code == ERR_NONE; i++) {
		const char *list = json_string_value(
			json_object_get(words, changes[i].key));

		if (list)
			code = set_numbers(files, m, list, changes[i].prio, e);
	}
	if (code == ERR_NONE)
		code = something_is_wanted(files, m, e);
	if (code != ERR_NONE) {
		free(files);
		return code;
	}
	*out = files;
	return ERR_NONE;
}

enum err_code choice_of_link(uint8_t **out, const struct metainfo *m,
			     const struct magnet *link, struct err *e)
{
	uint8_t *files = start(m, NULL);
	uint32_t number = 0;

	*out = NULL;
	if (!files)
		return err_fail(e, ERR_NOMEM, "choice of files");
	for (uint32_t i = 0; i < m->file_count; i++)
		if (choice_counts(m, i) && !magnet_wants(link, number++))
			files[i] = PICKER_SKIP;
	if (something_is_wanted(files, m, e) != ERR_NONE) {
		free(files);
		return ERR_STATE;
	}
	*out = files;
	return ERR_NONE;
}

/* ---- pieces ---- */

static bool is_media(const char *path)
{
	static const char *const ends[] = {
		"mkv", "mp4", "m4v", "avi",  "mov",  "webm", "ts",  "mpg",
		"wmv", "ogv", "mp3", "flac", "opus", "ogg",  "m4a", "wav"};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < COUNT(ends); i++)
		if (strcasecmp(dot + 1, ends[i]) == 0)
			return true;
	return false;
}

static bool wants(const struct metainfo *m, const uint8_t *files, uint32_t i)
{
	return !m->files[i].pad && m->files[i].length > 0 &&
	       (!files || files[i] != PICKER_SKIP);
}

static uint32_t piece_at(const struct metainfo *m, uint64_t offset)
{
	return (uint32_t)(offset / m->piece_length);
}

static void put_ends_first(uint8_t *pieces, const struct metainfo *m,
			   const uint8_t *files)
{
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct metainfo_file *f = &m->files[i];

		if (!wants(m, files, i) || !is_media(f->path))
			continue;
		pieces[piece_at(m, f->offset)] = PICKER_HIGH;
		pieces[piece_at(m, f->offset + f->length - 1)] = PICKER_HIGH;
		return;
	}
}

uint8_t *choice_pieces(const struct metainfo *m, const uint8_t *files,
		       bool in_order)
{
	uint8_t *pieces = files || in_order ? malloc(m->piece_count + 1) : NULL;

	if (!pieces)
		return NULL;
	memset(pieces, files ? PICKER_SKIP : PICKER_NORMAL, m->piece_count);
	for (uint32_t i = 0; files && i < m->file_count; i++) {
		const struct metainfo_file *f = &m->files[i];

		if (!wants(m, files, i))
			continue;
		for (uint32_t k = piece_at(m, f->offset);
		     k <= piece_at(m, f->offset + f->length - 1); k++)
			if (pieces[k] < files[i])
				pieces[k] = files[i];
	}
	if (in_order)
		put_ends_first(pieces, m, files);
	return pieces;
}

uint8_t *choice_copy(const uint8_t *files, uint32_t n)
{
	uint8_t *copy = malloc((size_t)n + 1);

	if (copy)
		memcpy(copy, files, n);
	return copy;
}

/* ---- as text ---- */

char *choice_text(const uint8_t *files, uint32_t n)
{
	size_t cap = (size_t)n * 4 + 16, len = 0;
	char *text = malloc(cap);

	for (uint32_t i = 0, run; text && i < n; i += run) {
		run = 1;
		while (i + run < n && files[i + run] == files[i])
			run++;
		len += (size_t)snprintf(text + len, cap - len, "%s%ux%u",
					i ? "," : "", files[i], run);
	}
	if (text && n == 0)
		text[0] = '\0';
	return text;
}

uint8_t *choice_read(const char *text, uint32_t n)
{
	uint8_t *files = malloc((size_t)n + 1);
	uint32_t at = 0;

	while (files && at < n) {
		unsigned prio = (unsigned)(*text - '0');
		uint32_t run;

		if (prio >= PICKER_PRIOS || text[1] != 'x')
			break;
		text += 2;
		if (!read_number(&text, n - at, &run))
			break;
		memset(files + at, (int)prio, run);
		at += run;
		text += *text == ',';
	}
	if (files && (at != n || *text)) {
		free(files);
		return NULL;
	}
	return files;
}
