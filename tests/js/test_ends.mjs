/*
 * test_ends.mjs - an EventSource in every respect, and what it does when a stream ends
 * or is refused.
 */
import assert from "node:assert/strict";
import { page } from "./page.mjs";
import { test } from "./tap.mjs";
import { count, cuts, holds, Site, sleep, until, watch } from "./site.mjs";

const LATE_MS = 2000;
const LOADED_MS = 1500;

// A site and a page on it, for the length of a test.
async function visit(options, prepare, body) {
	const site = await Site.start();

	await prepare?.(site);
	const es = new Largesse(site.url + (options?.query ?? ""), options), seen = watch(es);

	try {
		await body(es, site, seen);
	} finally {
		es.close();
		site.stop();
	}
}

const opened = (es) => until(() => es.readyState === 1);
const errors = (seen) => seen.log.filter((what) => what === "error").length;

test("like EventSource: constants, state, url, handlers, named events", () => visit(undefined, null, async (es, site) => {
	const got = [];

	assert.deepEqual([Largesse.CONNECTING, Largesse.OPEN, Largesse.CLOSED], [0, 1, 2]);
	assert.deepEqual([es.CONNECTING, es.OPEN, es.CLOSED], [0, 1, 2]);
	assert.equal(es.readyState, 0);
	assert.equal(es.url, site.url);
	assert.equal(es.withCredentials, false);
	assert.equal(es.onmessage, null);
	assert.ok(es instanceof EventTarget);
	es.onopen = (e) => got.push([e.type, es.readyState]);
	es.onmessage = function (e) {
		got.push([e.data, e.lastEventId, e.origin, this === es, e instanceof MessageEvent]);
	};
	es.addEventListener("price", (e) => got.push([e.type, e.data]));
	await until(() => got.length === 1);
	site.publish("a");
	site.publish("b", "price");
	await until(() => got.length === 3);
	assert.deepEqual(got, [["open", 1], ["a", "1-x", new URL(site.url).origin, true, true], ["price", "b"]]);
	assert.equal(es.lastEventId, "2-x");
	assert.equal(site.asked[0].headers.accept, "text/event-stream");
	es.close();
	assert.equal(es.readyState, 2);
	site.publish("c");
	await until(() => !site.open.size);
	await sleep(50);
	assert.equal(got.length, 3);
}));

test("like EventSource: 204 closes it for good", () => visit(undefined, (site) => { site.status = () => 204; },
    async (es, site, seen) => {
	await until(() => es.readyState === 2);
	assert.equal(errors(seen), 1);
	await sleep(300);
	assert.equal(site.asked.length, 1);
}));

test("like EventSource: the first of its options is withCredentials", () => visit({ withCredentials: true }, null,
    async (es) => assert.equal(es.withCredentials, true)));

test("topics and the query of the page stay as they are", () =>
	visit({ query: "?q=a%2Fb+c&sign=00", topics: ["run/7", "x y"] }, null, async (es, site) => {
		await opened(es);
		assert.equal(es.url, site.url + "?q=a%2Fb+c&sign=00&topic=run%2F7&topic=x%20y");
		assert.deepEqual(site.asked[0].q.getAll("topic"), ["run/7", "x y"]);
	}));

test("what came between the call and the first answer is shown, but no since= follows a signature", async () => {
	for (const [query, want] of [["", ["1"]], ["?sign=00", []]]) {
		const site = await Site.start();

		site.way = holds;
		const es = new Largesse(site.url + query);

		await opened(es);
		assert.deepEqual(site.asked.flatMap(({ q }) => q.getAll("since")), want);
		es.close();
		site.stop();
	}
});

test("a POST goes to /stream, with its parameters in the query", () => visit({ query: "?topic=a", ways: ["post"] }, null,
    async (es, site) => {
	await opened(es);
	assert.deepEqual([site.asked[0].method, site.asked[0].path], ["POST", "/events/stream"]);
	assert.equal(site.asked[0].q.get("topic"), "a");
	assert.match(site.asked[0].headers["content-type"], /^application\/x-www-form-urlencoded/);
}));

test("the place goes with each request, in the query", () => visit({ lastEventId: "3" }, (site) => {
	count(1, 5).forEach(() => site.publish());
}, async (es, site, seen) => {
	await until(() => seen.ids.length === 2);
	assert.deepEqual(seen.ids, [4, 5]);
	for (const stream of site.open)
		stream.res.destroy();
	await until(() => site.streams.length === 2);
	assert.equal(site.streams[1].q.get("lastEventId"), "5-x");
	assert.equal(site.streams[1].headers["last-event-id"], undefined);
}));

test("a cut: an error, and the rest at once", () => visit(undefined, null, async (es, site, seen) => {
	await opened(es);
	site.publish();
	await until(() => seen.ids.length === 1);
	const t = Date.now();

	for (const stream of site.open)
		stream.res.destroy();
	site.log.push({ data: "meanwhile" });
	await until(() => seen.ids.length === 2);
	assert.ok(Date.now() - t < 300 + LOADED_MS);
	assert.equal(errors(seen), 1);
	assert.equal(es.readyState, 1);
}));

test("an end that it asked for is no error", () => visit(undefined, (site) => {
	localStorage[site.url] = JSON.stringify({ way: "stream", age: 1, beat: 8, why: "cut.", n: 0, at: Date.now() });
}, async (es, site, seen) => {
	await until(() => site.asked.length === 4);
	site.publish();
	await until(() => seen.ids.length === 1);
	assert.equal(es.way, "short");
	assert.deepEqual(seen.log.filter((what) => what !== "way"), ["open", "stream-start", "short"].filter((w) => w !== "way")
	    .sort((a, b) => seen.log.indexOf(a) - seen.log.indexOf(b)));
}));

test("an end with stream-retry: back after what it says", () => visit(undefined, null, async (es, site, seen) => {
	await until(() => site.asked.length === 2 && site.open.size === 1); // the poll is over
	await sleep(50);
	for (const stream of [...site.open])
		stream.end("shutdown", 1000);
	const t = Date.now();

	await until(() => site.streams.length === 2);
	assert.ok(Date.now() - t >= 900);
	await opened(es);
	assert.equal(errors(seen), 1);
}));

test("502 for some seconds: right again within 2 s of its end", (say) => visit(undefined, null, async (es, site, seen) => {
	await opened(es);
	site.status = () => 502;
	for (const stream of site.open)
		stream.res.destroy();
	await sleep(8000);
	site.publish();
	const asked = site.asked.length;

	site.status = null;
	const t = Date.now();
	await until(() => seen.ids.length === 1);
	say(`${asked} requests in 8 s, right again after ${Date.now() - t} ms`);
	assert.ok(Date.now() - t < LATE_MS + LOADED_MS);
	assert.ok(asked < 24, "requests: " + asked);
	assert.equal(es.way, "stream");
}));

test("a portal's page is no stream", () => visit(undefined, (site) => {
	site.status = (asked, res) => {
		res.writeHead(200, { "Content-Type": "text/html" });
		res.end("<p>event: message\n\ndata: log in\n\n");
	};
}, async (es, site, seen) => {
	await until(() => errors(seen) > 2);
	assert.equal(es.readyState, 0);
	site.status = null;
	await opened(es);
	site.publish();
	await until(() => seen.ids.length === 1);
	assert.deepEqual(seen.data, ["e1"]);
}));

test("404: asked again ever less often, but not given up", () => visit(undefined, (site) => { site.status = () => 404; },
    async (es, site, seen) => {
	await sleep(5000);
	assert.ok(site.asked.length > 1 && site.asked.length < 10, "requests: " + site.asked.length);
	site.status = null;
	page.fire("online");
	await opened(es);
	assert.ok(errors(seen) >= 2);
}), { batch: 0 });

test("a token is a header, and asked for again at 401, at once", () => {
	let n = 0;

	return visit({ token: async () => "t" + ++n }, (site) => {
		site.status = ({ headers }) => headers.authorization === "Bearer t2" ? 200 : 401;
	}, async (es, site) => {
		await opened(es);
		assert.deepEqual(site.streams.map((asked) => asked.headers.authorization), ["Bearer t1", "Bearer t2"]);
		assert.equal(es.way, "stream");
	});
});

test("where Authorization is stripped the token goes in the body of a POST", () => visit({ token: "t" }, (site) => {
	site.status = ({ q }) => q.get("access_token") === "t" ? 200 : 401;
}, async (es, site, seen) => {
	await opened(es);
	assert.equal(site.streams.length, 2);
	assert.equal(site.streams[1].headers.authorization, undefined);
	assert.deepEqual([es.way, es.why], ["post", "Authorization does not arrive."]);
	site.publish();
	await until(() => seen.ids.length === 1);
}));

test("a token that is refused for good is not asked for without end", () => {
	let n = 0;

	return visit({ token: () => "t" + ++n }, (site) => { site.status = () => 401; }, async (es, site) => {
		await sleep(4000);
		assert.ok(site.asked.length > 3 && site.asked.length < 12, "requests: " + site.asked.length);
	});
});

test("a signed address that is over is asked for ever less often", () => visit({ query: "?topic=a&sign=0" },
    (site) => { site.status = () => 401; }, async (es, site) => {
	await sleep(4000);
	assert.ok(site.asked.length > 3 && site.asked.length < 12, "requests: " + site.asked.length);
	site.status = null;
	page.fire("online");
	await opened(es);
}));

test("a token function that throws is asked again", () => {
	let n = 0;

	return visit({ token: async () => {
		if (!n++)
			throw new Error("away");
		return "t";
	} }, null, (es) => opened(es));
});

test("before a token ends a stream with a new one takes over", () => {
	let n = 0;

	return visit({ token: () => "t" + ++n }, (site) => { site.expire = 4; }, async (es, site, seen) => {
		const newer = () => site.streams.find((s) => s.headers.authorization !== "Bearer t1");

		await opened(es);
		const publisher = setInterval(() => site.publish(), 20);

		// On a machine that stood still one with the old token may come before.
		await until(newer);
		site.expire = 0;
		assert.equal(newer().headers.authorization, "Bearer t2");
		await until(() => site.open.size === 1);
		await sleep(300);
		clearInterval(publisher);
		await until(() => seen.ids.length === site.log.length);
		assert.deepEqual(seen.ids, count(1, site.log.length));
		assert.equal(errors(seen), 0);
	});
});

test("a gap is told, as stream-gap and as gap", () => visit({ lastEventId: "1" }, (site) => {
	count(1, 9).forEach(() => site.publish());
	site.first = 8;
}, async (es, site, seen) => {
	const got = [];

	es.ongap = (e) => got.push(JSON.parse(e.data).reason);
	es.addEventListener("stream-gap", (e) => got.push(e.type));
	await until(() => seen.ids.length === 2);
	assert.deepEqual(seen.ids, [8, 9]);
	assert.deepEqual(got, ["stream-gap", "pruned"]);
	assert.equal(es.lastEventId, "9-x");
}));

test("the place is kept over loads of the page", () => visit({ keep: true }, null, async (es, site, seen) => {
	await opened(es);
	site.publish();
	await until(() => seen.ids.length === 1);
	page.fire("pagehide");
	es.close();
	site.publish("while it was away");
	const next = new Largesse(site.url, { keep: true }), later = watch(next);

	await until(() => later.ids.length === 1);
	assert.deepEqual(later.ids, [2]);
	next.close();
}), { batch: 0 });

test("a page that is left lets go of its stream, and goes on when it is shown again", () =>
	visit(undefined, null, async (es, site, seen) => {
		await opened(es);
		site.publish();
		await until(() => seen.ids.length === 1);
		page.fire("pagehide");
		await until(() => !site.open.size);
		site.publish();
		await sleep(300);
		assert.equal(site.streams.length, 1);
		page.fire("pageshow");
		await until(() => seen.ids.length === 2);
		assert.deepEqual(seen.ids, [1, 2]);
	}), { batch: 0 });

test("online: a new stream beside the old one, and no event twice", () => visit(undefined, null, async (es, site, seen) => {
	await opened(es);
	for (let i = 0; i < 10; i++) {
		site.publish();
		page.fire("online");
		site.publish();
		await sleep(30);
	}
	await until(() => seen.ids.length === 20);
	await until(() => site.open.size === 1);
	assert.deepEqual(seen.ids, count(1, 20));
	assert.equal(errors(seen), 0);
}), { batch: 0 });

test("10,000 missed events: the page can work meanwhile", (say) => visit({ lastEventId: "0" }, (site) => {
	for (let i = 0; i < 10000; i++)
		site.log.push({ data: JSON.stringify({ n: i, text: "x".repeat(60) }) });
}, async (es, site, seen) => {
	const { port1, port2 } = new MessageChannel();
	let longest = 0, first = 0, turns = 0;

	port1.onmessage = () => {
		if (first)
			longest = Math.max(longest, performance.now() - first);
		turns += first && 1;
		first = 0;
		port2.postMessage(0);
	};
	port2.postMessage(0);
	const begun = performance.now();

	es.addEventListener("message", () => {
		first ||= performance.now();
		for (let i = 0; i < 3000; i++)
			Math.sqrt(i);
	});
	await until(() => seen.ids.length === 10000, 30e3);
	port1.close();
	const took = performance.now() - begun;

	assert.deepEqual(seen.ids, count(1, 10000));
	say(`${Math.round(took)} ms, longest task ${longest.toFixed(1)} ms, ${turns} turns of events`);
	assert.ok(longest < took / 5);
}), { batch: 0 });

test("several at once, of which one is cut all the time, keep their places", async () => {
	const site = await Site.start();

	site.way = (asked, res) => asked.q.has("cut") ? cuts(150)(asked, res) : null;
	const all = ["?cut", "?a", "?b"].map((query) => new Largesse(site.url + query)), seen = all.map(watch);

	await Promise.all(all.map(opened));
	for (let i = 0; i < 60; i++) {
		site.publish();
		await sleep(20);
	}
	await until(() => seen.every((s) => s.ids.length >= 60));
	for (const s of seen)
		assert.deepEqual(s.ids, count(1, 60));
	all.forEach((es) => es.close());
	site.stop();
});
