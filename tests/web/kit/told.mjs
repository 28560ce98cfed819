/*
 * told.mjs - a program that is told what to do, a line each, and answers each line
 * with a line of JSON.  Its first answer comes by itself, when it is ready.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export class Told {
	/* What it says first is in `first`.  env is added to ours. */
	static async start([program, ...words], env = {}) {
		const me = new this();

		me.proc = spawn(program, words, { env: { ...process.env, ...env },
			stdio: ["pipe", "pipe", "pipe"] });
		me.errors = "";
		me.proc.stderr.on("data", (d) => { me.errors += d; });
		me.ended = new Promise((done) => me.proc.on("close", done));
		me.lines = createInterface({ input: me.proc.stdout })
		    [Symbol.asyncIterator]();
		me.turn = Promise.resolve();
		me.first = await me.answer();
		return me;
	}

	async answer() {
		const { value, done } = await this.lines.next();

		if (done)
			throw new Error("it ended: " + this.errors);
		return JSON.parse(value);
	}

	/* Who speaks while another waits for an answer has to wait, too. */
	say(...words) {
		this.turn = this.turn.then(() => {
			this.proc.stdin.write(words.join(" ") + "\n");
			return this.answer();
		});
		return this.turn;
	}

	/* Its exit status. */
	async stop() {
		this.proc.stdin.end();
		return await this.ended;
	}
}
