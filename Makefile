# largesse - see README.md.  The targets users need: demo, check, install.

VERSION	 = 0.1.0
PREFIX	 = /usr/local
CC	 = gcc
CFLAGS	 = -O2 -g
WARN	 = -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	   -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla
DEFS	 = -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -I.
SAN	 = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	   -fno-sanitize-recover=all
LIBS	 = -luv -lfcgi -lsqlite3 -lhiredis -lcares -lssl -lcurl -ljwt -ljansson -lcrypto

SRC	 = $(wildcard store/*.c fcgi/*.c)
HDR	 = clock.h $(wildcard store/*.h fcgi/*.h)
OBJ	 = $(SRC:%.c=build/obj/%.o)
ASAN_OBJ = $(SRC:%.c=build/asan/%.o)
UNIT	 = $(patsubst tests/unit/%.c,build/asan/%,$(wildcard tests/unit/test_*.c))
TALK	 = $(patsubst tests/talk/test_%.c,build/asan/talk_%,$(wildcard tests/talk/test_*.c))
TALK_PEER = $(filter-out tests/talk/test_%,$(wildcard tests/talk/*.c))

all: need-build build/largesse

# need-X: the packages that X takes, installed if they are missing.
need-%:
	@deploy/need.sh $*

build/largesse: $(OBJ)
	@echo "  cc $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(LIBS)

build/asan/largesse: $(ASAN_OBJ)
	@echo "  cc $@"
	@$(CC) $(SAN) $(LDFLAGS) -o $@ $(ASAN_OBJ) $(LIBS)

build/obj/%.o: %.c $(HDR)
	@mkdir -p $(@D)
	@echo "  cc $@"
	@$(CC) $(CFLAGS) $(WARN) $(DEFS) -c -o $@ $<

# One file without shared libraries, for hosts where nothing can be installed.
# Debian's libcurl and libjwt cannot be linked statically: what needs them is
# left out, fcgi/static has what answers instead, and --help says so.  What the
# linker would warn of is names of hosts: --listen takes numbers here.
STATIC_OUT = fcgi/tail_url.c fcgi/doctor_url.c fcgi/doctor_http.c \
	   fcgi/cmd_token.c fcgi/token.c
STATIC_LIBS = -l:libuv_a.a -lfcgi -lsqlite3 -lhiredis -lcares -ljansson -lssl -lcrypto -lm -lpthread
STATIC_SAYS = "libcurl (tail and doctor of a URL) and libjwt (tokens)"
STATIC_OBJ = $(patsubst %.c,build/static/obj/%.o,\
	   $(filter-out $(STATIC_OUT),$(SRC)) fcgi/static/without.c)

static: need-build build/static/largesse

build/static/largesse: $(STATIC_OBJ)
	@echo "  cc $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -static -s -Wl,--no-warnings \
	    -Wl,--wrap=keys_read -o $@ $(STATIC_OBJ) $(STATIC_LIBS)

build/static/obj/%.o: %.c $(HDR)
	@mkdir -p $(@D)
	@echo "  cc $@"
	@$(CC) $(CFLAGS) $(WARN) $(DEFS) -DWITHOUT='$(STATIC_SAYS)' \
	    -c -o $@ $<

# The folder for shared hosting, with the program in it.
upload: static
	rm -rf build/upload
	cp -R deploy/shared build/upload
	cp build/static/largesse build/upload

build/asan/%.o: %.c $(HDR)
	@mkdir -p $(@D)
	@echo "  cc $@"
	@$(CC) $(SAN) $(WARN) $(DEFS) -c -o $@ $<

# A unit test is linked with everything but main, and sees no globals.
build/asan/test_%: tests/unit/test_%.c $(wildcard tests/*.h tests/unit/*.h) \
    $(filter-out build/asan/fcgi/main.o,$(ASAN_OBJ))
	@echo "  cc $@"
	@$(CC) $(SAN) $(WARN) $(DEFS) -o $@ $< \
	    $(filter-out build/asan/fcgi/main.o,$(ASAN_OBJ)) $(LIBS) -lcmocka

# A conversation is linked with the peer and with nothing of the program.
build/asan/talk_%: tests/talk/test_%.c $(wildcard tests/talk/*.h) \
    $(TALK_PEER:%.c=build/asan/%.o)
	@echo "  cc $@"
	@$(CC) $(SAN) $(WARN) $(DEFS) -o $@ $(filter %.c %.o,$^) \
	    -lsqlite3 -lhiredis -lcmocka -lcrypto

build/asan/tests/talk/%.o: tests/talk/%.c $(wildcard tests/*.h tests/talk/*.h)
	@mkdir -p $(@D)
	@echo "  cc $@"
	@$(CC) $(SAN) $(WARN) $(DEFS) -c -o $@ $<

# Measurements: everything is built, installed and run; nothing is asserted.
BENCH	 = build/bench/load build/bench/publish build/bench/post \
	   build/bench/ceiling

build/bench/load: tests/bench/load.c tests/bench/crowd.c tests/bench/feed.c \
    tests/bench/tally.c
build/bench/publish: tests/bench/publish.c tests/bench/sink.c \
    tests/bench/tally.c
build/bench/post: tests/bench/post.c tests/bench/tally.c
build/bench/ceiling: tests/bench/ceiling.c tests/bench/ceiling_post.c \
    tests/bench/ceiling_stream.c
$(BENCH): clock.h $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	@echo "  cc $@"
	@$(CC) $(CFLAGS) $(WARN) $(DEFS) -o $@ $(filter %.c,$^) -lsqlite3 \
	    -lhiredis

bench: need-build need-bench build/largesse $(BENCH)
	/usr/bin/python3 tests/bench/bench.py

bench-quick: need-build need-bench build/largesse $(BENCH)
	/usr/bin/python3 tests/bench/bench.py --quick

# The whole path on this machine until Ctrl-C.  WEB=lighttpd, PORT=8000.
demo:
	@deploy/demo/demo.sh
.PHONY: demo

# All tests.  SUITES="unit talk" runs some of them.
SUITES	 = unit talk web browser fault fuzz slow hosts

check: need-build need-check build/largesse build/asan/largesse upload \
    $(UNIT) $(TALK)
	@tests/run.sh $(SUITES)

lint: need-build need-lint
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	clang-tidy --quiet $(SRC) -- -std=gnu11 $(DEFS) 2>/dev/null
	cppcheck -q --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --suppress=missingIncludeSystem \
	    --error-exitcode=1 $(DEFS) store fcgi
	mandoc -Tlint -W warning fcgi/largesse.1

install: build/largesse
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 build/largesse $(DESTDIR)$(PREFIX)/bin/largesse
	ln -sf largesse $(DESTDIR)$(PREFIX)/bin/largesse.fcgi
	install -m 644 fcgi/largesse.1 $(DESTDIR)$(PREFIX)/share/man/man1/

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/largesse \
	    $(DESTDIR)$(PREFIX)/bin/largesse.fcgi \
	    $(DESTDIR)$(PREFIX)/share/man/man1/largesse.1

clean:
	rm -rf build

.PHONY: all static upload check lint bench bench-quick install uninstall clean
.SECONDARY:
