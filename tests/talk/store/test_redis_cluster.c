/*
 * test_redis_cluster.c - a log that moves between the two nodes of a cluster.
 * The address names the node that does not have the log.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "tests/talk/peer/redis_own.h"

enum {
	NODES = 2,
	SLOTS = 16384,
	WORD = 48
};

struct node {
	struct redis_server redis;
	int port, bus;
	char words[3][WORD], id[WORD];
};

static struct node nodes[NODES], replica;

/* --- the cluster ---------------------------------------------------------- */

/* Somebody else may take it before we do: then the node does not start. */
static int
free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	      getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void
node_new(struct node *n)
{
	const char *words[] = {"--port", n->words[0], "--bind", "127.0.0.1",
	    "--cluster-enabled", "yes", "--cluster-port", n->words[1],
	    "--cluster-node-timeout", "1500", "--appendonly", "yes"};
	int tries = 5;

	do {
		n->port = free_port();
		n->bus = free_port();
		snprintf(n->words[0], WORD, "%d", n->port);
		snprintf(n->words[1], WORD, "%d", n->bus);
		memcpy(n->redis.words, words, sizeof(words));
	} while (!redis_new(&n->redis) && --tries > 0);
	check(tries > 0);
	snprintf(n->id, WORD, "%s", tell(&n->redis, "CLUSTER MYID"));
}

static bool
is_whole(struct node *n)
{
	return strstr(tell(&n->redis, "CLUSTER INFO"), "cluster_state:ok") !=
	       NULL;
}

static void
cluster(void)
{
	if (nodes[0].port != 0)
		return;
	for (int i = 0; i < NODES; i++)
		node_new(&nodes[i]);
	tell(&nodes[0].redis, "CLUSTER ADDSLOTSRANGE 0 8191");
	tell(&nodes[1].redis, "CLUSTER ADDSLOTSRANGE 8192 16383");
	tell(&nodes[0].redis,
	    text("CLUSTER MEET 127.0.0.1 %d %d", nodes[1].port, nodes[1].bus));
	until(is_whole(&nodes[0]) && is_whole(&nodes[1]));
}

/* --- a log on it ---------------------------------------------------------- */

struct scene {
	struct server *sv;
	struct node *has, *other; /* it, and it not */
	const char *stream, *slot, *token;
};

static struct scene
prepare_scene(void)
{
	struct scene s = {.sv = prepare_nothing()};

	cluster();
	s.stream = text("%s", redis_stream(s.sv));
	s.slot = tell(&nodes[0].redis, text("CLUSTER KEYSLOT %s", s.stream));
	s.has = &nodes[atoi(s.slot) >= SLOTS / 2];
	s.other = &nodes[atoi(s.slot) < SLOTS / 2];
	s.sv->db =
	    text("redis://127.0.0.1:%d/?stream=%s", s.other->port, s.stream);
	return s;
}

static void
init(const struct scene *s)
{
	struct ran r = run_with(s->sv, NULL, "init", s->sv->db, NULL);

	if (r.status != 0)
		talk_fail("init: %s", r.err);
}

static struct scene
scene(void)
{
	struct scene s = prepare_scene();

	init(&s);
	s.token = start_posting(s.sv);
	return s;
}

/* The command line's way, which connects anew each time. */
static void
publish(const struct scene *s, const char *data)
{
	struct ran r = run_with(s->sv, NULL, "publish", s->sv->db, data, NULL);

	if (r.status != 0)
		talk_fail("publish: %s", r.err);
}

/* From here on the slot is on its way, and nothing is where it was. */
static void
begin_to_move(const struct scene *s)
{
	tell(&s->other->redis,
	    text("CLUSTER SETSLOT %s IMPORTING %s", s->slot, s->has->id));
	tell(&s->has->redis,
	    text("CLUSTER SETSLOT %s MIGRATING %s", s->slot, s->other->id));
}

static void
move_keys(const struct scene *s)
{
	redisReply *r = redisCommand(
	    s->has->redis.to, "CLUSTER GETKEYSINSLOT %s 100", s->slot);

	check(r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements > 0);
	for (size_t i = 0; i < r->elements; i++)
		tell(&s->has->redis, text("MIGRATE 127.0.0.1 %d %s 0 5000",
					 s->other->port, r->element[i]->str));
	freeReplyObject(r);
}

static void
take_slot(const struct scene *s, struct node *n)
{
	tell(&n->redis,
	    text("CLUSTER SETSLOT %s NODE %s", s->slot, s->other->id));
}

/* The next test's log may be in the same slot, and must find it as usual. */
static void
end_move(struct scene *s)
{
	struct node *n = s->has;

	take_slot(s, s->other);
	take_slot(s, s->has);
	s->has = s->other;
	s->other = n;
}

/* --- the claims ----------------------------------------------------------- */

static void
test_the_log_is_on_another_node(void)
{
	struct scene s = scene();
	struct client *c = stream(s.sv, "/events");
	struct ran r;

	publish(&s, "one");
	want_event(c, NULL, "message", "one");
	check(want_headers(post(s.sv, s.token, "data=two&uid=u")) == 201);
	check(want_headers(post(s.sv, s.token, "data=two&uid=u")) == 200);
	want_event(c, "u", "message", "two");
	tell(&s.has->redis, text("XADD %s * data three", s.stream));
	want_event(c, NULL, "message", "three");
	c = get(s.sv, "/events", "HTTP_LAST_EVENT_ID", "u", NULL);
	want_start(c);
	want_event(c, NULL, "message", "three");
	check(c->gap == NULL);
	r = run_with(s.sv, NULL, "prune", s.sv->db, "--keep-rows", "1", NULL);
	check(r.status == 0);
	check(atoi(tell(&s.has->redis, text("XLEN %s", s.stream))) == 1);
}

static void
test_started_on_the_other_node(void)
{
	struct scene s = prepare_scene();
	struct ran r;

	r = run_with(s.sv, NULL, "publish", s.sv->db, "x", NULL);
	check(r.status == 1);
	check(strstr(r.err, "not an event log") != NULL);
	init(&s);
	s.token = start_posting(s.sv);
	publish(&s, "one");
	stream(s.sv, "/events");
}

/* One database is all that a cluster has. */
static void
test_another_database_is_refused(void)
{
	struct scene s = prepare_scene();
	struct ran r = run_with(s.sv, NULL, "init",
	    text("redis://127.0.0.1:%d/1", s.other->port), NULL);

	check(r.status == 1);
	check(strstr(r.err, "a cluster has no database but 0") != NULL);
}

/* Each is published while the log is somewhere between the nodes. */
static void
test_the_log_moves_to_another_node(void)
{
	struct scene s = scene();
	struct client *c = stream(s.sv, "/events"), *posted, *again;
	char *id;

	publish(&s, "before");
	want_event(c, NULL, "message", "before");
	id = text("%s", c->last_id.s);
	begin_to_move(&s);
	posted = post(s.sv, s.token, "data=1");
	move_keys(&s);
	end_move(&s);
	check(want_headers(posted) == 201);
	want_event(c, NULL, "message", "1");
	publish(&s, "2");
	want_event(c, NULL, "message", "2");
	check(want_headers(post(s.sv, s.token, "data=3")) == 201);
	want_event(c, NULL, "message", "3");
	again = get(s.sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	want_start(again);
	for (int i = 1; i <= 3; i++)
		want_event(again, NULL, "message", text("%d", i));
	check(c->gap == NULL && again->gap == NULL);
	check(atoi(tell(&s.has->redis, text("XLEN %s", s.stream))) == 4);
	tell(&s.has->redis, text("XADD %s * data 4", s.stream));
	want_event(c, NULL, "message", "4");
	want_event(again, NULL, "message", "4");
	begin_to_move(&s); /* and home */
	move_keys(&s);
	end_move(&s);
	publish(&s, "5");
	want_event(c, NULL, "message", "5");
	check(c->gap == NULL);
}

static int
connections(struct node *n)
{
	const char *s = strstr(
	    tell(&n->redis, "INFO stats"), "total_connections_received:");

	check(s != NULL);
	return atoi(strchr(s, ':') + 1);
}

static int
all_connections(void)
{
	return connections(&nodes[0]) + connections(&nodes[1]);
}

/*
 * Each node says that the other has the log.  We must not ask a thousand times
 * a second then; without a bound we asked some thousand times in this test.
 */
static void
test_nodes_of_two_minds(void)
{
	struct scene s = scene();
	struct client *c = stream(s.sv, "/events");
	int64_t end;
	int was;

	publish(&s, "one");
	want_event(c, NULL, "message", "one");
	begin_to_move(&s);
	move_keys(&s);
	was = all_connections();
	take_slot(&s, s.has); /* and the other does not know yet */
	until(all_connections() - was > 9);
	for (end = now_ms() + 2000; now_ms() < end;)
		hear(c, end);
	check(all_connections() - was < 60);
	c = get(s.sv, "/events/status", NULL);
	check(want_headers(c) == 200);
	end_move(&s);
	c = get_in_the_end(s.sv, "0");
	want_event(c, NULL, "message", "one");
	publish(&s, "two");
	want_event(c, NULL, "message", "two");
}

/* Half of the slots are nobody's: then the other half is closed, too. */
static void
test_the_cluster_is_down(void)
{
	struct scene s = prepare_scene();
	struct client *c, *posted;

	s.sv->db =
	    text("redis://127.0.0.1:%d/?stream=%s", s.has->port, s.stream);
	init(&s);
	s.token = start_posting(s.sv);
	c = stream(s.sv, "/events");
	publish(&s, "one");
	want_event(c, NULL, "message", "one");
	redis_stop(&s.other->redis, SIGKILL);
	until(!is_whole(s.has));
	posted = post(s.sv, s.token, "data=never");
	check(want_headers(posted) == 503);
	until(strstr(errors(s.sv), "its cluster is down") != NULL);
	check(redis_start(&s.other->redis));
	until(is_whole(s.has) && is_whole(s.other));
	publish(&s, "two");
	want_event(c, NULL, "message", "two");
	check(c->gap == NULL);
}

/* The node that has the log goes, and comes back. */
static void
test_its_node_is_killed(void)
{
	struct scene s = scene();
	struct client *c = stream(s.sv, "/events");
	int i;

	for (i = 0; i < 3; i++) {
		publish(&s, text("%d", i));
		want_event(c, NULL, "message", text("%d", i));
		redis_stop(&s.has->redis, SIGKILL);
		check(redis_start(&s.has->redis));
		until(is_whole(s.has) && is_whole(s.other));
	}
	publish(&s, "after");
	want_event(c, NULL, "message", "after");
	check(c->gap == NULL);
}

/* Several nodes in the address: one of them is enough. */
static void
test_the_first_node_is_not_there(void)
{
	struct scene s = prepare_scene();
	struct client *c;

	s.sv->db = text("redis://127.0.0.1:%d,127.0.0.1:%d/?stream=%s",
	    free_port(), s.other->port, s.stream);
	init(&s);
	s.token = start_posting(s.sv);
	c = get_in_the_end(s.sv, "0");
	publish(&s, "one");
	want_event(c, NULL, "message", "one");
}

static void
replica_of(struct node *master)
{
	node_new(&replica);
	tell(&replica.redis,
	    text("CLUSTER MEET 127.0.0.1 %d %d", master->port, master->bus));
	until(strstr(tell(&replica.redis, "CLUSTER NODES"), master->id));
	tell(&replica.redis, text("CLUSTER REPLICATE %s", master->id));
	until(strstr(
	    tell(&replica.redis, "INFO replication"), "master_link_status:up"));
	tell(&replica.redis, "READONLY"); /* this connection asks it itself */
}

/*
 * With two masters there can be no vote, so the replica is told to take over.
 * This test is the last, because the dead node has lost its place.
 */
static void
test_its_replica_takes_over(void)
{
	struct scene s = scene();
	struct client *c = stream(s.sv, "/events");
	char *id;

	replica_of(s.has);
	publish(&s, "one");
	want_event(c, NULL, "message", "one");
	id = text("%s", c->last_id.s);
	until(atoi(tell(&replica.redis, text("XLEN %s", s.stream))) == 1);
	redis_stop(&s.has->redis, SIGKILL);
	tell(&replica.redis, "CLUSTER FAILOVER TAKEOVER");
	until(is_whole(&replica) && is_whole(s.other));
	publish(&s, "two");
	want_event(c, NULL, "message", "two");
	check(want_headers(post(s.sv, s.token, "data=three")) == 201);
	want_event(c, NULL, "message", "three");
	check(c->gap == NULL);
	c = get(s.sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	want_start(c);
	want_event(c, NULL, "message", "two");
	want_event(c, NULL, "message", "three");
	check(c->gap == NULL);
	check(atoi(tell(&replica.redis, text("XLEN %s", s.stream))) == 3);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_the_log_is_on_another_node),
	    TALK(test_started_on_the_other_node),
	    TALK(test_another_database_is_refused),
	    TALK(test_the_log_moves_to_another_node),
	    TALK(test_nodes_of_two_minds),
	    TALK(test_the_cluster_is_down),
	    TALK(test_its_node_is_killed),
	    TALK(test_the_first_node_is_not_there),
	    TALK(test_its_replica_takes_over),
	};
	int failed =
	    talk_main_redis(argc, argv, tests, sizeof(tests) / sizeof(*tests));

	for (int i = 0; i < NODES; i++)
		redis_gone(&nodes[i].redis);
	redis_gone(&replica.redis);
	return failed;
}
