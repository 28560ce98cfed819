/*
 * check.c - what is wrong with a log: sqlite_check.
 *
 * A check must do no harm.  When there is no -wal and -shm, nobody is
 * connected, and the file is read as it lies (immutable).  To open it in the
 * usual way would make them, and they would belong to the user who asks.
 */
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/check/check.h"
#include "store/sqlite/files/opened.h"
#include "store/sqlite/keep/schema.h"

enum {
	WAL_FORMAT = 2,	      /* bytes 18 and 19 of the file */
	LOW_BYTES = 32 << 20, /* of room on the disk */
};

/* --- the file ----------------------------------------------------------- */

static const struct check_kind no_file = {
    "missing", STORE_SICK, true, "There is no log to read or to publish to."};
static const struct check_kind not_wal = {"journal", STORE_SICK, true,
    "Readers and publishers lock each other out: inserts fail with "
    "`database is locked`, and streams are late."};
static const struct check_kind network = {"file-system", STORE_SICK, false,
    "WAL wants memory that all processes share, which there is not between "
    "two machines: commits are not seen, or the log is damaged."};
static const struct check_kind full = {"disk", STORE_AILING, true,
    "Soon publishers fail with `database or disk is full`."};

/* The log's own name, without links, and those of what lies beside it. */
static bool
find_files(struct check *ck)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char *real = realpath(ck->path, NULL), *copy;
	int f;

	if (real == NULL)
		return false;
	for (f = CHECK_DB; f <= CHECK_SHM; f++)
		snprintf(ck->file[f], PATH_MAX, "%s%s", real, suffix[f]);
	copy = real; /* which dirname may cut */
	snprintf(ck->file[CHECK_DIR], PATH_MAX, "%s", dirname(copy));
	free(real);
	for (f = 0; f < CHECK_FILES; f++) {
		ck->there[f] = stat(ck->file[f], &ck->st[f]) == 0;
		shell_quote(ck->word[f], CHECK_QUOTED, ck->file[f]);
	}
	return ck->there[CHECK_DB];
}

static void
check_disk(const struct check *ck)
{
	static const struct {
		long type;
		const char *name;
	} far[] = {{0x6969, "NFS"}, {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},
	    {0x01021997, "9P"}, {0x00c36400, "Ceph"}, {0x5346414f, "AFS"}};
	const char *mend[] = {"keep the log on a disk of this machine", NULL};
	struct statvfs room;
	struct statfs fs;
	size_t i;

	if (statfs(ck->file[CHECK_DIR], &fs) == 0)
		for (i = 0; i < sizeof(far) / sizeof(far[0]); i++)
			if ((long)fs.f_type == far[i].type)
				check_tell(ck, &network, mend, "%s is on %s",
				    ck->file[CHECK_DB], far[i].name);
	if (statvfs(ck->file[CHECK_DIR], &room) == 0 &&
	    (uint64_t)room.f_bavail * room.f_frsize < LOW_BYTES)
		check_tell(ck, &full, NULL, "%s has %" PRIu64 " MB left",
		    ck->file[CHECK_DIR],
		    (uint64_t)room.f_bavail * room.f_frsize >> 20);
}

/* The format in which it is written; 0: it is no database. */
static int
file_format(const struct check *ck)
{
	uint8_t head[20] = {0};
	int fd = open(
	    ck->file[CHECK_DB], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool whole = fd != -1 && read(fd, head, sizeof(head)) == sizeof(head);

	if (fd != -1)
		close(fd);
	return whole && memcmp(head, "SQLite format 3", 16) == 0 ? head[18] : 0;
}

/* `file:` and the path, with what means something in a URI escaped. */
static sqlite3 *
open_as_it_lies(const struct check *ck)
{
	const char *p = ck->file[CHECK_DB];
	char uri[3 * PATH_MAX + 32], *to = uri + sprintf(uri, "file:");
	sqlite3 *db = NULL;

	for (; *p != '\0'; p++)
		if (strchr("?#%", *p) != NULL)
			to += sprintf(to, "%%%02x", *p);
		else
			*to++ = *p;
	sprintf(to, "?mode=ro%s",
	    ck->there[CHECK_WAL] && ck->there[CHECK_SHM] ? "" : "&immutable=1");
	opened_begin();
	sqlite3_open_v2(uri, &db,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	if (db != NULL)
		sqlite3_busy_timeout(db, 1000);
	return db;
}

/* --- all of it ---------------------------------------------------------- */

/* False: it is no log, whoever asks. */
static bool
check_content(const struct check *ck, char *summary, size_t size)
{
	const char *mend[] = {ck->init, NULL};
	int format = file_format(ck);
	sqlite3 *db;
	bool is_log;

	if (access(ck->file[CHECK_DB], R_OK) == -1) {
		check_tell(ck, &check_unreadable, NULL, "%s: %s",
		    ck->file[CHECK_DB], strerror(errno));
		return true;
	}
	if (format == 0 && ck->st[CHECK_DB].st_size > 0) {
		check_tell(ck, &check_no_log, NULL, "%s is no SQLite database",
		    ck->file[CHECK_DB]);
		return false;
	}
	db = open_as_it_lies(ck);
	is_log = check_tables(ck, db, summary, size);
	sqlite3_close(db);
	if (is_log && format != WAL_FORMAT)
		check_tell(ck, &not_wal, mend, "%s is not in WAL mode",
		    ck->file[CHECK_DB]);
	return is_log;
}

/* Of a file that is there: is it a log, and what is wrong with it? */
static int
check_file(const struct check *ck, char *summary, size_t size)
{
	if (!S_ISREG(ck->st[CHECK_DB].st_mode)) {
		check_tell(ck, &check_no_log, NULL, "%s is no file", ck->path);
		return 0;
	}
	if (!check_content(ck, summary, size))
		return 0;
	check_disk(ck);
	check_wal(ck);
	check_who(ck);
	check_elsewhere(ck);
	return check_rights(ck);
}

int
sqlite_check(const char *path, const struct store_check *want, char *summary,
    size_t size)
{
	struct check *ck = calloc(1, sizeof(*ck));
	const char *mend[2] = {NULL};
	int r = 0;

	*summary = '\0';
	if (ck == NULL) {
		snprintf(summary, size, "out of memory");
		return -1;
	}
	ck->want = want;
	ck->path = path;
	strcpy(ck->init, "largesse init ");
	shell_quote(ck->init + strlen(ck->init), CHECK_QUOTED, path);
	mend[0] = ck->init;
	if (find_files(ck))
		r = check_file(ck, summary, size);
	else
		check_tell(ck, errno == EACCES ? &check_unreadable : &no_file,
		    errno == ENOENT ? mend : NULL, "%s: %s", path,
		    strerror(errno));
	if (r == -1)
		snprintf(summary, size, "no memory, or no such user");
	free(ck);
	return r;
}
