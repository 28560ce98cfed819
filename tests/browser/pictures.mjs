/*
 * pictures.mjs - pictures of the pages, for people to look at: desktop and phone, light
 * and dark, after some minutes of real events.  All pages run side by side.
 *
 * usage: make pictures [MINUTES=N]
 *	node tests/browser/pictures.mjs [--minutes N] [NAME...]		demo, doctor, status, ...
 *
 * They are in build/pictures: of some pages all of it, of others what is seen without
 * scrolling.  deploy/demo/screenshot.png is demo-desktop-light.png, and
 * deploy/examples/screenshot.png is score-desktop-light.png, both with --minutes 1.
 * What a page says about itself is told: an error, and what sticks out of the page.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Told } from "../web/kit/told.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { chromium } = createRequire(root + "build/browser/package.json")("playwright-core");
const words = process.argv.slice(2);
const minutes = words[0] === "--minutes" ? +words.splice(0, 2)[1] : 1;
const FORMS = ["light", "dark"].flatMap((colorScheme) => [1280, 390].map((width) => ({ colorScheme,
    name: `${width === 390 ? "phone" : "desktop"}-${colorScheme}`,
    viewport: { width, height: width === 390 ? 844 : 800 } })));
const LIMIT_MS = 120000;
const dark = (form) => form.colorScheme === "dark";

/* --- what a person does, so that there is something to see ------------------- */

async function logIn(page, password) {
	await page.fill("#name", "alice");
	await page.fill("#password", password);
	await page.click("button");
}

/* All of them have the same log: one of them writes. */
async function cut(page, form) {
	const paste = await page.textContent("#insert");
	const tell = (text) => form === FORMS[0] &&
	    execFileSync("sh", ["-c", paste.replace("Hello", text)]);

	tell("Order 1041 has been paid");
	await sleep(9000);
	tell("Build 77 is green");
	await sleep(6000);
	await page.click("#cut");
	await page.waitForSelector('#verdict[data-verdict="whole"]');
	await sleep(8000);
	tell("Hello");
	await sleep(2000);
}

/* Somebody who asks again as soon as there is an answer. */
const chatter = (page) => page.evaluate(() => setInterval(() => {
	if (document.body.dataset.state === "answering")
		return;
	document.querySelector("#prompt").value = "What is a stream, and where does it end?";
	document.querySelector("#form").requestSubmit();
}, 12000));

async function stopChat(page, form) {
	if (dark(form)) {
		await page.waitForSelector("[data-state=answering]");
		await page.click("#stop");
		await page.waitForSelector("[data-state=stopped]");
	}
}

/* A file of prices, the last of which is none if it is to fail. */
async function upload(page, text) {
	await page.setInputFiles("#file", { name: "prices.csv", mimeType: "text/csv",
	    buffer: Buffer.from(text) });
	await page.click("#form button");
	await page.waitForSelector("[data-state=running]");
}

async function importing(page, form, { url }) {
	const sample = await (await fetch(url + "sample.csv")).text();

	await page.waitForSelector("[data-state=done]");
	await upload(page, dark(form) ? sample.slice(0, 90000) + "\na lamp,cheap\n" : sample);
	await (dark(form) ? page.waitForSelector("[data-state=failed]") : sleep(4000));
}

/* Its site, its address there, and what is done at the beginning and at the end. */
const PAGES = {
	demo: { whole: true, end: cut },
	doctor: { of: "demo", at: () => "doctor.html", whole: true },
	status: { at: () => "status.html", whole: true },
	chat: { begin: chatter, end: stopChat },
	build: { at: (form, { builds }) => builds[FORMS.indexOf(form)] },
	import: { begin: async (page, form, { url }) =>
	    upload(page, await (await fetch(url + "sample.csv")).text()), end: importing },
	score: {},
	login: { of: "feed", at: () => "login.html", end: (page, form) => dark(form) && logIn(page, "wrong") },
	feed: { begin: (page) => logIn(page, "demo") },
	bell: { end: (page, form) => dark(form) && page.click("#bell") },
	dashboard: {},
	presence: {},
};

/* --- the sites ---------------------------------------------------------------- */

async function demo(name) {
	const child = spawn(root + "deploy/demo/demo.sh", { cwd: root, stdio: ["ignore", "pipe", "inherit"],
	    env: { ...process.env, APP: name === "demo" ? "" : name, PORT: "0" } });
	let said = "";

	await new Promise((done, failed) => {
		child.on("close", () => failed(new Error(name + ": " + said)));
		child.stdout.on("data", (piece) => {
			said += piece;
			if (said.includes("Ctrl-C"))
				done();
		});
	});
	return { said, url: /http:\/\/[^/]+\//.exec(said)[0], stop: () => {
		child.removeAllListeners("close");
		child.kill("SIGTERM");
	} };
}

/* One build has passed, one runs, and one has failed. */
async function build() {
	const site = await demo("build");
	const [log] = /\S+\/events\.db/.exec(site.said);
	const [passes, runs] = site.said.match(/http:\S+#\S+/g);
	const begin = (topic, script) => spawn(root + "deploy/examples/build/build.sh",
	    [log, topic, "sh", "-c", script], { stdio: "ignore", detached: true,
		env: { ...process.env, LARGESSE: root + "build/largesse" } });
	const running = begin("build/2", `n=0; while sleep 0.2; do n=$((n + 1))
		echo "[$n] cc -std=gnu11 -Wall -Wextra -O2 -g -fstack-protector-strong -c -o build/obj/$n.o fcgi/$n.c"
	done`);

	return { ...site, builds: [passes, runs, runs, passes], stop: () => {
		process.kill(-running.pid, "SIGTERM");
		return sleep(1000).then(site.stop);	/* its end is told to the log */
	} };
}

/* Two workers, readers of several topics who come and go, and some who do not read. */
async function status() {
	const sv = await Told.start(["/usr/bin/python3", root + "tests/browser/servers.py",
	    "status", "--workers", "2", "--status-addresses"], { LARGESSE: root + "build/largesse" });
	const [url, site] = sv.first;
	const topics = ["news", "news", "news", "match/1", "match/1", "orders", "user/alice", "user/bob",
	    "a-topic-whose-name-is-much-longer-than-others/" + "and-has-no-space-".repeat(3)];
	const some = (list) => list[Math.floor(Math.random() * list.length)];
	const readers = [];
	let over = false, n = 0;

	const go = async () => {
		for (; !over; n++) {
			readers.push(http.get(`${site}/events?topic=${some(topics)}`, { agent: false },
			    (answer) => answer.on("error", () => {}).resume()).on("error", () => {}));
			if (readers.length > 40)
				readers.shift().destroy();
			for (let i = 0; i < 5; i++)
				await sv.say("insert", JSON.stringify({ topic: some(topics), data: "n".repeat(n % 500) }));
			if (n % 100 === 30)
				await sv.say("slow", "orders");
			await sleep(200);
		}
	};
	const gone = go();

	return { url: url + "/", stop: async () => {
		over = true;
		await gone;
		readers.forEach((r) => r.destroy());
		await sv.stop();
	} };
}

const start = (name) => ({ build, status })[name]?.() ?? demo(name);

/* --- pictures ------------------------------------------------------------------ */

async function open(browser, name, site, form) {
	const { at = () => "", begin } = PAGES[name];
	const page = await (await browser.newContext({ ...form,
	    reducedMotion: "reduce" })).newPage();		/* many pages at once: no animation */
	const tell = (what) => console.log(`${name}, ${form.name}: ${what}`);

	page.setDefaultTimeout(LIMIT_MS);
	page.on("pageerror", tell);
	await page.goto(new URL(at(form, site), site.url).href);
	await begin?.(page, form, site);
	return { page, form, name, site, tell };
}

/*
 * What is wider than the screen or than its own box, and is not cut or scrolled on
 * purpose.  The marks of a match and the number at the bell lie over the edge.
 */
const sticksOut = () => [...document.querySelectorAll("body *")].filter((e) => {
	const { width, right } = e.getBoundingClientRect(), style = getComputedStyle(e);

	return width > 2 && !e.closest("svg, #marks, .bell header") && (right > innerWidth + 1 && !e.closest(".scroll") ||
	    e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1 && style.textOverflow !== "ellipsis" &&
	    !["auto", "scroll"].includes(style.overflowX));
}).map((e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") +
    ` "${e.textContent.trim().replace(/\s+/g, " ").slice(0, 40)}"`);

async function take({ page, form, name, site, tell }) {
	try {
		await PAGES[name].end?.(page, form, site);
	} catch (e) {
		tell(e);		/* and the picture shows where it is */
	}
	await sleep(500);
	await page.screenshot({ path: `${root}build/pictures/${name}-${form.name}.png`, animations: "disabled",
	    fullPage: PAGES[name].whole ?? false });
	for (const what of await page.evaluate(sticksOut))
		tell(what + " sticks out");
	const width = await page.evaluate("document.documentElement.scrollWidth");
	if (width > form.viewport.width)
		tell(`it is ${width} pixels wide`);
}

const names = words.length ? words : Object.keys(PAGES);
const siteOf = (name) => PAGES[name].of ?? name;
const needed = [...new Set(names.map(siteOf))];
const sites = {};
let browser;

async function down() {
	await browser?.close();
	for (const site of Object.values(sites))
		await site.stop();
}

mkdirSync(root + "build/pictures", { recursive: true });
for (const signal of ["SIGINT", "SIGTERM"])
	process.once(signal, () => down().finally(() => process.exit(1)));
try {
	sites[needed[0]] = await start(needed[0]);	/* it runs make, and the others find all made */
	const others = await Promise.allSettled(needed.slice(1).map(async (name) => {
		sites[name] = await start(name);
	}));
	for (const { reason } of others)
		if (reason)
			throw reason;
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
	const pages = [];

	for (const name of names)
		for (const form of FORMS)
			pages.push(await open(browser, name, sites[siteOf(name)], form));
	await sleep(minutes * 60000);
	await Promise.all(pages.map(take));
} finally {
	await down();
}
