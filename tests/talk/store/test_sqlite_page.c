/*
 * test_sqlite_page.c - a page of the log that cannot be read, with rows before
 * it and rows after it: what was read is sent once, and the rest when the page
 * is whole again.
 *
 * The program is stopped while the rows are written and the page is damaged.
 * So it has none of them in its own memory, and all of them are new to it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

enum {
	PAGE = 4096,
	ROW = 3000, /* bytes of data: each row has a page to itself */
	ROWS = 20,
	BAD = 11
};

struct page {
	const struct server *sv;
	off_t at;
	char was[PAGE];
};

static void
want_rows(struct client *c, int from, int to)
{
	for (int i = from; i <= to; i++) {
		const struct event *e = want_next(c);

		if (strtoll(e->data, NULL, 10) != i)
			talk_fail("%s came, not %d", shown(e->data, 20), i);
	}
}

static void
write_page(const struct page *p, const char *bytes)
{
	int fd = open(p->sv->db, O_WRONLY);

	check(fd != -1);
	check(pwrite(fd, bytes, PAGE, p->at) == PAGE);
	close(fd);
}

/* Finds the page that has the row of this number, and spoils it. */
static struct page *
spoil(struct server *sv, int row)
{
	struct page *p = keep(sizeof(*p));
	char *mark = text("%d xxxxxxxx", row), spoilt[PAGE];
	int fd = open(sv->db, O_RDONLY);

	p->sv = sv;
	check(fd != -1);
	while (pread(fd, p->was, PAGE, p->at) == PAGE) {
		/* `1 xxx' is also the end of `11 xxx' */
		char *found = memmem(p->was, PAGE, mark, strlen(mark));

		if (found != NULL && found > p->was && found[-1] == 'n') {
			close(fd);
			memset(spoilt, 0xff, sizeof(spoilt));
			write_page(p, spoilt);
			return p;
		}
		p->at += PAGE;
	}
	talk_fail("row %d is nowhere", row);
}

/*
 * Can all of the -wal be written back, now?  Not while somebody reads from it,
 * or reads the log where the -wal has nothing for it.  That one is in the way
 * only if there is something to write back; an UPDATE to the same value is
 * nothing.
 */
static bool
write_back(struct server *sv)
{
	sqlite3 *db = log_open(sv->db);
	sqlite3_stmt *st;
	bool whole;

	log_run(db, "REPLACE INTO largesse(key, value) "
		    "VALUES('turn', hex(randomblob(8)))");
	sqlite3_busy_timeout(db, 0);
	check(sqlite3_prepare_v2(db, "PRAGMA wal_checkpoint(TRUNCATE)", -1, &st,
		  NULL) == SQLITE_OK);
	check(sqlite3_step(st) == SQLITE_ROW);
	whole = sqlite3_column_int(st, 0) == 0;
	sqlite3_finalize(st);
	log_close(db);
	return whole;
}

/* Rows that the program has not seen, of which one cannot be read. */
static struct page *
append_with_a_bad_page(struct server *sv)
{
	struct page *p;

	freeze_when(sv, write_back);
	append_many(sv, "main", 1, ROWS, ROW);
	check(write_back(sv));
	p = spoil(sv, BAD);
	check(kill(sv->pid, SIGCONT) == 0);
	return p;
}

/* The log has been read in vain, for long enough to be called unwell. */
static void
want_unwell(struct server *sv)
{
	until(
	    want_headers(ask(sv, "GET", "/events/health", NULL, NULL)) == 503);
}

static void
want_well(struct server *sv)
{
	until(
	    want_headers(ask(sv, "GET", "/events/health", NULL, NULL)) == 200);
}

/* The page is whole again, and a commit makes SQLite read it anew. */
static void
mend(struct server *sv, const struct page *p)
{
	write_page(p, p->was);
	append(sv, "main", text("%d", ROWS + 1));
}

static void
test_what_was_read_before_a_bad_page_comes_once(void)
{
	struct server *sv = serve_with("--poll", "50", NULL);
	struct client *c = stream(sv, "/events");
	struct page *p = append_with_a_bad_page(sv);

	want_rows(c, 1, BAD - 1);
	want_unwell(sv);
	mend(sv, p);
	want_rows(c, BAD, ROWS + 1);
	want_well(sv);
	want_nothing_more(c, sv, "main");
}

/* Whoever comes when the page has been read in vain for a while. */
static void
test_a_newcomer_gets_what_is_before_a_bad_page_once(void)
{
	struct server *sv = serve_with("--poll", "50", NULL);
	struct client *first = stream(sv, "/events"), *c, *d;
	struct page *p = append_with_a_bad_page(sv);

	want_rows(first, 1, BAD - 1);
	want_unwell(sv);
	c = come_back(sv, "/events", "0");
	d = come_back(sv, "/events", "5");
	want_rows(c, 1, BAD - 1);
	want_rows(d, 6, BAD - 1);
	mend(sv, p);
	want_rows(first, BAD, ROWS + 1);
	want_rows(c, BAD, ROWS + 1);
	want_rows(d, BAD, ROWS + 1);
	want_nothing_more(d, sv, "main");
}

/* Its events are not in the window: it reads the log by itself. */
static void
test_a_stream_behind_gets_what_is_before_a_bad_page_once(void)
{
	struct server *sv = serve_with("--poll", "50", "--window", "0", NULL);
	struct page *p = append_with_a_bad_page(sv);
	struct client *c = come_back(sv, "/events", "0");
	struct client *d = come_back(sv, "/events", "5");

	want_rows(c, 1, BAD - 1);
	want_rows(d, 6, BAD - 1);
	want_unwell(sv);
	mend(sv, p);
	want_rows(c, BAD, ROWS + 1);
	want_rows(d, BAD, ROWS + 1);
	want_nothing_more(d, sv, "main");
}

static void
test_what_is_counted_is_counted_once(void)
{
	struct server *sv = serve_with("--poll", "50", NULL);
	struct client *c = stream(sv, "/events");
	struct page *p = append_with_a_bad_page(sv);
	struct client *status;

	want_rows(c, 1, BAD - 1);
	want_unwell(sv);
	mend(sv, p);
	want_rows(c, BAD, ROWS + 1);
	status = ask(
	    sv, "GET", "/events/status", NULL, "LARGESSE_STATUS", "on", NULL);
	check(want_headers(status) == 200);
	check(json_number(body_of(status), "$.events") == ROWS + 1);
}

/* A right is taken away while there are rows that cannot be read. */
static void
test_a_revocation_is_not_lost_behind_a_bad_page(void)
{
	struct server *sv = serve_with("--poll", "50", NULL);
	struct client *c = stream(sv, "/events");
	struct client *d = stream(sv, "/events?topic=secret");
	struct page *p = append_with_a_bad_page(sv);

	want_rows(c, 1, BAD - 1);
	log_revoke(sv, "secret", NULL);
	append(sv, "secret", "no");
	want_farewell(d);
	mend(sv, p);
	want_rows(c, BAD, ROWS);
}

/*
 * The end of the log can be read, and live streams go on.  But whoever comes
 * from before the bad page waits, so all is not well.
 */
static void
test_a_stream_that_waits_behind_a_bad_page_makes_it_unwell(void)
{
	struct server *sv = serve_with("--poll", "50", NULL);
	struct client *live, *behind;
	struct page *p = append_with_a_bad_page(sv);

	slay(sv); /* and what it had in memory is gone */
	start(sv, "--poll", "50", NULL);
	live = stream(sv, "/events");
	append(sv, "main", "21");
	want_rows(live, 21, 21);
	want_well(sv);
	behind = come_back(sv, "/events", "0");
	want_rows(behind, 1, BAD - 1);
	want_unwell(sv);
	append(sv, "main", "22");
	want_rows(live, 22, 22);
	leave(behind);
	want_well(sv);
	write_page(p, p->was);
}

/*
 * Another copy of the log has its place, and of the rows that both have the
 * newest cannot be read: it is not known yet where the two part.
 */
static void
test_a_bad_page_of_another_copy_repeats_nothing(void)
{
	struct server *sv = serve_with("--poll", "50", NULL), *copy;
	struct client *c = stream(sv, "/events");
	struct page *p;

	append_many(sv, "main", 1, ROWS, ROW);
	want_rows(c, 1, ROWS);
	copy = log_copy(sv);
	append_many(sv, "main", ROWS + 1, 1, ROW);
	want_rows(c, ROWS + 1, ROWS + 1);
	append_many(copy, "main", 31, 1, ROW);
	sql(copy, "PRAGMA wal_checkpoint(TRUNCATE)");
	p = spoil(copy, ROWS);
	log_replace(sv, copy);
	p->sv = sv;
	want_unwell(sv);
	write_page(p, p->was);
	check(atoi(json(want_gap(c), "$.id")) == ROWS);
	want_rows(c, 31, 31);
	want_well(sv);
	want_nothing_more(c, sv, "main");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_what_was_read_before_a_bad_page_comes_once),
	    TALK(test_a_newcomer_gets_what_is_before_a_bad_page_once),
	    TALK(test_a_stream_behind_gets_what_is_before_a_bad_page_once),
	    TALK(test_what_is_counted_is_counted_once),
	    TALK(test_a_revocation_is_not_lost_behind_a_bad_page),
	    TALK(test_a_stream_that_waits_behind_a_bad_page_makes_it_unwell),
	    TALK(test_a_bad_page_of_another_copy_repeats_nothing),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
