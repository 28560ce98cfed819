/*
 * publish.h - where the publisher of the measurements sends its events.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include <stddef.h>

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
void sink_commit(struct sink *);

#endif
