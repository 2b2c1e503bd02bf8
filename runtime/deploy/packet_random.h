/* SPDX-License-Identifier: Apache-2.0 */
/* packet_random: the random numbers of a differential run: the same from the same seed. */
#ifndef HONE_PACKET_RANDOM_H
#define HONE_PACKET_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct hone_random {
	uint64_t state; /* not 0 */
};

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static inline uint64_t hone_random(struct hone_random *random)
{
	uint64_t x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

static inline uint32_t hone_below(struct hone_random *random, uint32_t n)
{
	return (uint32_t)(((hone_random(random) >> 32) * n) >> 32);
}

static inline bool hone_one_in(struct hone_random *random, uint32_t n)
{
	return hone_below(random, n) == 0;
}

#endif
