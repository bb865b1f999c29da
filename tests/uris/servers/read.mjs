// What `new URL`, which the TypeScript SDK puts every URI through, makes of each line of JSON; null where it refuses.
import readline from 'node:readline';

for await (const line of readline.createInterface({ input: process.stdin })) {
  const text = JSON.parse(line);
  console.log(JSON.stringify(URL.canParse(text) ? new URL(text).href : null));
}
