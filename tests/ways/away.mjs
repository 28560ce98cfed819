/*
 * away.mjs - the network is away, or the browser sleeps.
 */
import { Site, delays, judge, sleep, until, visit } from "./kit.mjs";

const OFFLINE_MS = 10000;
const BEFORE_MS = 6000, AFTER_MS = 8000;

/* A page, to which something happens from one time to another. */
async function happens(site, page, what) {
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

export const scenes = [{ name: "offline", run: offline }];
