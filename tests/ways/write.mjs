export function write(rows) { console.error(JSON.stringify(rows, null, 1)); }
