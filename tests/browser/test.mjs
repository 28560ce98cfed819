/*
 * test.mjs - headless Chromium against the real program behind real nginx.
 *
 * The tests ask the browser itself what it gets from a stream: its native
 * EventSource, and event-source-polyfill.  servers.py starts one set of servers
 * for each test, and each test has a page of its own.  TAP goes to stdout.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Told } from "../web/kit/told.mjs";
import { auth } from "./auth.mjs";
import { doctor } from "./doctor.mjs";
import { examples } from "./examples.mjs";
import { handover } from "./handover.mjs";
import { status } from "./status.mjs";
import { ways } from "./ways.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const pictures = (name) => here(`../../build/pictures/${name}.png`);
const require = createRequire(here("../../build/browser/package.json"));
const { chromium } = require("playwright-core");
const POLYFILL = require.resolve(
    "event-source-polyfill/src/eventsource.min.js");
const LIMIT_MS = +process.env.LIMIT_MS || 60000;		/* for anything that is waited for */
const CLIENTS = ["EventSource", "EventSourcePolyfill"];

/* --- the servers -------------------------------------------------------- */

class Servers extends Told {
	/* Words are for servers.py. */
	static async start(words = []) {
		const me = await super.start(
		    ["/usr/bin/python3", here("servers.py"), ...words]);

		me.urls = [me.first].flat();
		me.url = me.urls[0];
		return me;
	}

	insert(data, more = {}) {
		return this.say("insert", JSON.stringify({ data, ...more }));
	}
}

/* --- the page ----------------------------------------------------------- */

/* Opens a stream in the page and keeps everything that it brings. */
async function listen(page, client, query = "", types = []) {
	await page.evaluate(([client, query, types]) => {
		const s = new window[client]("/events" + query);

		window.got = [];
		window.notes = [];
		window.errors = 0;
		window.source = s;
		/* A number has a check behind it: told has both. */
		window.told = [];
		const keep = (e) => {
			const id = e.lastEventId.replace(
			    /^(\d+)-[a-z][a-z2-9]{3}$/, "$1");

			window.told.push(e.lastEventId);
			window.got.push({ id, data: e.data, type: e.type });
		};
		s.onmessage = keep;
		types.forEach((t) => s.addEventListener(t, keep));
		s.onerror = () => { window.errors++; };
		for (const t of ["stream-start", "stream-gap"])
			s.addEventListener(t, (e) => window.notes.push(e.type));
	}, [client, query, types]);
	await page.waitForFunction(() => window.notes.length > 0, null,
	    { timeout: LIMIT_MS });
}

function count(page, n) {
	return page.waitForFunction((n) => window.got.length >= n, n,
	    { timeout: LIMIT_MS });
}

const got = (page) => page.evaluate(() => window.got);
const notes = (page) => page.evaluate(() => window.notes);

function same(is, want, what) {
	if (JSON.stringify(is) !== JSON.stringify(want))
		throw new Error(`${what}: is ${JSON.stringify(is)}, ` +
		    `should be ${JSON.stringify(want)}`);
}

/* What goes wrong on a page: it grows. */
function errorsOf(page) {
	const wrong = [];

	page.on("pageerror", (e) => wrong.push(String(e)));
	page.on("console", (m) => m.type() === "error" && wrong.push(m.text()));
	return wrong;
}

/* --- the tests ---------------------------------------------------------- */

const tests = [];
const test = (name, run, words) => tests.push({ name, run, words });

for (const client of CLIENTS) {
	test(`${client}: events arrive, lastEventId is right`,
	    async (page, sv) => {
		await listen(page, client, "", ["load"]);
		await sv.insert("one");
		await sv.insert("two", { event: "load" });
		await sv.insert("three", { uid: "order-17" });
		await sv.insert("not mine", { topic: "other" });
		await sv.insert("four");
		await count(page, 4);
		same(await got(page), [
			{ id: "1", data: "one", type: "message" },
			{ id: "2", data: "two", type: "load" },
			{ id: "order-17", data: "three", type: "message" },
			{ id: "5", data: "four", type: "message" },
		], "events");
		same((await page.evaluate(() => window.told)).map((id) =>
		    id.replace(/-[a-z][a-z2-9]{3}$/, "-check")),
		["1-check", "2-check", "order-17", "5-check"], "ids");
	});

	test(`${client}: responder killed and started again, every id once`,
	    async (page, sv) => {
		await listen(page, client);
		for (let turn = 0; turn < 3; turn++) {
			await sv.insert("before " + turn);
			await count(page, 3 * turn + 1);
			await sv.say("kill");
			await sv.insert("dead " + turn);
			await sv.say("start");
			await sv.insert("after " + turn);
			await count(page, 3 * turn + 3);
		}
		same((await got(page)).map((e) => e.id),
		    [1, 2, 3, 4, 5, 6, 7, 8, 9].map(String), "ids");
		same(new Set(await notes(page)).size, 1, "a gap was said");
	});

	test(`${client}: killed before the first event, nothing lost`,
	    async (page, sv) => {
		await sv.insert("long ago");
		await listen(page, client);
		await sv.say("kill");
		await sv.insert("meanwhile");
		await sv.say("start");
		await sv.insert("later");
		await count(page, 2);
		same((await got(page)).map((e) => e.data),
		    ["meanwhile", "later"], "events");
	});

	test(`${client}: responder told to stop, comes back by itself`,
	    async (page, sv) => {
		await listen(page, client);
		await sv.insert("one");
		await count(page, 1);
		same(await sv.say("term"), 0, "exit status");
		await sv.insert("two");
		await sv.say("start");
		await sv.insert("three");
		await count(page, 3);
		same((await got(page)).map((e) => e.data),
		    ["one", "two", "three"], "events");
	});

	test(`${client}: nginx killed and started again, every id once`,
	    async (page, sv) => {
		await listen(page, client);
		await sv.insert("one");
		await count(page, 1);
		await sv.say("kill-web");
		await sv.insert("two");
		await sv.say("start-web");
		await sv.insert("three");
		await count(page, 3);
		same((await got(page)).map((e) => e.id), ["1", "2", "3"],
		    "ids");
	});
}

test("EventSource: text comes as it was inserted", async (page, sv) => {
	const texts = ["", " leading", "two\nlines", "\n", "a\n\nb\n",
		"data: x\nid: 99\nevent: y\n\nretry: 1", ":comment", "\u{1f389} ✓ ü",
		"tab\there", "\ufeffmark", "x".repeat(200000), "end"];

	await listen(page, "EventSource");
	for (const text of texts)
		await sv.insert(text);
	await count(page, texts.length);
	same((await got(page)).map((e) => e.data), texts, "data");
	same((await got(page)).map((e) => e.id),
	    texts.map((_, i) => String(i + 1)), "ids");
	await sv.say("insert", JSON.stringify({ data: "cr\rlf\r\nend" }));
	await count(page, texts.length + 1);
	same((await got(page)).at(-1).data, "cr\nlf\nend", "ends of lines");
});

test("EventSource: a steady stream over ten kills", async (page, sv) => {
	await listen(page, "EventSource");
	await page.evaluate(() => {
		window.opened = 0;
		window.source.onopen = () => { window.opened++; };
	});
	let n = 0;
	for (let turn = 0; turn < 10; turn++) {
		for (let i = 0; i < 20; i++)
			await sv.insert("e" + n++);
		await sv.say("kill");
		await sv.say("start");
		await page.waitForFunction((t) => window.opened > t, turn,
		    { timeout: LIMIT_MS });
	}
	await count(page, n);
	same((await got(page)).map((e) => e.data),
	    Array.from({ length: n }, (_, i) => "e" + i), "events");
});

const text = (page, id) => page.textContent("#" + id);

function shows(page, id, value) {
	return page.waitForFunction(([id, value]) =>
	    document.getElementById(id).textContent.includes(value),
	    [id, value], { timeout: LIMIT_MS });
}

const state = (page, name) => page.waitForSelector(
    `#state[data-state="${name}"]`, { timeout: LIMIT_MS });

test("demo page: draws events, and nothing is lost", async (first, sv) => {
	const page = await first.context().newPage();
	const wrong = errorsOf(page);

	await page.goto(sv.url + "/");
	await state(page, "open");
	await page.waitForFunction(() =>
	    +document.getElementById("received").textContent >= 3, null,
	    { timeout: LIMIT_MS });
	await sv.say("sqlite3",
	    "INSERT INTO events(topic, data) VALUES('news', 'pasted')");
	await shows(page, "events", "pasted");

	await page.click("#cut");
	await state(page, "cut");
	await sv.say("sqlite3",
	    "INSERT INTO events(topic, data) VALUES('news', 'while cut')");
	same((await text(page, "events")).includes("while cut"), false,
	    "came through a cut line");
	await page.waitForSelector('#verdict[data-verdict="whole"]',
	    { timeout: LIMIT_MS });
	await shows(page, "events", "while cut");

	await sv.say("kill");
	await sv.say("sqlite3",
	    "INSERT INTO events(topic, data) VALUES('news', 'while dead')");
	await sv.say("start");
	await shows(page, "events", "while dead");
	await state(page, "open");
	await page.screenshot({ path: here("../../build/screenshots/demo.png"),
	    fullPage: true, animations: "disabled" });
	same([await text(page, "missing"), await text(page, "repeated")],
	    ["0", "0"], "missing, repeated");
	/* The browser's own complaint about the killed connection. */
	same(wrong.filter((w) => !/net::ERR_/.test(w)), [], "errors");
});

for (const colorScheme of ["light", "dark"])
	test(`demo page: "Try it" is seen without scrolling, and no page is too wide (${colorScheme})`,
	    async (page, sv) => {
		await page.emulateMedia({ colorScheme });
		for (const [name, width, height] of [["desktop", 1280, 800], ["phone", 390, 844]]) {
			await page.setViewportSize({ width, height });
			await page.goto(sv.url + "/");
			await state(page, "open");
			await page.screenshot({ path: pictures(`demo-${name}-${colorScheme}`),
			    animations: "disabled" });
			same(await page.evaluate("document.documentElement.scrollWidth"), width,
			    "the width");
		}
		await page.setViewportSize({ width: 1280, height: 800 });
		for (const what of [".try", "#cut", "#copy"]) {
			const { x, y, width, height } = await page.locator(what).boundingBox();

			same([x >= 0, y >= 0, x + width <= 1280, y + height <= 800],
			    [true, true, true, true], `${what} at ${x}, ${y}, ${width} x ${height}`);
		}
	});

auth(test, { same, require, LIMIT_MS });
doctor(test, { same, here, errorsOf, LIMIT_MS });
status(test, { same, pictures, errorsOf, LIMIT_MS });
ways(test, { same, LIMIT_MS });
handover(test, { same, LIMIT_MS });
examples(test, { same, here, errorsOf, LIMIT_MS });

/* --- and run ------------------------------------------------------------ */

async function one(browser, run, started, words) {
	const context = await browser.newContext(
	    { viewport: { width: 1200, height: 900 } });
	let sv = null, why = null;

	try {
		sv = started || await Servers.start(words);
		const page = await context.newPage();
		/* Any page of the same origin will do. */
		await page.goto(sv.url + "/events/health");
		await page.addScriptTag({ path: POLYFILL });
		await run(page, sv);
	} catch (e) {
		why = e.stack;
	}
	await context.close();
	const status = sv ? await sv.stop() : 0;
	if (why === null && status !== 0)
		why = "servers.py ended with " + status;
	if (why !== null)
		console.error(why + "\n" + (sv ? sv.errors : ""));
	return why === null;
}

const words = process.argv.slice(2);
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
	    "--no-first-run", "--disable-background-networking"],
});
const chosen = tests.filter(({ name }) =>
    !words.length || words.some((w) => name.includes(w)));
/* The demo's publisher has published something before the page is read. */
const demo = chosen.find(({ name }) => name.startsWith("demo"));
if (demo) {
	demo.servers = await Servers.start();
	await demo.servers.say("figures");
}
let n = 0, failed = 0;
for (const { name, run, servers, words } of chosen) {
	const from = Date.now();
	const good = await one(browser, run, servers, words);
	failed += !good;
	console.log(`${good ? "ok" : "not ok"} ${++n} - ${name}`);
	console.error(`# ${((Date.now() - from) / 1000).toFixed(1)} s`);
}
console.log(`1..${n}`);
await browser.close();
process.exit(failed || n === 0 ? 1 : 0);
