/* SPDX-License-Identifier: Apache-2.0 */
/* capture: the original bytecode of programs, as any loader gives it to BPF_PROG_LOAD. */
#ifndef HONE_CAPTURE_H
#define HONE_CAPTURE_H

#include <stdint.h>
#include <sys/types.h>

#include "compiler/facts.h"

struct hone_capture;

/* What came out of one BPF_PROG_LOAD that succeeded. The unit holds the maps that the load did,
 * not those which a loader binds to the program afterwards. */
struct hone_captured {
	struct hone_unit unit;	  /* maps: described (hone_map_describe()), without snapshot */
	pid_t pid;		  /* loader, in the initial pid namespace */
	uint64_t netns;		  /* inode of the loader's network namespace */
	enum hone_reason refused; /* not HONE_REWRITTEN: not captured; unit has all but the code */
	char detail[HONE_DETAIL_LEN];
};

/* Called from hone_capture_consume(). Takes over captured->unit (hone_unit_free()). */
typedef void (*hone_capture_fn)(void *arg, struct hone_captured *captured);

/* hone_capture_new() - hook BPF_PROG_LOAD of every process, ours excepted (own loads are not
 * units). Programs other than XDP and tc are ignored.
 * Returns 0 or -errno; the hooks go with hone_capture_free() or the process. */
int hone_capture_new(hone_capture_fn fn, void *arg, struct hone_capture **out);
void hone_capture_free(struct hone_capture **capture);

/* File descriptor for epoll: readable when there is something to consume. Borrowed. */
int hone_capture_fd(const struct hone_capture *capture);

/* hone_capture_ignore() - loads of another process (thread group, in our pid namespace) are not
 * units either. Returns 0 or -errno. */
int hone_capture_ignore(struct hone_capture *capture, pid_t tgid);

/* hone_capture_consume() - deliver what came in, not yet verified. Programs that are gone by then
 * are dropped. Returns the number delivered, or -errno. */
int hone_capture_consume(struct hone_capture *capture);

/* hone_same_map_references() - do two loaded programs of one tag name the same maps at the same
 * places? The tag leaves maps out, and the order of their maps tells only where each comes first.
 * Returns 0, -EBADMSG (they do not), or -errno. */
int hone_same_map_references(int prog_fd, int other_fd);

/* hone_unit_verify() - load the unit's instructions with its own maps and compare tag, xlated
 * and jited length and map references with the running program unit->prog_id. Nothing is attached;
 * the copy is gone on return. Returns 0, -ENOENT (the program is gone), -EBADMSG (different; detail
 * says in what), or -errno of the load. */
int hone_unit_verify(const struct hone_unit *unit, char *detail);

/* hone_captured_verify() - the same before anything is built on what was captured: where it is
 * not what runs, refused becomes NO_CAPTURE_DIFFERS and the code goes. Takes as long as loading
 * the program once more does. Returns 0 (also then), or -ENOENT (the program is gone). */
int hone_captured_verify(struct hone_captured *captured);

/* A unit without what it must not be known for. */
void hone_unit_drop_code(struct hone_unit *unit);

#endif
