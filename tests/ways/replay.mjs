/*
 * replay.mjs - a page that missed 10,000 events gets them, and stays alive.
 *
 * In Chromium a trace tells the processor time of each task of the page, which is
 * right on a busy machine, too.  In Firefox a message that the page sends to itself
 * again and again tells how long it was kept waiting; that counts what other
 * programs took away as well.
 */
import { Site, until, visit } from "./kit.mjs";

const ROWS = 10000;
const TASK_MS = 10;

/*
 * Milliseconds of the longest task of the page: of the processor, whose clock ticks
 * too coarsely here for short tasks, or of the clock on the wall, if that is less.
 */
function longest(trace) {
	const { traceEvents: all } = JSON.parse(new TextDecoder().decode(trace));
	const ours = all.find((e) => e.name === "our page");
	const times = all.filter((e) => /RunTask$/.test(e.name) && e.tdur &&
	    e.pid === ours.pid && e.tid === ours.tid)
	    .map((e) => Math.min(e.tdur, e.dur) / 1000);

	if (!times.length)
		throw new Error("the trace has no tasks");
	return Math.max(...times);
}

/* Milliseconds until the page has all, and the longest wait of a message. */
const play = (page, rows) => page.evaluate((rows) => new Promise((done) => {
	const { port1, port2 } = new MessageChannel();
	const begun = performance.now();
	let last = begun, wait = 0;

	port1.onmessage = () => {
		const now = performance.now();

		wait = Math.max(wait, now - last);
		last = now;
		if (window.seen.got.length >= rows || now - begun > 60000)
			done({ wait, took: now - begun });
		else
			port2.postMessage(0);
	};
	performance.mark("our page");
	window.open();
	port2.postMessage(0);
}), rows);

async function run({ browsers, check }) {
	const site = await Site.start();
	const url = await site.say("way", "plain");

	await site.say("rows", "many", ROWS);
	for (const [browser, b] of Object.entries(browsers))
		await check(`${browser}: ${ROWS} missed events come in order, and ` +
		    `no task takes ${TASK_MS} ms`, async () => {
			const page = await visit(b, url, { wait: 1, topic: "many",
				more: "&lastEventId=earliest" });
			const traced = browser === "chromium";

			if (traced)
				await page.tracing.start({ categories: ["toplevel",
					"blink.user_timing"] });
			const { wait, took } = await play(page, ROWS);
			const task = traced ? longest(await page.tracing.stop()) : 0;
			const got = await page.evaluate(() =>
			    window.seen.got.map((e) => e.n));

			await page.close();
			if (got.length !== ROWS || got.some((n, i) => n !== i))
				throw new Error(`${got.length} events, or not in order`);
			if (task > TASK_MS)
				throw new Error(`a task took ${task} ms`);
			return { scene: "replay", browser, rows: ROWS,
				took: Math.round(took), wait: +wait.toFixed(1),
				task: traced ? +task.toFixed(1) : null };
		});
	await site.stop();
}

export const scenes = [{ name: "replay", run }];
