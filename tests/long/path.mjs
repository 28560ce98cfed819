/*
 * path.mjs - the page of README in a browser.
 *
 * usage: path.mjs URL N	says `open' when the page has its stream; then
 *				prints what it shows when it has N lines
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(fileURLToPath(
    new URL("../../build/browser/package.json", import.meta.url)));
const { chromium } = require("playwright-core");
const [, , url, n] = process.argv;
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
	    "--no-first-run", "--disable-background-networking"],
});
const page = await browser.newPage();

page.setDefaultTimeout(90000);
const answered = page.waitForResponse((r) => r.url().includes("/events?"));
await page.goto(url);
console.log((await answered).ok() ? "open" : "refused");
await page.waitForFunction(
    (n) => document.querySelectorAll("#news li").length >= n, +n);
console.log(JSON.stringify(await page.locator("#news li").allTextContents()));
await browser.close();
