// SPDX-License-Identifier: Apache-2.0
/* pcap: see the header. The format: draft-ietf-opsawg-pcap, "PCAP Capture File Format".
 *
 * Not: pcapng, other link types. */
#include "runtime/deploy/pcap.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	FILE_HEADER = 24,
	LINK_TYPE_AT = 20,
	RECORD_HEADER = 16,
	CAPTURED_AT = 8,
	ETHERNET = 1,
};

struct reader {
	const uint8_t *bytes;
	size_t size, at;
	bool is_swapped;
	char *detail;
};

__attribute__((format(printf, 2, 3))) static int complain(const struct reader *reader,
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->detail, HONE_DETAIL_LEN, format, args);
	va_end(args);
	return -EINVAL;
}

static uint32_t u32_at(const struct reader *reader, size_t at)
{
	uint32_t value;

	memcpy(&value, reader->bytes + at, sizeof(value));
	return reader->is_swapped ? __builtin_bswap32(value) : value;
}

static int read_file_header(struct reader *reader)
{
	static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d};
	uint32_t link_type;

	if (reader->size < FILE_HEADER)
		return complain(reader, "too short for a capture file");
	for (int i = 0; i < 4; i++) {
		reader->is_swapped = i % 2;
		if (u32_at(reader, 0) == magics[i / 2])
			break;
		if (i == 3)
			return complain(reader, "not a capture file of the classic format");
	}
	link_type = u32_at(reader, LINK_TYPE_AT) & 0xffff;
	if (link_type != ETHERNET)
		return complain(reader, "link type %u, not Ethernet", link_type);
	reader->at = FILE_HEADER;
	return 0;
}

static int read_record(struct reader *reader, struct hone_packet_log *log,
		       struct hone_pcap_counts *counts)
{
	struct hone_packet packet = {0};
	uint32_t n;

	if (reader->size - reader->at < RECORD_HEADER)
		return complain(reader, "cut short at byte %zu", reader->at);
	n = u32_at(reader, reader->at + CAPTURED_AT);
	if (n > reader->size - reader->at - RECORD_HEADER)
		return complain(reader, "the packet at byte %zu has %u bytes, the file ends before",
				reader->at, n);
	packet.size = n < HONE_PACKET_MAX ? n : HONE_PACKET_MAX;
	memcpy(packet.bytes, reader->bytes + reader->at + RECORD_HEADER, packet.size);
	reader->at += RECORD_HEADER + n;
	counts->n_cut += n > HONE_PACKET_MAX;
	counts->n_short += n < HONE_PACKET_MIN;
	return n < HONE_PACKET_MIN ? 0 : hone_packet_log_add(log, &packet);
}

int hone_pcap_read(const void *bytes, size_t size, struct hone_packet_log *log,
		   struct hone_pcap_counts *counts, char *detail)
{
	struct reader reader = {.bytes = bytes, .size = size, .detail = detail};
	int err = read_file_header(&reader);

	*counts = (struct hone_pcap_counts){0};
	while (!err && reader.at < reader.size)
		err = read_record(&reader, log, counts);
	return err;
}
