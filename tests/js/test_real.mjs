/*
 * test_real.mjs - the real responder behind nginx, each way by itself: events, kill -9 of
 * the responder, an orderly restart, a kill of the web server, a gap.
 */
import assert from "node:assert/strict";
import { Told } from "../web/kit/told.mjs";
import { test } from "./tap.mjs";
import { until, watch } from "./site.mjs";

const SERVERS = new URL("../browser/servers.py", import.meta.url).pathname;

// The yard of tests/browser.
class Yard extends Told {
	static async start() {
		const yard = await super.start(["/usr/bin/python3", SERVERS]);

		yard.url = yard.first + "/events";
		return yard;
	}

	async stop() {
		assert.equal(await super.stop(), 0, "the yard: " + this.errors);
	}
}

test("real: each way brings each event once, whatever happens to the servers", async (say) => {
	const yard = await Yard.start();

	try {
		const pages = [["stream"], ["padded"], ["post"], ["poll"], undefined].map((ways) => {
			const es = new Largesse(yard.url, { ways: ways && [...ways, "poll"], topics: ["t"] });

			return { ways, es, seen: watch(es) };
		});
		const ids = [];
		const publish = async () => ids.push(await yard.say(`insert {"topic": "t", "data": "e${ids.length + 1}"}`));
		const all = async (what) => {
			await publish();
			await publish();
			await until(() => pages.every((p) => p.seen.ids.length >= ids.length), 20e3);
			for (const { seen, ways } of pages)
				assert.deepEqual(seen.ids, ids, what + ", " + ways);
		};

		await until(() => pages.every((p) => p.es.readyState === 1 && p.es.way));
		await all("at first");
		await yard.say("kill");
		await publish();
		await yard.say("start");
		await all("after kill -9");
		await yard.say("term");
		await publish();
		await yard.say("start");
		await all("after a restart");
		await yard.say("kill-web");
		await publish();
		await yard.say("start-web");
		await all("after the web server was killed");
		say(pages.map((p) => p.es.way).join(", "));
		assert.deepEqual(pages.map((p) => p.es.way), ["stream", "padded", "post", "poll", "stream"]);
		pages.forEach((p) => p.es.close());
	} finally {
		await yard.stop();
	}
}, { batch: 0 });

test("real: a gap is told", async () => {
	const yard = await Yard.start();

	try {
		for (let i = 0; i < 5; i++)
			await yard.say('insert {"data": "x"}');
		await yard.say("sqlite3 DELETE FROM events WHERE id < 4");
		const es = new Largesse(yard.url, { lastEventId: "1" }), seen = watch(es);

		await until(() => seen.ids.length === 2);
		assert.deepEqual(seen.ids, [4, 5]);
		assert.ok(seen.log.includes("gap"));
		es.close();
	} finally {
		await yard.stop();
	}
}, { batch: 0 });
