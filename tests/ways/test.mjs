/*
 * test.mjs - largesse.js behind each way that harms, in Chromium and in Firefox.
 *
 * A page includes the library as a site would, and is told nothing of its way.  All
 * ways are seen at the same time: most of it is waiting.  In a first phase the
 * page learns; in the second each event comes exactly once, and in time.  TAP goes to
 * stdout.
 *
 * usage: test.mjs [--long] [--write] [WORD...]
 */
import { scenes as away } from "./away.mjs";
import { launch } from "./kit.mjs";
import { scenes as native } from "./native.mjs";
import { scenes as replay } from "./replay.mjs";
import { scenes as tabs } from "./tabs.mjs";
import { scenes as ways } from "./ways.mjs";
import { write } from "./write.mjs";

const args = process.argv.slice(2);
const long = args.includes("--long");
const words = args.filter((a) => !a.startsWith("--"));
const rows = [];
let n = 0, failed = 0;

/* One line of TAP, and what was seen as comments. */
function tell(name, why, notes = []) {
	failed += why !== null;
	console.log(`${why === null ? "ok" : "not ok"} ${++n} - ${name}`);
	for (const line of [...notes, ...(why || "").split("\n")])
		if (line)
			console.log("#   " + line);
}

/*
 * A test alone: it fails by what it throws, and returns what was seen.  `what` is
 * what seen.md has of it if it fails.
 */
async function check(name, run, what) {
	try {
		const row = await run();

		rows.push(row);
		tell(name, null, [JSON.stringify(row)]);
	} catch (e) {
		if (what)
			rows.push({ ...what, failed: e.message });
		tell(name, e.stack);
	}
}

/* What is only told. */
function note(row) {
	rows.push(row);
	console.log("# " + JSON.stringify(row));
}

const browsers = {};
for (const name of ["chromium", "firefox"])
	browsers[name] = await launch(name);
for (const scene of [...ways, ...tabs, ...away,
    ...replay, ...native].filter((s) => (long || !s.long) &&
    (!words.length || words.some((w) => s.name.includes(w)))))
	await scene.run({ browsers, check, note, long, words }).catch((e) =>
	    tell(scene.name, e.stack));
console.log(`1..${n}`);
await Promise.all(Object.values(browsers).map((b) => b.close()));
if (args.includes("--write"))
	write(rows);
process.exit(failed || n === 0 ? 1 : 0);
