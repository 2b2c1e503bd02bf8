/* SPDX-License-Identifier: Apache-2.0 */
/* traffic: numbered UDP frames into an interface as fast as AF_PACKET goes, in windows: whoever
 * counts them at the other end says how far it is, so that no queue on the way overflows and what
 * is missing was lost by the programs in between. (stream is a tool of its own, and slow.) */
#ifndef HONE_TEST_TRAFFIC_H
#define HONE_TEST_TRAFFIC_H

#include <stdint.h>

enum { TRAFFIC_BATCH = 64, TRAFFIC_WINDOW = 128 };

/* Behind the UDP header (offset 42). */
struct traffic_payload {
	uint64_t magic;
	uint64_t number;
} __attribute__((packed));

#define TRAFFIC_MAGIC 0x656e6f68206d6f72ULL

struct traffic {
	int fd;
	uint64_t sent;
};

/* Returns 0 or -errno. Frames go to a MAC address that nobody has. */
int traffic_open(const char *ifname, struct traffic *out);
void traffic_close(struct traffic *traffic);

/* traffic_send_batch() - the next TRAFFIC_BATCH frames, once no more than TRAFFIC_WINDOW less a
 * batch are under way. received: how many have come in; another thread or program adds to it.
 * Returns 0, -ETIMEDOUT (2 s without progress: frames were lost), or -errno. */
int traffic_send_batch(struct traffic *traffic, const volatile uint64_t *received);

/* traffic_drain() - waits for all. 0 or -ETIMEDOUT. */
int traffic_drain(const struct traffic *traffic, const volatile uint64_t *received);

/* traffic_listen() - a socket for what a program on the interface lets pass to the stack, or
 * -errno. traffic_collect() - take what is there: passed[number % n_kinds] += 1 for each frame.
 * Returns how many there were, or -errno (-ENOBUFS: the socket lost some). */
int traffic_listen(const char *ifname);
int traffic_collect(int fd, uint64_t *passed, uint32_t n_kinds);

#endif
