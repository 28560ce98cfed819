/*
 * exam.c - one run of `largesse doctor', and what is wanted of its report.
 */
#include <string.h>

#include "tests/talk/peer/exam.h"

const char *
examine_with(struct server *sv, const char *option, const char *value)
{
	struct ran r =
	    run_with(sv, NULL, "doctor", sv->db, "--json", option, value, NULL);

	if (r.status > 1 || *r.err != '\0')
		talk_fail("status %d: %s", r.status, r.err);
	check(strcmp(json(r.out, "$.healthy"), r.status == 0 ? "1" : "0") == 0);
	return r.out;
}

const char *
examine(struct server *sv)
{
	return examine_with(sv, NULL, NULL);
}

/* The finding of this place that is no note, from *i on; NULL: none. */
static const char *
next_code(const char *report, int *i)
{
	char *code, *level;

	for (;; (*i)++) {
		code = json(report, text("$.findings[%d].code", *i));
		level = json(report, text("$.findings[%d].level", *i));
		if (code == NULL || strcmp(level, "note") != 0)
			return code;
	}
}

/* The place of the one finding, which must be this. */
static int
place_of(const char *report, const char *code)
{
	int i = 0, next;
	const char *got = next_code(report, &i);

	next = i + 1;
	if (got == NULL || strcmp(got, code) != 0 ||
	    next_code(report, &next) != NULL)
		talk_fail("wanted %s, got %s", code, report);
	return i;
}

const char *
want_only(const char *report, const char *code)
{
	int i = place_of(report, code);

	check(*json(report, text("$.findings[%d].effect", i)) != '\0');
	return json(report, text("$.findings[%d].seen", i));
}

void
want_mend(const char *report, const char *code, const char *line)
{
	int i = place_of(report, code);
	const char *got = json(report, text("$.findings[%d].mend[0].line", i));

	if (got == NULL || strcmp(got, line) != 0)
		talk_fail("wanted %s; came %s", line, report);
}

void
want_healthy(const char *report)
{
	int i = 0;

	if (next_code(report, &i) != NULL)
		talk_fail("wanted nothing, got %s", report);
}

bool
has_note(const char *report, const char *code)
{
	char *got;
	int i;

	for (i = 0; (got = json(report, text("$.findings[%d].code", i))); i++)
		if (strcmp(got, code) == 0)
			return true;
	return false;
}

struct server *
log_of(int rows)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv, NULL, "init", "--quiet", sv->db,
	    "--keep-rows", "10000000", NULL);

	check(r.status == 0);
	if (rows > 0)
		append_many(sv, "main", 1, rows, 0);
	return sv;
}
