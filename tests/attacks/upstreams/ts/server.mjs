// The TypeScript upstream: the SDK of the 1.x line behind express.json(), which inflates bodies, takes the last of two equal members,
// and lets the SDK run batches. It knows nothing of users: sessions, events and tasks are open to whoever names them.
//
//   node server.mjs LOG            prints "port N" when it listens
//
//   /mcp            sessions, GET streams, one event store and one task store for all
//   /open           no sessions; every request stands alone and is answered with JSON
//   /sse, /messages the transport of 2024-11-05
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { InMemoryTaskMessageQueue, InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CreateMessageResultSchema, ElicitResultSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import express from 'express';
import { z } from 'zod';

const log = fs.openSync(process.argv[2], 'a');
const note = (record) => fs.writeSync(log, `${JSON.stringify(record)}\n`);
const did = (what) => note({ kind: 'did', what });
const text = (said) => ({ content: [{ type: 'text', text: said }] });

// One store for all sessions: the next events of the same stream go to whoever names the one before. Ids are as unique as those of
// the stores that the SDK has as examples.
const events = [];
const eventStore = {
  async storeEvent(stream, message) {
    const id = `${stream}_${randomUUID()}`;
    events.push({ id, stream, message });
    return id;
  },
  async replayEventsAfter(last, { send }) {
    const from = events.findIndex(({ id }) => id === last);
    const { stream } = events[from];
    for (const event of events.slice(from + 1)) {
      if (event.stream === stream && Object.keys(event.message).length) await send(event.id, event.message);
    }
    return stream;
  },
};

// Nor do tasks belong to a session.
class SharedTasks extends InMemoryTaskStore {
  lookup(id) {
    return super.lookup(id, undefined);
  }
  async listTasks(cursor) {
    return super.listTasks(cursor, undefined);
  }
}
const taskStore = new SharedTasks();

function create() {
  const server = new McpServer(
    { name: 'attacked', version: '1' },
    {
      capabilities: { logging: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
      taskStore,
      taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
  );
  for (const name of ['safe', 'danger', 'hidden']) {
    server.registerTool(name, { description: name, inputSchema: z.object({}).passthrough() }, async () => {
      did(`tool ${name}`);
      return text(`${name} was run`);
    });
  }
  server.registerTool('slow', { description: 'waits to be cancelled' }, async ({ signal }) => {
    did('tool slow');
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 20_000);
      signal.addEventListener('abort', () => {
        did('slow was cancelled');
        clearTimeout(timer);
        resolve();
      });
    });
    return text('slow is done');
  });
  server.registerTool('ask', { description: 'asks its user' }, async ({ sendRequest }) => {
    did('tool ask');
    const params = { message: 'Which?', requestedSchema: { type: 'object', properties: { which: { type: 'string' } } } };
    const answer = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
    did(`ask was told ${JSON.stringify(answer.content)}`);
    return text(`asked: ${JSON.stringify(answer.content)}`);
  });
  server.registerTool('sample', { description: 'asks a model' }, async ({ sendRequest }) => {
    did('tool sample');
    const params = { messages: [{ role: 'user', content: { type: 'text', text: 'Well?' } }], maxTokens: 9 };
    const answer = await sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema);
    did(`sample was told ${JSON.stringify(answer.content)}`);
    return text(`sampled: ${JSON.stringify(answer.content)}`);
  });
  server.registerTool('announce', { description: 'sends an event to the GET stream' }, async () => {
    did('tool announce');
    await server.server.notification({ method: 'notifications/message', params: { level: 'info', data: 'announced' } });
    return text('announced');
  });
  for (const name of ['work', 'danger_work']) {
    server.experimental.tasks.registerToolTask(
      name,
      { description: 'makes a task', execution: { taskSupport: 'optional' } },
      {
        async createTask({ taskStore: tasks, taskRequestedTtl }) {
          did(`tool ${name}`);
          const task = await tasks.createTask({ ttl: taskRequestedTtl, pollInterval: 50 });
          // `danger_work` has ended at once; `work` goes on, so that there is something to cancel.
          if (name === 'danger_work') await tasks.storeTaskResult(task.taskId, 'completed', text(`result of ${name}`));
          return { task };
        },
        getTask: (_extra) => taskStore.getTask(_extra.taskId),
        getTaskResult: (_extra) => taskStore.getTaskResult(_extra.taskId),
      },
    );
  }
  for (const [name, uri] of [['pub', 'file:///pub/a'], ['secret', 'file:///secret/b']]) {
    server.registerResource(name, uri, {}, async () => {
      did(`resource ${uri}`);
      return { contents: [{ uri, text: name }] };
    });
  }
  const complete = (value) => async () => { did('completion'); return [value]; };
  const template = new ResourceTemplate('file:///{+path}', { list: undefined, complete: { path: complete('pub') } });
  server.registerResource('any', template, {}, async (uri) => {
    did(`resource ${uri.href}`);
    return { contents: [{ uri: uri.href, text: 'any' }] };
  });
  for (const name of ['greet', 'forbidden']) {
    const argsSchema = { who: completable(z.string().optional(), complete('you')) };
    server.registerPrompt(name, { argsSchema }, async () => {
      did(`prompt ${name}`);
      return { messages: [{ role: 'user', content: { type: 'text', text: name } }] };
    });
  }
  // A list that takes its time, as those do that come from elsewhere: so says this cursor.
  const list = server.server._requestHandlers.get('tools/list');
  server.server.setRequestHandler(ListToolsRequestSchema, async (request, extra) => {
    if (request.params?.cursor === 'later') await sleep(300);
    return list(request, extra);
  });
  return server;
}

const app = express();
app.use((request, response, next) => {
  const entry = { method: request.method, path: request.originalUrl, headers: request.rawHeaders };
  note({ kind: 'head', ...entry });
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => note({ kind: 'request', ...entry, body: Buffer.concat(chunks).toString('latin1') }));
  request.on('close', () => request.complete || note({ kind: 'broken', ...entry, body: Buffer.concat(chunks).toString('latin1') }));
  response.on('close', () => response.writableFinished || note({ kind: 'left', path: request.originalUrl }));
  next();
});
// The limit is above the gateway's, so that a size is refused by the gateway or not at all.
app.use(express.json({ limit: '200mb' }));

const sessions = new Map();
app.all('/mcp', async (request, response) => {
  const id = request.get('mcp-session-id');
  let transport = id && sessions.get(id);
  if (id && !transport) {
    response.status(404).json({ jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null });
    return;
  }
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore,
      onsessioninitialized: (sid) => sessions.set(sid, transport),
      onsessionclosed: (sid) => { did(`session ended ${sid}`); sessions.delete(sid); },
    });
    await create().connect(transport);
  }
  await transport.handleRequest(request, response, request.body);
});
app.all('/open', async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  const server = create();
  response.on('close', () => server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});

const streams = new Map();
app.get('/sse', async (_request, response) => {
  const transport = new SSEServerTransport('/messages', response);
  streams.set(transport.sessionId, transport);
  response.on('close', () => streams.delete(transport.sessionId));
  await create().connect(transport);
});
app.post('/messages', async (request, response) => {
  const transport = streams.get(request.query.sessionId);
  if (transport) await transport.handlePostMessage(request, response, request.body);
  else response.status(404).send('no such session');
});

const server = app.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
// What Node's own parser refuses never becomes a request, and was seen all the same.
server.on('clientError', (error, socket) => {
  note({ kind: 'unreadable', why: error.code, bytes: error.rawPacket?.toString('latin1') });
  socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
});
