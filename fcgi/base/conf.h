/*
 * conf.h - the options of `largesse serve`, as they were given.
 *
 * The struct is filled from serve_options, which is the one table of the
 * options, their defaults and their help.  Strings point into the command line
 * or the environment, and live as long as the process.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/base/options.h"

/*
 * Descriptors that a serving process needs besides those of streams: the log,
 * the listening socket, the loop.  serve takes them off the limit, and the
 * doctor adds them to the streams that a user asks for.
 */
enum {
	SPARE_FDS = 32
};

/* The largest values of some options. */
enum {
	CONF_WORKERS_MAX = 64,
	CONF_TOPICS_MAX = 64, /* topics of one stream */
	CONF_BATCH_MAX = 2000 /* events of one POST */
};

struct serve_conf {
	const char *db;
	const char *listen;   /* unix:PATH or HOST:PORT; NULL: descriptor 0 */
	uint64_t listen_mode; /* of the socket at PATH */
	uint64_t backlog;
	uint64_t workers;

	const char *start; /* event or bare: of streams that do not say it */
	uint64_t heartbeat_ms;
	uint64_t retry_ms;
	uint64_t poll_ms;
	uint64_t gather_ms;
	uint64_t max_age_ms; /* 0: no end */
	uint64_t stall_ms;   /* 0: no end */

	/* bounds of what a client may ask of its stream (request/way.c) */
	uint64_t min_beat_ms;
	uint64_t max_poll_ms;
	uint64_t max_pad_bytes;

	uint64_t max_streams;		  /* 0: what descriptors allow */
	uint64_t max_streams_per_address; /* 0: no limit */
	uint64_t address_share;		  /* percent; 0: no limit */
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
	uint64_t max_token_age_ms; /* 0: a token need not expire */
	bool trust_user;
	struct option_list user_topic;
	bool handover;
	bool publish;
	const char *synchronous; /* full or normal: what a POST waits for */
	uint64_t max_batch;
	struct option_list allow_origin;
	struct option_list trusted_proxy;
	bool status_addresses;
	bool quiet;
	bool no_sandbox;
};

extern const struct options serve_options;

#endif
