/**
 * A node that dies by SIGKILL when it comes to a named point for the n-th time: `node gift-node.ts [<point> <n>]`, its
 * settings in the environment. Says its address on standard output once it is ready.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import type { CrashPoint } from './crash-points.ts';

/** Laravel's time limit; the usual one would make tests wait. */
const laravelTimeoutMs = 500;
/** Long enough for a request to be on its way, ms. */
const underWayMs = 3;

const [, , point = null, times = '1'] = process.argv;
let left = Number(times);

/** Whether the node has come to the point at which it dies, for the last time. */
function isTime(here: CrashPoint): boolean {
  if (here !== point) return false;
  left -= 1;
  return left <= 0;
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

type Method = (...args: unknown[]) => Promise<unknown>;

/** Puts a function in the place of some methods of an object; all others work as they do. */
function around<T extends object>(target: T, methods: Record<string, (call: Method) => Method>): T {
  return new Proxy(target, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      const method = value.bind(object) as Method;
      return typeof name === 'string' ? (methods[name]?.(method) ?? method) : method;
    },
  });
}

const config = loadConfig(process.env);
const app = createApp(
  { ...config, laravel: { ...config.laravel, timeoutMs: laravelTimeoutMs } },
  {
    wrapGiftQueue: (queue) =>
      around(queue, {
        enqueue:
          (enqueue) =>
          async (...args) => {
            const reply = enqueue(...args);
            if (isTime("before enqueue's reply")) {
              // The command is on its way to Redis.
              await setImmediate();
              await die();
            }
            const enqueued = await reply;
            if (isTime("after enqueue's reply")) await die();
            return enqueued;
          },
        claim:
          (claim) =>
          async (...args) => {
            const claimed = (await claim(...args)) as { gifts: unknown[] } | null;
            if (claimed !== null && claimed.gifts.length > 0 && isTime('after claim')) await die();
            return claimed;
          },
        finish:
          (finish) =>
          async (...args) => {
            if (isTime('before finish')) await die();
            const finished = await finish(...args);
            if (isTime('after finish')) await die();
            return finished;
          },
      }),
    wrapLaravel: (laravel) =>
      around(laravel, {
        settleGifts:
          (settle) =>
          async (...args) => {
            if (isTime('before the post')) await die();
            const answer = settle(...args);
            if (isTime('during the post')) {
              answer.catch(() => undefined);
              await sleep(underWayMs);
              await die();
            }
            const results = await answer;
            if (isTime("after Laravel's commit")) await die();
            return results;
          },
      }),
  },
);
process.stdout.write(`${await app.start()}\n`);
