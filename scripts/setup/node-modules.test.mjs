import { describe, expect, it } from 'vitest';
import { nodeModulesTask } from './node-modules.mjs';

const manifest = { dependencies: { ws: '^8.0.0' }, devDependencies: { vitest: '^5.0.0' } };

function lockfile(changes = {}) {
  return {
    packages: {
      '': manifest,
      'node_modules/ws': { version: '8.1.0' },
      'node_modules/vitest': { version: '5.1.0' },
      'node_modules/fsevents': { version: '2.3.0', optional: true },
      ...changes,
    },
  };
}

const { '': _, 'node_modules/fsevents': __, ...installedPackages } = lockfile().packages;
const installed = { packages: installedPackages };

describe('nodeModulesTask', () => {
  it('does nothing when everything but packages of other platforms is there', () => {
    const state = { manifest, lock: lockfile(), installed, isCi: false };
    expect(nodeModulesTask(state)).toBe('nothing');
  });

  it('makes a clean installation when there is none', () => {
    const state = { manifest, lock: lockfile(), installed: undefined, isCi: false };
    expect(nodeModulesTask(state)).toBe('ci');
  });

  it('updates in place, without touching the lockfile, after a pull that changed it', () => {
    const lock = lockfile({ 'node_modules/ws': { version: '8.2.0' } });
    expect(nodeModulesTask({ manifest, lock, installed, isCi: false })).toBe('install --no-save');
  });

  it('lets npm update the lockfile when someone added a dependency to package.json', () => {
    const changed = { ...manifest, dependencies: { ...manifest.dependencies, zod: '^4.0.0' } };
    const state = { manifest: changed, lock: lockfile(), installed };
    expect(nodeModulesTask({ ...state, isCi: false })).toBe('install');
    expect(nodeModulesTask({ ...state, isCi: true })).toBe('ci');
  });
});
