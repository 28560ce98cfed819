/*
 * judge.h - from what was seen to what is wrong.  Pure.
 */
#ifndef DOCTOR_JUDGE_H
#define DOCTOR_JUDGE_H

#include "fcgi/doctor/visit.h"

/* What the visits to one address brought.  NULL: was not made. */
struct evidence {
	const char *url;    /* of the stream, where it was found in the end */
	const char *origin; /* whose page would read it, or NULL */
	unsigned redirects;

	const struct visit *asked;   /* the address as given, if redirected */
	const struct visit *stream;  /* the stream itself */
	const struct visit *health;  /* .../health, when that is in doubt */
	const struct visit *probe;   /* ticks, with dummies */
	const struct visit *plain;   /* the same without compression */
	const struct visit *small;   /* ticks of small_bytes, to fill buffers */
	const struct visit *large;   /* the same of large_bytes */
	const struct visit *again;   /* one tick, to see a late start again */
	const struct visit *silence; /* two ticks, idle_ms apart */
	uint64_t small_bytes, large_bytes, idle_ms;
};

void judge(const struct evidence *, struct report *);

/* Questions by which the doctor decides what to look at next. */
bool judge_usable(const struct visit *stream); /* is a probe worth trying? */
bool judge_late(const struct visit *);	       /* was its start? */

/*
 * How many bytes came together before the first arrived, from ticks of size;
 * 0: all of them, at the end.
 */
uint64_t judge_buffer(const struct visit *, uint64_t size);

/* --- the servers in the way (doctor_mend.c) ----------------------------- */

enum server_kind {
	SERVER_UNKNOWN,
	SERVER_NGINX,
	SERVER_LIGHTTPD,
	SERVER_APACHE,
	SERVER_HAPROXY
};

/* inner has the responder behind it, outer has inner. */
struct way {
	enum server_kind inner, outer;
	bool proxied; /* there is an outer one, whatever it is */
};

struct way way_of(const struct evidence *);
const char *server_name(enum server_kind);

/*
 * Adds the lines that mend what is of this code, for the servers in the way;
 * arg takes the place of {} in them.
 */
void mend(
    struct report *, struct finding *, const struct way *, const char *arg);

/* --- what the judge asks, one after the other --------------------------- */

/* doctor_absent.c: there is no stream. */
void judge_trouble(const struct visit *, struct report *);
void judge_status(const struct visit *, const struct way *, struct report *);
void judge_type(const struct visit *, struct report *);
void judge_comes_back(const struct evidence *, struct report *);
void judge_redirect(const struct evidence *, bool works, struct report *);

/* doctor_times.c: judge_times is true where all other times mean nothing. */
bool judge_times(const struct evidence *, const struct way *, struct report *);
void judge_late_start(
    const struct evidence *, const struct way *, struct report *);
void judge_cut(const struct visit *, struct report *);
void judge_silence(
    const struct evidence *, const struct way *, struct report *);

/* doctor_arrived.c */
void judge_stripped(
    const struct evidence *, const struct way *, struct report *);
void judge_http10(const struct evidence *, const struct way *, struct report *);
void judge_cache_control(
    const struct evidence *, const struct way *, struct report *);
void judge_cors(const struct evidence *, const struct way *, struct report *);

#endif
