/*
 * page.mjs - what a browser has and node has not: storage, locks, and a window
 * whose events a test fires.
 */
import { createRequire } from "node:module";
import { setMaxListeners } from "node:events";

const held = new Map(); // name: [the holder, ...those who wait]

// Web Locks, as far as largesse.js needs them.  Each task of a real one takes a turn.
const locks = {
	request(name, { signal, steal } = {}, callback) {
		const queue = held.get(name) ?? [];

		held.set(name, queue);
		return new Promise((resolve, reject) => {
			const one = { begin() {
				Promise.resolve(callback({ name })).then(resolve, reject).finally(() => {
					if (queue[0] === one) {
						queue.shift();
						queue[0] && setTimeout(() => queue[0]?.begin());
					}
				});
			}, reject };

			signal?.addEventListener("abort", () => {
				if (queue.indexOf(one) > 0) {
					queue.splice(queue.indexOf(one), 1);
					reject(signal.reason);
				}
			});
			if (steal) {
				const robbed = queue.shift();

				queue.unshift(one);
				robbed?.reject(new DOMException("stolen", "AbortError"));
				setTimeout(() => one.begin());
			} else {
				queue.push(one);
				if (queue[0] === one)
					setTimeout(() => one.begin());
			}
		});
	},
};

const window = new EventTarget();

setMaxListeners(0, window);

Object.defineProperty(globalThis, "navigator", { value: { locks: null }, configurable: true, writable: true });
globalThis.localStorage = {};
globalThis.sessionStorage = {};
globalThis.document = { hidden: false };
globalThis.addEventListener = window.addEventListener.bind(window);
globalThis.removeEventListener = window.removeEventListener.bind(window);

createRequire(import.meta.url)("../../deploy/js/largesse.js");

export const page = {
	// Tabs share with each other only where a test has given them locks.
	locks,
	fire: (type) => window.dispatchEvent(new Event(type)),
};
