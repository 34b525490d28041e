/** Exits with 0 when the server in this container answers `GET /live`. */
import { get as getOverHttp } from 'node:http';
import { get as getOverHttps } from 'node:https';

const port = process.env.PORT || '3030';
const isTls = Boolean(process.env.SSL_CERT_PATH);
const get = isTls ? getOverHttps : getOverHttp;

// The certificate is for the public name, not for the loopback address.
const options = { host: '127.0.0.1', port, path: '/live', timeout: 3_000, rejectUnauthorized: false };
const request = get(options, (response) => {
  response.resume();
  process.exitCode = response.statusCode === 200 ? 0 : 1;
});
request.on('timeout', () => request.destroy(new Error('no answer in time')));
request.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
