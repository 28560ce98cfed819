/*
 * programs.mjs - the clients that are no pages: openai, @ag-ui/client,
 * @tanstack/ai-client, and curl.
 *
 * Each is a class with run() and a member `seen`: the text so far, how it ended
 * (done or failed, in the client's own words), whether it gave up, and how often
 * the program around it had to ask again because the client does not.
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HOME = fileURLToPath(new URL("../../build/clients/", import.meta.url));
const require = createRequire(join(HOME, "package.json"));
export { require };

/* As a page's bundler finds it: what the package has for `import`. */
async function load(name) {
	const { exports, module } = require(join(HOME, "node_modules", name,
	    "package.json"));
	let main = exports?.["."] ?? module;

	while (typeof main !== "string")
		main = main.import ?? main.default;
	return import(pathToFileURL(join(HOME, "node_modules", name, main)));
}

const { OpenAI, APIError, APIConnectionError } = await load("openai");
const { HttpAgent } = await load("@ag-ui/client");
const { ChatClient, fetchServerSentEvents } =
    await load("@tanstack/ai-client");

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

class Program {
	constructor(site, run, prompt) {
		Object.assign(this, { site, run, prompt });
		this.seen = { text: "", end: null, gaveUp: null, again: 0 };
		this.over = new AbortController();
	}

	/* Start it; it goes on by itself. */
	open() {
		this.running = this.listen().catch((e) => {
			this.seen.gaveUp = e.stack;
		});
	}

	/* The user closes the program. */
	close() {
		this.over.abort();
	}

	look() {
		return this.seen;
	}

	/* Ask until it is over; each time from the beginning. */
	async listen() {
		while (!this.over.signal.aborted && !this.seen.end &&
		    !this.seen.gaveUp) {
			this.seen.text = "";
			try {
				await this.ask();
			} catch (e) {
				await this.caught(e);
			}
		}
	}

	async caught(e) {
		if (this.over.signal.aborted)
			return;
		if (e.status < 500) {
			this.seen.gaveUp = e.status;
			return;
		}
		this.seen.again++;
		await pause(200);
	}
}

class OpenAiProgram extends Program {
	async ask() {
		const client = new OpenAI({ baseURL: this.site.app + "/v1",
			apiKey: "none", logLevel: "off" });
		const stream = await client.chat.completions.create({
			model: "slow", stream: true, metadata: { run: this.run },
			messages: [{ role: "user", content: this.prompt }],
		}, { signal: this.over.signal });
		let finish = null;

		for await (const { choices: [choice] } of stream) {
			this.seen.text += choice.delta.content ?? "";
			finish = choice.finish_reason ?? finish;
		}
		if (!this.over.signal.aborted)
			this.seen.end = finish === "stop" ? "done" : "cut";
	}

	async caught(e) {
		if (e instanceof APIError && !e.status &&
		    !(e instanceof APIConnectionError))
			this.seen.end = e.code;
		else
			await super.caught(e);
	}
}

class AgUiProgram extends Program {
	async ask() {
		const agent = new HttpAgent({ url: this.site.app + "/agui",
			threadId: this.run });
		let end = null;
		const show = () => {
			this.seen.text = agent.messages.filter(
			    (m) => m.role === "assistant").map(
			    (m) => m.content).join("||");
		};

		agent.messages = [{ id: "question", role: "user",
			content: this.prompt }];
		await agent.runAgent({ runId: this.run,
			abortController: this.over }, {
			onMessagesChanged: show,
			onRunFinishedEvent: () => { end = "done"; },
			onRunErrorEvent: () => { end = "failed"; },
		});
		show();
		if (!this.over.signal.aborted)
			this.seen.end = end ?? "cut";
	}
}

class TanStackProgram extends Program {
	/* It comes back by itself.  A new program finds the run by its thread. */
	async listen() {
		const thread = this.site.url + this.run;
		const resumed = TanStackProgram.known.has(thread);
		const adapter = fetchServerSentEvents(
		    this.site.app + "/tanstack", { fetchClient:
			(...asked) => this.fetched(...asked) });

		this.client = new ChatClient({ threadId: this.run,
			persistence: resumed, connection: adapter,
			onFinish: () => { this.seen.end ??= "done"; },
			onError: (e) => {
				if (/ status: \d/.test(e.message))
					this.seen.gaveUp = e.message;
				else if (/^the /.test(e.message))
					this.seen.end = "failed";
				else
					this.seen.gaveUp = e.stack;
			} });
		TanStackProgram.known.add(thread);
		this.client.attach();
		if (!resumed)
			await this.client.sendMessage(this.prompt);
	}

	/*
	 * What is stored is whole, if no run is active.  For a run that says nothing
	 * within two seconds it does not wait, and shows nothing: a user loads the
	 * page again, which is what happens here on a busy machine.
	 */
	async fetched(url, init) {
		const { client } = this;

		init?.signal?.addEventListener("abort", () => {
			if (client !== this.client || this.closed ||
			    this.look().text)
				return;
			this.seen.again++;
			this.close();
			this.closed = false;
			this.open();
		});
		const answer = await fetch(url, init);

		if (/json/.test(answer.headers.get("content-type")))
			this.stored = (await answer.clone().json())
			    .activeRun === null;
		return answer;
	}

	look() {
		this.seen.text = this.client.getMessages().filter(
		    (m) => m.role === "assistant").map((m) => m.parts.map(
		    (p) => p.content).join("|")).join("||");
		if (this.stored && this.seen.text)
			this.seen.end ??= "done";
		return this.seen;
	}

	close() {
		this.closed = true;
		this.client.detach();
		this.client.dispose();
	}
}
TanStackProgram.known = new Set();

class CurlProgram extends Program {
	last = null;

	async listen() {
		while (!this.over.signal.aborted && !this.seen.end &&
		    !this.seen.gaveUp) {
			const status = await this.ask();

			if (this.over.signal.aborted || this.seen.end)
				return;
			if (status === 22) {	/* an error of HTTP */
				this.seen.gaveUp = true;
				return;
			}
			this.seen.again++;
			await pause(200);
		}
	}

	/* What a shell script does: it remembers the id, and knows the end. */
	async ask() {
		const from = this.last ? ["-H", "Last-Event-ID: " + this.last] : [];
		const curl = spawn("curl", ["-sSNf", ...from,
			`${this.site.app}/events/plain/${this.run}`],
		    { stdio: ["ignore", "pipe", "ignore"],
			signal: this.over.signal });
		const done = new Promise((ended) => {
			curl.on("error", () => {});
			curl.on("close", ended);
		});
		let text = "", how = null;

		curl.stdout.setEncoding("utf8");
		for await (const piece of curl.stdout) {
			text += piece;
			for (let at; (at = text.indexOf("\n\n")) >= 0;
			    text = text.slice(at + 2))
				how = this.block(text.slice(0, at)) ?? how;
		}
		const status = await done;

		/* 18 is a cut.  The end is the event and status 0. */
		if (status === 0 && how !== null)
			this.seen.end = how;
		return status;
	}

	block(text) {
		const fields = { event: "message", data: [] };

		for (const line of text.split("\n")) {
			const [, name, value] = /^(\w*):? ?(.*)$/s.exec(line);

			if (name === "data")
				fields.data.push(value);
			else
				fields[name] = value;
		}
		this.last = fields.id ?? this.last;
		if (fields.event === "stream-end")
			return fields.data.join("\n");
		if (fields.event === "message")
			this.seen.text += fields.data.join("\n");
		return null;
	}
}

export const PROGRAMS = { openai: OpenAiProgram, agui: AgUiProgram,
	tanstack: TanStackProgram, curl: CurlProgram };
