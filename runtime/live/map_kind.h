/* SPDX-License-Identifier: Apache-2.0 */
/* map_kind: how copies of maps are made and compared. Shared by clone.c and equal.c only. */
#ifndef HONE_MAP_KIND_H
#define HONE_MAP_KIND_H

#include <stdint.h>

enum hone_map_kind {
	HONE_MAP_NOT_CLONED, /* contents that bpf(2) cannot read or write */
	HONE_MAP_PLAIN,	     /* keys and values are bytes */
	HONE_MAP_TARGETS,    /* values name an interface or a CPU, and a program */
	HONE_MAP_OUTER,	     /* values are maps */
	HONE_MAP_PROGRAMS,   /* values are programs */
	HONE_MAP_QUEUE,	     /* a copy is empty; two copies are compared by emptying them */
	HONE_MAP_FRESH,	     /* a copy is empty: events, sockets, or what cannot be listed */
};

enum hone_map_kind hone_map_kind(uint32_t type);

#endif
