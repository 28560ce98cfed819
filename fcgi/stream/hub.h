/*
 * hub.h - what is due, and to whom: the heart of a turn of the loop.
 */
#ifndef HUB_H
#define HUB_H

#include "fcgi/serve/server.h"

/* Opens the window on a store that is open already.  -1 without memory. */
int hub_open(struct server *);
void hub_close(struct server *);

/* News, streams due, streams behind; leaves the rest to the next turn. */
void hub_turn(struct server *);

/* Our writer has done something: look in this turn, if nothing else waits. */
void hub_written(struct server *);

/* The stream is out of step: advance it in this turn or the next. */
void hub_todo(struct server *, struct stream *);

/*
 * Waits for the log to have something to say, up to ms, and takes it; the
 * caller holds the log meanwhile.  Where there is no loop yet.
 */
bool hub_await(struct server *, int ms);

/* Calls for each stream that is open. */
void hub_each_stream(
    struct server *, void (*)(struct server *, struct stream *));

/* The connection is over: free it when the turn ends. */
void hub_over(struct server *, struct conn *);
void hub_sweep(struct server *);

/*
 * The place where a stream starts that wants what comes from now on.  Asked
 * of the log once a turn, however many streams open in it.
 */
enum store_result hub_now(struct server *, struct store_id *);

#endif
