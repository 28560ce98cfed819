/*
 * write.mjs - seen.md, made of what was seen.
 *
 * Rows are kept in build/ways/rows.json, so that scenes can be seen one after the
 * other; a newer row of the same scene takes the place of the older.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { here } from "./kit.mjs";

const KEPT = here("../../build/ways/rows.json");
const key = (r) => [r.scene, r.browser, r.way_to ?? r.kind ?? r.trial ??
    r.forgotten].join();

function merge(rows) {
	let kept = [];

	try {
		kept = JSON.parse(readFileSync(KEPT, "utf8"));
	} catch {
		/* the first time */
	}
	const all = new Map(kept.map((r) => [key(r), r]));
	for (const r of rows)
		all.set(key(r), r);
	writeFileSync(KEPT, JSON.stringify([...all.values()], null, 1));
	return [...all.values()];
}

const line = (cells) => `| ${cells.join(" | ")} |\n`;

function table(head, rows) {
	return line(head) + `|${"---|".repeat(head.length)}\n` +
	    rows.map(line).join("") + "\n";
}

const version = (program) => execFileSync(program, ["--version"],
    { stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
const s = (ms) => (ms / 1000).toFixed(2);

function ways(all, scene) {
	return table(["way", "browser", "takes", "because", "open", "again", "learning",
		"median", "worst", "requests/min", "bytes/event"],
	all.filter((r) => r.scene === scene)
	    .sort((a, b) => a.place - b.place || (a.browser < b.browser ? -1 : 1))
	    .map((r) => r.failed ? [r.way_to, r.browser, "fails",
		r.failed.replace(/:.*/, ""), ...Array(7).fill("")]
		: [r.way_to, r.browser, r.way, r.why, s(r.opened),
		r.again ? s(r.again) : "-", s(r.learning), s(r.median),
		s(r.worst), r.requests, r.bytes]));
}

function native(all) {
	return table(["way", "Chromium", "Firefox"],
	    [...new Set(all.filter((r) => r.scene === "native")
		.sort((a, b) => a.place - b.place).map((r) => r.way_to))]
		.map((way) => [way, ...["chromium", "firefox"].map((b) =>
		    all.find((r) => r.scene === "native" && r.way_to === way &&
			r.browser === b)?.seen ?? "")]));
}

const WHAT = {
	offline: () => "offline for 10 s",
	frozen: () => "frozen for 15 s",
	sleep: (r) => "asleep for 60 s, " + (r.forgotten
	    ? "connections dead" : "connections alive"),
	nets: (r) => ({ unplugged: "link down for 10 s, then the same network",
		silent: "no answers for 10 s, and nobody says so",
		moved: "another network, with another address" })[r.trial],
};

function away(all) {
	return table(["what happened", "browser", "median", "worst"],
	    Object.keys(WHAT).flatMap((scene) => all.filter((r) =>
		r.scene === scene).map((r) => [WHAT[scene](r), r.browser,
		...r.failed ? ["fails", /\d+ ms late/.exec(r.failed) ?? ""]
		: [s(r.median), s(r.worst)]])));
}

function tabs(all) {
	const hand = all.filter((r) => r.scene === "tabs").map((r) =>
	    `${r.browser}: ${r.handover} ms (usually ${r.usual} ms)`);

	return `Twenty tabs of one site have one stream. When the tab that has it is
closed, the latest event of all came after: ${hand.join("; ")}.

What twenty tabs cost beside the same tabs without a stream, with twenty events a second:

` + table(["browser", "twenty tabs with", "streams", "of a processor more, %",
		"memory, MB", "without streams, MB", "bytes/event, all tabs"],
	all.filter((r) => r.scene === "figures").map((r) => [r.browser,
		r.kind, r.streams, r.cpu, r.mb, r.without, r.bytes]));
}

function replay(all) {
	return table(["browser", "10,000 events took, ms", "longest task, ms",
		"longest wait of another task, ms"],
	all.filter((r) => r.scene === "replay").map((r) => [r.browser, r.took,
		r.task ?? "-", r.wait]));
}

export function write(rows) {
	const all = merge(rows);

	writeFileSync(here("seen.md"), `# What was seen behind ways that harm

Written by \`tests/ways/run --long --write\`, on ${new Date().toISOString()
	.slice(0, 10)}, with ${version("chromium")} and ${version("firefox-esr")}, on two
cores that were busy with other work, too. A page includes \`deploy/js/largesse.js\`, and knows nothing of
its way; \`proxy.py --list\` says what each way does. All times are in seconds.

*open*: from the page's constructor to its event \`open\`, at the first visit. *again*: the same at the second. *learning*: the latest event of the first 36 s, in which the page
finds its way, and everything happens once. *median*, *worst*: how late events were in the 40 s after that, in which each came exactly
once and in order. While a way is shut (bad-gateway, portal), an event is late from its opening on. *requests*, *bytes*: both directions, with
headers, as the proxy counted them; an event of this test has 40 bytes of data, and there were about 25 a minute.

A native EventSource in the same places is further down.

${ways(all, "ways")}## Real servers

Each as Debian has it, but for: nginx-buffers ignores X-Accel-Buffering; nginx-gzip does so, too, and compresses event streams;
varnish-holds has \`do_stream = false\`. HAProxy holds small pieces back for 200 ms unless it has \`option http-no-delay\`, as
\`deploy/haproxy/haproxy.cfg\` has.

${ways(all, "fronts")}## The same ways with a native EventSource

*exact*: each event once and in order; the latest one came after so long. *lost*: not there 5 s after the last one. Behind
strips it has a topic that needs a token, and no way to send one but in a cookie or in the URL.

${native(all)}## The network is away

An event of that time is late from its end on.

${away(all)}## Tabs

${tabs(all)}## After 10,000 missed events

${replay(all)}`);
}
