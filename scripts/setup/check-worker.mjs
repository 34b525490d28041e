/**
 * Proves that a mediasoup worker binary works: starts it through the `mediasoup`
 * package, does the ICE check and then a real DTLS handshake as a browser would.
 * Creating transports is no proof: a worker built against an OpenSSL with kernel TLS
 * but without our patch creates them happily and dies at its first handshake.
 *
 * The DTLS side is `openssl s_client`; this file speaks the one STUN message that
 * opens the way and relays the UDP packets.
 *
 * Usage: node scripts/setup/check-worker.mjs [path of the worker binary]
 */
import { spawn, execFile } from 'node:child_process';
import { createHmac, randomBytes, X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const HANDSHAKE_TIMEOUT_MS = 15_000;
const STUN_INTERVAL_MS = 100;
const LOCALHOST = '127.0.0.1';

/**
 * Starts the given worker and completes one DTLS handshake with it.
 *
 * @param {string | undefined} workerBin path of the binary; the package's default when missing
 * @returns {Promise<void>} rejects with the reason when the worker does not do it
 */
export async function checkWorker(workerBin) {
  const { createWorker } = await import('mediasoup');
  const folder = await mkdtemp(join(tmpdir(), 'flylive-worker-check-'));
  /** @type {(() => void)[]} */
  const cleanups = [];
  try {
    const worker = await createWorker({ workerBin, logLevel: 'error' });
    cleanups.push(() => worker.close());
    /** @type {Promise<never>} */
    const death = new Promise((_, reject) => {
      worker.on('died', () => reject(new Error('the worker died during the DTLS handshake')));
    });
    await Promise.race([handshake(worker, folder, cleanups), death]);
  } finally {
    for (const cleanup of cleanups.reverse()) cleanup();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import('mediasoup').types.Worker} worker
 * @param {string} folder for the certificate
 * @param {(() => void)[]} cleanups gets what must be undone afterwards
 */
async function handshake(worker, folder, cleanups) {
  const router = await worker.createRouter();
  const transport = await router.createWebRtcTransport({
    listenInfos: [{ protocol: 'udp', ip: LOCALHOST }],
  });
  const certificate = await createCertificate(folder);
  await transport.connect({
    dtlsParameters: {
      role: 'client',
      fingerprints: [{ algorithm: 'sha-256', value: certificate.fingerprint }],
    },
  });

  const candidate = transport.iceCandidates[0];
  if (!candidate) throw new Error('the worker offers no ICE candidate');
  const connected = waitForDtls(transport);
  const toWorker = await openSocket(cleanups);
  const toOpenssl = await openSocket(cleanups);

  // Two sockets joined back to back: openssl must see one peer that talks only DTLS.
  let opensslPort = 0;
  toOpenssl.on('message', (packet, from) => {
    opensslPort = from.port;
    toWorker.send(packet, candidate.port, LOCALHOST);
  });
  toWorker.on('message', (packet) => {
    if (isDtls(packet) && opensslPort) toOpenssl.send(packet, opensslPort, LOCALHOST);
  });

  const stun = setInterval(() => {
    toWorker.send(stunBindingRequest(transport.iceParameters), candidate.port, LOCALHOST);
  }, STUN_INTERVAL_MS);
  cleanups.push(() => clearInterval(stun));
  await waitForIce(transport);

  const client = spawn(
    'openssl',
    // prettier-ignore
    ['s_client', '-dtls1_2', '-connect', `${LOCALHOST}:${toOpenssl.address().port}`,
      '-cert', certificate.certPath, '-key', certificate.keyPath,
      '-use_srtp', 'SRTP_AES128_CM_SHA1_80'],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  cleanups.push(() => client.kill('SIGKILL'));
  await connected;
}

/** @param {string} folder */
async function createCertificate(folder) {
  const certPath = join(folder, 'cert.pem');
  const keyPath = join(folder, 'key.pem');
  await promisify(execFile)(
    'openssl',
    // prettier-ignore
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=check',
      '-keyout', keyPath, '-out', certPath],
  );
  const fingerprint = new X509Certificate(await readFile(certPath)).fingerprint256;
  return { certPath, keyPath, fingerprint };
}

/** @param {(() => void)[]} cleanups */
async function openSocket(cleanups) {
  const socket = createSocket('udp4');
  socket.bind(0, LOCALHOST);
  await once(socket, 'listening');
  cleanups.push(() => socket.close());
  return socket;
}

/** @param {import('mediasoup').types.WebRtcTransport} transport */
function waitForIce(transport) {
  return waitUntil('the ICE check got no answer', (done) => {
    transport.on('icestatechange', (state) => {
      if (state === 'connected' || state === 'completed') done();
    });
  });
}

/** @param {import('mediasoup').types.WebRtcTransport} transport */
function waitForDtls(transport) {
  return waitUntil('the DTLS handshake did not complete', (done, fail) => {
    transport.on('dtlsstatechange', (state) => {
      if (state === 'connected') done();
      if (state === 'failed') fail(new Error('the DTLS handshake failed'));
    });
  });
}

/**
 * @param {string} complaint the error's text when nothing happens in time
 * @param {(done: () => void, fail: (reason: Error) => void) => void} subscribe
 * @returns {Promise<void>}
 */
function waitUntil(complaint, subscribe) {
  const promise = new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(complaint)), HANDSHAKE_TIMEOUT_MS);
    timer.unref();
    subscribe(() => done(undefined), fail);
  });
  // The one that is awaited later must not count as unhandled when another fails first.
  promise.catch(() => {});
  return /** @type {Promise<void>} */ (promise);
}

/**
 * DTLS and STUN share a port; RFC 7983 tells them apart by the first byte.
 *
 * @param {Buffer} packet
 */
function isDtls(packet) {
  const first = packet[0] ?? 0;
  return first >= 20 && first <= 63;
}

/**
 * The ICE connectivity check of a controlling agent (RFC 8445, RFC 8489).
 *
 * @param {{ usernameFragment: string, password: string }} ice the worker's ICE parameters
 * @returns {Buffer}
 */
export function stunBindingRequest(ice) {
  const USERNAME = 0x0006;
  const MESSAGE_INTEGRITY = 0x0008;
  const PRIORITY = 0x0024;
  const USE_CANDIDATE = 0x0025;
  const FINGERPRINT = 0x8028;
  const ICE_CONTROLLING = 0x802a;

  const attributes = Buffer.concat([
    stunAttribute(USERNAME, Buffer.from(`${ice.usernameFragment}:check`)),
    stunAttribute(PRIORITY, Buffer.from([0x6e, 0, 0, 0xff])),
    stunAttribute(USE_CANDIDATE, Buffer.alloc(0)),
    stunAttribute(ICE_CONTROLLING, randomBytes(8)),
  ]);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001, 0);
  header.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(header, 8);

  let message = Buffer.concat([header, attributes]);
  // Both sums cover everything before them and a length that already counts them.
  setStunLength(message, 24);
  const integrity = createHmac('sha1', ice.password).update(message).digest();
  message = Buffer.concat([message, stunAttribute(MESSAGE_INTEGRITY, integrity)]);
  setStunLength(message, 8);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(message) ^ 0x5354554e) >>> 0);
  return Buffer.concat([message, stunAttribute(FINGERPRINT, fingerprint)]);
}

/**
 * @param {Buffer} message
 * @param {number} following size of the attribute that is yet to be appended
 */
function setStunLength(message, following) {
  message.writeUInt16BE(message.length - 20 + following, 2);
}

/**
 * The checksum of zip and Ethernet; `zlib.crc32` does not exist in Node 20.
 *
 * @param {Buffer} bytes
 */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/**
 * @param {number} type
 * @param {Buffer} value
 */
function stunAttribute(type, value) {
  const padding = (4 - (value.length % 4)) % 4;
  const attribute = Buffer.alloc(4 + value.length + padding);
  attribute.writeUInt16BE(type, 0);
  attribute.writeUInt16BE(value.length, 2);
  value.copy(attribute, 4);
  return attribute;
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  try {
    await checkWorker(process.argv[2] && resolve(process.argv[2]));
    process.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
