/*
 * evidence.h - what the visits to one address brought, and the questions that
 * are asked of it.
 *
 * Each question is one function, in absent.c, times.c, arrived.c or tries.c. It
 * adds what is wrong to the report.  judge.c asks them in order.
 */
#ifndef DOCTOR_EVIDENCE_H
#define DOCTOR_EVIDENCE_H

#include "fcgi/doctor/report.h"
#include "fcgi/doctor/visit.h"
#include "fcgi/doctor/way.h"

/* By which ways of largesse.js the stream was tried. */
enum tried {
	TRY_STREAM, /* with a beat each second */
	TRY_PADDED, /* with bytes that push others out of a buffer */
	TRY_SHORT,  /* that ends after two seconds; all others take three */
	TRY_POST,
	TRY_POLL,
	TRIES
};

/* A visit that was not made is NULL. */
struct evidence {
	const char *url;    /* of the stream, where it was found in the end */
	const char *origin; /* whose page would read it, or NULL */
	unsigned redirects;
	bool credential; /* asked with what could be a login */
	bool hangs;	 /* no answer for stream, health or probe */

	const struct visit *asked;   /* the address as given, if redirected */
	const struct visit *stream;  /* the stream itself */
	const struct visit *health;  /* .../health, when that is in doubt */
	const struct visit *probe;   /* ticks, with dummies */
	const struct visit *plain;   /* the same without compression */
	const struct visit *small;   /* ticks of small_bytes, to fill buffers */
	const struct visit *large;   /* the same of large_bytes */
	const struct visit *again;   /* one tick, to see a late start again */
	const struct visit *silence; /* two ticks, idle_ms apart */
	const struct visit *once;    /* as a page asks... */
	const struct visit *twice;   /* ...and the same again */
	const struct visit *tries[TRIES]; /* all, or none */
	uint64_t small_bytes, large_bytes, idle_ms;
};

/* --- absent.c: there is no stream --------------------------------------- */

void judge_trouble(const struct visit *, struct report *);
void judge_hangs(const struct visit *, struct report *);
void judge_status(const struct evidence *, const struct way *, struct report *);
/* Status 200, and no stream. */
void judge_no_stream(
    const struct evidence *, const struct way *, struct report *);
/* Is it largesse's own 404?  Then what is it asked for? */
bool judge_lost(const struct visit *);
void judge_mount(const struct evidence *, const struct way *, struct report *);
/* Is the answer 401 only because the doctor has no token? */
bool judge_unasked(const struct evidence *);
void judge_token(const struct evidence *, struct report *);
void judge_comes_back(const struct evidence *, struct report *);
void judge_redirect(const struct evidence *, bool works, struct report *);

/* --- times.c: when did it come? ----------------------------------------- */

/* Did the first byte come late, and the rest in time? */
bool judge_late(const struct visit *);

/*
 * How many bytes came together before the first arrived, from ticks of size;
 * 0: all of them, at the end.
 */
uint64_t judge_buffer(const struct visit *, uint64_t size);

/* Does a cache answer in the place of the responder? */
bool times_cached(const struct evidence *);

/* True: something holds the stream back, so all other times mean nothing. */
bool judge_times(const struct evidence *, const struct way *, struct report *);
void judge_late_start(
    const struct evidence *, const struct way *, struct report *);
void judge_cut(const struct visit *, struct report *);
void judge_silence(
    const struct evidence *, const struct way *, struct report *);

/* --- tries.c: which ways get through? ----------------------------------- */

/* Was something seen to hold the newest event until the next? */
bool tries_hold_newest(const struct evidence *);

/* Call it last: it has a word for the findings that are there. */
void judge_tries(const struct evidence *, struct report *);

/* --- arrived.c: what of the request, and of the answer? ----------------- */

void judge_stripped(
    const struct evidence *, const struct way *, struct report *);
void judge_http10(const struct evidence *, const struct way *, struct report *);
void judge_cache_control(
    const struct evidence *, const struct way *, struct report *);
void judge_cors(const struct evidence *, const struct way *, struct report *);

#endif
