/*
 * fuzz_store_redis.c - whatever Redis answers, a reader gets events in order,
 * a writer gets ids or a reason, and nobody waits for ever.
 *
 * The real engine runs with its own connections; the other ends of them are
 * ours.  Time is ours, too: it passes when the engine waits.
 *
 * input	a digit, then lines.  A word is `*3' for an array of three, `:7'
 *for a number, `-TEXT' for an error, `+TEXT' for a status, `_' for nil,
 *		`%' for a good state of the log, or else a text; in TEXT `_' is
 *		a blank.  What begins with `^' is sent as it is.
 *		0  a reader that has connected to a good log.  Lines:
 *		   n, a  words, on the link for news and on the one that asks
 *		   N, A  the same in an answer that is otherwise good
 *		   r, s, v, u  reads, seeks, asks what was revoked
 *		   e  asks whether a topic has ended
 *		   L, K  sets the newest entry and revocation of %
 *		   t  time passes;  x, y  the links are cut;  h, H  hold,
 *release 1  a reader whose connections all say what the first line is 2  a
 *writer: the first line is said on connecting, and each other one when it
 *appends 3  init, prune and check, whose connections all say all lines
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "store/redis/redis.h"
#include "tests/fuzz/fuzz.h"

#define ADDRESS "unix:///fuzz"

enum {
	PEERS = 64,
	SAID_MAX = 65536
};

/* --- time, in place of clock_gettime and poll (see run) --------------------
 */

int fuzz_clock(clockid_t, struct timespec *);
int fuzz_poll(struct pollfd *, nfds_t, int timeout_ms);

static int64_t now_ms;

int
fuzz_clock(clockid_t which, struct timespec *ts)
{
	(void)which;
	ts->tv_sec = now_ms / 1000;
	ts->tv_nsec = now_ms % 1000 * 1000000;
	return 0;
}

int
fuzz_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	static const struct timespec at_once = {0, 0};
	int ready = ppoll(fds, n, &at_once, NULL);

	must(timeout_ms >= 0);
	if (ready == 0)
		now_ms += timeout_ms > 0 ? timeout_ms : 1;
	return ready;
}

/* --- what is said -----------------------------------------------------------
 */

struct said {
	char s[SAID_MAX];
	size_t len;
};

static void
say_bytes(struct said *to, const char *s, size_t len)
{
	if (len > sizeof(to->s) - to->len)
		len = sizeof(to->s) - to->len;
	memcpy(to->s + to->len, s, len);
	to->len += len;
}

static void __attribute__((format(printf, 2, 3)))
say(struct said *to, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	say_bytes(to, line, strlen(line));
}

static char last[48], revoked[48];

static void
say_text(struct said *to, const char *s)
{
	say(to, "$%zu\r\n", strlen(s));
	say_bytes(to, s, strlen(s));
	say(to, "\r\n");
}

static void
say_state(struct said *to)
{
	say(to, "*17\r\n");
	say_text(to, "0123456789abcdef0123456789abcdef");
	say_text(to, last);
	say_text(to, "1-0");
	say_text(to, last);
	say_text(to, "0-0");
	say_text(to, revoked);
	say_text(to, "0-0");
	say_text(to, "4-0");
	say(to, ":0\r\n:1\r\n:5\r\n:5\r\n:1\r\n:1700000000000\r\n:0\r\n:0\r\n:"
		"0\r\n");
}

/* One word; blanks in texts come as `_'. */
static void
say_word(struct said *to, char *w)
{
	char *p;

	if (strcmp(w, "_") == 0)
		say(to, "$-1\r\n");
	else if (strcmp(w, "%") == 0)
		say_state(to);
	else {
		for (p = w; *p != '\0'; p++)
			*p = *p == '_' ? ' ' : *p;
		if (strchr("*:-+", *w) != NULL && *w != '\0')
			say(to, "%s\r\n", w);
		else
			say_text(to, w);
	}
}

static void
say_words(struct said *to, char *line)
{
	char *w, *rest = line;

	if (*line == '^') {
		say_bytes(to, line + 1, strlen(line + 1));
		return;
	}
	while ((w = strsep(&rest, " ")) != NULL)
		say_word(to, w);
}

/* A link has logged in: the id of its script, and the time. */
static void
say_welcome(struct said *to, bool script)
{
	if (script)
		say_text(to, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	say(to, "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
}

/* --- connections ---------------------------------------------------------- */

static struct {
	int link, peer; /* our end is peer */
} peers[PEERS];
static size_t npeers;
static struct said at_first; /* said to each that connects */

static void
send_to(int peer, const struct said *s)
{
	send(peer, s->s, s->len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* In place of the system's: one end of a pair takes the place of fd. */
int
connect(int fd, const struct sockaddr *address, socklen_t len)
{
	int pair[2];

	(void)address;
	(void)len;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		 pair) == 0);
	must(dup3(pair[0], fd, O_CLOEXEC) == fd);
	close(pair[0]);
	send_to(pair[1], &at_first);
	if (npeers == PEERS)
		close(peers[--npeers].peer);
	peers[npeers].link = fd;
	peers[npeers++].peer = pair[1];
	return 0;
}

/* Our end of this link, or -1. */
static int
peer_of(const struct redis_link *l)
{
	size_t i = npeers;

	while (l->fd != -1 && i-- > 0)
		if (peers[i].link == l->fd)
			return peers[i].peer;
	return -1;
}

static void
cut(const struct redis_link *l)
{
	int peer = peer_of(l);

	if (peer != -1)
		shutdown(peer, SHUT_RDWR);
}

static void
close_peers(void)
{
	while (npeers > 0)
		close(peers[--npeers].peer);
}

/* --- a reader ---------------------------------------------------------------
 */

static void
check_why(const char *why)
{
	must(strlen(why) < 512);
	for (; *why != '\0'; why++)
		must(*why >= ' ' && *why <= '~');
}

struct page {
	struct store_id after;
	size_t n, bytes;
};

static void
touch(struct page *p, struct store_text t)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		p->bytes += (uint8_t)t.s[i];
}

static bool
each(void *arg, const struct store_event *ev)
{
	struct page *p = arg;

	must(store_id_cmp(p->after, ev->id) < 0);
	must(ev->topic.s != NULL && ev->data.s != NULL);
	touch(p, ev->topic);
	touch(p, ev->event);
	touch(p, ev->data);
	touch(p, ev->uid);
	p->after = ev->id;
	return ++p->n != 3;
}

static void
read_page(struct store *st, const char *from)
{
	static const struct store_topic topics[] = {
	    {"main", 4, false}, {"a", 1, true}};
	struct store_id after = {0, 0};
	struct page p = {.n = 0};
	struct store_span span;

	store_id_parse(st, from, strlen(from), &after);
	p.after = after;
	if (st->ops->read(st, after, topics, after.lo % 2 ? 2 : 0, 4, each, &p,
		&span) != STORE_OK)
		return;
	must(p.n <= 4);
	must(store_id_cmp(after, span.upto) <= 0);
	must(store_id_cmp(p.after, span.upto) <= 0);
}

static void
seek(struct store *st, const char *s)
{
	static const struct store_topic topics[] = {{"main", 4, false}};
	struct store_seek want = {.topics = topics, .n = 1, .time_ms = 1699};
	struct store_id id = {0, 0};
	char buf[STORE_ID_SIZE];
	int i;

	if (*s == '\0')
		return;
	want.from = (enum store_from)((uint8_t)*s++ % (STORE_FROM_TIME + 1));
	want.count = (uint64_t)strlen(s);
	want.uid = (struct store_text){s, strlen(s)};
	store_id_parse(st, s, strlen(s), &want.id);
	for (i = 0; i < 4; i++)
		if (st->ops->seek(st, &want, &id) != STORE_AGAIN)
			break;
	store_id_print(st, id, buf);
}

static void
each_revoked(void *arg, const struct store_revocation *rv)
{
	struct page *p = arg;

	must(rv->topic.s != NULL || rv->subject.s != NULL);
	touch(p, rv->topic);
	touch(p, rv->subject);
}

static void
ask_revoked(struct store *st, const char *s, bool of_subject)
{
	struct store_id after = {0, 0};
	struct store_text subject = {s, strlen(s)};
	struct page p = {.n = 0};

	if (of_subject)
		st->ops->revoked(st, subject, 1600, each_revoked, &p);
	else
		st->ops->revocations(
		    st, &after, strlen(s) % 8, each_revoked, &p);
}

static void
ask_end(struct store *st, const char *s)
{
	struct store_id end = {0, 0};
	struct store_text topic = {s, strlen(s)};

	char buf[STORE_ID_SIZE];

	st->ops->end(st, topic, &end);
	store_id_print(st, end, buf);
}

static void
answer(struct redis *rs, char op, char *words)
{
	struct said s;
	int peer = peer_of(op == 'n' || op == 'N' ? &rs->news : &rs->link);

	s.len = 0;
	if (op == 'A')
		say(&s, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n");
	say_words(&s, words);
	if (op == 'A' || op == 'N')
		say_state(&s);
	if (peer != -1)
		send_to(peer, &s);
}

static void
do_line(struct redis *rs, char *s)
{
	struct store *st = &rs->base;

	switch (*s) {
	case 'n':
	case 'N':
	case 'a':
	case 'A':
		answer(rs, *s, s + 1);
		break;
	case 'r':
		read_page(st, s + 1);
		break;
	case 's':
		seek(st, s + 1);
		break;
	case 'v':
	case 'u':
		ask_revoked(st, s + 1, *s == 'u');
		break;
	case 'e':
		ask_end(st, s + 1);
		break;
	case 'L':
		snprintf(last, sizeof(last), "%.40s", s + 1);
		break;
	case 'K':
		snprintf(revoked, sizeof(revoked), "%.40s", s + 1);
		break;
	case 't':
		now_ms += 100 * (int64_t)strlen(s);
		break;
	case 'x':
	case 'y':
		cut(*s == 'x' ? &rs->news : &rs->link);
		break;
	case 'h':
	case 'H':
		st->ops->hold(st, *s == 'h');
		break;
	default:
		break;
	}
}

static void
look(struct store *st)
{
	struct store_id id = {0, 0};
	char buf[STORE_ID_SIZE];

	now_ms++;
	if (st->ops->news(st, &id) == STORE_REPLACED)
		must(store_id_print(st, id, buf) > 0);
	check_why(st->why);
}

static void
run_reader(const uint8_t *in, size_t len, bool good)
{
	struct store *st;
	char why[512] = "", *s;

	if (good) {
		say_welcome(&at_first, true);
		say_state(&at_first);
	} else {
		s = fuzz_line(&in, &len);
		say_words(&at_first, s);
		free(s);
	}
	st = redis_open(ADDRESS, STORE_READ, STORE_PATIENT, why, sizeof(why));
	if (st == NULL) {
		check_why(why);
		return;
	}
	st->event_max = len % 2 ? 40 : 0;
	if (good) {
		at_first.len = 0;
		say_welcome(&at_first, true);
	}
	while (len > 0) {
		s = fuzz_line(&in, &len);
		do_line(redis_of(st), s);
		look(st);
		free(s);
	}
	look(st);
	st->ops->close(st);
}

/* --- a writer ---------------------------------------------------------------
 */

static void
append(struct store *st, char *words)
{
	struct store_event a[2] = {{.topic = {"main", 4}, .data = {"a", 1}},
	    {.topic = {"b", 1}, .data = {"", 0}, .uid = {"u-1", 3}}};
	struct store_event b = {.topic = {"c", 1}, .uid = {"u-2", 3}};
	struct store_batch batch[2] = {
	    {.events = a, .n = 2}, {.events = &b, .n = 1}};
	size_t len = strlen(words);
	struct said s;
	int peer;

	s.len = 0;
	say_words(&s, words);
	peer = peer_of(&redis_of(st)->link);
	if (peer != -1)
		send_to(peer, &s);
	if (len % 2)
		st->ops->append(st, a, 2);
	else
		st->ops->append_all(st, batch, 2);
	check_why(st->why);
	check_why(batch[0].why);
	check_why(batch[1].why);
}

static void
run_writer(const uint8_t *in, size_t len)
{
	struct store *st;
	char why[512] = "", *s = fuzz_line(&in, &len);
	int n = 0;

	say_welcome(&at_first, true);
	say_words(&at_first, s);
	free(s);
	st = redis_open(ADDRESS, STORE_WRITE, STORE_PATIENT, why, sizeof(why));
	check_why(why);
	while (st != NULL && len > 0 && n++ < 8) {
		s = fuzz_line(&in, &len);
		append(st, s);
		free(s);
	}
	if (st != NULL)
		st->ops->close(st);
}

/* --- once -------------------------------------------------------------------
 */

static void
found(void *arg, const struct store_finding *f)
{
	(void)arg;
	must(f->code != NULL && f->seen != NULL && f->effect != NULL);
}

static void
run_once(const uint8_t *in, size_t len)
{
	struct store_check check = {.found = found};
	struct store_keep keep = {.rows = 10, .age_ms = 1000};
	char why[512] = "", *s;
	uint8_t which = len > 0 ? in[0] : 0;

	say_welcome(&at_first, which & 1);
	while (len > 0) {
		s = fuzz_line(&in, &len);
		say_words(&at_first, s);
		free(s);
	}
	if (which % 3 == 0)
		redis_check(ADDRESS, &check, why, sizeof(why));
	else if (which % 3 == 1)
		redis_init(ADDRESS, &keep, why, sizeof(why));
	else
		redis_prune(
		    ADDRESS, which & 8 ? &keep : NULL, why, sizeof(why));
	must(strchr(why, '\n') == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	if (len == 0)
		return 0;
	now_ms = 1700000000000;
	srandom(1);
	at_first.len = 0;
	strcpy(last, "5-0");
	strcpy(revoked, "0-0");
	if (in[0] == '2')
		run_writer(in + 1, len - 1);
	else if (in[0] == '3')
		run_once(in + 1, len - 1);
	else
		run_reader(in + 1, len - 1, in[0] != '1');
	close_peers();
	return 0;
}
