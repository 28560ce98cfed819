/*
 * wordpress.mjs - stories of people with browsers on a WordPress site.
 *
 * usage: wordpress.mjs STORY JSON	test_wordpress.py gives both
 *
 * A story fails with a line that says what did not come.  What it returns goes to
 * stdout as JSON.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const require = createRequire(here("../../build/browser/package.json"));
const { chromium } = require("playwright-core");
const LIMIT_MS = +(process.env.LIMIT_MS || 90000);
const [, , name, json] = process.argv;
const site = JSON.parse(json);
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
	    "--no-first-run", "--disable-background-networking"],
});

/* --- people ------------------------------------------------------------- */

/* Each has a browser of their own, and a page. */
async function person(login, width = 1280) {
	const context = await browser.newContext({ viewport:
	    { width, height: width > 600 ? 900 : 844 } });
	const page = await context.newPage();

	page.setDefaultTimeout(LIMIT_MS);
	page.on("dialog", (d) => d.accept());
	if (login) {
		await page.goto(site.url + "/wp-login.php");
		await page.fill("#user_login", login);
		await page.fill("#user_pass", login);
		await page.click("#wp-submit");
		await page.waitForURL(/wp-admin/);
	}
	return page;
}

const post = () => `${site.url}/?p=${site.post}`;

/* The page hears of all that happens after it was made: nothing has to be waited for. */
const read = (page) => page.goto(post());

async function comment(page, text, parent = 0) {
	await page.goto(post() + (parent ? `&replytocom=${parent}` : "") +
	    "#respond");
	await page.fill("#comment", text);
	if (await page.locator("#author").isVisible()) {
		await page.fill("#author", "Vera");
		await page.fill("#email", "vera@example.org");
	}
	await page.click("#respond [type=submit]");
	await page.waitForLoadState();
}

const shows = (page, text, selector = "body") =>
    page.locator(selector, { hasText: text }).first().waitFor();

function same(is, want, what) {
	if (JSON.stringify(is) !== JSON.stringify(want))
		throw new Error(`${what}: is ${JSON.stringify(is)}, ` +
		    `should be ${JSON.stringify(want)}`);
}

/* What the stream answers to the user of this page: the status, and all that is in
   the log of this topic up to the event that is waited for. */
const asks = (page, topic, until = "", token = "") => page.evaluate(
    async ([topic, until, token]) => {
	const query = new URLSearchParams({ topic, lastEventId: "earliest",
	    ...token && { access_token: token } });
	const answer = await fetch(largesseSite.urls[0] + "?" + query,
	    { credentials: token ? "omit" : "same-origin" });
	const reader = answer.body.pipeThrough(new TextDecoderStream())
	    .getReader();
	let text = "";

	while (answer.status === 200 && !text.includes(until || "\n\n")) {
		const { value, done } = await reader.read();

		if (done)
			break;
		text += value;
	}
	await reader.cancel();
	return [answer.status, text];
}, [topic, until, token]);

/* WordPress's own REST interface, as the user of this page. */
const rest = (page, route, body) => page.evaluate(async ([url, route, body]) => {
	const nonce = await (await fetch(url +
	    "/wp-admin/admin-ajax.php?action=rest-nonce")).text();
	const answer = await fetch(url + "/?rest_route=/wp/v2/" + route, {
		method: body ? "POST" : "GET", body: body && JSON.stringify(body),
		headers: { "X-WP-Nonce": nonce,
		    "Content-Type": "application/json" } });
	const said = await answer.json();

	if (!answer.ok)
		throw new Error(JSON.stringify(said));
	return said;
}, [site.url, route, body]);

/* A page that is loaded again has lost this. */
const mark = (page) => page.evaluate(() => { window.mine = true; });
const marked = async (page) => same(await page.evaluate(() => window.mine), true,
    "the page was not loaded again");

/* A comment, as it stands in a page: without what follows it, and what differs. */
const standing = (page, text) => page.evaluate((text) => {
	const all = [...document.querySelectorAll("li[id^=comment-]")];
	const one = all.filter((li) => li.textContent.includes(text)).pop()
	    .cloneNode(true);

	one.querySelectorAll("ol").forEach((list) => list.remove());
	one.className = [...one.classList].filter((name) => !
	    /^(largesse-new|(thread-)?(odd|even|alt))$/
	    .test(name)).join(" ");
	return one.outerHTML.replace(/<!--.*?-->/g, "").replace(/\s+/g, " ")
	    .replace(/wp-container-[\w-]*\d/g, "wp-container");
}, text);

async function shot(page, name) {
	if (site.shots)
		await page.screenshot({ path: `${site.shots}/${name}.png`,
		    fullPage: true });
}

/* --- the stories -------------------------------------------------------- */

const stories = {
	/* The owner uploads the plugin, activates it and looks. */
	async activate() {
		const page = await person("root");

		if (site.zip) {
			await page.goto(site.url +
			    "/wp-admin/plugin-install.php?tab=upload");
			await page.setInputFiles("#pluginzip", site.zip);
			await page.click("#install-plugin-submit");
			await page.click("a.button-primary:has-text('Activate')");
		} else {
			await page.goto(site.url + "/wp-admin/plugins.php");
			await page.click("#activate-largesse");
		}
		await page.waitForURL(/plugins\.php/);
		return await stories.look(page);
	},

	/* The owner lets the plugin ask the host again. */
	async again() {
		const page = await person("root");

		await page.goto(site.url +
		    "/wp-admin/options-general.php?page=largesse");
		await page.click("text=Look again");
		await page.waitForURL(/looked=1/);
		return await stories.look(page);
	},

	/* What the settings page says. */
	async look(page) {
		page = page || await person("root");
		await page.goto(site.url +
		    "/wp-admin/options-general.php?page=largesse");
		await page.locator("#largesse-test.largesse-works, " +
		    "#largesse-test.largesse-fails").waitFor();
		await shot(page, "settings-1280");
		await page.setViewportSize({ width: 390, height: 844 });
		await shot(page, "settings-390");
		return {
			test: await page.textContent("#largesse-test"),
			works: await page.locator(
			    "#largesse-test.largesse-works").count(),
			taken: await page.textContent("tr:has(.largesse-taken)"),
			ways: await page.locator(".largesse-ways tbody tr")
			    .allTextContents(),
			troubles: await page.locator(".largesse .notice-error")
			    .allTextContents(),
		};
	},

	/* An editor, a subscriber, a visitor and a visitor with a phone. */
	async live() {
		const [ed, sue] = [await person("ed"), await person("sue")];
		const [visitor, phone] = [await person(), await person("", 390)];
		const bell = ed.locator("#wp-admin-bar-largesse-bell");

		for (const page of [ed, visitor, phone]) {
			await read(page);
			await mark(page);
		}
		await shows(visitor, "people are reading", ".largesse-readers");
		const many = parseInt(await visitor.textContent(
		    ".largesse-readers"), 10);
		same(many >= 2, true, `${many} people are reading`);

		/* The first comment of somebody waits: the bell rings. */
		await comment(sue, "The wheel turns again.");
		await bell.locator(".ab-label", { hasText: "1" }).waitFor();
		same(await bell.evaluate((b) => b.classList.contains(
		    "largesse-rings")), true, "it rings");
		await sue.goto(site.url + "/wp-admin/");
		same(await sue.locator("#wp-admin-bar-largesse-bell").count(), 0,
		    "bells of a subscriber");
		same(await visitor.getByText("The wheel turns").count(), 0,
		    "comments that wait, for a visitor");

		/* Approved, it is there. */
		const [waits] = await rest(ed, "comments&status=hold");
		await rest(ed, "comments/" + waits.id, { status: "approved" });
		for (const page of [ed, visitor, phone])
			await shows(page, "The wheel turns again.",
			    `#comment-${waits.id}`);
		await bell.locator(".ab-label", { hasText: "0" }).waitFor();

		/* An answer goes under it, and tags are what WordPress makes of them. */
		await comment(sue, "<b>Bold</b> <script>window.bad = 1</script>" +
		    "<img src=x onerror='window.bad = 1'> &lt;i>", waits.id);
		await shows(visitor, "Bold", `#comment-${waits.id} li .comment-content, ` +
		    `#comment-${waits.id} li .wp-block-comment-content`);
		const other = await person();
		await read(other);
		for (const text of ["The wheel", "Bold"])
			same(await standing(visitor, text),
			    await standing(other, text), "the comment");
		same(await visitor.evaluate(() => window.bad ?? null), null, "bad");
		await marked(visitor);
		await shot(visitor, site.theme + "-post-1280");
		await shot(phone, site.theme + "-post-390");

		/* The post changes. */
		await rest(ed, "posts/" + site.post, { content:
		    "<!-- wp:paragraph --><p>The mill is for sale.</p>" +
		    "<!-- /wp:paragraph -->", title: "The mill" });
		await visitor.locator(".largesse-notice").waitFor();
		await phone.locator(".largesse-notice").waitFor();
		await shot(phone, site.theme + "-notice-390");
		await visitor.click(".largesse-notice button");
		await shows(visitor, "The mill is for sale.");
		same(await visitor.getByText("stands by the river").count(), 0,
		    "what stood there before");
		await shows(visitor, "The mill", "h1");
		await shows(visitor, "reading", ".largesse-readers");
		await marked(visitor);

		/* What is not to be seen any more goes. */
		await rest(ed, "comments/" + waits.id, { status: "hold" });
		await visitor.locator(`#comment-${waits.id}`).waitFor(
		    { state: "detached" });
		await marked(visitor);
		const [, log] = await asks(visitor, "public/post/" + site.post,
		    "comment-gone");
		same(log.includes("The wheel turns"), false, "it is in the log");
		await ed.goto(site.url + "/wp-admin/edit-comments.php");
		await shot(ed, site.theme + "-bell-1280");
	},

	/* A topic is for one user; site.topic has an event with the word private. */
	async secret() {
		const [ed, sue, visitor] = [await person("ed"), await person("sue"),
		    await person()];

		await read(ed);
		await read(visitor);
		await read(sue);
		same(await ed.evaluate(() => largesseSite.urls[0].split(".").pop()),
		    site.way, "the way");
		/* Who logged out just before has no token for three seconds. */
		let [status, text] = [0, ""];
		const end = Date.now() + LIMIT_MS;
		while (status !== 200 && Date.now() < end) {
			await read(ed);
			[status, text] = await asks(ed, site.topic, "private");
		}
		same([status, text.includes("private")], [200, true], "the owner");
		same((await asks(sue, site.topic))[0], 403, "another user");
		same((await asks(sue, "can/moderate_comments"))[0], 403,
		    "a subscriber and the bell");
		same((await asks(visitor, site.topic))[0], 401, "a visitor");
		same((await asks(visitor, "*"))[0], 401, "all, for a visitor");

		/* A page whose token is over gets a new one. */
		if (site.way === "cgi") {
			await ed.context().clearCookies({ name: "largesse" });
			await ed.evaluate((topic) => new Promise((done) =>
			    largesse.on(topic, "stream-start", done)), site.topic);
		}

		/* A stream that is open ends when the owner logs out. */
		const { value } = (await ed.context().cookies(site.url +
		    "/wp-content/largesse/")).find((c) => c.name === "largesse");
		same((await asks(visitor, site.topic, "private", value))[0], 200,
		    "a token");
		const open = asks(visitor, site.topic, "never", value);
		await ed.hover("#wp-admin-bar-my-account");
		await ed.click("#wp-admin-bar-logout a");
		await ed.waitForURL(/loggedout/);
		same((await open)[1].includes("never"), false, "the open stream ends");
		same((await asks(visitor, site.topic, "", value))[0], 401,
		    "the token of one who has logged out");
	},

	/* The owner deactivates the plugin and deletes it. */
	async remove() {
		const page = await person("root");

		await page.goto(site.url + "/wp-admin/plugins.php");
		await page.click("#deactivate-largesse");
		await page.click("#delete-largesse");
		await page.locator("tr.deleted[data-slug=largesse], " +
		    "tr[data-slug=largesse].deleted").first().waitFor(
		    { state: "attached" });
	},
};

try {
	console.log(JSON.stringify(await stories[name]() ?? null));
} catch (error) {
	for (const context of browser.contexts())
		for (const page of context.pages())
			console.error("#", page.url());
	console.error(error.stack);
	process.exitCode = 1;
}
await browser.close();
