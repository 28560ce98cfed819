/*
 * doctor.mjs - the doctor's page: by which way events reach it, with nothing in
 * the way and with a proxy that harms; ticks that come as they are sent, and
 * ticks that come as out of a buffer.
 */
const text = (page, id) => page.textContent("#" + id);
const ticks = (page, selector) => page.evaluate((s) =>
    document.querySelectorAll("#ticks " + s).length, selector);

/* The answer that a server gives in the place of ours. */
const instead = (page, answer) =>
    page.route("**/events/probe?*", (route) => route.fulfill(answer));

export function doctor(test, { same, here, errorsOf, LIMIT_MS }) {
	const verdict = (page, kind) => page.waitForSelector(
	    `#verdict[data-verdict=${kind}]`, { timeout: LIMIT_MS });
	const picture = (page, name) => page.screenshot({ fullPage: true,
	    animations: "disabled",
	    path: here(`../../build/screenshots/${name}.png`) });

	const says = (page, id, words) => page.waitForFunction(([id, words]) =>
	    document.querySelector(id).textContent.includes(words),
	    [id, words], { timeout: LIMIT_MS });
	const went = (page, way) => page.waitForSelector(
	    `#way[data-way=${way}]`, { timeout: LIMIT_MS });

	test("doctor page: says that events come at once", async (first, sv) => {
		const page = await first.context().newPage();
		const wrong = [];

		page.on("pageerror", (e) => wrong.push(String(e)));
		await page.goto(sv.url + "/doctor.html");
		await went(page, "stream");
		await says(page, "#native .says", "connected");
		await sv.insert("one", { topic: "news" });
		for (const half of ["#mine", "#native"]) {
			await says(page, half + " .count", "1");
			await says(page, half + " .says", "everything is here");
		}
		await says(page, "#why", await page.evaluate(() =>
		    document.querySelector("#changes li").textContent
		    .match(/Found a way: stream\. (.+)/)[1]));
		await sv.say("kill");
		await says(page, "#changes", "The connection is lost");
		await says(page, "#way", "Not connected");
		await sv.insert("two", { topic: "news" });
		await sv.say("start");
		await says(page, "#changes", "Back again");
		await says(page, "#way", "At once");
		await says(page, "#mine .count", "2");
		await says(page, "#native .says", "everything is here");
		same(await page.isVisible("#hint"), false, "a hint is there");
		same(wrong, [], "errors");
		await picture(page, "doctor-way");
	});

	/* Of events that both have had, none is missing, however old they are. */
	test("doctor page: compares the two after hundreds of events",
	    async (first, sv) => {
		const page = await first.context().newPage();
		const insert = (n) => sv.say("sqlite3", "INSERT INTO events(topic, data) " +
		    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n " +
		    `WHERE i < ${n}) SELECT 'news', i FROM n`);

		await page.addInitScript(() => {
			const add = EventSource.prototype.addEventListener;

			EventSource.prototype.addEventListener = function (type, f) {
				return add.call(this, type, (e) => setTimeout(f, 4000, e));
			};
		});
		await page.goto(sv.url + "/doctor.html");
		await went(page, "stream");
		await says(page, "#native .says", "connected");
		await insert(200);
		await says(page, "#native .count", "200");
		await insert(5);
		await says(page, "#native .count", "205");
		await says(page, "#native .later", "up to");
		same(await page.textContent("#mine .later"), "never", "later than the other");
		await says(page, "#mine .says", "everything is here");
	});

	test("doctor page: names the way around a proxy that holds",
	    async (first, sv) => {
		const page = await first.context().newPage();

		await page.goto(sv.url + "/doctor.html");
		await went(page, "poll");
		await sv.insert("one", { topic: "news" });
		await says(page, "#mine .count", "1");
		await says(page, "#mine .says", "everything is here");
		await says(page, "#native .says", "nothing has come");
		await says(page, "#way", "By asking again and again: each " +
		    "answer is complete, so nothing holds it back.");
		same(await page.isVisible("#hint"), true, "a hint is there");
		await picture(page, "doctor-way-held");
	}, ["behind", "holds-all"]);

	/* 64 KB take longer than the test: EventSource is open, and behind. */
	test("doctor page: shows what an EventSource lacks",
	    async (first, sv) => {
		const page = await first.context().newPage();

		await page.goto(sv.url + "/doctor.html");
		await page.waitForSelector("#way[data-way]:not([data-way=none])",
		    { timeout: LIMIT_MS });
		await sv.insert("one", { topic: "news" });
		await says(page, "#mine .says", "everything is here");
		await sv.insert("x".repeat(70000), { topic: "news" });
		await says(page, "#native .count", "1");
		await sv.insert("three", { topic: "news" });
		await says(page, "#mine .count", "3");
		await says(page, "#native .says", "missing here, for");
		await says(page, "#native .later", "up to");
		same(await page.isVisible("#hint"), true, "a hint is there");
		await picture(page, "doctor-way-behind");
	}, ["behind", "buffer-64k"]);

	/* What largesse.js says is given, so that it is the same each time. */
	test("doctor page: a stream with something in its way is not at once",
	    async (first, sv) => {
		const page = await first.context().newPage();
		const way = (why) => page.evaluate((why) => {
			Object.assign(window.source, { way: "stream", why });
			window.source.onway();
		}, why);

		await page.route("**/largesse.js", (route) => route.fulfill({
			contentType: "text/javascript",
			body: `class Largesse extends EventTarget {
				readyState = 1;
				constructor() { super(); window.source = this; }
			}` }));
		await page.goto(sv.url + "/doctor.html");
		await page.evaluate(() => window.source.onopen());
		await way("Nothing is in the way.");
		await says(page, "#way", "At once: one stream");
		await says(page, "#changes", "Found a way: stream.");
		await way("The last event may come late.");
		await says(page, "#way", "although something is in its way");
		await says(page, "#changes", "The same way: stream. The last");
		same(await page.isVisible("#hint"), true, "a hint is there");
	});

	test("doctor page: ticks are drawn as they come", async (first, sv) => {
		const page = await first.context().newPage();
		const wrong = errorsOf(page);

		await page.goto(sv.url + "/doctor.html");
		await page.waitForSelector("#verdict:not([data-verdict=none])",
		    { timeout: LIMIT_MS });
		same([await text(page, "came"), await text(page, "software"),
		    await text(page, "protocol")], ["20", "nginx", "HTTP/1.1"],
		    "ticks, server, protocol");
		same([await ticks(page, "path"), await ticks(page, ".plan")],
		    [20, 0], "ticks drawn, still due");
		same(await page.locator("#arrived .bad").count(), 0, "lost");
		await picture(page, "doctor");
		same(wrong, [], "errors");
	});

	/* All that was sent in two seconds, at once. */
	test("doctor page: a buffer can be seen", async (first, sv) => {
		const page = await first.context().newPage();
		const tick = (_, i) => "event: stream-probe\ndata: " +
		    JSON.stringify({ n: i + 1, of: 20,
		    sent: 1700000000000 + i * 100 }) + "\n\n";

		await instead(page, { contentType: "text/event-stream",
		    body: Array.from({ length: 20 }, tick).join("") });
		await page.goto(sv.url + "/doctor.html");
		await verdict(page, "bad");
		same([await text(page, "state"), await text(page, "late")],
		    ["held back", "1.9 s"], "state, the latest");
		same(await ticks(page, "path.bad") > 10, true, "drawn as late");
		await picture(page, "doctor-held");
	});

	/*
	 * All come at one moment, and were sent then, too, but for one that was
	 * sent so much earlier.
	 */
	const one_late = (page, ms) => {
		const tick = (_, i) => "event: stream-probe\ndata: " +
		    JSON.stringify({ n: i + 1, of: 20,
		    sent: 1700000000000 - (i === 9 ? ms : 0) }) + "\n\n";

		return instead(page, { contentType: "text/event-stream",
		    body: Array.from({ length: 20 }, tick).join("") });
	};

	test("doctor page: a dot is red only if the verdict says so",
	    async (first, sv) => {
		const page = await first.context().newPage();

		await one_late(page, 180);
		await page.goto(sv.url + "/doctor.html");
		await verdict(page, "good");
		same([await text(page, "state"), await ticks(page, ".bad"),
		    await page.getAttribute("#tile-late", "class")],
		    ["on time", 0, "good"], "state, red dots, tile");
		await one_late(page, 700);
		await page.reload();
		await verdict(page, "fair");
		same([await text(page, "state"), await ticks(page, "path.bad"),
		    await page.getAttribute("#tile-late", "class")],
		    ["mostly on time", 1, "bad"], "state, red dots, tile");
	});

	test("doctor page: nothing is cut on a phone", async (first, sv) => {
		const page = await first.context().newPage();

		await page.setViewportSize({ width: 390, height: 844 });
		await page.goto(sv.url + "/doctor.html");
		await page.waitForSelector("#verdict:not([data-verdict=none])",
		    { timeout: LIMIT_MS });
		same(await page.evaluate(() =>
		    [...document.querySelectorAll(".tiles dd, .tiles dt")]
		    .filter((e) => e.scrollWidth > e.clientWidth)
		    .map((e) => e.textContent)), [], "cut");
		same(await page.evaluate(() => document.documentElement
		    .scrollWidth <= innerWidth), true, "fits");
		await picture(page, "doctor-phone");
	});

	test("doctor page: no stream in its place", async (first, sv) => {
		const page = await first.context().newPage();

		await instead(page, { status: 404, body: "no such page" });
		await page.goto(sv.url + "/doctor.html");
		await verdict(page, "bad");
		same(await text(page, "state"), "ended", "state");
		same((await text(page, "verdict")).includes("no stream"), true,
		    "says so");
	});
}
