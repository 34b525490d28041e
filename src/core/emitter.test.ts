import { describe, expect, it, vi } from 'vitest';
import { Emitter } from './emitter.ts';

interface Events {
  message: [text: string, count: number];
  closed: [];
}

describe('Emitter', () => {
  it('calls the listeners of an event in order and with its arguments', () => {
    const emitter = new Emitter<Events>(vi.fn());
    const calls: string[] = [];
    emitter.on('message', (text, count) => void calls.push(`first ${text} ${count}`));
    emitter.on('message', (text) => void calls.push(`second ${text}`));
    emitter.on('closed', () => void calls.push('closed'));
    emitter.emit('message', 'hello', 2);
    expect(calls).toEqual(['first hello 2', 'second hello']);
  });

  it('reports a throwing listener and still calls the others', () => {
    const report = vi.fn();
    const emitter = new Emitter<Events>(report);
    const error = new Error('broken listener');
    const other = vi.fn();
    emitter.on('closed', () => {
      throw error;
    });
    emitter.on('closed', other);
    expect(() => emitter.emit('closed')).not.toThrow();
    expect(other).toHaveBeenCalledOnce();
    expect(report).toHaveBeenCalledExactlyOnceWith('closed', error);
  });

  it('reports a listener whose promise is rejected', async () => {
    const report = vi.fn();
    const emitter = new Emitter<Events>(report);
    emitter.on('closed', () => Promise.reject(new Error('late')));
    emitter.emit('closed');
    await vi.waitFor(() => expect(report).toHaveBeenCalledExactlyOnceWith('closed', new Error('late')));
  });

  it('survives a reporter that throws', () => {
    const emitter = new Emitter<Events>(() => {
      throw new Error('reporter');
    });
    emitter.on('closed', () => {
      throw new Error('listener');
    });
    expect(() => emitter.emit('closed')).not.toThrow();
  });

  it('stops calling a removed listener, and removing it twice is harmless', () => {
    const emitter = new Emitter<Events>(vi.fn());
    const listener = vi.fn();
    const stop = emitter.on('closed', listener);
    stop();
    stop();
    emitter.emit('closed');
    expect(listener).not.toHaveBeenCalled();
    expect(emitter.listenerCount('closed')).toBe(0);
  });

  it('does not lose a listener added after an old one was removed twice', () => {
    const emitter = new Emitter<Events>(vi.fn());
    const stop = emitter.on('closed', vi.fn());
    stop();
    const listener = vi.fn();
    emitter.on('closed', listener);
    stop();
    emitter.emit('closed');
    expect(listener).toHaveBeenCalledOnce();
  });

  it('calls a once listener a single time, even when it emits the event itself', () => {
    const emitter = new Emitter<Events>(vi.fn());
    const listener = vi.fn(() => emitter.emit('closed'));
    emitter.once('closed', listener);
    emitter.emit('closed');
    expect(listener).toHaveBeenCalledOnce();
  });
});
