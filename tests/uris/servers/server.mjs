// The TypeScript server of the URI run: the SDK's own lookup of resources and templates, and a file server as people write it.
//
//   node uris.mjs RESOURCES LOG    prints "port N" when it listens
//
// RESOURCES is JSON: `static` by URI, `posix` and `windows` by path, `web` by URL with its path decoded; the values are markers.
// Copied beside the packages of tests/attacks by tests/uris/run.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CompleteRequestSchema, SubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import express from 'express';

const resources = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const log = fs.openSync(process.argv[3], 'a');
const did = (what, reading) => fs.writeSync(log, `${JSON.stringify({ what, reading })}\n`);
const attempt = (read) => { try { return read(); } catch { return undefined; } };

// Every path that a server on some system would open for this URL.
function paths(url, variables) {
  return [
    ['posix', attempt(() => path.posix.normalize(fileURLToPath(url, { windows: false })))],
    ['posix', attempt(() => path.posix.normalize(`/${decodeURIComponent(variables.path)}`))],
    ['windows', attempt(() => path.win32.normalize(fileURLToPath(url, { windows: true })).replace(/^[A-Z]:/, (drive) => drive.toLowerCase()))],
  ];
}

function answered(url, found, marker) {
  did('read', found);
  return { contents: [{ uri: url.href, text: marker }] };
}

function create() {
  const server = new McpServer({ name: 'uris', version: '1.0.0' }, { capabilities: { resources: { subscribe: true }, completions: {} } });
  Object.entries(resources.static).forEach(([uri, marker], index) =>
    server.registerResource(`static-${index}`, uri, {}, (url) => answered(url, uri, marker)));
  server.registerResource('files', new ResourceTemplate('file:///{+path}', { list: undefined }), {}, (url, variables) => {
    for (const [system, opened] of paths(url, variables)) {
      const marker = opened === undefined ? undefined : resources[system][opened];
      if (marker) return answered(url, `${system} ${opened}`, marker);
    }
    return answered(url, '', 'no such file');
  });
  for (const scheme of ['http', 'https']) {
    server.registerResource(scheme, new ResourceTemplate(`${scheme}://{+rest}`, { list: undefined }), {}, (url) => {
      const asked = url.origin + attempt(() => path.posix.normalize(decodeURIComponent(url.pathname))) + url.search;
      return answered(url, asked, resources.web[asked] ?? 'no such page');
    });
  }
  server.registerResource('all', new ResourceTemplate('{+uri}', { list: undefined }), {}, (url) => answered(url, '', 'anything else'));
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    did('subscribe', new URL(params.uri).href);
    return {};
  });
  server.server.setRequestHandler(CompleteRequestSchema, ({ params }) => {
    const reading = new URL(params.ref.uri).href;
    did('complete', reading);
    return { completion: { values: [resources.static[reading] ?? 'nothing'] } };
  });
  return server;
}

const app = express();
app.use(express.json({ limit: '8mb' }));
app.post('/mcp', async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  const server = create();
  response.on('close', () => server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});
const server = app.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
