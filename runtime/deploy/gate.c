// SPDX-License-Identifier: Apache-2.0
/* gate: measure an image before it may meet packets, and keep the original if it does not pay.
 *
 * When:    after the check; the last step that can refuse.
 * Does:    times the original against the whole attached way on shared copies of the maps.
 * Not:     IPv6 or traffic as it is: an image that is only faster there is refused.
 * Refuses: GATE_NOT_FASTER, CHECK_NOT_CLONED, CHECK_VERIFIER.
 */
#include "runtime/deploy/gate.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/load_program.h"
#include "runtime/deploy/measure.h"
#include "runtime/deploy/sandbox.h"
#include "runtime/deploy/targets.h"
#include "runtime/deploy/trace_keys.h"

struct gate {
	const struct hone_unit *unit;
	const struct hone_gate_opts *opts;
	struct hone_maps maps; /* copies */
	struct hone_sandbox sandbox;
	struct hone_loaded root;
	struct hone_tuple trace[HONE_TRACE_N];
	struct hone_gate_result result;
};

/* ---- programs ---- */

/* What a program must not do to the one packet that a measurement runs on. */
static const struct {
	int32_t helper;
	const char *why;
} unmeasurable[] = {
	{BPF_FUNC_clone_redirect, "bpf_clone_redirect() would send the packets for real"},
	{BPF_FUNC_skb_change_tail, "bpf_skb_change_tail() moves the packet further each time"},
	{BPF_FUNC_skb_change_proto, "bpf_skb_change_proto() is not undone"},
	{BPF_FUNC_skb_change_type, "bpf_skb_change_type() is not undone"},
};

/* Refuses a program that calls one of them. */
static void look_at_calls(struct gate *gate)
{
	for (uint32_t at = 0; at < gate->unit->n_insns; at++) {
		const struct bpf_insn *insn = &gate->unit->insns[at];
		bool is_call = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0;

		for (size_t i = 0; is_call && i < sizeof(unmeasurable) / sizeof(*unmeasurable); i++)
			if (insn->imm == unmeasurable[i].helper) {
				gate->result.refused = HONE_GATE_NOT_MEASURED;
				snprintf(gate->result.detail, sizeof(gate->result.detail), "%s",
					 unmeasurable[i].why);
			}
		at += hone_insn_is_ld_imm64(insn);
	}
}

static void refuse(struct gate *gate, enum hone_reason reason)
{
	gate->result.refused = reason;
}

static int clone_maps(struct gate *gate, const struct hone_maps *maps)
{
	char *detail = gate->result.detail;
	int err = hone_maps_clone(gate->unit, maps, &gate->maps, detail);

	if (!err)
		err = hone_targets_load(gate->unit, gate->opts->chain, maps, &gate->maps, false,
					detail);
	if (err == -ENOTSUP) {
		refuse(gate, HONE_CHECK_NOT_CLONED);
		return 0;
	}
	return err ? hone_log_err(err, "%s: cannot copy the maps: %s", gate->unit->name, detail)
		   : 0;
}

/* The root goes to the image as it would when attached. */
static int load_programs(struct gate *gate, const struct hone_image *image)
{
	struct hone_sandbox *sandbox = &gate->sandbox;
	char *log = gate->result.detail;
	__u32 key = HONE_PROG_IMAGE;
	int err = hone_sandbox_open(gate->unit, &gate->maps, image, sandbox, log);

	if (err)
		return err;
	if (sandbox->image.fd >= 0 &&
	    !hone_load_root(gate->unit, &gate->maps, sandbox->slots_fd, &gate->root, log))
		return bpf_map_update_elem(sandbox->slots_fd, &key, &sandbox->image.fd, BPF_ANY)
			       ? -errno
			       : 0;
	refuse(gate, HONE_CHECK_VERIFIER);
	return 0;
}

/* ---- verdict ---- */

static void judge(struct gate *gate, const struct hone_measure_result *measured)
{
	struct hone_gate_result *result = &gate->result;
	bool is_faster =
		measured->ratio > 1 + measured->noise && measured->ratio > gate->opts->min_ratio;

	result->generic_ns = measured->a_ns;
	result->specialized_ns = measured->b_ns;
	result->ratio = measured->ratio;
	result->ratio_min = measured->ratio_min;
	result->net_ratio = measured->net_ratio;
	result->aa_ratio = measured->aa_ratio;
	result->noise = measured->noise;
	result->pairs = measured->pairs;
	snprintf(result->detail, sizeof(result->detail),
		 "%.1f ns generic, %.1f ns specialized: %.3f; noise %.3f, at least %.3f",
		 measured->a_ns, measured->b_ns, measured->ratio, measured->noise,
		 gate->opts->min_ratio);
	if (!is_faster)
		refuse(gate, HONE_GATE_NOT_FASTER);
}

static int measure(struct gate *gate)
{
	const struct hone_gate_opts *asked = gate->opts;
	struct hone_measure_opts opts = {
		.pairs = asked->pairs ? asked->pairs : HONE_GATE_PAIRS,
		.packets = asked->packets ? asked->packets : HONE_GATE_PACKETS,
		.trace = gate->trace,
		.restores = true,
	};
	struct hone_measure_result measured;
	int err = hone_trace_keys(gate->unit, &gate->maps, gate->opts->seed, gate->trace);

	err = err ?: hone_measure(gate->sandbox.original.fd, gate->root.fd, &opts, &measured);
	if (!err)
		judge(gate, &measured);
	return err;
}

static void gate_free(struct gate *gate)
{
	if (gate->root.fd >= 0)
		close(gate->root.fd);
	hone_sandbox_close(&gate->sandbox);
	hone_maps_close(&gate->maps);
	free(gate);
}

int hone_gate_run(const struct hone_unit *unit, const struct hone_maps *maps,
		  const struct hone_image *image, const struct hone_gate_opts *opts,
		  struct hone_gate_result *out)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int err = 0;

	if (!gate)
		return -ENOMEM;
	gate->unit = opts->chain ? &opts->chain->unit : unit;
	gate->opts = opts;
	gate->sandbox = (struct hone_sandbox)HONE_SANDBOX_EMPTY;
	gate->root.fd = -1;
	look_at_calls(gate);
	if (!gate->result.refused)
		err = clone_maps(gate, opts->chain ? &opts->chain->maps : maps);
	if (!err && !gate->result.refused)
		err = load_programs(gate, image);
	if (!err && !gate->result.refused)
		err = measure(gate);
	if (!err)
		*out = gate->result;
	gate_free(gate);
	return err;
}
