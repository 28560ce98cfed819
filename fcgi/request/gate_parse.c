/*
 * gate_parse.c - a request that passed the gate, parsed by libfcgi.
 *
 * libfcgi reads from a descriptor, closes the descriptor on an error and waits
 * for bytes that do not come.  So it gets a file in memory with everything it
 * will read: BEGIN_REQUEST, the parameters in as few records as possible, and
 * the two empty records.  Other records that a peer sent in between are left
 * out.  So is the body, which is used where it is.
 *
 * If the request before was longer, its last bytes are still in the file after
 * the end of this one.  libfcgi may read them into its buffer but does not
 * parse them: it stops at the empty PARAMS.
 */
#include <sys/mman.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "fcgi/request/fcgi.h"
#include "fcgi/request/gate.h"

enum {
	RECORD_MAX = 0xfff8, /* content of a record, a multiple of 8 */
	ID = 1,
	/* BEGIN_REQUEST and its 8 bytes, two PARAMS, the two empty records */
	SIZE = 6 * FCGI_HEADER_LEN + GATE_PARAMS_MAX
};

struct gate_reader {
	int fd;	     /* -1 after libfcgi closed it */
	bool parsed; /* request holds an environment */
	FCGX_Request request;
	uint8_t params[GATE_PARAMS_MAX];
	uint8_t records[SIZE];
};

static int
memory_file(void)
{
	return memfd_create("request", MFD_CLOEXEC);
}

/* libfcgi sets handlers for SIGPIPE, SIGUSR1 and SIGTERM: restore ours. */
static int
init_library(void)
{
	static const int signals[] = {SIGPIPE, SIGUSR1, SIGTERM};
	struct sigaction before[3];
	int i, rc;

	for (i = 0; i < 3; i++)
		sigaction(signals[i], NULL, &before[i]);
	rc = FCGX_Init();
	for (i = 0; i < 3; i++)
		sigaction(signals[i], &before[i], NULL);
	return rc;
}

struct gate_reader *
gate_reader_open(void)
{
	struct gate_reader *r;

	if (init_library() != 0) {
		errno = ENOTSUP;
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->fd = memory_file();
	if (r->fd == -1) {
		free(r);
		return NULL;
	}
	return r;
}

static void
forget_parsed(struct gate_reader *r)
{
	if (r->parsed)
		FCGX_Free(&r->request, 0);
	r->parsed = false;
}

void
gate_reader_close(struct gate_reader *r)
{
	if (r == NULL)
		return;
	forget_parsed(r);
	if (r->fd != -1)
		close(r->fd);
	free(r);
}

static uint8_t *
put_record(uint8_t *p, unsigned type, const uint8_t *content, size_t len)
{
	fcgi_header(p, type, ID, len, 0);
	if (len > 0)
		memcpy(p + FCGI_HEADER_LEN, content, len);
	return p + FCGI_HEADER_LEN + len;
}

/* Writes the request as new records to r->records.  Returns its length. */
static size_t
write_records(struct gate_reader *r, const struct gate *g, const uint8_t *buf)
{
	/* Without KEEP_CONN libfcgi would close the descriptor. */
	static const uint8_t responder[8] = {0, FCGI_RESPONDER, FCGI_KEEP_CONN};
	size_t len = gate_params(g, buf, r->params), done, part;
	uint8_t *p = r->records;

	p = put_record(p, FCGI_BEGIN_REQUEST, responder, sizeof(responder));
	for (done = 0; done < len; done += part) {
		part = len - done < RECORD_MAX ? len - done : RECORD_MAX;
		p = put_record(p, FCGI_PARAMS, r->params + done, part);
	}
	p = put_record(p, FCGI_PARAMS, NULL, 0);
	p = put_record(p, FCGI_STDIN, NULL, 0);
	return (size_t)(p - r->records);
}

char **
gate_parse(struct gate_reader *r, const struct gate *g, const uint8_t *buf)
{
	size_t len = write_records(r, g, buf);

	forget_parsed(r);
	if (r->fd == -1)
		r->fd = memory_file();
	if (r->fd == -1 || pwrite(r->fd, r->records, len, 0) != (ssize_t)len ||
	    lseek(r->fd, 0, SEEK_SET) != 0)
		return NULL;
	if (FCGX_InitRequest(&r->request, -1, 0) != 0)
		return NULL;
	r->request.ipcFd = r->fd;
	r->request.keepConnection = 1;
	FCGX_Detach(&r->request); /* or closing takes up to two seconds */
	if (FCGX_Accept_r(&r->request) != 0) {
		if (r->request.ipcFd == -1)
			r->fd = -1;
		return NULL;
	}
	r->parsed = true;
	/* Only this says that libfcgi lost parameters. */
	if (FCGX_GetError(r->request.in) != 0)
		return NULL;
	return r->request.envp;
}
