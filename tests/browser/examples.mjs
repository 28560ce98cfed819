/*
 * examples.mjs - the examples of deploy/examples, used as a person would: a
 * chat, a build, an import; and those without an end, in examples-live.mjs.  A text that came twice, or not, is not the text.
 */
import { live } from "./examples-live.mjs";

const ANSWER = "#turns li:last-child";

/* What browsers of 2020 have not is not there: the examples do without. */
const newer = () => {
	for (const [of, names] of [[Map, ["groupBy"]], [Object, ["groupBy", "hasOwn"]],
	    [Array, ["fromAsync"]], [Promise, ["withResolvers", "try"]],
	    [Array.prototype, ["at", "findLast", "findLastIndex", "toSorted", "toReversed",
	    "toSpliced", "with"]], [String.prototype, ["at"]], [window, ["structuredClone"]],
	    [Crypto.prototype, ["randomUUID"]], [AbortSignal, ["timeout", "any"]]])
		for (const name of names)
			delete of[name];
};

export function examples(test, { same, here, errorsOf, LIMIT_MS }) {
	const example = (name, web, what, run) => test(`example: ${name}: ${what} (${web})`,
	    async (page, sv) => {
		await page.context().addInitScript(newer);
		await run(page, sv);
	    }, ["example", name, web]);

	/* Until the element says exactly this.  If not, what it says is told. */
	async function says(page, selector, text) {
		try {
			await page.waitForFunction(([selector, text]) =>
			    document.querySelector(selector)?.textContent === text,
			    [selector, text], { timeout: LIMIT_MS });
		} catch {
			same(await page.textContent(selector), text, selector);
		}
	}
	const state = (page, word) => page.waitForSelector(
	    `body[data-state="${word}"]`, { timeout: LIMIT_MS });
	const shot = (page, name) => page.screenshot({ animations: "disabled",
	    path: here(`../../build/screenshots/${name}.png`) });
	/* EventSource has stopped by itself. */
	const closed = (page) => page.waitForFunction("source.readyState === 2", null,
	    { timeout: LIMIT_MS });
	live(example, { same, says, state, errorsOf, LIMIT_MS });

	const texts = (page) => page.$$eval("#turns li", (all) => all.map((li) => li.textContent));

	/* --- the chat ---------------------------------------------------- */

	async function open(page, address) {
		await page.goto(address);
		return page;
	}

	async function ask(page, prompt) {
		await page.fill("#prompt", prompt);
		await page.click("text=Send");
		await page.waitForSelector("#turns .model", { timeout: LIMIT_MS });
	}

	/* The model says so many words; the pages have them, and no more. */
	async function upto(sv, n, ...pages) {
		await sv.say("say", String(n));
		let words = [];
		while (words.length === 0)
			words = await sv.say("words");
		for (const page of pages)
			await says(page, ANSWER, words.slice(0, n).join(""));
		return words;
	}

	/* The rest, and the end, which all of them are told. */
	async function to_the_end(sv, ...pages) {
		const { length } = await sv.say("words");

		await upto(sv, length, ...pages);
		for (const page of pages) {
			await state(page, "done");
			await closed(page);
		}
	}

	const device = async (page) => (await page.context().browser().newContext(
	    { viewport: { width: 390, height: 844 } })).newPage();

	async function takes_over(page, sv) {
		await open(page, sv.url);
		await ask(page, "What is a run?");
		const address = page.url();

		const words = await upto(sv, 1, page);
		same(words.length > 100, true, "a long answer");
		for (const n of [7, 31, 45, 60, 99]) {
			await upto(sv, n, page);
			await page.reload();
			await upto(sv, n + 3, page);
		}
		const second = await open(await page.context().newPage(), address);
		await upto(sv, 110, page, second);
		await page.close();

		const phone = await open(await device(second), address);
		await upto(sv, 120, second, phone);
		await to_the_end(sv, second, phone);

		/* Later: all of it, and nothing is waited for. */
		await second.reload();
		await says(second, ANSWER, words.join(""));
		await state(second, "done");
		same(await texts(second), ["What is a run?", words.join("")], "the chat");
		const [[pieces]] = await sv.say("rows", "SELECT count(*) FROM events " +
		    "WHERE event IS NULL");
		same(pieces < words.length / 2, true, "words were joined");
		const nothing = second.waitForResponse((r) => r.status() === 204,
		    { timeout: LIMIT_MS });
		await second.evaluate("onfocus()");
		await nothing;

		/* Another device goes on, and this one learns of it. */
		await sv.say("say", "0");
		await ask(phone, "And then?");
		await upto(sv, 5, phone);
		await second.evaluate("onfocus()");
		await upto(sv, 9, phone, second);
		same((await sv.say("words")).join("").includes("answer 2 of"), true,
		    "the model was told what was said before");
		await to_the_end(sv, phone, second);
		same((await texts(second)).length, 4, "turns");
		await shot(phone, "chat-phone");
		await phone.context().close();
	}
	example("chat", "nginx", "reload, second tab, another device", takes_over);
	example("chat", "lighttpd", "reload, second tab, another device", takes_over);

	example("chat", "nginx", "stop, and again", async (page, sv) => {
		await open(page, sv.url);
		await ask(page, "<img src=x onerror=alert(1)>");
		const words = await upto(sv, 12, page);
		const second = await open(await page.context().newPage(), page.url());

		await upto(sv, 20, page, second);
		await second.click("#stop");
		await state(page, "stopped");
		await state(second, "stopped");
		await says(page, ANSWER, words.slice(0, 20).join(""));
		while (await sv.say("left") !== 1)
			continue;
		same(await page.$$eval("img", (all) => all.length), 0, "images");

		await sv.say("say", "0");
		await page.click("#again");
		await state(page, "answering");
		await second.evaluate("onfocus()");
		await upto(sv, 40, page, second);
		await shot(page, "chat");
		await second.reload();
		await to_the_end(sv, page, second);
		same(await texts(second), ["<img src=x onerror=alert(1)>", words.join("")],
		    "the chat");
	});

	example("chat", "nginx", "one after the other is killed", async (page, sv) => {
		await open(page, sv.url);
		await ask(page, "Are you there?");
		const words = await upto(sv, 10, page);

		for (const [n, what] of [[20, ["kill", "start"]], [40, ["kill-web", "start-web"]],
		    [60, ["kill-fpm", "start-fpm"]], [80, ["kill", "kill-web", "start-web", "start"]]]) {
			await upto(sv, n, page);
			for (const command of what) {
				await sv.say(command);
				await sv.say("say", String(n + what.indexOf(command)));
			}
			await upto(sv, n + 5, page);
		}
		await sv.say("kill-producer");
		await state(page, "failed");
		await says(page, ANSWER, words.slice(0, 85).join(""));
		await closed(page);

		/* And all at once, in the next answer. */
		await sv.say("say", "0");
		await page.click("#again");
		await state(page, "answering");
		await upto(sv, 15, page);
		for (const what of ["kill-producer", "kill-web", "kill", "kill-fpm"])
			await sv.say(what);
		for (const what of ["start-fpm", "start", "start-web"])
			await sv.say(what);
		await state(page, "failed");
		await says(page, ANSWER, words.slice(0, 15).join(""));
		await page.reload();
		await state(page, "failed");
		await says(page, ANSWER, words.slice(0, 15).join(""));
		await sv.say("say", "0");
		await page.click("#again");
		await state(page, "answering");
		await upto(sv, 3, page);
		await to_the_end(sv, page);
		same(await sv.say("rows", "SELECT data FROM events " +
		    "WHERE event = 'stream-end' ORDER BY id"),
		    [["failed"], ["failed"], ["done"]], "ends");
	});

	example("chat", "nginx", "nobody reads the chat of another", async (page, sv) => {
		await open(page, sv.url);
		await ask(page, "A secret?");
		await upto(sv, 3, page);
		const get = (path) => page.evaluate(async (path) => {
			const r = await fetch(path);
			const status = r.status;
			await r.body?.cancel();
			return [status, new URL(r.url).search];
		}, path);
		const [status, query] = await get("chat.php" + new URL(page.url()).search);
		same(status, 200, "mine");
		same((await get("/events" + query))[0], 200, "as it was signed");
		same((await get("/events" + query.replace("demo", "bob")))[0], 401, "another");
		same((await get("/events" + query.replace(/&sign=.*/, "")))[0], 401, "unsigned");
		same((await get("/events?topic=chat/demo/*&last=9"))[0], 401, "by itself");
		same(await page.evaluate(async (url) => (await fetch(url, { method: "POST",
		    body: '{"stop": true}' })).status, "chat.php" + new URL(page.url()).search),
		    415, "as a page of another site can post it");
		await sv.say("user", "bob");
		const again = await open(await page.context().newPage(), page.url());
		await sv.say("say", "0");
		await ask(again, "Mine");
		same(await texts(again), ["Mine", ""], "the chat of bob");
		same(/sign=/.test(await sv.say("log")), false, "signatures in the log");
	});

	/* --- the build --------------------------------------------------- */

	async function builds(page, sv) {
		for (const status of ["0", "1"]) {
			const topic = "build/" + status;
			let text = "";

			await sv.say("build", `${topic} ${status}`);
			await page.goto("about:blank");
			await page.goto(await sv.say("address", topic));
			for (const line of ["cc one.c", "", "\x1b[31mwarning\x1b[0m: <b>two</b>", "  three"]) {
				await sv.say("line", line);
				text += line.replace(/\x1b\[\d*m/g, "") + "\n";
				await says(page, "#output", text);
				if (line === "")
					await page.reload();
			}
			await sv.say("kill");
			await sv.say("line", "four");
			await sv.say("start");
			await says(page, "#output", text + "four\n");
			await state(page, "running");
			same(await sv.say("end"), +status, "the exit status");
			await state(page, status === "0" ? "done" : "failed");
			await page.reload();
			await says(page, "#output", text + "four\n");
			await says(page, "#state", status === "0" ? "passed" : "failed, exit status 1");
		}
		same(/sign=/.test(await sv.say("log")), false, "signatures in the log");
		await shot(page, "build");
		for (const [width, height] of [[390, 844], [1280, 800]]) {
			await page.setViewportSize({ width, height });
			same(await page.evaluate(() => document.documentElement.scrollHeight), height,
			    "the newest line is on the screen: the height of the page");
		}

		/* Whoever starts it is killed: the command goes on, and its end is told. */
		await sv.say("build", "build/2 0");
		await page.goto("about:blank");
		await page.goto(await sv.say("address", "build/2"));
		await sv.say("line", "one");
		await says(page, "#output", "one\n");
		await sv.say("kill-build");
		await sv.say("line", "two");
		await says(page, "#output", "one\ntwo\n");
		await sv.say("line", "end");
		await state(page, "done");
		await page.goto("about:blank");
		await page.goto(sv.url + "/#https://elsewhere.example/events?topic=a");
		await says(page, "#state", "the address of a build has a #");
	}
	example("build", "nginx", "its log and its exit status", builds);

	/* --- the import -------------------------------------------------- */

	const percent = (page) => page.$eval("#bar", (bar) => bar.value);
	const rows = (n) => Array.from({ length: n }, (_, i) => `item ${i},${i}.5\n`).join("");
	const beyond = (page, n) => page.waitForFunction(
	    (n) => document.querySelector("#bar").value > n, n, { timeout: LIMIT_MS });

	async function bring(page, text) {
		await page.setInputFiles("#file", { name: "a.csv", mimeType: "text/csv",
		    buffer: Buffer.from(text) });
		await page.click("text=Import >> visible=true >> nth=-1");
	}

	async function imports(page, sv) {
		const seen = [];

		await page.goto(sv.url);
		await bring(page, rows(4000));
		while (seen.length < 3) {
			await beyond(page, seen.at(-1) ?? 0);
			seen.push(await percent(page));
		}
		await page.reload();
		await beyond(page, seen.at(-1) - 1);
		await shot(page, "import");
		const second = await page.context().newPage();
		await second.goto(page.url());
		await beyond(second, seen.at(-1) - 1);
		await sv.say("kill-producer");
		for (const p of [page, second])
			await state(p, "failed");
		const at = await percent(page);
		const count = "SELECT count(*), data ->> 'percent', data ->> 'rows' FROM prices, " +
		    "(SELECT data FROM events WHERE event IS NULL ORDER BY id DESC LIMIT 1)";
		const [[brought, ...said]] = await sv.say("rows", count);

		same(said, [at, brought], "the percentage is that of what is in the table");
		await page.reload();
		await state(page, "failed");
		same(await percent(page), at, "after a reload");
		await page.click("#again");
		await state(page, "done");
		same([await percent(page), ...(await sv.say("rows", count))[0]],
		    [100, 4000, 100, 4000], "percent, rows");
		await page.reload();
		await state(page, "done");
		same(await percent(page), 100, "after the end and a reload");

		await bring(page, rows(500) + "no price\n");
		await state(page, "failed");
		await says(page, "#rows", "400 rows: row 501 has no price");
		await page.reload();
		await says(page, "#rows", "400 rows: row 501 has no price");
	}
	example("import", "nginx", "percent, reload, killed, gone on", imports);
}
