// SPDX-License-Identifier: Apache-2.0
/* honec: see the header. HONEC_BINARY comes from the build. */
#include "tests/tools/honec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"

static void become_worker(int in_fd, int out_fd)
{
	dup2(in_fd, STDIN_FILENO);
	dup2(out_fd, STDOUT_FILENO);
	closefrom(STDERR_FILENO + 1);
	execl(HONEC_BINARY, HONEC_BINARY, "--worker", NULL);
	perror(HONEC_BINARY);
	_exit(127);
}

int honec_start(struct honec *out)
{
	int to[2], from[2];

	signal(SIGPIPE, SIG_IGN);
	if (pipe(to) || pipe(from))
		return -errno;
	out->pid = fork();
	if (out->pid < 0)
		return -errno;
	if (out->pid == 0)
		become_worker(to[0], from[1]);
	close(to[0]);
	close(from[1]);
	out->in_fd = to[1];
	out->out_fd = from[0];
	return 0;
}

int honec_stop(struct honec *honec)
{
	int status;

	close(honec->in_fd);
	close(honec->out_fd);
	if (waitpid(honec->pid, &status, 0) != honec->pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int write_all(int fd, const void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const char *)bytes + done, size - done);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

static int read_all(int fd, void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, (char *)bytes + done, size - done);

		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		done += (size_t)n;
	}
	return 0;
}

int honec_ask_text(const struct honec *honec, const char *text, char **reply)
{
	uint32_t size = (uint32_t)strlen(text);
	_cleanup_free_ char *bytes = NULL;
	int err;

	err = write_all(honec->in_fd, &size, sizeof(size));
	if (!err)
		err = write_all(honec->in_fd, text, size);
	if (!err)
		err = read_all(honec->out_fd, &size, sizeof(size));
	if (err)
		return err;

	bytes = calloc(1, (size_t)size + 1);
	if (!bytes)
		return -ENOMEM;
	err = read_all(honec->out_fd, bytes, size);
	if (!err)
		*reply = TAKE_PTR(bytes);
	return err;
}

int honec_ask(const struct honec *honec, const struct hone_request *request,
	      struct hone_result *out)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *reply = NULL;
	char error[HONE_DETAIL_LEN];
	int err = hone_request_encode(request, &text);

	if (!err)
		err = honec_ask_text(honec, text, &reply);
	if (err)
		return err;
	err = hone_result_decode(reply, strlen(reply), out, error);
	if (err)
		fprintf(stderr, "honec's result: %s\n", error);
	return err;
}

struct hone_policy honec_policy(unsigned int level)
{
	return (struct hone_policy){
		.level = level,
		.max_table_bytes = 64 << 20,
		.max_entries = 1 << 20,
		.max_insns = 1000000,
	};
}
