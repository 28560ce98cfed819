/*
 * spread.c - the connections are spread evenly over the workers.
 *
 * The counts in the shared memory are added to in one step.  All that is there
 * only helps to choose a worker: a wrong number makes the spread uneven, and
 * does nothing else.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/serve/spread.h"

enum {
	STUCK_MS = 100, /* a worker that takes nothing for so long */
	SLACK = 32,	/* one in so many more is no difference */
	TRIES = 8	/* others choose at the same time */
};

static uint64_t
shared_number(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

/* Opens all sockets.  False with errno. */
static bool
open_ends(struct spread *sp)
{
	uint64_t i;

	for (i = 0; i < sp->n; i++)
		sp->ends[i][0] = sp->ends[i][1] = -1;
	for (i = 0; i < sp->n; i++)
		if (socketpair(AF_UNIX,
			SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			sp->ends[i]) == -1)
			return false;
	return true;
}

struct spread *
spread_make(uint64_t n)
{
	struct spread *sp = calloc(1, sizeof(*sp));

	if (sp == NULL)
		return NULL;
	sp->n = n;
	sp->ends = calloc(n, sizeof(*sp->ends));
	sp->of = mmap(NULL, n * sizeof(*sp->of), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sp->of == MAP_FAILED)
		sp->of = NULL;
	if (sp->ends != NULL && sp->of != NULL && open_ends(sp))
		return sp;
	spread_free(sp);
	return NULL;
}

void
spread_free(struct spread *sp)
{
	uint64_t i;

	if (sp == NULL)
		return;
	for (i = 0; sp->ends != NULL && i < sp->n; i++) {
		close(sp->ends[i][0]);
		close(sp->ends[i][1]);
	}
	if (sp->of != NULL)
		munmap(sp->of, sp->n * sizeof(*sp->of));
	free(sp->ends);
	free(sp);
}

/* --- what is in the shared memory ---------------------------------------- */

static uint64_t
more(uint64_t now, uint64_t than)
{
	return now > than ? now - than : 0;
}

static uint64_t
load_of(const struct spread_place *p)
{
	uint64_t ended = shared_number(&p->ended);

	return more(shared_number(&p->admitted), ended);
}

static uint64_t
on_the_way(const struct spread_place *p)
{
	uint64_t took = shared_number(&p->took);

	return more(shared_number(&p->sent), took);
}

/* One more, if it has room for it. */
static bool
admit(struct spread_place *p, uint64_t max)
{
	uint64_t admitted = shared_number(&p->admitted);

	do
		if (more(admitted, shared_number(&p->ended)) >= max)
			return false;
	while (!__atomic_compare_exchange_n(&p->admitted, &admitted,
	    admitted + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return true;
}

static int
state_of(const struct spread_place *p)
{
	return __atomic_load_n(&p->state, __ATOMIC_SEQ_CST);
}

/* Will it take a connection soon? */
static bool
is_awake(const struct spread_place *p, int64_t now_ms)
{
	int64_t since = __atomic_load_n(&p->since_ms, __ATOMIC_SEQ_CST);

	return state_of(p) == SPREAD_OPEN &&
	       (on_the_way(p) == 0 || now_ms - since <= STUCK_MS);
}

static void
set_state(struct spread *sp, uint64_t i, enum spread_state state)
{
	__atomic_store_n(&sp->of[i].state, (int)state, __ATOMIC_SEQ_CST);
}

void
spread_start(struct spread *sp, uint64_t i)
{
	struct spread_place *p = &sp->of[i];

	__atomic_store_n(&p->ended,
	    more(shared_number(&p->admitted), on_the_way(p)), __ATOMIC_SEQ_CST);
	set_state(sp, i, SPREAD_STARTING);
}

int
spread_join(struct spread *sp, uint64_t i)
{
	sp->before = shared_number(&sp->of[i].ended);
	set_state(sp, i, SPREAD_OPEN);
	return sp->ends[i][1];
}

void
spread_leave(struct spread *sp, uint64_t i)
{
	set_state(sp, i, SPREAD_LEFT);
}

void
spread_say(struct spread *sp, uint64_t i, uint64_t now)
{
	__atomic_store_n(&sp->of[i].ended, sp->before + more(sp->opened, now),
	    __ATOMIC_SEQ_CST);
}

bool
spread_owes(const struct spread *sp, uint64_t i)
{
	return on_the_way(&sp->of[i]) > 0;
}

/* --- handing over ------------------------------------------------------- */

/*
 * Which worker is to have a connection that worker i has accepted?  It is i
 * itself if the others have hardly fewer, or if nobody has room.
 */
static uint64_t
pick(const struct spread *sp, uint64_t i, uint64_t max, int64_t now_ms)
{
	uint64_t own = load_of(&sp->of[i]), least = max, best = i, load, j;
	bool awake = false, this;

	for (j = 0; j < sp->n; j++) {
		if (j == i || state_of(&sp->of[j]) == SPREAD_LEFT)
			continue;
		load = load_of(&sp->of[j]);
		this = is_awake(&sp->of[j], now_ms);
		if (load >= max || this < awake ||
		    (this == awake && load >= least))
			continue;
		least = load;
		awake = this;
		best = j;
	}
	if (own < max && (!awake || own <= least + least / SLACK))
		return i;
	return best;
}

/* A message of one byte, with room for one descriptor: unix(7), SCM_RIGHTS. */
struct parcel {
	char byte;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr m;
};

static struct msghdr *
parcel_open(struct parcel *p)
{
	*p = (struct parcel){
	    .iov = {&p->byte, 1},
	    .m = {.msg_iov = &p->iov,
		.msg_iovlen = 1,
		.msg_control = &p->control,
		.msg_controllen = sizeof(p->control)},
	};
	return &p->m;
}

static bool
send_descriptor(int to, int fd)
{
	struct parcel p;
	struct msghdr *m = parcel_open(&p);

	p.control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fd)),
	    .cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&p.control.head), &fd, sizeof(fd));
	return sendmsg(to, m, MSG_NOSIGNAL) == 1;
}

/*
 * False: nothing has come.  *fd is -1 if a connection has come, and this
 * process had no descriptor left for it.
 */
static bool
receive_descriptor(int from, int *fd)
{
	struct parcel p;
	struct msghdr *m = parcel_open(&p);

	if (recvmsg(from, m, MSG_CMSG_CLOEXEC) != 1)
		return false;
	*fd = -1;
	if (m->msg_controllen >= CMSG_LEN(sizeof(*fd)))
		memcpy(fd, CMSG_DATA(&p.control.head), sizeof(*fd));
	return true;
}

/* Hands fd over to a worker that has room.  False: it is still ours. */
static bool
send_to(struct spread *sp, uint64_t to, int fd, uint64_t max, int64_t now_ms)
{
	struct spread_place *p = &sp->of[to];

	if (!admit(p, max))
		return false;
	/*
	 * In this order: the other sees that one is coming before it ends, or
	 * we see that it takes no more.
	 */
	if (__atomic_fetch_add(&p->sent, 1, __ATOMIC_SEQ_CST) ==
	    shared_number(&p->took))
		__atomic_store_n(&p->since_ms, now_ms, __ATOMIC_SEQ_CST);
	if (state_of(p) != SPREAD_LEFT &&
	    send_descriptor(sp->ends[to][0], fd)) {
		close(fd);
		return true;
	}
	__atomic_fetch_sub(&p->sent, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_sub(&p->admitted, 1, __ATOMIC_SEQ_CST);
	return false;
}

bool
spread_accepted(
    struct spread *sp, uint64_t i, int fd, uint64_t max, int64_t now_ms)
{
	uint64_t to;
	int tries;

	if (state_of(&sp->of[i]) == SPREAD_LEFT)
		return false;
	for (tries = 0; tries < TRIES; tries++) {
		to = pick(sp, i, max, now_ms);
		if (to == i && admit(&sp->of[i], max))
			break;
		if (to != i && send_to(sp, to, fd, max, now_ms))
			return true;
	}
	if (tries == TRIES)
		__atomic_fetch_add(&sp->of[i].admitted, 1, __ATOMIC_SEQ_CST);
	sp->opened++;
	return false;
}

int
spread_take(struct spread *sp, uint64_t i, int64_t now_ms)
{
	struct spread_place *p = &sp->of[i];
	int fd = -1;

	while (fd == -1 && receive_descriptor(sp->ends[i][1], &fd)) {
		__atomic_store_n(&p->since_ms, now_ms, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&p->took, 1, __ATOMIC_SEQ_CST);
		sp->opened++;
	}
	return fd;
}
