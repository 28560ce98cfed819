/*
 * server.h - the one struct of the process, and who owns what in it: the page
 * to read first.
 *
 * One thread and one loop own everything here, so nothing is locked.
 *
 *	serve.h		the command: a socket, several workers, or one CGI
 *request process.h	all parts of the struct come to be, and go loop.h
 *a whole turn of the loop, step by step listen.h	the listening socket
 *	pending.h	a connection until its request is whole and answered
 *	parked.h	a request that waits for the log
 *	posting.h	a POST that waits for the writer
 *	answer.h	a whole request becomes a stream or a reply
 *	workers.h	several processes on one listening socket
 *
 * The room serve/ includes every room but command/ and doctor/, and only
 * main.c includes it.
 */
#ifndef SERVER_H
#define SERVER_H

#include "fcgi/publish/publish.h"
#include "fcgi/reply/probe.h"
#include "fcgi/stream/hub.h"

struct gate_reader;
struct parked;

struct server {
	struct serve_conf conf;
	uv_loop_t loop;
	struct hub hub;	       /* streams, and what they are sent */
	struct allow *allow;   /* who may read and publish what */
	struct probes probes;  /* for the doctor */
	struct publisher pub;  /* to whom POSTs are handed */
	struct parked *parked; /* requests that the log is to answer first */
	struct gate_reader *reader;

	/* doors (listen.c) */
	uv_poll_t listener;
	uv_timer_t listen_pause;
	int listen_fd;
	char *socket_path; /* to be removed at the end, or NULL */

	/* the loop (loop.c) */
	uv_check_t check;
	uv_signal_t sigterm, sigint, sighup;
	uv_timer_t closed_time; /* the last moment, once closing */
	bool plain;		/* plain CGI: one stream, and over with it */
};

#endif
