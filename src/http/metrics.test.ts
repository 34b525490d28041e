import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { userId } from '../../test/support/media.ts';
import type { MemberQuality } from '../core/events.ts';
import { GiftMetrics, type GiftSources } from './gift-metrics.ts';
import { mountMetrics } from './metrics.ts';
import { SocketMetrics } from './socket-metrics.ts';

/** What Prometheus reads of members' connections, one line each. */
async function membersOf(qualities: readonly MemberQuality[]): Promise<string[]> {
  const server = Fastify();
  onTestFinished(() => server.close());
  mountMetrics(server, {
    roomCount: () => 0,
    connectionCount: () => 0,
    memberQualities: () => qualities,
    workerStats: async () => [],
    sockets: new SocketMetrics(),
    gifts: new GiftMetrics(),
    giftSources: {} as GiftSources,
  });
  const { body } = await server.inject({ url: '/metrics/prometheus' });
  return body.split('\n').filter((line) => line.startsWith('flylive_members_'));
}

it('tells how members are connected: classes, means and the worst', async () => {
  const measured: MemberQuality[] = [
    { userId: userId(1), quality: 'good', loss: 0, jitterMs: 4, rttMs: 40 },
    { userId: userId(2), quality: 'poor', loss: 0.25, jitterMs: 12, rttMs: null },
  ];
  expect(await membersOf(measured)).toEqual([
    'flylive_members_by_quality{quality="good"} 1',
    'flylive_members_by_quality{quality="fair"} 0',
    'flylive_members_by_quality{quality="poor"} 1',
    'flylive_members_loss_ratio{statistic="mean"} 0.125',
    'flylive_members_loss_ratio{statistic="worst"} 0.25',
    'flylive_members_jitter_seconds{statistic="mean"} 0.008',
    'flylive_members_jitter_seconds{statistic="worst"} 0.012',
    'flylive_members_rtt_seconds{statistic="mean"} 0.04',
    'flylive_members_rtt_seconds{statistic="worst"} 0.04',
  ]);
});

it('names no loss, jitter or round trip where nobody was measured', async () => {
  expect(await membersOf([])).toEqual(
    ['good', 'fair', 'poor'].map((of) => `flylive_members_by_quality{quality="${of}"} 0`),
  );
});
