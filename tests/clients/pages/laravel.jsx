/*
 * laravel.jsx - @laravel/stream-react.
 *
 * Its hook closes at any error, also where EventSource would come back.  A page
 * that wants to come back gives it another address, and it begins anew.
 */
import { useEventStream } from "@laravel/stream-react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const run = new URLSearchParams(location.search).get("run");
const seen = { text: "", end: null, gaveUp: null, again: 0 };
let failed = false;

window.look = () => seen;

function Page() {
	const [again, setAgain] = useState(0);
	const { message } = useEventStream(
	    `/app/chat.cgi/events/laravel/${run}?again=${again}`, {
		eventName: ["update", "failed"],
		glue: "",
		onMessage: (e) => { failed ||= e.type === "failed"; },
		onComplete: () => { seen.end = failed ? "failed" : "done"; },
		onError: (e) => {
			if (e.target.readyState === EventSource.CLOSED) {
				seen.gaveUp = true;
				return;
			}
			seen.again++;
			setTimeout(() => setAgain((n) => n + 1), 200);
		},
	    });

	seen.text = message;
	return <p>{message}</p>;
}

createRoot(document.getElementById("root")).render(<Page />);
