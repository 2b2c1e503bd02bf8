// SPDX-License-Identifier: Apache-2.0
/* nat_judge: does each packet meet the bindings that static_nat holds at that moment? Real packets:
 * from v1 through the program on v0 to a socket of the stack, which verifies their checksums.
 *
 *   nat_judge --hosts PIN [--counts PIN] iterate N BLOCK
 *       another process adds a binding, a packet, deletes it, a packet; before each BLOCK rounds,
 *       waits for an image, so that the first change of the block is one under an image
 *   nat_judge --hosts PIN stream SECONDS
 *       numbered packets without pause, while somebody swaps programs; SIGTERM ends it
 *
 * Runs in the namespace of v0 and v1; INSIDE is an address of v0, and the program translates
 * destinations, drops what has no binding, and marks. No timing judges: behind each packet goes a
 * marker that always has a binding, and once that has come the packet must have come before it.
 * Exit 0: none stale, none lost. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf-nfs/static_nat/static_nat.h"
#include "runtime/bpf/abi.h"

enum {
	INSIDE = 0x0a090909,  /* 10.9.9.9 */
	OUTSIDE = 0x0a010000, /* 10.1.0.n: of the bindings */
	MARKER = 0x0a01ffff,  /* always bound */
	SENDER = 0x0a4d0002,
	PORT = 4789,
	FRAME_BYTES = 60,
	PAYLOAD_AT = 42,
	WINDOW = 64,
	CPUS_MAX = 256,
	PATIENCE_S = 5,
};

#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif

struct judge {
	int hosts_fd, raw, udp, writer;
	const char *counts_path;
	struct sockaddr_ll to;
	uint8_t mac[6]; /* of v0 */
	uint64_t n_judged, n_stale, n_changed_under_image;
};

static uint32_t mark_of(uint32_t address)
{
	return 0x100 | (address & 0xff);
}

/* ---- packets ---- */

static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

static int send_packet(const struct judge *judge, uint32_t address, uint32_t number)
{
	uint8_t frame[FRAME_BYTES] = {
		[6] = 2,   [11] = 9,	       [12] = 8,    [14] = 0x45, [17] = 46,
		[22] = 64, [23] = IPPROTO_UDP, [34] = 0x30, [39] = 26};
	uint16_t port = htons(PORT);

	memcpy(frame, judge->mac, 6);
	put32(frame + 26, SENDER);
	put32(frame + 30, address);
	memcpy(frame + 36, &port, 2);
	put32(frame + PAYLOAD_AT, number);
	put32(frame + PAYLOAD_AT + 4, address);
	put_checksum(frame + 24, add_words(0, frame + 14, 20));
	/* pseudo header: addresses, protocol, length */
	put_checksum(frame + 40, add_words(IPPROTO_UDP + 26, frame + 26, 34));
	return sendto(judge->raw, frame, sizeof(frame), 0, (const struct sockaddr *)&judge->to,
		      sizeof(judge->to)) == sizeof(frame)
		       ? 0
		       : -errno;
}

struct seen {
	uint32_t number, address, mark;
};

/* The next packet that came through to the socket. */
static int receive(const struct judge *judge, struct seen *out)
{
	uint8_t payload[64];
	union {
		char bytes[CMSG_SPACE(sizeof(uint32_t))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {payload, sizeof(payload)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(judge->udp, &message, 0);
	const struct cmsghdr *at = size < 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (size < 8)
		return size < 0 ? -errno : -EBADMSG;
	memcpy(&out->number, payload, 4);
	memcpy(&out->address, payload + 4, 4);
	out->number = ntohl(out->number);
	out->address = ntohl(out->address);
	out->mark = 0;
	if (at && at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_MARK)
		memcpy(&out->mark, CMSG_DATA(at), sizeof(out->mark));
	return 0;
}

/* Did a packet to the address come through, translated and marked? The marker tells when it must
 * have. Returns 1, 0, or -errno. */
static int comes_through(const struct judge *judge, uint32_t address)
{
	static uint32_t number;
	struct seen seen;
	int err = send_packet(judge, address, ++number), has_come = 0;

	if (!err)
		err = send_packet(judge, MARKER, number);
	while (!err) {
		err = receive(judge, &seen);
		if (err || seen.number != number)
			continue; /* of a round that failed */
		if (seen.mark != mark_of(seen.address))
			return -EBADMSG;
		if (seen.address == MARKER)
			return has_come;
		has_come = 1;
	}
	return err;
}

static void expect(struct judge *judge, uint32_t address, bool is_bound)
{
	int has_come = comes_through(judge, address);

	judge->n_judged++;
	if (has_come == (int)is_bound)
		return;
	judge->n_stale++;
	fprintf(stderr, "nat_judge: 10.1.0.%u is %s, but its packet: %s\n", address & 0xff,
		is_bound ? "bound" : "not bound",
		has_come < 0 ? strerror(-has_come)
		: has_come   ? "came"
			     : "did not come");
}

/* ---- the other process ---- */

struct command {
	uint32_t address, add;
};

static int bind_host(int hosts_fd, uint32_t address, bool add)
{
	const struct static_nat_binding binding = {.address = htonl(INSIDE),
						   .mark = mark_of(address)};
	uint32_t key = htonl(address);

	return add ? bpf_map_update_elem(hosts_fd, &key, &binding, BPF_ANY)
		   : bpf_map_delete_elem(hosts_fd, &key);
}

static int start_writer(int hosts_fd)
{
	struct command command;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (fork()) {
		close(pair[1]);
		return pair[0];
	}
	close(pair[0]);
	while (read(pair[1], &command, sizeof(command)) == sizeof(command)) {
		int err = bind_host(hosts_fd, command.address, command.add);

		if (write(pair[1], &err, sizeof(err)) != sizeof(err))
			break;
	}
	_exit(0);
}

static void change(const struct judge *judge, uint32_t address, bool add)
{
	const struct command command = {address, add};
	int err = -EPIPE;

	if (write(judge->writer, &command, sizeof(command)) == sizeof(command) &&
	    read(judge->writer, &err, sizeof(err)) == sizeof(err) && !err)
		return;
	fprintf(stderr, "nat_judge: writer: %s\n", strerror(-err));
	exit(1);
}

/* ---- iterate ---- */

static uint64_t decided_by_image(const struct judge *judge)
{
	uint64_t per_cpu[CPUS_MAX] = {0}, sum = 0;
	uint32_t index = HONE_COUNT_IMAGE;
	int fd = bpf_obj_get(judge->counts_path);

	if (fd < 0 || bpf_map_lookup_elem(fd, &index, per_cpu))
		return 0;
	close(fd);
	for (int i = 0; i < CPUS_MAX; i++)
		sum += per_cpu[i];
	return sum;
}

/* Packets, judged as all others, until an image decides them. */
static bool wait_for_image(struct judge *judge)
{
	time_t end = time(NULL) + 30;

	while (time(NULL) < end) {
		uint64_t before = decided_by_image(judge);

		expect(judge, OUTSIDE + 1, false);
		if (decided_by_image(judge) > before)
			return true;
		usleep(20000);
	}
	return false;
}

static int iterate(struct judge *judge, uint64_t n_rounds, uint64_t block)
{
	for (uint64_t i = 0; i < n_rounds; i++) {
		uint32_t address = OUTSIDE + 1 + (uint32_t)(i % 200);

		if (judge->counts_path && i % block == 0)
			judge->n_changed_under_image += wait_for_image(judge);
		change(judge, address, true);
		expect(judge, address, true);
		expect(judge, address + 1, false);
		change(judge, address, false);
		expect(judge, address, false);
	}
	printf("{\"judged\":%llu,\"stale\":%llu,\"changed_under_image\":%llu}\n",
	       (unsigned long long)judge->n_judged, (unsigned long long)judge->n_stale,
	       (unsigned long long)judge->n_changed_under_image);
	return 0;
}

/* ---- stream ---- */

static volatile sig_atomic_t is_ended;

static void end_stream(int number)
{
	(void)number;
	is_ended = 1;
}

/* All packets arrive, each once, in order. */
static int stream(const struct judge *judge, uint64_t seconds)
{
	time_t end = time(NULL) + (time_t)seconds;
	uint32_t sent = 0, received = 0;
	struct seen seen;
	int err = 0;

	signal(SIGTERM, end_stream);
	while (!err && ((!is_ended && time(NULL) < end) || received < sent)) {
		while (!err && !is_ended && time(NULL) < end && sent - received < WINDOW)
			err = send_packet(judge, MARKER, sent++);
		if (!err && received < sent)
			err = receive(judge, &seen);
		if (err == -EINTR)
			err = 0;
		else if (!err && (seen.number != received++ || seen.mark != mark_of(MARKER)))
			err = -EBADMSG;
	}
	printf("{\"sent\":%u,\"received\":%u}\n", sent, received);
	return err == -EAGAIN ? -ENODATA : err;
}

/* ---- set-up ---- */

static int open_sockets(struct judge *judge)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INSIDE)};
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct ifreq request = {.ifr_name = "v0"};
	int one = 1;

	judge->to = (struct sockaddr_ll){
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("v1"), .sll_halen = 6};
	judge->raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	judge->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (judge->raw < 0 || judge->udp < 0 || ioctl(judge->udp, SIOCGIFHWADDR, &request) ||
	    setsockopt(judge->udp, SOL_SOCKET, SO_RCVMARK, &one, sizeof(one)) ||
	    setsockopt(judge->udp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    bind(judge->udp, (const struct sockaddr *)&at, sizeof(at)))
		return -errno;
	memcpy(judge->mac, request.ifr_hwaddr.sa_data, 6);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: nat_judge --hosts PIN [--counts PIN] iterate N BLOCK | stream S\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"hosts", required_argument, NULL, 'h'},
						{"counts", required_argument, NULL, 'c'},
						{0}};
	struct judge judge = {.hosts_fd = -1};
	int option, err;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			judge.hosts_fd = bpf_obj_get(optarg);
		else if (option == 'c')
			judge.counts_path = optarg;
		else
			return usage();
	}
	if (judge.hosts_fd < 0 || argc - optind < 2)
		return usage();
	err = open_sockets(&judge);
	if (!err)
		err = judge.writer = start_writer(judge.hosts_fd);
	if (err >= 0) {
		change(&judge, MARKER, true);
		uint64_t n = strtoull(argv[optind + 1], NULL, 0);

		err = !strcmp(argv[optind], "iterate") && argc - optind == 3
			      ? iterate(&judge, n, strtoull(argv[optind + 2], NULL, 0))
		      : !strcmp(argv[optind], "stream") ? stream(&judge, n)
							: -EINVAL;
	}
	if (err < 0)
		fprintf(stderr, "nat_judge: %s\n", strerror(-err));
	return err < 0 || judge.n_stale > 0;
}
