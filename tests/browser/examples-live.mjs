/*
 * examples-live.mjs - the examples that have no producer to wait for: a score, a
 * feed, a bell, a dashboard, and who is here.
 */
export function live(example, { same, says, state, errorsOf, LIMIT_MS }) {
	/* Until there are exactly these texts. */
	async function lists(page, selector, texts) {
		const got = () => page.$$eval(selector, (all) => all.map((e) => e.textContent));

		try {
			await page.waitForFunction(([selector, texts]) => JSON.stringify([...document
			    .querySelectorAll(selector)].map((e) => e.textContent)) === texts,
			    [selector, JSON.stringify(texts)], { timeout: LIMIT_MS });
		} catch {
			same(await got(), texts, selector);
		}
	}
	const shown = (page, selector, visible = true) => page.locator(selector).waitFor(
	    { state: visible ? "visible" : "hidden", timeout: LIMIT_MS });
	/* Another browser, which has no cookie of the first. */
	const device = async (page) => (await page.context().browser().newContext(
	    { viewport: { width: 390, height: 844 } })).newPage();
	/* What happens while the responder is away. */
	async function away(sv, happens) {
		await sv.say("kill");
		await happens();
		await sv.say("start");
	}

	/* --- the score --------------------------------------------------- */

	example("score", "nginx", "opened late, live, replayed, over", async (page, sv) => {
		const row = (minute, score, text, what) => sv.insert(JSON.stringify({ minute, score,
		    teams: ["Harbour", "Northfield"], text, what }), { topic: "match/1" });
		const list = (...texts) => lists(page, "#list li", texts);

		await row(0, [0, 0], "Kick-off.", "whistle");
		await row(1, [0, 0]);
		await row(2, [1, 0], "Goal!", "goal");
		await page.goto(sv.url + "/");
		await list("2\u2032Goal!", "0\u2032Kick-off.");
		await says(page, "#score", "1 : 0");
		await says(page, "#away", "Northfield");
		await state(page, "live");
		await row(3, [1, 1], "<b>Goal</b>!", "goal");
		await says(page, "#score", "1 : 1");
		await away(sv, () => row(4, [1, 2], "Goal!", "goal"));
		await says(page, "#score", "1 : 2");
		await list("4\u2032Goal!", "3\u2032<b>Goal</b>!", "2\u2032Goal!", "0\u2032Kick-off.");

		/* Back, by the keyboard; what comes meanwhile does not move the page. */
		await page.focus("#at");
		await page.keyboard.press("Home");
		await page.keyboard.press("ArrowRight");
		await says(page, "#shown", "as it was in minute 1");
		await row(5, [2, 2], "Goal!", "goal");
		await page.waitForFunction("rows.length === 6", null, { timeout: LIMIT_MS });
		await list("0\u2032Kick-off.");
		await says(page, "#score", "0 : 0");
		await page.click("#replay");
		await says(page, "#shown", "live");
		await says(page, "#score", "2 : 2");

		await sv.insert("full time", { topic: "match/1", event: "stream-end" });
		await state(page, "full time");
		await page.reload();
		await state(page, "full time");
		await says(page, "#shown", "full time");
		await says(page, "#minute", "5\u2032");
		same(await page.$$eval("#list li", (all) => all.length), 5, "lines after all");
	});

	example("score", "nginx", "before the first row nothing is wrong", async (page, sv) => {
		const wrong = errorsOf(page);

		await page.goto(sv.url + "/");
		await state(page, "live");
		for (const press of ["#live", "#replay"])
			await page.click(press);
		await page.focus("#at");
		await page.keyboard.press("ArrowRight");
		await page.dispatchEvent("#at", "input");
		await says(page, "#minute", "not begun");
		await sv.insert(JSON.stringify({ minute: 0, score: [0, 0], teams: ["Harbour",
		    "Northfield"] }), { topic: "match/1" });
		await says(page, "#score", "0 : 0");
		await sv.insert("called off", { topic: "match/2", event: "stream-end" });
		await page.goto(sv.url + "/?match=2");
		await state(page, "full time");
		await page.click("#live");
		same(wrong, [], "errors of the page");
	});

	/* --- the feed ---------------------------------------------------- */

	async function login(page, sv, name, password = "demo") {
		await page.goto(sv.url + "/");
		await page.waitForURL("**/login.html", { timeout: LIMIT_MS });
		await page.fill("#name", name);
		await page.fill("#password", password);
		await page.click("text=Log in >> nth=-1");
		return page;
	}

	async function post(page, text) {
		await page.fill("#text", text);
		await page.keyboard.press("Enter");
	}

	example("feed", "nginx", "posts reach the followers only", async (alice, sv) => {
		const posts = (page, ...texts) => lists(page, "#posts p", texts);

		await login(alice, sv, "alice", "wrong");
		await shown(alice, "#again");
		await login(alice, sv, "alice");
		const bob = await login(await device(alice), sv, "bob");
		const carol = await login(await device(alice), sv, "carol");

		for (const page of [alice, bob, carol])
			await state(page, "open");
		await says(alice, "#me", "alice");
		await post(carol, "carol 1");		/* whom nobody follows */
		await posts(carol, "carol 1");
		await post(bob, "<img src=x onerror=alert(1)>");
		await posts(alice, "<img src=x onerror=alert(1)>");
		await alice.click("#people li:has-text('carol') button");
		await shown(alice, "#people li:has-text('carol') :text('Leave')");
		await away(sv, () => post(carol, "carol 2"));
		await posts(alice, "carol 2", "<img src=x onerror=alert(1)>");
		await post(alice, "alice 1");
		await posts(bob, "alice 1", "<img src=x onerror=alert(1)>");
		await posts(carol, "carol 2", "carol 1");
		await alice.reload();
		await posts(alice, "alice 1", "carol 2", "<img src=x onerror=alert(1)>");

		const status = (page, path, how) => page.evaluate(async ([path, how]) => {
			const r = await fetch(path, how);
			await r.body?.cancel();
			return r.status;
		}, [path, how]);
		same(await status(carol, "/events?topic=user/bob"), 401, "another's feed");
		same(await status(carol, "feed.php", { method: "POST", body: '{"post":"x"}' }), 415,
		    "as a page of another site can post it");

		/* Out, in all tabs: their streams end, and nobody may open one. */
		const second = await alice.context().newPage();
		await second.goto(sv.url + "/");
		await state(second, "open");
		await second.click("#logout");
		for (const page of [second, alice])
			await page.waitForURL("**/login.html", { timeout: LIMIT_MS });
		same(await alice.evaluate(async () => (await fetch("feed.php")).json()), { me: null },
		    "after the logout");
		same(await status(alice, "feed.php", { method: "POST", headers: { "Content-Type":
		    "application/json" }, body: '{"post":"x"}' }), 401, "a post after the logout");
		for (const page of [bob, carol])
			await page.context().close();
	});

	example("feed", "nginx", "login and logout put no error into the console", async (page, sv) => {
		const wrong = errorsOf(page);

		await login(page, sv, "alice", "wrong");
		await shown(page, "#again");
		await login(page, sv, "alice");
		await state(page, "open");
		await post(page, "one");
		await lists(page, "#posts p", ["one"]);
		await page.click("#logout");
		await page.waitForURL("**/login.html", { timeout: LIMIT_MS });
		await page.goto(sv.url + "/");
		await page.waitForURL("**/login.html", { timeout: LIMIT_MS });
		same(wrong, [], "errors of the page");
	});

	/* --- the bell ---------------------------------------------------- */

	example("bell", "nginx", "what is new, in all tabs and after a reload", async (page, sv) => {
		const tell = (text) => sv.insert(text, { topic: "bell/demo" });

		const wrong = errorsOf(page);

		await tell("one");
		await tell("two");
		await page.goto(sv.url + "/");
		await says(page, "#count", "2");
		same(await page.title(), "(2) largesse: a bell", "the title");
		await page.reload();
		await says(page, "#count", "2");
		const second = await page.context().newPage(), phone = await device(page);
		for (const other of [second, phone]) {
			await other.goto(sv.url + "/");
			await says(other, "#count", "2");
		}
		await tell("<b>three</b>");
		for (const one of [page, second, phone])
			await says(one, "#count", "3");

		/* Seen in one, seen in all; by the keyboard. */
		await second.focus("#bell");
		await second.keyboard.press("Enter");
		await shown(second, "#panel");
		await lists(second, "#list li", ["<b>three</b>", "two", "one"]);
		for (const one of [page, second, phone])
			await shown(one, "#count", false);
		await second.keyboard.press("Escape");
		await shown(second, "#panel", false);
		same(await second.evaluate("document.activeElement.id"), "bell", "the focus");
		await page.reload();
		await state(page, "live");
		same(wrong, [], "errors of the page");
		await away(sv, () => tell("four"));
		for (const one of [page, second, phone])
			await says(one, "#count", "1");
		await page.reload();
		await lists(page, "#list li", ["four"]);
		await says(page, "#count", "1");
		same(await page.evaluate(async () => (await fetch("/events?topic=bell/bob", { headers:
		    { Authorization: "Bearer " + (await ask()).token } })).status), 403, "another's bell");
		await phone.context().close();
	});

	/* --- the dashboard ----------------------------------------------- */

	example("dashboard", "nginx", "a table that is not ours", async (page, sv) => {
		const sql = (text) => sv.say("sqlite3", text);
		const turnover = (n) => says(page, "#turnover", "\u20ac\u202f" + n);
		const wrong = errorsOf(page);
		let n = 0;

		await sql("INSERT INTO orders(item, euros) VALUES('Lamp', 40), ('<b>Desk</b>', 60)");
		/* What comes between the table and its stream is neither lost nor twice there. */
		await page.route(/\/events\?/, async (route) => {
			await sql("INSERT INTO orders(item, euros, status) VALUES('Late', 1, 'late')");
			n++;
			await route.continue();
		});
		await page.goto(sv.url + "/");
		await state(page, "live");
		await page.unroute(/\/events\?/);
		await turnover(100 + n);
		same(n > 0, true, "something came between");
		await says(page, "#new", "2");
		await sql("UPDATE orders SET status = 'paid' WHERE id = 1");
		await says(page, "#paid", "1");
		await says(page, "#new", "1");
		same(wrong, [], "errors of the page");
		await away(sv, () => sql("INSERT INTO orders(item, euros) VALUES('Rug', 1000)"));
		await turnover((1100 + n).toLocaleString("en"));
		await says(page, "#list li b", "Rug");
		await sql("UPDATE orders SET status = 'returned' WHERE item = 'Rug'");
		await turnover(100 + n);
		await sql("DELETE FROM orders WHERE id = 1");
		await says(page, "#paid", "0");
		const [[left]] = await sv.say("rows", "SELECT sum(euros) FROM orders WHERE status <> 'returned'");
		await turnover(left);
		await page.reload();
		await turnover(left);
		await says(page, "#bars dt", "<b>Desk</b>");
	});

	/* --- who is here ------------------------------------------------- */

	example("presence", "nginx", "comes, looks away, leaves, is silent", async (ada, sv) => {
		const names = (page, ...texts) => lists(page, "#list li", texts.map((t) => t[0] + t));
		const named = async (page, name) => {
			await page.goto(sv.url + "/");
			await says(page, "#state", (page === ada ? "1 is" : "2 are") + " here");
			await page.fill("#name", name);
			await page.keyboard.press("Enter");
		};

		const wrong = errorsOf(ada);

		await ada.clock.install();
		await named(ada, "Ada");
		await names(ada, "Ada (you)");
		const phone = await device(ada);
		await named(phone, "Ben");
		await names(ada, "Ada (you)", "Ben");
		await names(phone, "Ada", "Ben (you)");
		await phone.evaluate(() => {
			Object.defineProperty(document, "hidden", { value: true });
			document.dispatchEvent(new Event("visibilitychange"));
		});
		await shown(ada, "#list [data-state=away]:has-text('Ben')");
		await phone.goto("about:blank");
		await names(ada, "Ada (you)");

		/* A reader who comes later has the same list, and who was killed goes. */
		await sv.insert(JSON.stringify({ time: Math.floor(Date.now() / 1000), who: "x", name: "Cleo",
		    state: "here" }), { topic: "here/1" });
		await names(ada, "Ada (you)", "Cleo");
		const late = await device(ada);
		await late.goto(sv.url + "/?page=1");
		await shown(late, "#list li:has-text('Cleo')");
		same(await late.$$eval("#list li:has-text('Ben')", (all) => all.length), 0, "Ben");
		await late.goto("about:blank");
		same(wrong, [], "errors of the page");
		await away(sv, async () => {});
		await names(ada, "Ada (you)", "Cleo");
		/* A row of hers that comes in between sets the clock of the page right. */
		const end = Date.now() + LIMIT_MS;

		do {
			await ada.clock.fastForward(100000);
		} while (await ada.locator("#list li:has-text('Cleo')").count() > 0 && Date.now() < end);
		await names(ada, "Ada (you)");
		for (const page of [phone, late])
			await page.context().close();
	});
}
