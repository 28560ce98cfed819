/*
 * cm.h - cmocka, and the headers that must be included before it.
 *
 * With TEST in the environment a program runs only the tests of that name, in
 * which `*` and `?` are as in a shell.
 */
#ifndef CM_H
#define CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Runs before main. */
__attribute__((constructor)) static void
cm_choose_tests(void)
{
	const char *name = getenv("TEST");

	if (name != NULL)
		cmocka_set_test_filter(name);
}

#endif
