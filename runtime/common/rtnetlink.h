/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink: one request and its answers, for what libbpf's netlink calls do not tell. */
#ifndef HONE_RTNETLINK_H
#define HONE_RTNETLINK_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HONE_RTNL_REQUEST_BYTES = 1024 };

/* A message being built; its bytes begin with the header. */
struct hone_rtnl_request {
	_Alignas(struct nlmsghdr) uint8_t bytes[HONE_RTNL_REQUEST_BYTES];
	bool is_too_long;
};

/* hone_rtnl_begin() - a message of a type, with its fixed part (struct tcmsg, …).
 * hone_rtnl_put() - append an attribute. hone_rtnl_nest(), hone_rtnl_end() - around nested ones. */
void hone_rtnl_begin(struct hone_rtnl_request *request, uint16_t type, uint16_t flags,
		     const void *fixed, size_t size);
void hone_rtnl_put(struct hone_rtnl_request *request, uint16_t type, const void *data, size_t size);
struct rtattr *hone_rtnl_nest(struct hone_rtnl_request *request, uint16_t type);
void hone_rtnl_end(struct hone_rtnl_request *request, struct rtattr *nest);

/* hone_rtnl_call() - send, and wait for the acknowledgement, or the end of a dump.
 *
 * visit: called with each message of the answer; may be NULL. What it returns, if not 0, is
 *        returned once all messages were read.
 *
 * Returns 0, -E2BIG (the request grew too long), -EINTR (what was dumped changed meanwhile: call
 * again), or the kernel's -errno. In the calling thread's network namespace. */
int hone_rtnl_call(struct hone_rtnl_request *request,
		   int (*visit)(void *arg, const struct nlmsghdr *message), void *arg);

/* The attribute of a type among `size` bytes of attributes; NULL: none. */
const struct rtattr *hone_rtnl_find(const struct rtattr *attributes, size_t size, uint16_t type);

/* Its value, of a fixed size; 0: none, or of another size. */
uint32_t hone_rtnl_u32(const struct rtattr *attribute);

#endif
