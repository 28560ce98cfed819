// npm's resumable-stream on Redis, as its README has it: a run is a stream of
// strings that this process produces, and GET /run/N reads it.
//
// usage: resumable.mjs PORT REDIS_SOCKET NODE_MODULES first|again
//
// first: GET is the request that makes the run, so its reader has the chunks
// from memory.  again: the run is made before, and whoever made it has gone;
// the reader has the chunks through Redis.
//
// Commands are those of publish.c, on stdin:
//
//   make N			runs run/0 to run/N-1, for `again`
//   runs N RATE SECONDS MS	so many chunks a second to each; every MS
//				what is due
//   burst COUNT		so many chunks to run/0, at once
import {createRequire} from 'node:module';
import {createServer} from 'node:http';
import {createInterface} from 'node:readline';

const [port, path, modules, reader] = process.argv.slice(2);
const require = createRequire(modules + '/');
const {createResumableStreamContext} = require('resumable-stream');
const {createClient} = require('redis');

const publisher = createClient({socket: {path}});
const subscriber = createClient({socket: {path}});
await Promise.all([publisher.connect(), subscriber.connect()]);
const context = createResumableStreamContext(
	{waitUntil: (promise) => promise, publisher, subscriber});

const runs = new Map();
const filler = 'x'.repeat(100);

const make = (name) => () => new ReadableStream({
	start(controller) { runs.set(name, controller); },
});

// The data of an event has 100 bytes, as publish.c has them.
function chunk(n) {
	const text = `@n=${n} t=${process.hrtime.bigint()} `;
	return `id: ${n}\ndata: ${text}${filler.slice(text.length + 1)}$\n\n`;
}

const server = createServer(async (req, res) => {
	const name = req.url.slice(1);
	const stream = !name.startsWith('run/') ? null : reader === 'first' ?
		await context.resumableStream(name, make(name)) :
		await context.resumeExistingStream(name);
	if (!stream) {
		res.writeHead(404, {'Content-Length': 0}).end();
		return;
	}
	res.writeHead(200, {'Content-Type': 'text/event-stream'});
	res.flushHeaders();
	for await (const text of stream)
		res.write(text);
	res.end();
});
server.listen({host: '127.0.0.1', port: +port, backlog: 4096});

let next = 1;

const answer = (first, began) => console.log(JSON.stringify({
	first, last: next - 1, began_ns: Number(began),
	ended_ns: Number(process.hrtime.bigint()), cpu_us: 0}));

function publish(n, rate, seconds, ms) {
	const began = process.hrtime.bigint(), first = next;
	const all = Math.round(rate * seconds) * n;
	let done = 0;
	const timer = setInterval(() => {
		const now = Number(process.hrtime.bigint() - began) / 1e9;
		const due = Math.min(all, Math.floor(now * rate * n));
		for (; done < due; done++)
			runs.get(`run/${done % n}`).enqueue(
				chunk(first + Math.floor(done / n)));
		if (done < all)
			return;
		clearInterval(timer);
		next += all / n;
		answer(first, began);
	}, ms);
}

async function command(line) {
	const [word, ...rest] = line.split(' ');
	const [n, rate, seconds, ms] = rest.map(Number);
	if (word === 'runs') {
		publish(n, rate, seconds, ms);
	} else if (word === 'make') {
		for (let i = 0; i < n; i++) {
			const name = `run/${i}`;
			const stream = await context.createNewResumableStream(
				name, make(name));
			await stream.cancel();
		}
		console.log('{}');
	} else if (word === 'burst') {
		const began = process.hrtime.bigint(), first = next;
		const run = runs.get('run/0');
		for (let i = 0; i < n; i++)
			run.enqueue(chunk(next++));
		while (run.desiredSize < 1)	// not all is read
			await new Promise((done) => setTimeout(done, 1));
		answer(first, began);
	}
}
createInterface({input: process.stdin}).on('line', command);
