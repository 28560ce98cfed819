/*
 * progress.c - what the doctor does meanwhile, for a person who waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/doctor/progress.h"
#include "store/store.h"

enum {
	LONG_S = 1 /* from here on it is a long wait */
};

/* A terminal that can clear a line. */
void
progress_begin(struct progress *p, bool silent)
{
	const char *term = getenv("TERM");

	*p = (struct progress){.begun_ns = clock_steady_ns(), .silent = silent};
	p->shown =
	    isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

void
progress_show(struct progress *p)
{
	int64_t s = (clock_steady_ns() - p->begun_ns) / 1000000000;

	if (p->what == NULL)
		return;
	if (p->shown)
		fprintf(stderr, "\r\033[K%lld s of about %llu s: %s",
		    (long long)s, p->all_s, p->what);
	else if (!p->silent && s >= LONG_S) {
		fprintf(stderr, "largesse: doctor: this takes about %llu s\n",
		    p->all_s);
		p->silent = true;
	}
}

void
progress_step(struct progress *p, unsigned long long all_s, const char *what)
{
	p->all_s = all_s;
	p->what = what;
	progress_show(p);
}

void
progress_end(struct progress *p)
{
	if (p->shown && p->what != NULL)
		fputs("\r\033[K", stderr);
	p->what = NULL;
}
