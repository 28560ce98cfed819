/*
 * clients.mjs - who is in interop.mjs, and what each is known to do.
 *
 * What is not said here is right: nothing is lost, nothing comes twice, nothing reaches
 * the page that nobody published, and after each scene the client is back.
 *
 *	topic	rows in the form that this client has to have (site.py)
 *	over	the scenes after which it never comes back
 *	twice	the scenes in which it hands on rows again
 *	deaf	it hands on nothing but what the page has named
 *	lines	of a row with several lines it hands on the last one
 *	at401	stops, or repeats
 */
const CUT = ["nginx reload that cuts"];
const END = ["kill -9 of the responder", "a gap", "an orderly end",
	"the responder is away"];

export const PAGES = {
	native: { title: "EventSource", at401: "stops" },
	fetchEventSource: { title: "fetch-event-source, headers only",
		over: END, at401: "repeats" },
	recipe: { title: "fetch-event-source, deploy/auth.md", at401: "stops" },
	polyfill: { title: "event-source-polyfill", at401: "stops" },
	extended: { title: "extended-eventsource", at401: "stops" },
	reconnecting: { title: "reconnecting-eventsource", at401: "repeats" },
	eventsource: { title: "eventsource 4, in a page", at401: "stops" },
	client: { title: "eventsource-client, in a page", at401: "repeats" },
	sentool: { title: "@sentool/fetch-event-source", over: [...CUT,
		...END], lines: "last", at401: "stops" },
	plus: { title: "event-source-plus", lines: "last", at401: "repeats" },
	sse: { title: "sse.js, autoReconnect", at401: "repeats" },
	htmx2: { title: "htmx 2, ext-sse", deaf: true, at401: "repeats" },
	htmx4: { title: "htmx 4, hx-sse", at401: "repeats" },
	turbo: { title: "Turbo", topic: "turbo", deaf: true,
		at401: "stops" },
	datastar: { title: "Datastar", topic: "datastar", deaf: true,
		over: END, at401: "stops" },
};

const at = (path) => new URL(path, import.meta.url).pathname;
const node = (name) => [process.execPath, at("program.mjs"), name];

export const PROGRAMS = {
	"eventsource 2": { run: node("eventsource 2"), at401: "stops" },
	"eventsource 3": { run: node("eventsource 3"), at401: "stops" },
	"eventsource 4": { run: node("eventsource 4"), at401: "stops" },
	"eventsource-client": { run: node("eventsource-client"),
		at401: "repeats" },
	"launchdarkly-eventsource": { run: node("launchdarkly-eventsource"),
		at401: "stops" },
	"undici EventSource": { run: node("undici"), at401: "stops" },
	"PHP curl": { run: ["php", at("client.php"), "curl"], at401: "stops" },
	"PHP fopen": { run: ["php", at("client.php"), "fopen"], at401: "stops" },
	"Python requests": { run: ["/usr/bin/python3", at("client.py"),
		"requests"], at401: "stops" },
	"Python httpx": { run: ["/usr/bin/python3", at("client.py"), "httpx"],
		at401: "stops" },
	"Python aiohttp": { run: ["/usr/bin/python3", at("client.py"),
		"aiohttp"], at401: "stops" },
	"Python urllib": { run: ["/usr/bin/python3", at("client.py"), "urllib"],
		at401: "stops" },
	"Ruby Net::HTTP, max_retries = 0": { run: ["ruby", at("client.rb"),
		"once"], at401: "stops" },
	"Ruby Net::HTTP as it is": { run: ["ruby", at("client.rb"), "again"],
		twice: CUT, at401: "stops" },
	"Perl LWP": { run: ["perl", at("client.pl"), "lwp"], at401: "stops" },
	"Perl Mojo": { run: ["perl", at("client.pl"), "mojo"], at401: "stops" },
};
