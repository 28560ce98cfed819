/*
 * usechat.jsx - `ai` with useChat of @ai-sdk/react.
 *
 * A page that was reloaded resumes.  Told 204 (nothing is active), it takes what is
 * stored.  A connection that was cut is an error to the hook: the page resumes.
 */
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useRef } from "react";
import { createRoot } from "react-dom/client";

const asked = new URLSearchParams(location.search);
const run = asked.get("run");
const api = "/app/chat.cgi/ai";
const seen = { text: "", end: null, gaveUp: null, again: 0 };
const transport = new DefaultChatTransport({ api });
const sent = asked.get("prompt") === "again" || sessionStorage.getItem(run);
const question = { id: "question", role: "user",
	parts: [{ type: "text", text: "go" }] };

let told = false;	/* of an end, or of an error: else it was 204 */

window.look = () => seen;

const passes = (e) => e instanceof TypeError || e.statusCode >= 500;

function Page() {
	const chat = useChat({ id: run, transport,
		messages: sent ? [question] : [],
		onError: (e) => {
			told = true;
			if (passes(e)) {
				seen.again++;
				setTimeout(resume, 200);
			} else if (e.statusCode) {
				seen.gaveUp = e.statusCode;
			} else {
				seen.end = "failed";
			}
		},
		onFinish: ({ finishReason, isError }) => {
			told = true;
			if (!isError)
				seen.end = finishReason === "stop" ? "done" : "cut";
		} });
	const now = useRef(chat);
	const answers = () => now.current.messages.filter(
	    (m) => m.role === "assistant");

	now.current = chat;
	seen.text = answers().map((m) => m.parts.filter(
	    (p) => p.type === "text").map((p) => p.text).join("|")).join("||");

	async function resume() {
		told = false;
		await now.current.resumeStream();
		if (told)
			return;
		const stored = await (await fetch(api + "/" + run)).json();

		now.current.setMessages([question, ...stored]);
		seen.end = stored[0]?.metadata.how ?? null;
		seen.nothing = stored.length === 0;
	}

	useEffect(() => {
		if (sent) {
			resume();
			return;
		}
		sessionStorage.setItem(run, "sent");
		chat.sendMessage({ text: asked.get("prompt") ?? "go" });
	}, []);
	return <p>{seen.text}</p>;
}

createRoot(document.getElementById("root")).render(<Page />);
