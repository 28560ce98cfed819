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
# What Debian's hardening=+all has, as far as the compiler knows it.  CFLAGS come
# after these and win; with sanitizers, without -O, or if CFLAGS choose a level,
# FORTIFY is left to them.  The compiler may not be there yet when this file is
# read, so it is asked when the first file is compiled.
takes	 = $(shell echo 'int x;' | $(CC) -O2 -Werror $(1) -include stdio.h -x c \
	   -c -o /dev/null - 2>/dev/null && echo '$(1)')
FORTIFY	 = $(if $(findstring -fsanitize,$(CFLAGS))$(findstring \
	   _FORTIFY_SOURCE,$(CFLAGS) $(CPPFLAGS)),,$(if $(filter-out \
	   -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(if \
	   $(call takes,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3),3,2)))
HARDEN	 = $(eval HARDEN := $$(FORTIFY) -fPIE -Wformat -Werror=format-security \
	   $$(call takes,-fstack-protector-strong) \
	   $$(call takes,-fstack-clash-protection) \
	   $$(call takes,-fcf-protection) \
	   $$(call takes,-mbranch-protection=standard))$(HARDEN)
HARDEN_LINK = -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
LIBS	 = -lseccomp -luv -lfcgi -lsqlite3 -lhiredis -lcares -lssl -lcurl -ljansson -lcrypto

# All cores, unless somebody says otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

# without.c of a room is for the static build alone.
SRC	 = $(filter-out %/without.c,$(wildcard fcgi/*.c fcgi/*/*.c \
	   fcgi/*/*/*.c store/*.c store/*/*.c store/*/*/*.c))
OBJ	 = $(SRC:%.c=build/obj/%.o)
MAN	 = fcgi/largesse.1 fcgi/largesse-events.5 fcgi/largesse-deploy.7
ASAN_OBJ = $(SRC:%.c=build/asan/%.o)
PARTS	 = $(filter-out build/asan/fcgi/main.o,$(ASAN_OBJ))
UNIT	 = $(patsubst tests/%.c,build/asan/%,$(wildcard tests/unit/*/test_*.c))
TALK	 = $(patsubst tests/%.c,build/asan/%,$(wildcard tests/talk/*/test_*.c))
PEER_OBJ = $(patsubst %.c,build/asan/%.o,$(wildcard tests/talk/peer/*.c \
	   tests/talk/peer/log/*.c))

# What a file includes is written down beside it when it is compiled.
DEPEND	 = -MMD -MP -MT $@ -MF $@.d
COMPILE	 = @mkdir -p $(@D); echo "  cc $@"; $(CC) $(DEPEND) $(WARN) $(DEFS)
LINK	 = @mkdir -p $(@D); echo "  ld $@"; $(CC)

all: build/largesse

# need-X: the packages that X takes, installed if they are missing.  NEED=: for
# a build that has its packages and may install none.
NEED	 = deploy/need.sh
need-%:
	@$(NEED) $*

build/largesse: $(OBJ)
	$(LINK) $(HARDEN) $(CFLAGS) -pie $(HARDEN_LINK) $(LDFLAGS) -o $@ $(OBJ) \
	    $(LIBS)

build/obj/%.o: %.c Makefile | need-build
	$(COMPILE) $(HARDEN) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

build/asan/largesse: $(ASAN_OBJ)
	$(LINK) $(SAN) $(LDFLAGS) -o $@ $(ASAN_OBJ) $(LIBS)

build/asan/%.o: %.c | need-build
	$(COMPILE) $(SAN) -c -o $@ $<

build/asan/tests/%.o: tests/%.c | need-build need-check
	$(COMPILE) $(SAN) -c -o $@ $<

# One file without shared libraries, for hosts where nothing can be installed.
# Debian's libcurl cannot be linked statically: what needs it is left out, each
# room's without.c has what answers instead, and --help says so.
# The linker warns that names of hosts need the system's library; --listen takes
# numbers here.  Its warnings are shown only if it fails.
STATIC_OUT = fcgi/command/tail_url.c fcgi/doctor/url.c fcgi/doctor/http.c \
	   fcgi/doctor/clinic.c
STATIC_LIBS = -l:libuv_a.a -lfcgi -lsqlite3 -lhiredis -lcares -ljansson -lssl -lcrypto -lseccomp -lm -lpthread
STATIC_SAYS = "libcurl (tail and doctor of a URL)"
# Packed, its relocations are 500 KB less.  Only a C library that knows of them
# (glibc 2.36) starts such a program, so one is made and run.
PACKED	 = $(eval PACKED := $$(shell mkdir -p build/static && echo 'int \
	   puts(const char *); int main(void) { return puts("") < 0; }' | \
	   $$(CC) -fPIE -static-pie -Wl,-z,pack-relative-relocs -x c \
	   -o build/static/packed - 2>/dev/null && build/static/packed && \
	   echo -Wl,-z,pack-relative-relocs))$(PACKED)
STATIC_OBJ = $(patsubst %.c,build/static/obj/%.o,\
	   $(filter-out $(STATIC_OUT),$(SRC)) $(wildcard fcgi/*/without.c))

static: build/static/largesse

build/static/largesse: $(STATIC_OBJ)
	$(LINK) $(HARDEN) $(CFLAGS) -static-pie $(HARDEN_LINK) $(PACKED) $(LDFLAGS) \
	    -s -o $@ $(STATIC_OBJ) $(STATIC_LIBS) 2>$@.said || { cat $@.said >&2; exit 1; }

build/static/obj/%.o: %.c Makefile | need-build
	$(COMPILE) $(HARDEN) $(CPPFLAGS) $(CFLAGS) -ffile-prefix-map=$(CURDIR)=. \
	    -DWITHOUT='$(STATIC_SAYS)' -c -o $@ $<

# The folder for shared hosting, with the program in it.
upload: static
	rm -rf build/upload
	cp -R deploy/shared build/upload
	cp build/static/largesse build/upload

# The plugin for WordPress, to upload in its dashboard: with the program, and
# without it for hosts that take no large file.
wordpress: static | need-wordpress
	rm -rf build/wordpress build/largesse-wordpress*.zip
	mkdir -p build/wordpress
	cp -R deploy/wordpress/largesse build/wordpress
	cp LICENSE build/wordpress/largesse
	cp deploy/shared/events.php build/wordpress/largesse/stream
	cd build/wordpress && python3 -m zipfile -c \
	    ../largesse-wordpress-php.zip largesse
	cp build/static/largesse build/wordpress/largesse/stream
	cd build/wordpress && python3 -m zipfile -c \
	    ../largesse-wordpress.zip largesse

# A unit test is linked with everything but main, and sees no globals.
build/asan/unit/%: build/asan/tests/unit/%.o $(PARTS)
	$(LINK) $(SAN) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# The client of the measurements is tested, too.
CROWD	 = $(addprefix tests/bench/,crowd.o feed.o tally.o wire.o browsers.o)
build/%/unit/bench/test_crowd: LIBS += -lnghttp2
build/asan/unit/bench/test_crowd: $(addprefix build/asan/,$(CROWD))
build/plain/unit/bench/test_crowd: $(addprefix build/plain/,$(CROWD))
build/cov/unit/bench/test_crowd: $(addprefix build/plain/,$(CROWD))

# The same without sanitizers, for valgrind, which cannot run with them.
build/plain/unit/%: build/plain/tests/unit/%.o $(filter-out \
    build/obj/fcgi/main.o,$(OBJ))
	$(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

build/plain/tests/%.o: tests/%.c | need-build need-check
	$(COMPILE) $(CFLAGS) -c -o $@ $<

# The same again, counting which lines and branches are run.
COV	 = -O0 -g --coverage
COV_OBJ	 = $(SRC:%.c=build/cov/%.o)
COV_UNIT = $(UNIT:build/asan/%=build/cov/%)

build/cov/largesse: $(COV_OBJ) build/cov/tests/coverage/open.o
	$(LINK) $(COV) -Wl,--wrap=seccomp_load -o $@ $^ $(LIBS)

build/cov/unit/%: build/cov/tests/unit/%.o $(filter-out \
    build/cov/fcgi/main.o,$(COV_OBJ))
	$(LINK) $(COV) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

build/cov/tests/unit/%.o: tests/unit/%.c | need-build need-check
	$(COMPILE) -O0 -g -c -o $@ $<

build/cov/%.o: %.c | need-build
	$(COMPILE) $(COV) -c -o $@ $<

# Here memory runs out: the test stands between the program and the system.
build/%/unit/memory/test_memory: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc \
    -Wl,--wrap=realloc,--wrap=strdup,--wrap=strndup,--wrap=asprintf

# A conversation is linked with the peer and with nothing of the program.
build/asan/talk/%: build/asan/tests/talk/%.o $(PEER_OBJ)
	$(LINK) $(SAN) -o $@ $^ -lsqlite3 -lhiredis -lcmocka -lcrypto

# Measurements: everything is built, installed and run; nothing is asserted.
BENCH	 = build/bench/load build/bench/publish build/bench/post \
	   build/bench/harm build/bench/ceiling
BENCH_OBJ = $(patsubst tests/bench/%.c,build/bench/obj/%.o,\
	   $(wildcard tests/bench/*.c tests/bench/ceiling/*.c))

build/bench/load: $(addprefix build/bench/obj/,load.o crowd.o feed.o tally.o \
	wire.o browsers.o)
build/bench/load: BENCH_LIBS = -lssl -lcrypto -lnghttp2
build/bench/publish: $(addprefix build/bench/obj/,publish.o sink.o tally.o)
build/bench/post: $(addprefix build/bench/obj/,post.o tally.o)
build/bench/harm: $(addprefix build/bench/obj/,harm.o tally.o)
build/bench/ceiling: $(addprefix build/bench/obj/ceiling/,ceiling.o post.o \
	stream.o)
$(BENCH):
	$(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BENCH_LIBS) -lsqlite3 -lhiredis

build/bench/obj/%.o: tests/bench/%.c | need-build need-bench
	$(COMPILE) $(CFLAGS) -c -o $@ $<

bench: build/largesse $(BENCH)
	/usr/bin/python3 tests/bench/bench.py

bench-quick: build/largesse $(BENCH)
	/usr/bin/python3 tests/bench/bench.py --quick

# The same load for an hour: memory, descriptors, what was lost.
MINUTES	 = 60
STREAMS	 = 5000
soak: build/largesse $(BENCH)
	/usr/bin/python3 tests/bench/soak.py --minutes $(MINUTES) \
	    --streams $(STREAMS)

# The whole path on this machine until Ctrl-C.  WEB=lighttpd, PORT=8000.
demo:
	+@deploy/demo/demo.sh
.PHONY: demo

# Every page after ten minutes of events, in build/pictures, for people to look at.
pictures: MINUTES = 10
pictures: need-check build/largesse
	@tests/browser/run --install
	+node tests/browser/pictures.mjs --minutes $(MINUTES)
.PHONY: pictures

# All tests.  SUITES="unit talk" runs some of them.
SUITES	 = house bench pages unit talk web browser ways js clients fault torture fuzz slow hosts

check: need-check build/largesse build/asan/largesse upload $(UNIT) $(TALK)
	@tests/run.sh $(SUITES)

# What takes longer, or needs a Debian of its own; before a release.  LONG=long
# leaves out the hour of torture, LONG_TORTURE=600 makes it ten minutes.
LONG	 = long frameworks hour
LONG_TORTURE = 3600

check-long: need-check need-long need-ways build/largesse build/asan/largesse \
    upload wordpress deb
	@LONG_TORTURE=$(LONG_TORTURE) tests/run.sh $(LONG)

# The stack is broken on purpose, and a model says what its clients missed:
# make torture SECONDS=600 WEB=apache ENGINE=redis.  SEED=N repeats a run, FAULTS=
# chooses faults, ASAN=1 takes the program with sanitizers.
torture: need-check build/largesse $(if $(ASAN),build/asan/largesse)
	tests/torture/run --seconds $(or $(SECONDS),60) \
	    $(if $(SEED),--seed $(SEED)) $(if $(WEB),--web $(WEB)) \
	    $(if $(ENGINE),--engine $(ENGINE)) $(if $(ASAN),--asan) \
	    $(if $(FAULTS),--faults $(FAULTS))

# Bytes that nobody would send, for longer than `check` sends them: so many
# seconds each, of these fuzzers or of all.
FUZZ_SECONDS = 1800
TARGETS	 =
fuzz: | need-build need-check
	FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(TARGETS)

# Every unit test under valgrind.
PLAIN	 = $(UNIT:build/asan/%=build/plain/%)
valgrind: $(PLAIN) | need-valgrind
	tests/unit/valgrind

# The analyzers of gcc and of clang, over the program.
analyze: | need-build need-analyze
	tests/analyze $(SRC)

# What unit and talk tests run of the program, by folder, and what they do not.
coverage: build/cov/largesse build/largesse $(COV_UNIT) $(TALK) | need-coverage
	tests/coverage/run

lint: | need-build need-lint
	tests/ladder
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	clang-tidy --quiet $(SRC) -- -std=gnu11 $(DEFS) 2>/dev/null
	cppcheck -q --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --suppress=missingIncludeSystem \
	    --error-exitcode=1 $(DEFS) store fcgi
	mandoc -Tlint -W warning $(MAN)

ARCH	 = $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

# The static program with all that belongs to it, in build.  Built twice from
# one commit it has the same bytes.
tarball: static
	@deploy/release/tarball.sh $(VERSION) $(ARCH)

# The package of this Debian, in build: deploy/debian/README.md.
deb: | need-deb need-build
	deploy/debian/source.sh $(VERSION)
	+cd build/deb/largesse-$(VERSION) && dpkg-buildpackage -us -uc
	cp build/deb/*.deb build

# Both, with SHA256SUMS, in build/release, if version, CHANGELOG.md, tag and tree
# agree: deploy/release/README.md.
release:
	@deploy/release/release.sh $(VERSION)
	+@$(MAKE) deb tarball
	@deploy/release/release.sh $(VERSION) sums $(ARCH)

BIN	 = $(DESTDIR)$(PREFIX)/bin
COMPLETE = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
MANDIR	 = $(DESTDIR)$(PREFIX)/share/man

install: build/largesse
	install -d $(BIN) $(COMPLETE)
	install -m 755 build/largesse $(BIN)/largesse
	ln -sf largesse $(BIN)/largesse.fcgi
	for m in $(MAN); do \
	    install -D -m 644 -t $(MANDIR)/man$${m##*.} $$m || exit; \
	done
	ln -sf largesse.1 $(MANDIR)/man1/largesse.fcgi.1
	install -m 644 deploy/completion/largesse $(COMPLETE)/
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/largesse deploy/www/*.html

uninstall:
	rm -f $(BIN)/largesse $(BIN)/largesse.fcgi $(COMPLETE)/largesse \
	    $(MANDIR)/man1/largesse.fcgi.1
	rm -f $(patsubst deploy/www/%,$(DESTDIR)$(PREFIX)/share/largesse/%,\
	    $(wildcard deploy/www/*.html))
	for m in $(notdir $(MAN)); do \
	    rm -f $(MANDIR)/man$${m##*.}/$$m; \
	done

clean:
	rm -rf build

.PHONY: all static upload wordpress deb tarball release check check-long torture fuzz valgrind analyze coverage lint \
	bench bench-quick soak install uninstall clean
.SECONDARY:

-include $(patsubst %,%.d,$(OBJ) $(ASAN_OBJ) $(STATIC_OBJ) $(BENCH_OBJ) \
    $(PEER_OBJ) $(UNIT:build/asan/%=build/asan/tests/%.o) \
    $(UNIT:build/asan/%=build/plain/tests/%.o) \
    $(TALK:build/asan/%=build/asan/tests/%.o))
