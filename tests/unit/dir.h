/*
 * dir.h - a directory that belongs to one test, below $TMPDIR.
 */
#ifndef DIR_H
#define DIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	DIR_SIZE = 128
};

/* Makes the directory and sets its path.  -1: it could not be made. */
static inline int
dir_make(char dir[DIR_SIZE])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(
	    dir, DIR_SIZE, "%s/largesse.XXXXXX", tmp != NULL ? tmp : "/tmp");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static inline int
dir_remove_one(
    const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb, (void)flag, (void)ftw;
	return remove(path);
}

/* Removes the directory and all that is in it.  Not 0: something is left. */
static inline int
dir_remove(const char *dir)
{
	return nftw(dir, dir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
