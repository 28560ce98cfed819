// publish.mjs FILE TOPIC DATA - an order and its event, in one transaction.
//
// Node has SQLite built in only since version 22.  So this uses the sqlite3
// program, which works with every version.  Values are passed as hex, so that no text is
// ever taken for SQL.
import { execFileSync } from "node:child_process";

const [path, topic, data] = process.argv.slice(2);
const text = (s) => `CAST(x'${Buffer.from(s).toString("hex")}' AS TEXT)`;

execFileSync("sqlite3", ["-bail", path], {
	input: `.timeout 5000
		BEGIN IMMEDIATE;
		INSERT INTO orders(item) VALUES(${text(data)});
		INSERT INTO events(topic, data)
			VALUES(${text(topic)}, ${text(data)});
		COMMIT;`,
	stdio: ["pipe", "inherit", "inherit"],
});
