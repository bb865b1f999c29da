// What Node's fetch sees of refused uploads. Usage: node refused.mjs URL TOKEN BYTES COUNT; prints {"buffer": {…}, "stream": {…}}, answers by status.
const [url, token, bytes, count] = process.argv.slice(2);
const headers = { 'content-type': 'application/json', ...(token === '-' ? {} : { authorization: `Bearer ${token}` }) };

function streamed() {
  let left = Number(bytes);
  const pull = (to) => {
    const here = Math.min(left, 65536);
    if (here > 0) to.enqueue(new Uint8Array(here)); else to.close();
    left -= here;
  };
  return { body: new ReadableStream({ pull }), duplex: 'half' };
}

const seen = {};
for (const [name, body] of [['buffer', () => ({ body: Buffer.alloc(Number(bytes), 32) })], ['stream', streamed]]) {
  seen[name] = {};
  for (let time = 0; time < Number(count); time++) {
    const said = await fetch(url, { method: 'POST', headers, ...body() })
      .then(async (answer) => { await answer.text(); return answer.status; })
      .catch((cause) => cause.cause?.code ?? cause.code ?? String(cause));
    seen[name][said] = (seen[name][said] ?? 0) + 1;
  }
}
console.log(JSON.stringify(seen));
process.exit(0);
