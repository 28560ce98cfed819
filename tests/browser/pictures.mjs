/*
 * pictures.mjs - pictures of the demo and of its examples, for people to look at:
 * desktop and phone, light and dark, after some minutes of real events.  That of the
 * demo is the whole page, of the others what is seen without scrolling.
 *
 * usage: tests/browser/run --install
 *	node tests/browser/pictures.mjs [--minutes N] [NAME...]		demo, score, feed, ...
 *
 * They are in build/pictures.  deploy/demo/screenshot.png is demo-desktop-light.png, and
 * deploy/examples/screenshot.png is score-desktop-light.png, both with --minutes 1.
 * What a page says about itself is told: an error, and a page that is too wide.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { chromium } = createRequire(root + "build/browser/package.json")("playwright-core");
const words = process.argv.slice(2);
const minutes = words[0] === "--minutes" ? +words.splice(0, 2)[1] : 1;
const names = words.length ? words :
    ["demo", "score", "feed", "bell", "dashboard", "presence"];
const FORMS = ["light", "dark"].flatMap((colorScheme) => [1280, 390].map((width) => ({ colorScheme,
    name: `${width === 390 ? "phone" : "desktop"}-${colorScheme}`,
    viewport: { width, height: width === 390 ? 844 : 800 } })));

/* What a person does, so that there is something to see. */
const doing = {
	demo: async (page) => {
		const paste = await page.textContent("#insert");
		const tell = (text) => execFileSync("sh", ["-c", paste.replace("Hello", text)]);

		tell("Order 1041 has been paid");
		await sleep(9000);
		tell("Build 77 is green");
		await sleep(6000);
		await page.click("#cut");
		await page.waitForSelector('#verdict[data-verdict="whole"]', { timeout: 60000 });
		await sleep(8000);
		tell("Hello");
		await sleep(2000);
	},
	feed: async (page) => {
		await page.fill("#name", "alice");
		await page.fill("#password", "demo");
		await page.click("button");
		await page.waitForSelector("[data-state=open]", { timeout: 60000 });
	},
	bell: async (page, { name }) => name.endsWith("dark") && page.click("#bell"),
};

async function start(name) {
	const demo = spawn(root + "deploy/demo/demo.sh", { cwd: root, stdio: ["ignore", "pipe", "inherit"],
	    env: { ...process.env, APP: name === "demo" ? "" : name, PORT: "0" } });
	let said = "";

	return new Promise((done, failed) => {
		demo.on("close", () => failed(new Error(name + ": " + said)));
		demo.stdout.on("data", (piece) => {
			said += piece;
			const url = /http:\/\/\S+\/(?=\s)/.exec(said);
			if (url && said.includes("Ctrl-C"))
				done({ name, demo, url: url[0] });
		});
	});
}

async function open(browser, { name, url }, form) {
	const page = await (await browser.newContext({ ...form,
	    reducedMotion: "reduce" })).newPage();		/* many pages at once: no animation */
	const tell = (what) => console.log(`${name}, ${form.name}: ${what}`);

	page.on("pageerror", (e) => tell(e));
	await page.goto(url);
	return { page, form, name, tell };
}

async function take({ page, form, name, tell }) {
	await doing[name]?.(page, form);
	await sleep(500);
	await page.screenshot({ path: `${root}build/pictures/${name}-${form.name}.png`, animations: "disabled",
	    fullPage: name === "demo" });
	const width = await page.evaluate("document.documentElement.scrollWidth");
	if (width > form.viewport.width)
		tell(`it is ${width} pixels wide`);
}

mkdirSync(root + "build/pictures", { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
const demos = [await start(names[0])];	/* it runs make, and the others find all made */
demos.push(...await Promise.all(names.slice(1).map(start)));

try {
	const pages = [];
	for (const demo of demos)
		for (const form of FORMS)
			pages.push(await open(browser, demo, form));
	await sleep(minutes * 60000);
	for (const page of pages)
		await take(page);
} finally {
	await browser.close();
	for (const { demo } of demos) {
		demo.removeAllListeners("close");
		demo.kill("SIGTERM");
	}
}
