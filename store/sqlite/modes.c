/*
 * modes.c - who may open the files of a log.
 *
 * SQLite gives -wal and -shm the mode of the database, whoever makes them.
 * So where two users share a directory by its group, the database has to be
 * writable for the group before a second user opens it.  Rights are only added
 * here: what an administrator has set is never taken away.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/schema.h"

enum {
	GROUP_BITS = S_IRGRP | S_IWGRP
};

/* Is the directory of path shared by its group? */
static bool
group_shares(const char *path, gid_t *gid)
{
	char copy[PATH_MAX];
	struct stat sb;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy) ||
	    stat(dirname(copy), &sb) == -1)
		return false;
	*gid = sb.st_gid;
	return (sb.st_mode & S_IWGRP) != 0;
}

/*
 * Where the group shares the directory the umask does not count.  That the
 * file gets the group of the directory is only tried: it has it already if the
 * directory is setgid, and a user outside of the group may not give it.
 */
static void
mode_of_new(int fd, const char *path)
{
	gid_t gid;

	if (!group_shares(path, &gid))
		return;
	if (fchown(fd, (uid_t)-1, gid) == -1)
		errno = 0;
	if (fchmod(fd, S_IRUSR | S_IWUSR | GROUP_BITS) == -1)
		errno = 0; /* modes_share will say so */
}

char *
modes_create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);

	if (fd == -1 && errno != EEXIST)
		return NULL;
	if (fd != -1) {
		mode_of_new(fd, path);
		close(fd);
	}
	return realpath(path, NULL);
}

/* Gives the group its bits; a file that is not there needs none. */
static int
share_file(const char *path)
{
	struct stat sb;

	if (stat(path, &sb) == -1)
		return errno == ENOENT ? 0 : -1;
	if ((sb.st_mode & GROUP_BITS) == GROUP_BITS)
		return 0;
	return chmod(path, (sb.st_mode & ALLPERMS) | GROUP_BITS);
}

int
modes_share(const char *real_path)
{
	static const char *const beside[] = {"", "-wal", "-shm"};
	char path[PATH_MAX];
	size_t i;
	gid_t gid;

	if (!group_shares(real_path, &gid))
		return 0;
	for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		if (snprintf(path, sizeof(path), "%s%s", real_path,
			beside[i]) >= (int)sizeof(path)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (share_file(path) == -1)
			return -1;
	}
	return 0;
}
