/*
 * load.c - many EventSources in one thread: the client of every measurement.
 *
 * usage: load [-t] HOST PORT [SOURCE]
 *
 * -t: over TLS; the certificate is not looked at.
 *
 * SOURCE is the address that streams come from, 12,000 of each group; the next
 * come from the next address.  One address has 28,232 ports to a server's port.
 *
 * Reads commands from stdin, one a line, and answers each with one JSON
 * object on a line.  Times are CLOCK_MONOTONIC in ns: the publisher and the
 * client share the machine, so they share the clock.
 *
 *   open N TARGET [KEY=VALUE...]	opens a group of N streams at once; %d
 *	in TARGET is the number of the stream.  Keys: id (a Last-Event-ID),
 *	rate (streams a second; 0 as fast as can be), first (the number its
 *	first event must have; 0 any), live (delays count for events that were
 *	published after a stream received this number; 0 all), stall=1 (stop
 *	reading after the headers), any=1 (of one stream: events are numbered
 *	from 1 and come in any order; `wait` is for so many different ones),
 *	again=MS (who is cut or turned away comes back with its last id, after
 *	MS at most; 0: after the time that the server said, as browsers do),
 *	within=SECONDS (then it is answered anyway), share=K (HTTP/2, K streams
 *	of the group on each connection; with -t, without stall and again).
 *	Answered when all are open or refused; with again, when all are open.
 *   wait GROUP NUMBER SECONDS	until all streams of a group have the event of
 *	this number, or so long.
 *   back GROUP SECONDS CONNECTS	until a group has connected so often and
 *	all its streams are live, or so long.  Live is a stream that has had an
 *	event since it was opened.
 *   wake GROUP		a group that stalled reads on
 *   churn GROUP RATE	from now on cut so many of its streams a second
 *   group GROUP		how many are open and live, and what became of
 *	those that were cut
 *   mark			forget all measures so far
 *   report			the measures
 *   close GROUP
 *   quit
 *
 * A stream counts as open when its status line and headers have come.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "crowd.h"

enum {
	EVENTS_A_TURN = 512,
	OPEN_GIVE_UP_S = 120 /* 10,000 handshakes on a busy machine */
};

enum waiting {
	WAIT_NOTHING,
	WAIT_OPEN,
	WAIT_GOAL,
	WAIT_LIVE
};

struct load {
	struct crowd crowd;
	enum waiting waiting;
	struct group *waited;
	uint64_t until_ns; /* then the answer is given anyway */
	uint64_t cpu_us;   /* used at the last mark */
	char line[1024];
	size_t line_len;
	bool quit;
};

static void
answer_open(struct load *l)
{
	struct group *g = l->waited;

	printf("{\"group\":%zu,\"asked\":%zu,\"open\":%zu,\"refused\":%zu,"
	       "\"unanswered\":%zu,\"turned_away\":%zu,\"denied\":%zu,"
	       "\"began_ns\":%llu,\"opened_ns\":%llu}\n",
	    (size_t)(g - l->crowd.groups), g->n, g->open, g->n - g->open,
	    g->unanswered, g->turned_away, g->denied,
	    (unsigned long long)g->began_ns, (unsigned long long)g->opened_ns);
	l->waiting = WAIT_NOTHING;
}

static void
answer_wait(struct load *l)
{
	struct group *g = l->waited;

	printf("{\"group\":%zu,\"below\":%zu,\"open\":%zu,\"ended\":%zu,"
	       "\"reached_ns\":%llu}\n",
	    (size_t)(g - l->crowd.groups), g->below, g->open, g->ended,
	    (unsigned long long)g->goal_ns);
	l->waiting = WAIT_NOTHING;
}

static void
answer_group(struct load *l, const struct group *g)
{
	printf("{\"group\":%zu,\"asked\":%zu,\"open\":%zu,\"live\":%zu,"
	       "\"connects\":%zu,\"cuts\":%zu,\"unanswered\":%zu,"
	       "\"turned_away\":%zu,\"denied\":%zu,\"live_ns\":%llu}\n",
	    (size_t)(g - l->crowd.groups), g->n, g->open, g->nlive, g->connects,
	    g->cuts, g->unanswered, g->turned_away, g->denied,
	    (unsigned long long)g->lived_ns);
	l->waiting = WAIT_NOTHING;
}

static void
answer_report(struct load *l)
{
	uint64_t least = UINT64_MAX, most = 0;
	size_t i, j, open = 0, ended = 0, reading = 0;

	for (i = 0; i < l->crowd.ngroups; i++) {
		struct group *g = &l->crowd.groups[i];

		open += g->open;
		ended += g->ended;
		if (g->stall)
			continue;
		reading += g->open;
		for (j = 0; j < g->n; j++) {
			if (g->streams[j].count < least)
				least = g->streams[j].count;
			if (g->streams[j].count > most)
				most = g->streams[j].count;
		}
	}
	printf("{\"open\":%zu,\"ended\":%zu,\"least\":%llu,\"most\":%llu,"
	       "\"torn\":%llu,\"bad_ids\":%llu,\"gaps\":%llu,"
	       "\"strange\":%llu,\"client_cpu_us\":%llu,",
	    open, ended, (unsigned long long)(reading ? least : 0),
	    (unsigned long long)most, (unsigned long long)l->crowd.faults.torn,
	    (unsigned long long)l->crowd.faults.ids,
	    (unsigned long long)l->crowd.faults.gaps,
	    (unsigned long long)l->crowd.faults.strange,
	    (unsigned long long)(tally_cpu_us() - l->cpu_us));
	tally_print(&l->crowd.tally, reading, stdout);
	fputs("}\n", stdout);
}

static void
group_key(struct group *g, const char *key, const char *value)
{
	uint64_t number = strtoull(value, NULL, 10);

	if (strcmp(key, "id") == 0)
		snprintf(g->id, sizeof(g->id), "%s", value);
	else if (strcmp(key, "rate") == 0)
		g->rate = number;
	else if (strcmp(key, "first") == 0)
		g->first = number;
	else if (strcmp(key, "live") == 0)
		g->live = number;
	else if (strcmp(key, "stall") == 0)
		g->stall = number != 0;
	else if (strcmp(key, "any") == 0)
		g->any = number != 0;
	else if (strcmp(key, "share") == 0)
		g->share = number;
	else if (strcmp(key, "within") == 0)
		g->within_s = number;
	else if (strcmp(key, "again") == 0) {
		g->again = true;
		g->again_ms = number;
	}
}

static void
command_open(struct load *l, char *words)
{
	struct group *g = &l->crowd.groups[l->crowd.ngroups];
	char *word, *value;

	word = strsep(&words, " ");
	if (l->crowd.ngroups == CROWD_GROUPS || word == NULL || words == NULL) {
		puts("{\"error\":\"open\"}");
		return;
	}
	g->n = strtoul(word, NULL, 10);
	g->within_s = OPEN_GIVE_UP_S;
	snprintf(g->target, sizeof(g->target), "%s", strsep(&words, " "));
	while ((word = strsep(&words, " ")) != NULL)
		if ((value = strchr(word, '=')) != NULL) {
			*value = '\0';
			group_key(g, word, value + 1);
		}
	if (g->share > 0 && l->crowd.tls == NULL) {
		memset(g, 0, sizeof(*g));
		puts("{\"error\":\"share\"}");
		return;
	}
	g->streams = calloc(g->n, sizeof(*g->streams));
	g->away = calloc(g->n, sizeof(*g->away));
	if (g->streams == NULL || g->away == NULL)
		abort();
	l->crowd.ngroups++;
	g->began_ns = tally_now();
	l->until_ns = g->began_ns + g->within_s * 1000000000ull +
		      (g->rate ? g->n * 1000000000ull / g->rate : 0);
	l->waiting = WAIT_OPEN;
	l->waited = g;
}

static void
command_wait(struct load *l, struct group *g, uint64_t goal, double seconds)
{
	crowd_goal(g, goal);
	l->until_ns = tally_now() + (uint64_t)(seconds * 1e9);
	l->waiting = WAIT_GOAL;
	l->waited = g;
}

/* What is said of a group; false: it was none of these. */
static bool
command_group(struct load *l, const char *word, struct group *g, char *words)
{
	double seconds;

	if (strcmp(word, "close") == 0) {
		crowd_close(&l->crowd, g);
		puts("{}");
	} else if (strcmp(word, "wake") == 0) {
		crowd_wake(&l->crowd, g);
		puts("{}");
	} else if (strcmp(word, "churn") == 0) {
		g->churn = strtod(words, NULL);
		g->churn_ns = tally_now();
		g->churned = 0;
		puts("{}");
	} else if (strcmp(word, "group") == 0)
		answer_group(l, g);
	else if (strcmp(word, "back") == 0) {
		seconds = strtod(words, &words);
		g->wanted = strtoul(words, NULL, 10);
		l->until_ns = tally_now() + (uint64_t)(seconds * 1e9);
		l->waiting = WAIT_LIVE;
		l->waited = g;
	} else
		return false;
	return true;
}

static void
command(struct load *l, char *words)
{
	char *word = strsep(&words, " ");
	struct group *g = NULL;
	unsigned long number;
	double seconds;
	size_t i;

	if (strcmp(word, "open") == 0) {
		command_open(l, words);
		return;
	}
	if (words != NULL &&
	    (i = strtoul(words, &words, 10)) < l->crowd.ngroups)
		g = &l->crowd.groups[i];
	if (strcmp(word, "wait") == 0 && g != NULL &&
	    sscanf(words, "%lu %lf", &number, &seconds) == 2)
		command_wait(l, g, number, seconds);
	else if (g != NULL && command_group(l, word, g, words))
		return;
	else if (strcmp(word, "report") == 0)
		answer_report(l);
	else if (strcmp(word, "quit") == 0)
		l->quit = true;
	else if (strcmp(word, "mark") == 0) {
		crowd_mark(&l->crowd);
		l->cpu_us = tally_cpu_us();
		puts("{}");
	} else
		puts("{\"error\":\"no such command\"}");
}

/* One command at a time: the next is read when this one was answered. */
static void
commands_read(struct load *l)
{
	char c;

	while (l->waiting == WAIT_NOTHING && !l->quit) {
		ssize_t len = read(STDIN_FILENO, &c, 1);

		if (len == 0)
			l->quit = true;
		if (len <= 0)
			return;
		if (c != '\n') {
			if (l->line_len + 1 < sizeof(l->line))
				l->line[l->line_len++] = c;
			continue;
		}
		l->line[l->line_len] = '\0';
		l->line_len = 0;
		command(l, l->line);
	}
}

static void
command_go_on(struct load *l)
{
	struct group *g = l->waited;
	bool late = l->waiting != WAIT_NOTHING && tally_now() > l->until_ns;

	if (l->waiting == WAIT_OPEN) {
		crowd_go_on(&l->crowd, g);
		if (late || crowd_opened(&l->crowd, g))
			answer_open(l);
	} else if (l->waiting == WAIT_GOAL && (late || g->below == 0))
		answer_wait(l);
	else if (l->waiting == WAIT_LIVE &&
		 (late || (g->nlive == g->n && g->connects >= g->wanted)))
		answer_group(l, g);
}

/* How long to sleep at most: answers and paced openings want to go on. */
static int
patience_ms(const struct load *l)
{
	if (crowd_is_restless(&l->crowd))
		return 2;
	if (l->waiting == WAIT_NOTHING)
		return -1;
	return l->waited->rate == 0 ? 20 : 1;
}

static void
turn(struct load *l)
{
	struct epoll_event events[EVENTS_A_TURN];
	int i, n;

	n = epoll_wait(l->crowd.ep, events, EVENTS_A_TURN, patience_ms(l));
	for (i = 0; i < n; i++)
		if (events[i].data.ptr != NULL)
			crowd_ready(&l->crowd, events[i].data.ptr);
	crowd_turn(&l->crowd);
	command_go_on(l);
	commands_read(l);
	command_go_on(l);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct load l;
	struct epoll_event input = {.events = EPOLLIN | EPOLLET};

	if (argc > 1 && strcmp(argv[1], "-t") == 0) {
		l.crowd.tls = wire_context();
		argc--;
		argv++;
	}
	if (argc != 3 && argc != 4) {
		fputs("usage: load [-t] HOST PORT [SOURCE]\n", stderr);
		return 2;
	}
	if (argc == 4) {
		l.crowd.source.sin_family = AF_INET;
		if (inet_pton(AF_INET, argv[3], &l.crowd.source.sin_addr) != 1)
			return 2;
	}
	l.crowd.peer.sin_family = AF_INET;
	l.crowd.peer.sin_port = htons((uint16_t)atoi(argv[2]));
	if (inet_pton(AF_INET, argv[1], &l.crowd.peer.sin_addr) != 1 ||
	    crowd_init(&l.crowd) != 0)
		return 2;
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	epoll_ctl(l.crowd.ep, EPOLL_CTL_ADD, STDIN_FILENO, &input);
	while (!l.quit)
		turn(&l);
	return 0;
}
