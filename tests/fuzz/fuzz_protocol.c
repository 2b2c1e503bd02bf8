// SPDX-License-Identifier: Apache-2.0
/* fuzz_protocol: any bytes as what arrives on the daemon's socket, in pieces of any size: frames
 * end where their length says, however they were cut, and what they hold is read as JSON. The
 * first byte chooses the limit, the second the pieces. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/daemon/protocol.h"

static void promise(bool holds)
{
	if (!holds)
		abort();
}

/* Returns how many bytes were used, or an error. */
static ssize_t feed(struct hone_frame *frame, const uint8_t *data, size_t size, size_t piece)
{
	size_t used = 0;

	while (used < size && !frame->is_complete) {
		size_t n = size - used < piece ? size - used : piece;
		ssize_t took = hone_frame_feed(frame, data + used, n);

		if (took < 0)
			return took;
		promise((size_t)took <= n && (frame->is_complete || (size_t)took == n));
		used += (size_t)took;
	}
	return (ssize_t)used;
}

static void check_text(const struct hone_frame *frame)
{
	size_t size = 0;
	uint8_t *again = hone_frame_text(frame->text, frame->size, &size);
	json_t *json = json_loadb(frame->text, frame->size, JSON_REJECT_DUPLICATES, NULL);
	json_t *error = hone_error(HONE_EXIT_FAILED, HONE_NO_CHECK, "%.100s", frame->text);
	char *text = json_dumps(error, 0);

	promise(again && size == frame->size + 4);
	promise(memcmp(again, frame->head, 4) == 0 && !memcmp(again + 4, frame->text, frame->size));
	promise(text); /* UTF-8 whatever the message is */
	free(again);
	free(text);
	json_decref(json);
	json_decref(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hone_frame whole = {0}, pieces = {0};
	ssize_t used, again;

	if (size < 2)
		return 0;
	whole.max_bytes = pieces.max_bytes = (size_t)data[0] * 16;
	used = feed(&whole, data + 2, size - 2, SIZE_MAX);
	again = feed(&pieces, data + 2, size - 2, 1 + data[1] % 16);
	promise(used == again && whole.is_complete == pieces.is_complete);
	promise(used < 0 || hone_frame_end(&whole) == hone_frame_end(&pieces));
	if (whole.is_complete) {
		promise(whole.size <= whole.max_bytes && whole.text[whole.size] == '\0');
		promise(!memcmp(whole.text, pieces.text, whole.size));
		check_text(&whole);
	}
	hone_frame_free(&whole);
	hone_frame_free(&pieces);
	return 0;
}
