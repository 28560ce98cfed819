/*
 * ways.mjs - a page that listens while its site moves from PHP to CGI and
 * FastCGI and back, by one word of .htaccess.
 */
const WAYS = ["largesse.cgi", "largesse.fcgi", "events.php"];

const listen = (page, url) => page.evaluate((url) => {
	const s = new EventSource(url + "/events?topic=main");

	window.got = [];
	window.opened = window.gaps = 0;
	window.source = s;
	s.onopen = () => { window.opened++; };
	s.onmessage = (e) => { window.got.push(e.data); };
	s.addEventListener("stream-gap", () => { window.gaps++; });
}, url);

export function ways(test, { same, LIMIT_MS }) {
	test("EventSource: stays while its site moves from PHP to CGI and FastCGI",
	    async (page, sv) => {
		const opened = () => page.evaluate(() => window.opened);
		const sent = [];

		await listen(page, sv.url);
		await page.waitForFunction(() => window.opened > 0, null,
		    { timeout: LIMIT_MS });
		for (const way of WAYS) {
			const until = Date.now() + LIMIT_MS;
			const turns = await opened() + 2;

			await sv.say("go", way);
			while (await opened() < turns && Date.now() < until) {
				sent.push("n" + sent.length);
				await sv.insert(sent.at(-1));
			}
			same(await opened() >= turns, true, "answers by " + way);
		}
		await page.waitForFunction((n) => window.got.length >= n,
		    sent.length, { timeout: LIMIT_MS });
		same(await page.evaluate(() => window.got), sent, "events");
		same(await page.evaluate(() => [window.gaps,
		    window.source.readyState === EventSource.CLOSED]),
		    [0, false], "gaps, given up");
	}, ["shared"]);
}
