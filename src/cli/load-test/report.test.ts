import { describe as group, expect, it } from 'vitest';
import { describe, percentile, toReport } from './report.ts';
import type { LoadMeasurement, LoadPlan } from './run.ts';

const plan: LoadPlan = {
  url: 'http://127.0.0.1',
  allowRemote: false,
  rooms: [{ id: '1', tokens: [] }],
  speakers: 2,
  talk: 'all',
  packetTime: 20,
  dtx: false,
  seconds: 10,
  listenerProcesses: 1,
};

const usage = (nodeMs: number, workerMs: number, kiB: number) => ({
  node: { cpu: nodeMs * 1_000, memory: kiB * 1_024 },
  workers: [{ cpu: workerMs * 1_000, memory: 2 * kiB * 1_024 }],
});

const measured: LoadMeasurement = {
  speakers: { joinMs: [1, 2], failures: { NO_SEAT: 1 } },
  listeners: { joinMs: Array.from({ length: 100 }, (_, index) => index + 1), failures: { NO_SEAT: 1, gone: 2 } },
  listenersSeconds: 4,
  seconds: 10,
  sent: 1_000,
  received: 101_000,
  receivedByListeners: 100_000,
  lost: 7,
  deaf: 3,
  gone: 0,
  clientCores: [0.1, 0.95],
  usage: { empty: usage(0, 0, 1_000), begin: usage(100, 1_000, 2_000), end: usage(600, 2_010, 3_000) },
};

group('the report', () => {
  const report = toReport(plan, measured);

  it('says what a packet and a listener cost', () => {
    expect(report.cpu.workerUsPerPacket).toBeCloseTo(10);
    expect(report.cpu.workerCores[0]).toBeCloseTo(0.101);
    expect(report.cpu.nodeCores).toBeCloseTo(0.05);
    expect(report.cpu.listenersPerCore).toBeCloseTo(100 / 0.101);
    expect(report.memory).toEqual({ nodeKiBPerListener: 20, workerKiBPerListener: 40 });
    expect(report.packets).toEqual({ inPerSecond: 100, outPerSecond: 10_100, lost: 7, deaf: 3, streamsPerListener: 2 });
    expect(describe(report).join('\n')).toContain('3 listeners got no packet');
  });

  it('adds up why members did not get in', () => {
    expect(report.joins).toMatchObject({ failed: 4, failures: { NO_SEAT: 2, gone: 2 }, perSecond: 25, p50Ms: 50 });
  });

  it('warns when the load tester itself was at its limit', () => {
    expect(describe(report).join('\n')).toContain('--processes');
    expect(describe(toReport(plan, { ...measured, clientCores: [0.1] })).join('\n')).not.toContain('--processes');
  });

  it('takes percentiles', () => {
    expect(percentile([3, 1, 2, 4], 0.5)).toBe(2);
    expect(percentile([5], 0.99)).toBe(5);
    expect(percentile([], 0.5)).toBeNaN();
  });
});
