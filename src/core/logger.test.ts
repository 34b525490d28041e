import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger('info', { write: (line) => void lines.push(line) }));
  return lines.join('');
}

describe('logger', () => {
  it('hides tokens and keys at any depth, in arrays and child bindings', () => {
    const output = logged((logger) => {
      const child = logger.child({ request: { headers: { Authorization: 'Bearer hush' } } });
      child.info(
        { a: [{ b: { connectionParams: { token: 'hush' }, 'X-Internal-Key': 'hush' } }], token: 'hush' },
        'hi',
      );
    });
    expect(output).not.toContain('hush');
    expect(output).toContain('"msg":"hi"');
  });

  it('keeps other fields and the stack of errors', () => {
    const output = logged((logger) => logger.error({ err: new Error('broken pipe'), userId: 42 }, 'failed'));
    expect(JSON.parse(output)).toMatchObject({
      userId: 42,
      err: { message: 'broken pipe', type: 'Error' },
      msg: 'failed',
    });
  });

  it('survives a cycle', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(logged((logger) => logger.info({ cyclic }, 'round'))).toContain('[too deep]');
  });
});
