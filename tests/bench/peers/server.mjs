// A small node server: POST /publish to all who GET /events, from memory.
import {createServer} from 'node:http';

const streams = new Set();
let id = 0;

const server = createServer((req, res) => {
	if (req.method === 'POST') {
		let body = '';
		req.setEncoding('utf8');
		req.on('data', (part) => { body += part; });
		req.on('end', () => {
			const event = Buffer.from(`id: ${++id}\ndata: ${body}\n\n`);
			for (const stream of streams)
				stream.write(event);
			res.writeHead(202, {'Content-Length': 0}).end();
		});
		return;
	}
	res.writeHead(200, {
		'Content-Type': 'text/event-stream',
		'Cache-Control': 'no-store',
	});
	res.write(': hi\n\n');
	streams.add(res);
	res.on('close', () => streams.delete(res));
});
server.listen({host: '127.0.0.1', port: +process.argv[2], backlog: 4096});
