// SPDX-License-Identifier: Apache-2.0
/* shrink: fewer, shorter, emptier packets that still show a mismatch.
 *
 * When:  a mismatch was found, and somebody wants to see it.
 * Does:  leaves out packets, half of them first, then one by one; cuts each at its end; zeroes
 *        its bytes, long pieces first. Whatever still shows a difference is kept.
 * Not:   the smallest of all: one that no single such step makes smaller. */
#include <string.h>

#include "runtime/deploy/check_internal.h"

enum {
	TRIES_MAX = 3000,
	LONGEST_PIECE = 64,
};

struct shrink {
	struct hone_check *check;
	uint32_t n_tries;
	int err;
};

/* Do these packets show it, too? Then they are the check's from now on. */
static bool takes(struct shrink *shrink, struct hone_packet_log *tried)
{
	struct hone_packet_log kept = shrink->check->log;
	bool differs = false;

	if (shrink->err || shrink->n_tries++ >= TRIES_MAX || tried->n == 0)
		return false;
	shrink->check->log = *tried;
	shrink->err = hone_judge_differs(shrink->check, &differs);
	if (shrink->err || !differs) {
		shrink->check->log = kept;
		return false;
	}
	*tried = kept;
	return true;
}

static bool takes_without(struct shrink *shrink, uint32_t from, uint32_t n)
{
	const struct hone_packet_log *log = &shrink->check->log;
	struct hone_packet_log tried = {0};
	bool is_taken = false;

	shrink->err = hone_packet_log_copy(log, 0, from, &tried);
	if (!shrink->err)
		shrink->err = hone_packet_log_copy(log, from + n, log->n - from - n, &tried);
	if (!shrink->err)
		is_taken = takes(shrink, &tried);
	hone_packet_log_free(&tried);
	return is_taken;
}

static void leave_out_packets(struct shrink *shrink)
{
	const struct hone_packet_log *log = &shrink->check->log;

	for (uint32_t n = log->n / 2; n > 0; n = n / 2)
		for (uint32_t i = 0; !shrink->err && i < log->n && log->n > 1;) {
			uint32_t size = n < log->n - i ? n : log->n - i;

			if (!takes_without(shrink, i, size))
				i += n;
		}
}

static bool takes_instead(struct shrink *shrink, uint32_t i, const struct hone_packet *packet)
{
	struct hone_packet_log tried = {0};
	bool is_taken = false;

	shrink->err = hone_packet_log_copy(&shrink->check->log, 0, shrink->check->log.n, &tried);
	if (!shrink->err)
		shrink->err = hone_packet_log_replace(&tried, i, packet);
	if (!shrink->err)
		is_taken = takes(shrink, &tried);
	hone_packet_log_free(&tried);
	return is_taken;
}

static void shorten(struct shrink *shrink, uint32_t i, struct hone_packet *packet)
{
	for (uint32_t step = HONE_PACKET_MAX / 2; !shrink->err && step > 0; step /= 2)
		while (!shrink->err && packet->size >= HONE_PACKET_MIN + step) {
			packet->size -= step;
			if (takes_instead(shrink, i, packet))
				continue;
			packet->size += step;
			break;
		}
}

static bool is_zero(const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

static void zero_bytes(struct shrink *shrink, uint32_t i, struct hone_packet *packet)
{
	for (uint32_t piece = LONGEST_PIECE; piece > 0; piece /= 4)
		for (uint32_t at = 0; !shrink->err && at < packet->size; at += piece) {
			uint32_t n = piece < packet->size - at ? piece : packet->size - at;
			struct hone_packet tried = *packet;

			memset(tried.bytes + at, 0, n);
			if (!is_zero(packet->bytes + at, n) && takes_instead(shrink, i, &tried))
				*packet = tried;
		}
}

static void zero_context(struct shrink *shrink, uint32_t i, struct hone_packet *packet)
{
	struct hone_packet tried = *packet;

	tried.context = (struct hone_packet_context){0};
	if (memcmp(&tried.context, &packet->context, sizeof(tried.context)) != 0 &&
	    takes_instead(shrink, i, &tried))
		*packet = tried;
}

int hone_shrink(struct hone_check *check, struct hone_packet_log *out)
{
	struct shrink shrink = {.check = check};
	bool differs = false;

	shrink.err = hone_judge_differs(check, &differs);
	if (shrink.err || !differs)
		return shrink.err;
	leave_out_packets(&shrink);
	for (uint32_t i = check->log.n; !shrink.err && i-- > 0;) {
		struct hone_packet packet;

		hone_packet_log_get(&check->log, i, &packet);
		shorten(&shrink, i, &packet);
		zero_context(&shrink, i, &packet);
		zero_bytes(&shrink, i, &packet);
	}
	if (shrink.err)
		return shrink.err;
	return hone_packet_log_copy(&check->log, 0, check->log.n, out);
}
