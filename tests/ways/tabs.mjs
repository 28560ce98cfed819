/*
 * tabs.mjs - twenty tabs of one site.
 *
 * They have one stream.  The tab that has it is closed, and nobody loses an event.
 * What twenty pages cost, beside twenty native EventSources, is only told.  Those
 * need an address each: six streams are all that HTTP/1.1 gives to one.
 */
import { readFileSync } from "node:fs";
import { ROOM_MS, Site, family, judge, launch, median, sleep, until, visit }
	from "./kit.mjs";

const TABS = 20;
const HANDOVER_MS = 100;
const EVERY_MS = 50;			/* between two events */
const FIGURES_S = 15;

const seen = (pages) => Promise.all(pages.map((p) => p.evaluate(() =>
    ({ ...window.seen, way: window.source.way }))));

async function open(browser, urls, query) {
	const pages = [];

	for (const url of urls)
		pages.push(await visit(browser, url, query));
	await until("all tabs are open", async () =>
	    (await seen(pages)).every((s) => s.opened));
	return pages;
}

/* The tab that has the stream is closed while events come. */
async function handover(site, pages) {
	await until("one stream", async () => await site.say("streams") === 1);
	const ways = (await seen(pages)).map((s) => s.way);
	const leader = ways.findIndex((way) => way !== "shared");

	await site.say("publish", ...Array(100).fill(EVERY_MS));
	await sleep(30 * EVERY_MS);
	const from = Date.now();
	await pages.splice(leader, 1)[0].close();
	await until("all events", async () => {
		const n = (await site.say("published")).length;

		return n === 100 && (await seen(pages)).every((s) =>
		    s.got.some((e) => e.n === n - 1));
	}).catch(() => {});
	const published = await site.say("published"), left = await seen(pages);
	const late = left.flatMap((s) => judge(s, published, { from: 0 }))
	    .map((e) => [e.late, published[e.n][1]]);
	const before = late.filter(([, at]) => at < from).map(([ms]) => ms);
	const took = Math.max(...late.filter(([, at]) => at >= from - EVERY_MS)
	    .map(([ms]) => ms));
	const now = left.filter((s) => s.way !== "shared");

	if (now.length !== 1)
		throw new Error(`${now.length} tabs say that they have a stream`);
	if (took > HANDOVER_MS + ROOM_MS)
		throw new Error(`an event was ${took} ms late`);
	return { usual: median(before), handover: took };
}

async function once({ browsers, check }) {
	await Promise.all(Object.entries(browsers).map(async ([browser, b]) => {
		const site = await Site.start();

		await check(`${browser}: ${TABS} tabs have one stream, and closing` +
		    " its tab loses nothing", async () => {
			const url = await site.say("way", "plain");
			const pages = await open(b, Array(TABS).fill(url));
			const row = await handover(site, pages);

			await Promise.all(pages.map((p) => p.close()));
			return { scene: "tabs", browser, tabs: TABS, ...row };
		});
		await site.stop();
	}));
}

/* --- what it costs ------------------------------------------------------ */

/* Seconds of processor, and megabytes of which shared ones count in part. */
function cost(browser) {
	const all = family(browser.process().pid);
	const of = (pid, name) => {
		try {
			return readFileSync(`/proc/${pid}/${name}`, "utf8");
		} catch {
			return "";
		}
	};
	const sum = (f) => all.reduce((t, pid) => t + (f(pid) || 0), 0);

	return { cpu: sum((pid) => {
		const f = of(pid, "stat").split(") ")[1]?.split(" ") || [];

		return (+f[11] + +f[12]) / 100;
	}), mb: sum((pid) => +/^Pss:\s+(\d+)/m.exec(
	    of(pid, "smaps_rollup"))?.[1]) / 1024 };
}

async function figures(name, kind) {
	const site = await Site.start(), browser = await launch(name);
	const urls = [];

	for (let i = 0; i < TABS; i++)
		urls.push(kind === "Largesse" && urls[0] ||
		    await site.say("way", "plain"));
	const pages = [];
	for (const url of urls)
		pages.push(await visit(browser, url, { class: kind, wait: 1 }));
	await sleep(5000);
	const empty = cost(browser);
	await sleep(1000 * FIGURES_S);
	const idle = cost(browser);
	for (const page of pages)
		await page.evaluate(() => window.open());
	await until("all tabs are open", async () =>
	    (await seen(pages)).every((s) => s.opened));
	await sleep(2000);
	const from = cost(browser), up = await site.say("counts");
	await site.say("publish", ...Array(20 * FIGURES_S).fill(EVERY_MS));
	await sleep(1000 * FIGURES_S);
	const to = cost(browser), down = await site.say("counts");
	const total = (of) => Object.values(of).reduce((t, c) =>
	    t + c.down + c.up, 0);
	const row = { scene: "figures", browser: name, kind, tabs: TABS,
		streams: await site.say("streams"),
		cpu: +((to.cpu - from.cpu - idle.cpu + empty.cpu) /
		    FIGURES_S * 100).toFixed(1),
		mb: Math.round(to.mb), without: Math.round(idle.mb),
		bytes: Math.round((total(down) - total(up)) /
		    (await site.say("published")).length) };

	await browser.close();
	await site.stop();
	return row;
}

async function costs({ check }) {
	for (const name of ["chromium", "firefox"])
		for (const kind of ["Largesse", "EventSource"])
			await check(`${name}: what ${TABS} tabs with ${kind} cost`,
			    () => figures(name, kind));
}

export const scenes = [{ name: "tabs", run: once },
	{ name: "figures", run: costs, long: true }];
