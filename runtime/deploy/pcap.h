/* SPDX-License-Identifier: Apache-2.0 */
/* pcap: packets out of a capture file, as tcpdump -w writes it. */
#ifndef HONE_PCAP_H
#define HONE_PCAP_H

#include "runtime/deploy/packet_log.h"

struct hone_pcap_counts {
	uint32_t n_short; /* left out: no whole Ethernet header */
	uint32_t n_cut;	  /* longer than HONE_PACKET_MAX: cut there */
};

/* hone_pcap_read() - all packets of a classic capture file (either byte order, micro- or
 * nanoseconds, Ethernet) at the end of a log.
 *
 * bytes:  of the file; borrowed. Any are legal.
 * detail: HONE_DETAIL_LEN bytes: what is wrong, and where
 *
 * Returns 0, -EINVAL (not such a file, or cut short; what came before is in the log), or -ENOMEM.
 */
int hone_pcap_read(const void *bytes, size_t size, struct hone_packet_log *log,
		   struct hone_pcap_counts *counts, char *detail);

#endif
