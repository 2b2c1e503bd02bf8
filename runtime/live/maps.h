/* SPDX-License-Identifier: Apache-2.0 */
/* maps: a unit's maps as open file descriptors, and copies of them. */
#ifndef HONE_MAPS_H
#define HONE_MAPS_H

#include "compiler/facts.h"

/* fds of a unit's maps, by index. */
struct hone_maps {
	uint32_t n;
	int fd[HONE_MAPS_MAX];
};

#define HONE_MAPS_EMPTY {0}

/* hone_maps_open() - open the unit's maps by kernel id. Returns 0 or -errno (-ENOENT: gone).
 * Owner: the caller; hone_maps_close(). */
int hone_maps_open(const struct hone_unit *unit, struct hone_maps *out);
void hone_maps_close(struct hone_maps *maps);

/* hone_maps_close_arrays() - close the PROG_ARRAYs among them (fd -1) for the time in which nothing
 * is done with them: the kernel empties a PROG_ARRAY when its last descriptor and pin are gone, and
 * when that is must not depend on hone. hone_maps_open_arrays() - open them again; 0 or -errno. */
void hone_maps_close_arrays(const struct hone_unit *unit, struct hone_maps *maps);
int hone_maps_open_arrays(const struct hone_unit *unit, struct hone_maps *maps);

/* hone_map_describe() - fill name, type, sizes, flags, id, is_frozen from an open map; the other
 * members stay. Returns 0 or -errno. */
int hone_map_describe(int fd, struct hone_map *out);

/* hone_maps_clone() - new, equal maps, with the same contents (inner maps are cloned or
 * referenced as map type demands; contents that cannot be copied, such as a DEVMAP's interfaces of
 * another namespace, are refused). PROG_ARRAYs are empty: hone_targets_load() fills them. -ENOTSUP:
 * a type that cannot be cloned; detail names the map. Changes of the originals meanwhile may or may
 * not be in. */
int hone_maps_clone(const struct hone_unit *unit, const struct hone_maps *from,
		    struct hone_maps *out, char *detail);

/* hone_maps_copy() - make the contents of `to` equal to those of `from` again (both of unit; a
 * map that is -1 in `to` is left out). hone_map_copy() - one map only. */
int hone_map_copy(const struct hone_map *map, int from_fd, int to_fd);
int hone_maps_copy(const struct hone_unit *unit, const struct hone_maps *from,
		   const struct hone_maps *to);

/* hone_maps_equal() - compare contents, but for maps that are -1 in b. Returns 1, 0 (detail names
 * map, key and both values in hex), or -errno. hone_map_equal() - one map only. */
int hone_map_equal(const struct hone_map *map, int a_fd, int b_fd, char *detail);
int hone_maps_equal(const struct hone_unit *unit, const struct hone_maps *a,
		    const struct hone_maps *b, char *detail);

/* One key whose values differ in two maps. */
struct hone_map_difference {
	const struct hone_map *map; /* of an outer map an inner one */
	const uint8_t *key, *a, *b; /* NULL: the key is absent there */
	uint32_t value_bytes;	    /* of all CPUs */
};
typedef int hone_map_difference_fn(void *arg, const struct hone_map_difference *difference);

/* hone_map_differences() - fn(arg, difference) for each key until it does not return 0.
 * Returns what fn did last, or -errno. */
int hone_map_differences(const struct hone_map *map, int a_fd, int b_fd, hone_map_difference_fn *fn,
			 void *arg);
/* Map, key and both values from this byte on in hex; HONE_DETAIL_LEN bytes. */
void hone_map_difference_text(const struct hone_map_difference *at, uint32_t from, char *detail);

#endif
