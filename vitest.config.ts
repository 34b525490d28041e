import { defineConfig } from 'vitest/config';

/** Real workers, real Redis and real sockets share the machine, so few files run at a time. */
const maxWorkers = 2;

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'dev/**/*.test.ts', 'scripts/**/*.test.mjs', 'client/sdk/**/*.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
          maxWorkers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'server',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: 'test/support/client-setup.ts',
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // A browser with fake microphones needs the machine for itself.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    coverage: { include: ['src/**'], exclude: ['**/*.test.ts'] },
  },
});
