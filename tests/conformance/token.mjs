// The issuer of the run, which is a key: node token.mjs FOLDER ISSUER SCOPE RESOURCE... writes keys.json, prints a token for each.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, issuer, scope, ...resources] = process.argv.slice(2);
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const kid = randomUUID();
const key = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: [key] }));

const now = Math.floor(Date.now() / 1000);
for (const aud of resources) {
  const header = { alg: 'ES256', typ: 'at+jwt', kid };
  const claims = { iss: issuer, sub: 'conformance', client_id: 'suite', aud, scope, iat: now, exp: now + 3600, jti: randomUUID() };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  console.log(`${signed}.${signature.toString('base64url')}`);
}
