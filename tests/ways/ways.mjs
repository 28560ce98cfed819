/*
 * ways.mjs - the scene of the ways: each with a proxy and a page in each browser,
 * all at the same time.
 *
 * What has to happen once before it can be noticed happens in the first phase: a
 * cut, a silence of 12 s, and the harm of those ways that begin to harm later.
 */
import { Site, delays, judge, sleep, until, visit } from "./kit.mjs";

const LEARN_MS = 36000, MEASURE_MS = 40000;
const QUIET_MS = 12000;			/* no event: longer than cuts-idle bears */
const HARM_AT_MS = 4000;		/* in both phases */
const AWAY_S = { "bad-gateway": 20, portal: 20 };
const HARMED = ["drops", ...Object.keys(AWAY_S)];

/* Distances of events in a phase of so long, with a silence at its end. */
function distances(ms) {
	const of = [];

	for (let left = ms - QUIET_MS - 2000; left > 0; left -= of.at(-1))
		of.push(Math.min(left, 200 + Math.floor(Math.random() * 3800)));
	return [...of, QUIET_MS, 500, 500];
}

/* A way in a browser. */
async function arrive(site, browser, name, asked) {
	const { url, key } = site.fronts.includes(name)
	    ? await site.say("front", name)
	    : await site.say("way", name).then((url) => ({ url, key: url }));
	const query = name !== "strips" ? asked : { ...asked, topic: "closed",
		token: await site.say("token") };

	return { key, name, away: [], page: await visit(browser, url, query) };
}

/* A phase: events, a silence, and the harm of those that begin when they are told. */
async function phase(site, all, ms) {
	await site.say("publish", ...distances(ms));
	await sleep(HARM_AT_MS);
	for (const one of all.filter((o) => HARMED.includes(o.name))) {
		const from = Date.now();

		await site.say("now", one.key);
		if (one.name in AWAY_S)
			one.away.push([from, Date.now() +
			    1000 * AWAY_S[one.name]]);
	}
	await sleep(ms - HARM_AT_MS);
	await site.say("publish", 0);
}

/* Not for ever: what does not come is lost, and judge() says so. */
async function last(site, one) {
	const n = (await site.say("published")).length - 1;

	await until("the last event", () => one.page.evaluate((n) =>
	    window.seen.got.some((e) => e.n === n), n), 5000).catch(() => {});
}

function row(one, seen, published, from, before, after) {
	const learnt = judge(seen, published, { from: 0, away: one.away });
	const of = learnt.filter((e) => published[e.n][1] >= from);
	const took = delays(of);
	const minutes = MEASURE_MS / 60000;

	return { scene: one.scene, browser: one.browser, way_to: one.name,
		place: one.place, way: seen.way, why: seen.why,
		opened: seen.opened - seen.begun, again: seen.again,
		before: published.filter(([n, at]) => at >= seen.begun &&
		    at < seen.opened && !seen.got.some((e) => e.n === n)).length,
		learning: Math.max(...learnt.filter((e) =>
		    published[e.n][1] < from).map((e) => e.late)),
		...took, events: of.length, machine: Math.round(seen.late),
		requests: Math.round((after.requests - before.requests) /
		    minutes),
		bytes: Math.round((after.down + after.up - before.down -
		    before.up) / of.length) };
}

/* A second visit, and the milliseconds until it is open. */
async function again(page) {
	await page.reload();
	return await until("it is open again", () => page.evaluate(() =>
	    window.seen.opened && window.seen.opened - window.seen.begun + 1),
	    5000).catch(() => null);
}

/* All ways of a kind at the same time, and what each page saw. */
async function see(kind, { browsers, long, words }, query) {
	const site = await Site.start();
	const all = [];
	const chosen = site[kind].filter((name) => words.includes(name));
	const names = Array(+process.env.WAYS_TIMES || 1)
	    .fill(chosen.length ? chosen : site[kind]).flat();

	await site.say("publish");
	await Promise.all(Object.entries(browsers).map(async ([browser, b]) => {
		for (const [place, name] of names.entries())
			all.push({ ...await arrive(site, b, name, query), place,
				browser, scene: kind });
	}));
	await phase(site, all, LEARN_MS);
	const from = Date.now(), before = await site.say("counts");
	await phase(site, all, MEASURE_MS);
	const after = await site.say("counts");
	await Promise.all(all.map((one) => last(site, one)));
	for (const one of all)
		one.seen = await one.page.evaluate(() => ({ ...window.seen,
			way: window.source.way, why: window.source.why }));
	await Promise.all(Object.keys(browsers).map(async (browser) => {
		for (const one of all.filter((o) => o.browser === browser)) {
			one.seen.again = long && await again(one.page);
			await one.page.close();
		}
	}));
	const published = await site.say("published");
	await site.stop();
	return all.map((one) => ({ ...one, row: () => {
		try {
			return row(one, one.seen, published, from,
			    before[one.key], after[one.key]);
		} catch (e) {
			throw new Error(`${e.message}: ${one.seen.way}, ` +
			    JSON.stringify(one.seen.ways));
		}
	} }));
}

async function run(kind, all) {
	for (const one of await see(kind, all, {}))
		await all.check(`${one.browser} behind ${one.name}: each event ` +
		    "once, at most 2 s late", one.row, { scene: kind,
			browser: one.browser, way_to: one.name, place: one.place });
}

/* What a native EventSource does there is no promise of ours. */
async function native({ note, ...all }) {
	for (const one of await see("ways", all, { class: "EventSource" })) {
		const what = { scene: "native", way_to: one.name,
			place: one.place, browser: one.browser };

		try {
			note({ ...what, seen: `exact, ${one.row().worst} ms` });
		} catch (e) {
			note({ ...what, seen: e.message.replace(/:.*/, "")
			    .replace(/^it was /, "").replace(
			    /^event \d+ was (\d+) ms/, (_, ms) =>
			    (ms / 1000).toFixed(1) + " s") });
		}
	}
}

export const scenes = [
	{ name: "ways", run: (all) => run("ways", all) },
	{ name: "real", run: (all) => run("fronts", all), long: true },
	{ name: "native", run: native, long: true }];
