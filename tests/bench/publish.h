/*
 * publish.h - where the publisher of the measurements sends its events.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include <stddef.h>

enum {
	SINK_MANY = 16 /* rows of one INSERT */
};

struct sink;

/* All exit with a line on stderr when they fail. */
struct sink *sink_sqlite(const char *file, const char *topic);
struct sink *sink_post(const char *port, const char *target);
struct sink *sink_redis(
    const char *socket, const char *stream, const char *topic);
struct sink *sink_bell(const char *path);

/* Rows that become visible together; a single row commits by itself. */
void sink_begin(struct sink *);
void sink_put(struct sink *, const char *data, size_t len);
/* Rows of some thousand topics are to come. */
void sink_prepare_many(struct sink *);
/* Up to SINK_MANY rows, each with a topic of its own; not for POST and bell. */
void sink_put_many(struct sink *, size_t n, const char *const *topics,
    const char *const *data, size_t len);
void sink_commit(struct sink *);

#endif
