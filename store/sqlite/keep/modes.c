/*
 * modes.c - who may open the files of a log.
 *
 * SQLite gives -wal and -shm the mode of the database, whoever makes them.
 * So where two users share a directory by its group, the database has to be
 * writable for the group before a second user opens it.  Rights are only added
 * here: what an administrator has set is never taken away.
 *
 * Root may do this in a directory where others can write, who may put a link or
 * another's file under a name of ours at any moment.  So a file is opened
 * first, without following a link, then it is judged, and what is changed is
 * what was opened.
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

#include "store/sqlite/keep/schema.h"

enum {
	NEW_BITS = S_IRUSR | S_IWUSR | S_IRGRP,
	GROUP_BITS = S_IRGRP | S_IWGRP
};

/* The directory of path, not to be read but to find files in.  -1: errno. */
static int
open_directory(const char *path, struct stat *sb)
{
	char copy[PATH_MAX];
	int fd;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 && fstat(fd, sb) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool
group_shares(const struct stat *dir)
{
	return (dir->st_mode & S_IWGRP) != 0;
}

/*
 * Where the group shares the directory the umask does not count.  That the
 * file gets the group of the directory is only tried: it has it already if the
 * directory is setgid, and a user outside of the group may not give it.
 */
static void
mode_of_new(int fd, const struct stat *dir)
{
	if (!group_shares(dir))
		return;
	if (fchown(fd, (uid_t)-1, dir->st_gid) == -1)
		errno = 0;
	if (fchmod(fd, S_IRUSR | S_IWUSR | GROUP_BITS) == -1)
		errno = 0; /* modes_share will say so */
}

char *
modes_create(const char *path)
{
	char copy[PATH_MAX];
	struct stat dir;
	int in = open_directory(path, &dir), fd;

	if (in == -1)
		return NULL;
	snprintf(copy, sizeof(copy), "%s", path);
	fd = openat(in, basename(copy),
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, NEW_BITS);
	if (fd != -1) {
		mode_of_new(fd, &dir);
		close(fd);
	}
	close(in);
	return fd == -1 && errno != EEXIST ? NULL : realpath(path, NULL);
}

/*
 * Is it a file of this log, and not one that somebody else put under its name?
 * It is where the log is, which may be another device than the directory's if
 * that is an overlay of two file systems.  It has one name, and it belongs to
 * the one who asks, to the owner of the log or of the directory, or at least to
 * the directory's group and not to root.
 */
static bool
is_of_log(const struct stat *sb, const struct stat *dir, const struct stat *db)
{
	if (!S_ISREG(sb->st_mode) || sb->st_nlink != 1 ||
	    sb->st_dev != db->st_dev)
		return false;
	if (sb->st_uid == 0) /* what root makes, SQLite gives to db's owner */
		return db->st_uid == 0;
	return sb->st_uid == geteuid() || sb->st_uid == db->st_uid ||
	       sb->st_uid == dir->st_uid || sb->st_gid == dir->st_gid;
}

/* Gives the group its bits; the file was opened by O_PATH, which takes no
   lock of SQLite's away when it is closed, but which fchmod refuses. */
static int
add_bits(int fd, mode_t mode)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, (mode & ALLPERMS) | GROUP_BITS);
}

/*
 * Shares one file.  A file that is not there needs no rights.  The first one is
 * the log itself, and sets db.  Returns NULL, or why it was not done.
 */
static const char *
share_file(int in, const char *name, const struct stat *dir, struct stat *db,
    bool is_db)
{
	int fd = openat(in, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	const char *why = NULL;
	struct stat sb;

	if (fd == -1)
		return errno == ENOENT ? NULL : strerror(errno);
	if (fstat(fd, &sb) == -1)
		why = strerror(errno);
	else {
		if (is_db)
			*db = sb;
		if (!is_of_log(&sb, dir, db))
			why = "it is a link, or another's file, and was left "
			      "as it is";
		else if ((sb.st_mode & GROUP_BITS) != GROUP_BITS &&
			 add_bits(fd, sb.st_mode) == -1)
			why = strerror(errno);
	}
	close(fd);
	return why;
}

int
modes_share(const char *real_path, char *why, size_t size)
{
	static const char *const beside[] = {"", "-wal", "-shm"};
	char copy[PATH_MAX], name[PATH_MAX + 8];
	struct stat dir, db = {0};
	const char *wrong = NULL;
	size_t i;
	int in = open_directory(real_path, &dir);

	if (in == -1) {
		snprintf(why, size, "%s", strerror(errno));
		return -1;
	}
	snprintf(copy, sizeof(copy), "%s", real_path);
	for (i = 0; group_shares(&dir) && wrong == NULL &&
		    i < sizeof(beside) / sizeof(beside[0]);
	     i++) {
		snprintf(name, sizeof(name), "%s%s", basename(copy), beside[i]);
		wrong = share_file(in, name, &dir, &db, i == 0);
	}
	close(in);
	if (wrong == NULL)
		return 0;
	snprintf(why, size, "%s: %s", name, wrong);
	return -1;
}
