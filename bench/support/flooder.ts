import { setTimeout as sleep } from 'node:timers/promises';
import { LightClient } from '../../src/cli/load-test/light-client.ts';

/**
 * Sends as much as its connection takes, in a process of its own: `flooder.ts <url> <token> <room id> <kind>`, until it is
 * killed. When it is cut, it comes back.
 */
const [url = '', token = '', roomId = '', kind = ''] = process.argv.slice(2);
const callsPerFrame = 50;
const framesAtOnce = 20;
let lastId = 1_000;

const call = (limit: number): object => ({
  id: (lastId += 1),
  method: 'query',
  params: { path: 'chat.history', input: { json: { roomId, limit } } },
});

/** Makes one frame. */
const frames: Record<string, () => string> = {
  batches: () => JSON.stringify(Array.from({ length: callsPerFrame }, () => call(1))),
  calls: () => JSON.stringify(call(1)),
  pings: () => 'PING',
  deaf: () => JSON.stringify(call(100)),
};
const makeFrame = frames[kind];
if (makeFrame === undefined) throw new Error(`Kinds of floods: ${Object.keys(frames).join(', ')}`);

process.on('disconnect', () => process.exit());
for (let life = 0; ; life += 1) {
  const client = await LightClient.connect(url, token);
  let open = true;
  void client.closed.then(() => (open = false));
  await client.mutate('room.join', { roomId }).catch(() => undefined);
  if (life === 0) process.send?.('joined');
  if (kind === 'deaf') client.pause();
  while (open) {
    const taken = Array.from({ length: framesAtOnce }, () => client.sendRaw(makeFrame()));
    // Not before TCP has taken it: what waits in this process floods nobody.
    await Promise.all([...taken, sleep(1)]);
  }
  await sleep(100);
}
