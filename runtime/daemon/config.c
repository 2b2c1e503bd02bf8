// SPDX-License-Identifier: Apache-2.0
/* config: honed's command line. What an operator may change while it runs is in the policy. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/daemon/daemon.h"
#include "runtime/daemon/protocol.h"

static const struct row {
	const char *name;
	const char *value;
	const char *help;
} rows[] = {
	{"socket", "PATH", "listen there (" HONE_SOCKET_DEFAULT ")"},
	{"bpffs", "DIR", "pin everything below DIR (" HONE_BPFFS_DEFAULT ")"},
	{"state", "DIR", "operator's choices, captured programs (" HONE_STATE_DEFAULT ")"},
	{"policy", "FILE", "policy; read again on SIGHUP"},
	{"honec", "PATH", "the compiler worker (beside honed, or in ../libexec/hone)"},
	{"ready-fd", "N", "write a line to this descriptor when requests are answered"},
	{"help", NULL, "this text"},
};

enum { SOCKET, BPFFS, STATE, POLICY, HONEC, READY_FD, HELP, N_OPTIONS };
_Static_assert(sizeof(rows) / sizeof(rows[0]) == N_OPTIONS, "an option without a row");

static void usage(FILE *to)
{
	fprintf(to, "usage: honed [OPTION…]\nruns in the foreground, logs to stderr\n");
	for (int i = 0; i < N_OPTIONS; i++)
		fprintf(to, "  --%s %-*s %s\n", rows[i].name, 14 - (int)strlen(rows[i].name),
			rows[i].value ? rows[i].value : "", rows[i].help);
}

static int set(struct hone_config *config, int option, const char *value)
{
	char *end;

	switch (option) {
	case SOCKET:
		config->socket = value;
		return 0;
	case BPFFS:
		config->bpffs = value;
		return 0;
	case STATE:
		config->state = value;
		return 0;
	case POLICY:
		config->policy = value;
		return 0;
	case HONEC:
		config->honec = value;
		return 0;
	case READY_FD:
		config->ready_fd = (int)strtol(value, &end, 10);
		return *end == '\0' && config->ready_fd >= 0 ? 0 : -1;
	default:
		return -1;
	}
}

int hone_config_parse(int argc, char **argv, struct hone_config *out)
{
	struct option options[N_OPTIONS + 1] = {0};
	int index = 0, c;

	*out = (struct hone_config){
		.socket = HONE_SOCKET_DEFAULT,
		.bpffs = HONE_BPFFS_DEFAULT,
		.state = HONE_STATE_DEFAULT,
		.ready_fd = -1,
	};
	for (int i = 0; i < N_OPTIONS; i++)
		options[i] =
			(struct option){.name = rows[i].name, .has_arg = rows[i].value != NULL};

	while ((c = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (c == 0 && index == HELP) {
			usage(stdout);
			return HONE_EXIT_OK;
		}
		if (c != 0 || set(out, index, optarg)) {
			usage(stderr);
			return HONE_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "honed: %s: unexpected\n", argv[optind]);
		usage(stderr);
		return HONE_EXIT_USAGE;
	}
	if (!out->honec)
		out->honec = hone_worker_path();
	return -1;
}
