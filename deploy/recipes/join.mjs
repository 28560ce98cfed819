// join.mjs FILE TOPIC PROMPT - a model's answer: what comes in 50 ms is a row.
//
// The last row ends the topic; its data is `done`, `failed` or `stopped` (SIGTERM).
// The environment has OPENAI_BASE_URL, OPENAI_API_KEY and MODEL.  As in publish.mjs
// the sqlite3 program does the writing: one for the whole answer.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

const [path, topic, prompt] = process.argv.slice(2), env = process.env;
const db = spawn("sqlite3", ["-bail", path], { stdio: ["pipe", "inherit", "inherit"], detached: true });
const hex = (s) => `CAST(x'${Buffer.from(s).toString("hex")}' AS TEXT)`;
const add = (event, data) => db.stdin.write(
	`INSERT INTO events(topic, event, data) VALUES(${hex(topic)}, ${event}, ${hex(data)});\n`);
let text = "", due = null, why = "failed";
const flush = () => { if (text) add("NULL", text); text = ""; due = clearTimeout(due); };
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => stop.abort());
db.stdin.on("error", () => stop.abort());
db.stdin.write(".timeout 5000\n");
try {
	const answer = await fetch(env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", signal: stop.signal,
		headers: { "Content-Type": "application/json", Authorization: "Bearer " + env.OPENAI_API_KEY },
		body: JSON.stringify({ model: env.MODEL, stream: true, messages: [{ role: "user", content: prompt }] }) });
	for await (const line of createInterface({ input: Readable.fromWeb(answer.body) })) {
		if (line.startsWith("data: [DONE]")) { why = "done"; break; }
		text += line.startsWith("data: {") ? JSON.parse(line.slice(6)).choices[0]?.delta.content ?? "" : "";
		if (text) due ??= setTimeout(flush, 50);
	}
} catch (e) {
	console.error(String(e));
}
flush();
add("'stream-end'", stop.signal.aborted ? "stopped" : why);
db.stdin.end();
db.on("exit", (code) => process.exit(code || Number(why !== "done")));
