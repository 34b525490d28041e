import { setTimeout as sleep } from 'node:timers/promises';
import { LightClient } from '../../src/cli/load-test/light-client.ts';

/**
 * Sends calls as fast as its connection takes them, a full batch a frame, in a process of its own:
 * `flooder.ts <url> <token> <room id>`, until it is killed.
 */
const [url = '', token = '', roomId = ''] = process.argv.slice(2);
const callsPerFrame = 50;
const framesAtOnce = 20;

const client = await LightClient.connect(url, token);
await client.mutate('room.join', { roomId });
let id = 1_000;
process.on('disconnect', () => process.exit());
process.send?.('joined');
for (;;) {
  const taken = Array.from({ length: framesAtOnce }, () => {
    const calls = Array.from({ length: callsPerFrame }, () => ({
      id: (id += 1),
      method: 'query',
      params: { path: 'chat.history', input: { json: { roomId, limit: 1 } } },
    }));
    return client.sendRaw(JSON.stringify(calls));
  });
  // Not before TCP has taken it: what waits in this process floods nobody.
  await Promise.all([...taken, sleep(1)]);
}
