import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.ts';

const production = {
  NODE_ENV: 'production',
  REDIS_HOST: 'redis.internal',
  LARAVEL_API_URL: 'https://api.example.com',
  LARAVEL_INTERNAL_KEY: 'k'.repeat(32),
  MEDIASOUP_ANNOUNCED_IP: '203.0.113.7',
};

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('accepts the least that production needs and fills in the defaults of the product specification', () => {
    const config = loadConfig(production);
    expect(config.http.port).toBe(3030);
    expect(config.redis).toEqual({ host: 'redis.internal', port: 6379, password: null, db: 3, tls: false });
    expect(config.limits).toMatchObject({ chatPerMinute: 60, giftsPerMinute: 30 });
    expect(config.media.portRange).toBeNull();
  });

  it('takes packets of 20, 40 and 60 ms', () => {
    expect(loadConfig(production).rooms.opus).toEqual({ packetMs: 20, dtx: false });
    const settings = { ...production, ROOM_OPUS_PTIME: '60', ROOM_OPUS_DTX: 'true' };
    expect(loadConfig(settings).rooms.opus).toEqual({ packetMs: 60, dtx: true });
    expect(problemsOf({ ...production, ROOM_OPUS_PTIME: '30' })).toEqual([expect.stringMatching(/^ROOM_OPUS_PTIME: /)]);
  });

  it('refuses production without each setting that it cannot guess', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'REDIS_HOST is required in production',
      'LARAVEL_API_URL is required in production',
      'LARAVEL_INTERNAL_KEY is required in production',
      'MEDIASOUP_ANNOUNCED_IP is required in production',
    ]);
  });

  it('names every bad value at once, one line each', () => {
    const problems = problemsOf({
      ...production,
      PORT: 'http',
      LOG_LEVEL: 'loud',
      LARAVEL_INTERNAL_KEY: 'short',
      CORS_ORIGINS: 'https://app.example.com/path',
      MEDIASOUP_ANNOUNCED_IP: 'not an address',
      REDIS_DB: '99',
    });
    expect(problems.map((line) => line.split(':')[0]).sort()).toEqual([
      'CORS_ORIGINS',
      'LARAVEL_INTERNAL_KEY',
      'LOG_LEVEL',
      'MEDIASOUP_ANNOUNCED_IP',
      'PORT',
      'REDIS_DB',
    ]);
    for (const line of problems) expect(line).not.toContain('\n');
  });

  it('refuses an unknown setting of ours and ignores the variables of others', () => {
    expect(problemsOf({ ...production, REDIS_HOTS: 'x', PATH: '/bin' })).toEqual(['REDIS_HOTS is not a known setting']);
  });

  it('counts an empty value as not set', () => {
    expect(loadConfig({ ...production, SSL_KEY_PATH: '', REDIS_PASSWORD: '' }).http.tls).toBeNull();
  });

  it('refuses settings that contradict each other', () => {
    expect(problemsOf({ ...production, SSL_KEY_PATH: '/key.pem' })).toEqual([
      'SSL_KEY_PATH and SSL_CERT_PATH must be set together',
    ]);
    const clear = 'MEDIASOUP_RTC_BASE_PORT must keep clear of ports 20000 to 39999, which carry audio between workers';
    const from = (basePort: string, more = {}) =>
      problemsOf({ ...production, MEDIASOUP_RTC_BASE_PORT: basePort, MEDIASOUP_WORKERS: '4', ...more });
    expect([from('39999'), from('19997')]).toEqual([[clear], [clear]]);
    expect([from('40000'), from('19996'), from('0')]).toEqual([[], [], []]);
    expect(from('30000', { MEDIASOUP_RTC_MIN_PORT: '10000', MEDIASOUP_RTC_MAX_PORT: '59999' })).toEqual([]);
    expect(problemsOf({ ...production, MEDIASOUP_RTC_MIN_PORT: '20', MEDIASOUP_RTC_MAX_PORT: '10' })).toEqual([
      'MEDIASOUP_RTC_MAX_PORT must not be below MEDIASOUP_RTC_MIN_PORT',
    ]);
  });

  it('takes an origin list apart and a host name as announced address', () => {
    const config = loadConfig({
      ...production,
      CORS_ORIGINS: 'https://app.example.com, https://www.example.com',
      MEDIASOUP_ANNOUNCED_IP: 'audio.example.com',
    });
    expect(config.http.corsOrigins).toEqual(['https://app.example.com', 'https://www.example.com']);
    expect(config.media.addresses).toEqual([{ listenIp: '0.0.0.0', announcedAddress: 'audio.example.com' }]);
  });

  it('pairs the addresses to listen on with those to announce', () => {
    const MEDIASOUP_LISTEN_IP = '0.0.0.0, ::';
    const { media } = loadConfig({
      ...production,
      MEDIASOUP_LISTEN_IP,
      MEDIASOUP_ANNOUNCED_IP: '203.0.113.7,2001:db8::7',
    });
    expect(media.addresses).toEqual([
      { listenIp: '0.0.0.0', announcedAddress: '203.0.113.7' },
      { listenIp: '::', announcedAddress: '2001:db8::7' },
    ]);
    expect(problemsOf({ ...production, MEDIASOUP_LISTEN_IP })).toEqual([
      'MEDIASOUP_ANNOUNCED_IP must have as many entries as MEDIASOUP_LISTEN_IP',
    ]);
  });

  it('wants a secret for TURN servers, and none for STUN', () => {
    const TURN_URLS = 'turn:turn.example.com:3478?transport=udp, turns:turn.example.com:5349';
    expect(problemsOf({ ...production, TURN_URLS })).toEqual([
      'TURN_SECRET is required with TURN_URLS of TURN servers',
    ]);
    const TURN_SECRET = 'a-secret-of-enough-length';
    expect(loadConfig({ ...production, TURN_URLS, TURN_SECRET }).media.turn.urls).toHaveLength(2);
    expect(problemsOf({ ...production, TURN_URLS: 'stun:stun.example.com' })).toEqual([]);
    expect(problemsOf({ ...production, TURN_URLS: 'http://example.com' })).toHaveLength(1);
  });
});
