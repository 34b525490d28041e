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
  it('accepts the least that production needs and fills in the defaults of the seed', () => {
    const config = loadConfig(production);
    expect(config.http.port).toBe(3030);
    expect(config.redis).toEqual({ host: 'redis.internal', port: 6379, password: null, db: 3, tls: false });
    expect(config.limits).toMatchObject({ chatPerMinute: 60, giftsPerMinute: 30 });
    expect(config.media.portRange).toBeNull();
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
    expect(config.media.announcedAddress).toBe('audio.example.com');
  });
});
