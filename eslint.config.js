import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import vue from 'eslint-plugin-vue';
import tseslint from 'typescript-eslint';

/** `_` says that something is left out on purpose. */
const unusedVariables = {
  argsIgnorePattern: '^_',
  varsIgnorePattern: '^_',
  destructuredArrayIgnorePattern: '^_',
  caughtErrors: 'all',
};

/** Which way imports may go, and cycles, are the business of .dependency-cruiser.mjs; layout is Prettier's. */
export default defineConfig(
  globalIgnores(['**/node_modules/', '**/dist/', '**/.nuxt/', '**/.output/', '.data/', 'coverage/', 'test/output/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  js.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-implicit-coercion': 'error',
      'no-unused-vars': ['error', unusedVariables],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      // Undefined names are the type checkers' to find.
      'no-undef': 'off',
    },
  },

  {
    files: ['**/*.ts', 'client/app/**/*.vue'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, extraFileExtensions: ['.vue'] } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/no-empty-function': ['error', { allow: ['arrowFunctions'] }],
      '@typescript-eslint/no-unused-vars': ['error', unusedVariables],
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An async function without await turns what it throws into a rejection, which is often the point.
      '@typescript-eslint/require-await': 'off',
      // They do not know that a flag can change during an await, nor that a package's types can be wrong.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-boolean-literal-compare': 'off',
      // What they ask for reads worse, or does not compile where an initialiser refers to its own variable.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/prefer-optional-chain': 'off',
      '@typescript-eslint/consistent-generic-constructors': 'off',
      // Takes the instances of packages that are typed apart from their classes, such as ws, for strangers.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },

  {
    files: ['client/app/**/*.vue'],
    extends: [vue.configs['flat/recommended'], vue.configs['no-layout-rules']],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      // vue-tsc knows what comes out of other components and of Nuxt's auto-imports; this parser does not.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      // Nuxt names pages and layouts after their place.
      'vue/multi-word-component-names': ['error', { ignores: ['default', 'index', '[id]', 'error', 'app'] }],
    },
  },

  {
    // Belongs to no TypeScript project that is there before Nuxt has run.
    files: ['client/nuxt.config.ts'],
    extends: [tseslint.configs.disableTypeChecked],
  },

  {
    files: ['src/**/*.ts'],
    rules: {
      // The logger is structured and keeps secrets out.
      'no-console': 'error',
    },
  },

  {
    files: ['**/*.test.ts', '**/*.test.mjs', 'test/**/*.ts'],
    rules: {
      'no-control-regex': 'off',
      // Vitest's matchers, such as expect.any(), are typed so.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // A missing value fails the test, which is what it is for.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // What is thrown is what the test is about, so it may say what that is.
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
    },
  },
);
