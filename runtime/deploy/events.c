// SPDX-License-Identifier: Apache-2.0
/* events: see the header. Rings of a test run are those of the copies: nobody else reads them. */
#include "runtime/deploy/events.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	PERF_PAGES = 64,
	PERF_PADDING = 7,
};

/* One map's: all records, each behind its size. */
struct stream {
	struct ring_buffer *ring;
	struct perf_buffer *perf;
	uint8_t *bytes;
	size_t n, room;
	int err;
};

struct hone_events {
	uint32_t n;
	struct stream streams[HONE_MAPS_MAX];
};

static void append(struct stream *stream, const void *bytes, size_t n)
{
	if (stream->n + n > stream->room) {
		size_t room = 2 * (stream->room + n);
		uint8_t *grown = realloc(stream->bytes, room);

		if (!grown) {
			stream->err = -ENOMEM;
			return;
		}
		stream->bytes = grown;
		stream->room = room;
	}
	memcpy(stream->bytes + stream->n, bytes, n);
	stream->n += n;
}

static int take_ring(void *stream, void *bytes, size_t n)
{
	append(stream, &n, sizeof(n));
	append(stream, bytes, n);
	return 0;
}

static void take_perf(void *stream, int cpu, void *bytes, uint32_t n)
{
	size_t size = n;

	(void)cpu;
	append(stream, &size, sizeof(size));
	append(stream, bytes, n > PERF_PADDING ? n - PERF_PADDING : 0);
}

static void take_lost(void *stream, int cpu, unsigned long long n)
{
	(void)cpu;
	append(stream, &n, sizeof(n));
}

static int open_stream(uint32_t type, int fd, struct stream *out)
{
	if (type == BPF_MAP_TYPE_RINGBUF)
		out->ring = ring_buffer__new(fd, take_ring, out, NULL);
	else
		out->perf = perf_buffer__new(fd, PERF_PAGES, take_perf, take_lost, out, NULL);
	return out->ring || out->perf ? 0 : -errno;
}

static bool is_ring(uint32_t type)
{
	return type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
}

int hone_events_new(const struct hone_unit *unit, const struct hone_maps *maps,
		    struct hone_events **out)
{
	struct hone_events *events = NULL;
	int err = 0;

	for (uint32_t i = 0; !err && i < unit->n_maps; i++) {
		if (!is_ring(unit->maps[i].type))
			continue;
		if (!events)
			events = calloc(1, sizeof(*events));
		if (!events)
			return -ENOMEM;
		events->n = unit->n_maps;
		err = open_stream(unit->maps[i].type, maps->fd[i], &events->streams[i]);
	}
	if (err)
		hone_events_free(&events);
	else
		*out = events;
	return err;
}

void hone_events_free(struct hone_events **events)
{
	for (uint32_t i = 0; *events && i < (*events)->n; i++) {
		ring_buffer__free((*events)->streams[i].ring);
		perf_buffer__free((*events)->streams[i].perf);
		free((*events)->streams[i].bytes);
	}
	free(*events);
	*events = NULL;
}

static int drain(struct stream *stream)
{
	int n = 0;

	if (stream->ring)
		n = ring_buffer__consume(stream->ring);
	else if (stream->perf)
		n = perf_buffer__consume(stream->perf);
	return n < 0 ? n : stream->err;
}

int hone_events_drain(struct hone_events *events)
{
	int err = 0;

	for (uint32_t i = 0; events && !err && i < events->n; i++)
		err = drain(&events->streams[i]);
	return err;
}

int hone_events_forget(struct hone_events *events)
{
	int err = hone_events_drain(events);

	for (uint32_t i = 0; events && i < events->n; i++)
		events->streams[i].n = 0;
	return err;
}

bool hone_events_are_same(const struct hone_events *a, uint32_t map_a, const struct hone_events *b,
			  uint32_t map_b)
{
	const struct stream *of_a = a ? &a->streams[map_a] : NULL;
	const struct stream *of_b = b ? &b->streams[map_b] : NULL;
	size_t n_a = of_a ? of_a->n : 0, n_b = of_b ? of_b->n : 0;

	return n_a == n_b && (n_a == 0 || memcmp(of_a->bytes, of_b->bytes, n_a) == 0);
}
