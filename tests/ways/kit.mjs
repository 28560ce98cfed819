/*
 * kit.mjs - the site, the browsers, and what a page must have seen.
 *
 * Both browsers are driven by puppeteer: Chromium by its own protocol, and Debian's
 * Firefox by WebDriver BiDi.
 */
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Told } from "../web/kit/told.mjs";

export const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const require = createRequire(here("../../build/ways/package.json"));
const puppeteer = require("puppeteer-core").default;

export const LIMIT_MS = 60000;		/* for anything that is waited for */
export const PROMISE_MS = 2000;		/* an event is at most so late */
/* What a busy machine may add: other suites run beside the short form. */
export const ROOM_MS = process.argv.includes("--long") ? 1000 : 2500;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/* --- the site ----------------------------------------------------------- */

export class Site extends Told {
	/* `before` are words before the program: how it is started. */
	static async start(env = {}, before = []) {
		const me = await super.start([...before, "/usr/bin/python3",
			here("site.py")], env);

		return Object.assign(me, me.first);
	}

	async stop() {
		if (await super.stop() !== 0)
			throw new Error("the site ended badly: " + this.errors);
	}
}

/* --- the browsers ------------------------------------------------------- */

const CHROMIUM = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
	"--no-first-run", "--disable-background-networking"];

export const BROWSERS = {
	chromium: { browser: "chrome", args: CHROMIUM, pipe: true,
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium" },
	firefox: { browser: "firefox",
		executablePath: process.env.FIREFOX || "/usr/bin/firefox-esr" },
};

/* With WAYS_HIDDEN the pages are tabs that nobody looks at, whose timers are slow. */
const HIDDEN = "WAYS_HIDDEN" in process.env;
const SLOWED = ["--disable-background-timer-throttling",
	"--disable-backgrounding-occluded-windows",
	"--disable-renderer-backgrounding"];

export const launch = (name) => puppeteer.launch({ headless: true,
	acceptInsecureCerts: true, protocolTimeout: 3 * LIMIT_MS,
	ignoreDefaultArgs: HIDDEN ? SLOWED : [], ...BROWSERS[name] });

/*
 * A page that is looked at: a tab behind another one is slow on purpose.  With
 * WAYS_CLASS=EventSource one sees what the library is for.
 */
export async function visit(browser, url, query = {}) {
	const chromium = browser.process().spawnfile.includes("chrom");
	const page = await browser.newPage(chromium || HIDDEN ? {} :
	    { type: "window" });

	if (chromium && !HIDDEN)	/* a window costs more there */
		await page.emulateFocusedPage(true);
	await page.goto(`${url}/ways/?${new URLSearchParams({
		class: process.env.WAYS_CLASS || "Largesse", ...query })}`);
	if (!("wait" in query) && !await page.evaluate(() => !!window.source))
		throw new Error("the page has no stream: is largesse.js there?");
	return page;
}

export async function until(what, test, limit = LIMIT_MS) {
	const end = Date.now() + limit;

	for (;;) {
		const got = await test();

		if (got)
			return got;
		if (Date.now() > end)
			throw new Error(`not within ${limit} ms: ${what}`);
		await sleep(20);
	}
}

/* A process, and all that come of it. */
export function family(pid) {
	let all = [pid];

	try {
		for (const task of readdirSync(`/proc/${pid}/task`))
			all = all.concat(...readFileSync(
			    `/proc/${pid}/task/${task}/children`, "utf8")
			    .split(" ").filter(Boolean).map((p) => family(+p)));
	} catch {
		return [];
	}
	return all;
}

/* --- what a page must have seen ----------------------------------------- */

export const median = (of) => [...of].sort((a, b) => a - b)[of.length >> 1];

/*
 * Each event exactly once and in order, from the first to the last that was
 * published.  `away` are the times in which no way led to the site: an event of
 * then is late from their end on.  Returns delays of what was published from
 * `from` on, and throws what is wrong.
 */
export function judge(seen, published, { from, away = [] }) {
	const numbers = seen.got.map((e) => e.n);
	const due = published.filter(([, at]) => at >= seen.opened)
	    .map(([n]) => n);
	const has = new Set(numbers);
	const lost = due.filter((n) => !has.has(n));
	const free = (at) => away.reduce((t, [a, b]) =>
	    t >= a && t <= b ? b : t, at);

	if (!seen.opened)
		throw new Error("it was never open");
	if (lost.length)
		throw new Error(`lost ${lost.length} of ${due.length}: ${lost}`);
	if (has.size < numbers.length)
		throw new Error("twice: " + numbers.filter((n, i) =>
		    numbers.indexOf(n) !== i));
	if (numbers.some((n, i) => i && n < numbers[i - 1]))
		throw new Error("not in order: " + numbers);
	return seen.got.filter((e) => e.at >= from).map((e) =>
	    ({ n: e.n, late: e.came - free(e.at) }));
}

/* Median and worst of what judge() returned; throws if one was too late. */
export function delays(of, limit = PROMISE_MS + ROOM_MS) {
	const late = of.map((e) => e.late);
	const worst = of.reduce((a, b) => b.late > a.late ? b : a);

	if (worst.late > limit)
		throw new Error(`event ${worst.n} was ${worst.late} ms late`);
	return { median: median(late), worst: worst.late,
		over: late.filter((ms) => ms > PROMISE_MS).length };
}
