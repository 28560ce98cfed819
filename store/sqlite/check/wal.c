/*
 * wal.c - is the WAL taken back into the log, and if not, who is in the way?
 *
 * All of it is read from outside: the head of the -shm file
 * (sqlite.org/walformat.html, section 2), and in /proc/locks who holds which of
 * its locks.  A connection of ours would be one more reader in the way.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/check/check.h"

enum {
	LOOKS = 5,
	LOOK_MS = 250,
	MARKS = 5,
	STUCK_FRAMES = 4000, /* four times where SQLite checkpoints by itself */
	BIG_BYTES = 64 << 20,
	BYTE_WRITE = 120,	   /* a byte of -shm for each lock */
	BYTE_READ = BYTE_WRITE + 3 /* MARKS of them */
};

/* The beginning of -shm: two equal copies of the head, and checkpoints. */
struct shm_head {
	uint32_t version, unused, change;
	uint8_t is_init, big_end;
	uint16_t page_size;
	uint32_t frames, pages, sum[2], salt[2], head_sum[2];
};
struct shm {
	struct shm_head head, copy;
	uint32_t backfill, mark[MARKS];
};

/* One look. */
struct wal_look {
	bool ok;
	uint32_t frames, backfill, mark[MARKS], page_size;
	int writer, reader[MARKS]; /* pids; 0: nobody */
};

static const struct check_kind pinned = {"checkpoint", STORE_SICK, true,
    "The WAL cannot be taken back into the log: it grows with every event, "
    "and each read of it takes longer."};
static const struct check_kind unattended = {"checkpoint", STORE_AILING, false,
    "The WAL grows with every event, and each read of it takes longer."};
static const struct check_kind write_lock = {"writer", STORE_SICK, true,
    "All other publishers fail with `database is locked`."};
static const struct check_kind big = {"wal-size", STORE_NOTE, true,
    "It was held up once; the room is used again, but not given back."};

static void
take_lock(struct wal_look *look, int pid, long from, long to, bool write)
{
	int i;

	if (write && from <= BYTE_WRITE && to >= BYTE_WRITE)
		look->writer = pid;
	for (i = 0; !write && i < MARKS; i++)
		if (from <= BYTE_READ + i && to >= BYTE_READ + i)
			look->reader[i] = pid;
}

/* `1: POSIX  ADVISORY  READ  4711 08:01:131 124 124` */
static void
read_locks(struct wal_look *look, ino_t ino)
{
	FILE *f = fopen("/proc/locks", "re");
	unsigned long inode;
	char line[256], kind[16];
	long from, to;
	int pid;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*d: POSIX %*s %15s %d %*x:%*x:%lu %ld %ld",
			kind, &pid, &inode, &from, &to) == 5 &&
		    inode == ino && from >= BYTE_WRITE)
			take_lock(
			    look, pid, from, to, strcmp(kind, "WRITE") == 0);
	if (f != NULL)
		fclose(f);
}

static struct wal_look
look_once(const struct check *ck)
{
	struct wal_look look = {0};
	struct shm shm;
	struct stat sb;
	int fd = open(ck->file[CHECK_SHM],
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return look;
	look.ok = fstat(fd, &sb) == 0 &&
		  pread(fd, &shm, sizeof(shm), 0) == sizeof(shm) &&
		  memcmp(&shm.head, &shm.copy, sizeof(shm.head)) == 0 &&
		  shm.head.is_init == 1;
	close(fd);
	if (!look.ok)
		return look;
	look.frames = shm.head.frames;
	look.backfill = shm.backfill;
	memcpy(look.mark, shm.mark, sizeof(look.mark));
	look.page_size = shm.head.page_size == 1 ? 65536 : shm.head.page_size;
	read_locks(&look, sb.st_ino);
	return look;
}

/* --- what it means ------------------------------------------------------ */

/* A reader that in all looks keeps the same snapshot, older than the end. */
static int
holder(const struct wal_look *look)
{
	int i, j;

	for (i = 0; i < MARKS; i++) {
		for (j = 0; j < LOOKS; j++)
			if (look[j].reader[i] == 0 ||
			    look[j].reader[i] != look[0].reader[i] ||
			    look[j].mark[i] != look[0].mark[i] ||
			    look[j].mark[i] >= look[j].frames)
				break;
		if (j == LOOKS)
			return look[0].reader[i];
	}
	return 0;
}

/* Is there much, and was nothing of it taken back from look to look? */
static bool
stuck(const struct wal_look *look)
{
	int i;

	for (i = 0; i < LOOKS; i++)
		if (!look[i].ok ||
		    look[i].frames < look[i].backfill + STUCK_FRAMES ||
		    look[i].backfill != look[0].backfill)
			return false;
	return true;
}

static void
tell_stuck(const struct check *ck, const struct wal_look *look)
{
	char who[64], checkpoint[PATH_MAX + 64];
	const char *reader[] = {
	    "end it, or let it end its transaction after each read", NULL};
	const char *nobody[] = {checkpoint, NULL};
	uint64_t bytes =
	    (uint64_t)(look->frames - look->backfill) * look->page_size;
	int pid = holder(look);

	snprintf(checkpoint, sizeof(checkpoint),
	    "sqlite3 %s 'PRAGMA wal_checkpoint(TRUNCATE)'", ck->word[CHECK_DB]);
	check_process(who, sizeof(who), pid);
	if (pid != 0)
		check_tell(ck, &pinned, reader,
		    "%" PRIu64 " MB of the WAL wait for %s, which has held a "
		    "read transaction open",
		    bytes >> 20, who);
	else
		check_tell(ck, &unattended, nobody,
		    "%" PRIu64 " MB of the WAL wait, and no reader is in the "
		    "way: publishers that set wal_autocheckpoint=0?",
		    bytes >> 20);
}

/* A process that holds the lock in all looks and commits nothing. */
static void
check_writer(const struct check *ck, const struct wal_look *look)
{
	const char *mend[] = {"end it, or let it commit", NULL};
	char who[64];
	int i;

	for (i = 0; i < LOOKS; i++)
		if (!look[i].ok || look[i].writer == 0 ||
		    look[i].writer != look[0].writer ||
		    look[i].frames != look[0].frames)
			return;
	check_process(who, sizeof(who), look[0].writer);
	check_tell(ck, &write_lock, mend,
	    "%s has a transaction open that writes, and does not commit", who);
}

void
check_wal(const struct check *ck)
{
	static const struct timespec pause = {0, LOOK_MS * 1000000};
	struct wal_look look[LOOKS];
	char checkpoint[PATH_MAX + 64];
	const char *mend[] = {checkpoint, NULL};
	int i;

	for (i = 0; i < LOOKS; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		look[i] = look_once(ck);
	}
	check_writer(ck, look);
	if (stuck(look))
		tell_stuck(ck, look);
	else if (ck->st[CHECK_WAL].st_size > BIG_BYTES) {
		snprintf(checkpoint, sizeof(checkpoint),
		    "sqlite3 %s 'PRAGMA wal_checkpoint(TRUNCATE)'",
		    ck->word[CHECK_DB]);
		check_tell(ck, &big, mend, "%s has %lld MB",
		    ck->file[CHECK_WAL],
		    (long long)ck->st[CHECK_WAL].st_size >> 20);
	}
}
