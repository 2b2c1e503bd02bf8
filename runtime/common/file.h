/* SPDX-License-Identifier: Apache-2.0 */
/* file: small files as a whole. */
#ifndef HONE_FILE_H
#define HONE_FILE_H

#include <stddef.h>
#include <sys/types.h>

enum { HONE_BOOT_ID_LEN = 37 };

/* hone_file_replace() - write a file whole or not at all: a temporary file beside it, fsync,
 * rename. A reader sees the old bytes or the new ones. A crash may leave "<path>.XXXXXX".
 * Returns 0 or -errno. */
int hone_file_replace(const char *path, const void *data, size_t size, mode_t mode);

/* hone_file_read() - a whole file; *data is NUL-terminated (not counted in *size); caller frees.
 * Returns 0, -EFBIG (more than max_bytes), or -errno. */
int hone_file_read(const char *path, size_t max_bytes, char **data, size_t *size);

/* hone_dir_make() - mkdir -p. Existing directories are left as they are. Returns 0 or -errno. */
int hone_dir_make(const char *path, mode_t mode);

/* hone_boot_id() - what tells this boot from others; kernel ids mean nothing beyond it.
 * Returns 0 or -errno. */
int hone_boot_id(char out[HONE_BOOT_ID_LEN]);

#endif
