// The MCP server of the interop run with the TypeScript SDK of the 2.x line, for both eras: 2026-07-28 without sessions,
// and older versions with sessions, beside each other at one address as the SDK's documentation shows it.
//
//   node sdk2.mjs PORT
import { randomBytes } from 'node:crypto';

import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import {
  McpServer, acceptedContent, createMcpHandler, createRequestStateCodec, inputRequired, inputResponse, isInitializeRequest, isLegacyRequest,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

import { serve, sessions, sleep, stations, text } from './common.mjs';

const state = createRequestStateCodec({ key: randomBytes(32) });

function weather({ era }) {
  const server = new McpServer({ name: 'weather', version: '1.0.0' },
    { capabilities: { resources: { subscribe: true } }, requestState: { verify: state.verify } });
  const tool = (name, inputSchema, run) => server.registerTool(name, { description: name, inputSchema: z.object(inputSchema) }, run);

  const count = (interrupted) => async ({ n }, { mcpReq, http }) => {
    for (let progress = 1; progress <= n; progress += 1) {
      const params = { progressToken: mcpReq._meta.progressToken, progress, total: n, message: (Date.now() / 1000).toFixed(6) };
      await mcpReq.notify({ method: 'notifications/progress', params });
      if (interrupted && progress === 1) http.closeSSE();
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
  // Written once for both eras: where there are sessions the SDK asks the client on the stream of the call.
  tool('rename_station', { id: z.string() }, async ({ id }, { mcpReq }) => {
    const answer = acceptedContent(mcpReq.inputResponses, 'name', z.object({ value: z.string() }));
    if (answer) return text(`Station ${mcpReq.requestState().id} is now called ${answer.value}.`);
    const ask = inputRequired.elicit({ message: `What shall station ${id} be called?`, requestedSchema: z.object({ value: z.string() }) });
    return inputRequired({ inputRequests: { name: ask }, requestState: await state.mint({ id }) });
  });
  tool('describe_weather', { city: z.string() }, async ({ city }, { mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, 'text');
    if (answer.kind === 'sampling') return text(`${mcpReq.requestState().city}: ${answer.result.content.text}`);
    const messages = [{ role: 'user', content: { type: 'text', text: `Describe the weather of ${city}.` } }];
    return inputRequired({ inputRequests: { text: inputRequired.createMessage({ messages, maxTokens: 50 }) }, requestState: await state.mint({ city }) });
  });
  tool('announce_station', { uri: z.string() }, async ({ uri }) => {
    if (era === 'modern') modern.notify.resourceUpdated(uri);
    else await server.server.sendResourceUpdated({ uri });
    return text('announced');
  });
  tool('get_request_headers', {}, (_, { http }) => text(Object.fromEntries(http.req.headers)));
  server.registerResource('north', 'weather://stations/north', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'north: 12 degrees' }] }));
  server.registerPrompt('plan_a_trip', { argsSchema: z.object({ city: z.string() }) }, ({ city }) => (
    { messages: [{ role: 'user', content: { type: 'text', text: `What should I pack for ${city}?` } }] }));
  return server;
}

const modern = createMcpHandler(weather, { legacy: 'reject', onerror: (error) => console.error(String(error)) });
const answerModern = toNodeHandler(modern);
const answerLegacy = sessions(async (options) => {
  const transport = new NodeStreamableHTTPServerTransport(options);
  await weather({ era: 'legacy' }).connect(transport);
  return transport;
}, isInitializeRequest);

serve(async (req, res) => (await isLegacyRequest(await toWebRequest(req, req.body), req.body)
  ? answerLegacy(req, res) : answerModern(req, res, req.body)));
