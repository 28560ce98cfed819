/*
 * conf.c - the options of `largesse serve`: one line each.
 *
 * Every limit of the responder is here, with its default.  largesse(1) has the
 * same options and says why each is there.
 */
#include "fcgi/base/conf.h"

#define STRING(member) OPTION_STRING, AT_STRING(struct serve_conf, member)
#define NUMBER(member) OPTION_UNSIGNED, AT_NUMBER(struct serve_conf, member)
#define OCTAL(member)  OPTION_OCTAL, AT_NUMBER(struct serve_conf, member)
#define AGE(member)    OPTION_AGE, AT_NUMBER(struct serve_conf, member)
#define BYTES(member)  OPTION_BYTES, AT_NUMBER(struct serve_conf, member)
#define LIST(member)   OPTION_LIST, AT_LIST(struct serve_conf, member)
#define FLAG(member)   OPTION_FLAG, AT_FLAG(struct serve_conf, member)

/* clang-format off */
static const struct option list[] = {
	{"db", "FILE", STRING(db), NULL,
	    .help = "the event log, made by largesse init", .needed = true},
	{"listen", "ADDRESS", STRING(listen), NULL,
	    .help = "unix:PATH or HOST:PORT; else descriptor 0"},
	{"listen-mode", "OCTAL", OCTAL(listen_mode), "0660",
	    .help = "mode of the socket at unix:PATH", .max = 0777},
	{"backlog", "N", NUMBER(backlog), "1024",
	    .help = "connections that may wait to be accepted",
	    .min = 1, .max = 65535},
	{"workers", "N", NUMBER(workers), "1",
	    .help = "processes that share the streams",
	    .min = 1, .max = CONF_WORKERS_MAX},
	{"heartbeat", "SECONDS", AGE(heartbeat_ms), "15",
	    .help = "a comment after so much silence",
	    .min = 10, .max = 24 * 3600 * 1000},
	{"retry", "MS", NUMBER(retry_ms), "2000",
	    .help = "a browser comes back after a break of this",
	    .max = 24 * 3600 * 1000},
	{"poll", "MS", NUMBER(poll_ms), "250",
	    .help = "look into the log unasked so often; 0: never",
	    .max = 3600 * 1000},
	{"gather", "MS", NUMBER(gather_ms), "100",
	    .help = "when busy, send at most once in this time",
	    .max = 60 * 1000},
	{"start", "HOW", STRING(start), "event",
	    .help = "of a stream: event, or bare: none of ours"},
	{"max-age", "SECONDS", AGE(max_age_ms), "0",
	    .help = "end a stream of this age; 0: never"},
	{"stall", "SECONDS", AGE(stall_ms), "60",
	    .help = "end one that took nothing so long; 0: never"},
	{"max-streams", "N", NUMBER(max_streams), "0",
	    .help = "streams at once; 0: what descriptors allow",
	    .max = UINT32_MAX},
	{"max-streams-per-address", "N", NUMBER(max_streams_per_address), "0",
	    .help = "streams at once of one client; 0: any",
	    .max = UINT32_MAX},
	{"address-share", "PERCENT", NUMBER(address_share), "25",
	    .help = "of our time that one client may take; 0: any",
	    .max = 100},
	{"max-topics", "N", NUMBER(max_topics), "16",
	    .help = "topics of one stream",
	    .min = 1, .max = CONF_TOPICS_MAX},
	{"max-request", "BYTES", BYTES(max_request_bytes), "1M",
	    .help = "largest request body", .max = 1 << 30},
	{"max-event", "BYTES", BYTES(max_event_bytes), "1M",
	    .help = "largest event",
	    .min = 1, .max = 1 << 30},
	{"window", "BYTES", BYTES(window_bytes), "16M",
	    .help = "newest events kept in memory, encoded", .max = 1ULL << 40},
	{"write-budget", "BYTES", BYTES(write_budget_bytes), "256K",
	    .help = "most that a stream is sent in one turn",
	    .min = 1024, .max = 1 << 30},
	{"page", "ROWS", NUMBER(page_rows), "1000",
	    .help = "most rows read at once for a stream behind",
	    .min = 1, .max = 1000000},
	{"key-file", "FILE", LIST(key_file), NULL,
	    .help = "secret or public PEM: readers need a token"},
	{"jwks-file", "FILE", LIST(jwks_file), NULL,
	    .help = "the same with keys as JSON"},
	{"public", "TOPIC", LIST(public_topics), NULL,
	    .help = "a topic that needs no token; repeat"},
	{"cookie-name", "NAME", STRING(cookie_name), "largesse",
	    .help = "the cookie that a token may come in"},
	{"issuer", "NAME", STRING(issuer), NULL,
	    .help = "what a token's iss has to be"},
	{"audience", "NAME", STRING(audience), NULL,
	    .help = "what a token's aud has to have"},
	{"leeway", "SECONDS", AGE(leeway_ms), "2",
	    .help = "by which other clocks may be wrong",
	    .max = 3600 * 1000},
	{"max-token-age", "AGE", AGE(max_token_age_ms), "0",
	    .help = "refuse tokens good for longer; 0: take them",
	    .max = 100ULL * 366 * 24 * 3600 * 1000},
	{"trust-user", NULL, FLAG(trust_user), NULL,
	    .help = "readers are who REMOTE_USER says"},
	{"user-topic", "TOPIC", LIST(user_topic), NULL,
	    .help = "what such a reader may read: inbox/{user}; repeat"},
	{"handover", NULL, FLAG(handover), NULL,
	    .help = "an application hands its readers over"},
	{"publish", NULL, FLAG(publish), NULL,
	    .help = "take events by POST, too"},
	{"synchronous", "MODE", STRING(synchronous), "full",
	    .help = "full: a POST waits for the disk; or normal"},
	{"max-batch", "N", NUMBER(max_batch), "1000",
	    .help = "most events of one POST",
	    .min = 1, .max = CONF_BATCH_MAX},
	{"allow-origin", "ORIGIN", LIST(allow_origin), NULL,
	    .help = "another site whose pages may read; repeat, or *"},
	{"trusted-proxy", "ADDRESS", LIST(trusted_proxy), NULL,
	    .help = "whose X-Forwarded-For is believed; or ADDRESS/BITS"},
	{"quiet", NULL, FLAG(quiet), NULL,
	    .help = "say nothing but errors"},
	{"no-sandbox", NULL, FLAG(no_sandbox), NULL,
	    .help = "let the process ask anything of the kernel"},
};
/* clang-format on */

const struct options serve_options = {
    .command = "serve",
    .usage = "--db FILE [options]",
    .about = "Sends the events of a log to browsers, from behind a web "
	     "server: FastCGI on\ndescriptor 0 or --listen; plain CGI when "
	     "a web server starts it so.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .environment = true,
};
