/*
 * test.mjs - all tests of deploy/js/largesse.js.
 */
import { page } from "./page.mjs"; // first: it makes what a browser has
import "./test_parse.mjs";
import "./test_ways.mjs";
import "./test_ends.mjs";
import "./test_tabs.mjs";
import "./test_files.mjs";
import "./test_real.mjs";
import { run } from "./tap.mjs";

page;
await run(process.argv.slice(2));
