/* app_express.mjs PORT - the application of kit.py, in Express. */
import { createRequire } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { address, inserting, posting } from "./express.mjs";

const express = createRequire(process.env.NODE_MODULES + "/")("express");
const { LARGESSE_WAY, LARGESSE_URL, LARGESSE_TOKEN, LARGESSE_KEY_FILE } = process.env;
const db = new DatabaseSync(process.env.DATABASE, { timeout: 5000 });
const insert = db.prepare("INSERT INTO orders(item) VALUES(?)");
const posted = LARGESSE_WAY === "POST";
const events = posted ? posting(LARGESSE_URL, LARGESSE_TOKEN) : inserting(db);
const run = (sql) => db.exec(sql);
const transaction = (work) => posted ? events.transaction(run, work) :
    events.transaction(work);
const app = express();

/* An order, its event, and whatever comes after it in the transaction. */
const order = (item, event = {}, after = () => {}) => transaction((publish) => {
	insert.run(item);
	publish({ topic: "orders", data: item, ...event });
	after();
});

app.use(express.urlencoded());
app.get("/app/", (_, answer) => answer.sendFile("eventsource.html",
    { root: import.meta.dirname }));
app.get("/app/address", (_, answer) => answer.send(address(
    LARGESSE_KEY_FILE, ["feed"])));
app.post("/app/order", async ({ body }, answer) => {
	await order(body.item);
	answer.end();
});
app.post("/app/fail", ({ body }) => order(body.item, {}, () => {
	throw new Error("rolled back");
}));
app.post("/app/refused", () => order("refused", { topic: "secret" }));
app.post("/app/twice", async ({ body }, answer) => {
	await events.publish({ topic: "orders", data: body.item, uid: "twice-1" });
	answer.end();
});
app.use((e, request, answer, next) => answer.status(500).send(String(e)));
app.listen(process.argv[2], "127.0.0.1");
