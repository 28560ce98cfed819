/*
 * gate.h - checks a connection's bytes until there is one whole valid request.
 *
 * libfcgi blocks on a half request, trusts the lengths in it and aborts on
 * some of them.  So libfcgi gets only what was checked here first: one
 * BEGIN_REQUEST as Responder, PARAMS whose names and values lie inside their
 * records, the empty PARAMS, then STDIN to its end (FastCGI 1.0, sections 3
 * and 5).  gate_scan is pure and fuzzed.  Only gate_parse.c calls libfcgi.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GATE_PARAMS_MAX = 64 * 1024,  /* bytes of names, values and lengths */
	GATE_FRAMING_MAX = 64 * 1024, /* bytes of headers, padding and records
					 that are not of the request; as much
					 again as there is content */
	GATE_REPLY_SIZE = 128	      /* an answer to a management record */
};

enum gate_result {
	GATE_MORE,   /* valid so far: call again with more bytes */
	GATE_ANSWER, /* write reply_len bytes of reply, then scan again */
	GATE_READY,  /* a whole request, or one whose body is over max_body */
	GATE_REFUSE, /* valid, but we do not serve this: write
			reply_len bytes of reply, close.  `why` says */
	GATE_BROKEN  /* not FastCGI, or over a limit: close.  `why` says */
};

/* How far the scan has come.  All zero at the start of a request. */
struct gate {
	size_t scanned;	   /* bytes of the buffer that were looked at */
	size_t params_len; /* bytes of PARAMS content so far */
	size_t body_len;   /* bytes of STDIN content so far */
	uint16_t id;	   /* request id */
	bool begun, params_done, keep_conn;
	const char *why;
	size_t reply_len;
	uint8_t reply[GATE_REPLY_SIZE];
};

/*
 * Goes on with the scan of buf, which has all len bytes of the request so far,
 * also those of records that were answered.  buf may move between two calls.
 * The result does not depend on how the bytes were cut.
 *
 * A body over max_body does not break the request.  The result is GATE_READY
 * as soon as its length is known, with body_len > max_body.  The caller then
 * refuses the request with a status and need not keep the rest of the body,
 * which was not scanned.
 *
 * After GATE_READY the bytes from buf + scanned on are the next request's.
 */
enum gate_result gate_scan(
    struct gate *, const uint8_t *buf, size_t len, size_t max_body);

/*
 * Moves the STDIN content of a ready request together.  Returns its start in
 * buf, where it has body_len bytes.  Call this once, and not when the body was
 * too long.  gate_parse may be called before and after.
 */
uint8_t *gate_body(const struct gate *, uint8_t *buf);

/* Copies all PARAMS content, params_len bytes: at most GATE_PARAMS_MAX. */
size_t gate_params(const struct gate *, const uint8_t *buf, uint8_t *to);

/*
 * The file that libfcgi reads from, used again for each request.  libfcgi
 * replaces handlers of signals when it starts; opening restores them.
 */
struct gate_reader;
struct gate_reader *gate_reader_open(void); /* NULL: errno says why */
void gate_reader_close(struct gate_reader *);

/*
 * Lets libfcgi parse the parameters of a ready request in buf.  Returns its
 * environment, valid until the next gate_parse or gate_reader_close.  libfcgi
 * adds FCGI_ROLE=RESPONDER as the first.  NULL if libfcgi refused.
 */
char **gate_parse(
    struct gate_reader *, const struct gate *, const uint8_t *buf);

#endif
