// SPDX-License-Identifier: Apache-2.0
/* say: results and errors, for people or as JSON. stdout is one or the other, never both. */
#include <stdarg.h>
#include <string.h>

#include "runtime/cli/command.h"

void hone_say(const struct hone_cli *cli, const char *format, ...)
{
	va_list args;

	if (cli->wants_json)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

void hone_show(const struct hone_cli *cli, const json_t *json)
{
	if (!cli->wants_json)
		return;
	json_dumpf(json, stdout, JSON_INDENT(1));
	putchar('\n');
}

enum hone_exit hone_fail_reply(const struct hone_cli *cli, const json_t *reply)
{
	const json_t *error = json_object_get(reply, "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	fprintf(stderr, "hone: %s\n", message ? message : "the daemon's answer has no message");
	hone_show(cli, reply);
	return (enum hone_exit)json_integer_value(json_object_get(error, "exit"));
}

static enum hone_exit fail_with(const struct hone_cli *cli, enum hone_exit code,
				enum hone_reason reason, const char *format, va_list args)
{
	_cleanup_json_ json_t *reply = NULL;
	char message[500];

	vsnprintf(message, sizeof(message), format, args);
	reply = hone_error(code, reason, "%s", message);
	hone_fail_reply(cli, reply);
	return code;
}

enum hone_exit hone_fail(const struct hone_cli *cli, enum hone_exit code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	code = fail_with(cli, code, HONE_REWRITTEN, format, args);
	va_end(args);
	return code;
}

enum hone_exit hone_fail_reason(const struct hone_cli *cli, enum hone_exit code,
				enum hone_reason reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	code = fail_with(cli, code, reason, format, args);
	va_end(args);
	return code;
}

/* ---- a unit for people ---- */

static const char *text_of(const json_t *unit, const char *key)
{
	const char *text = json_string_value(json_object_get(unit, key));

	return text ? text : "";
}

static long long number_of(const json_t *unit, const char *object, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(unit, object), key));
}

static double real_of(const json_t *unit, const char *object, const char *key)
{
	return json_number_value(json_object_get(json_object_get(unit, object), key));
}

static void say_program(const struct hone_cli *cli, const json_t *unit, const char *which)
{
	hone_say(cli, "id %lld, %lld instructions (%lld verified)", number_of(unit, which, "id"),
		 number_of(unit, which, "insns"), number_of(unit, which, "verified"));
}

static void say_programs(const struct hone_cli *cli, const json_t *unit)
{
	hone_say(cli, "  original     %s, ", text_of(unit, "program"));
	say_program(cli, unit, "original");
	hone_say(cli, "\n");
	if (!json_is_object(json_object_get(unit, "specialized")))
		return;
	hone_say(cli, "  specialized  ");
	say_program(cli, unit, "specialized");
	hone_say(cli, ", generation %lld\n",
		 json_integer_value(json_object_get(unit, "generation")));
}

static void say_guard(const struct hone_cli *cli, const json_t *unit)
{
	const json_t *guard = json_object_get(unit, "guard");

	if (json_is_object(guard))
		hone_say(cli, "  guard        %s (begin %lld, end %lld, expected %lld)\n",
			 json_is_true(json_object_get(guard, "valid")) ? "valid" : "broken",
			 number_of(unit, "guard", "begin"), number_of(unit, "guard", "end"),
			 number_of(unit, "guard", "expected"));
}

static void say_gain(const struct hone_cli *cli, const json_t *unit)
{
	if (json_is_object(json_object_get(unit, "gain")))
		hone_say(cli,
			 "  gain         %.1f -> %.1f ns per packet, ratio %.2f (%lld pairs)\n",
			 real_of(unit, "gain", "generic_ns"),
			 real_of(unit, "gain", "specialized_ns"), real_of(unit, "gain", "ratio"),
			 number_of(unit, "gain", "pairs"));
	if (json_is_object(json_object_get(unit, "counts")))
		hone_say(
			cli,
			"  packets      %lld by the image (if the policy counts), %lld passed on\n",
			number_of(unit, "counts", "image"), number_of(unit, "counts", "fallback"));
}

void hone_say_unit(const struct hone_cli *cli, const json_t *unit)
{
	const char *reason = text_of(unit, "reason");

	hone_say(cli, "%s: %s, level %lld, %s\n", text_of(unit, "target"), text_of(unit, "state"),
		 (long long)json_integer_value(json_object_get(unit, "level")),
		 text_of(unit, "attach"));
	if (reason[0]) {
		hone_say(cli, "  reason       %s: %s%s%s\n", reason, text_of(unit, "message"),
			 text_of(unit, "detail")[0] ? ": " : "", text_of(unit, "detail"));
		if (text_of(unit, "advice")[0])
			hone_say(cli, "  advice       %s\n", text_of(unit, "advice"));
	}
	if (text_of(unit, "note")[0])
		hone_say(cli, "  note         %s\n", text_of(unit, "note"));
	say_programs(cli, unit);
	say_guard(cli, unit);
	say_gain(cli, unit);
}
