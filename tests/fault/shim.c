/*
 * shim.c - the kernel as a test wants it: reads that take long or fail, and no
 * inotify.  It is loaded before the responder (LD_PRELOAD).
 *
 * The test writes numbers into the file that $SHIM names, and the responder
 * has that file mapped.  It waits in poll, which its sandbox allows.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static volatile int *word; /* stall_ms, error, no_inotify, reads */
static ssize_t (*real_pread)(int, void *, size_t, off_t);

__attribute__((constructor)) static void
begin(void)
{
	const char *name = getenv("SHIM");
	int fd = name != NULL ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	*(void **)&real_pread = dlsym(RTLD_NEXT, "pread64");
	if (fd < 0)
		return;
	map = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		word = map;
	close(fd);
}

ssize_t
pread64(int fd, void *buf, size_t len, off_t at)
{
	if (word != NULL && word[0] > 0) {
		word[3]++;
		poll(NULL, 0, word[0]);
	}
	if (word != NULL && word[1] != 0) {
		word[3]++;
		errno = word[1];
		return -1;
	}
	return real_pread(fd, buf, len, at);
}

ssize_t
pread(int fd, void *buf, size_t len, off_t at)
{
	return pread64(fd, buf, len, at);
}

int
inotify_init1(int flags)
{
	static int (*real)(int);

	if (word != NULL && word[2] != 0) {
		errno = word[2];
		return -1;
	}
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "inotify_init1");
	return real(flags);
}
