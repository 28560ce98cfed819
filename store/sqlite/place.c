/*
 * place.c - what the place of a log forbids: its mount, its directory, its
 * names.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite/place.h"

/*
 * access(2) asks the mount, too.  But of a user whom the modes forbid it says
 * only that, and then statvfs says the rest.
 */
bool
place_read_only(const char *path)
{
	char real[PATH_MAX];
	struct statvfs vfs;
	const char *dir;

	if (realpath(path, real) == NULL)
		return false;
	dir = dirname(real);
	if (access(dir, W_OK) == 0)
		return false;
	return errno == EROFS ||
	       (statvfs(dir, &vfs) == 0 && (vfs.f_flag & ST_RDONLY) != 0);
}

/* Linux tells since 5.8. */
bool
place_mounted_alone(const char *path)
{
	struct statx sx;

	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE, &sx) ==
		   0 &&
	       S_ISREG(sx.stx_mode) &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool
place_doubt(const char *path, char *why, size_t size)
{
	struct stat sb;

	if (place_mounted_alone(path)) {
		snprintf(why, size,
		    "%s: this file is mounted without its directory: commits "
		    "from outside are in a -wal that is not here: mount the "
		    "directory",
		    path);
		return true;
	}
	if (stat(path, &sb) == -1 || sb.st_nlink < 2)
		return false;
	snprintf(why, size,
	    "%s: this file has %lu names (hard links): each has a -wal of its "
	    "own, and commits by another name are not seen: keep one name",
	    path, (unsigned long)sb.st_nlink);
	return true;
}
