/*
 * test_tabs.mjs - one stream for all tabs.  Each Largesse here is a tab: they know each
 * other by BroadcastChannel, which is node's, and by locks, which are page.mjs's.
 *
 * Nothing runs beside these, for others must have no locks.
 */
import assert from "node:assert/strict";
import { page } from "./page.mjs";
import { test } from "./tap.mjs";
import { count, Site, sleep, until, watch } from "./site.mjs";

const OURS_MS = 100; // from the end of the leading tab to the next one's request
const LOADED_MS = 1500;

async function tabs(n, body) {
	const site = await Site.start(), all = [];
	const tab = (options) => {
		const es = new Largesse(site.url, options);

		all.push(es);
		return [es, watch(es)];
	};

	navigator.locks = page.locks;
	try {
		const made = [];

		for (let i = 0; i < n; i++)
			made.push(tab());
		await until(() => made.every(([es]) => es.readyState === 1));
		await body(made, site, tab);
	} finally {
		all.forEach((es) => es.close());
		site.stop();
		navigator.locks = null;
	}
}

const leader = (made) => made.findIndex(([es]) => es.way !== "shared" && es.readyState === 1);
const have = (made, site) => until(() => made.every(([, seen]) => seen.ids.length === site.log.length));
const right = (made, site) => {
	for (const [, seen] of made)
		assert.deepEqual(seen.ids, count(1, site.log.length));
};

test("tabs: twenty have one stream", () => tabs(20, async (made, site) => {
	count(1, 50).forEach(() => site.publish());
	await have(made, site);
	right(made, site);
	assert.equal(site.streams.length, 1);
	assert.equal(made.filter(([es]) => es.way === "shared").length, 19);
	assert.match(made.at(-1)[0].why, /^Another tab: /);
	assert.equal(made.at(-1)[0].lastEventId, "50-x");
}), { batch: 0 });

test("tabs: when the leading one closes the next goes on at once", (say) => tabs(5, async (made, site) => {
	const took = [];

	while (made.length > 1) {
		const publisher = setInterval(() => site.publish(), 5);

		await sleep(200);
		const i = leader(made), [[first]] = [made[i]], n = site.streams.length, t = Date.now();

		first.close();
		made.splice(i, 1);
		await until(() => site.streams.length > n);
		took.push(site.streams[n].at - t);
		await until(() => leader(made) >= 0);
		clearInterval(publisher);
		await have(made, site);
		right(made, site);
	}
	say("the next request came after " + took.join(", ") + " ms");
	assert.ok(Math.min(...took) < OURS_MS);
	assert.ok(Math.max(...took) < OURS_MS + LOADED_MS);
}), { batch: 0 });

test("tabs: one that comes later joins where the others are", () => tabs(2, async (made, site, tab) => {
	site.publish();
	await have(made, site);
	const [es, seen] = tab();

	await until(() => es.readyState === 1);
	site.publish();
	await until(() => seen.ids.length === 1);
	assert.deepEqual(seen.ids, [2]);
	assert.equal(site.asked.length, 2); // the stream, and the poll that told the time
}), { batch: 0 });

test("tabs: one that begins at a place of its own gets what it missed from the log", () =>
	tabs(2, async (made, site, tab) => {
		count(1, 5).forEach(() => site.publish());
		await have(made, site);
		const [, seen] = tab({ lastEventId: "2" });

		await until(() => seen.ids.length === 3);
		site.publish();
		await until(() => seen.ids.length === 4);
		assert.deepEqual(seen.ids, [3, 4, 5, 6]);
		assert.equal(site.streams.length, 1);
	}), { batch: 0 });

test("tabs: what a tab did not hear it gets from the log, in order and once", () => tabs(3, async (made, site) => {
	const post = BroadcastChannel.prototype.postMessage;
	let n = 0;

	BroadcastChannel.prototype.postMessage = function (m) {
		if (!m.block || n++ % 3)
			post.call(this, m);
	};
	try {
		for (let i = 0; i < 60; i++) {
			site.publish();
			await sleep(10);
		}
		site.publish();
		await have(made, site);
	} finally {
		BroadcastChannel.prototype.postMessage = post;
	}
	right(made, site);
}), { batch: 0 });

test("tabs: the stream is taken from a tab that is silent", (say) => tabs(2, async (made, site) => {
	const [[frozen]] = made.splice(leader(made), 1), post = BroadcastChannel.prototype.postMessage;
	let mute = true;

	site.publish();
	await have(made, site);
	// The leading tab says nothing any more, and cannot know it.
	BroadcastChannel.prototype.postMessage = function (m) {
		if (!mute || !m)
			post.call(this, m);
	};
	try {
		const t = Date.now();

		await until(() => made[0][0].way !== "shared", 15e3);
		say("after " + (Date.now() - t) + " ms");
	} finally {
		mute = false;
	}
	site.publish();
	await have(made, site);
	right(made, site);
	await until(() => frozen.way === "shared");
	await until(() => site.open.size === 1);
	BroadcastChannel.prototype.postMessage = post;
}), { batch: 0 });

test("tabs: 204 closes all", () => tabs(3, async (made, site) => {
	site.status = () => 204;
	for (const stream of site.open)
		stream.res.destroy();
	await until(() => made.every(([es]) => es.readyState === 2));
}), { batch: 0 });

test("tabs: one that is closed in an event of its own is closed", () => tabs(1, async (made, site, tab) => {
	const quiet = [];

	for (const type of ["way", "open", "message"]) {
		const [es, seen] = tab({ lastEventId: "0" });

		es.addEventListener(type, () => es.close());
		quiet.push([es, seen, type]);
	}
	site.publish();
	site.publish();
	await until(() => quiet.every(([es]) => es.readyState === 2));
	site.publish();
	await have(made, site);
	await sleep(300);
	for (const [es, seen, type] of quiet) {
		assert.equal(es.readyState, 2);
		assert.equal(seen.ids.length, type === "message" ? 1 : 0);
		assert.equal(seen.log.at(-1), type === "way" ? "shared" : type === "open" ? "open" : seen.log.at(-1));
	}
	assert.equal(site.open.size, 1);
}), { batch: 0 });

test("tabs: where locks are forbidden each has its own", async () => {
	const site = await Site.start();

	navigator.locks = { request: async () => { throw new DOMException("no", "SecurityError"); } };
	const all = [1, 2].map(() => new Largesse(site.url));

	await until(() => all.every((es) => es.readyState === 1));
	assert.equal(site.streams.length, 2);
	navigator.locks = null;
	all.forEach((es) => es.close());
	site.stop();
}, { batch: 0 });

test("tabs: those that do not share have each their own", async () => {
	const site = await Site.start();

	navigator.locks = page.locks;
	const all = [1, 2, 3].map(() => new Largesse(site.url, { share: false }));

	await until(() => all.every((es) => es.readyState === 1));
	assert.equal(site.streams.length, 3);
	navigator.locks = null;
	all.forEach((es) => es.close());
	site.stop();
}, { batch: 0 });

for (const seed of [1, 2, 3])
	test("tabs: each event once in each, whatever happens; seed " + seed, () => tabs(4, async (made, site, tab) => {
		const post = BroadcastChannel.prototype.postMessage;
		let state = seed * 7919;
		const dice = (n) => (state = (state * 48271) % 2147483647) % n;

		site.minBeat = .3;
		site.status = () => dice(10) ? 200 : 502;
		BroadcastChannel.prototype.postMessage = function (m) {
			if (!m || dice(20))
				post.call(this, m);
		};
		try {
			for (let i = 0; i < 300; i++) {
				site.publish();
				if (!dice(3))
					await sleep(dice(60));
				if (!dice(40))
					for (const stream of site.open)
						stream.res.destroy();
				if (!dice(50) && made.length > 2)
					made.splice(Math.max(0, leader(made)), 1)[0][0].close();
				if (!dice(60)) {
					const [es, seen] = tab({ lastEventId: "0" });

					made.push([es, seen]);
				}
			}
			await until(() => made.every(([es]) => es.readyState === 1), 20e3);
			site.status = null;
			BroadcastChannel.prototype.postMessage = post;
			site.publish();
			await have(made, site);
		} finally {
			BroadcastChannel.prototype.postMessage = post;
		}
		right(made, site);
	}), { batch: 0 });
