// Node's fetch as an MCP client. Usage: node client.mjs URL TOKEN [URL TOKEN …]; prints one JSON line for each.
const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'fetch', version: '1' } };

async function play(url, token) {
  const said = { client: 'Node fetch', url, codings: {}, progress: [] };
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}` };
  const post = async (message) => {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    said.codings[message.params?.name ?? message.method] = answer.headers.get('content-encoding');
    return answer;
  };
  const heard = async (answer, take = () => {}) => {
    let [rest, last] = ['', undefined];
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines.filter((one) => one.startsWith('data: {'))) { last = JSON.parse(line.slice(6)); take(last); }
    }
    return rest.startsWith('{') ? JSON.parse(rest) : last;
  };
  const began = await post({ id: 1, method: 'initialize', params: hello });
  await heard(began);
  headers['mcp-session-id'] = began.headers.get('mcp-session-id');
  headers['mcp-protocol-version'] = hello.protocolVersion;
  await heard(await post({ method: 'notifications/initialized' }));
  said.tools = (await heard(await post({ id: 2, method: 'tools/list' }))).result.tools.map((tool) => tool.name).sort();
  said.called = (await heard(await post({ id: 3, method: 'tools/call', params: { name: 'get_forecast', arguments: { city: 'Oslo' } } }))).result.content[0].text;
  const counted = await post({ id: 4, method: 'tools/call', params: { name: 'slow_count', arguments: { n: 4 }, _meta: { progressToken: 'p' } } });
  const result = await heard(counted, (message) => {
    if (message.method === 'notifications/progress') said.progress.push({ sent: Number(message.params.message), arrived: Date.now() / 1000 });
  });
  said.counted = result.result.content[0].text;
  return said;
}

const args = process.argv.slice(2);
for (let at = 0; at < args.length; at += 2) console.log(JSON.stringify(await play(args[at], args[at + 1]).catch((error) => ({ client: 'Node fetch', url: args[at], error: String(error) }))));
process.exit(0);
