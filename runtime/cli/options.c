// SPDX-License-Identifier: Apache-2.0
/* options: a verb's table against its arguments. */
#include <errno.h>
#include <string.h>

#include "runtime/cli/command.h"

void hone_options_help(const struct hone_command *command)
{
	const struct hone_option *option;

	printf("usage: hone [-j] [-s SOCKET] %s", command->name);
	for (option = command->options; option->value; option++) {
		if (option->name && option->is_required)
			printf(" -%c %s", option->short_name, option->value);
		else if (option->name)
			printf(" [--%s %s]", option->name, option->value);
		else if (option->kind == HONE_OPTION_REST)
			printf(" -- %s…", option->value);
		else
			printf(option->is_required ? " %s" : " [%s]", option->value);
	}
	printf("\n%s\n\n", command->summary);
	for (option = command->options; option->value; option++)
		printf("  %s%-*s %s\n", option->name ? "--" : "", option->name ? 14 : 16,
		       option->name ? option->name : option->value, option->help);
	printf("  --%-14s %s\n", "help", "this text");
}

static int complain(const struct hone_cli *cli, const char *what, const char *about)
{
	return (int)hone_fail(cli, HONE_EXIT_USAGE, "%s: %s: %s; usage: hone %s --help",
			      cli->command->name, about, what, cli->command->name);
}

/* 0, or -EINVAL */
static int parse_number(const char *text, unsigned int max, unsigned int *out)
{
	unsigned long number;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || number > max)
		return -EINVAL;
	*out = (unsigned int)number;
	return 0;
}

static int set(struct hone_cli *cli, const struct hone_option *option, char *text, void *out)
{
	char *at = (char *)out + option->offset;

	switch (option->kind) {
	case HONE_OPTION_TEXT:
		*(const char **)at = text;
		return -1;
	case HONE_OPTION_UINT:
		if (!parse_number(text, 86400000, (unsigned int *)at))
			return -1;
		return complain(cli, "must be a number", option->name);
	case HONE_OPTION_LEVEL:
		if (!parse_number(text, 3, (unsigned int *)at))
			return -1;
		return complain(cli, "level must be from 0 to 3", text);
	case HONE_OPTION_REST:
		break;
	}
	return complain(cli, "unexpected", text);
}

static const struct hone_option *find_option(const struct hone_command *command, const char *name,
					     size_t size)
{
	const struct hone_option *option;

	for (option = command->options; option->value; option++)
		if (option->name && strlen(option->name) == size &&
		    strncmp(option->name, name, size) == 0)
			return option;
	return NULL;
}

static const struct hone_option *find_short(const struct hone_command *command, const char *text)
{
	const struct hone_option *option = command->options;

	while (option->value && (!option->short_name || option->short_name != text[1]))
		option++;
	return option->value && text[1] && !text[2] ? option : NULL;
}

/* -o VALUE */
static int take_short(struct hone_cli *cli, int argc, char **argv, int *i, void *out)
{
	const struct hone_option *option = find_short(cli->command, argv[*i]);

	if (!option)
		return complain(cli, "unknown option", argv[*i]);
	if (*i + 1 >= argc)
		return complain(cli, "needs a value", argv[*i]);
	return set(cli, option, argv[++*i], out);
}

/* --name VALUE or --name=VALUE; *i moves past what was used. */
static int take_option(struct hone_cli *cli, int argc, char **argv, int *i, void *out)
{
	const char *name = argv[*i] + 2;
	size_t size = strcspn(name, "=");
	const struct hone_option *option = find_option(cli->command, name, size);

	if (strcmp(argv[*i], "--help") == 0) {
		hone_options_help(cli->command);
		return HONE_EXIT_OK;
	}
	if (strcmp(argv[*i], "--json") == 0) {
		cli->wants_json = true;
		return -1;
	}
	if (!option)
		return complain(cli, "unknown option", argv[*i]);
	if (name[size] == '=')
		return set(cli, option, argv[*i] + 2 + size + 1, out);
	if (*i + 1 >= argc)
		return complain(cli, "needs a value", argv[*i]);
	return set(cli, option, argv[++*i], out);
}

static const struct hone_option *next_positional(const struct hone_option *option)
{
	while (option->value && option->name)
		option++;
	return option;
}

/* Options that are required are texts. */
static int complain_of_missing(const struct hone_cli *cli, const void *out)
{
	for (const struct hone_option *option = cli->command->options; option->value; option++)
		if (option->name && option->is_required &&
		    !*(const char *const *)((const char *)out + option->offset))
			return complain(cli, "is missing", option->name);
	return -1;
}

int hone_options_parse(struct hone_cli *cli, int argc, char **argv, void *out)
{
	const struct hone_option *positional = next_positional(cli->command->options);

	for (int i = 0; i < argc; i++) {
		bool is_rest = positional->value && positional->kind == HONE_OPTION_REST;
		int code;

		if (is_rest && (argv[i][0] != '-' || strcmp(argv[i], "--") == 0)) {
			i += strcmp(argv[i], "--") == 0;
			if (i >= argc)
				break;
			*(char *const **)((char *)out + positional->offset) = argv + i;
			return -1;
		}
		if (strcmp(argv[i], "-j") == 0) {
			cli->wants_json = true;
			continue;
		}
		if (strncmp(argv[i], "--", 2) == 0) {
			code = take_option(cli, argc, argv, &i, out);
		} else if (argv[i][0] == '-') {
			code = take_short(cli, argc, argv, &i, out);
		} else if (!positional->value) {
			code = complain(cli, "unexpected", argv[i]);
		} else {
			code = set(cli, positional, argv[i], out);
			positional = next_positional(positional + 1);
		}
		if (code >= 0)
			return code;
	}
	if (positional->value && positional->is_required)
		return complain(cli, "is missing", positional->value);
	return complain_of_missing(cli, out);
}
