// SPDX-License-Identifier: Apache-2.0
/* target_name: how people and files name the points at which programs are attached. Asks the
 * kernel nothing.
 *
 * An interface's name holds neither colon nor slash (net/core/dev.c dev_valid_name()). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/live/discover.h"

/* Before and behind the interface's name. */
static const struct {
	const char *prefix, *side;
} texts[] = {
	[HONE_HOOK_XDP] = {"", ""},
	[HONE_HOOK_TC_INGRESS] = {"tc", "ingress"},
	[HONE_HOOK_TC_EGRESS] = {"tc", "egress"},
	[HONE_HOOK_TCX_INGRESS] = {"tcx", "ingress"},
	[HONE_HOOK_TCX_EGRESS] = {"tcx", "egress"},
};
_Static_assert(sizeof(texts) / sizeof(texts[0]) == HONE_HOOK_N, "a new hook needs a name");

bool hone_hook_is_tcx(enum hone_hook hook)
{
	return hook == HONE_HOOK_TCX_INGRESS || hook == HONE_HOOK_TCX_EGRESS;
}

/* ---- TARGET ---- */

enum { FIELDS_MAX = 5 };

/* "a:b:c" in place to fields; 0: too many. */
static int split(char *text, char *fields[FIELDS_MAX])
{
	int n = 0;

	for (char *field; (field = strsep(&text, ":"));) {
		if (n == FIELDS_MAX)
			return 0;
		fields[n++] = field;
	}
	return n;
}

static int find_hook(const char *prefix, const char *side, enum hone_hook *out)
{
	for (int i = HONE_HOOK_XDP + 1; i < HONE_HOOK_N; i++)
		if (!strcmp(texts[i].prefix, prefix) && !strcmp(texts[i].side, side)) {
			*out = (enum hone_hook)i;
			return 0;
		}
	return -EINVAL;
}

/* Decimal or 0x…, as tc shows handles; not 0. */
static int parse_number(const char *text, uint64_t max, uint32_t *out)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || number == 0 || number > max)
		return -EINVAL;
	*out = (uint32_t)number;
	return 0;
}

/* Which one at the hook: nothing, priority and handle of a filter, or a program of tcx. */
static int parse_place(char *const fields[], int n, struct hone_target_text *out)
{
	if (n == 0)
		return 0;
	if (hone_hook_is_tcx(out->hook))
		return n == 1 ? parse_number(fields[0], UINT32_MAX, &out->handle) : -EINVAL;
	if (n != 2 || parse_number(fields[0], UINT16_MAX, &out->priority))
		return -EINVAL;
	return parse_number(fields[1], UINT32_MAX, &out->handle);
}

int hone_target_parse(const char *text, struct hone_target_text *out)
{
	struct hone_target_text parsed = {.hook = HONE_HOOK_XDP};
	char copy[HONE_TARGET_NAME], *fields[FIELDS_MAX];
	const char *ifname;
	int n, err = 0;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	n = split(copy, fields);
	if (n != 1 && n < 3)
		return -EINVAL;
	ifname = fields[n == 1 ? 0 : 1];
	if (*ifname == '\0' || strlen(ifname) >= sizeof(parsed.ifname))
		return -EINVAL;
	strcpy(parsed.ifname, ifname);
	if (n > 1)
		err = find_hook(fields[0], fields[2], &parsed.hook);
	if (!err && n > 3)
		err = parse_place(fields + 3, n - 3, &parsed);
	if (!err)
		*out = parsed;
	return err;
}

bool hone_target_matches(const struct hone_target *target, const struct hone_target_text *text)
{
	return target->hook == text->hook && strcmp(target->ifname, text->ifname) == 0 &&
	       (!text->priority || target->priority == text->priority) &&
	       (!text->handle || target->handle == text->handle);
}

void hone_target_set_name(struct hone_target *target)
{
	const char *prefix = texts[target->hook].prefix, *side = texts[target->hook].side;
	char *out = target->name;

	if (target->hook == HONE_HOOK_XDP)
		snprintf(out, HONE_TARGET_NAME, "%s", target->ifname);
	else if (hone_hook_is_tcx(target->hook))
		snprintf(out, HONE_TARGET_NAME, "%s:%s:%s:%u", prefix, target->ifname, side,
			 target->handle);
	else
		snprintf(out, HONE_TARGET_NAME, "%s:%s:%s:%u:%u", prefix, target->ifname, side,
			 target->priority, target->handle);
}

/* ---- points ---- */

bool hone_target_is_same_point(const struct hone_target *a, const struct hone_target *b)
{
	return a->ifindex == b->ifindex && a->netns == b->netns && a->hook == b->hook &&
	       a->priority == b->priority && a->handle == b->handle;
}

void hone_target_unit_name(const struct hone_target *target, char out[HONE_UNIT_NAME])
{
	int at = snprintf(out, HONE_UNIT_NAME, "%u-%llu", target->ifindex,
			  (unsigned long long)target->netns);

	if (target->hook != HONE_HOOK_XDP)
		snprintf(out + at, HONE_UNIT_NAME - (size_t)at, "-%s-%s-%u-%u",
			 texts[target->hook].prefix, texts[target->hook].side, target->priority,
			 target->handle);
}

int hone_target_from_unit_name(const char *name, struct hone_target *out)
{
	struct hone_target target = {.hook = HONE_HOOK_XDP};
	char prefix[8], side[16], again[HONE_UNIT_NAME];
	unsigned long long netns;
	int n = sscanf(name, "%u-%llu-%7[^-]-%15[^-]-%u-%u", &target.ifindex, &netns, prefix, side,
		       &target.priority, &target.handle);

	if (n != 2 && (n != 6 || find_hook(prefix, side, &target.hook)))
		return -EINVAL;
	target.netns = netns;
	hone_target_unit_name(&target, again);
	if (strcmp(name, again) != 0)
		return -EINVAL;
	*out = target;
	return 0;
}
