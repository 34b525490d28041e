import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AppError, errorTable } from './errors.ts';

interface DocumentedCode {
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly meaning: string;
  readonly advice: string;
}

/** The rows of the table of codes in docs/ERRORS.md. */
function readDocumentedCodes(): DocumentedCode[] {
  const text = readFileSync(new URL('../../docs/ERRORS.md', import.meta.url), 'utf8');
  const rows = text.matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| (yes|no) +\| (.*?) +\| (.*?) +\|$/gm);
  return [...rows].map(([, code = '', status, retryable, meaning = '', advice = '']) => {
    return { code, status: Number(status), retryable: retryable === 'yes', meaning, advice };
  });
}

describe('the error table', () => {
  it('is what docs/ERRORS.md says, in the same order', () => {
    const documented = readDocumentedCodes().map(({ code, status, retryable }) => ({ code, status, retryable }));
    const real = Object.entries(errorTable).map(([code, { status, retryable }]) => ({ code, status, retryable }));
    expect(documented).toEqual(real);
  });

  it('is explained code by code', () => {
    for (const { meaning, advice } of readDocumentedCodes()) {
      expect(meaning).toMatch(/\.$/);
      expect(advice).toMatch(/\.$/);
    }
  });
});

describe('AppError', () => {
  it('speaks in the words of the table unless it is given others', () => {
    expect(new AppError('ROOM_FULL').message).toBe(errorTable.ROOM_FULL.message);
    expect(new AppError('ROOM_FULL', { message: 'No room left' }).message).toBe('No room left');
  });

  it('knows whether a retry can help, and carries details and cause', () => {
    const cause = new Error('the reason');
    const error = new AppError('RATE_LIMITED', { details: { retryAfterMs: 500 }, cause });
    expect(error).toMatchObject({ code: 'RATE_LIMITED', retryable: true, details: { retryAfterMs: 500 }, cause });
    expect(new AppError('NOT_SEATED')).toMatchObject({ retryable: false, details: {} });
  });
});
