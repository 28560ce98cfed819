/*
 * echo-largesse.js - Laravel Echo without a WebSocket: its channels over EventSource.
 *
 * Copy it beside the script that makes Echo:
 *
 *	import Echo from "laravel-echo";
 *	import { LargesseConnector } from "./echo-largesse.js";
 *
 *	window.Echo = new Echo({ broadcaster: LargesseConnector });
 *	window.Echo.private("orders.7").listen("OrderShipped", (e) => show(e));
 *
 * The server has LargesseBroadcaster.php.  Channels that are named in one go share a
 * stream, up to 16 of them; private and public ones have a stream each. So name them
 * together: by HTTP/1.1 a browser has six connections to a site.
 *
 * After a break nothing is missing and nothing comes twice.  If the log has no longer
 * what was missed, error() gets { type: "gap" }: load what the page shows anew.  When a
 * private channel's address expires, Laravel is asked again.  { type: "refused" } is a
 * channel that this user may not hear.
 *
 * toOthers() works.  Not there: here(), joining() and leaving() of a presence channel,
 * whisper(), and encrypted channels.  They throw.
 *
 * Options: path ("/events"), EventSource (a class, for example Largesse of largesse.js),
 * and those of Echo: authEndpoint, auth.headers, bearerToken, csrfToken, namespace.
 */
import { Channel, Connector, EventFormatter } from "laravel-echo";

const SHARE = 16;		/* topics of one stream: --max-topics */
const never = (what) => () => { throw new Error("largesse has no " + what); };

class LargesseChannel extends Channel {
	constructor(line, name, options) {
		super();
		Object.assign(this, { line, name, options, listeners: [], opened: [],
			errors: [], formatter: new EventFormatter(options.namespace) });
	}

	listen(event, callback) {
		this.listeners.push([this.formatter.format(event), callback]);
		return this;
	}

	listenToAll(callback) {
		this.listeners.push([null, callback]);
		return this;
	}

	stopListening(event, callback) {
		const name = this.formatter.format(event);

		this.listeners = this.listeners.filter(([other, known]) =>
		    other !== name || callback && known !== callback);
		return this;
	}

	stopListeningToAll(callback) {
		this.listeners = this.listeners.filter(([other, known]) =>
		    other !== null || callback && known !== callback);
		return this;
	}

	subscribed(callback) {
		if (this.line.last === null)
			this.opened.push(callback);
		else
			queueMicrotask(callback);
		return this;
	}

	error(callback) {
		this.errors.push(callback);
		return this;
	}

	take(event, data) {
		const own = String(this.options.namespace ?? "").replace(/\./g, "\\") + "\\";
		const short = event.startsWith(own) ? event.slice(own.length) : "." + event;

		for (const [name, callback] of [...this.listeners])
			if (name === null)
				callback(short, data);
			else if (name === event)
				callback(data);
	}

	fail(why) {
		this.errors.forEach((callback) => callback(why));
	}
}

class PrivateChannel extends LargesseChannel {
	whisper = never("whisper()");
}

class PresenceChannel extends PrivateChannel {
	here = never("list of members");
	joining = never("list of members");
	leaving = never("list of members");
}

/* One stream, of the channels that were named in one go. */
class Line {
	channels = new Map();
	last = null;		/* the id of what was heard last */
	source = null;
	tries = 0;
	started = false;

	constructor(connector, guarded) {
		Object.assign(this, { connector, guarded });
		queueMicrotask(() => {
			this.started = true;
			this.open();
		});
	}

	get full() {
		return this.started || this.channels.size === SHARE;
	}

	async open() {
		let url;

		if (this.channels.size === 0)
			return;
		try {
			url = await this.address();
		} catch (e) {
			return this.again();
		}
		if (this.channels.size === 0)
			return;
		if (this.last !== null)
			url += "&lastEventId=" + encodeURIComponent(this.last);
		const { EventSource = globalThis.EventSource } = this.connector.options;
		const source = this.source = new EventSource(url);

		source.addEventListener("stream-start", (e) => this.start(e));
		source.addEventListener("stream-gap", (e) => {
			this.last = e.lastEventId;
			this.fail({ type: "gap", ...JSON.parse(e.data) });
		});
		source.onmessage = (e) => this.take(e);
		source.onerror = () => {
			if (source.readyState === 2 && this.source === source)
				this.over();
			this.connector.changed();
		};
	}

	/* Those who are refused are told so, and the others have an address. */
	async address() {
		const { authEndpoint, auth, path = "/events" } = this.connector.options;
		const names = [...this.channels.keys()];

		if (!this.guarded)
			return `${path}?` + new URLSearchParams(
			    names.map((name) => ["topic", name]));
		const answer = await fetch(authEndpoint, { method: "POST",
			credentials: "same-origin", headers: { ...auth.headers,
				"Content-Type": "application/json",
				Accept: "application/json" },
			body: JSON.stringify({ channel_name: names,
				socket_id: this.connector.socketId() }) });
		const { status } = answer;

		if (status >= 500 || status === 429)
			throw new Error(`status ${status}`);
		const { url, channels = [] } = status === 200 ? await answer.json() : {};

		for (const name of names.filter((x) => !channels.includes(x))) {
			const channel = this.channels.get(name);

			this.channels.delete(name);
			channel?.fail({ type: "refused", status });
		}
		return url && path + url.slice(url.indexOf("?"));
	}

	start(e) {
		this.tries = 0;
		this.last ??= e.lastEventId;
		for (const channel of this.channels.values())
			channel.opened.splice(0).forEach((callback) => callback());
		this.connector.changed();
	}

	take({ data, lastEventId }) {
		let message;

		this.last = lastEventId;
		try {
			message = JSON.parse(data);
		} catch {
			return;		/* somebody else's */
		}
		if (message?.event && message.socket !== this.connector.socketId())
			this.channels.get(message.channel)?.take(message.event, message.data);
	}

	/* EventSource has given up.  The address may have expired. */
	over() {
		this.source = null;
		if (this.guarded)
			this.again();
		else
			this.fail({ type: "refused" });
	}

	again() {
		const most = Math.min(30000, 500 * 2 ** this.tries++);

		this.timer = setTimeout(() => this.open(), most * Math.random());
	}

	fail(why) {
		for (const channel of this.channels.values())
			channel.fail(why);
	}

	leave(name) {
		this.channels.delete(name);
		if (this.channels.size === 0) {
			clearTimeout(this.timer);
			this.source?.close();
			this.source = null;
		}
	}
}

export class LargesseConnector extends Connector {
	/* Called by the constructor of Connector, before fields would be there. */
	connect() {
		this.channels ??= {};
		this.lines ??= [];
		this.watchers ??= new Set();
		this.id ??= crypto.getRandomValues(new Uint32Array(2)).join(".");
	}

	get(Kind, name, guarded) {
		if (!this.channels[name]) {
			let line = this.lines.find((x) => x.guarded === guarded && !x.full);

			if (!line)
				this.lines.push(line = new Line(this, guarded));
			this.channels[name] = new Kind(line, name, this.options);
			line.channels.set(name, this.channels[name]);
		}
		return this.channels[name];
	}

	listen(name, event, callback) {
		return this.channel(name).listen(event, callback);
	}

	channel(name) {
		return this.get(LargesseChannel, name, /^(private|presence)-/.test(name));
	}

	privateChannel(name) {
		return this.get(PrivateChannel, "private-" + name, true);
	}

	presenceChannel(name) {
		return this.get(PresenceChannel, "presence-" + name, true);
	}

	leave(name) {
		for (const kind of ["", "private-", "presence-"])
			this.leaveChannel(kind + name);
	}

	leaveChannel(name) {
		const line = this.channels[name]?.line;

		delete this.channels[name];
		line?.leave(name);
		this.lines = this.lines.filter((x) => x.channels.size > 0);
	}

	socketId() {
		return this.id;
	}

	connectionStatus() {
		const lines = this.lines.filter(({ channels }) => channels.size > 0);

		if (lines.length === 0)
			return "disconnected";
		if (lines.some(({ source }) => source?.readyState === 1))
			return "connected";
		return lines.some(({ last }) => last !== null) ? "reconnecting" : "connecting";
	}

	onConnectionChange(callback) {
		this.watchers.add(callback);
		return () => this.watchers.delete(callback);
	}

	changed() {
		this.watchers.forEach((callback) => callback(this.connectionStatus()));
	}

	disconnect() {
		Object.keys(this.channels).forEach((name) => this.leaveChannel(name));
	}
}
