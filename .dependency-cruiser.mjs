/**
 * Who may import whom: core <- media <- services <- routers <- http <- app <- server, no cycles, and each layer only the
 * packages that are its business. Imports of types count like any other, except where a rule says otherwise.
 */

const tests = '\\.test\\.ts$';

/** Each layer with the paths of ours that it must not reach. */
const layers = [
  { name: 'core', path: '^src/core/', not: '^src/(?!core/)' },
  { name: 'media', path: '^src/media/', not: '^src/(?!core/|media/)' },
  { name: 'services', path: '^src/services/', not: '^src/(?!core/|media/|services/)' },
  { name: 'routers', path: '^src/routers/', not: '^src/(?!core/|media/|services/|routers/)' },
  { name: 'http', path: '^src/http/', not: '^src/(?!core/|media/|services/|routers/|http/)' },
  { name: 'cli', path: '^src/cli/', not: '^src/(?!cli/|routers/)' },
  { name: 'config', path: '^src/config\\.ts$', not: '^src/(?!core/)' },
  { name: 'app', path: '^src/app\\.ts$', not: '^src/server\\.ts$' },
];

/** Packages that only some of src/ may know. `types`: everybody may import types from them. */
const packages = [
  { name: 'mediasoup', only: '^src/media/', types: true },
  { name: 'ioredis', only: '^src/services/', types: false },
  { name: 'rate-limiter-flexible', only: '^src/services/', types: false },
  { name: '@trpc', only: '^src/(routers|http|cli)/', types: false },
  { name: 'superjson', only: '^src/(routers|http|cli)/', types: false },
  { name: 'fastify|@fastify', only: '^src/(http/|app\\.ts$)', types: false },
  { name: 'ws', only: '^src/(http|cli)/', types: false },
  { name: 'prom-client', only: '^src/http/', types: false },
  { name: 'citty', only: '^src/cli/', types: false },
];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Modules that need each other are one module, or lack a third. Cycles of types alone cost nothing.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    ...layers.map(({ name, path, not }) => ({
      name: `direction-${name}`,
      comment: `src/${name} imports something that stands above it.`,
      severity: 'error',
      from: { path, pathNot: tests },
      to: { path: not },
    })),
    ...packages.map(({ name, only, types }) => ({
      name: `package-${name.replaceAll(/[|@]+/g, '-').replace(/^-/, '')}`,
      comment: `Only ${only} knows ${name}.`,
      severity: 'error',
      from: { path: '^src/', pathNot: [only, tests] },
      to: {
        path: `^node_modules/(${name})/`,
        ...(types ? { dependencyTypesNot: ['type-only'] } : {}),
      },
    })),
    {
      name: 'product-without-tools',
      comment: 'What is shipped must not need what is not.',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { path: '^(dev|test|bench|client|scripts)/' },
    },
    {
      name: 'product-without-dev-dependencies',
      comment: 'A package that src/ runs with belongs to `dependencies`.',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'client-from-server-types-only',
      comment: 'A page must not bundle code of the server: `import type` only, but for the table of permissions.',
      severity: 'error',
      from: { path: '^client/' },
      to: { path: '^src/', pathNot: '^src/core/permissions\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'sdk-without-framework',
      comment: 'The SDK serves any front end.',
      severity: 'error',
      from: { path: '^client/sdk/' },
      to: { path: '^(client/(?!sdk/)|node_modules/(vue|nuxt|@vue|#))' },
    },
    {
      name: 'set-up-without-packages',
      comment: 'scripts/setup.mjs installs the packages, so it cannot use any.',
      severity: 'error',
      from: { path: '^scripts/setup', pathNot: ['\\.test\\.mjs$', '/check-worker\\.mjs$'] },
      to: { dependencyTypesNot: ['core', 'local'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      // Nuxt has aliases and auto-imports of its own; vue-tsc checks those.
      from: { pathNot: '^client/(app|nuxt\\.config)' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nobody imports it and it imports nobody.',
      severity: 'error',
      from: {
        orphan: true,
        path: '^(src|dev|test|bench)/', // collect-often is loaded by its path, with --import.
        pathNot: [tests, '\\.d\\.ts$', 'bench/support/collect-often\\.ts$'],
      },
      to: {},
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(client/(\\.nuxt|\\.output|dist|node_modules)|dist)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
