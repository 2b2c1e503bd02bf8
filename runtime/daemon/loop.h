/* SPDX-License-Identifier: Apache-2.0 */
/* loop: one thread waits for descriptors, timers and signals; whoever is called must not wait. */
#ifndef HONE_LOOP_H
#define HONE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct hone_loop;

/* A descriptor to wait for. Owned, like its fd, by whoever adds it; zero it before first use. */
struct hone_source {
	int fd;
	void (*fn)(void *arg, uint32_t events); /* EPOLL* */
	void *arg;
	bool is_added;
};

/* A one-shot timer. Owned by whoever sets it; zero it before first use. */
struct hone_timer {
	void (*fn)(void *arg);
	void *arg;
	uint64_t due_ms;
	bool is_set;
	struct hone_timer *next;
};

int hone_loop_new(struct hone_loop **out);
void hone_loop_free(struct hone_loop **loop);

/* hone_loop_add() - call source->fn when the fd has one of the events; again: change the events.
 * hone_loop_drop() - no more; harmless if it was never added. Both may be called from any fn. */
int hone_loop_add(struct hone_loop *loop, struct hone_source *source, uint32_t events);
void hone_loop_drop(struct hone_loop *loop, struct hone_source *source);

/* hone_timer_set() - call timer->fn once, in delay_ms from now; replaces an earlier time. */
void hone_timer_set(struct hone_loop *loop, struct hone_timer *timer, uint64_t delay_ms);
void hone_timer_cancel(struct hone_loop *loop, struct hone_timer *timer);

uint64_t hone_now_ms(void); /* monotonic */

/* hone_loop_signals() - call fn(arg, signo) for these signals (0-terminated), which are blocked. */
int hone_loop_signals(struct hone_loop *loop, const int *signals, void (*fn)(void *arg, int signo),
		      void *arg);

/* hone_loop_run() - until hone_loop_stop(). Returns 0 or -errno. */
int hone_loop_run(struct hone_loop *loop);
void hone_loop_stop(struct hone_loop *loop);

#endif
