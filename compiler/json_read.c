// SPDX-License-Identifier: Apache-2.0
/* json_read: facts out of a JSON document of unknown origin. Each refusal names the path and the
 * cause, such as `maps[2].entries[5][0]: not hexadecimal`. It knows no field of facts. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/json.h"

static void append(char *text, size_t *used, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *text, size_t *used, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + *used, HONE_DETAIL_LEN - *used, format, args);
	va_end(args);
	if (n > 0)
		*used += (size_t)n;
	if (*used >= HONE_DETAIL_LEN)
		*used = HONE_DETAIL_LEN - 1;
}

static void append_path(const struct json_place *at, char *text, size_t *used)
{
	if (!at->parent)
		return;
	append_path(at->parent, text, used);
	if (!at->key)
		append(text, used, "[%zu]", at->index);
	else
		append(text, used, "%s%s", *used ? "." : "", at->key);
}

static void fail_with(const struct json_place *at, int err, const char *cause)
{
	struct json_reading *reading = at->reading;
	size_t used = 0;

	if (reading->failed)
		return;
	reading->failed = err;
	append_path(at, reading->error, &used);
	append(reading->error, &used, "%s%s", used ? ": " : "", cause);
}

void json_fail(const struct json_place *at, const char *cause)
{
	fail_with(at, -EINVAL, cause);
}

json_t *json_begin(const char *text, size_t size, struct json_reading *reading,
		   struct json_place *root)
{
	json_error_t error;
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	*root = (struct json_place){.reading = reading, .json = json};
	if (!json) {
		reading->failed = -EINVAL;
		snprintf(reading->error, HONE_DETAIL_LEN, "line %d, column %d: %s", error.line,
			 error.column, error.text);
	} else if (!json_is_object(json)) {
		json_fail(root, "not an object");
	}
	return json;
}

/* Is there something to read here? */
static bool is_readable(const struct json_place *at)
{
	return !at->reading->failed && at->json;
}

void json_expect_keys(const struct json_place *at, const char *const *keys)
{
	const char *key;
	json_t *value;

	if (!is_readable(at))
		return;
	if (!json_is_object(at->json)) {
		json_fail(at, "not an object");
		return;
	}
	json_object_foreach((json_t *)at->json, key, value)
	{
		const char *const *known = keys;

		while (*known && strcmp(*known, key) != 0)
			known++;
		if (!*known) {
			struct json_place member = {at->reading, at, key, 0, value};

			json_fail(&member, "unknown member");
			return;
		}
	}
}

struct json_place json_optional(const struct json_place *at, const char *key)
{
	struct json_place member = {at->reading, at, key, 0, NULL};

	if (is_readable(at))
		member.json = json_object_get(at->json, key); /* NULL where it is no object */
	return member;
}

struct json_place json_member(const struct json_place *at, const char *key)
{
	struct json_place member = json_optional(at, key);

	if (is_readable(at) && !member.json)
		json_fail(&member, "missing");
	return member;
}

struct json_place json_element(const struct json_place *at, size_t index)
{
	struct json_place element = {at->reading, at, NULL, index, NULL};

	if (is_readable(at))
		element.json = json_array_get(at->json, index);
	return element;
}

uint32_t json_count(const struct json_place *at, uint32_t max)
{
	if (!is_readable(at))
		return 0;
	if (!json_is_array(at->json)) {
		json_fail(at, "not an array");
		return 0;
	}
	if (json_array_size(at->json) > max) {
		json_fail(at, "too many elements");
		return 0;
	}
	return (uint32_t)json_array_size(at->json);
}

void *json_alloc(const struct json_place *at, size_t n, size_t size)
{
	void *memory;

	if (at->reading->failed || n == 0)
		return NULL;
	memory = calloc(n, size);
	if (!memory)
		fail_with(at, -ENOMEM, "out of memory");
	return memory;
}

static json_int_t integer(const struct json_place *at, json_int_t min, json_int_t max)
{
	char cause[80];
	json_int_t value;

	if (!is_readable(at))
		return 0;
	if (!json_is_integer(at->json)) {
		json_fail(at, "not an integer");
		return 0;
	}
	value = json_integer_value(at->json);
	if (value >= min && value <= max)
		return value;
	snprintf(cause, sizeof(cause), "not between %lld and %lld", (long long)min, (long long)max);
	json_fail(at, cause);
	return 0;
}

uint32_t json_u32(const struct json_place *at, uint32_t max)
{
	return (uint32_t)integer(at, 0, max);
}

int32_t json_i32(const struct json_place *at, int32_t min, int32_t max)
{
	return (int32_t)integer(at, min, max);
}

bool json_bool(const struct json_place *at)
{
	if (is_readable(at) && !json_is_boolean(at->json))
		json_fail(at, "neither true nor false");
	return is_readable(at) && json_is_true(at->json);
}

double json_double(const struct json_place *at)
{
	if (is_readable(at) && !json_is_number(at->json))
		json_fail(at, "not a number");
	return is_readable(at) ? json_number_value(at->json) : 0;
}

static const char *text_at(const struct json_place *at)
{
	if (!is_readable(at))
		return NULL;
	if (!json_is_string(at->json)) {
		json_fail(at, "not a text");
		return NULL;
	}
	return json_string_value(at->json);
}

void json_text(const struct json_place *at, char *out, size_t size)
{
	const char *text = text_at(at);

	if (!text)
		return;
	if (strlen(text) >= size)
		json_fail(at, "too long");
	else
		strcpy(out, text);
}

uint32_t json_name(const struct json_place *at, const char *const *names, uint32_t n)
{
	const char *text = text_at(at);

	for (uint32_t i = 0; text && i < n; i++)
		if (names[i] && strcmp(names[i], text) == 0)
			return i;
	if (text)
		json_fail(at, "unknown name");
	return 0;
}

uint32_t json_enum(const struct json_place *at, const char *(*name)(uint32_t), uint32_t n)
{
	const char *text = text_at(at);

	for (uint32_t i = 0; text && i < n; i++)
		if (strcmp(name(i), text) == 0)
			return i;
	if (text)
		json_fail(at, "unknown name");
	return 0;
}

/* ---- hexadecimal ---- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

uint64_t json_u64(const struct json_place *at)
{
	const char *text = text_at(at);
	uint64_t value = 0;
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return 0;
	if (n < 3 || n > 18 || text[0] != '0' || text[1] != 'x') {
		json_fail(at, "not a number as 0x and 1 to 16 digits");
		return 0;
	}
	for (const char *c = text + 2; *c; c++) {
		if (digit(*c) < 0) {
			json_fail(at, "not hexadecimal");
			return 0;
		}
		value = value << 4 | (unsigned int)digit(*c);
	}
	return value;
}

size_t json_bytes_size(const struct json_place *at)
{
	const char *text = text_at(at);

	if (!text)
		return 0;
	if (json_string_length(at->json) % 2 != 0)
		json_fail(at, "an odd number of digits");
	return json_string_length(at->json) / 2;
}

void json_bytes(const struct json_place *at, uint8_t *out, size_t size)
{
	const char *text = text_at(at);

	if (!text)
		return;
	if (json_string_length(at->json) != size * 2) {
		char cause[64];

		snprintf(cause, sizeof(cause), "not %zu bytes", size);
		json_fail(at, cause);
		return;
	}
	for (size_t i = 0; i < size; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			json_fail(at, "not hexadecimal");
			return;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
}

void *json_bytes_new(const struct json_place *at, size_t unit, uint32_t *n)
{
	size_t size = json_bytes_size(at);
	void *bytes;

	*n = 0;
	if (size % unit != 0 || size / unit > UINT32_MAX) {
		json_fail(at, "cut off");
		return NULL;
	}
	bytes = json_alloc(at, size / unit, unit);
	if (!bytes)
		return NULL;
	json_bytes(at, bytes, size);
	*n = (uint32_t)(size / unit);
	return bytes;
}
