/*
 * handover.mjs - an application hands its clients over, in a browser: logged
 * out, logged in, ended and back, logged out again, behind each web server.
 */
const PRIVATE = "for your eyes only";
/* What a page says of its own has no effect. */
const OTHERS = "?topic=inbox/bob&last=9&subject=bob";
const APPS = {
	"nginx, PHP-FPM": ["EventSource", "EventSourcePolyfill", "GET", "POST"],
	"lighttpd, CGI": ["EventSource", "POST"],
	"apache, php-cgi": ["EventSource", "POST"],
};

/* In the page: opens a stream, and keeps its events and how it ends. */
function open([kind, url]) {
	const s = { kind, got: [], starts: [], status: 0, opened: 0, over: false };

	window.streams.push(s);
	if (kind.startsWith("EventSource")) {
		const source = s.source = new window[kind](url);
		source.onopen = () => { s.opened++; };
		source.onmessage = (e) => s.got.push(e.data);
		source.onerror = () => { s.over = source.readyState === 2; };
		source.addEventListener("stream-start",
		    (e) => s.starts.push(...JSON.parse(e.data).topics));
		return;
	}
	const body = kind === "POST" ? "a=b" : undefined;
	(async () => {
		const response = await fetch(url, { method: kind, body });
		const reader = response.body.pipeThrough(
		    new TextDecoderStream()).getReader();
		let text = "";

		s.status = response.status;
		s.opened++;
		for (;;) {
			const { value, done } = await reader.read();

			if (done)
				break;
			text += value;
			for (let at; (at = text.indexOf("\n\n")) >= 0;) {
				const block = text.slice(0, at);
				const data = /^data: (.*)$/m.exec(block);

				text = text.slice(at + 2);
				if (/^event: stream-start$/m.test(block))
					s.starts.push(
					    ...JSON.parse(data[1]).topics);
				else if (data && !/^event: stream-/m.test(block))
					s.got.push(data[1]);
			}
		}
		s.rest = text;
	})().catch(() => {}).finally(() => { s.over = true; });
}

export function handover(test, { same, LIMIT_MS }) {
	const told = (page, name) => page.evaluate(
	    (name) => window.streams.map((s) => s[name]), name);
	const all = (page, f, n) => page.waitForFunction(
	    ([f, n]) => window.streams.every((s) => s[f].length >= n), [f, n],
	    { timeout: LIMIT_MS });

	async function listen(page, url, kinds) {
		await page.evaluate(() => { window.streams = []; });
		for (const kind of kinds)
			await page.evaluate(open, [kind, url + OTHERS]);
	}

	/* Nothing comes, and nobody waits for it. */
	async function refused(page, url, kinds) {
		await listen(page, url, kinds);
		await page.waitForFunction(
		    () => window.streams.every((s) => s.over), null,
		    { timeout: LIMIT_MS });
		same([await told(page, "got"), await told(page, "starts"),
			await told(page, "status")],
		    [kinds.map(() => []), kinds.map(() => []), kinds.map(
			(kind) => kind.startsWith("EventSource") ? 0 : 403)],
		    "refused");
	}

	async function become(page, sv, user) {
		const cookie = await sv.say("login", user);
		const [name, value] = cookie.split("=");

		await page.context().addCookies([{ name, value, url: sv.url }]);
	}

	async function run(page, sv, kinds) {
		const url = sv.urls[1];
		const insert = (data) => sv.insert(data, { topic: "inbox/alice" });

		await sv.insert(PRIVATE, { topic: "inbox/bob" });
		await insert(PRIVATE);
		await refused(page, url, kinds);
		await become(page, sv, "alice");
		await listen(page, url, kinds);
		await all(page, "starts", 1);
		same((await told(page, "starts")).flat(), kinds.map(() => "inbox/alice"),
		    "topics");
		await sv.insert(PRIVATE, { topic: "inbox/bob" });
		await insert("one");
		await all(page, "got", 1);

		/*
		 * A stream is ended.  Who is still logged in comes back, and
		 * goes on where he was.
		 */
		await sv.say("sqlite3", "BEGIN; " +
		    "INSERT INTO largesse_revoke(subject) VALUES('alice'); " +
		    "INSERT INTO events(topic, data) " +
		    "VALUES('inbox/alice', 'two'); COMMIT");
		await page.waitForFunction(() => window.streams.every((s) =>
		    s.source ? s.opened >= 2 : s.over), null,
		    { timeout: LIMIT_MS });
		await insert("three");
		await page.waitForFunction(() => window.streams.every((s) =>
		    !s.source || s.got.length >= 3), null,
		    { timeout: LIMIT_MS });
		same(await told(page, "got"), kinds.map((kind) =>
		    kind.startsWith("EventSource") ? ["one", "two", "three"]
		    : ["one"]), "events");

		/* Logging out ends them.  The application is asked again. */
		await page.evaluate(open, ["POST", url]);
		await page.waitForFunction(
		    () => window.streams.at(-1).starts.length > 0, null,
		    { timeout: LIMIT_MS });
		await sv.say("logout");
		await insert(PRIVATE);
		await page.waitForFunction(
		    () => window.streams.every((s) => s.over), null,
		    { timeout: LIMIT_MS });
		same((await told(page, "got")).flat().includes(PRIVATE), false,
		    "came after logging out");
		await refused(page, url, kinds);
	}

	for (const [name, kinds] of Object.entries(APPS))
		test(`handed over, in a browser: ${name}`,
		    (page, sv) => run(page, sv, kinds), ["handover", name]);
}
