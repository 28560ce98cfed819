/*
 * report.c - the findings, on a terminal and as JSON.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/json.h"
#include "fcgi/base/utf8.h"
#include "fcgi/doctor/report.h"

static const char *const level_words[] = {"error", "warning", "note"};
static const char *const sure_words[] = {"certain", "likely", "perhaps"};

enum {
	COLUMNS = 78,
	INDENT = 8
};

/* --- making it ---------------------------------------------------------- */

static char *
print_text(struct report *r, const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) != -1)
		return s;
	r->failed = true;
	return NULL;
}

struct finding *
report_add(struct report *r, const char *code, enum level level, enum sure sure,
    const char *effect, const char *seen, ...)
{
	struct finding *v, *f;
	va_list ap;

	if (r->n == r->size) {
		r->size = r->size == 0 ? 8 : r->size * 2;
		v = realloc(r->findings, r->size * sizeof(*v));
		if (v == NULL) { /* a command may exit without memory */
			perror("largesse");
			exit(1);
		}
		r->findings = v;
	}
	f = &r->findings[r->n++];
	*f = (struct finding){
	    .code = code, .level = level, .sure = sure, .effect = effect};
	va_start(ap, seen);
	f->seen = print_text(r, seen, ap);
	va_end(ap);
	return f;
}

void
report_mend(struct report *r, struct finding *f, const char *where,
    const char *line, ...)
{
	va_list ap;

	if (f->nmends == FINDING_MENDS)
		return;
	f->mends[f->nmends].where = strdup(where);
	r->failed |= f->mends[f->nmends].where == NULL;
	va_start(ap, line);
	f->mends[f->nmends++].line = print_text(r, line, ap);
	va_end(ap);
}

void
report_mend_other(struct finding *f)
{
	if (f->nmends > 1) /* the first is the likeliest, whatever it is */
		f->mends[f->nmends - 1].other = true;
}

void
report_add_way(
    struct report *r, const char *name, bool works, const char *how, ...)
{
	struct report_way *w = &r->ways[r->nways];
	va_list ap;

	if (r->nways == REPORT_WAYS)
		return;
	r->nways++;
	w->name = name;
	w->works = works;
	va_start(ap, how);
	w->how = print_text(r, how, ap);
	va_end(ap);
}

void
report_summary(struct report *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(r->summary);
	r->summary = print_text(r, fmt, ap);
	va_end(ap);
}

bool
report_has(const struct report *r, const char *code)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->findings[i].code, code) == 0)
			return true;
	return false;
}

bool
report_sick(const struct report *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->findings[i].level != LEVEL_NOTE)
			return true;
	return false;
}

void
report_free(struct report *r)
{
	size_t i, j;

	for (i = 0; i < r->n; i++) {
		for (j = 0; j < r->findings[i].nmends; j++) {
			free(r->findings[i].mends[j].where);
			free(r->findings[i].mends[j].line);
		}
		free(r->findings[i].seen);
	}
	for (i = 0; i < r->nways; i++)
		free(r->ways[i].how);
	free(r->findings);
	free(r->summary);
}

/* --- on a terminal ------------------------------------------------------ */

/* The text may have words of a server, which must not control a terminal. */
static void
put_word(FILE *f, const char *s, size_t len)
{
	char *seen = malloc(len * UTF8_VISIBLE + 1);

	if (seen != NULL)
		fwrite(
		    seen, 1, utf8_visible(seen, len * UTF8_VISIBLE, s, len), f);
	free(seen);
}

/*
 * A label, then a text that is broken between words, each line indented.  A tab
 * would put the columns out, and a line feed would begin a line of its own.
 */
static void
put_columns(FILE *f, size_t indent, const char *label, const char *s)
{
	size_t at = indent, len;

	fprintf(f, "%-*s", (int)indent, label);
	for (s = s == NULL ? "" : s; *s != '\0'; s += len + (s[len] != '\0')) {
		len = strcspn(s, " \t\n");
		if (at > indent && at + 1 + len > COLUMNS) {
			fprintf(f, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			putc(' ', f);
			at++;
		}
		put_word(f, s, len);
		at += len;
	}
	putc('\n', f);
}

static void
put_wrapped(FILE *f, const char *label, const char *s)
{
	put_columns(f, INDENT, label, s);
}

/* The likeliest line, with those that go with it, and then all others. */
static const char *
mend_label(const struct finding *fd, size_t i)
{
	if (i == 0)
		return "  mend";
	return fd->mends[i].other && !fd->mends[i - 1].other ? "  or" : "";
}

static void
put_finding(FILE *f, const struct finding *fd)
{
	size_t i;

	fprintf(f, "\n%s: %s (%s)\n", level_words[fd->level], fd->code,
	    sure_words[fd->sure]);
	put_wrapped(f, "  seen", fd->seen);
	put_wrapped(f, "  so", fd->effect);
	if (fd->now != NULL)
		put_wrapped(f, "  now", fd->now);
	for (i = 0; i < fd->nmends; i++) {
		put_wrapped(f, mend_label(fd, i), fd->mends[i].where);
		fprintf(f, "%*s", INDENT + 4, "");
		put_word(f, fd->mends[i].line ? fd->mends[i].line : "",
		    fd->mends[i].line ? strlen(fd->mends[i].line) : 0);
		putc('\n', f);
	}
}

static void
put_ways(FILE *f, const struct report *r)
{
	char label[2 * INDENT + 1];
	size_t i;

	if (r->nways > 0)
		fputs("\nways for visitors, with largesse.js in the page\n", f);
	for (i = 0; i < r->nways; i++) {
		snprintf(
		    label, sizeof(label), "%*s%s", INDENT, "", r->ways[i].name);
		put_columns(f, 2 * INDENT, label, r->ways[i].how);
	}
}

void
report_print(const struct report *r, FILE *f)
{
	size_t i, sick = 0;

	put_word(f, r->subject, strlen(r->subject));
	putc('\n', f);
	if (r->summary != NULL)
		put_wrapped(f, "", r->summary);
	for (i = 0; i < r->n; i++) {
		put_finding(f, &r->findings[i]);
		sick += r->findings[i].level != LEVEL_NOTE;
	}
	put_ways(f, r);
	if (sick == 0)
		fputs("\nhealthy\n", f);
	else
		fprintf(f, "\n%zu finding%s\n", sick, sick == 1 ? "" : "s");
}

/* --- JSON --------------------------------------------------------------- */

static json_t *
finding_json(const struct finding *fd)
{
	json_t *j = json_object(), *mends = json_array(), *m;
	size_t i;

	json_object_set_new(j, "code", json_words(fd->code));
	json_object_set_new(j, "level", json_words(level_words[fd->level]));
	json_object_set_new(j, "sure", json_words(sure_words[fd->sure]));
	json_object_set_new(j, "seen", json_words(fd->seen));
	json_object_set_new(j, "effect", json_words(fd->effect));
	json_object_set_new(j, "now", json_words(fd->now));
	for (i = 0; i < fd->nmends; i++) {
		m = json_object();
		json_object_set_new(m, "where", json_words(fd->mends[i].where));
		json_object_set_new(m, "line", json_words(fd->mends[i].line));
		json_object_set_new(
		    m, "likely", json_boolean(!fd->mends[i].other));
		json_array_append_new(mends, m);
	}
	json_object_set_new(j, "mend", mends);
	return j;
}

static json_t *
ways_json(const struct report *r)
{
	json_t *ways = json_array(), *j;
	size_t i;

	for (i = 0; i < r->nways; i++) {
		j = json_object();
		json_object_set_new(j, "way", json_words(r->ways[i].name));
		json_object_set_new(j, "works", json_boolean(r->ways[i].works));
		json_object_set_new(j, "how", json_words(r->ways[i].how));
		json_array_append_new(ways, j);
	}
	return ways;
}

void
report_print_json(const struct report *r, FILE *f)
{
	json_t *j = json_object(), *findings = json_array();
	size_t i;

	json_object_set_new(j, "subject", json_words(r->subject));
	json_object_set_new(j, "healthy", json_boolean(!report_sick(r)));
	json_object_set_new(j, "summary", json_words(r->summary));
	for (i = 0; i < r->n; i++)
		json_array_append_new(findings, finding_json(&r->findings[i]));
	json_object_set_new(j, "findings", findings);
	json_object_set_new(j, "ways", ways_json(r));
	json_dumpf(j, f, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putc('\n', f);
	json_decref(j);
}
