/* SPDX-License-Identifier: Apache-2.0 */
/* choices: the rows of the store in a map that is pinned below bpffs. It is there while a daemon
 * runs or something is deployed, and tells what an operator chose even where the state directory
 * is lost, full or another one. A row is kept as the text that operator.json holds. */
#ifndef HONE_CHOICES_H
#define HONE_CHOICES_H

#include <jansson.h>

enum {
	HONE_CHOICE_KEY = 64,	/* a unit's name, NUL-padded */
	HONE_CHOICE_TEXT = 512, /* its row, NUL-terminated */
	HONE_CHOICES_MAX = 1024,
};

/* hone_choices_open() - the map that is pinned below bpffs_dir, made if it is not there.
 * hone_choices_find() - only if it is there: else -ENOENT.
 * Return an fd that the caller owns, -EUCLEAN (something else is pinned there), or -errno. */
int hone_choices_open(const char *bpffs_dir);
int hone_choices_find(const char *bpffs_dir);

/* hone_choices_put(), hone_choices_drop() - 0, -E2BIG (too many rows, or too long), or -errno.
 * A row that is not there is dropped, too. */
int hone_choices_put(int fd, const char *unit, const json_t *row);
int hone_choices_drop(int fd, const char *unit);

/* hone_choices_read() - append every row to an array. What is no JSON is left out and logged.
 * Returns 0 or -errno. */
int hone_choices_read(int fd, json_t *rows);

/* hone_choices_unpin() - nothing is deployed any more: the file is enough. */
void hone_choices_unpin(const char *bpffs_dir);

#endif
