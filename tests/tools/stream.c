// SPDX-License-Identifier: Apache-2.0
/* stream: numbered frames from one interface to another, until it is told to stop.
 *
 *   stream FROM TO
 *
 * Sends UDP from 10.20.0.0/16 in windows and waits for each window to come in before it sends the
 * next, so that no queue overflows: what is missing was lost by what stands between. SIGTERM or
 * SIGINT ends it after the window; then it prints {"sent":N,"lost":N,"duplicated":N} and exits
 * with 0. Slow on purpose (about 16,000 frames/s): others measure meanwhile. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"

enum { WINDOW = 32, PAUSE_US = 2000, PATIENCE_MS = 1000 };

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint64_t stream; /* random: which run of this program */
	uint64_t number;
} __attribute__((packed));

struct stream {
	int from, to;
	struct frame frame;
	uint64_t sent, lost, duplicated;
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
	(void)number;
	is_over = 1;
}

static int die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_on(const char *ifname)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));

	if (fd >= 0 &&
	    (!address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int mac_of(int fd, const char *ifname, uint8_t *mac)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, IF_NAMESIZE, "%s", ifname);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		return -1;
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

static int prepare(struct stream *s, char **names)
{
	struct frame *frame = &s->frame;

	s->from = open_on(names[0]);
	s->to = open_on(names[1]);
	if (s->from < 0 || s->to < 0)
		return die(s->from < 0 ? names[0] : names[1]);
	if (mac_of(s->from, names[0], frame->eth.h_source) ||
	    mac_of(s->to, names[1], frame->eth.h_dest))
		return die("cannot read the MAC addresses");
	if (getrandom(&frame->stream, sizeof(frame->stream), 0) != sizeof(frame->stream))
		return die("getrandom");
	frame->eth.h_proto = htons(ETH_P_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.ttl = 64;
	frame->ip.protocol = IPPROTO_UDP;
	frame->ip.daddr = htonl(0x0a000163);
	frame->ip.tot_len = htons(sizeof(*frame) - sizeof(frame->eth));
	frame->udp.dest = htons(4001);
	frame->udp.len = htons(sizeof(*frame) - sizeof(frame->eth) - sizeof(frame->ip));
	return 0;
}

static bool send_one(struct stream *s, uint64_t number)
{
	struct frame *frame = &s->frame;

	frame->number = number;
	frame->ip.saddr = htonl(0x0a140000 | (uint32_t)(number * 40503 & 0xffff));
	frame->udp.source = htons((uint16_t)(1024 + number % 60000));
	while (send(s->from, frame, sizeof(*frame), 0) != sizeof(*frame)) {
		if (errno != EINTR && errno != ENOBUFS)
			return false;
	}
	return true;
}

/* Reads what comes in until the window that begins at `first` is complete, or nobody came for
 * PATIENCE_MS. Frames of earlier windows are late copies: none was left open. */
static bool receive_window(struct stream *s, uint64_t first)
{
	struct pollfd pollfd = {.fd = s->to, .events = POLLIN};
	bool came[WINDOW] = {false};
	int n = 0;

	while (n < WINDOW) {
		struct frame got;
		ssize_t size;
		int ready = poll(&pollfd, 1, PATIENCE_MS);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			break;
		size = recv(s->to, &got, sizeof(got), 0);
		if (size < 0)
			return false;
		if (size != sizeof(got) || got.stream != s->frame.stream)
			continue;
		if (got.number < first || came[got.number - first]) {
			s->duplicated++;
			continue;
		}
		came[got.number - first] = true;
		n++;
	}
	s->lost += (uint64_t)(WINDOW - n);
	return true;
}

static int run(struct stream *s)
{
	while (!is_over) {
		uint64_t first = s->sent;

		for (uint64_t i = 0; i < WINDOW; i++) {
			if (!send_one(s, first + i))
				return die("cannot send");
		}
		s->sent += WINDOW;
		if (!receive_window(s, first))
			return die("cannot receive");
		usleep(PAUSE_US);
	}
	printf("{\"sent\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 "}\n", s->sent,
	       s->lost, s->duplicated);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct stream stream = {.from = -1, .to = -1};
	int code;

	if (argc != 3) {
		fputs("usage: stream FROM TO\n", stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	code = prepare(&stream, argv + 1);
	if (!code)
		code = run(&stream);
	hone_cleanup_close(&stream.from);
	hone_cleanup_close(&stream.to);
	return code;
}
