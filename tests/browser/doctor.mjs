/*
 * doctor.mjs - the doctor's page, with ticks that come as they are sent, and
 * with ticks that come as out of a buffer.
 */
const text = (page, id) => page.textContent("#" + id);
const ticks = (page, selector) => page.evaluate((s) =>
    document.querySelectorAll("#ticks " + s).length, selector);

/* The answer that a server gives in the place of ours. */
const instead = (page, answer) =>
    page.route("**/events/probe?*", (route) => route.fulfill(answer));

export function doctor(test, { same, here, LIMIT_MS }) {
	const verdict = (page, kind) => page.waitForSelector(
	    `#verdict[data-verdict=${kind}]`, { timeout: LIMIT_MS });
	const picture = (page, name) => page.screenshot({ fullPage: true,
	    animations: "disabled",
	    path: here(`../../build/screenshots/${name}.png`) });

	test("doctor page: ticks are drawn as they come", async (first, sv) => {
		const page = await first.context().newPage();
		const wrong = [];

		page.on("pageerror", (e) => wrong.push(String(e)));
		page.on("console", (m) => {
			if (m.type() === "error")
				wrong.push(m.text());
		});
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
