// SPDX-License-Identifier: Apache-2.0
/* diff_report: what came out of a differential run, for people and as JSON. */
#include "runtime/cli/diff.h"
#include "runtime/deploy/packet_text.h"

static json_t *verdicts_json(const struct hone_check_result *result)
{
	json_t *json = json_array();

	for (uint32_t i = 0; i < HONE_CHECK_VERDICTS && result->verdicts[i].n_packets; i++)
		json_array_append_new(
			json, json_pack("{s:I,s:I}", "verdict",
					(json_int_t)(int32_t)result->verdicts[i].verdict, "packets",
					(json_int_t)result->verdicts[i].n_packets));
	return json;
}

/* Instructions at which blocks begin that no packet reached. */
static json_t *missed_json(const struct hone_diff_report *report)
{
	json_t *json = json_array();

	for (uint32_t i = 0; report->cover && i < report->cover->n_blocks; i++)
		if (!report->reached[i])
			json_array_append_new(
				json, json_integer((json_int_t)report->cover->block_insns[i]));
	return json;
}

/* Maps of A without a counterpart in B. */
static json_t *unpaired_json(const struct hone_diff_report *report)
{
	const struct hone_unit *a = &report->a->unit;
	json_t *json = json_array();

	for (uint32_t i = 0; i < a->n_maps; i++)
		if (!a->maps[i].is_frozen && hone_check_pair_map(&a->maps[i], &report->b->unit) < 0)
			json_array_append_new(json, json_string(a->maps[i].name));
	return json;
}

static json_t *report_json(const struct hone_diff_report *report, const char *minimal)
{
	const struct hone_check_result *result = report->result;
	json_t *json = json_pack(
		"{s:b, s:s, s:s, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:s, s:o}}", "equal",
		result->refused == HONE_REWRITTEN, "reason",
		result->refused ? hone_reason_id(result->refused) : "", "detail", result->detail,
		"seed", (json_int_t)report->seed, "packets", (json_int_t)result->n_packets,
		"not_taken", (json_int_t)result->n_refused, "verdicts", verdicts_json(result),
		"not_compared", "packets_or_batches", (json_int_t)result->n_varying, "unexplained",
		(json_int_t)result->n_unexplained, "maps", result->excluded, "only_in_a",
		unpaired_json(report));

	if (minimal[0])
		json_object_set_new(json, "minimal",
				    json_pack("{s:s,s:I,s:b}", "replay", minimal, "packets",
					      (json_int_t)report->minimal->n, "is_replayed",
					      report->is_replayed));
	if (report->cover)
		json_object_set_new(json, "blocks",
				    json_pack("{s:I,s:I,s:o}", "total",
					      (json_int_t)result->n_blocks, "reached",
					      (json_int_t)result->n_reached, "missed_insns",
					      missed_json(report)));
	else
		json_object_set_new(json, "no_blocks", json_string(report->no_cover));
	return json;
}

static void say_blocks(const struct hone_cli *cli, const struct hone_diff_report *report)
{
	const struct hone_check_result *result = report->result;
	_cleanup_json_ json_t *missed = missed_json(report);
	const json_t *insn;
	size_t i;

	if (!report->cover || result->n_blocks == 0) {
		hone_say(cli, "  blocks        not counted: %s\n",
			 report->cover ? "the verifier refuses marks in it" : report->no_cover);
		return;
	}
	hone_say(cli, "  blocks of A   %u of %u reached (%.1f %%)\n", result->n_reached,
		 result->n_blocks, 100.0 * result->n_reached / result->n_blocks);
	if (json_array_size(missed) > 0)
		hone_say(cli, "  not reached   instructions");
	json_array_foreach(missed, i, insn)
		hone_say(cli, " %lld", (long long)json_integer_value(insn));
	if (json_array_size(missed) > 0)
		hone_say(cli, "\n");
}

static void say_not_compared(const struct hone_cli *cli, const struct hone_diff_report *report)
{
	const struct hone_check_result *result = report->result;
	_cleanup_json_ json_t *unpaired = unpaired_json(report);
	const json_t *name;
	size_t i;

	if (result->n_varying)
		hone_say(cli,
			 "  not compared  something of %u packets or batches, where A differs from "
			 "itself%s\n",
			 result->n_varying,
			 result->n_unexplained ? " or that were not seen again" : "");
	if (result->excluded[0])
		hone_say(cli, "  not compared  %s\n", result->excluded);
	json_array_foreach(unpaired, i, name) hone_say(
		cli, "  not compared  map %s: B has none like it\n", json_string_value(name));
}

static const char *outcome_text(enum hone_reason refused)
{
	if (refused == HONE_CHECK_MISMATCH)
		return "they differ";
	return refused ? hone_reason_text(refused) : "equal";
}

static void say_text(const struct hone_cli *cli, const struct hone_diff_report *report,
		     const char *minimal)
{
	const struct hone_check_result *result = report->result;

	hone_say(cli, "%s, %s: %s%s%s\n", report->a->text, report->b->text,
		 outcome_text(result->refused), result->detail[0] ? ": " : "", result->detail);
	hone_say(cli, "  packets       %u, seed %u", result->n_packets, report->seed);
	if (result->n_refused)
		hone_say(cli, "; %u more that the kernel does not take", result->n_refused);
	hone_say(cli, "\n  verdicts     ");
	for (uint32_t i = 0; i < HONE_CHECK_VERDICTS && result->verdicts[i].n_packets; i++)
		hone_say(cli, " %d: %u%s", (int32_t)result->verdicts[i].verdict,
			 result->verdicts[i].n_packets,
			 i + 1 < HONE_CHECK_VERDICTS && result->verdicts[i + 1].n_packets ? ","
											  : "");
	hone_say(cli, "\n");
	say_not_compared(cli, report);
	say_blocks(cli, report);
	if (minimal[0])
		hone_say(cli, "  minimal       packets: %u%s\n  --replay %s\n", report->minimal->n,
			 report->is_replayed ? ""
					     : ", after earlier ones: alone they do not show it",
			 minimal);
}

static enum hone_exit exit_of(enum hone_reason refused)
{
	switch (refused) {
	case HONE_REWRITTEN:
		return HONE_EXIT_OK;
	case HONE_CHECK_MISMATCH:
		return HONE_EXIT_MISMATCH;
	case HONE_CHECK_VERIFIER:
		return HONE_EXIT_VERIFIER;
	default:
		return HONE_EXIT_IMPOSSIBLE;
	}
}

enum hone_exit hone_diff_say(const struct hone_cli *cli, const struct hone_diff_report *report)
{
	_cleanup_free_ char *minimal = NULL;
	_cleanup_json_ json_t *json = NULL;

	if (hone_packets_text(report->minimal, &minimal))
		return hone_fail(cli, HONE_EXIT_FAILED, "out of memory");
	json = report_json(report, minimal);
	hone_show(cli, json);
	say_text(cli, report, minimal);
	return exit_of(report->result->refused);
}
