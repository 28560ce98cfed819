/* The types of largesse.mjs: those of largesse.d.ts. */
import { Largesse } from "./largesse.js";

export * from "./largesse.js";
export default Largesse;
