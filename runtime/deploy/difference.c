// SPDX-License-Identifier: Apache-2.0
/* difference: see the header. Of an outer map only that its inner ones differ. */
#include "runtime/deploy/difference.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64, FOUND = 1 };

static uint32_t value_bytes(const struct hone_map *map)
{
	int n_cpus = hone_map_is_per_cpu(map->type) ? libbpf_num_possible_cpus() : 1;

	return hone_map_value_stride(map) * (uint32_t)(n_cpus > 0 ? n_cpus : 1);
}

int hone_differences_new(const struct hone_unit *unit, struct hone_differences *out)
{
	struct hone_differences set = {.unit = unit};
	uint32_t at = HONE_DIFFERS_MAPS;

	for (uint32_t i = 0; i < unit->n_maps; i++) {
		set.map_at[i] = at;
		at += 1 + value_bytes(&unit->maps[i]);
	}
	set.map_at[unit->n_maps] = at;
	set.n_words = at / WORD_BITS + 1;
	set.words = calloc(set.n_words, sizeof(*set.words));
	if (!set.words)
		return -ENOMEM;
	*out = set;
	return 0;
}

void hone_differences_free(struct hone_differences *set)
{
	free(set->words);
	*set = (struct hone_differences){0};
}

void hone_differences_clear(struct hone_differences *set)
{
	memset(set->words, 0, set->n_words * sizeof(*set->words));
}

void hone_differences_add(struct hone_differences *set, uint32_t member)
{
	set->words[member / WORD_BITS] |= 1ULL << member % WORD_BITS;
}

bool hone_differences_has(const struct hone_differences *set, uint32_t member)
{
	return set->words[member / WORD_BITS] >> member % WORD_BITS & 1;
}

bool hone_differences_is_empty(const struct hone_differences *set)
{
	for (uint32_t i = 0; i < set->n_words; i++)
		if (set->words[i])
			return false;
	return true;
}

bool hone_differences_have_common(const struct hone_differences *a,
				  const struct hone_differences *b)
{
	for (uint32_t i = 0; i < a->n_words; i++)
		if (a->words[i] & b->words[i])
			return true;
	return false;
}

void hone_differences_join(struct hone_differences *into, const struct hone_differences *from)
{
	for (uint32_t i = 0; i < into->n_words; i++)
		into->words[i] |= from->words[i];
}

void hone_differences_keep(struct hone_differences *into, const struct hone_differences *from)
{
	for (uint32_t i = 0; i < into->n_words; i++)
		into->words[i] &= from->words[i];
}

void hone_differences_drop(struct hone_differences *into, const struct hone_differences *from)
{
	for (uint32_t i = 0; i < into->n_words; i++)
		into->words[i] &= ~from->words[i];
}

void hone_differences_join_map(struct hone_differences *into, uint32_t map)
{
	for (uint32_t at = into->map_at[map]; at < into->map_at[map + 1]; at++)
		hone_differences_add(into, at);
}

/* ---- what differs ---- */

static void add_bytes(struct hone_differences *set, uint32_t at, const uint8_t *a, const uint8_t *b,
		      uint32_t n)
{
	if (memcmp(a, b, n) == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (a[i] != b[i])
			hone_differences_add(set, at + i);
}

static void add_if(struct hone_differences *set, uint32_t member, bool differs)
{
	if (differs)
		hone_differences_add(set, member);
}

void hone_differences_of_outcomes(struct hone_differences *set, const struct hone_outcome *a,
				  const struct hone_outcome *b)
{
	uint32_t context = a->context_size < b->context_size ? a->context_size : b->context_size;

	add_if(set, HONE_DIFFERS_ERROR, a->err != b->err || a->context_size != b->context_size);
	add_if(set, HONE_DIFFERS_VERDICT, a->verdict != b->verdict);
	add_if(set, HONE_DIFFERS_SIZE, a->size != b->size);
	add_if(set, HONE_DIFFERS_REDIRECT,
	       memcmp(&a->redirect, &b->redirect, sizeof(a->redirect)) != 0);
	add_bytes(set, HONE_DIFFERS_CONTEXT, a->context, b->context, context);
	add_bytes(set, HONE_DIFFERS_BYTES, a->bytes, b->bytes,
		  a->size < b->size ? a->size : b->size);
}

struct map_walk {
	struct hone_differences *into;	    /* of_maps */
	const struct hone_differences *set; /* find */
	uint32_t map;
	char *detail;
};

static bool is_value(const struct map_walk *walk, const struct hone_map_difference *at)
{
	return at->a && at->b &&
	       at->map == &(walk->into ? walk->into : walk->set)->unit->maps[walk->map];
}

static int add_difference(void *arg, const struct hone_map_difference *at)
{
	struct map_walk *walk = arg;
	uint32_t member = walk->into->map_at[walk->map];

	if (is_value(walk, at))
		add_bytes(walk->into, member + 1, at->a, at->b, at->value_bytes);
	else
		hone_differences_add(walk->into, member);
	return 0;
}

int hone_differences_of_maps(struct hone_differences *set, const struct hone_maps *a,
			     const struct hone_maps *b)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < set->unit->n_maps; i++) {
		struct map_walk walk = {.into = set, .map = i};

		if (b->fd[i] >= 0)
			err = hone_map_differences(&set->unit->maps[i], a->fd[i], b->fd[i],
						   add_difference, &walk);
	}
	return err;
}

static int find_difference(void *arg, const struct hone_map_difference *at)
{
	const struct map_walk *walk = arg;
	uint32_t member = walk->set->map_at[walk->map];

	if (!is_value(walk, at)) {
		if (!hone_differences_has(walk->set, member))
			return 0;
		hone_map_difference_text(at, 0, walk->detail);
		return FOUND;
	}
	for (uint32_t i = 0; i < at->value_bytes; i++)
		if (at->a[i] != at->b[i] && hone_differences_has(walk->set, member + 1 + i)) {
			hone_map_difference_text(at, i - i % 8, walk->detail);
			return FOUND;
		}
	return 0;
}

int hone_differences_find(const struct hone_differences *set, const struct hone_maps *a,
			  const struct hone_maps *b, char *detail)
{
	int result = 0;

	for (uint32_t i = 0; !result && i < set->unit->n_maps; i++) {
		struct map_walk walk = {.set = set, .map = i, .detail = detail};

		if (b->fd[i] >= 0)
			result = hone_map_differences(&set->unit->maps[i], a->fd[i], b->fd[i],
						      find_difference, &walk);
	}
	return result;
}

/* ---- words ---- */

struct text {
	char *at;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	if (text->used >= text->size)
		return;
	va_start(args, format);
	n = vsnprintf(text->at + text->used, text->size - text->used, format, args);
	va_end(args);
	text->used += (size_t)(n > 0 ? n : 0);
}

static const char *separator(const struct text *text)
{
	return text->used ? "; " : "";
}

/* Members from..to as ranges: " 0-7, 12". Says the name first, if there is any. */
static void say_ranges(struct text *text, const struct hone_differences *set, uint32_t from,
		       uint32_t to, const char *name)
{
	const char *before = separator(text);

	for (uint32_t i = from; i < to; i++) {
		uint32_t first = i;

		if (!hone_differences_has(set, i))
			continue;
		while (i + 1 < to && hone_differences_has(set, i + 1))
			i++;
		if (first == i)
			say(text, "%s%s %u", before, name, first - from);
		else
			say(text, "%s%s %u-%u", before, name, first - from, i - from);
		before = ",";
		name = "";
	}
}

static void say_map(struct text *text, const struct hone_differences *set, uint32_t map)
{
	const char *name = set->unit->maps[map].name;
	char what[HONE_NAME_LEN + 32];

	if (hone_differences_has(set, set->map_at[map]))
		say(text, "%smap %s: keys or events", separator(text), name);
	snprintf(what, sizeof(what), "map %s: value bytes", name);
	say_ranges(text, set, set->map_at[map] + 1, set->map_at[map + 1], what);
}

void hone_differences_text(const struct hone_differences *set, char *out, size_t size)
{
	static const char *const fields[] = {
		[HONE_DIFFERS_ERROR] = "error",
		[HONE_DIFFERS_VERDICT] = "verdict",
		[HONE_DIFFERS_SIZE] = "packet size",
		[HONE_DIFFERS_REDIRECT] = "redirect",
	};
	struct text text = {.at = out, .size = size};

	out[0] = '\0';
	for (uint32_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (hone_differences_has(set, i))
			say(&text, "%s%s", separator(&text), fields[i]);
	say_ranges(&text, set, HONE_DIFFERS_CONTEXT, HONE_DIFFERS_BYTES, "context bytes");
	say_ranges(&text, set, HONE_DIFFERS_BYTES, HONE_DIFFERS_MAPS, "packet bytes");
	for (uint32_t i = 0; i < set->unit->n_maps; i++)
		say_map(&text, set, i);
}
