// SPDX-License-Identifier: Apache-2.0
/* capture: loads out of the ring buffer, put together, proved, handed on as units.
 *
 * When:    hone_capture_consume(), from the owner's event loop.
 * Not:     attach points (discover.c), keeping units on disk (units.c).
 * The ring is emptied first and programs are proved afterwards, so that proving one does not let
 * it run full. See bpf/capture.bpf.c for what arrives in which order. */
#include "runtime/live/capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/types.h>
#include <string.h>
#include <sys/stat.h>

#include "capture.skel.h"
#include "runtime/bpf/capture_abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/kfuncs.h"
#include "runtime/live/map_order.h"
#include "runtime/live/maps.h"

_Static_assert((int)HONE_LOAD_MAPS == (int)HONE_MAPS_MAX, "a unit holds what a program can");
_Static_assert((int)HONE_LOAD_LICENSE == (int)HONE_LICENSE_LEN, "licences fit");

enum { FLAG_TOKEN_FD = 1 << 16 }; /* BPF_F_TOKEN_FD: names an fd of the loader */

/* One load that is arriving, or has arrived. */
struct load {
	struct load *next;
	struct hone_load_begin begin;
	uint32_t n_arrived;
	struct {
		uint32_t size;
		uint8_t *bytes;
	} of[HONE_LOAD_OF_N];
};

struct hone_capture {
	struct capture_bpf *bpf;
	struct ring_buffer *ring;
	struct load *arriving;
	struct load *arrived, **arrived_end;
	uint64_t n_lost_told;
	hone_capture_fn fn;
	void *arg;
};

static void load_free(struct load *load)
{
	for (int what = 0; what < HONE_LOAD_OF_N; what++)
		free(load->of[what].bytes);
	free(load);
}

static void cleanup_load(struct load **load)
{
	if (*load)
		load_free(*load);
}

static void list_free(struct load *load)
{
	while (load) {
		struct load *next = load->next;

		load_free(load);
		load = next;
	}
}

/* ---- arriving ---- */

static void enqueue_if_complete(struct hone_capture *capture, struct load **at)
{
	struct load *load = *at;

	if (load->n_arrived < load->begin.n_parts)
		return;
	*at = load->next;
	load->next = NULL;
	*capture->arrived_end = load;
	capture->arrived_end = &load->next;
}

/* The hook refuses more than its limits, so none overflows. */
static int make_room(struct load *load)
{
	const struct hone_load_attr *attr = &load->begin.attr;

	load->of[HONE_LOAD_OF_INSNS].size = attr->insn_cnt * (uint32_t)sizeof(struct bpf_insn);
	load->of[HONE_LOAD_OF_FUNC_INFO].size = attr->func_info_cnt * attr->func_info_rec_size;
	load->of[HONE_LOAD_OF_LINE_INFO].size = attr->line_info_cnt * attr->line_info_rec_size;
	for (int what = 0; what < HONE_LOAD_OF_N; what++) {
		load->of[what].bytes = calloc(1, load->of[what].size + 1);
		if (!load->of[what].bytes)
			return -ENOMEM;
	}
	return 0;
}

static int on_begin(struct hone_capture *capture, const struct hone_load_begin *begin)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load)
		return -ENOMEM;
	load->begin = *begin;
	if (begin->status == HONE_LOAD_COPIED && make_room(load)) {
		load_free(load);
		return -ENOMEM;
	}
	load->next = capture->arriving;
	capture->arriving = load;
	enqueue_if_complete(capture, &capture->arriving);
	return 0;
}

static void on_part(struct hone_capture *capture, const struct hone_load_part *part)
{
	struct load **at = &capture->arriving;
	uint8_t *bytes;
	uint32_t size;

	if (part->what >= HONE_LOAD_OF_N)
		return;
	while (*at && (*at)->begin.load != part->load)
		at = &(*at)->next;
	if (!*at)
		return; /* no memory for its beginning: told there */
	bytes = (*at)->of[part->what].bytes;
	size = (*at)->of[part->what].size;
	if (bytes && part->offset <= size && part->size <= size - part->offset)
		memcpy(bytes + part->offset, part->data, part->size);
	(*at)->n_arrived++;
	enqueue_if_complete(capture, at);
}

static int on_record(void *arg, void *data, size_t size)
{
	struct hone_capture *capture = arg;
	const uint32_t *kind = data;

	if (*kind == HONE_LOAD_BEGIN && size >= sizeof(struct hone_load_begin)) {
		const struct hone_load_begin *begin = data;

		if (on_begin(capture, begin))
			hone_log_err(-ENOMEM, "program %u: not captured", begin->prog_id);
	} else if (*kind == HONE_LOAD_PART && size >= sizeof(struct hone_load_part)) {
		on_part(capture, data);
	}
	return 0;
}

/* ---- arrived: load → unit ---- */

static int describe_maps(const struct hone_load_begin *begin, struct hone_unit *unit)
{
	uint32_t n = begin->n_maps < HONE_MAPS_MAX ? begin->n_maps : HONE_MAPS_MAX;

	unit->maps = calloc(n + 1, sizeof(*unit->maps));
	if (!unit->maps)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(begin->map_ids[i]);
		int err = fd < 0 ? -errno : hone_map_describe(fd, &unit->maps[i]);

		if (err)
			return err;
		unit->maps[i].index = i;
		unit->n_maps = i + 1;
	}
	return 0;
}

/* What the kernel says of the program itself. -ENOENT: it is gone already. */
static int describe_program(uint32_t prog_id, struct hone_unit *unit)
{
	struct bpf_prog_info info;
	int err = hone_prog_info_by_id(prog_id, &info);

	if (err)
		return err;
	memcpy(unit->name, info.name, sizeof(unit->name));
	memcpy(unit->tag, info.tag, sizeof(unit->tag));
	unit->prog_id = prog_id;
	unit->prog_type = info.type;
	unit->btf_id = info.btf_id;
	return 0;
}

static void take_code(struct load *load, struct hone_unit *unit)
{
	const struct hone_load_attr *attr = &load->begin.attr;

	unit->n_insns = attr->insn_cnt;
	unit->insns = (struct bpf_insn *)(void *)TAKE_PTR(load->of[HONE_LOAD_OF_INSNS].bytes);
	unit->func_info_rec_size = attr->func_info_rec_size;
	unit->n_func_info = attr->func_info_cnt;
	unit->func_info = TAKE_PTR(load->of[HONE_LOAD_OF_FUNC_INFO].bytes);
	unit->line_info_rec_size = attr->line_info_rec_size;
	unit->n_line_info = attr->line_info_cnt;
	unit->line_info = TAKE_PTR(load->of[HONE_LOAD_OF_LINE_INFO].bytes);
}

static void take_attributes(const struct hone_load_begin *begin, struct hone_unit *unit)
{
	memcpy(unit->license, begin->license, sizeof(unit->license));
	unit->license[sizeof(unit->license) - 1] = '\0';
	unit->expected_attach_type = begin->attr.expected_attach_type;
	unit->prog_flags = begin->attr.prog_flags & ~(uint32_t)FLAG_TOKEN_FD;
	unit->kern_version = begin->attr.kern_version;
}

/* Loads that say something which lives in the loader, or in a device. */
static enum hone_reason find_foreign_form(const struct hone_load_attr *attr, char *detail)
{
	const struct {
		bool is_used;
		const char *what;
	} forms[] = {
		{attr->fd_array_cnt > 0, "fd_array_cnt: maps are bound by an array of fds"},
		{attr->core_relo_cnt > 0, "core_relo_cnt: the kernel changed the instructions"},
		{attr->prog_ifindex > 0, "prog_ifindex: the program belongs to a device"},
		{attr->attach_prog_fd > 0, "attach_prog_fd: the program belongs to another"},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].is_used) {
			snprintf(detail, HONE_DETAIL_LEN, "%s", forms[i].what);
			return HONE_NO_CAPTURE_FORM;
		}
	return HONE_REWRITTEN;
}

static enum hone_reason refusal(const struct load *load, const struct hone_unit *unit, char *detail)
{
	const struct hone_load_begin *begin = &load->begin;
	enum hone_reason reason;

	if (begin->status == HONE_LOAD_FAULT)
		return HONE_NO_CAPTURE_FAULT;
	if (begin->status != HONE_LOAD_COPIED)
		return HONE_NO_CAPTURE_FULL;
	reason = find_foreign_form(&begin->attr, detail);
	if (reason != HONE_REWRITTEN)
		return reason;
	return hone_map_order(unit->insns, unit->n_insns, unit->n_maps, detail);
}

/* Fill *out from a load. Returns 0 also when refused, -ENOENT when the program is gone. */
static int make_captured(struct load *load, struct hone_captured *out)
{
	struct hone_unit *unit = &out->unit;
	int err = describe_program(load->begin.prog_id, unit);

	if (err)
		return err;
	err = describe_maps(&load->begin, unit);
	if (err)
		return err;
	out->pid = (pid_t)load->begin.tgid;
	out->netns = load->begin.netns;
	take_attributes(&load->begin, unit);
	if (load->begin.status == HONE_LOAD_COPIED)
		take_code(load, unit);
	out->refused = refusal(load, unit, out->detail);
	if (out->refused == HONE_REWRITTEN)
		return hone_kfuncs_describe(unit);
	hone_unit_drop_code(unit);
	return 0;
}

/* Returns 1 if it was delivered. */
static int deliver(struct hone_capture *capture, struct load *load)
{
	struct hone_captured captured = {0};
	int err = make_captured(load, &captured);

	if (err) {
		hone_unit_free(&captured.unit);
		if (err != -ENOENT)
			hone_log_err(err, "program %u: not captured", load->begin.prog_id);
		else
			hone_log_debug("program %u: gone before it was captured",
				       load->begin.prog_id);
		return 0;
	}
	hone_log_debug("program %u (%s): %s%s%s", captured.unit.prog_id, captured.unit.name,
		       captured.refused == HONE_REWRITTEN ? "captured"
							  : hone_reason_text(captured.refused),
		       captured.detail[0] ? ": " : "", captured.detail);
	capture->fn(capture->arg, &captured);
	return 1;
}

static int deliver_arrived(struct hone_capture *capture)
{
	int n = 0;

	while (capture->arrived) {
		_cleanup_(cleanup_load) struct load *load = capture->arrived;

		capture->arrived = load->next;
		if (!capture->arrived)
			capture->arrived_end = &capture->arrived;
		n += deliver(capture, load);
	}
	return n;
}

/* Loads of which nothing arrived: all that is known is the program. */
static int deliver_lost(struct hone_capture *capture)
{
	uint64_t n_lost = __atomic_load_n(&capture->bpf->bss->n_lost, __ATOMIC_ACQUIRE);
	int n = 0;

	if (n_lost - capture->n_lost_told > HONE_LOAD_LOST) {
		hone_log_warn("capture: %llu loads were lost, the last %d are told",
			      (unsigned long long)(n_lost - capture->n_lost_told), HONE_LOAD_LOST);
		capture->n_lost_told = n_lost - HONE_LOAD_LOST;
	}
	for (; capture->n_lost_told < n_lost; capture->n_lost_told++) {
		uint32_t *id = &capture->bpf->bss->lost_ids[capture->n_lost_told % HONE_LOAD_LOST];
		struct load load = {.begin.status = HONE_LOAD_FULL};

		load.begin.prog_id = __atomic_exchange_n(id, 0, __ATOMIC_ACQ_REL);
		if (!load.begin.prog_id)
			break; /* the hook counts first and names second: next time */
		n += deliver(capture, &load);
	}
	return n;
}

int hone_capture_consume(struct hone_capture *capture)
{
	int err = ring_buffer__consume(capture->ring);
	int n;

	if (err < 0)
		return hone_log_err(err, "capture: cannot read the ring buffer");
	n = deliver_arrived(capture);
	return n + deliver_lost(capture);
}

/* ---- life ---- */

int hone_capture_fd(const struct hone_capture *capture)
{
	return ring_buffer__epoll_fd(capture->ring);
}

int hone_capture_ignore(struct hone_capture *capture, pid_t tgid)
{
	__u32 key = (__u32)tgid;
	__u8 value = 1;

	if (bpf_map_update_elem(bpf_map__fd(capture->bpf->maps.ignored), &key, &value, BPF_ANY))
		return hone_log_err(-errno, "capture: cannot ignore process %d", tgid);
	return 0;
}

static int start(struct hone_capture *capture)
{
	struct stat ns;
	int err;

	if (stat("/proc/self/ns/pid", &ns))
		return hone_log_err(-errno, "/proc/self/ns/pid");
	capture->bpf = capture_bpf__open();
	if (!capture->bpf)
		return hone_log_err(-errno, "capture: cannot open the hook");
	capture->bpf->rodata->pid_namespace_dev = ns.st_dev;
	capture->bpf->rodata->pid_namespace_inode = ns.st_ino;
	err = capture_bpf__load(capture->bpf);
	if (err)
		return hone_log_err(err, "capture: cannot load the hook");
	err = hone_capture_ignore(capture, getpid());
	if (err)
		return err;
	capture->ring =
		ring_buffer__new(bpf_map__fd(capture->bpf->maps.loads), on_record, capture, NULL);
	if (!capture->ring)
		return hone_log_err(-errno, "capture: cannot map the ring buffer");
	err = capture_bpf__attach(capture->bpf);
	return err ? hone_log_err(err, "capture: cannot attach to sys_exit") : 0;
}

int hone_capture_new(hone_capture_fn fn, void *arg, struct hone_capture **out)
{
	struct hone_capture *capture = calloc(1, sizeof(*capture));
	int err;

	if (!capture)
		return -ENOMEM;
	capture->fn = fn;
	capture->arg = arg;
	capture->arrived_end = &capture->arrived;
	err = start(capture);
	if (err) {
		hone_capture_free(&capture);
		return err;
	}
	*out = capture;
	return 0;
}

void hone_capture_free(struct hone_capture **capture)
{
	if (!*capture)
		return;
	ring_buffer__free((*capture)->ring);
	capture_bpf__destroy((*capture)->bpf);
	list_free((*capture)->arriving);
	list_free((*capture)->arrived);
	free(*capture);
	*capture = NULL;
}
