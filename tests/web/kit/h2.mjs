/*
 * h2.mjs - requests on one HTTP/2 connection, as a browser would put them there.
 *
 * usage: node h2.mjs URL, and on stdin lines of "open N PATH" and "leave N".
 * It says, each on a line: "may N" (the streams that the server allows at a
 * time), "head N STATUS", "event N DATA", "end N CODE", "gone" (the connection).
 * Like a browser it keeps a request back that would be one too many, and asks
 * again when the server did nothing with it (REFUSED_STREAM).
 */
import http2 from "node:http2";
import { createInterface } from "node:readline";

const session = http2.connect(process.argv[2], { rejectUnauthorized: false });
const streams = {};
const say = (...words) => console.log(words.join(" "));

session.on("remoteSettings", (s) => say("may", s.maxConcurrentStreams));
session.on("error", () => {});
session.on("close", () => say("gone"));

function open(n, path) {
	const stream = streams[n] = session.request({ ":path": path });
	let text = "";
	stream.setEncoding("utf8");
	stream.on("response", (head) => say("head", n, head[":status"]));
	stream.on("data", (part) => {
		const lines = (text + part).split("\n");
		text = lines.pop();
		for (const line of lines)
			if (line.startsWith("data: "))
				say("event", n, line.slice(6));
	});
	stream.on("error", () => {});
	stream.on("close", () => {
		if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM)
			open(n, path);
		else
			say("end", n, stream.rstCode);
	});
}

createInterface({ input: process.stdin }).on("line", (line) => {
	const [word, n, path] = line.split(" ");
	if (word === "open")
		open(n, path);
	else
		streams[n].close(http2.constants.NGHTTP2_CANCEL);
}).on("close", () => process.exit(0));
