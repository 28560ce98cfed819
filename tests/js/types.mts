/*
 * types.mts - a program of a site, for tsc: all that the README has, and all that a
 * program does with an EventSource.
 */
import Default, { Largesse, type LargesseOptions, type Way } from "largesse-client";
import type { Largesse as Script } from "largesse-client/largesse.js";

const options: LargesseOptions = {
	topics: ["news", "user/7"],
	token: async () => (await fetch("/token")).text(),
	withCredentials: true,
	lastEventId: "41-k52q",
	keep: "local",
	report: ({ way, why, url }) => console.log(way, why, url),
	share: false,
	ways: ["stream", "poll"],
	beat: 8,
};
const stream = new Largesse("/events", options);
const native: EventSource = stream, same: Script = new Default(new URL("/events", location.href));
const Source: typeof EventSource = Largesse;
const take = (e: MessageEvent<string>) => console.log(e.data, e.lastEventId);

stream.onopen = () => console.log(stream.lastEventId);
stream.onmessage = (e) => console.log(e.data);
stream.onerror = () => stream.readyState === Largesse.CLOSED;
stream.ongap = (e) => console.log(JSON.parse(e.data));
stream.onway = () => console.log(stream.way, stream.why);
stream.addEventListener("update", (e) => console.log(e.data));
stream.addEventListener("gap", (e) => console.log(e.data));
stream.addEventListener("way", () => {
	const way: Way | "" = stream.way;

	console.log(way);
});
stream.addEventListener("update", take);
stream.removeEventListener("update", take);
stream.close();
console.log(native, same, Source);
