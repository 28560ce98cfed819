/*
 * test_redis_url.c - the address of a log on Redis: which are accepted.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cm.h"

#include "store/redis/link/url.h"

static struct redis_url *
want_read(const char *s)
{
	char why[256] = "";
	struct redis_url *u = redis_url_read(s, why, sizeof(why));

	if (u == NULL)
		print_message("%s: %s\n", s, why);
	assert_non_null(u);
	return u;
}

static void
test_what_is_left_out_has_its_default(void **state)
{
	struct redis_url *u = want_read("redis://h");

	(void)state;
	assert_int_equal(u->nhosts, 1);
	assert_string_equal(u->host[0].name, "h");
	assert_string_equal(u->host[0].port, "6379");
	assert_string_equal(u->db, "0");
	assert_string_equal(u->stream, "events");
	assert_string_equal(u->key[KEY_LOG], "{events}:log");
	assert_null(u->user);
	assert_null(u->password);
	assert_false(u->tls);
	redis_url_free(u);
}

static void
test_all_that_can_be_said(void **state)
{
	struct redis_url *u = want_read(
	    "rediss://al:p%40ss:w@[::1]:7000/3?ca=/a%20b.pem&stream=shop");

	(void)state;
	assert_string_equal(u->host[0].name, "::1");
	assert_string_equal(u->host[0].port, "7000");
	assert_string_equal(u->user, "al");
	assert_string_equal(u->password, "p@ss:w");
	assert_string_equal(u->db, "3");
	assert_string_equal(u->ca, "/a b.pem");
	assert_string_equal(u->stream, "shop");
	assert_true(u->tls);
	assert_null(strstr(u->shown, "ss:w"));
	redis_url_free(u);
}

static void
test_a_socket_and_several_hosts(void **state)
{
	struct redis_url *u = want_read("redis+unix:///run/r.sock?db=2");

	(void)state;
	assert_string_equal(u->host[0].name, "/run/r.sock");
	assert_null(u->host[0].port);
	assert_string_equal(u->db, "2");
	redis_url_free(u);
	u = want_read("redis://:pw@a,[::1]:7001,b:7002/?stream=s");
	assert_int_equal(u->nhosts, 3);
	assert_null(u->master);
	assert_string_equal(u->host[1].name, "::1");
	assert_string_equal(u->host[2].port, "7002");
	redis_url_free(u);
	u = want_read("redis+sentinel://:pw@a,b:5000/mymaster/1?stream=s");
	assert_int_equal(u->nhosts, 2);
	assert_string_equal(u->host[0].port, "26379");
	assert_string_equal(u->host[1].name, "b");
	assert_string_equal(u->host[1].port, "5000");
	assert_string_equal(u->master, "mymaster");
	assert_string_equal(u->db, "1");
	redis_url_free(u);
}

static void
test_what_is_no_address_is_refused_without_its_password(void **state)
{
	static const char *const bad[] = {"redis://", "redis://:sesame@",
	    "redis://sesame@h", "redis://:sesame@h:x", "redis://:sesame@h:0",
	    "redis://:sesame@h:65536", "redis://:sesame@h/x",
	    "redis://:sesame@h?stream=", "redis://:sesame@h?sesame=1",
	    "redis://:sesame@h?stream={a}", "redis://:ses%zzame@h",
	    "redis://:ses%00ame@h", "redis://:ses%0xame@h",
	    "redis://:ses%x10ame@h", "redis://:ses%\x14\x10me@h",
	    "redis://:ses% 1ame@h", "redis://:ses%1%31@h", "redis://:ses%4@h",
	    "redis://:ses%@h", "redis://h%4", "redis://h?stream=%5g",
	    "redis://[::1", "redis://[::1]x", "redis+unix://",
	    "redis+sentinel://h", "redis+sentinel://h/",
	    "redis+sentinel://a,b,c,d,e,f,g,h,i/m"};
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_true(redis_url_is(bad[i]));
		assert_null(redis_url_read(bad[i], why, sizeof(why)));
		assert_int_not_equal(strlen(why), 0);
		assert_null(strstr(why, "ses"));
		assert_null(strchr(why, '\n'));
	}
	assert_false(redis_url_is("/srv/redis.db"));
	assert_false(redis_url_is("http://h"));
}

static void
test_what_is_no_escape_is_named(void **state)
{
	static const struct {
		const char *url, *why;
	} bad[] = {{"redis://:a%\x14\x11@h", "two hexadecimal digits"},
	    {"redis://:a%4@h", "two hexadecimal digits"},
	    {"redis://h?stream=a%", "two hexadecimal digits"},
	    {"redis://h?stream=a%00", "NUL"}};
	struct redis_url *u = want_read("redis://:%41%4a%4A%fF@h");
	char why[256];
	size_t i;

	(void)state;
	assert_string_equal(u->password, "AJJ\xff");
	redis_url_free(u);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(redis_url_read(bad[i].url, why, sizeof(why)));
		assert_non_null(strstr(why, bad[i].why));
	}
}

static void
test_a_password_from_the_environment(void **state)
{
	struct redis_url *u;

	(void)state;
	setenv("LARGESSE_REDIS_PASSWORD", "open", 1);
	u = want_read("redis://al:@h");
	assert_string_equal(u->user, "al");
	assert_string_equal(u->password, "open");
	redis_url_free(u);
	u = want_read("redis://:own@h");
	assert_string_equal(u->password, "own");
	redis_url_free(u);
	unsetenv("LARGESSE_REDIS_PASSWORD");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_left_out_has_its_default),
	    cmocka_unit_test(test_all_that_can_be_said),
	    cmocka_unit_test(test_a_socket_and_several_hosts),
	    cmocka_unit_test(
		test_what_is_no_address_is_refused_without_its_password),
	    cmocka_unit_test(test_what_is_no_escape_is_named),
	    cmocka_unit_test(test_a_password_from_the_environment),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("redis_url", tests, NULL, NULL);
}
