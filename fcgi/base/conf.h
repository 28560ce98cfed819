/*
 * conf.h - what `largesse serve` was asked to be.
 *
 * Filled from serve_options, the one table of the options, their defaults
 * and their help.  Strings are those of the command line or the environment
 * and live as long as the process.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/base/options.h"

/*
 * Descriptors of a serving process that are not streams': the log, the
 * listening socket, the loop's own.  serve takes them off the limit, and the
 * doctor adds them to the streams that somebody asks for.
 */
enum {
	SPARE_FDS = 32
};

struct serve_conf {
	const char *db;
	const char *listen;   /* unix:PATH or HOST:PORT; NULL: descriptor 0 */
	uint64_t listen_mode; /* of the socket at PATH */
	uint64_t backlog;
	uint64_t workers;

	uint64_t heartbeat_ms;
	uint64_t retry_ms;
	uint64_t poll_ms;
	uint64_t gather_ms;
	uint64_t max_age_ms; /* 0: no end */
	uint64_t stall_ms;   /* 0: no end */

	uint64_t max_streams;		  /* 0: what descriptors allow */
	uint64_t max_streams_per_address; /* 0: no limit */
	uint64_t max_topics;
	uint64_t max_request_bytes;
	uint64_t max_event_bytes;
	uint64_t window_bytes;
	uint64_t write_budget_bytes;
	uint64_t page_rows;

	struct option_list key_file, jwks_file; /* none: reading is open */
	struct option_list public_topics;
	const char *cookie_name;
	const char *issuer, *audience; /* NULL: any */
	uint64_t leeway_ms;
	bool trust_user;
	struct option_list user_topic;
	bool publish;
	const char *synchronous; /* full or normal: when a POST is answered */
	uint64_t max_batch;
	struct option_list allow_origin;
	struct option_list trusted_proxy;
	bool quiet;
};

extern const struct options serve_options;

#endif
