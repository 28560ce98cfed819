/*
 * doctor.h - `largesse doctor`: what is in the way of a stream, how that is
 * known, and the line that mends it.
 *
 * subject.c knows an address that was typed without http://.
 *
 * The doctor first gathers evidence and then draws conclusions from it.  Of a
 * log, store_check does both (file.c adds the limits of the system).  Of a URL
 * the steps are:
 *
 *	url.c	 decides what to look at, and in which order
 *	clinic.c lets several requests run at a time; http.c makes one of them
 *	visit.c	 keeps what came of a request, as plain data
 *	judge.c	 draws the conclusions; absent.c, times.c, arrived.c and
 *		 tries.c have the questions that it asks, way.c finds the
 *		 servers in the way, mend.c knows the lines for each of them
 *	report.c prints the findings
 *
 * visit.c, judge.c and what judge.c calls are pure, so a test needs no server
 * to try a conclusion.
 *
 * The room may include base, window/reader.h and store/store.h.  Nobody but
 * main.c, and without.c of the static build, includes this page.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "fcgi/base/command.h"
#include "fcgi/base/options.h"
#include "fcgi/doctor/report.h"

command cmd_doctor;

/* What the command was asked for. */
struct doctor {
	const char *subject;
	uint64_t idle_ms; /* DOCTOR_IDLE: longer than the heartbeat */
	const char *origin;
	struct option_list headers;
	struct option_list users;
	uint64_t max_streams; /* 0: not asked about */
	bool insecure, json;
};

#define DOCTOR_IDLE UINT64_MAX

/*
 * The URL of a subject such as `localhost/events', to be freed.  NULL: it is a
 * file, or a whole URL.
 */
char *doctor_address(const char *subject);

/* Fill the report.  False: that could not be done, and stderr says why. */
bool doctor_url(const struct doctor *, struct report *);
bool doctor_file(const struct doctor *, struct report *);

#endif
