// SPDX-License-Identifier: Apache-2.0
/* captures: see the header. */
#include "tests/kernel/captures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/common/features.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

static const enum hone_feature needed[] = {HONE_FEATURE_PRIVILEGE, HONE_FEATURE_TP_BTF,
					   HONE_FEATURE_BPF_LOOP};

static void take(void *arg, struct hone_captured *captured)
{
	struct captures *captures = arg;

	if (captures->n == CAPTURES_MAX)
		abort();
	if (hone_captured_verify(captured)) {
		hone_unit_free(&captured->unit); /* gone */
		return;
	}
	captures->all[captures->n++] = *captured;
}

struct captures *captures_start(void)
{
	struct captures *captures;

	hone_log_libbpf();
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		const char *why;

		if (!hone_feature(needed[i], &why)) {
			printf("skip: %s: %s\n", hone_feature_what(needed[i]), why);
			exit(77);
		}
	}
	captures = calloc(1, sizeof(*captures));
	if (!captures || hone_capture_new(take, captures, &captures->capture))
		abort();
	return captures;
}

void captures_stop(struct captures *captures)
{
	for (unsigned int i = 0; i < captures->n; i++)
		hone_unit_free(&captures->all[i].unit);
	hone_capture_free(&captures->capture);
	free(captures);
}

static struct hone_captured *find(struct captures *captures, uint32_t prog_id, pid_t pid)
{
	if (hone_capture_consume(captures->capture) < 0)
		abort();
	for (unsigned int i = captures->n; i-- > 0;)
		if (pid ? captures->all[i].pid == pid : captures->all[i].unit.prog_id == prog_id)
			return &captures->all[i];
	return NULL;
}

struct hone_captured *captures_of_program(struct captures *captures, uint32_t prog_id)
{
	return find(captures, prog_id, 0);
}

struct hone_captured *captures_of_loader(struct captures *captures, pid_t pid)
{
	return find(captures, 0, pid);
}

void loader_start(struct loader *loader, int (*load)(void *arg), void *arg)
{
	int stop[2], told[2];

	fflush(stdout);
	if (pipe(stop) || pipe(told))
		abort();
	loader->pid = fork();
	if (loader->pid < 0)
		abort();
	if (loader->pid == 0) {
		char byte;
		int result;

		close(stop[1]);
		result = load(arg);
		if (write(told[1], &result, sizeof(result)) != sizeof(result))
			_exit(1);
		_exit(read(stop[0], &byte, 1) != 0);
	}
	close(stop[0]);
	close(told[1]);
	loader->stop_fd = stop[1];
	if (read(told[0], &loader->result, sizeof(loader->result)) != sizeof(loader->result))
		abort();
	close(told[0]);
}

void loader_stop(struct loader *loader)
{
	close(loader->stop_fd);
	waitpid(loader->pid, NULL, 0);
}

int raw_load(const void *attr, unsigned int attr_size)
{
	struct bpf_prog_info info;
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, attr, attr_size);
	int err = fd < 0 ? -errno : hone_prog_info(fd, &info);

	return err ? err : (int)info.id;
}
