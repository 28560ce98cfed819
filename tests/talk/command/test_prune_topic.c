/*
 * test_prune_topic.c - what is kept of some topics: `prune' and the triggers of
 * `init' with --topic and --ended.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/talk/peer/within.h"

static void
want_ran(struct ran r, const char *out)
{
	if (r.status != 0 || strcmp(r.out, out) != 0)
		talk_fail(
		    "wanted %s; came %d: %s%s", out, r.status, r.out, r.err);
}

static struct row
row_of(const char *topic, const char *event, const char *data, int minutes)
{
	return (struct row){.topic = column(topic),
	    .event = column(*event != '\0' ? event : NULL),
	    .data = column(data),
	    .time_ms = ((int64_t)time(NULL) - minutes * 60) * 1000};
}

static void
add(struct server *sv, const char *topic, const char *event, const char *data,
    int minutes)
{
	struct row row = row_of(topic, event, data, minutes);

	append_rows(sv, &row, 1);
}

static void
add_run(struct server *sv, const char *topic, int n, int minutes)
{
	struct row *row = keep(((size_t)n + 1) * sizeof(*row));

	for (int i = 0; i < n; i++)
		row[i] = row_of(topic, "", text("%d", i + 1), minutes);
	row[n] = row_of(topic, "stream-end", "", minutes);
	append_rows(sv, row, (size_t)n + 1);
}

static int64_t
rows_of(struct server *sv, const char *topic)
{
	struct logged *row;
	int64_t count = 0;
	size_t n, i;

	row = log_all(sv, &n);
	for (i = 0; i < n; i++)
		count +=
		    row[i].topic != NULL && strcmp(row[i].topic, topic) == 0;
	return count;
}

static struct server *
with_runs(void)
{
	struct server *sv = prepare();

	add_run(sv, "run/old", 3, 100);
	add_run(sv, "run/new", 3, 10);
	add_run(sv, "run/again", 3, 100);
	add(sv, "run/again", "", "x", 90);
	add(sv, "run/lasts", "", "x", 100);
	add_run(sv, "runs", 1, 100);
	return sv;
}

static void
test_prune_ended_removes_whole_runs(void)
{
	struct server *sv = with_runs();

	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run/*",
		     "--ended", "--keep-age", "1h", NULL),
	    "4\n");
	check(rows_of(sv, "run/old") == 0 && rows_of(sv, "run/new") == 4 &&
	      rows_of(sv, "run/again") == 5 && rows_of(sv, "run/lasts") == 1 &&
	      rows_of(sv, "runs") == 2);
	want_ran(run_with(sv, NULL, "prune", sv->db, "--ended", "--keep-age",
		     "1h", "--quiet", NULL),
	    "");
	check(rows_of(sv, "runs") == 0 && log_count(sv) == 10);
}

/* Both in the middle of the log, of which there is more than one step has. */
static void
test_prune_ended_of_large_runs(void)
{
	struct server *sv = prepare();

	add(sv, "news", "", "old", 200);
	add_run(sv, "run/large", 3000, 100);
	add_run(sv, "run/other", 300, 10);
	add_run(sv, "run/too", 700, 70);
	add(sv, "news", "", "new", 0);
	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run/*",
		     "--ended", "--keep-age", "1h", NULL),
	    "3702\n");
	check(rows_of(sv, "run/other") == 301 && rows_of(sv, "news") == 2 &&
	      log_count(sv) == 303);
	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run/*",
		     "--ended", "--keep-age", "1h", NULL),
	    "0\n");
}

/* A name that is a prefix of others, and no topic. */
static void
test_prune_ended_of_one_topic(void)
{
	struct server *sv = with_runs();

	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run",
		     "--ended", "--keep-age", "1h", NULL),
	    "0\n");
	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run/old",
		     "--ended", "--keep-age", "1h", NULL),
	    "4\n");
	check(rows_of(sv, "run/old") == 0 && log_count(sv) == 12);
}

static void
test_prune_ended_without_its_index(void)
{
	struct server *sv = with_runs();

	add_run(sv, "run/large", 3000, 100);
	sql(sv, "DROP INDEX largesse_ends");
	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run/*",
		     "--ended", "--keep-age", "1h", NULL),
	    "3005\n");
	check(rows_of(sv, "run/large") == 0 && rows_of(sv, "run/new") == 4);
}

static void
test_prune_of_topics_keeps_some_of_each(void)
{
	struct server *sv = with_runs();

	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run/*",
		     "--keep-rows", "2", NULL),
	    "7\n");
	check(rows_of(sv, "run/old") == 2 && rows_of(sv, "run/lasts") == 1 &&
	      rows_of(sv, "runs") == 2);
	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "runs",
		     "--keep-age", "1h", NULL),
	    "2\n");
	want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", "run/*",
		     "--keep-age", "95m", NULL),
	    "4\n");
	check(rows_of(sv, "run/new") == 2 && rows_of(sv, "run/again") == 1 &&
	      log_count(sv) == 3);
}

static void
test_what_does_not_go_together_is_said(void)
{
	static const char *const wrong[][4] = {{"--ended", NULL},
	    {"--topic", "a*b", "--keep-rows", "1"}, {"--topic", "a", NULL},
	    {"--ended", "--keep-rows", "1", NULL}};
	struct server *sv = prepare();
	struct ran r;
	size_t i;

	for (i = 0; i < 4; i++) {
		r = run_with(sv, NULL, "prune", sv->db, wrong[i][0],
		    wrong[i][1], wrong[i][2], wrong[i][3], NULL);
		want_one_line(&r, 2);
		r = run_with(sv, NULL, "init", sv->db, wrong[i][0], wrong[i][1],
		    wrong[i][2], wrong[i][3], NULL);
		want_one_line(&r, 2);
	}
	r = run_with(sv, NULL, "init", "redis://127.0.0.1/0?stream=s",
	    "--topic", "a", "--keep-rows", "1", NULL);
	want_one_line(&r, 1);
	r = run_with(sv, NULL, "prune", "redis://127.0.0.1/0?stream=s",
	    "--topic", "a", "--keep-rows", "1", NULL);
	want_one_line(&r, 1);
	check(strstr(r.err, "--ended") != NULL);
}

/* --- the rules of init ---------------------------------------------------- */

static void
want_init(struct server *sv, const char *ends, const char *topic,
    const char *option, const char *value, const char *ended)
{
	struct ran r = run_with(sv, NULL, "init", sv->db, "--topic", topic,
	    option, value, ended, NULL);
	size_t len = strlen(r.out), n;

	ends = text("keeps all%s\n", ends);
	n = strlen(ends);
	if (r.status != 0 || len < n || strcmp(r.out + len - n, ends) != 0)
		talk_fail(
		    "wanted %s; came %d: %s%s", ends, r.status, r.out, r.err);
}

static void
test_init_removes_runs_as_others_end(void)
{
	struct server *sv = prepare();
	int64_t changed;

	want_init(sv, "; of run/* topics that ended within 3600 s", "run/*",
	    "--keep-age", "1h", "--ended");
	changed = sql_number(sv, "PRAGMA schema_version");
	want_init(sv, "; of run/* topics that ended within 3600 s", "run/*",
	    "--keep-age", "1h", "--ended");
	check(changed == sql_number(sv, "PRAGMA schema_version"));
	add_run(sv, "run/large", 2500, 100);
	check(rows_of(sv, "run/large") == 1501);
	add_run(sv, "x", 1, 0);
	check(rows_of(sv, "run/large") > 0);
	check(sql_number(sv, "SELECT event = 'stream-end' FROM events WHERE"
			     " topic = 'run/large' ORDER BY id DESC") == 1);
	add_run(sv, "x", 30, 0);
	check(rows_of(sv, "run/large") == 0 && rows_of(sv, "x") == 33);
	want_init(sv, "", "run/*", "--keep-age", "0", "--ended");
	add_run(sv, "run/kept", 30, 100);
	check(rows_of(sv, "run/kept") == 31);
	check(sql_number(sv, "SELECT count(*) FROM largesse"
			     " WHERE key GLOB '*:*'") == 0);
}

/* Old ends of topics that were opened again are passed over in turn. */
static void
test_no_open_topic_is_in_the_way_of_a_rule(void)
{
	struct server *sv = prepare();
	int i;

	for (i = 0; i < 70; i++) {
		add(sv, text("run/%d", i), "stream-end", "", 200);
		add(sv, text("run/%d", i), "", "again", 190);
	}
	add_run(sv, "run/old", 3, 100);
	want_init(sv, "; of run/* topics that ended within 3600 s", "run/*",
	    "--keep-age", "1h", "--ended");
	/* Two looks for each second in which some of them were written. */
	for (i = 0; i < 200 && rows_of(sv, "run/old") > 0; i++)
		add(sv, "other", "stream-end", "", 0);
	check(i >= 3 && rows_of(sv, "run/old") == 0);
	check(log_count(sv) == 140 + i);
}

static void
test_init_keeps_some_rows_of_each_topic(void)
{
	struct server *sv = prepare();
	int i;

	want_init(sv, "; of a* 5 rows each", "a*", "--keep-rows", "5", NULL);
	for (i = 0; i < 9; i++) {
		add(sv, "a1", "", text("%d", i), 0);
		add(sv, "a2", "", text("%d", i), 0);
		add(sv, "b", "", text("%d", i), 0);
	}
	check(rows_of(sv, "a1") == 5 && rows_of(sv, "a2") == 5 &&
	      rows_of(sv, "b") == 9);
	check(sql_number(
		  sv, "SELECT min(data) FROM events WHERE topic = 'a1'") == 4);
	sql(sv, "DROP TRIGGER \"largesse_keep_rows:a*\"");
	want_init(sv, "; of b 3600 s", "b", "--keep-age", "1h", NULL);
	add(sv, "b", "", "old", 100);
	for (i = 0; i < 1000 && rows_of(sv, "b") != 9 + i; i++)
		add(sv, "b", "", "x", 0);
	check(i < 1000); /* by chance, one insert in ten looks */
	want_ran(run_with(sv, NULL, "prune", sv->db, "--quiet", NULL), "");
}

/* A pattern is taken by its bytes, whatever they mean to SQL or to GLOB. */
static void
test_a_pattern_may_have_any_characters(void)
{
	static const char *const names[] = {
	    "\xc3\xa9t\xc3\xa9/", "a[b/", "a]b/", "a?b/", "a%b/", "a\"b/"};
	struct server *sv = prepare();
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *topic = text("%s1", names[i]);
		const char *pattern = text("%s*", names[i]);

		add_run(sv, topic, 5, 0);
		add(sv, "axb/1", "", "x", 0);
		want_ran(run_with(sv, NULL, "prune", sv->db, "--topic", pattern,
			     "--keep-rows", "4", NULL),
		    "2\n");
		want_init(sv, text("; of %s 3 rows each", pattern), pattern,
		    "--keep-rows", "3", NULL);
		add(sv, topic, "", "x", 0);
		check(rows_of(sv, topic) == 3);
		want_init(sv, "", pattern, "--keep-rows", "0", NULL);
	}
	check(rows_of(sv, "axb/1") == (int64_t)i);
}

static pid_t writer;

/* Writes until it is killed. */
static void
write_all_the_time(struct server *sv)
{
	writer = fork();
	check(writer != -1);
	while (writer == 0)
		sql(sv, "INSERT INTO events(topic) VALUES('busy')");
	until(rows_of(sv, "busy") > 0);
}

static void
test_prune_by_rules_while_others_write(void)
{
	struct server *sv = prepare();
	struct ran r;
	int i;

	for (i = 0; i < 40; i++)
		add_run(sv, text("a%d", i), 500, 0);
	want_init(sv, "; of a* 5 rows each", "a*", "--keep-rows", "5", NULL);
	write_all_the_time(sv);
	r = run_with(sv, NULL, "prune", sv->db, NULL);
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	want_ran(r, "19840\n");
}

/* --- by chance, against a model ------------------------------------------- */

enum {
	TOPICS = 4,
	MOST = 4000
};

struct model_row {
	int topic, minutes;
	int64_t id;
	char type; /* m: none, t: tool, e: the end */
	char data[128];
};

static struct model_row model[MOST];
static size_t rows;

static const char *
type_name(char type)
{
	return type == 'e' ? "stream-end" : type == 't' ? "tool" : "";
}

static void
model_remove(size_t i)
{
	memmove(&model[i], &model[i + 1], (--rows - i) * sizeof(model[0]));
}

/* The newest row of the topic before the row i, or -1. */
static int
model_before(size_t i, int topic)
{
	while (i-- > 0)
		if (model[i].topic == topic)
			return (int)i;
	return -1;
}

static void
do_add(struct server *sv)
{
	struct model_row *m = &model[rows++];

	m->topic = rand() % TOPICS;
	m->minutes = rand() % 20 * 10 + 5;
	m->type = "mmmmmtte"[rand() % 8];
	snprintf(m->data, sizeof(m->data), "%c", 'a' + rand() % 26);
	add(sv, text("r/%d", m->topic), type_name(m->type), m->data,
	    m->minutes);
	m->id = sql_number(sv, "SELECT max(id) FROM events");
}

static void
do_fold(struct server *sv)
{
	int topic = rand() % TOPICS, last = model_before(rows, topic), before;
	struct ran r =
	    run_with(sv, NULL, "fold", sv->db, text("r/%d", topic), NULL);
	bool ended = last != -1 && model[last].type == 'e';

	check(r.status == (ended ? 0 : 1));
	for (; ended && last != -1; last = before) {
		struct model_row *m = &model[last];

		before = model_before((size_t)last, topic);
		if (before == -1 || m->type == 'e' ||
		    model[before].type != m->type)
			continue;
		snprintf(m->data, sizeof(m->data), "%s",
		    text("%s%s", model[before].data, m->data));
		model_remove((size_t)before);
		before = last - 1;
	}
}

static void
do_prune(struct server *sv, int of, const char *pattern)
{
	int kind = rand() % 3, topic, n = rand() % 4 + 1, i, kept[TOPICS] = {0};
	bool goes[TOPICS] = {false};
	char *age = text("%dm", n * 50);
	const char *option = kind == 1 ? "--keep-rows" : "--keep-age";

	for (topic = 0; topic < TOPICS; topic++) {
		i = model_before(rows, topic);
		goes[topic] = i != -1 && model[i].type == 'e' &&
			      model[i].minutes > n * 50;
	}
	want_ran(run_with(sv, NULL, "prune", sv->db, "--quiet", "--topic",
		     pattern, option, kind == 1 ? text("%d", n) : age,
		     kind == 2 ? "--ended" : NULL, NULL),
	    "");
	for (i = (int)rows - 1; i >= 0; i--) {
		topic = model[i].topic;
		if ((of == -1 || of == topic) &&
		    (kind == 0	    ? model[i].minutes > n * 50
			: kind == 1 ? kept[topic]++ >= n
				    : goes[topic]))
			model_remove((size_t)i);
	}
}

static void
want_model(struct server *sv)
{
	struct logged *row;
	size_t n, i;

	row = log_all(sv, &n);
	if (n != rows)
		talk_fail("%zu rows are there, wanted %zu", n, rows);
	for (i = 0; i < n; i++) {
		const struct model_row *m = &model[i];

		check(strcmp(plain_id(row[i].id),
			  text("%lld", (long long)m->id)) == 0);
		check(strcmp(row[i].topic, text("r/%d", m->topic)) == 0);
		check(strcmp(row[i].event == NULL ? "" : row[i].event,
			  type_name(m->type)) == 0);
		check(strcmp(row[i].data, m->data) == 0);
	}
}

static void
test_fold_and_prune_do_what_a_model_does(void)
{
	struct server *sv = prepare();
	const char *given = getenv("TALK_SEED");
	unsigned seed =
	    given != NULL ? (unsigned)atoi(given) : (unsigned)now_ms();
	int round, i, of;

	fprintf(stderr, "# TALK_SEED=%u\n", seed);
	srand(seed);
	rows = 0;
	for (round = 0; round < 60; round++) {
		for (i = rand() % 20; i > 0; i--)
			do_add(sv);
		of = rand() % TOPICS;
		if (rand() % 2 == 0)
			do_fold(sv);
		else if (rand() % 2 == 0)
			do_prune(sv, -1, "r/*");
		else
			do_prune(sv, of, text("r/%d", of));
		want_model(sv);
	}
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_prune_ended_removes_whole_runs),
	    TALK(test_prune_ended_of_large_runs),
	    TALK(test_prune_ended_of_one_topic),
	    TALK(test_what_does_not_go_together_is_said),
	    /* from here on with SQLite alone */
	    TALK(test_prune_ended_without_its_index),
	    TALK(test_prune_of_topics_keeps_some_of_each),
	    TALK(test_init_removes_runs_as_others_end),
	    TALK(test_no_open_topic_is_in_the_way_of_a_rule),
	    TALK(test_init_keeps_some_rows_of_each_topic),
	    TALK(test_a_pattern_may_have_any_characters),
	    TALK(test_prune_by_rules_while_others_write),
	    TALK(test_fold_and_prune_do_what_a_model_does),
	};
	size_t n = sizeof(tests) / sizeof(tests[0]);

	return talk_main(
	    argc, argv, tests, log_engine() == &log_sqlite ? n : 4);
}
