/*
 * test_parse.mjs - bytes become events as WHATWG says, wherever they are split.
 */
import assert from "node:assert/strict";
import { test } from "./tap.mjs";

const START = 'event: stream-start\nid: 0\ndata: {"id":"0"}\n\n';
const bytes = (text) => new TextEncoder().encode(text);

const cases = [
	["lines that end with LF", "id: 1\ndata: a\n\nid: 2\ndata: b\n\n", [["message", "a", "1"], ["message", "b", "2"]]],
	["lines that end with CRLF", "id: 1\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
		[["message", "a\nb", "1"], ["message", "c", "1"]]],
	["lines that end with CR", "id: 1\rdata: a\rdata: b\r\rdata: c\r\r", [["message", "a\nb", "1"], ["message", "c", "1"]]],
	["all ends of lines mixed", "data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r\ndata: e\n\n",
		[["message", "a\nb\nc", "0"], ["message", "d", "0"], ["message", "e", "0"]]],
	["a byte order mark, once", "\ufeffdata: a\n\n\ufeffdata: b\n\n", [["message", "a", "0"]], true],
	["comments, and fields that nobody knows", ": hi\n:\ndata: a\nfoo: bar\n:x\nbaz\n\n", [["message", "a", "0"]]],
	["one blank after the colon goes", "data:a\ndata: b\ndata:  c\n\n", [["message", "a\nb\n c", "0"]]],
	["fields without a colon", "data\ndata\n\ndata\n\n", [["message", "\n", "0"], ["message", "", "0"]]],
	["no data, no event", "event: x\nid: 7\n\ndata: a\n\n", [["message", "a", "7"]]],
	["names of events, each for its own block", "event: x\ndata: a\n\ndata: b\n\nevent\ndata: c\n\n",
		[["x", "a", "0"], ["message", "b", "0"], ["message", "c", "0"]]],
	["an id with NUL is passed over", "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
		[["message", "a", "1"], ["message", "b", "1"]]],
	["an id that is empty", "id: 1\ndata: a\n\nid\ndata: b\n\n", [["message", "a", "1"], ["message", "b", ""]]],
	["the last id of a block counts", "id: 1\nid: 2\ndata: a\n\n", [["message", "a", "2"]]],
	["text beyond ASCII", "data: zł €\u2028 😀\n\n", [["message", "zł €\u2028 😀", "0"]]],
	["a block that is not whole is none", "data: a\n\ndata: b\n", [["message", "a", "0"]]],
	["JSON that holds colons", 'data: {"a": "b: c"}\n\n', [["message", '{"a": "b: c"}', "0"]]],
	["names that objects have", "event: toString\n__proto__: x\nconstructor: y\ndata: a\n\n", [["toString", "a", "0"]]],
];

// What a page gets of these pieces.
async function parse(pieces) {
	const fetch = globalThis.fetch;
	const got = [];
	let es;

	globalThis.fetch = async (url) => url.searchParams.has("poll") ? Promise.reject(new Error("no polls here")) : new Response(new ReadableStream({
		start(c) {
			pieces.forEach((p) => c.enqueue(p));
			c.close();
		},
	}), { headers: { "Content-Type": "text/event-stream" } });
	try {
		es = new Largesse("http://x.example/events", { share: false });
		for (const type of ["message", "x", "toString"])
			es.addEventListener(type, (e) => got.push([type, e.data, e.lastEventId]));
		await new Promise((over) => { es.onerror = over; });
	} finally {
		es.close();
		globalThis.fetch = fetch;
	}
	return got;
}

for (const [name, text, want, marked] of cases)
	test("parse: " + name, async () => {
		const all = bytes((marked ? "\ufeff" : "") + START + (marked ? text.slice(1) : text));
		const splits = [[all], [...all].map((_, i) => all.subarray(i, i + 1))];

		for (let i = 1; i < all.length; i++)
			splits.push([all.subarray(0, i), all.subarray(i)]);
		for (let i = START.length + 1; i + 2 < all.length; i++)
			splits.push([all.subarray(0, i), all.subarray(i, i + 2), all.subarray(i + 2)]);
		for (const pieces of splits)
			assert.deepEqual(await parse(pieces), want, "split at " + pieces[0].length);
	}, { batch: 0 });
