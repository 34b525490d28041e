import { describe, expect, it } from 'vitest';
import { Emitter } from './emitter.ts';

describe('Emitter', () => {
  it('reports a throwing listener and still calls the others', () => {
    const reported: unknown[] = [];
    const heard: number[] = [];
    const emitter = new Emitter<{ tick: [number] }>((error) => reported.push(error));
    const broken = new Error('broken');
    emitter.on('tick', () => {
      throw broken;
    });
    emitter.on('tick', (value) => heard.push(value));
    emitter.emit('tick', 7);
    expect(heard).toEqual([7]);
    expect(reported).toEqual([broken]);
  });

  it('lets a listener remove itself while it is called', () => {
    const heard: string[] = [];
    const emitter = new Emitter<{ tick: [] }>(() => undefined);
    const stop = emitter.on('tick', () => {
      heard.push('once');
      stop();
    });
    emitter.on('tick', () => heard.push('always'));
    emitter.emit('tick');
    emitter.emit('tick');
    expect(heard).toEqual(['once', 'always', 'always']);
  });
});
