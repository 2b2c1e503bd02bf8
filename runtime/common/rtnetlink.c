// SPDX-License-Identifier: Apache-2.0
/* rtnetlink: see the header. A socket per call: calls are rare, and namespaces differ. */
#include "runtime/common/rtnetlink.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"

enum { RECEIVE_BYTES = 64 << 10, SEQUENCE = 1, TIMEOUT_S = 5 };

static struct nlmsghdr *header_of(struct hone_rtnl_request *request)
{
	return (struct nlmsghdr *)request->bytes;
}

/* ---- requests ---- */

void hone_rtnl_begin(struct hone_rtnl_request *request, uint16_t type, uint16_t flags,
		     const void *fixed, size_t size)
{
	struct nlmsghdr *header = header_of(request);

	assert(NLMSG_SPACE(size) < sizeof(request->bytes));
	*request = (struct hone_rtnl_request){.is_too_long = false};
	*header = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
		.nlmsg_type = type,
		.nlmsg_flags = flags | NLM_F_REQUEST,
		.nlmsg_seq = SEQUENCE,
	};
	memcpy(NLMSG_DATA(header), fixed, size);
}

void hone_rtnl_put(struct hone_rtnl_request *request, uint16_t type, const void *data, size_t size)
{
	struct nlmsghdr *header = header_of(request);
	size_t at = NLMSG_ALIGN(header->nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)(request->bytes + at);

	if (at + RTA_SPACE(size) > sizeof(request->bytes)) {
		request->is_too_long = true;
		return;
	}
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size > 0)
		memcpy(RTA_DATA(attribute), data, size);
	header->nlmsg_len = (uint32_t)(at + RTA_SPACE(size));
}

struct rtattr *hone_rtnl_nest(struct hone_rtnl_request *request, uint16_t type)
{
	size_t at = NLMSG_ALIGN(header_of(request)->nlmsg_len);

	hone_rtnl_put(request, type, NULL, 0);
	return request->is_too_long ? NULL : (struct rtattr *)(request->bytes + at);
}

void hone_rtnl_end(struct hone_rtnl_request *request, struct rtattr *nest)
{
	if (nest)
		nest->rta_len = (uint16_t)(request->bytes + header_of(request)->nlmsg_len -
					   (uint8_t *)nest);
}

/* ---- answers ---- */

const struct rtattr *hone_rtnl_find(const struct rtattr *attributes, size_t size, uint16_t type)
{
	const uint8_t *at = (const uint8_t *)attributes;

	while (size >= sizeof(struct rtattr)) {
		const struct rtattr *attribute = (const struct rtattr *)at;
		size_t step = RTA_ALIGN((size_t)attribute->rta_len);

		if (attribute->rta_len < sizeof(*attribute) || attribute->rta_len > size)
			return NULL;
		if ((attribute->rta_type & NLA_TYPE_MASK) == type)
			return attribute;
		at += step;
		size -= step < size ? step : size;
	}
	return NULL;
}

uint32_t hone_rtnl_u32(const struct rtattr *attribute)
{
	uint32_t value = 0;

	if (attribute && RTA_PAYLOAD(attribute) == sizeof(value))
		memcpy(&value, RTA_DATA(attribute), sizeof(value));
	return value;
}

struct answer {
	int (*visit)(void *arg, const struct nlmsghdr *message);
	void *arg;
	int err;
	bool is_over, is_interrupted;
};

static void take(struct answer *answer, const struct nlmsghdr *message)
{
	int err = 0;

	answer->is_interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		/* both carry an int; of a dump that ended well it may be missing */
		if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(int)))
			memcpy(&err, NLMSG_DATA(message), sizeof(err));
		answer->is_over = true;
	} else if (answer->visit && !answer->err) {
		err = answer->visit(answer->arg, message);
	}
	if (!answer->err)
		answer->err = err;
}

static int receive(int fd, struct answer *answer)
{
	_cleanup_free_ struct nlmsghdr *buffer = malloc(RECEIVE_BYTES);

	if (!buffer)
		return -ENOMEM;
	while (!answer->is_over) {
		ssize_t size = recv(fd, buffer, RECEIVE_BYTES, MSG_TRUNC);
		const struct nlmsghdr *message = buffer;
		unsigned int left = (unsigned int)size;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		if (size > RECEIVE_BYTES)
			return -EMSGSIZE;
		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			if (message->nlmsg_seq == SEQUENCE)
				take(answer, message);
	}
	return answer->err ? answer->err : answer->is_interrupted ? -EINTR : 0;
}

int hone_rtnl_call(struct hone_rtnl_request *request,
		   int (*visit)(void *arg, const struct nlmsghdr *message), void *arg)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct nlmsghdr *header = header_of(request);
	struct answer answer = {.visit = visit, .arg = arg};

	if (request->is_too_long)
		return -E2BIG;
	if ((header->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		header->nlmsg_flags |= NLM_F_ACK;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    send(fd, header, header->nlmsg_len, 0) < 0)
		return -errno;
	return receive(fd, &answer);
}
