/*
 * who.c - which processes have the log open to change it.
 *
 * A single publisher waits for nobody.  Of several each has to wait for the
 * others, and whether it does cannot be seen from outside.  A process whose
 * descriptors we may not see is not counted.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/check/check.h"

enum {
	NAMES_SIZE = 256
};

static const struct check_kind publishers = {"publishers", STORE_NOTE, true,
    "Each has to wait for the others, or its inserts fail with `database is "
    "locked`: give each a busy timeout."};

/* Is the descriptor of this process open for writing? */
static bool
writes(const char *pid, const char *fd)
{
	char path[128], line[128];
	unsigned flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%.20s", pid, fd);
	if ((f = fopen(path, "re")) == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	fclose(f);
	return (flags & O_ACCMODE) != O_RDONLY;
}

static bool
has_it_open(const struct check *ck, const char *pid)
{
	const struct stat *db = &ck->st[CHECK_DB];
	struct dirent *de;
	struct stat sb;
	char path[64];
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	if ((dir = opendir(path)) == NULL)
		return false;
	while (!found && (de = readdir(dir)) != NULL)
		found = de->d_name[0] != '.' &&
			fstatat(dirfd(dir), de->d_name, &sb, 0) == 0 &&
			sb.st_ino == db->st_ino && sb.st_dev == db->st_dev &&
			writes(pid, de->d_name);
	closedir(dir);
	return found;
}

void
check_who(const struct check *ck)
{
	const char *mend[] = {
	    "sqlite3 -cmd '.timeout 5000' FILE 'INSERT ...'", NULL};
	char names[NAMES_SIZE] = "", name[64];
	DIR *dir = opendir("/proc");
	struct dirent *de;
	size_t len = 0;
	int n = 0;

	while (dir != NULL && (de = readdir(dir)) != NULL) {
		if (de->d_name[strspn(de->d_name, "0123456789")] != '\0' ||
		    atoi(de->d_name) == getpid() ||
		    !has_it_open(ck, de->d_name))
			continue;
		check_process(name, sizeof(name), atoi(de->d_name));
		if (len < sizeof(names))
			len +=
			    (size_t)snprintf(names + len, sizeof(names) - len,
				"%s%s", n > 0 ? ", " : "", name);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	if (n > 1)
		check_tell(ck, &publishers, mend,
		    "%d processes have it open to write: %s", n, names);
}
