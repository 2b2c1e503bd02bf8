// SPDX-License-Identifier: Apache-2.0
/* hone: global options, then a verb. A new verb is a cmd_*.c and a row here. */
#include <string.h>

#include "runtime/cli/command.h"
#include "runtime/common/log.h"

static const struct hone_command *const commands[] = {
	&hone_cmd_doctor,  &hone_cmd_run,      &hone_cmd_attach, &hone_cmd_detach,
	&hone_cmd_level,   &hone_cmd_pause,    &hone_cmd_resume, &hone_cmd_status,
	&hone_cmd_explain, &hone_cmd_snapshot, &hone_cmd_build,	 &hone_cmd_diff,
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void usage(FILE *to)
{
	fprintf(to, "usage: hone [-j|--json] [-s|--socket SOCKET] [--bpffs DIR] [--state DIR] VERB "
		    "[OPTION…] [ARGUMENT…]\n\n");
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(to, "\nhone VERB --help tells more. Exit codes: 0 done, 1 failed, 2 usage, 3 not "
		    "active,\n4 no daemon, 5 verifier refused, 6 mismatch, 7 not faster, 77 not "
		    "possible here.\n");
}

static const char *from_environment(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && value[0] ? value : fallback;
}

static const struct hone_command *find_command(const char *name)
{
	for (int i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* A global option with a value; where it goes, or NULL. */
static const char **global_value(struct hone_cli *cli, const char *option)
{
	if (strcmp(option, "-s") == 0 || strcmp(option, "--socket") == 0)
		return &cli->socket;
	if (strcmp(option, "--bpffs") == 0)
		return &cli->bpffs;
	if (strcmp(option, "--state") == 0)
		return &cli->state;
	return NULL;
}

/* Returns the index of the verb, or -exit code - 1. */
static int parse_globals(struct hone_cli *cli, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char **value = global_value(cli, argv[i]);

		if (strcmp(argv[i], "-j") == 0 || strcmp(argv[i], "--json") == 0) {
			cli->wants_json = true;
		} else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			usage(stdout);
			return -1 - HONE_EXIT_OK;
		} else if (value && i + 1 < argc) {
			*value = argv[++i];
		} else {
			hone_fail(cli, HONE_EXIT_USAGE, "%s: %s; usage: hone --help", argv[i],
				  value ? "needs a value" : "unknown option");
			return -1 - HONE_EXIT_USAGE;
		}
	}
	return i;
}

int main(int argc, char **argv)
{
	struct hone_cli cli = {
		.socket = from_environment("HONE_SOCKET", HONE_SOCKET_DEFAULT),
		.bpffs = from_environment("HONE_BPFFS", HONE_BPFFS_DEFAULT),
		.state = from_environment("HONE_STATE", HONE_STATE_DEFAULT),
	};
	_Alignas(max_align_t) char options[HONE_OPTIONS_BYTES_MAX];
	int verb = parse_globals(&cli, argc, argv), code;

	hone_log_libbpf();
	if (verb < 0)
		return -1 - verb;
	if (verb == argc) {
		usage(stderr);
		return HONE_EXIT_USAGE;
	}
	cli.command = find_command(argv[verb]);
	if (!cli.command)
		return (int)hone_fail(&cli, HONE_EXIT_USAGE,
				      "%.40s: unknown verb; usage: hone --help", argv[verb]);

	memcpy(options, cli.command->defaults, cli.command->size);
	code = hone_options_parse(&cli, argc - verb - 1, argv + verb + 1, options);
	return code >= 0 ? code : (int)cli.command->run(&cli, options);
}
