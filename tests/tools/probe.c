// SPDX-License-Identifier: Apache-2.0
/* probe: does one frame that is sent on one interface come in at another?
 *
 *   probe FROM TO SOURCE:PORT DESTINATION:PORT [WAIT_MS]
 *
 * Both interfaces in the caller's network namespace, addresses IPv4, protocol UDP; the frame goes
 * to the MAC of FROM's peer TO, or to $PROBE_MAC. Prints "passed" or "dropped"; 0 either way, 1
 * when it could not be told. Dropped means: not there WAIT_MS (default 200) after it was sent, or
 * a second frame, of an unknown protocol, came in behind it on its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "runtime/common/cleanup.h"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint64_t token; /* tells our frames from everybody else's */
	uint8_t padding[14];
} __attribute__((packed));

struct follower { /* comes in behind the frame whatever the program does with IPv4 */
	struct ethhdr eth;
	uint8_t padding[34];
	uint64_t token; /* not where a frame has it: the sizes differ too */
} __attribute__((packed));

static int die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	return 1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_on(const char *ifname)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int fd;

	if (!address.sll_ifindex)
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
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

static bool parse_mac(const char *text, uint8_t *mac)
{
	unsigned int b[ETH_ALEN];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return false;
	for (int i = 0; i < ETH_ALEN; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

struct end { /* network byte order */
	uint32_t address;
	uint16_t port;
};

/* ADDRESS:PORT */
static bool parse_end(const char *text, struct end *out)
{
	char host[INET_ADDRSTRLEN];
	int number;

	if (sscanf(text, "%15[0-9.]:%d", host, &number) != 2 || number < 0 || number > 65535)
		return false;
	out->port = htons((uint16_t)number);
	return inet_pton(AF_INET, host, &out->address) == 1;
}

static uint16_t header_sum(struct iphdr ip)
{
	uint16_t words[sizeof(ip) / 2];
	uint32_t sum = 0;

	memcpy(words, &ip, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static void fill(struct frame *frame, struct follower *follower, uint64_t token)
{
	frame->eth.h_proto = htons(ETH_P_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.ttl = 64;
	frame->ip.protocol = IPPROTO_UDP;
	frame->ip.tot_len = htons(sizeof(*frame) - sizeof(frame->eth));
	frame->ip.check = header_sum(frame->ip);
	frame->udp.len = htons(sizeof(*frame) - sizeof(frame->eth) - sizeof(frame->ip));
	frame->token = token;
	follower->eth = frame->eth;
	follower->eth.h_proto = htons(0x88b5); /* IEEE 802: local experimental */
	follower->token = token;
}

/* 1: the frame came in; 0: it did not; -1: cannot be told. */
static int watch(int fd, uint64_t token, int wait_ms)
{
	int64_t end = now_ms() + wait_ms;
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left = end - now_ms();
		union {
			struct frame frame;
			struct follower follower;
			uint8_t bytes[2048];
		} got;
		ssize_t size;

		if (left <= 0 || poll(&pollfd, 1, (int)left) == 0)
			return 0;
		size = recv(fd, &got, sizeof(got), 0);
		if (size < 0)
			return -1;
		if (size == sizeof(got.frame) && got.frame.token == token)
			return 1;
		if (size == sizeof(got.follower) && got.follower.token == token)
			return 0;
	}
}

static int run(char **names, struct frame *frame, int wait_ms)
{
	_cleanup_close_ int from = open_on(names[0]), to = open_on(names[1]);
	const char *mac = getenv("PROBE_MAC");
	struct follower follower = {0};
	uint64_t token;
	int came;

	if (from < 0 || to < 0)
		return die(from < 0 ? names[0] : names[1]);
	if (mac_of(from, names[0], frame->eth.h_source) || mac_of(to, names[1], frame->eth.h_dest))
		return die("cannot read the MAC addresses");
	if (mac && !parse_mac(mac, frame->eth.h_dest))
		return die("PROBE_MAC");
	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return die("getrandom");
	fill(frame, &follower, token);
	if (send(from, frame, sizeof(*frame), 0) != sizeof(*frame) ||
	    send(from, &follower, sizeof(follower), 0) != sizeof(follower))
		return die("cannot send");
	came = watch(to, token, wait_ms);
	if (came < 0)
		return die("cannot receive");
	puts(came ? "passed" : "dropped");
	return 0;
}

int main(int argc, char **argv)
{
	int wait_ms = argc == 6 ? atoi(argv[5]) : 200;
	struct frame frame = {0};
	struct end source, destination;

	if (argc < 5 || argc > 6 || wait_ms <= 0 || !parse_end(argv[3], &source) ||
	    !parse_end(argv[4], &destination)) {
		fputs("usage: probe FROM TO SOURCE:PORT DESTINATION:PORT [WAIT_MS]\n", stderr);
		return 1;
	}
	frame.ip.saddr = source.address;
	frame.ip.daddr = destination.address;
	frame.udp.source = source.port;
	frame.udp.dest = destination.port;
	return run(argv + 1, &frame, wait_ms);
}
