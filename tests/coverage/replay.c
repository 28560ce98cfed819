/*
 * replay.c - gives each file of the command line to a fuzzer, once.
 *
 * usage: replay FILE...
 *
 * It takes the place of libFuzzer where lines are counted.
 */
#include "tests/fuzz/fuzz.h"

enum {
	INPUT_MAX = 1 << 20
};

int
main(int argc, char **argv)
{
	static uint8_t in[INPUT_MAX];
	FILE *f;
	int i;

	for (i = 1; i < argc; i++) {
		f = fopen(argv[i], "rb");
		must(f != NULL);
		LLVMFuzzerTestOneInput(in, fread(in, 1, sizeof(in), f));
		fclose(f);
	}
	return 0;
}
