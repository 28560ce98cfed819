/*
 * hex.h - a hexadecimal digit.
 */
#ifndef HEX_H
#define HEX_H

/* Its value, upper case or lower; -1 for any other character. */
static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
