/*
 * address.c - which client sent a request, by its address.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth/client/address.h"

enum {
	MAPPED_BYTES = 12, /* of IPv6 before an IPv4 address */
	CLIENT_BYTES = 8
};

static const uint8_t mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

static bool
parse_address(struct address *a, const char *s)
{
	if (inet_pton(AF_INET, s, a->byte + MAPPED_BYTES) == 1) {
		memcpy(a->byte, mapped, MAPPED_BYTES);
		return true;
	}
	return inet_pton(AF_INET6, s, a->byte) == 1;
}

bool
address_read(struct address *a, const char *s, size_t len)
{
	char text[64], *end;
	struct address b = {{0}};

	while (len > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	s = text;
	if (*s == '[') {
		s++;
		if ((end = strchr(text, ']')) == NULL)
			return false;
		*end = '\0';
	} else if ((end = strchr(text, ':')) != NULL &&
		   strchr(end + 1, ':') == NULL)
		*end = '\0'; /* a single colon: a port follows it */
	if (!parse_address(&b, s))
		return false;
	*a = b;
	return true;
}

bool
address_network_read(struct network *net, const char *s)
{
	const char *slash = strchr(s, '/');
	size_t len = slash != NULL ? (size_t)(slash - s) : strlen(s);
	struct address a;
	bool v4;
	unsigned long bits;
	char *end;

	if (!address_read(&a, s, len))
		return false;
	v4 = memchr(s, ':', len) == NULL;
	bits = v4 ? 32 : 128;
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || bits > (v4 ? 32 : 128))
			return false;
	}
	*net = (struct network){a, (unsigned)bits + (v4 ? 96 : 0)};
	return true;
}

bool
address_network_has(const struct network *net, const struct address *a)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;
	uint8_t differ;

	if (memcmp(net->address.byte, a->byte, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	differ = net->address.byte[whole] ^ a->byte[whole];
	return differ >> (8 - rest) == 0;
}

static bool
is_trusted(const struct address *a, const struct network *trusted, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (address_network_has(&trusted[i], a))
			return true;
	return false;
}

struct address
address_of(const struct request *rq, const struct network *trusted, size_t n)
{
	struct address a = {{0}};
	const char *list = rq->forwarded_for, *end, *start;

	address_read(&a, rq->address, strlen(rq->address));
	if (list == NULL)
		return a;
	/*
	 * Each proxy adds at the end the address of whoever sent the request
	 * to it.  So the list is read backwards as long as the address before
	 * is that of a trusted proxy.
	 */
	for (end = list + strlen(list); is_trusted(&a, trusted, n);
	     end = start - 1) {
		start = memrchr(list, ',', (size_t)(end - list));
		start = start != NULL ? start + 1 : list;
		if (!address_read(&a, start, (size_t)(end - start)) ||
		    start == list)
			break;
	}
	return a;
}

struct address
address_client(struct address a)
{
	if (memcmp(a.byte, mapped, MAPPED_BYTES) != 0)
		memset(a.byte + CLIENT_BYTES, 0, sizeof(a.byte) - CLIENT_BYTES);
	return a;
}

void
address_print(const struct address *a, char buf[ADDRESS_TEXT])
{
	static const struct address none;
	bool v4 = memcmp(a->byte, mapped, MAPPED_BYTES) == 0;
	size_t len;

	*buf = '\0';
	if (memcmp(a, &none, sizeof(none)) == 0)
		return;
	inet_ntop(v4 ? AF_INET : AF_INET6,
	    v4 ? a->byte + MAPPED_BYTES : a->byte, buf, ADDRESS_TEXT);
	len = strlen(buf);
	if (!v4)
		snprintf(buf + len, ADDRESS_TEXT - len, "/64");
}
