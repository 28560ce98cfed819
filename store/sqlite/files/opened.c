/*
 * opened.c - which files SQLite has open in this process.
 *
 * SQLite's calls have no argument that could carry a struct of ours, and a
 * signal has none either.  So this is the one place of store/ that has state
 * of its own: what is open in a process is one thing for all of it.
 *
 * The functions that SQLite calls are those by which it calls the system.  They
 * do what they always do.  If there is no room for a note, the file is one of
 * which nothing is known.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/hash.h"
#include "store/sqlite/files/opened.h"

enum {
	FILES = 64,
	MAPS = 1024, /* 32 KB each: of a -wal of 4 million pages */
	PAGE = 4096  /* no page is smaller */
};

struct note {
	uint64_t serial; /* 0: free */
	uint64_t path;	 /* a hash */
	int fd;
	dev_t dev;
	ino_t ino;
};

struct map {
	char *at; /* NULL: free */
	size_t len;
	int note; /* of FILES */
	off_t offset;
	volatile sig_atomic_t lost;
};

static struct {
	bool begun;
	uint64_t serial;
	struct note note[FILES];
	struct map map[MAPS];
	int maps; /* none behind so many was ever in use */
	volatile sig_atomic_t losses;
	struct sigaction before; /* of SIGBUS */
	int (*open)(const char *, int, int);
	int (*close)(int);
	void *(*mmap)(void *, size_t, int, int, int, off_t);
	int (*munmap)(void *, size_t);
} opened;

static uint64_t
hash_path(const char *s)
{
	return store_hash(STORE_HASH_BEGIN, s, strlen(s));
}

/* --- what SQLite calls -------------------------------------------------- */

static void
note_file(int fd, const char *path)
{
	struct stat sb;
	int i;

	for (i = 0; i < FILES && opened.note[i].serial != 0; i++)
		continue;
	if (i == FILES || fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode))
		return;
	opened.note[i] = (struct note){
	    ++opened.serial, hash_path(path), fd, sb.st_dev, sb.st_ino};
}

static int
note_of(int fd)
{
	int i;

	for (i = 0; i < FILES; i++)
		if (opened.note[i].serial != 0 && opened.note[i].fd == fd)
			return i;
	return -1;
}

static int
pass_open(const char *path, int flags, int mode)
{
	int fd = opened.open(path, flags, mode);

	if (fd != -1)
		note_file(fd, path);
	return fd;
}

static int
pass_close(int fd)
{
	int i = note_of(fd);

	if (i != -1)
		opened.note[i].serial = 0;
	return opened.close(fd);
}

static void *
pass_mmap(void *hint, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *at = opened.mmap(hint, len, prot, flags, fd, offset);
	int i = 0, note = at == MAP_FAILED ? -1 : note_of(fd);

	while (i < opened.maps && opened.map[i].at != NULL)
		i++;
	if (note == -1 || i == MAPS)
		return at;
	if (i == opened.maps)
		opened.maps++;
	opened.map[i] =
	    (struct map){.at = at, .len = len, .note = note, .offset = offset};
	return at;
}

static int
pass_munmap(void *at, size_t len)
{
	int i;

	for (i = 0; i < opened.maps; i++)
		if (opened.map[i].at == at)
			opened.map[i].at = NULL;
	return opened.munmap(at, len);
}

/* --- a page that is gone ------------------------------------------------ */

static struct map *
map_of(const char *at)
{
	int i;

	for (i = 0; i < opened.maps; i++)
		if (opened.map[i].at != NULL && at >= opened.map[i].at &&
		    at < opened.map[i].at + opened.map[i].len)
			return &opened.map[i];
	return NULL;
}

/*
 * Any other page is none of ours.  Then the signal does what it did before, as
 * soon as the same instruction is tried again.
 */
static void
on_bus(int signum, siginfo_t *info, void *context)
{
	struct map *m = map_of(info->si_addr);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at;

	(void)context;
	if (m != NULL) {
		at = m->at +
		     (size_t)((char *)info->si_addr - m->at) / page * page;
		if (mmap(at, page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			0) != MAP_FAILED) {
			m->lost = 1;
			opened.losses++;
			return;
		}
	}
	sigaction(signum, &opened.before, NULL);
}

/* --- for connections ---------------------------------------------------- */

void
opened_begin(void)
{
	struct sigaction sa = {
	    .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sqlite3_vfs *vfs;

	if (opened.begun)
		return;
	opened.begun = true;
	vfs = sqlite3_vfs_find(NULL);
	if (vfs == NULL || vfs->iVersion < 3 || vfs->xSetSystemCall == NULL)
		return;
	opened.open =
	    (int (*)(const char *, int, int))vfs->xGetSystemCall(vfs, "open");
	opened.close = (int (*)(int))vfs->xGetSystemCall(vfs, "close");
	opened.mmap = (void *(*)(void *, size_t, int, int, int,
	    off_t))vfs->xGetSystemCall(vfs, "mmap");
	opened.munmap =
	    (int (*)(void *, size_t))vfs->xGetSystemCall(vfs, "munmap");
	if (opened.open == NULL || opened.close == NULL ||
	    opened.mmap == NULL || opened.munmap == NULL)
		return;
	vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)pass_open);
	vfs->xSetSystemCall(vfs, "close", (sqlite3_syscall_ptr)pass_close);
	vfs->xSetSystemCall(vfs, "mmap", (sqlite3_syscall_ptr)pass_mmap);
	vfs->xSetSystemCall(vfs, "munmap", (sqlite3_syscall_ptr)pass_munmap);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &opened.before);
}

uint64_t
opened_now(void)
{
	return opened.serial;
}

unsigned
opened_losses(void)
{
	return (unsigned)opened.losses;
}

static int
find_note(const char *path, uint64_t since)
{
	uint64_t hash = hash_path(path);
	int i, first = -1, last = -1;

	for (i = 0; i < FILES; i++) {
		const struct note *n = &opened.note[i];

		if (n->serial == 0 || n->path != hash)
			continue;
		if (last == -1 || n->serial > opened.note[last].serial)
			last = i;
		if (n->serial > since &&
		    (first == -1 || n->serial < opened.note[first].serial))
			first = i;
	}
	return first != -1 ? first : last;
}

bool
opened_find(const char *path, uint64_t since, struct opened *o)
{
	int i, note = find_note(path, since);

	if (note == -1)
		return false;
	*o = (struct opened){.fd = opened.note[note].fd,
	    .dev = opened.note[note].dev,
	    .ino = opened.note[note].ino};
	for (i = 0; i < opened.maps; i++) {
		const struct map *m = &opened.map[i];

		if (m->at == NULL || m->note != note)
			continue;
		o->lost |= m->lost != 0;
		if (m->offset == 0)
			o->map = (const volatile uint32_t *)(const void *)m->at;
	}
	return true;
}
