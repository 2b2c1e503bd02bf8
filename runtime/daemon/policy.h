/* SPDX-License-Identifier: Apache-2.0 */
/* policy: what an operator's file allows, and what it takes on by itself.
 *
 * profiles/policy.schema.json describes the file, profiles/default.json is one. A missing
 * setting has the default; an unknown one is an error, since a typing error would otherwise be a
 * setting that silently does nothing. */
#ifndef HONE_POLICY_H
#define HONE_POLICY_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler/facts.h"
#include "runtime/live/discover.h"

enum hone_on_exit { HONE_EXIT_RESTORE, HONE_EXIT_KEEP };

/* A program that is taken on without a command. Empty fields match anything. */
struct hone_policy_program {
	char name[HONE_NAME_LEN];	/* with * and ? */
	char tag[2 * BPF_TAG_SIZE + 1]; /* hex */
	char interface[IF_NAMESIZE];	/* with * and ? */
	unsigned int level;
};

struct hone_settings {
	uint32_t quiet_ms;	  /* without a change, before facts are read anew */
	uint32_t compile_gap_ms;  /* between two compiles of one unit */
	uint32_t max_table_bytes; /* see hone_policy */
	uint32_t max_entries;
	uint32_t max_insns;
	uint32_t max_verified;	   /* instructions that the verifier walks of an image */
	double max_verified_ratio; /* the same, over those of the original */
	bool count_packets;
	enum hone_on_exit on_exit;
	uint32_t check_packets; /* of the differential run */
	uint32_t gate_pairs;	/* of the measurement; 0: no gate */
	uint32_t gate_packets;	/* per program and pair */
	double gate_min_ratio;	/* generic / specialized that an image must reach */
	uint32_t n_never_fold;
	char (*never_fold)[HONE_NAME_LEN];
	uint32_t n_programs;
	struct hone_policy_program *programs;
};

/* hone_settings_default() - what applies without a file: nothing is taken on by itself. */
void hone_settings_default(struct hone_settings *out);

/* hone_settings_parse() - the text of a policy file.
 * error: HONE_DETAIL_LEN bytes; JSON path and cause.
 * Returns 0, or -EINVAL with the output untouched. The caller frees with hone_settings_free(). */
int hone_settings_parse(const char *text, size_t size, struct hone_settings *out, char *error);
int hone_settings_load(const char *path, struct hone_settings *out, char *error);
void hone_settings_free(struct hone_settings *settings);

/* hone_settings_match() - the row that takes this program on; NULL: none.
 * ifname: NULL while it is not attached yet; then rows that name an interface match as well. */
const struct hone_policy_program *hone_settings_match(const struct hone_settings *settings,
						      const struct hone_unit *unit,
						      const char *ifname);

#endif
