/*
 * tap.mjs - tests that wait for most of their time, several at once.
 *
 * What is printed is in the order of the tests.  A test that takes too long fails.
 */
const tests = [];
const MOST = 8, PATIENCE = 60e3;

// options.batch: nothing of another batch runs beside it, 1 if not said.
export function test(name, body, options = {}) {
	tests.push({ name, body, ...options });
}

async function play(t) {
	const notes = [];
	let timer;

	try {
		await Promise.race([
			t.body((text) => notes.push(text)),
			new Promise((_, fail) => {
				timer = setTimeout(() => fail(new Error("took too long")), PATIENCE);
			}),
		]);
	} catch (e) {
		t.failed = e;
	}
	clearTimeout(timer);
	t.notes = notes;
}

export async function run(words) {
	const chosen = tests.filter((t) => !words.length || words.some((w) => t.name.includes(w)));
	let n = 0;

	process.on("unhandledRejection", (e) => {
		console.log("# not caught: " + (e?.stack ?? e));
		process.exitCode = 1;
	});
	for (const batch of [0, 1, 2]) {
		const queue = chosen.filter((t) => (t.batch ?? 1) === batch);

		await Promise.all(Array.from({ length: batch ? MOST : 1 }, async () => {
			while (queue.length)
				await play(queue.shift());
		}));
	}
	for (const t of chosen) {
		console.log(`${t.failed ? "not ok" : "ok"} ${++n} - ${t.name}`);
		for (const note of t.notes)
			console.log("# " + note);
		if (t.failed) {
			console.log("# " + String(t.failed.stack ?? t.failed).replaceAll("\n", "\n# "));
			process.exitCode = 1;
		}
	}
	console.log("1.." + n);
	process.exit();
}
