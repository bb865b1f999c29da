// What the two TypeScript servers of the interop run share: an express application that writes down what reached
// it, sessions of the Streamable HTTP transport as real deployments keep them, and events kept for who resumes.
import { createHash, randomUUID } from 'node:crypto';

import express from 'express';

export const port = Number(process.argv[2]);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const stations = ['north', 'south'];
export const text = (value) => ({ content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }] });

// All events of one session, in order.
export class Events {
  kept = [];

  async storeEvent(stream, message) {
    const id = String(this.kept.length + 1);
    this.kept.push({ id, stream, message });
    return id;
  }

  async getStreamIdForEventId(id) {
    return this.kept.find((event) => event.id === id)?.stream;
  }

  async replayEventsAfter(last, { send }) {
    const stream = await this.getStreamIdForEventId(last);
    for (const { id, stream: own, message } of [...this.kept]) {
      if (own === stream && Number(id) > Number(last) && message?.jsonrpc) await send(id, message);
    }
    return stream;
  }
}

// The sessions of a 2025 server: `connect` makes a transport with its options and joins a server to it.
export function sessions(connect, isInitialize) {
  const open = new Map();
  return async (req, res) => {
    const id = req.headers['mcp-session-id'];
    let transport = open.get(id);
    if (!transport && id === undefined && isInitialize(req.body)) {
      transport = await connect({
        sessionIdGenerator: randomUUID,
        eventStore: new Events(),
        retryInterval: 350,
        onsessioninitialized: (made) => open.set(made, transport),
        onsessionclosed: (closed) => open.delete(closed),
      });
    }
    if (!transport) {
      const [status, message] = id === undefined ? [400, 'Bad Request: no session'] : [404, 'Session not found'];
      return res.status(status).json({ jsonrpc: '2.0', error: { code: -32000, message }, id: null });
    }
    return transport.handleRequest(req, res, req.body);
  };
}

// One JSON line per HTTP request, and no credential in it.
function seen(req, _res, next) {
  const { headers, body } = req;
  const session = headers['mcp-session-id'];
  console.log(JSON.stringify({
    at: Date.now() / 1000, method: req.method, rpc: body?.method ?? (body ? 'response' : null),
    target: body?.params?.name ?? body?.params?.uri ?? null, client: headers['x-auth-client'] ?? null,
    authorization: 'authorization' in headers, session: session ? `sha256:${createHash('sha256').update(session).digest('hex').slice(0, 12)}` : null, resumes: 'last-event-id' in headers,
  }));
  next();
}

export function serve(handler) {
  const app = express();
  app.use(express.json());
  app.use(seen);
  app.all('/mcp', handler);
  const server = app.listen(port, '127.0.0.1');
  process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeAllConnections(); });
}
