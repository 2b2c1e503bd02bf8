/* SPDX-License-Identifier: Apache-2.0 */
/* writer: another process that adds and deletes xdp-filter rules in every way that bpf(2) has,
 * on demand; beside it, a process whose bpf(2) calls seccomp denies, all the time. */
#ifndef HONE_TEST_WRITER_H
#define HONE_TEST_WRITER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>

enum { WRITER_CPUS_MAX = 256 };

struct filter_maps {
	int ipv4, ports, ethernet;
};

/* What a packet must carry to be matched by a rule. */
struct subject {
	uint32_t saddr; /* network order, as dport */
	uint16_t dport;
	uint8_t mac[6]; /* source */
};

enum writer_way {
	WRITER_PLAIN, /* filter_ipv4, update and delete */
	WRITER_DUP,   /* the same through a fresh dup of the fd each time */
	WRITER_BATCH, /* batch update and batch delete */
	WRITER_POP,   /* deletes with lookup-and-delete */
	WRITER_PORT,  /* filter_ports, both times an update */
	WRITER_MAC,   /* filter_ethernet */
	WRITER_WAYS,
};

struct writer;

/* writer_start() - fork the processes. NULL with errno. */
struct writer *writer_start(const struct filter_maps *maps);
/* writer_do() - add or delete rule n of a way, and return when it is done. Ends the test if the
 * writer fails. */
void writer_do(struct writer *writer, enum writer_way way, uint32_t n, bool add);
int writer_stop(struct writer *writer);

/* The packet that rule n of a way matches, and no rule of another n or way does. */
struct subject writer_subject(enum writer_way way, uint32_t n);
bool writer_is_present(const struct filter_maps *maps, const struct subject *subject);
const char *writer_way_name(enum writer_way way);

#endif
