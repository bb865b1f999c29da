// Reads bodies as the TypeScript SDK and the frameworks below it do, and writes what each way saw. Started by the test; see reader.rs.
//
//   node read.mjs FOLDER      the folder that has the SDK in its node_modules
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.join(process.argv[2], 'x.js'));
const { JSONRPCMessageSchema } = require('@modelcontextprotocol/sdk/types.js');

const META = 'io.modelcontextprotocol/';
const own = (value, name) => value !== null && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, name);
const walk = (value, names) => names.reduce((at, name) => (own(at, name) ? at[name] : undefined), value);
const said = (value, ...names) => {
  const found = walk(value, names);
  if (found === undefined) return null;
  return typeof found === 'string' ? found.toWellFormed?.() ?? found : '[not a string]';
};
const listed = (value, ...names) => {
  const found = walk(value, names);
  if (found === undefined) return [];
  return Array.isArray(found) ? found.map((item) => (typeof item === 'string' ? item.toWellFormed?.() ?? item : '[not a string]')) : ['[not a list]'];
};
const identity = (message) => {
  if (!own(message, 'id')) return null;
  if (typeof message.id === 'string') return ['string', message.id.toWellFormed?.() ?? message.id];
  if (typeof message.id === 'number') return [Number.isInteger(message.id) ? 'integer' : 'fraction', ''];
  return ['other', ''];
};
const ONE = {
  'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri', 'resources/subscribe': 'uri', 'resources/unsubscribe': 'uri',
  'tasks/get': 'task', 'tasks/result': 'task', 'tasks/cancel': 'task', 'tasks/update': 'task',
};
const touched = (seen) => {
  if (seen.method === 'subscriptions/listen') return [...seen.subscriptions, ...seen.tasks];
  const ref = seen.ref_type === 'ref/prompt' ? 'ref_name' : 'ref_uri';
  const name = seen.method === 'completion/complete' ? ref : Object.hasOwn(ONE, seen.method ?? '') ? ONE[seen.method] : undefined;
  return name && seen[name] !== null ? [seen[name]] : [];
};
const view = (message, typed = false) => {
  if (Array.isArray(message)) return { ...view({}), kind: 'batch', batch: message.map((one) => view(one, typed)) };
  const answer = own(message, 'result') || own(message, 'error');
  const kinds = { 'true,true,false': 'request', 'true,false,false': 'notification', 'false,true,true': 'response' };
  const params = own(message, 'params') ? message.params : undefined;
  const seen = {
    kind: kinds[[own(message, 'method'), own(message, 'id'), answer]] ?? 'other',
    method: said(message, 'method'), id: identity(message), name: said(params, 'name'), uri: said(params, 'uri'), task: said(params, 'taskId'),
    ref_type: said(params, 'ref', 'type'), ref_name: said(params, 'ref', 'name'), ref_uri: said(params, 'ref', 'uri'),
    version: said(params, '_meta', `${META}protocolVersion`), capabilities: own(params, '_meta') && own(params._meta, `${META}clientCapabilities`),
    subscriptions: listed(params, 'notifications', 'resourceSubscriptions'), tasks: listed(params, 'notifications', 'taskIds'), typed,
  };
  return { ...seen, target: touched(seen) };
};

// What the SDK makes of a POST: of each message of a batch as well.
const parsed = (one) => JSONRPCMessageSchema.parse(one);
const typescript = (message) => view(Array.isArray(message) ? message.map(parsed) : parsed(message), true);

const READERS = {
  'Node JSON.parse of a Buffer': (body) => view(JSON.parse(body.toString('utf8'))),
  'Node JSON.parse as fetch decodes': (body) => view(JSON.parse(new TextDecoder().decode(body))),
  'TypeScript SDK 1.x!': (body) => typescript(JSON.parse(body.toString('utf8'))),
};
const attempt = (read, body) => {
  try {
    return read(body);
  } catch {
    return null;
  }
};

const input = fs.readFileSync(0);
const lines = [Object.keys(READERS).join('\t')];
for (let at = 0; at < input.length; ) {
  const end = at + 4 + input.readUInt32BE(at);
  lines.push(JSON.stringify(Object.values(READERS).map((read) => attempt(read, input.subarray(at + 4, end)))));
  at = end;
}
process.stdout.write(`${lines.join('\n')}\n`);
