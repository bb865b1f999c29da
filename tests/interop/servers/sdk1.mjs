// The MCP server of the interop run with the TypeScript SDK of the 1.x line, which knows nothing of OAuth.
//
//   node sdk1.mjs PORT
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

import { serve, sessions, sleep, stations, text } from './common.mjs';

function weather() {
  const server = new McpServer({ name: 'weather', version: '1.0.0' }, { capabilities: { resources: { subscribe: true } } });
  const tool = (name, inputSchema, run) => server.registerTool(name, { description: name, inputSchema }, run);

  const count = (interrupted) => async ({ n }, { sendNotification, _meta, closeSSEStream }) => {
    for (let progress = 1; progress <= n; progress += 1) {
      const params = { progressToken: _meta.progressToken, progress, total: n, message: (Date.now() / 1000).toFixed(6) };
      await sendNotification({ method: 'notifications/progress', params });
      if (interrupted && progress === 1) closeSSEStream();
      await sleep(!interrupted ? 200 : progress < n - 1 ? 100 : 400);
    }
    return text(`Counted to ${n}.`);
  };

  tool('list_stations', {}, () => text(stations));
  tool('get_forecast', { city: z.string() }, ({ city }) => text(`Tomorrow in ${city}: sunny, 21 degrees.`));
  tool('delete_station', { id: z.string() }, ({ id }) => text(`Station ${id} is gone.`));
  tool('reset_everything', {}, () => text('It must never come to this.'));
  tool('slow_count', { n: z.number() }, count(false));
  tool('interrupted_count', { n: z.number() }, count(true));
  tool('rename_station', { id: z.string() }, async ({ id }, { requestId }) => {
    const requestedSchema = { type: 'object', properties: { value: { type: 'string' } }, required: ['value'] };
    const answer = await server.server.elicitInput({ message: `What shall station ${id} be called?`, requestedSchema }, { relatedRequestId: requestId });
    return text(`Station ${id} is now called ${answer.content.value}.`);
  });
  tool('describe_weather', { city: z.string() }, async ({ city }, { requestId }) => {
    const messages = [{ role: 'user', content: { type: 'text', text: `Describe the weather of ${city}.` } }];
    const answer = await server.server.createMessage({ messages, maxTokens: 50 }, { relatedRequestId: requestId });
    return text(`${city}: ${answer.content.text}`);
  });
  tool('announce_station', { uri: z.string() }, async ({ uri }) => {
    await server.server.sendResourceUpdated({ uri });
    return text('announced');
  });
  tool('get_request_headers', {}, (_, { requestInfo }) => text(requestInfo.headers));
  server.registerResource('north', 'weather://stations/north', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'north: 12 degrees' }] }));
  server.registerPrompt('plan_a_trip', { argsSchema: { city: z.string() } }, ({ city }) => (
    { messages: [{ role: 'user', content: { type: 'text', text: `What should I pack for ${city}?` } }] }));
  return server;
}

serve(sessions(async (options) => {
  const transport = new StreamableHTTPServerTransport(options);
  await weather().connect(transport);
  return transport;
}, isInitializeRequest));
