/*
 * status.mjs - the page deploy/www/status.html, on the port of status.conf,
 * beside a real responder: its numbers, and what it says when there are none.
 */
export function status(test, { same, pictures, errorsOf, LIMIT_MS }) {
	const shows = (page, selector, text) => page.waitForFunction(
	    ([selector, text]) => document.querySelector(selector)
	    ?.innerText.replace(/\s+/g, " ").includes(text),
	    [selector, text], { timeout: LIMIT_MS }).catch(async () => {
		throw new Error(`${selector} has not ${text}, but ` +
		    await page.textContent(selector).catch(() => "is not there"));
	    });

	/* Streams that a page holds, by fetch: as many as it likes. */
	const open = (page, url, queries) => page.evaluate(([url, queries]) => {
		window.streams = queries.map((q) => {
			const s = new EventSource(url + "/events?" + q);

			return s;
		});
	}, [url, queries]);

	test("status page: shows the numbers of the responder, live",
	    async (first, sv) => {
		const [url, site] = sv.urls;
		const page = await first.context().newPage();
		const wrong = errorsOf(page);

		await page.goto(url + "/status.html");
		await shows(page, "#state", "ok");
		await shows(page, "#topics", "no stream is open");
		await first.goto(site + "/events/health");
		await open(first, site, ["topic=news&topic=a%3Cb%3E*", "topic=news"]);
		await shows(page, "#t-streams", "2");
		await shows(page, "#topics tbody tr:nth-child(1)", "news 2");
		await shows(page, "#topics tbody tr:nth-child(2)", "a<b>*");
		await sv.insert("one", { topic: "news" });
		await sv.insert("two", { topic: "news", time: Date.now() - 60000 });
		await shows(page, "#delays tbody tr:last-child", "longer");
		await page.waitForFunction(() => [...document.querySelectorAll(
		    "#delays tbody tr")].reduce((n, tr) => n +
		    +tr.lastElementChild.textContent, 0) === 2, null,
		    { timeout: LIMIT_MS });
		await shows(page, "#delays tbody tr:last-child td:last-child", "1");
		await shows(page, "#workers tbody tr", "1 2");
		await shows(page, "#t-window", "100 %");
		await shows(page, "#log", "keeps everything");
		await first.evaluate(() => window.streams.pop().close());
		await shows(page, "#ended tbody tr", "left the client closed");
		await shows(page, "#t-streams", "1");
		/* Half came at once, and one a minute late: that is what is red. */
		same(await page.evaluate(() => {
			const red = getComputedStyle(document.querySelector(".tile.bad")).borderTopColor;
			const value = document.querySelector("#t-delay");

			return [value, value.nextSibling].map((e) => getComputedStyle(e).color === red);
		}), [false, true], "the delay is red, what is late is red");
		const [label, chart] = await Promise.all(["#rate-top", ".chart svg"]
		    .map((e) => page.locator(e).boundingBox()));
		same(label.y + label.height <= chart.y, true, "the label is above the highest peak");
		same(wrong, [], "errors");
		for (const colorScheme of ["light", "dark"]) {
			await page.emulateMedia({ colorScheme });
			for (const width of [1280, 390]) {
				await page.setViewportSize({ width,
				    height: width === 390 ? 844 : 800 });
				await page.screenshot({ fullPage: true,
				    path: pictures(`status-${colorScheme}-${width}`) });
				same(await page.evaluate(() => document
				    .documentElement.scrollWidth <= innerWidth),
				    true, "fits into " + width);
			}
		}
	}, ["status"]);

	test("status page: two workers, a reader who reads nothing, and the keyboard",
	    async (first, sv) => {
		const [url, site] = sv.urls;
		const page = await first.context().newPage();
		const wrong = errorsOf(page);

		await page.setViewportSize({ width: 390, height: 844 });
		await page.goto(url + "/status.html");
		await shows(page, "#about", "2 workers");
		await shows(page, "#workers tbody tr:nth-child(2)", "2");
		await shows(page, "#slow-note", "Every client reads");
		await first.goto(site + "/events/health");
		await open(first, site, ["topic=news", "topic=news", "topic=other"]);
		await shows(page, "#t-streams", "3");
		await sv.say("slow", "big/" + "long".repeat(30));
		await shows(page, "#t-slow", "1");
		await shows(page, "#slow tbody tr", "big/longlong");
		await shows(page, "#slow tbody tr", "127.0.0.1");
		await shows(page, "#slow-note", "do not read");
		/* All that is counted is that of both, from one moment. */
		same(await page.evaluate(() => {
			const n = (e) => +e.textContent.replace(",", "");
			const sum = (cells) => [...document.querySelectorAll(cells)]
			    .reduce((all, e) => all + n(e), 0);

			return [n(document.querySelector("#t-streams")),
			    sum("#workers tbody td:nth-child(2)"),
			    sum("#topics tbody td:last-child")];
		}), [4, 4, 4], "streams: of all, by worker, by topic");
		same(await page.evaluate(() => document.documentElement.scrollWidth), 390, "the width");

		/* What can be operated, and what has to be scrolled. */
		const reached = [];
		const wanted = await page.evaluate(() => [...document.querySelectorAll(".scroll, summary")]
		    .filter((e) => e.tagName === "SUMMARY" || e.scrollWidth > e.clientWidth + 1)
		    .map((e) => e.textContent.trim().slice(0, 20)));

		for (const _ of wanted) {
			await page.keyboard.press("Tab");
			reached.push(await page.evaluate(() => {
				const e = document.activeElement;

				return getComputedStyle(e).outlineStyle === "solid" &&
				    e.textContent.trim().slice(0, 20);
			}));
		}
		same(reached, wanted, "reached by Tab, and outlined");
		same(wanted.at(-1), "Limits in force", "the last");
		await page.keyboard.press("Enter");
		await shows(page, "#limits tbody tr", "backlog");
		same(wrong, [], "errors");
	}, ["status", "--workers", "2", "--status-addresses"]);

	test("status page: comes back with the responder, and says so",
	    async (first, sv) => {
		const page = await first.context().newPage();

		await page.goto(sv.url + "/status.html");
		await shows(page, "#state", "ok");
		await sv.say("kill");
		await shows(page, "#state", "trying again");
		await sv.say("start");
		await shows(page, "#state", "ok");
		await shows(page, "#t-streams", "0");
	}, ["status"]);

	/* Each stream of the status ends at some age.  That is no trouble. */
	test("status page: a stream that is old enough is not called lost",
	    async (first, sv) => {
		const page = await first.context().newPage();
		let times = 0;

		await page.route("**/events/status", async (route) => {
			const now = await (await route.fetch({ headers: {
			    accept: "application/json" } })).json();

			times++;
			await route.fulfill({ contentType: "text/event-stream",
			    body: "retry: 100\nevent: stream-status\ndata: " +
				JSON.stringify(now) + "\n\nevent: stream-retry\n" +
				'data: {"retry":100,"reason":"age"}\n\n' });
		});
		await page.addInitScript(() => {
			window.said = [];
			new MutationObserver(() => {
				const text = document.querySelector("#state")?.textContent;

				if (text && text !== window.said.at(-1))
					window.said.push(text);
			}).observe(document, { subtree: true, childList: true,
			    characterData: true });
		});
		await page.goto(sv.url + "/status.html");
		await shows(page, "#state", "ok");
		for (const end = Date.now() + LIMIT_MS; times < 4;) {
			if (Date.now() > end)
				throw new Error("it came back " + times + " times");
			await page.waitForTimeout(50);
		}
		same(await page.evaluate(() => window.said), ["connecting", "ok"],
		    "what it said");
	}, ["status"]);

	/* The site's own port does not open the status. */
	test("status page: names what is missing", async (first, sv) => {
		const page = await first.context().newPage();

		await page.goto(sv.url + "/status.html?at=/events/nothing");
		await shows(page, "#why", "status.conf");
		/* Another site is never asked; a browser takes a backslash for a slash. */
		for (const at of ["//elsewhere.invalid/x", "/\\elsewhere.invalid/x",
		    "/\t/elsewhere.invalid/x"]) {
			await page.goto(sv.url + "/status.html?at=" + encodeURIComponent(at));
			await shows(page, "#state", "ok");
		}
	}, ["status"]);
}
