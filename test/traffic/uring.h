/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring without a library: one request at a time, which is all that counting needs. Needs: Linux >= 5.6 (SEND, RECV). */
#ifndef TRAFFIC_URING_H
#define TRAFFIC_URING_H

#include "common.h"
#include <linux/io_uring.h>
#include <sys/syscall.h>

struct uring {
	int fd;
	unsigned int *sq_tail, *sq_array, *sq_mask;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *results;
};

static inline void *map_ring(int fd, size_t size, off_t at)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);

	if (memory == MAP_FAILED)
		die_errno("io_uring mmap");
	return memory;
}

static inline void open_uring(struct uring *u)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	u->fd = (int)syscall(__NR_io_uring_setup, 2, &p);
	if (u->fd < 0)
		die_errno("io_uring_setup");
	sq = map_ring(u->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = map_ring(u->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	u->entries = map_ring(u->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	u->sq_tail = (void *)(sq + p.sq_off.tail);
	u->sq_mask = (void *)(sq + p.sq_off.ring_mask);
	u->sq_array = (void *)(sq + p.sq_off.array);
	u->cq_head = (void *)(cq + p.cq_off.head);
	u->cq_tail = (void *)(cq + p.cq_off.tail);
	u->cq_mask = (void *)(cq + p.cq_off.ring_mask);
	u->results = (void *)(cq + p.cq_off.cqes);
}

/* Submits one request and waits for its result. Returns as send() and recv() do. */
static inline ssize_t uring_call(struct uring *u, uint8_t operation, int fd, void *buffer, size_t length)
{
	unsigned int tail = *u->sq_tail;
	unsigned int slot = tail & *u->sq_mask;
	unsigned int head = *u->cq_head;
	int submit = 1;
	ssize_t result;

	u->entries[slot] = (struct io_uring_sqe){
		.opcode = operation,
		.fd = fd,
		.addr = (uintptr_t)buffer,
		.len = (unsigned int)length,
	};
	u->sq_array[slot] = slot;
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
	/* A request that is under way stays so when a signal comes: only the wait is repeated. */
	while (head == __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE)) {
		long n = syscall(__NR_io_uring_enter, u->fd, submit, 1, IORING_ENTER_GETEVENTS, NULL, 0);

		if (n > 0)
			submit = 0;
		else if (n < 0 && errno != EINTR)
			return -1;
		if (n < 0 && stopping)
			return -1;
	}
	result = u->results[head & *u->cq_mask].res;
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

#endif
