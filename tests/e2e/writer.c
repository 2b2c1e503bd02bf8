// SPDX-License-Identifier: Apache-2.0
/* writer: see writer.h. */
#include "tests/e2e/writer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* xdp-filter's flags (common_kern_user.h): the counter starts above them. */
enum { FLAG_SRC = 1 << 0, FLAG_DST = 1 << 1, FLAG_TCP = 1 << 2, FLAG_UDP = 1 << 3 };

struct command {
	uint32_t way, n, add;
};

struct writer {
	int socket;
	pid_t pid, denied_pid;
};

const char *writer_way_name(enum writer_way way)
{
	static const char *const names[WRITER_WAYS] = {
		[WRITER_PLAIN] = "update", [WRITER_DUP] = "dup",   [WRITER_BATCH] = "batch",
		[WRITER_POP] = "pop",	   [WRITER_PORT] = "port", [WRITER_MAC] = "mac",
	};

	return names[way];
}

struct subject writer_subject(enum writer_way way, uint32_t n)
{
	/* an address, port and MAC that belong to no rule, but for the one that the way sets */
	struct subject subject = {
		.saddr = htonl(0xc0a80001), .dport = htons(9), .mac = {2, 0, 0, 0, 0, 2}};

	if (way == WRITER_PORT)
		subject.dport = htons((uint16_t)(2000 + n));
	else if (way == WRITER_MAC)
		memcpy(subject.mac + 2, &n, 4), subject.mac[0] = 6;
	else
		subject.saddr = htonl(0x0a000000 | (uint32_t)way << 16 | n);
	return subject;
}

static void fill(uint64_t *values, int n_entries, uint64_t flags)
{
	int n = libbpf_num_possible_cpus() * n_entries;

	for (int i = 0; i < n && i < WRITER_CPUS_MAX; i++)
		values[i] = flags;
}

static int write_batch(int fd, uint32_t key, bool add)
{
	uint32_t count = 1;
	uint64_t values[WRITER_CPUS_MAX] = {0};

	fill(values, 1, FLAG_SRC | FLAG_DST);
	return add ? bpf_map_update_batch(fd, &key, values, &count, NULL)
		   : bpf_map_delete_batch(fd, &key, &count, NULL);
}

static int write_one(int fd, const void *key, bool add)
{
	uint64_t values[WRITER_CPUS_MAX] = {0};

	fill(values, 1, FLAG_SRC | FLAG_DST);
	return add ? bpf_map_update_elem(fd, key, values, BPF_ANY) : bpf_map_delete_elem(fd, key);
}

static int write_dup(int fd, const void *key, bool add)
{
	int copy = dup(fd);
	int err = copy < 0 ? -errno : write_one(copy, key, add);

	if (copy >= 0)
		close(copy);
	return err;
}

static int write_pop(int fd, const void *key, bool add)
{
	uint64_t values[WRITER_CPUS_MAX];

	return add ? write_one(fd, key, true) : bpf_map_lookup_and_delete_elem(fd, key, values);
}

static int write_port(int fd, uint16_t dport, bool add)
{
	uint64_t values[WRITER_CPUS_MAX] = {0};
	uint32_t key = dport;

	fill(values, 1, add ? FLAG_DST | FLAG_UDP : 0);
	return bpf_map_update_elem(fd, &key, values, BPF_ANY);
}

static int obey(const struct filter_maps *maps, const struct command *command)
{
	struct subject subject = writer_subject((enum writer_way)command->way, command->n);

	switch ((enum writer_way)command->way) {
	case WRITER_DUP:
		return write_dup(maps->ipv4, &subject.saddr, command->add);
	case WRITER_BATCH:
		return write_batch(maps->ipv4, subject.saddr, command->add);
	case WRITER_POP:
		return write_pop(maps->ipv4, &subject.saddr, command->add);
	case WRITER_PORT:
		return write_port(maps->ports, subject.dport, command->add);
	case WRITER_MAC:
		return write_one(maps->ethernet, subject.mac, command->add);
	default:
		return write_one(maps->ipv4, &subject.saddr, command->add);
	}
}

/* Deleting what is not there is the judge's business, not an error. */
static void serve(int socket, const struct filter_maps *maps)
{
	struct command command;

	while (read(socket, &command, sizeof(command)) == (ssize_t)sizeof(command)) {
		int err = obey(maps, &command);

		if (!command.add && (err == -ENOENT || (err < 0 && errno == ENOENT)))
			err = 0;
		if (write(socket, &err, sizeof(err)) != (ssize_t)sizeof(err))
			break;
	}
	_exit(0);
}

/* A process that calls bpf(2) and is refused before it is entered: exits without entries. */
static void be_denied(const struct filter_maps *maps)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = filter};
	uint32_t key = htonl(0x0a7fffff);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
	while (write_one(maps->ipv4, &key, true))
		usleep(50);
	fprintf(stderr, "writer: seccomp let a call through\n");
	_exit(1);
}

struct writer *writer_start(const struct filter_maps *maps)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int pair[2];

	if (!writer || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		free(writer);
		return NULL;
	}
	writer->pid = fork();
	if (!writer->pid) {
		close(pair[0]);
		serve(pair[1], maps);
	}
	close(pair[1]);
	writer->socket = pair[0];
	writer->denied_pid = fork();
	if (!writer->denied_pid)
		be_denied(maps);
	return writer;
}

void writer_do(struct writer *writer, enum writer_way way, uint32_t n, bool add)
{
	struct command command = {.way = (uint32_t)way, .n = n, .add = add};
	int err = -EPIPE;

	if (write(writer->socket, &command, sizeof(command)) == (ssize_t)sizeof(command) &&
	    read(writer->socket, &err, sizeof(err)) == (ssize_t)sizeof(err) && !err)
		return;
	fprintf(stderr, "writer: %s %s of rule %u: %s\n", writer_way_name(way),
		add ? "add" : "delete", n, strerror(err < 0 ? -err : err));
	exit(1);
}

int writer_stop(struct writer *writer)
{
	int status = 0, denied = waitpid(writer->denied_pid, &status, WNOHANG);

	close(writer->socket);
	kill(writer->denied_pid, SIGKILL);
	waitpid(writer->pid, NULL, 0);
	if (!denied)
		waitpid(writer->denied_pid, NULL, 0);
	free(writer);
	return denied ? -ECHILD : 0; /* the denied one must have been denied to the end */
}

bool writer_is_present(const struct filter_maps *maps, const struct subject *subject)
{
	uint64_t values[WRITER_CPUS_MAX];

	return !bpf_map_lookup_elem(maps->ipv4, &subject->saddr, values);
}
