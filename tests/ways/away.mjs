/*
 * away.mjs - the network is away, or the browser sleeps.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Site, delays, family, here, judge, launch, sleep, until, visit } from
	"./kit.mjs";

const OFFLINE_MS = 10000, FROZEN_MS = 15000, SLEEP_MS = 60000;
const BEFORE_MS = 6000, AFTER_MS = 8000;

/* A page, to which something happens from one time to another. */
export async function happens(site, page, what) {
	await site.say("publish");
	await sleep(BEFORE_MS);
	const away = [await what()];
	await sleep(AFTER_MS);
	await site.say("publish", 0);
	const published = await site.say("published"), n = published.length - 1;
	await until("the last event", () => page.evaluate((n) =>
	    window.seen.got.some((e) => e.n === n), n), 5000).catch(() => {});
	const seen = await page.evaluate(() => ({ ...window.seen,
		way: window.source.way }));

	await page.close();
	return { way: seen.way, ...delays(judge(seen, published,
	    { from: 0, away })) };
}

/*
 * The browser is told that it is offline, so that no new request goes out; and what
 * is open is swallowed, which a browser does not do by itself.
 */
async function offline({ browsers, check }) {
	await Promise.all(Object.entries(browsers).map(async ([browser, b]) => {
		const site = await Site.start();
		const url = await site.say("way", "drops");
		const page = await visit(b, url);

		await check(`${browser}: offline for ${OFFLINE_MS / 1000} s, right ` +
		    "2 s after it", async () => {
			const row = await happens(site, page, async () => {
				const from = Date.now();

				await page.setOfflineMode(true);
				await site.say("now", url);
				await sleep(OFFLINE_MS);
				await page.setOfflineMode(false);
				return [from, Date.now()];
			});

			return { scene: "offline", browser, ...row };
		});
		await site.stop();
	}));
}

/*
 * All processes of the browser stand still.  Meanwhile what it had open lives on, as
 * when a lid is closed for a moment, or is forgotten on its way.
 */
async function stopped(name, forgotten) {
	const site = await Site.start(), browser = await launch(name);
	const url = await site.say("way", "drops");
	const page = await visit(browser, url);
	const row = await happens(site, page, async () => {
		const all = family(browser.process().pid), from = Date.now();

		all.forEach((pid) => process.kill(pid, "SIGSTOP"));
		if (forgotten)
			await site.say("now", url);
		await sleep(SLEEP_MS);
		all.forEach((pid) => process.kill(pid, "SIGCONT"));
		return [from, Date.now()];
	});

	await browser.close();
	await site.stop();
	return { scene: "sleep", browser: name, forgotten, ...row };
}

async function asleep({ check }) {
	await Promise.all(["chromium", "firefox"].flatMap((name) =>
	    [false, true].map((forgotten) => check(`${name}: asleep for ` +
	    `${SLEEP_MS / 1000} s${forgotten ? ", its connections are dead" : ""}` +
	    ", right 2 s after it", () => stopped(name, forgotten)))));
}

/* Chromium freezes a page that nobody has looked at for a while. */
async function frozen({ browsers, check }) {
	const site = await Site.start();
	const page = await visit(browsers.chromium, await site.say("way", "plain"));
	const cdp = await page.createCDPSession();

	await check(`chromium: frozen for ${FROZEN_MS / 1000} s, right 2 s after it`,
	    async () => {
		const row = await happens(site, page, async () => {
			const from = Date.now();

			await cdp.send("Page.setWebLifecycleState",
			    { state: "frozen" });
			await sleep(FROZEN_MS);
			await cdp.send("Page.setWebLifecycleState",
			    { state: "active" });
			return [from, Date.now()];
		});

		return { scene: "frozen", browser: "chromium", ...row };
	});
	await site.stop();
}

/* Another network needs namespaces, and there the browser, too. */
async function nets({ check }) {
	const words = ["--net", "--mount", "--pid", "--mount-proc", "--fork",
		"--kill-child=SIGTERM", process.execPath, here("nets.mjs")];

	for (const trial of ["unplugged", "silent", "moved"])
		await Promise.all(["chromium", "firefox"].map((name) =>
		    check(`${name}: its network is ${trial}, right 2 s after it`,
		    async () => JSON.parse((await promisify(execFile)("unshare",
		    [...words, name, trial])).stdout),
		    { scene: "nets", browser: name, trial })));
}

export const scenes = [{ name: "offline", run: offline },
	{ name: "frozen", run: frozen, long: true },
	{ name: "sleep", run: asleep, long: true },
	{ name: "nets", run: nets, long: true }];
