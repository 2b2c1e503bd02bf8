/* SPDX-License-Identifier: Apache-2.0 */
/* command: a verb is a struct, a table of options and one function.
 *
 * The table parses the arguments and writes the help. A verb's options live in a struct of its
 * own; each row names a member. */
#ifndef HONE_COMMAND_H
#define HONE_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/common/cleanup.h"
#include "runtime/daemon/protocol.h"

enum { HONE_LEVEL_UNSET = 99, HONE_OPTIONS_BYTES_MAX = 256 };

/* What a verb is called with. */
struct hone_cli {
	bool wants_json;
	const char *socket;
	const char *bpffs;
	const char *state;
	const struct hone_command *command;
};

enum hone_option_kind {
	HONE_OPTION_TEXT,  /* const char * */
	HONE_OPTION_UINT,  /* unsigned int */
	HONE_OPTION_LEVEL, /* unsigned int, 0 to 3 */
	HONE_OPTION_REST,  /* char *const *: all that is left, at least one */
};

struct hone_option {
	enum hone_option_kind kind;
	size_t offset;
	const char *name;  /* "level": --level; NULL: positional */
	char short_name;   /* 'o': -o; 0: none */
	const char *value; /* how help calls it */
	const char *help;
	bool is_required;
};

#define HONE_ROW(type, member, kind_, name_, value_, help_, required_)                             \
	{.kind = HONE_OPTION_##kind_,                                                              \
	 .offset = offsetof(struct type, member),                                                  \
	 .name = (name_),                                                                          \
	 .value = (value_),                                                                        \
	 .help = (help_),                                                                          \
	 .is_required = (required_)}
/* A positional argument; one that may be left out; an option with a value. */
#define ARG(type, member, kind, value, help) HONE_ROW(type, member, kind, NULL, value, help, true)
#define ARG_OPT(type, member, kind, value, help)                                                   \
	HONE_ROW(type, member, kind, NULL, value, help, false)
/* An option that must be given, with a short name as well. */
#define REQ(type, member, kind_, short_, name_, value_, help_)                                     \
	{.kind = HONE_OPTION_##kind_,                                                              \
	 .offset = offsetof(struct type, member),                                                  \
	 .name = (name_),                                                                          \
	 .short_name = (short_),                                                                   \
	 .value = (value_),                                                                        \
	 .help = (help_),                                                                          \
	 .is_required = true}
#define OPT(type, member, kind, name, value, help)                                                 \
	HONE_ROW(type, member, kind, name, value, help, false)

struct hone_command {
	const char *name;
	const char *summary;
	const struct hone_option *options; /* ends with an all-zero row */
	const void *defaults;
	size_t size; /* of the options' struct */
	enum hone_exit (*run)(struct hone_cli *cli, const void *options);
};

/* ---- hone.c ---- */

extern const struct hone_command hone_cmd_doctor, hone_cmd_run, hone_cmd_attach, hone_cmd_detach,
	hone_cmd_level, hone_cmd_pause, hone_cmd_resume, hone_cmd_status, hone_cmd_explain,
	hone_cmd_snapshot, hone_cmd_build, hone_cmd_diff;

/* ---- options.c ---- */

/* hone_options_parse() - argv after the verb into out (command->size bytes, already defaults).
 * Returns -1 to go on, else the exit code (help was printed, or the mistake). */
int hone_options_parse(struct hone_cli *cli, int argc, char **argv, void *out);
void hone_options_help(const struct hone_command *command);

/* ---- say.c ---- */

/* Text for people on stdout; nothing with -j. */
__attribute__((format(printf, 2, 3))) void hone_say(const struct hone_cli *cli, const char *format,
						    ...);
/* With -j: the document on stdout. */
void hone_show(const struct hone_cli *cli, const json_t *json);
/* Message on stderr, with -j the same as JSON on stdout; returns code. */
__attribute__((format(printf, 3, 4))) enum hone_exit
hone_fail(const struct hone_cli *cli, enum hone_exit code, const char *format, ...);
/* The same with a row of reasons.def. */
__attribute__((format(printf, 4, 5))) enum hone_exit hone_fail_reason(const struct hone_cli *cli,
								      enum hone_exit code,
								      enum hone_reason reason,
								      const char *format, ...);
/* The same for an error reply of the daemon. */
enum hone_exit hone_fail_reply(const struct hone_cli *cli, const json_t *error);
/* One unit of `status -j` for people. */
void hone_say_unit(const struct hone_cli *cli, const json_t *unit);

/* ---- call.c ---- */

/* hone_call() - ask the daemon; our network namespace goes along. Takes over request.
 *
 * Returns HONE_EXIT_OK with *reply, HONE_EXIT_NO_DAEMON (nothing said yet: an offline verb may go
 * on), or another code, said. */
enum hone_exit hone_call(const struct hone_cli *cli, json_t *request, json_t **reply);
enum hone_exit hone_no_daemon(const struct hone_cli *cli);

/* hone_wait() - until the unit's outcome is known, or wait_ms passed; progress on stderr.
 * unit: the reply's; replaced. Returns what the outcome becomes: OK, or why it was refused. */
enum hone_exit hone_wait(const struct hone_cli *cli, const char *target, unsigned int wait_ms,
			 json_t **unit);

/* ---- honec.c: the compiler, without a daemon ---- */

struct hone_build_options {
	const char *input, *output; /* output NULL: only tell */
	const char *facts, *program;
	unsigned int level;
	char *const *clang_args; /* NULL: none */
};

/* hone_build() - have honec compile an object or C source, say what was done, and replace the
 * output with the result, whole or not at all. */
enum hone_exit hone_build(const struct hone_cli *cli, const struct hone_build_options *options);
/* One site of a report for people. */
void hone_say_site(const struct hone_cli *cli, const json_t *site);

/* ---- offline.c: on the pins alone, while no daemon runs ---- */

enum hone_offline { HONE_OFFLINE_LEVEL_0, HONE_OFFLINE_PAUSE, HONE_OFFLINE_DETACH };

enum hone_exit hone_offline(const struct hone_cli *cli, const char *target, enum hone_offline what);

#endif
