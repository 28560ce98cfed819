/*
 * program.mjs - one of the clients that programs in Node have.
 *
 * usage: program.mjs NAME URL
 *
 * Each event is told as it came, in a line of JSON; so is that the client is over, and
 * what nobody caught.
 */
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const home = new URL("../../../build/clients/package.json", import.meta.url);
const require = createRequire(fileURLToPath(home));
const [name, url] = process.argv.slice(2);
const TYPES = ["message", "note", "stream-start", "stream-gap", "stream-retry",
	"stream-expire", "stream-beat"];
const tell = (...what) => console.log(JSON.stringify(what));
const load = (name) => import(pathToFileURL(require.resolve(name)));

function hear(source) {
	for (const type of TYPES)
		source.addEventListener(type, (e) => tell("event", e.type,
		    e.lastEventId, e.data));
	source.addEventListener("error", () => {
		if (source.readyState === 2)
			tell("over", "closed");
	});
}

const CLIENTS = {
	"eventsource 2": () => hear(new (require("eventsource-2"))(url)),
	"eventsource 3": async () => hear(new (
	    (await load("eventsource-3")).EventSource)(url)),
	"eventsource 4": async () => hear(new (
	    (await load("eventsource-4")).EventSource)(url)),
	"launchdarkly-eventsource": () => hear(new (
	    require("launchdarkly-eventsource").EventSource)(url)),
	"undici": () => hear(new (require("undici").EventSource)(url)),
	"eventsource-client": async () => (
	    await load("eventsource-client")).createEventSource({ url,
		onMessage: (e) => tell("event", e.event, e.id, e.data) }),
};

/* undici waits with a timer that does not keep a program alive. */
setInterval(() => {}, 1e9);
process.on("uncaughtException", (e) => tell("junk", e.stack));
await CLIENTS[name]();
