// SPDX-License-Identifier: Apache-2.0
/* side: see the header. Attaches and pins nothing: all goes with the descriptors. */
#include "runtime/deploy/side.h"

#include <errno.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/targets.h"

static int open_spied(struct hone_side *side, const struct hone_image *image)
{
	int err = hone_spy_unit(side->unit, &side->spied_unit);
	int fd;

	if (!err && image)
		err = hone_spy_image(side->unit, image, &side->spied_image);
	if (err)
		return err;
	fd = hone_spy_map(&side->note);
	if (fd < 0)
		return fd;
	side->maps.fd[side->maps.n++] = fd;
	return 0;
}

static int load(struct hone_side *side, const struct hone_unit *unit,
		const struct hone_image *image, char *log)
{
	int err;

	if (image) {
		err = hone_sandbox_open(unit, &side->maps, image, &side->sandbox, log);
		side->fd = side->sandbox.image.fd;
		return err;
	}
	err = hone_load_original(unit, &side->maps, &side->original, log);
	if (err)
		return hone_log_err(err, "%s: a copy cannot be loaded: %s", unit->name, log);
	side->fd = side->original.fd;
	return 0;
}

int hone_side_open(struct hone_side *side, const struct hone_side_from *from, char *detail)
{
	int err;

	*side = (struct hone_side){.unit = from->unit,
				   .sandbox = HONE_SANDBOX_EMPTY,
				   .original = {.fd = -1},
				   .fd = -1};
	err = hone_maps_clone(from->unit, from->maps, &side->maps, detail);
	if (!err)
		err = hone_events_new(from->unit, &side->maps, &side->events);
	if (!err && from->spies)
		err = open_spied(side, from->image);
	if (!err)
		err = hone_targets_load(from->unit, from->chain, from->chain_maps, &side->maps,
					from->spies, detail);
	if (err)
		return err;
	if (!from->spies)
		return load(side, from->unit, from->image, detail);
	return load(side, &side->spied_unit, from->image ? &side->spied_image : NULL, detail);
}

void hone_side_close(struct hone_side *side)
{
	if (!side->unit)
		return;
	hone_compare_free(&side->since_start);
	hone_sandbox_close(&side->sandbox);
	if (side->original.fd >= 0)
		close(side->original.fd);
	hone_events_free(&side->events);
	hone_maps_close(&side->maps);
	hone_spy_unmap(side->note);
	hone_spy_unit_free(&side->spied_unit);
	hone_spy_image_free(&side->spied_image);
	side->unit = NULL;
}

/* The note is about the last call ever: it counts where this packet made one. */
static void take_note(const struct hone_side *side, uint64_t n_calls_before,
		      struct hone_spy_note *out)
{
	*out = *side->note;
	if (out->n_calls == n_calls_before)
		*out = (struct hone_spy_note){0};
	else
		out->n_calls -= n_calls_before;
}

int hone_side_run(struct hone_side *side, const struct hone_packet *packet)
{
	uint64_t n_calls = side->note ? side->note->n_calls : 0;
	int err = hone_outcome_run(side->fd, side->unit->prog_type, packet, &side->outcome);

	if (err)
		return hone_log_err(err, "%s: cannot run a packet of %u bytes", side->unit->name,
				    packet->size);
	side->n_runs += !side->outcome.err;
	if (side->note)
		take_note(side, n_calls, &side->outcome.redirect);
	return 0;
}
