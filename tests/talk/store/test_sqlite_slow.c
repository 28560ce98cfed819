/*
 * test_sqlite_slow.c - a read of the log that takes seconds delays what comes
 * after it by no more than a moment.
 *
 * Another process holds all locks by which readers begin.  SQLite then waits
 * inside the read, and the responder with it.
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

enum {
	READ_LOCKS = 123, /* the first of them, in the -shm file */
	READERS = 5,
	HELD_MS = 3000,
	SOON_MS = 5000 /* a busy machine, too; it was three times HELD_MS */
};

/* Returns the descriptor that has the locks, or -1: somebody reads. */
static int
lock_readers(const struct server *sv)
{
	struct flock locks = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = READ_LOCKS,
	    .l_len = READERS};
	int fd = open(text("%s-shm", sv->db), O_RDWR);

	check(fd != -1);
	if (fcntl(fd, F_SETLK, &locks) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
nobody_reads(struct server *sv)
{
	int fd = lock_readers(sv);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

static void
test_a_slow_read_delays_the_next_by_a_moment(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	int64_t began;
	int fd;

	append(sv, "main", "first"); /* now there is a -shm */
	want_event(c, NULL, NULL, "first");
	freeze_when(sv, nobody_reads);
	append(sv, "main", "slow");
	fd = lock_readers(sv);
	check(fd != -1);
	check(kill(sv->pid, SIGCONT) == 0);
	usleep(HELD_MS * 1000); /* this is how long the read takes */
	close(fd);
	want_event(c, NULL, NULL, "slow");
	began = now_ms();
	append(sv, "main", "next");
	want_event(c, NULL, NULL, "next");
	check(now_ms() - began < SOON_MS);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_slow_read_delays_the_next_by_a_moment),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
