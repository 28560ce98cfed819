/*
 * full.c - a question to a Redis whose memory is full.
 *
 * Such a Redis refuses every command of a transaction, even one that only
 * reads, and no stream could begin.  So the question and the state of the log
 * are asked for by one script.  That costs Redis more, because every entry
 * goes through Lua; so it ends with the connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/words.h"

/* The script for a question that is one command, and for none. */
static const char command_script[] = "return redis.call(unpack(ARGV))",
		  no_script[] = "return 0";

/* Runs the script of a question, with its ARGV, and after it the state. */
static bool
put_script(struct redis *rs, const char *script, size_t n,
    redisReply *const *args, struct store_id mark)
{
	struct redis_words w = {NULL};
	char *text = NULL;
	bool ok = false;
	size_t i;

	if (asprintf(&text,
		"local function ask()"
		" local ARGV = {unpack(ARGV, 1, #ARGV - 1)}\n%s\nend\n%s",
		script, redis_script_beside) == -1)
		text = NULL;
	if (text != NULL &&
	    redis_words_begin(&w, rs, "EVAL", text, n + 1, REDIS_NUMBER_SIZE)) {
		for (i = 0; i < n; i++)
			redis_words_add(&w, args[i]->str, args[i]->len);
		redis_words_id(&w, mark);
		ok = redis_link_put(&rs->link, w.argc, w.argv, w.lens);
	}
	redis_words_free(&w);
	free(text);
	return ok;
}

/*
 * Takes a command apart that was put together to be sent.  It has the form of
 * a reply, so the reader of replies reads it.
 */
static bool
put_command_script(
    struct redis *rs, const char *cmd, size_t len, struct store_id mark)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;
	redisReply *r;
	bool ok = false;

	if (reader != NULL && redisReaderFeed(reader, cmd, len) == REDIS_OK &&
	    redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
		r = reply;
		ok = strcmp(r->element[0]->str, "EVAL") == 0
			 ? put_script(rs, r->element[1]->str,
			       r->elements - REDIS_HEAD,
			       r->element + REDIS_HEAD, mark)
			 : put_script(rs, command_script, r->elements,
			       r->element, mark);
	}
	if (reply != NULL)
		freeReplyObject(reply);
	if (reader != NULL)
		redisReaderFree(reader);
	return ok;
}

bool
redis_full_put(
    struct redis *rs, const char *cmd, size_t len, struct store_id mark)
{
	if (cmd == NULL)
		return put_script(rs, no_script, 0, NULL, mark);
	return put_command_script(rs, cmd, len, mark);
}
