/*
 * page.mjs - the page of interop.mjs: one client of those that browsers have.
 *
 * The page's address says which, where its stream is, and where to report what the
 * client hands on: each event as it came, that it is over, and what nobody caught.
 */
const asked = new URLSearchParams(location.search);
const url = new URL(asked.get("url"), location.href).href;
const TYPES = ["message", "note", "stream-start", "stream-gap", "stream-retry",
	"stream-expire", "stream-beat"];
const starts = await (await fetch(asked.get("report"))).text();
let reported = Promise.resolve();

/* One after the other: the order is what is tested. */
function tell(...what) {
	const body = JSON.stringify(what);

	reported = reported.then(() => fetch(asked.get("report"),
	    { method: "POST", mode: "no-cors", body }));
}

const event = (type, id, data) => tell("event", type, id, data);

/* A page that is over is loaded again when the next scene wants it. */
async function over(why) {
	tell("over", String(why));
	await reported;
	await fetch(`${asked.get("report")}/${starts}`);
	location.reload();
}

/* An EventSource, or what behaves like one. */
function hear(source) {
	for (const type of TYPES)
		source.addEventListener(type,
		    (e) => event(e.type, e.lastEventId, e.data));
	source.addEventListener("error", () => {
		if (source.readyState === 2)
			over("closed");
	});
}

function script(name, type = "") {
	return new Promise((done, failed) => document.head.append(Object.assign(
	    document.createElement("script"),
	    { src: name, type, onload: done, onerror: failed })));
}

function body(html) {
	document.body.insertAdjacentHTML("beforeend", html);
}

const attribute = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;");

const CLIENTS = {
	async native() {
		hear(new EventSource(url));
	},

	async fetchEventSource() {
		const { fetchEventSource } =
		    await import("@microsoft/fetch-event-source");

		fetchEventSource(url, {
			headers: { "X-Page": "1" },
			openWhenHidden: true,
			onmessage: (e) => event(e.event, e.id, e.data),
		}).then(over, over);
	},

	/* The one of deploy/auth.md, word for word. */
	async recipe() {
		const { listen } = await import("recipe");

		listen(url, () => "none", (e) => event(e.event, e.id, e.data)
		    ).then(over, over);
	},

	async polyfill() {
		const { default: { EventSourcePolyfill } } =
		    await import("event-source-polyfill");

		hear(new EventSourcePolyfill(url));
	},

	async extended() {
		const { EventSource } = await import("extended-eventsource");

		hear(new EventSource(url));
	},

	async reconnecting() {
		const { default: Reconnecting } =
		    await import("reconnecting-eventsource");

		hear(new Reconnecting(url, { max_retry_time: 500 }));
	},

	async eventsource() {
		const { EventSource } = await import("eventsource-4");

		hear(new EventSource(url));
	},

	async client() {
		const { createEventSource } = await import("eventsource-client");

		createEventSource({ url,
			onMessage: (e) => event(e.event, e.id, e.data) });
	},

	async sentool() {
		const { fetchEventSource } =
		    await import("@sentool/fetch-event-source");

		fetchEventSource(url, {
			parseJson: false,
			onmessage: (e) => event(e.event, e.id, e.data),
			done: () => over("done"),
			onerror: over,
		});
	},

	async plus() {
		const { EventSourcePlus } = await import("event-source-plus");

		new EventSourcePlus(url).listen({
			onMessage: (e) => event(e.event, e.id, e.data),
		}).onAbort((e) => over(e.reason));
	},

	async sse() {
		const { SSE } = await import("sse.js");
		const source = new SSE(url, { autoReconnect: true,
			reconnectDelay: 300 });

		for (const type of TYPES)
			source.addEventListener(type,
			    (e) => event(e.type, e.lastEventId, e.data));
	},

	async htmx2() {
		document.body.addEventListener("htmx:sseMessage", (
		    { detail: e }) => event(e.type, e.lastEventId, e.data));
		await script("htmx2.js");
		await script("htmx2-sse.js");
		body(`<div hx-ext="sse" sse-connect="${attribute(url)}">
			<p sse-swap="message,note" hx-swap="beforeend"></p></div>`);
		window.htmx.process(document.body);
	},

	async htmx4() {
		document.addEventListener("htmx:sse:after:message", (
		    { detail: { message: e } }) => event(e.event, e.id, e.data));
		await script("htmx4.js");
		await script("htmx4-sse.js");
		body(`<p hx-sse:connect="${attribute(url)}" hx-swap="beforeend"
			></p>`);
		window.htmx.process(document.body);
	},

	async turbo() {
		body('<div id="rows"></div>');
		added();
		await import("@hotwired/turbo");
		body(`<turbo-stream-source src="${attribute(url)}">
			</turbo-stream-source>`);
	},

	async datastar() {
		body(`<div id="rows"></div><div data-on-load="sse('${
		    attribute(url)}', { openWhenHidden: true })"></div>`);
		added();
		document.addEventListener("datastar-sse", ({ detail }) => {
			if (detail.type === "finished")
				over("finished");
		});
		await script("datastar.js", "module");
	},
};

/* Those that bring elements: what is in the page counts. */
function added() {
	new MutationObserver((changes) => {
		for (const { addedNodes } of changes)
			for (const { textContent: n } of addedNodes)
				event("row", null, n);
	}).observe(document.getElementById("rows"), { childList: true });
}

addEventListener("error", (e) => tell("junk", e.message));
addEventListener("unhandledrejection", (e) => tell("junk", String(e.reason)));
CLIENTS[asked.get("client")]().catch((e) => tell("junk", e.stack));
