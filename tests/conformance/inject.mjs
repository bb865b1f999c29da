// The suite can send no credential: this stands before the gateway and adds one, by path. Everything else passes as it came.
// node inject.mjs PORT GATEWAY_PORT TOKENS, where TOKENS is a file of {path: token}.
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';

const [port, gateway, file] = process.argv.slice(2);
const tokens = JSON.parse(readFileSync(file, 'utf8'));

createServer((asked, answered) => {
  const token = tokens[asked.url];
  // Raw: names keep their case and order, Host and Origin are what the suite wrote.
  const headers = token ? [...asked.rawHeaders, 'Authorization', `Bearer ${token}`] : asked.rawHeaders;
  const onward = request({ host: '127.0.0.1', port: gateway, method: asked.method, path: asked.url, headers, agent: false }, (answer) => {
    answered.writeHead(answer.statusCode, answer.rawHeaders);
    answered.flushHeaders();
    answer.on('error', () => answered.destroy());
    answer.pipe(answered);
  });
  onward.on('error', () => answered.destroy());
  // Who hangs up here hangs up there: the gateway is to see what the suite did.
  answered.on('close', () => onward.destroy());
  asked.pipe(onward);
}).listen(Number(port), '127.0.0.1');
