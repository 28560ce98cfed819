/*
 * browser.mjs - Chromium, for kit.py: a line of JSON in, a line of JSON out.
 *
 *	["open", URL]		a new page, in a context of its own; answers its number
 *	["ask", PAGE, JS]	what the expression is in that page
 *	["close", PAGE]
 *
 * What a page throws, and what it says by console.error, is in the answer to
 * ["wrong", PAGE].  The end of stdin is the end of the browser.
 */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../build/frameworks/package.json",
    import.meta.url));
const browser = await require("playwright-core").chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
	    "--no-first-run", "--disable-background-networking"],
});
const pages = [], wrong = [];

const DO = {
	async open(url) {
		const page = await (await browser.newContext()).newPage();
		const said = [];

		page.on("pageerror", (e) => said.push(String(e)));
		pages.push(page);
		wrong.push(said);
		await page.goto(url, { waitUntil: "commit", timeout: 120000 });
		return pages.length - 1;
	},
	ask: (page, js) => pages[page].evaluate(js),
	wrong: async (page) => wrong[page],
	close: (page) => pages[page].context().close(),
};

console.log("true");
for await (const line of createInterface({ input: process.stdin })) {
	const [word, ...rest] = JSON.parse(line);
	let answer;

	try {
		answer = { is: await DO[word](...rest) ?? null };
	} catch (e) {
		answer = { error: String(e) };
	}
	console.log(JSON.stringify(answer));
}
await browser.close();
