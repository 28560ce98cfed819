/*
 * auth.mjs - who may listen, in a browser: each way in which a client can
 * send its token, from our page and from a page of another origin.
 *
 * A refused client must not get one private byte.  This is checked twice: in
 * what its script was given, and in everything that its browser received,
 * which a tap in front of nginx has kept (tokens.py).
 */
import { readFileSync } from "node:fs";

const PRIVATE = "for your eyes only";
const BAD = { "": 401, "expired": 401, "foreign key": 401, "wrong alg": 401,
	"alg none": 401, "tampered": 401, "over-narrow": 403 };

/* A client, where it puts its token, and which page it is on. */
const CLIENTS = [
	{ client: "EventSourcePolyfill", place: "header" },
	{ client: "EventSourcePolyfill", place: "header", cross: true },
	{ client: "EventSource", place: "cookie" },
	{ client: "EventSource", place: "cookie", cross: true },
	{ client: "EventSource", place: "query" },
	{ client: "EventSource", place: "query", cross: true },
	{ client: "fetchEventSource", place: "header" },
	{ client: "fetchEventSource", place: "header", cross: true },
];

/* Its CommonJS files as one script, because a page has no bundler. */
function fetchEventSource(require) {
	const lib = (name) => readFileSync(require.resolve(
	    "@microsoft/fetch-event-source/lib/cjs/" + name), "utf8");

	return `(() => {
		const made = {};
		const load = (name) => made[name];
		for (const [name, body] of [["./parse", (exports, require) => {
			${lib("parse.js")}
		}], ["./fetch", (exports, require) => {
			${lib("fetch.js")}
		}]])
			body(made[name] = {}, load);
		window.fetchEventSource = made["./fetch"].fetchEventSource;
	})()`;
}

/* In the page: opens a stream, and keeps its events and how it ends. */
function open([client, url, token, withCredentials]) {
	const s = { got: [], notes: [], state: "", status: 0, opened: 0 };
	const headers = token ? { Authorization: "Bearer " + token } : {};
	const keep = (e) => s.got.push(e.data);

	window.streams = [...window.streams || [], s];
	if (client === "fetchEventSource") {
		window.fetchEventSource(url, {
			headers, openWhenHidden: true,
			credentials: withCredentials ? "include" : "same-origin",
			async onopen(r) {
				s.status = r.status;
				if (!r.ok)
					throw new Error("refused");
			},
			onmessage(e) {
				(e.event ? s.notes : s.got).push(e.data);
			},
			onerror(e) { throw e; },
		}).catch(() => { s.state = "over"; });
		return;
	}
	const source = client === "EventSource"
	    ? new EventSource(url, { withCredentials })
	    : new EventSourcePolyfill(url, { headers, withCredentials });
	s.source = source;
	source.onopen = () => { s.opened++; };
	source.onmessage = keep;
	source.addEventListener("stream-start", (e) => s.notes.push(e.data));
	source.onerror = (e) => {
		s.status = e.status || 0;
		if (source.readyState === 2)
			s.state = "over";
	};
}

/*
 * What the browser received since the last call: all of the text, and the
 * statuses, except those of preflights and of pages.
 */
async function heard(sv) {
	const text = await sv.say("heard");
	const status = [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)]
	    .map((m) => +m[1]).filter((n) => n !== 204 && n !== 404);

	return { text, status };
}

export function auth(test, { same, require, LIMIT_MS }) {
	const fetcher = fetchEventSource(require);
	const waits = { timeout: LIMIT_MS };

	/* The page that the client is on, with all clients. */
	async function prepare(page, sv, cross) {
		await page.goto(cross ? sv.urls[cross === true ? 1 : 2] + "/"
		    : sv.url + "/events/health");
		await page.addScriptTag({ path: require.resolve(
		    "event-source-polyfill/src/eventsource.min.js") });
		await page.addScriptTag({ content: fetcher });
	}

	async function listen(page, sv, { client, place, cross }, token,
	    query = "?topic=secret") {
		let url = sv.url + "/events" + query;

		await page.context().clearCookies();
		if (place === "cookie" && token)
			await page.context().addCookies([{ name: "largesse",
				value: token, url: sv.url, httpOnly: true,
				sameSite: "Lax" }]);
		if (place === "query" && token)
			url += "&access_token=" + token;
		await page.evaluate(open, [client, url,
			place === "header" ? token : "",
			place === "cookie" && !!cross]);
	}

	const stream = (page, name, i = -1) => page.evaluate(
	    ([name, i]) => window.streams.at(i)[name], [name, i]);
	const until = (page, f, what) => page.waitForFunction(f, what, waits);
	const started = (page) => until(page,
	    () => window.streams.at(-1).notes.length > 0);
	const over = (page) => until(page,
	    () => window.streams.at(-1).state === "over");
	const got = (page, n) => until(page,
	    (n) => window.streams.at(-1).got.length >= n, n);

	for (const how of CLIENTS) {
		const name = `${how.client}, token in a ${how.place}` +
		    (how.cross ? ", another origin" : "");

		test(`${name}: the private topic, live and of old`,
		    async (page, sv) => {
			await prepare(page, sv, how.cross);
			await sv.insert(PRIVATE + " 1", { topic: "secret" });
			await listen(page, sv, how, await sv.say("token", "good"),
			    "?topic=secret&topic=news&lastEventId=earliest");
			/* news is public, but not in this claim. */
			await got(page, 1);
			await sv.insert("public", { topic: "news" });
			await sv.insert("nobody's", { topic: "other" });
			await sv.insert(PRIVATE + " 2", { topic: "secret" });
			await got(page, 3);
			same(await stream(page, "got"),
			    [PRIVATE + " 1", "public", PRIVATE + " 2"], "events");
		}, ["auth"]);

		test(`${name}: refused with any that is no good`,
		    async (page, sv) => {
			await prepare(page, sv, how.cross);
			await sv.insert(PRIVATE, { topic: "secret" });
			await heard(sv);
			for (const [kind, status] of Object.entries(BAD)) {
				const token = kind && await sv.say("token", kind);

				await listen(page, sv, how, token,
				    "?topic=secret&lastEventId=earliest");
				await over(page);
				await sv.insert(PRIVATE, { topic: "secret" });
				const { text, status: is } = await heard(sv);
				same(is, [status], kind + ": status");
				if (how.client !== "EventSource")
					same(await stream(page, "status"), status,
					    kind + ": status in the page");
				same(text.includes(PRIVATE) ||
				    (token !== "" && text.includes(token)), false,
				    kind + ": " + text);
				same(/[^\n]token[^\n]*\n/.test(text), true,
				    kind + ": no line that says why: " + text);
			}
			/* Whatever was on its way has come by now. */
			await listen(page, sv, how, await sv.say("token", "good"));
			await started(page);
			await sv.insert("last", { topic: "secret" });
			await got(page, 1);
			for (let i = 0; i < Object.keys(BAD).length; i++) {
				same(await stream(page, "got", i), [], "got");
				same(await stream(page, "notes", i), [], "notes");
			}
		}, ["auth"]);
	}

	test("EventSource: ends with its token, comes back with a new cookie",
	    async (page, sv) => {
		const how = { client: "EventSource", place: "cookie" };

		await prepare(page, sv);
		await listen(page, sv, how, await sv.say("token", "short"));
		await started(page);
		await page.context().addCookies([{ name: "largesse",
			value: await sv.say("token", "good"), url: sv.url }]);
		await until(page, () => window.streams.at(-1).opened > 1);
		await sv.insert(PRIVATE, { topic: "secret" });
		await got(page, 1);
		same(await stream(page, "state"), "", "state");
	}, ["auth"]);

	test("EventSource: over with its token, if there is no other",
	    async (page, sv) => {
		const how = { client: "EventSource", place: "query" };

		await prepare(page, sv);
		await listen(page, sv, how, await sv.say("token", "short"));
		await started(page);
		await over(page);
		await sv.insert(PRIVATE, { topic: "secret" });
		same((await heard(sv)).status.at(-1), 401, "status");
		same(await stream(page, "got"), [], "got");
	}, ["auth"]);

	test("EventSource: revoked, and not let in again", async (page, sv) => {
		const how = { client: "EventSource", place: "cookie" };

		await prepare(page, sv);
		await listen(page, sv, how, await sv.say("token", "good"));
		await started(page);
		await heard(sv);
		await sv.say("sqlite3",
		    "INSERT INTO largesse_revoke(subject) VALUES('alice')");
		await sv.insert(PRIVATE, { topic: "secret" });
		await over(page);
		const { text, status } = await heard(sv);
		same(status, [401], "status");
		same([text.includes("token: revoked\n"), text.includes(PRIVATE)],
		    [true, false], text);
		same(await stream(page, "got"), [], "got");
	}, ["auth"]);

	test("EventSource: a foreign page gains nothing by the cookie",
	    async (page, sv) => {
		await prepare(page, sv, "foreign");
		await sv.insert(PRIVATE, { topic: "secret" });
		await heard(sv);
		await listen(page, sv, { client: "EventSource", place: "cookie",
			cross: true }, await sv.say("token", "good"),
		    "?topic=secret&lastEventId=earliest");
		await over(page);
		const { text, status } = await heard(sv);
		same([status, text.includes(PRIVATE)], [[403], false], text);
		same(await stream(page, "got"), [], "got");
		/* Nor can it read what is public, for it is not allowed to. */
		await listen(page, sv, { client: "EventSource", place: "query" },
		    "", "?topic=news");
		await over(page);
		same(await stream(page, "notes"), [], "notes");
	}, ["auth"]);

	test("a token in a URL is not in the web server's log",
	    async (page, sv) => {
		const token = await sv.say("token", "good");

		await prepare(page, sv);
		await listen(page, sv, { client: "EventSource", place: "query" },
		    token);
		await started(page);
		await page.evaluate(() => window.streams.at(-1).source.close());
		await page.evaluate(() => fetch("/the-last-one"));
		const log = await sv.say("log");
		same([log.includes("/the-last-one"), log.includes(token)],
		    [true, false], "in the log: the page, the token");
	}, ["auth"]);
}
