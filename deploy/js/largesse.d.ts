/** How the page's events come: README.md says what each is. */
export type Way = "stream" | "padded" | "short" | "post" | "poll" | "shared";

export interface LargesseOptions {
	/** Topics to subscribe to, beside those in the address. */
	topics?: string[];
	/**
	 * A token, or a function that gets one.  It is asked for the first one, before a token ends,
	 * and when one is refused.
	 */
	token?: string | (() => string | Promise<string>);
	/** Send cookies to another origin, as with EventSource. */
	withCredentials?: boolean;
	/** Begin after this event. */
	lastEventId?: string;
	/**
	 * Keep the place over loads of the page: of this tab (`true` or "session") or of all tabs
	 * and days ("local").
	 */
	keep?: boolean | "session" | "local";
	/** Told which way was chosen: an address for navigator.sendBeacon, or a function. */
	report?: string | ((what: { way: Way; why: string; url: string }) => void);
	/** One stream for all tabs with the same address and topics.  The default is true. */
	share?: boolean;
	/** The ways that may be used.  The default is all.  Without "poll" nothing can judge the others. */
	ways?: ("stream" | "padded" | "post" | "poll")[];
	/** Seconds from one sign of life to the next, where streams are well.  The default is 8. */
	beat?: number;
}

export interface LargesseEventMap extends EventSourceEventMap {
	/** Events were removed before this page had them.  The data is that of `stream-gap`. */
	gap: MessageEvent<string>;
	/** `way` or `why` changed. */
	way: Event;
}

/** An EventSource that finds a way through what harms streams. */
export class Largesse extends EventTarget implements EventSource {
	constructor(url: string | URL, options?: LargesseOptions);

	static readonly CONNECTING: 0;
	static readonly OPEN: 1;
	static readonly CLOSED: 2;
	readonly CONNECTING: 0;
	readonly OPEN: 1;
	readonly CLOSED: 2;

	readonly url: string;
	readonly withCredentials: boolean;
	readonly readyState: 0 | 1 | 2;
	/** Id of the newest event that the page got: the place from which it would go on. */
	readonly lastEventId: string;
	/** The way that is taken; "" before the first answer. */
	readonly way: Way | "";
	/** Why, in a sentence. */
	readonly why: string;

	onopen: ((this: EventSource, ev: Event) => any) | null;
	onmessage: ((this: EventSource, ev: MessageEvent) => any) | null;
	onerror: ((this: EventSource, ev: Event) => any) | null;
	ongap: ((this: Largesse, ev: MessageEvent<string>) => any) | null;
	onway: ((this: Largesse, ev: Event) => any) | null;

	addEventListener<K extends keyof LargesseEventMap>(
		type: K,
		listener: (this: Largesse, ev: LargesseEventMap[K]) => any,
		options?: boolean | AddEventListenerOptions,
	): void;
	addEventListener(
		type: string,
		listener: (this: EventSource, ev: MessageEvent) => any,
		options?: boolean | AddEventListenerOptions,
	): void;
	addEventListener(
		type: string,
		listener: EventListenerOrEventListenerObject | null,
		options?: boolean | AddEventListenerOptions,
	): void;
	removeEventListener<K extends keyof LargesseEventMap>(
		type: K,
		listener: (this: Largesse, ev: LargesseEventMap[K]) => any,
		options?: boolean | EventListenerOptions,
	): void;
	removeEventListener(
		type: string,
		listener: (this: EventSource, ev: MessageEvent) => any,
		options?: boolean | EventListenerOptions,
	): void;
	removeEventListener(
		type: string,
		listener: EventListenerOrEventListenerObject | null,
		options?: boolean | EventListenerOptions,
	): void;

	close(): void;
}

export default Largesse;
