/*
 * tell.c - what was found in a log, handed to whoever asked for the check.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/sqlite/check/check.h"

const struct check_kind check_no_log = {"not-a-log", STORE_SICK, true,
    "The responder tells all to come back, or with --listen does not "
    "start; publishing fails."};
const struct check_kind check_unreadable = {
    "unreadable", STORE_SICK, true, "Whoever asks here cannot read the log."};

void
check_tell(const struct check *ck, const struct check_kind *kind,
    const char *const *mend, const char *seen, ...)
{
	struct store_finding f = {.code = kind->code,
	    .grade = kind->grade,
	    .certain = kind->certain,
	    .effect = kind->effect};
	char text[CHECK_SEEN + PATH_MAX];
	va_list ap;
	int i;

	va_start(ap, seen);
	vsnprintf(text, sizeof(text), seen, ap);
	va_end(ap);
	f.seen = text;
	for (i = 0; mend != NULL && i < STORE_MENDS && mend[i] != NULL; i++)
		f.mend[i] = mend[i];
	ck->want->found(ck->want->arg, &f);
}

void
check_process(char *buf, size_t size, int pid)
{
	char path[64], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = pid > 0 ? fopen(path, "re") : NULL;
	if (f != NULL && fgets(name, sizeof(name), f) != NULL)
		name[strcspn(name, "\n")] = '\0';
	if (f != NULL)
		fclose(f);
	if (*name != '\0')
		snprintf(buf, size, "process %d (%s)", pid, name);
	else
		snprintf(buf, size, "a process that cannot be seen from here");
}
