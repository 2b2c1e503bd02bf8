// SPDX-License-Identifier: Apache-2.0
/* packet_text: see the header. */
#include "runtime/deploy/packet_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_NUMBERS = sizeof(struct hone_packet_context) / sizeof(uint32_t) };

static void put_packet(FILE *to, const struct hone_packet *packet)
{
	uint32_t numbers[N_NUMBERS];
	bool is_zero = true;

	for (uint32_t i = 0; i < packet->size; i++)
		fprintf(to, "%02x", packet->bytes[i]);
	memcpy(numbers, &packet->context, sizeof(numbers));
	for (int i = 0; i < N_NUMBERS; i++)
		is_zero &= numbers[i] == 0;
	for (int i = 0; !is_zero && i < N_NUMBERS; i++)
		fprintf(to, "%c%x", i ? ':' : '@', numbers[i]);
}

int hone_packets_text(const struct hone_packet_log *log, char **text)
{
	struct hone_packet packet;
	size_t size;
	FILE *to = open_memstream(text, &size);

	if (!to)
		return -ENOMEM;
	for (uint32_t i = 0; i < log->n; i++) {
		hone_packet_log_get(log, i, &packet);
		if (i)
			fputc(',', to);
		put_packet(to, &packet);
	}
	return fclose(to) ? -ENOMEM : 0;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *parse_bytes(const char *at, struct hone_packet *packet)
{
	for (; packet->size < HONE_PACKET_MAX && digit(at[0]) >= 0 && digit(at[1]) >= 0; at += 2)
		packet->bytes[packet->size++] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
	return at;
}

/* NULL: not as many numbers as there are. */
static const char *parse_context(const char *at, struct hone_packet_context *context)
{
	uint32_t numbers[N_NUMBERS];

	for (int i = 0; i < N_NUMBERS; i++) {
		char *end;

		if (*at != (i ? ':' : '@') || digit(at[1]) < 0)
			return NULL;
		numbers[i] = (uint32_t)strtoul(at + 1, &end, 16);
		at = end;
	}
	memcpy(context, numbers, sizeof(numbers));
	return at;
}

int hone_packets_parse(const char *text, struct hone_packet_log *log, char *detail)
{
	const char *at = text;

	for (;;) {
		struct hone_packet packet = {0};
		int err;

		at = parse_bytes(at, &packet);
		if (*at == '@')
			at = parse_context(at, &packet.context);
		if (!at || (*at && *at != ',') || packet.size < HONE_PACKET_MIN) {
			snprintf(detail, HONE_DETAIL_LEN,
				 "packet %u: must be %d to %d bytes in hexadecimal", log->n + 1,
				 HONE_PACKET_MIN, HONE_PACKET_MAX);
			return -EINVAL;
		}
		err = hone_packet_log_add(log, &packet);
		if (err || !*at++)
			return err;
	}
}
