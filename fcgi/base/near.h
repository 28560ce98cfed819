/*
 * near.h - the word that somebody meant who typed another one.
 *
 * A caller offers each word that there is, and has the nearest one then, or
 * none: a guess that is far off does not help.
 *
 *	struct near n = {.typed = "hlep"};
 *	near_try(&n, "help");
 *	near_try(&n, "serve");
 *	n.word is "help"
 */
#ifndef NEAR_H
#define NEAR_H

struct near {
	const char *typed;
	const char *word; /* the nearest so far, one of those tried; or NULL */
	unsigned off;	  /* how far off that is */
};

void near_try(struct near *, const char *word);

#endif
