/*
 * test_sqlite_files.c - the files of a log are moved, removed, linked and
 * written over while it is read, in any order.  Either a commit still reaches
 * the streams, or health says that it does not, and a line says why.
 *
 * All publishers are processes of their own: a -shm that is truncated kills
 * whoever has it mapped, and closing a file of the log drops all locks of its
 * process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/talk/peer/posts.h"
#include "tests/talk/peer/witness.h"

/* --- publishers --------------------------------------------------------- */

/* A child that lives and dies with the test and has none of its files. */
static pid_t
child(int keep_in, int keep_out)
{
	pid_t pid = fork();

	check(pid != -1);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	if (keep_in != -1)
		dup2(keep_in, STDIN_FILENO);
	if (keep_out != -1)
		dup2(keep_out, STDOUT_FILENO);
	close_range(3, ~0U, 0);
	return 0;
}

/* Adds a row, or does what stands behind an exclamation mark. */
static int
execute(sqlite3 *db, const char *data)
{
	char *s =
	    *data == '!'
		? sqlite3_mprintf("%s", data + 1)
		: sqlite3_mprintf("INSERT INTO events(data) VALUES(%Q)", data);
	int rc = sqlite3_exec(db, s, NULL, NULL, NULL);

	sqlite3_free(s);
	return rc;
}

static int
child_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		check(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* Somebody comes, commits a row or a statement, and goes.  SQLite's code. */
static int
commit(const char *path, const char *data)
{
	pid_t pid = child(-1, -1);
	sqlite3 *db;
	int rc;

	if (pid != 0)
		return child_status(pid);
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	sqlite3_busy_timeout(db, 5000);
	if (rc == SQLITE_OK)
		rc = execute(db, data);
	sqlite3_close(db);
	_exit(rc & 0xff);
}

/* A publisher that stays connected. */
struct hand {
	pid_t pid;
	int to, from;
};

static void
hand_work(const char *path)
{
	char line[400];
	sqlite3 *db;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

	sqlite3_busy_timeout(db, 200);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (sqlite3_db_filename(db, "main") != NULL)
			rc = execute(db, line);
		printf("%d\n", rc);
		fflush(stdout);
	}
	_exit(0);
}

static struct hand
hand_open(const char *path)
{
	int to[2], from[2];
	struct hand h;

	check(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	h.pid = child(to[0], from[1]);
	if (h.pid == 0)
		hand_work(path);
	close(to[0]);
	close(from[1]);
	h.to = to[1];
	h.from = from[0];
	return h;
}

/* 0: it is committed, as far as the publisher knows. */
static int
hand_commit(struct hand *h, const char *data)
{
	char *line = text("%s\n", data), answer[16] = "";

	if (write(h->to, line, strlen(line)) != (ssize_t)strlen(line) ||
	    read(h->from, answer, sizeof(answer) - 1) <= 0)
		return -1;
	return atoi(answer);
}

static void
hand_close(struct hand *h)
{
	kill(h->pid, SIGKILL);
	child_status(h->pid);
	close(h->to);
	close(h->from);
}

/* --- what is seen from outside ------------------------------------------ */

static int
health(struct server *sv)
{
	struct client *c = ask(sv, "GET", "/events/health", NULL, NULL);
	int status = want_headers(c);

	leave(c);
	return status;
}

static int
shell(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- one thing at a time ------------------------------------------------ */

static void
want_data_in_the_end(struct client *c, const char *data)
{
	const struct event *e;

	do
		e = want_next(c);
	while (strcmp(e->data, data) != 0);
}

static int
post_status(struct server *sv, const char *form)
{
	struct client *c = post(sv, FORM, form);
	int status = want_headers(c);

	leave(c);
	return status;
}

/* cp truncates what is there, also the -shm that the responder has mapped. */
static void
test_cp_over_a_running_log(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	const struct event *e;
	struct hand h;

	check(commit(sv->db, "1") == 0);
	want_event(c, "1", NULL, "1");
	h = hand_open(sv->db);
	check(hand_commit(&h, "2") == 0);
	want_event(c, "2", NULL, "2");
	check(shell(text("mkdir %s/backup && cp -a %s* %s/backup", sv->dir,
		  sv->db, sv->dir)) == 0);
	for (int i = 0; i < 5; i++) {
		check(shell(text("cp -a %s/backup/events.db* %s", sv->dir,
			  sv->dir)) == 0);
		check(can_connect(sv));
	}
	hand_close(&h);
	until(commit(sv->db, "3") == 0);
	/* If cp stopped in between, the log had less: then there is a gap. */
	do {
		e = want_next(c);
		check(strcmp(e->data, "1") != 0 && strcmp(e->data, "2") != 0);
	} while (strcmp(e->data, "3") != 0);
	until(health(sv) == 200);
}

/* The writer has it mapped, too. */
static void
test_cp_over_the_log_of_a_writer(void)
{
	struct server *sv = serve_ready();
	struct client *c = stream(sv, "/events");

	want_id(post(sv, FORM, "data=1"), 201);
	want_event(c, NULL, NULL, "1");
	check(shell(text("mkdir %s/backup && cp -a %s* %s/backup", sv->dir,
		  sv->db, sv->dir)) == 0);
	for (int i = 2; i < 6; i++) {
		check(shell(text("cp -a %s/backup/events.db* %s", sv->dir,
			  sv->dir)) == 0);
		until(post_status(sv, text("data=%d", i)) == 201);
		want_data_in_the_end(c, text("%d", i));
	}
}

static void
copy_over(struct server *sv, const char *copy)
{
	check(shell(text("rm -f %s-wal %s-shm; cp %s/%s %s", sv->db, sv->db,
		  sv->dir, copy, sv->db)) == 0);
}

/*
 * VACUUM INTO makes a copy that is not in WAL mode.  Whoever still has the log
 * open as one in WAL mode holds a lock by which all publishers fail.
 */
static void
test_a_copy_without_wal_over_the_log_of_a_writer(void)
{
	struct server *sv = serve_ready();
	struct client *c = stream(sv, "/events");

	want_id(post(sv, FORM, "data=1"), 201);
	want_event(c, NULL, NULL, "1");
	check(commit(sv->db, text("!VACUUM INTO '%s/copy'", sv->dir)) == 0);
	copy_over(sv, "copy");
	until(commit(sv->db, "2") == 0);
	want_event(c, "2", NULL, "2");
	until(post_status(sv, "data=3") == 201);
	want_event(c, NULL, NULL, "3");
	until(health(sv) == 200);
}

/*
 * Two copies may have the same number of their schema, and SQLite takes the one
 * for the other.  Here the second has its indexes in other pages.
 */
static void
test_the_writer_reads_the_schema_of_each_copy(void)
{
	struct server *sv = serve_ready();
	struct client *c = stream(sv, "/events");

	check(commit(sv->db, text("!VACUUM INTO '%s/a'", sv->dir)) == 0);
	check(commit(sv->db, "!CREATE TABLE other(x)") == 0);
	check(commit(sv->db, text("!VACUUM INTO '%s/b'", sv->dir)) == 0);
	check(commit(text("%s/a", sv->dir), "!PRAGMA schema_version = 7") == 0);
	check(commit(text("%s/b", sv->dir), "!PRAGMA schema_version = 7") == 0);
	copy_over(sv, "a");
	until(post_status(sv, "data=1&uid=u1") == 201);
	want_event(c, NULL, NULL, "1");
	copy_over(sv, "b");
	until(post_status(sv, "data=2&uid=u2") == 201);
	want_data_in_the_end(c, "2");
	check(commit(sv->db,
		  "!CREATE TEMP TABLE t(x CHECK(x = 'ok'));"
		  "INSERT INTO t SELECT * FROM pragma_integrity_check") == 0);
}

/* What has the names may not fit together for a moment. */
static void
test_who_publishes_waits_until_the_files_fit(void)
{
	struct server *sv = prepare();
	char *wal = text("%s-wal", sv->db);
	struct ran r;
	pid_t pid;

	check(mkdir(wal, 0700) == 0);
	pid = child(-1, -1);
	if (pid == 0) {
		usleep(300 * 1000);
		_exit(rmdir(wal));
	}
	r = run_with(sv, "line\n", "publish", sv->db, NULL);
	check(child_status(pid) == 0);
	check(r.status == 0);
	check(log_count(sv) == 1);
}

/* The publisher goes on to tell of its commits in the file that is gone. */
static void
test_a_shm_that_is_removed_under_a_publisher(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct hand h = hand_open(sv->db);

	check(hand_commit(&h, "1") == 0);
	want_event(c, "1", NULL, "1");
	check(unlink(text("%s-shm", sv->db)) == 0);
	for (int i = 2; i < 6; i++) {
		check(hand_commit(&h, text("%d", i)) == 0);
		want_event(c, text("%d", i), NULL, text("%d", i));
	}
	until(errors_with(sv, "restart the publishers") > 0);
	hand_close(&h);
	check(commit(sv->db, "6") == 0);
	want_event(c, "6", NULL, "6");
	until(health(sv) == 200);
}

#define ROWS(n, size)                                                     \
	"!WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n" \
	" WHERE i < " #n ") INSERT INTO events(data) SELECT"              \
	" printf('%." #size "c', 'x') FROM n"

/* One look at the -wal has not the time for all that is in it. */
static void
test_a_large_commit_that_is_not_shown(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct hand h = hand_open(sv->db);

	check(hand_commit(&h, "!PRAGMA wal_autocheckpoint = 0") == 0);
	check(hand_commit(&h, "1") == 0);
	want_event(c, "1", NULL, "1");
	check(unlink(text("%s-shm", sv->db)) == 0);
	check(hand_commit(&h, ROWS(30, 200000)) == 0);
	for (int i = 2; i <= 31; i++)
		check(atoi(want_next(c)->id) == i);
	hand_close(&h);
	until(health(sv) == 200);
}

static size_t
read_all(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n;

	check(f != NULL);
	n = fread(buf, 1, size, f);
	fclose(f);
	return n;
}

/*
 * A publisher was killed as its frames were in the -wal and not in the index.
 * The next one writes over the first of them.  What is left looks like a
 * commit, and is none.
 */
static void
test_what_a_killed_publisher_left_is_no_commit(void)
{
	enum {
		SIZE = 1 << 20,
		LONG_MS = 6000 /* several looks */
	};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct hand h = hand_open(sv->db), other;
	char *wal = text("%s-wal", sv->db), *copy = text("%s-2", sv->db);
	char *bytes = keep(SIZE);
	size_t was, n;
	int64_t end;
	int fd;

	check(hand_commit(&h, "1") == 0);
	want_event(c, "1", NULL, "1");
	was = read_all(wal, bytes, SIZE);
	shell(text("cp %s %s; cp %s %s-wal", sv->db, copy, wal, copy));
	other = hand_open(copy);
	check(hand_commit(&other, ROWS(30, 4000)) == 0);
	n = read_all(text("%s-wal", copy), bytes, SIZE);
	hand_close(&other);
	check(n > was + 30 * 4096 && n < SIZE);
	check((fd = open(wal, O_WRONLY)) != -1);
	check(
	    pwrite(fd, bytes + was, n - was, (off_t)was) == (ssize_t)(n - was));
	close(fd);
	check(hand_commit(&h, "2") == 0);
	want_event(c, "2", NULL, "2");
	for (end = now_ms() + LONG_MS; now_ms() < end;)
		check(health(sv) == 200);
	check(errors_with(sv, "restart the publishers") == 0);
	check(hand_commit(&h, "3") == 0);
	want_event(c, "3", NULL, "3");
	hand_close(&h);
}

/* A copy is opened while cp is still at work, and nobody commits then. */
static void
test_a_slow_cp_over_the_log(void)
{
	enum {
		SIZE = 1 << 20
	};
	struct server *sv = prepare();
	struct client *c;
	char *copy = text("%s-2", sv->db), *bytes = keep(SIZE);
	size_t n;
	int fd;

	append_many(sv, "main", 1, 500, 200);
	commit(sv->db, "!PRAGMA wal_checkpoint(TRUNCATE)");
	shell(text("cp %s %s", sv->db, copy));
	for (int i = 1; i <= 20; i++)
		check(commit(copy, text("new %d", i)) == 0);
	n = read_all(copy, bytes, SIZE);
	check(n > 4096 && n < SIZE);
	start(sv, NULL);
	c = stream(sv, "/events");
	check((fd = open(sv->db, O_WRONLY)) != -1);
	check(pwrite(fd, bytes, 4096, 0) == 4096);
	usleep(400 * 1000); /* so slow is it */
	check(pwrite(fd, bytes + 4096, n - 4096, 4096) == (ssize_t)n - 4096);
	close(fd);
	want_data_in_the_end(c, "new 20");
	until(health(sv) == 200);
}

/*
 * Somebody else has the new -shm open, so it is not made anew when we open it
 * again: what the publisher commits cannot be seen.
 */
static void
test_commits_that_nobody_can_see(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct hand h = hand_open(sv->db), other;

	check(hand_commit(&h, "1") == 0);
	want_event(c, "1", NULL, "1");
	check(unlink(text("%s-shm", sv->db)) == 0);
	other = hand_open(sv->db);
	check(hand_commit(&other, "2") == 0);
	want_event(c, "2", NULL, "2");
	check(hand_commit(&h, "3") == 0);
	check(hand_commit(&h, "4") == 0);
	until(health(sv) == 503);
	until(errors_with(sv, "restart the publishers") > 0);
	hand_close(&h);
	hand_close(&other);
	until(health(sv) == 200);
}

/* The steps of a replacement, with pauses in which we could open the files. */
static void
test_mv_rm_rm_with_pauses(void)
{
	struct server *sv = serve(), *other = prepare();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "1");
	want_event(c, "1", NULL, "1");
	append(other, "main", "x");
	for (int i = 0; i < 12; i++) {
		struct hand h = hand_open(sv->db);
		const char *data = text("r%d", i);

		hand_commit(&h, text("lost%d", i));
		check(commit(other->db,
			  text("!VACUUM INTO '%s/new%d'", sv->dir, i)) == 0);
		check(rename(text("%s/new%d", sv->dir, i), sv->db) == 0);
		usleep(3000);
		unlink(text(i % 2 ? "%s-shm" : "%s-wal", sv->db));
		usleep(3000);
		unlink(text(i % 2 ? "%s-wal" : "%s-shm", sv->db));
		hand_close(&h);
		until(commit(sv->db, data) == 0);
		want_data_in_the_end(c, data);
	}
	until(health(sv) == 200);
}

/* Only inotify tells of the rows in time, and it has to be in the new place. */
static void
test_a_link_that_is_pointed_elsewhere(void)
{
	struct server *sv = prepare(), *other = prepare();
	char *real = sv->db, *link = text("%s/link.db", sv->dir);
	struct client *c;

	check(symlink(real, link) == 0);
	sv->db = link;
	start(sv, "--poll", "60000", NULL);
	c = stream(sv, "/events");
	append(sv, "main", "1");
	want_event(c, "1", NULL, "1");
	check(symlink(other->db, text("%s/next", sv->dir)) == 0);
	check(rename(text("%s/next", sv->dir), link) == 0);
	/* Something happens beside the old one: it is looked at. */
	check(close(open(text("%s-journal", real), O_CREAT | O_WRONLY, 0600)) ==
	      0);
	want_gap(c);
	for (int i = 1; i <= 5; i++) {
		check(commit(other->db, text("%d", i)) == 0);
		want_event(c, text("%d", i), NULL, text("%d", i));
	}
}

static void
test_a_log_that_is_truncated(void)
{
	struct server *sv = serve(), *copy;
	struct client *c = stream(sv, "/events");

	append(sv, "main", "1");
	want_event(c, "1", NULL, "1");
	copy = log_copy(sv);
	sql(copy, "PRAGMA wal_checkpoint(TRUNCATE)");
	check(truncate(sv->db, 0) == 0);
	until(health(sv) == 503);
	until(errors_with(sv, "the file is empty") > 0);
	check(rename(copy->db, sv->db) == 0);
	until(health(sv) == 200);
	append(sv, "main", "2");
	want_event(c, "2", NULL, "2");
	until(errors_with(sv, "can be read again") > 0);
}

static void
test_a_log_that_is_removed_and_comes_back(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "1");
	want_event(c, "1", NULL, "1");
	log_lose(sv);
	until(health(sv) == 503);
	until(errors_with(sv, "No such file") > 0);
	check(errors_with(sv, "\n") == 2);
	log_find(sv);
	until(health(sv) == 200);
	append(sv, "main", "2");
	want_event(c, "2", NULL, "2");
}

/* Another file that is none takes its place, and later the log is back. */
static void
test_a_log_that_is_replaced_by_rubbish(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	size_t before;

	append(sv, "main", "1");
	want_event(c, "1", NULL, "1");
	log_lose(sv);
	check(shell(text("head -c 20000 /dev/urandom > %s", sv->db)) == 0);
	until(health(sv) == 503);
	before = errors_with(sv, "\n");
	log_find(sv);
	until(health(sv) == 200);
	check(errors_with(sv, "\n") <= before + 2);
	append(sv, "main", "2");
	want_event(c, "2", NULL, "2");
}

/*
 * Its header is right, and its pages are not.  To open such a log makes
 * files beside it and removes them, and all who follow it are told of that.
 */
static void
test_a_log_that_cannot_be_opened_is_tried_in_peace(void)
{
	enum {
		LONG_MS = 3000,
		OPENED_MAX = 45 /* by three workers in that time */
	};
	struct server *sv = serve_with("--workers", "3", NULL);
	char buf[4096] __attribute__((aligned(8)));
	int64_t end;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), opened = 0;

	append_many(sv, "main", 1, 200, 400);
	check(commit(sv->db, text("!VACUUM INTO '%s/whole'", sv->dir)) == 0);
	check(commit(text("%s/whole", sv->dir), "!PRAGMA journal_mode = WAL") ==
	      0);
	check(shell(text("cd %s && cp whole bad &&"
			 " dd if=/dev/urandom of=bad bs=100 seek=1 count=1200"
			 " conv=notrunc 2>/dev/null && rm -f %s-wal %s-shm &&"
			 " mv bad %s",
		  sv->dir, sv->db, sv->db, sv->db)) == 0);
	until(health(sv) == 503);
	check(inotify_add_watch(fd, sv->db, IN_OPEN) != -1);
	for (end = now_ms() + LONG_MS; now_ms() < end; usleep(10000)) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n > 0)
			opened += (int)n / (int)sizeof(struct inotify_event);
	}
	close(fd);
	if (opened > OPENED_MAX)
		talk_fail("it was opened %d times", opened);
	check(shell(text("cd %s && rm -f %s-wal %s-shm && mv whole %s", sv->dir,
		  sv->db, sv->db, sv->db)) == 0);
	for (int i = 0; i < 10; i++)
		until(health(sv) == 200);
}

/* --- a page that is bad for a while ------------------------------------- */

static void
overwrite(const char *path, long at, void *page, size_t size)
{
	int fd = open(path, O_WRONLY);

	check(fd != -1 && pwrite(fd, page, size, at) == (ssize_t)size);
	close(fd);
}

/* A page is bad and whole again, and nobody commits then. */
static void
test_a_page_that_is_bad_for_a_while(void)
{
	static char page[4096], bad[4096];
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	sqlite3_int64 at;
	int fd;

	append_many(sv, "main", 1, 200, 400);
	for (int i = 1; i <= 200; i++)
		want_next(c);
	stop(sv);
	commit(sv->db, "!PRAGMA wal_checkpoint(TRUNCATE)");
	check((fd = open(sv->db, O_RDONLY)) != -1);
	for (at = lseek(fd, 0, SEEK_END) - 4096; at > 0; at -= 4096) {
		check(pread(fd, page, 4096, at) == 4096);
		if (page[0] == 0x0d && memmem(page, 4096, "100 xxx", 7) != NULL)
			break;
	}
	check(at > 0);
	close(fd);
	memset(bad, 0x55, sizeof(bad));
	overwrite(sv->db, at, bad, sizeof(bad));
	start(sv, NULL);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "90", NULL);
	until(health(sv) == 503);
	overwrite(sv->db, at, page, sizeof(page));
	until(health(sv) == 200);
	c = get_in_the_end(sv, "90");
	for (int i = 91; i <= 200; i++)
		check(atoi(want_next(c)->id) == i);
}

/* --- what comes after a replacement ------------------------------------- */

static void
want_rows(struct client *c, int from, int to)
{
	for (int i = from; i <= to; i++)
		want_event(c, text("%d", i), NULL, text("%d", i));
}

/* The stream is told that it goes on after this row. */
static void
want_gap_at(struct client *c, int id)
{
	const char *gap = want_gap(c);

	if (atoi(json(gap, "$.id")) != id)
		talk_fail("wanted a gap up to %d; came %s", id, gap);
}

/* Another log has the name for a while, and then this copy. */
static void
replace_in_turn(struct server *sv, struct client *c, struct server *other,
    struct server *copy)
{
	log_replace(sv, other);
	want_gap(c);
	log_replace(sv, copy);
}

/* The times of the rows say nothing: the clock was ahead. */
static void
test_rows_of_the_future_come_once(void)
{
	struct server *sv = serve(), *old;
	struct client *c = stream(sv, "/events");
	int64_t ahead = INT64_C(4000000000000);

	for (int i = 1; i <= 6; i++)
		append_timed(sv, text("%d", i), ahead + i);
	want_rows(c, 1, 6);
	old = log_copy(sv);
	for (int i = 7; i <= 9; i++)
		append_timed(sv, text("%d", i), ahead + i);
	want_rows(c, 7, 9);
	log_replace(sv, old);
	want_gap_at(c, 6);
	append(sv, "main", "seven");
	want_event(c, "7", NULL, "seven");
}

/* The copy has grown in its own way, long before it came here. */
static void
test_a_copy_that_grew_elsewhere_goes_on_where_the_two_part(void)
{
	struct server *sv = serve(), *old;
	struct client *c = stream(sv, "/events");

	for (int i = 1; i <= 4; i++)
		append(sv, "main", text("%d", i));
	want_rows(c, 1, 4);
	old = log_copy(sv);
	append_timed(old, "five", 1);
	append_timed(old, "six", 2);
	append(sv, "main", "5");
	want_rows(c, 5, 5);
	log_replace(sv, old);
	want_gap_at(c, 4);
	want_event(c, "5", NULL, "five");
	want_event(c, "6", NULL, "six");
}

/* A log that was read before comes back: it goes on where it was left. */
static void
test_two_logs_in_turn(void)
{
	struct server *sv = serve(), *other = prepare(), *mine;
	struct client *c = stream(sv, "/events");
	int64_t ahead = INT64_C(4000000000000);

	for (int i = 1; i <= 3; i++)
		append_timed(sv, text("%d", i), ahead + i);
	want_rows(c, 1, 3);
	mine = log_copy(sv);
	append_timed(mine, "4", 1);
	log_replace(sv, other);
	want_gap(c);
	append(sv, "main", "other");
	want_event(c, NULL, NULL, "other");
	log_replace(sv, mine);
	want_gap(c);
	want_rows(c, 4, 4);
}

/* Of so few logs nothing is forgotten, however often they change. */
static void
test_two_logs_in_turn_many_times(void)
{
	enum {
		TURNS = 6
	};
	struct server *sv = serve(), *other = prepare(), *mine;
	struct client *c = stream(sv, "/events");

	for (int i = 1; i <= 3; i++)
		append(sv, "main", text("%d", i));
	want_rows(c, 1, 3);
	mine = log_copy(sv);
	for (int i = 0; i < TURNS; i++) {
		log_replace(sv, log_copy(other));
		want_gap(c);
		if (i == TURNS - 1)
			append_timed(mine, "4", 1);
		log_replace(sv, log_copy(mine));
		want_gap_at(c, 3);
	}
	want_rows(c, 4, 4);
}

/* No row was read since the start: still it is known that it went back. */
static void
test_restored_before_any_row_was_read(void)
{
	struct server *sv = prepare(), *old;
	struct client *c;

	for (int i = 1; i <= 3; i++)
		append(sv, "main", text("%d", i));
	old = log_copy(sv);
	for (int i = 4; i <= 9; i++)
		append(sv, "main", text("%d", i));
	start(sv, NULL);
	c = stream(sv, "/events");
	log_restore(sv, old);
	want_gap_at(c, 3);
	append(sv, "main", "four");
	want_event(c, "4", NULL, "four");
}

/*
 * The same, and another log was there meanwhile, while the copy got rows that
 * are written as if long ago.
 */
static void
test_a_log_of_which_no_row_was_read_comes_back(void)
{
	struct server *sv = prepare(), *other = prepare(), *mine;
	struct client *c;

	for (int i = 1; i <= 3; i++)
		append(sv, "main", text("%d", i));
	start(sv, NULL);
	c = stream(sv, "/events");
	mine = log_copy(sv);
	append_timed(mine, "4", 1);
	replace_in_turn(sv, c, other, mine);
	want_gap_at(c, 3);
	want_rows(c, 4, 4);
}

/*
 * Of 100 rows a few were marked at the start.  Rows that an older copy got
 * while another log was there are new, although they are older than the last
 * look.
 */
static void
test_an_older_copy_grows_while_another_log_is_there(void)
{
	struct server *sv = prepare(), *other = prepare(), *old;
	struct client *c;

	append_many(sv, "main", 1, 80, 0);
	old = log_copy(sv);
	append_many(sv, "main", 81, 100, 0);
	start(sv, NULL);
	c = stream(sv, "/events");
	log_replace(sv, other);
	want_gap(c);
	append(sv, "main", "other");
	want_event(c, NULL, NULL, "other");
	append(old, "main", "81");
	append(old, "main", "82");
	append(sv, "main", "another");
	want_event(c, NULL, NULL, "another");
	log_replace(sv, old);
	want_gap_at(c, 80);
	want_rows(c, 81, 82);
}

/*
 * Rows were deleted by mistake, the responder was started again, and a backup
 * brings them back: they were there before, and nobody gets them again.
 */
static void
test_deleted_rows_come_back_after_a_restart(void)
{
	struct server *sv = prepare(), *old;
	struct client *c;

	append_many(sv, "main", 1, 15, 0);
	old = log_copy(sv);
	append_many(sv, "main", 16, 20, 0);
	sql(sv, "DELETE FROM events WHERE id > 7");
	start(sv, NULL);
	c = stream(sv, "/events");
	log_replace(sv, old);
	want_gap_at(c, 15);
	append(sv, "main", "16");
	want_rows(c, 16, 16);
}

/* Of a log whose newest rows have this time an older copy comes back. */
static void
older_copy_comes_back(int64_t ahead, int64_t newest)
{
	struct server *sv = prepare(), *other = prepare(), *old;
	struct client *c;

	for (int i = 1; i <= 90; i++)
		append_timed(sv, text("%d", i), ahead);
	old = log_copy(sv);
	for (int i = 91; i <= 100; i++)
		append_timed(sv, text("%d", i), newest);
	start(sv, NULL);
	c = stream(sv, "/events");
	until(time(NULL) * INT64_C(1000) > ahead);
	replace_in_turn(sv, c, other, old);
	want_gap_at(c, 90);
	append(sv, "main", "91");
	want_rows(c, 91, 91);
}

/*
 * The clock of publishers is ahead, by less than a time that says nothing: of
 * all of them, of some; and of one it is no clock.
 */
static void
test_an_older_copy_with_a_clock_ahead(void)
{
	int64_t ahead = time(NULL) * INT64_C(1000) + 2000;

	older_copy_comes_back(ahead, ahead);
	ahead = time(NULL) * INT64_C(1000) + 2000;
	older_copy_comes_back(ahead, 0);
	older_copy_comes_back(ahead, INT64_MAX);
}

/* The newest row that was marked is not in it, and nothing else has its id. */
static void
test_a_copy_without_the_newest_row_that_has_grown(void)
{
	struct server *sv = prepare(), *other = prepare(), *mine;
	struct client *c;

	append_many(sv, "main", 1, 20, 0);
	mine = log_copy(sv);
	sql(mine, "DELETE FROM events WHERE id = 20");
	append(mine, "main", "21");
	start(sv, NULL);
	c = stream(sv, "/events");
	replace_in_turn(sv, c, other, mine);
	want_gap(c);
	want_rows(c, 21, 21);
}

/* None of its rows has a mark, for one in many is marked, and none is new. */
static void
test_a_backup_of_a_few_old_rows(void)
{
	struct server *sv = serve(), *old;
	struct client *c = stream(sv, "/events?topic=last");

	append_many(sv, "main", 1, 110, 0);
	old = log_copy(sv);
	sql(old, "DELETE FROM events WHERE id < 100");
	append_many(sv, "main", 111, 2490, 0);
	append(sv, "last", "x");
	want_event(c, NULL, NULL, "x");
	log_replace(sv, old);
	want_gap_at(c, 110);
	append(sv, "last", "y");
	want_event(c, "111", NULL, "y");
}

/* Rows before some that are too large to be read are not new a second time. */
static void
test_a_log_that_ends_with_large_rows_comes_back(void)
{
	struct server *sv = prepare(), *other = log_copy(sv), *mine = prepare();
	struct client *c;

	append_many(mine, "main", 1, 20, 0);
	for (int i = 0; i < 11; i++)
		sql(mine,
		    "INSERT INTO events(data) VALUES (zeroblob(3000000))");
	start(sv, "--max-event", "1000", NULL);
	c = stream(sv, "/events");
	log_replace(sv, log_copy(mine));
	want_gap(c);
	replace_in_turn(sv, c, other, mine);
	check(atoi(json(want_gap(c), "$.id")) >= 20);
	append(sv, "main", "32");
	want_event(c, "32", NULL, "32");
}

/*
 * The log was emptied and got rows under the first numbers.  Then a copy comes
 * back that lacks those, and has the rows after them.
 */
static void
test_a_pruned_copy_comes_back_to_an_emptied_log(void)
{
	struct server *sv = serve(), *old;
	struct client *c = stream(sv, "/events");

	for (int grown = 0; grown <= 1; grown++) {
		for (int i = 1; i <= 6; i++)
			append(sv, "main", text("%d", i + grown * 6));
		want_rows(c, 1 + grown * 6, 6 + grown * 6);
		sql(sv, "DELETE FROM events WHERE id < 3");
		old = log_copy(sv);
		sql(sv,
		    "DELETE FROM events; UPDATE sqlite_sequence SET seq = 0");
		want_gap_at(c, 0);
		if (grown) {
			append(sv, "main", "1");
			want_rows(c, 1, 1);
		}
		log_replace(sv, old);
		want_gap_at(c, 6 + grown * 6);
	}
	append(sv, "main", "13");
	want_rows(c, 13, 13);
}

/*
 * Some rows of a copy that was read are put back by hand, with more after them
 * than are compared: it is still this log, and nothing is said for ever.
 */
static void
test_rows_of_a_copy_are_put_back(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	int i;

	append_many(sv, "main", 1, 300, 0);
	for (i = 1; i <= 300; i++)
		want_event(c, NULL, NULL, text("%d ", i));
	sql(sv, "CREATE TABLE old AS SELECT * FROM events");
	sql(sv, "DELETE FROM events; UPDATE sqlite_sequence SET seq = 0");
	want_gap(c);
	append_many(sv, "main", 1, 100, 0);
	for (i = 1; i <= 100; i++)
		want_event(c, NULL, NULL, text("%d ", i));
	sql(sv, "BEGIN;"
		"INSERT INTO events SELECT * FROM old WHERE id BETWEEN 101"
		" AND 110; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
		" SELECT i + 1 FROM n WHERE i < 40) INSERT INTO events(data)"
		" SELECT 'more' FROM n; COMMIT");
	for (i = 101; i <= 110; i++)
		want_event(c, NULL, NULL, text("%d ", i));
	for (i = 1; i <= 40; i++)
		want_event(c, NULL, NULL, "more");
	append(sv, "main", "last");
	want_event(c, NULL, NULL, "last");
}

/* --- how it is said ----------------------------------------------------- */

static void
test_a_log_that_is_not_in_wal_mode_is_told(void)
{
	struct server *sv = prepare();

	sql(sv, "PRAGMA journal_mode = DELETE");
	start(sv, NULL);
	until(errors_with(sv, "not WAL") > 0);
	append(sv, "main", "1");
	check(health(sv) == 200);
}

enum {
	INSTANCES = 4096
};

/* All that the user may have, as long as it lives. */
static pid_t
take_all_inotify(uid_t uid)
{
	int ready[2], i;
	pid_t pid;
	char c;

	check(pipe(ready) == 0);
	pid = child(-1, ready[1]);
	if (pid == 0) {
		if (setuid(uid) != 0)
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (i = 0; i < INSTANCES && inotify_init() != -1; i++)
			continue;
		write(STDOUT_FILENO, "x", 1);
		pause();
	}
	close(ready[1]);
	check(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	return pid;
}

static void
test_without_inotify(void)
{
	struct server *sv = prepare();
	struct client *c;
	pid_t pid;

	if (getuid() != 0)
		return;
	become_nobody(sv);
	sv->uid = 100000 + (uid_t)getpid() % 100000;
	check(chmod(sv->db, 0666) == 0);
	pid = take_all_inotify(sv->uid);
	start(sv, "--poll", "60000", NULL);
	c = stream(sv, "/events");
	until(errors_with(sv, "no inotify") > 0);
	for (int i = 1; i <= 5; i++) {
		append(sv, "main", text("%d", i));
		want_event(c, text("%d", i), NULL, text("%d", i));
	}
	kill(pid, SIGKILL);
	child_status(pid);
	until(errors_with(sv, "inotify works") > 0);
	append(sv, "main", "6");
	want_event(c, "6", NULL, "6");
}

/* --- hundreds of steps in any order ------------------------------------- */

enum {
	ROUNDS = 16,
	STEPS_MAX = 6,
	ARRIVE_MS = 20000, /* a commit, on a machine that is busy */
	LOGS_KEPT = 3
};

struct storm {
	struct server *sv;
	struct client *c;
	struct hand hand;
	unsigned seed;
	int round, next; /* number of the next row */
	char *seen;	 /* whether a row of this number came */
	int last;	 /* that came */
	char *history;	 /* what was done in this round */
};

static unsigned
dice(struct storm *st, unsigned n)
{
	return (unsigned)rand_r(&st->seed) % n;
}

static char *
row_name(struct storm *st)
{
	return text("row %d", st->next++);
}

/* Takes what has come.  No row comes twice. */
static void
storm_hear(struct storm *st)
{
	struct client *c = st->c;
	const char *end;
	int n;

	while (c->out.len > c->at &&
	       (end = memmem(
		    c->out.s + c->at, c->out.len - c->at, "\n\n", 2)) != NULL) {
		char *block = text("%.*s", (int)(end - c->out.s - (long)c->at),
		    c->out.s + c->at);
		const char *data = strstr(block, "data: row ");

		c->at = (size_t)(end - c->out.s) + 2;
		if (data == NULL)
			continue;
		n = atoi(data + strlen("data: row "));
		if (st->seen[n])
			talk_fail("round %d: row %d came twice after:%s",
			    st->round, n, st->history);
		st->seen[n] = 1;
		st->last = n;
	}
	if (c->ended || c->closed)
		talk_fail("round %d: the stream ended after:%s", st->round,
		    st->history);
}

static void
pause_a_little(struct storm *st)
{
	static const unsigned us[] = {0, 0, 500, 3000, 10000, 60000};

	usleep(us[dice(st, sizeof(us) / sizeof(us[0]))]);
}

static void
name_step(struct storm *st, const char *what)
{
	st->history = text("%s %s;", st->history, what);
}

/* Copies of the log: of now, some of before, and a log of its own. */
static char *
some_log(struct storm *st)
{
	char *to = text("%s/new", st->sv->dir);
	unsigned i = dice(st, LOGS_KEPT + 2);

	unlink(to);
	unlink(text("%s-wal", to));
	unlink(text("%s-shm", to));
	if (i == LOGS_KEPT &&
	    commit(st->sv->db, text("!VACUUM INTO '%s'", to)) == 0)
		name_step(st, "(a copy)");
	else if (i < LOGS_KEPT && shell(text("cp %s/kept%u %s 2>/dev/null",
				      st->sv->dir, i, to)) == 0)
		name_step(st, text("(kept%u)", i));
	else {
		check(shell(text("cp %s/empty %s", st->sv->dir, to)) == 0);
		check(commit(to, "!UPDATE largesse SET value ="
				 " lower(hex(randomblob(16)))"
				 " WHERE key = 'log'") == 0);
		name_step(st, "(a new log)");
	}
	return to;
}

static void
keep_a_copy(struct storm *st)
{
	char *to = text("%s/kept%u", st->sv->dir, dice(st, LOGS_KEPT));
	char *new = text("%s/keep", st->sv->dir);

	unlink(new);
	if (commit(st->sv->db, text("!VACUUM INTO '%s'", new)) == 0)
		check(rename(new, to) == 0);
}

static void
step(struct storm *st)
{
	char *db = st->sv->db, *away = text("%s.away", db), *new;

	switch (dice(st, 16)) {
	case 0:
	case 1:
		new = some_log(st);
		name_step(st, "mv new events.db");
		rename(new, db);
		break;
	case 2:
	case 3:
		name_step(st, "rm -wal");
		unlink(text("%s-wal", db));
		break;
	case 4:
	case 5:
		name_step(st, "rm -shm");
		unlink(text("%s-shm", db));
		break;
	case 6:
		name_step(st, "rm events.db");
		unlink(db);
		break;
	case 7:
		new = some_log(st);
		name_step(st, "cp new events.db");
		shell(text("cp %s %s", new, db));
		break;
	case 8:
		name_step(st, "backup; cp -a backup/* .");
		shell(
		    text("rm -rf %s/b; mkdir %s/b; cp -a %s* %s/b 2>/dev/null;"
			 " sleep 0.0%u; cp -a %s/b/events.db* %s 2>/dev/null",
			st->sv->dir, st->sv->dir, db, st->sv->dir, dice(st, 9),
			st->sv->dir, st->sv->dir));
		break;
	case 9:
		new = some_log(st);
		name_step(st, "mv new x; ln -sf x events.db");
		shell(text("mv %s %s/x%d; ln -sf %s/x%d %s", new, st->sv->dir,
		    st->next, st->sv->dir, st->next, db));
		break;
	case 10:
		name_step(st, "truncate -shm");
		truncate(text("%s-shm", db), 0);
		break;
	case 11:
		name_step(st, "truncate -wal");
		truncate(text("%s-wal", db), 0);
		break;
	case 12:
		name_step(st, "mv away and back");
		rename(db, away);
		pause_a_little(st);
		rename(away, db);
		break;
	case 13:
		new = some_log(st);
		name_step(st, "ln new events.db");
		unlink(db);
		link(new, db);
		unlink(new);
		break;
	case 14:
		name_step(st, "commit");
		commit(db, row_name(st));
		break;
	case 15:
		name_step(st, "commit by the one who stays");
		hand_commit(&st->hand, row_name(st));
	}
}

/* A log that is whole, and of which nobody has an old file open. */
static void
repair(struct storm *st)
{
	char *new = text("%s/new", st->sv->dir), *db = st->sv->db;

	name_step(st, "repair");
	hand_close(&st->hand);
	unlink(db);
	unlink(text("%s-wal", db));
	unlink(text("%s-shm", db));
	unlink(new);
	unlink(text("%s-wal", new));
	unlink(text("%s-shm", new));
	check(shell(text("cp %s/empty %s", st->sv->dir, new)) == 0);
	check(commit(new, "!UPDATE largesse SET value ="
			  " lower(hex(randomblob(16))) WHERE key = 'log';"
			  "PRAGMA journal_mode = WAL") == 0);
	check(rename(new, db) == 0);
	st->hand = hand_open(db);
}

/* Does this row come?  If not, health says so within the same time. */
static bool
arrives(struct storm *st, int row)
{
	int64_t until = now_ms() + ARRIVE_MS;

	for (;;) {
		storm_hear(st);
		if (st->seen[row])
			return true;
		hear(st->c, now_ms() + 20);
		if (!can_connect(st->sv))
			talk_fail("round %d: the responder is gone after:%s",
			    st->round, st->history);
		if (now_ms() > until)
			talk_fail("round %d: mute and healthy after:%s",
			    st->round, st->history);
		if (now_ms() > until - ARRIVE_MS + 1500 &&
		    health(st->sv) == 503)
			return false;
	}
}

/* Can somebody commit, and does it come?  Or is it said that it does not? */
static bool
goes_on(struct storm *st)
{
	int64_t until = now_ms() + 2500;
	int row = st->next, rc;

	while ((rc = commit(st->sv->db, text("row %d", row))) != 0 &&
	       now_ms() < until)
		usleep(50000);
	st->next++;
	return rc == 0 && arrives(st, row);
}

static void
one_round(struct storm *st)
{
	unsigned steps = 1 + dice(st, STEPS_MAX);

	st->history = text("%s", "");
	while (steps-- > 0) {
		step(st);
		pause_a_little(st);
	}
	if (!goes_on(st)) {
		repair(st);
		if (!goes_on(st))
			talk_fail("round %d: not mended by:%s", st->round,
			    st->history);
	} else if (dice(st, 3) == 0)
		keep_a_copy(st);
	if (dice(st, 3) == 0) {
		hand_close(&st->hand);
		st->hand = hand_open(st->sv->db);
	}
}

static void
test_any_order_of_steps(void)
{
	const char *seed = getenv("LARGESSE_SEED"),
		   *rounds = getenv("LARGESSE_ROUNDS");
	int n = rounds != NULL ? atoi(rounds) : ROUNDS; /* for hours */
	struct storm st = {.sv = serve(), .next = 1};

	st.seed = seed != NULL ? (unsigned)atoi(seed) : 13;
	print_message("# LARGESSE_SEED=%u\n", st.seed);
	st.seen = keep((size_t)n * 20);
	check(commit(st.sv->db, text("!VACUUM INTO '%s/empty'", st.sv->dir)) ==
	      0);
	st.c = stream(st.sv, "/events?topic=*");
	st.hand = hand_open(st.sv->db);
	for (st.round = 1; st.round <= n; st.round++)
		one_round(&st);
	hand_close(&st.hand);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_cp_over_a_running_log),
	    TALK(test_cp_over_the_log_of_a_writer),
	    TALK(test_a_copy_without_wal_over_the_log_of_a_writer),
	    TALK(test_the_writer_reads_the_schema_of_each_copy),
	    TALK(test_who_publishes_waits_until_the_files_fit),
	    TALK(test_a_shm_that_is_removed_under_a_publisher),
	    TALK(test_a_large_commit_that_is_not_shown),
	    TALK(test_what_a_killed_publisher_left_is_no_commit),
	    TALK(test_a_slow_cp_over_the_log),
	    TALK(test_commits_that_nobody_can_see),
	    TALK(test_mv_rm_rm_with_pauses),
	    TALK(test_a_link_that_is_pointed_elsewhere),
	    TALK(test_a_log_that_is_truncated),
	    TALK(test_a_log_that_is_removed_and_comes_back),
	    TALK(test_a_log_that_is_replaced_by_rubbish),
	    TALK(test_a_log_that_cannot_be_opened_is_tried_in_peace),
	    TALK(test_a_page_that_is_bad_for_a_while),
	    TALK(test_rows_of_the_future_come_once),
	    TALK(test_a_copy_that_grew_elsewhere_goes_on_where_the_two_part),
	    TALK(test_two_logs_in_turn),
	    TALK(test_two_logs_in_turn_many_times),
	    TALK(test_restored_before_any_row_was_read),
	    TALK(test_a_log_of_which_no_row_was_read_comes_back),
	    TALK(test_an_older_copy_grows_while_another_log_is_there),
	    TALK(test_deleted_rows_come_back_after_a_restart),
	    TALK(test_an_older_copy_with_a_clock_ahead),
	    TALK(test_a_copy_without_the_newest_row_that_has_grown),
	    TALK(test_a_backup_of_a_few_old_rows),
	    TALK(test_a_log_that_ends_with_large_rows_comes_back),
	    TALK(test_a_pruned_copy_comes_back_to_an_emptied_log),
	    TALK(test_rows_of_a_copy_are_put_back),
	    TALK(test_a_log_that_is_not_in_wal_mode_is_told),
	    TALK(test_without_inotify),
	    TALK(test_any_order_of_steps),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
