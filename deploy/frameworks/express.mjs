/*
 * express.mjs - publishes what a request has changed, when it is committed.
 *
 * Copy it into the project, and eventsource.html, the page, into public/.
 *
 *	import { address, inserting, posting } from "./express.mjs";
 *
 *	// Any database: POST after the commit.  Here it is PostgreSQL.
 *	const events = posting("http://localhost/events", process.env.LARGESSE_TOKEN);
 *
 *	app.post("/orders", async (request, response) => {
 *		const client = await pool.connect();
 *		const run = (...sql) => client.query(...sql);
 *
 *		try {
 *			response.json(await events.transaction(run, async (publish) => {
 *				await run("INSERT INTO orders(item) VALUES($1)", ["Tea"]);
 *				publish({ topic: "orders", data: "Tea" });
 *			}));
 *		} finally {
 *			client.release();
 *		}
 *	});
 *
 *	// SQLite, and `largesse init` was run on the application's own database: INSERT in
 *	// the same transaction.  db is of better-sqlite3 or node:sqlite.
 *	const events = inserting(db);
 *	events.transaction((publish) => {
 *		db.prepare("INSERT INTO orders(item) VALUES(?)").run("Tea");
 *		publish({ topic: "orders", data: "Tea" });
 *	});
 *
 *	// A topic that is not public: who has this address may read it for an hour.  The
 *	// page: new EventSource(await (await fetch("/address")).text())
 *	app.get("/address", login, (request, response) => response.send(
 *	    address("/etc/largesse.key", ["inbox/" + request.user.id])));
 *
 * The token: largesse token --key-file KEY --publish orders --publish 'inbox/*'
 *
 * A POST is repeated for half a minute, and then it throws.  That, and a crash between
 * the commit and the answer, loses the event.  With INSERT nothing can.
 *
 * An event has topic, event, data and uid, as in the table; data that is no text is sent
 * as JSON.  If whoever calls you repeats a request, name a uid yourself: an event with a
 * uid that was there is not published again.
 */
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const PATIENCE_MS = 30000;

/* All of them are published, or none: it throws then. */
async function post(url, token, events) {
	const body = JSON.stringify(events.map((e) => ({ uid: randomUUID(), ...e })));
	const end = Date.now() + PATIENCE_MS;

	for (let n = 1; ; n++) {
		const answer = await fetch(url, { method: "POST", body,
			signal: AbortSignal.timeout(10000), headers: {
				"Content-Type": "application/json",
				Authorization: "Bearer " + token } }).catch((e) => e);

		if (answer.status === 200 || answer.status === 201)
			return (await answer.json()).ids;
		if (answer instanceof Error && Date.now() > end)
			throw answer;
		if (answer.status < 500 || Date.now() > end)
			throw new Error(`largesse: ${answer.status} ${await answer.text()}`);
		await new Promise((done) => setTimeout(done, Math.min(100 * n, 1000)));
	}
}

export function posting(url, token) {
	const publish = (...events) => post(url, token, events);

	async function transaction(run, work) {
		const events = [];
		let result;

		await run("BEGIN");
		try {
			result = await work((...more) => { events.push(...more); });
			await run("COMMIT");
		} catch (e) {
			await run("ROLLBACK");
			throw e;
		}
		if (events.length > 0)
			await publish(...events);
		return result;
	}
	return { publish, transaction };
}

export function inserting(db) {
	const insert = db.prepare(`INSERT INTO events(topic, event, data, uid)
		VALUES(?, ?, ?, ?) ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING`);
	const publish = (...events) => events.forEach(
	    ({ topic = "main", event = null, data = "", uid = null }) => insert.run(topic,
	    event, typeof data === "string" ? data : JSON.stringify(data), uid));

	/* work() may not wait: another request would be in the same transaction. */
	function transaction(work) {
		db.exec("BEGIN IMMEDIATE");
		try {
			const result = work(publish);

			if (result instanceof Promise)
				throw new TypeError("the work of a transaction may not wait");
			db.exec("COMMIT");
			return result;
		} catch (e) {
			db.exec("ROLLBACK");
			throw e;
		}
	}
	return { publish, transaction };
}

export function address(keyFile, topics, seconds = 3600) {
	const key = readFileSync(keyFile, "utf8").trimEnd();
	const query = new URLSearchParams([...topics.map((topic) => ["topic", topic]),
		["expires", Math.floor(Date.now() / 1000) + seconds]]).toString();

	return `/events?${query}&sign=` +
	    createHmac("sha256", key).update(query).digest("hex");
}
