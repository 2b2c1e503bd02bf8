// SPDX-License-Identifier: Apache-2.0
/* loop: epoll, a short list of timers, and signals as one more descriptor.
 *
 * One event is taken per epoll_wait(): a callback may drop and free any other source, and an
 * array of events that were already fetched would still point to it. */
#include "runtime/daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"

struct hone_loop {
	int epoll_fd;
	bool is_stopped;
	struct hone_timer *timers; /* by due time */
	struct hone_source signals;
	void (*signal_fn)(void *arg, int signo);
	void *signal_arg;
};

uint64_t hone_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int hone_loop_new(struct hone_loop **out)
{
	_cleanup_free_ struct hone_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->signals.fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	*out = TAKE_PTR(loop);
	return 0;
}

void hone_loop_free(struct hone_loop **loop)
{
	if (!*loop)
		return;
	if ((*loop)->signals.fd >= 0)
		close((*loop)->signals.fd);
	close((*loop)->epoll_fd);
	free(TAKE_PTR(*loop));
}

int hone_loop_add(struct hone_loop *loop, struct hone_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	int op = source->is_added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(loop->epoll_fd, op, source->fd, &event))
		return -errno;
	source->is_added = true;
	return 0;
}

void hone_loop_drop(struct hone_loop *loop, struct hone_source *source)
{
	if (!source->is_added)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->is_added = false;
}

void hone_timer_cancel(struct hone_loop *loop, struct hone_timer *timer)
{
	struct hone_timer **at = &loop->timers;

	if (!timer->is_set)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->is_set = false;
}

void hone_timer_set(struct hone_loop *loop, struct hone_timer *timer, uint64_t delay_ms)
{
	struct hone_timer **at = &loop->timers;

	hone_timer_cancel(loop, timer);
	timer->due_ms = hone_now_ms() + delay_ms;
	while (*at && (*at)->due_ms <= timer->due_ms)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
	timer->is_set = true;
}

static void run_due_timers(struct hone_loop *loop)
{
	uint64_t now = hone_now_ms();

	while (!loop->is_stopped && loop->timers && loop->timers->due_ms <= now) {
		struct hone_timer *timer = loop->timers;

		hone_timer_cancel(loop, timer);
		timer->fn(timer->arg);
	}
}

static int wait_ms(const struct hone_loop *loop)
{
	uint64_t now = hone_now_ms();
	uint64_t left;

	if (!loop->timers)
		return -1;
	left = loop->timers->due_ms > now ? loop->timers->due_ms - now : 0;
	return left < 60000 ? (int)left : 60000;
}

static void take_signal(void *arg, uint32_t events)
{
	struct hone_loop *loop = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(loop->signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		loop->signal_fn(loop->signal_arg, (int)info.ssi_signo);
}

int hone_loop_signals(struct hone_loop *loop, const int *signals, void (*fn)(void *arg, int signo),
		      void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;

	loop->signals = (struct hone_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.fn = take_signal,
		.arg = loop,
	};
	if (loop->signals.fd < 0)
		return -errno;
	loop->signal_fn = fn;
	loop->signal_arg = arg;
	return hone_loop_add(loop, &loop->signals, EPOLLIN);
}

int hone_loop_run(struct hone_loop *loop)
{
	loop->is_stopped = false;
	while (!loop->is_stopped) {
		struct epoll_event event;
		int n = epoll_wait(loop->epoll_fd, &event, 1, wait_ms(loop));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			struct hone_source *source = event.data.ptr;

			source->fn(source->arg, event.events);
		}
		run_due_timers(loop);
	}
	return 0;
}

void hone_loop_stop(struct hone_loop *loop)
{
	loop->is_stopped = true;
}
