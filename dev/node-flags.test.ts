import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { serverNodeFlags } from './node-flags.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

describe('the flags of Node.js', () => {
  it('are those of npm start', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(scripts['start']).toContain(`node ${serverNodeFlags.join(' ')} `);
  });

  it('are those that docs/DEPLOYMENT.md gives to systemd', () => {
    expect(read('docs/DEPLOYMENT.md')).toContain(`/usr/bin/node ${serverNodeFlags.join(' ')} `);
  });

  it('are those of the image', () => {
    const [, command = '[]'] = /^CMD (\[.*\])$/m.exec(read('docker/Dockerfile')) ?? [];
    expect((JSON.parse(command) as string[]).slice(0, 1 + serverNodeFlags.length)).toEqual([
      'node',
      ...serverNodeFlags,
    ]);
  });
});
