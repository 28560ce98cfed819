/*
 * gate.h - a connection's bytes, until one whole valid request stands there.
 *
 * libfcgi blocks on a half request, trusts the lengths in it and aborts on
 * some of them, so it is shown nothing that was not counted here first: one
 * BEGIN_REQUEST as Responder, PARAMS whose names and values lie inside their
 * records, the empty PARAMS, then STDIN to its end (FastCGI 1.0, sections 3
 * and 5).  gate_scan is pure and fuzzed; gate_parse is the one place that
 * touches libfcgi.
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
	GATE_MORE,   /* well so far: call again with more bytes */
	GATE_ANSWER, /* write reply_len bytes of reply, then scan again */
	GATE_READY,  /* a whole request, or one whose body is over max_body */
	GATE_REFUSE, /* an honest peer asked for what we do not do: write
			reply_len bytes of reply, close.  `why` says */
	GATE_BROKEN  /* not FastCGI, or over a limit: close.  `why` says */
};

/* How far the scan has come.  All zero at the start of a request. */
struct gate {
	size_t scanned;	   /* bytes of the buffer that are done with */
	size_t params_len; /* bytes of PARAMS content so far */
	size_t body_len;   /* bytes of STDIN content so far */
	uint16_t id;	   /* request id */
	bool begun, params_done, keep_conn;
	const char *why;
	size_t reply_len;
	uint8_t reply[GATE_REPLY_SIZE];
};

/*
 * Goes on with the scan of buf, which holds all len bytes of the request so
 * far, what was answered included.  It may lie elsewhere at each call.  The
 * result does not depend on how the bytes were cut.
 *
 * A body over max_body does not break the request.  It is GATE_READY as soon
 * as its length is known, with body_len > max_body: refuse it with a status,
 * for the rest of it was not scanned and need not be kept.
 *
 * After GATE_READY the bytes from buf + scanned on are the next request's.
 */
enum gate_result gate_scan(
    struct gate *, const uint8_t *buf, size_t len, size_t max_body);

/*
 * Moves the STDIN content of a ready request together; returns its start in
 * buf, body_len bytes long.  Call it once, and not when the body was too
 * long.  gate_parse works before and after.
 */
uint8_t *gate_body(const struct gate *, uint8_t *buf);

/* Copies PARAMS together, params_len bytes: at most GATE_PARAMS_MAX. */
size_t gate_params(const struct gate *, const uint8_t *buf, uint8_t *to);

/*
 * The reusable file that libfcgi reads from.  Opening it leaves the handlers
 * of signals as they are, which libfcgi by itself would not.
 */
struct gate_reader;
struct gate_reader *gate_reader_open(void); /* NULL: errno says why */
void gate_reader_close(struct gate_reader *);

/*
 * Has libfcgi parse the parameters of a ready request in buf.  Returns its
 * environment (FCGI_ROLE=RESPONDER first, which is libfcgi's own), good until
 * the next gate_parse or gate_reader_close; NULL when libfcgi would not.
 */
char **gate_parse(
    struct gate_reader *, const struct gate *, const uint8_t *buf);

#endif
