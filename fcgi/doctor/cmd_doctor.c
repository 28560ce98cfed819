/*
 * cmd_doctor.c - `largesse doctor`: its options, and its exit status.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/doctor/doctor.h"
#include "store/store.h"

/* clang-format off */
static const struct option list[] = {
	{"idle", "SECONDS", OPTION_AGE, AT_NUMBER(struct doctor, idle_ms),
	    .help = "URL: look for what cuts so long a silence",
	    .max = 300 * 1000, .absent = DOCTOR_IDLE},
	{"origin", "ORIGIN", OPTION_STRING, AT_STRING(struct doctor, origin),
	    .help = "URL: ask as a page of https://www.example.org"},
	{"header", "LINE", OPTION_LIST, AT_LIST(struct doctor, headers),
	    .help = "URL: send it too, `Cookie: a=b`; repeat"},
	{"insecure", NULL, OPTION_FLAG, AT_FLAG(struct doctor, insecure),
	    .help = "URL: take any certificate"},
	{"user", "NAME", OPTION_LIST, AT_LIST(struct doctor, users),
	    .help = "FILE: this user has to open it too; repeat"},
	{"max-streams", "N", OPTION_UNSIGNED,
	    AT_NUMBER(struct doctor, max_streams), "0",
	    .help = "FILE: are there descriptors for so many",
	    .max = UINT32_MAX},
	{"json", NULL, OPTION_FLAG, AT_FLAG(struct doctor, json),
	    .help = "print JSON"},
};
/* clang-format on */

static const struct options options = {
    .command = "doctor",
    .usage = "URL|FILE [options]",
    .about = "Says what buffers, cuts or forbids a stream on its way to a "
	     "browser, or what is\nwrong with a log, and the line that mends "
	     "it.  Of a URL it also says which\nof the ways of largesse.js "
	     "get through.  Exit status: 0 healthy, 1 not, 2 wrong\nusage.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 1,
};

/*
 * As a browser sends it.  It is sent in a header, and stands in lines that are
 * pasted into a configuration or a shell: so there is nothing else in it.
 */
static bool
is_origin(const char *s)
{
	if (!command_is_url(s))
		return false;
	s = strstr(s, "://") + 3;
	return *s != '\0' &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
			   "UVWXYZ0123456789.-_:[]")] == '\0';
}

/* What is wrong with an option, or NULL.  An origin is sent in a header. */
static const char *
check_words(const struct doctor *d, const char **what)
{
	size_t i;

	for (i = 0; i < d->headers.n; i++) {
		*what = d->headers.v[i];
		if (strpbrk(*what, "\r\n") != NULL ||
		    strcspn(*what, ":") == strlen(*what) || **what == ':')
			return "not a header such as `Cookie: a=b`";
	}
	for (i = 0; i < d->users.n; i++) {
		*what = d->users.v[i];
		if (getpwnam(*what) == NULL)
			return "no such user";
	}
	*what = "--origin";
	if (d->origin != NULL && !is_origin(d->origin))
		return "not an origin such as https://www.example.org";
	return NULL;
}

static int
examine_subject(const struct doctor *d)
{
	char name[512];
	struct report report = {.subject = name};
	int status = STATUS_FAILED;
	bool done;

	store_show(d->subject, name, sizeof(name));
	done = command_is_url(d->subject) ? doctor_url(d, &report)
					  : doctor_file(d, &report);
	if (done) {
		if (d->json)
			report_print_json(&report, stdout);
		else
			report_print(&report, stdout);
		status = command_done();
	}
	if (status == STATUS_DONE && report_sick(&report))
		status = STATUS_FAILED;
	report_free(&report);
	return status;
}

int
cmd_doctor(int argc, char **argv)
{
	struct doctor d;
	int status = options_take(&options, &argc, argv, &d);
	const char *what, *wrong;
	char *address;

	if (status != -1)
		return status;
	address = doctor_address(argv[1]);
	d.subject = address != NULL ? address : argv[1];
	if ((wrong = check_words(&d, &what)) != NULL) {
		log_error(what, "%s", wrong);
		status = STATUS_USAGE;
	} else
		status = examine_subject(&d);
	free(address);
	options_free(&options, &d);
	return status;
}
