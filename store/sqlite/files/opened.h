/*
 * opened.h - which files SQLite has open in this process.
 *
 * A path says which file has the name now.  SQLite does not say which file it
 * has opened, and opening one of them again would take away the locks of the
 * whole process.  So SQLite's own calls of open, close, mmap and munmap are
 * passed through here and noted.
 *
 * A -shm is mapped memory, and whoever truncates it in place (`cp -a' over a
 * log that is open) makes the next look into it a SIGBUS.  It is caught here:
 * the lost page becomes a page of zeros of our own, SQLite finds no index in it
 * and makes one, and `lost' tells that the file has to be opened again.
 */
#ifndef STORE_OPENED_H
#define STORE_OPENED_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct opened {
	int fd; /* SQLite's: not to be closed */
	dev_t dev;
	ino_t ino;		      /* 0: nothing is known of it */
	const volatile uint32_t *map; /* the first page of a -shm, or NULL */
	bool lost;		      /* a page of it was truncated under us */
};

/* Begins to note.  Call it before the first connection is made. */
void opened_begin(void);

/* A number that grows with each file; for `since'. */
uint64_t opened_now(void);

/* How many pages were lost so far, of any file. */
unsigned opened_losses(void);

/*
 * What was opened first under this path, of what was opened after `since', and
 * is open still.  If there is none, another connection of this process may
 * share its file with us: then what was opened last.  False: no file is open.
 */
bool opened_find(const char *path, uint64_t since, struct opened *);

#endif
