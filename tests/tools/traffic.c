// SPDX-License-Identifier: Apache-2.0
/* traffic: see the header. */
#include "tests/tools/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 2 };

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	struct traffic_payload payload;
} __attribute__((packed));

/* protocol 0: nothing is received. */
static int open_packet(const char *ifname, uint16_t protocol)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int err, fd;

	if (!at.sll_ifindex)
		return -ENODEV;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || !bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd < 0 ? -errno : fd;
	err = -errno;
	close(fd);
	return err;
}

int traffic_open(const char *ifname, struct traffic *out)
{
	const int one = 1;
	int fd = open_packet(ifname, 0);

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)); /* only faster */
	*out = (struct traffic){.fd = fd};
	return 0;
}

void traffic_close(struct traffic *traffic)
{
	close(traffic->fd);
	traffic->fd = -1;
}

static void fill_frame(struct frame *frame, uint64_t number)
{
	*frame = (struct frame){
		.eth = {.h_dest = {2, 0xff, 0, 0, 0, 1},
			.h_source = {2, 0xff, 0, 0, 0, 2},
			.h_proto = htons(ETH_P_IP)},
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 64,
		       .protocol = IPPROTO_UDP,
		       .tot_len = htons(sizeof(*frame) - sizeof(frame->eth)),
		       .saddr = htonl(0x0a140001),
		       .daddr = htonl(0x0a140002)},
		.udp = {.source = htons(1000),
			.dest = htons(2000),
			.len = htons(sizeof(frame->udp) + sizeof(frame->payload))},
		.payload = {.magic = TRAFFIC_MAGIC, .number = number},
	};
}

/* Until `received` is at least `wanted`. */
static int wait_for(const volatile uint64_t *received, uint64_t wanted)
{
	uint64_t last = *received;
	time_t since = time(NULL);

	while (*received < wanted) {
		if (*received != last) {
			last = *received;
			since = time(NULL);
		} else if (time(NULL) - since > PATIENCE_S) {
			return -ETIMEDOUT;
		}
		sched_yield();
	}
	return 0;
}

static int send_all(int fd, struct mmsghdr *messages, unsigned int n)
{
	for (unsigned int done = 0; done < n;) {
		int now = sendmmsg(fd, messages + done, n - done, 0);

		if (now < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return -errno;
		done += now > 0 ? (unsigned int)now : 0;
	}
	return 0;
}

int traffic_send_batch(struct traffic *traffic, const volatile uint64_t *received)
{
	struct frame frames[TRAFFIC_BATCH];
	struct iovec parts[TRAFFIC_BATCH];
	struct mmsghdr messages[TRAFFIC_BATCH] = {0};
	const uint64_t room = TRAFFIC_WINDOW - TRAFFIC_BATCH;
	int err = traffic->sent > room ? wait_for(received, traffic->sent - room) : 0;

	if (err)
		return err;
	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++) {
		fill_frame(&frames[i], traffic->sent + i);
		parts[i] = (struct iovec){&frames[i], sizeof(frames[i])};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	err = send_all(traffic->fd, messages, TRAFFIC_BATCH);
	if (!err)
		traffic->sent += TRAFFIC_BATCH;
	return err;
}

int traffic_drain(const struct traffic *traffic, const volatile uint64_t *received)
{
	return wait_for(received, traffic->sent);
}

int traffic_listen(const char *ifname)
{
	const int size = 8 << 20;
	int fd = open_packet(ifname, ETH_P_IP);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static bool is_ours(const struct frame *frame, ssize_t size)
{
	return size == sizeof(*frame) && frame->payload.magic == TRAFFIC_MAGIC;
}

int traffic_collect(int fd, uint64_t *passed, uint32_t n_kinds)
{
	struct tpacket_stats stats = {0};
	socklen_t stats_size = sizeof(stats);
	struct frame frame;
	ssize_t size;
	int n = 0;

	while ((size = recv(fd, &frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC)) >= 0)
		if (is_ours(&frame, size)) {
			passed[frame.payload.number % n_kinds]++;
			n++;
		}
	if (errno != EAGAIN || getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &stats_size))
		return -errno;
	return stats.tp_drops ? -ENOBUFS : n;
}
