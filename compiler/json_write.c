// SPDX-License-Identifier: Apache-2.0
/* json_write: facts as JSON text. Equal facts give equal bytes: members keep the order in which
 * they were written. It knows no field of facts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/json.h"

json_t *json_from_bytes(const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *byte = bytes;
	char *text;
	json_t *json;

	text = malloc(2 * size + 1);
	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[byte[i] >> 4];
		text[2 * i + 1] = digits[byte[i] & 15];
	}
	json = json_stringn_nocheck(text, 2 * size);
	free(text);
	return json;
}

json_t *json_from_u64(uint64_t value)
{
	return json_sprintf("0x%llx", (unsigned long long)value);
}

json_t *json_from_text(const char *text, size_t size)
{
	return json_stringn(text, strnlen(text, size));
}

json_t *json_from_detail(const char *text, size_t size)
{
	char *ascii = strndup(text, size);
	json_t *json = NULL;

	if (!ascii)
		return NULL;
	for (char *c = ascii; *c; c++)
		if (*c & 0x80)
			*c = '?';
	json = json_string(ascii);
	free(ascii);
	return json;
}

int json_finish(json_t *json, char **text)
{
	char *dump;

	if (!json)
		return -EINVAL;
	dump = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!dump)
		return -ENOMEM;
	*text = dump;
	return 0;
}
