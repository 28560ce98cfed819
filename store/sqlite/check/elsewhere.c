/*
 * elsewhere.c - does everybody who has the log open have the same -wal?
 *
 * SQLite finds -wal and -shm by the name of the file.  One file by two names,
 * or mounted into a container without its directory, is one database with two
 * WALs.  Who does this is seen in /proc: a process has our file open, and
 * beside it a -wal or -shm that is not ours.  A process whose descriptors we
 * may not see is not found.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/check/check.h"
#include "store/sqlite/place.h"

#define EFFECT                                                              \
	"Commits by the other name are not seen here, nor ours there, and " \
	"with "                                                             \
	"publishers on both sides the log is damaged."

static const struct check_kind another_name = {
    "elsewhere", STORE_AILING, true, EFFECT};
static const struct check_kind other_wal = {
    "elsewhere", STORE_SICK, true, EFFECT};

/* The name under which the process sees its descriptor, or "". */
static void
read_name(int dir, const char *fd, char name[PATH_MAX])
{
	ssize_t n = readlinkat(dir, fd, name, PATH_MAX - 1);

	name[n > 0 ? n : 0] = '\0';
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Its name for our file.  False: the process does not have it open. */
static bool
find_log(const struct check *ck, DIR *fds, char name[PATH_MAX])
{
	struct dirent *de;
	struct stat sb;

	while ((de = readdir(fds)) != NULL)
		if (de->d_name[0] != '.' &&
		    fstatat(dirfd(fds), de->d_name, &sb, 0) == 0 &&
		    same_file(&sb, &ck->st[CHECK_DB])) {
			read_name(dirfd(fds), de->d_name, name);
			return true;
		}
	return false;
}

/* Does it have a -wal or -shm open beside that name, which is not ours? */
static bool
has_other_wal(const struct check *ck, DIR *fds, const char *log)
{
	char name[PATH_MAX];
	size_t len = strlen(log);
	struct stat sb, ours;
	struct dirent *de;
	bool wal;

	rewinddir(fds);
	while ((de = readdir(fds)) != NULL) {
		read_name(dirfd(fds), de->d_name, name);
		if (strncmp(name, log, len) != 0)
			continue;
		wal = strcmp(name + len, "-wal") == 0;
		if ((wal || strcmp(name + len, "-shm") == 0) &&
		    fstatat(dirfd(fds), de->d_name, &sb, 0) == 0 &&
		    (stat(ck->file[wal ? CHECK_WAL : CHECK_SHM], &ours) == -1 ||
			!same_file(&sb, &ours)))
			return true;
	}
	return false;
}

/* Tells of a process.  False: all is well with it. */
static bool
check_its_files(const struct check *ck, const char *pid)
{
	const char *mend[] = {"give it the directory of the log, and the name "
			      "that all others use",
	    NULL};
	char path[64], log[PATH_MAX], who[64];
	bool found = false;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	if ((fds = opendir(path)) == NULL)
		return false;
	if (find_log(ck, fds, log) && has_other_wal(ck, fds, log)) {
		check_process(who, sizeof(who), atoi(pid));
		check_tell(ck, &other_wal, mend,
		    "%s has it open as %s, with a -wal that is not %s", who,
		    log, ck->file[CHECK_WAL]);
		found = true;
	}
	closedir(fds);
	return found;
}

static bool
check_processes(const struct check *ck)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;
	bool found = false;

	while (!found && dir != NULL && (de = readdir(dir)) != NULL)
		found = de->d_name[strspn(de->d_name, "0123456789")] == '\0' &&
			check_its_files(ck, de->d_name);
	if (dir != NULL)
		closedir(dir);
	return found;
}

void
check_elsewhere(const struct check *ck)
{
	char names[CHECK_QUOTED + 64];
	const char *mount[] = {"mount its directory, and not the file", NULL};
	const char *link[] = {names, "keep one of these names", NULL};

	if (check_processes(ck))
		return;
	if (place_mounted_alone(ck->file[CHECK_DB])) {
		check_tell(ck, &other_wal, mount,
		    "%s is mounted without its directory: whoever opens it "
		    "elsewhere has another -wal",
		    ck->file[CHECK_DB]);
		return;
	}
	if (ck->st[CHECK_DB].st_nlink < 2)
		return;
	snprintf(names, sizeof(names), "find / -xdev -samefile %s",
	    ck->word[CHECK_DB]);
	check_tell(ck, &another_name, link,
	    "%s has %lu names (hard links), and by each SQLite finds another "
	    "-wal",
	    ck->file[CHECK_DB], (unsigned long)ck->st[CHECK_DB].st_nlink);
}
