import { readdirSync, readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { AppError, type AppCode, type ErrorDetails, errorTable } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { ConcurrencyLimit } from '../concurrency-limit.ts';
import { roomFeedChannel, roomKeys } from './keys.ts';

/** What a script can answer: Redis replies as ioredis hands them over. */
export type ScriptReply = string | number | null | ScriptReply[];

type ScriptCommand = (...keysAndArguments: (string | number)[]) => Promise<ScriptReply>;

/**
 * Room scripts under way at a time. A join storm keeps the process too busy to read answers: with all sent at once, those
 * to the last would be taken for a time-out of Redis although they have arrived.
 */
const mostAtOnce = 32;
/** A room script that could not be sent in this time is refused, ms. */
const longestWaitMs = 5_000;

const luaDirectory = new URL('./lua/', import.meta.url);
const fileName = /^(?<name>[a-z-]+)-(?<keyCount>\d+)\.lua$/;

/**
 * The Lua scripts of lua/, one atomic step a file, `<name>-<key count>.lua`. A line `-- @include <name>` stands for the
 * file of that name in lua/includes/. Sent once, then called by their SHA-1 (ioredis).
 */
export class Scripts {
  readonly #commands = new Map<string, ScriptCommand>();
  readonly #limit = new ConcurrencyLimit(mostAtOnce, longestWaitMs);
  readonly #eventLogLength: number;

  /**
   * @param redis - connection that the scripts run on
   * @param eventLogLength - events that are kept a room, about
   */
  constructor(redis: Redis, eventLogLength: number) {
    this.#eventLogLength = eventLogLength;
    for (const file of readdirSync(luaDirectory)) {
      const { name, keyCount } = fileName.exec(file)?.groups ?? {};
      if (name === undefined) continue;
      redis.defineCommand(name, { numberOfKeys: Number(keyCount), lua: withIncludes(file) });
      const command = (redis as unknown as Record<string, ScriptCommand | undefined>)[name];
      if (command === undefined) throw new Error(`Redis script ${file} could not be defined`);
      this.#commands.set(name, command.bind(redis));
    }
  }

  /** Runs a script over its own keys. */
  run(name: string, keys: readonly string[], args: readonly (string | number)[]): Promise<ScriptReply> {
    const command = this.#commands.get(name);
    if (command === undefined) throw new Error(`There is no Redis script ${name}`);
    return command(...keys, ...args);
  }

  /**
   * Runs a script over the keys of a room (includes/room.lua), which answers { 'OK', ...results }, or a code of the error
   * table and the facts of that code ({@link detailsOf}). Every refusal of a room script becomes an error here.
   *
   * @param moreKeys - keys in the room's slot that the script has beside those of the room
   * @returns the results
   * @throws AppError what the script refuses with; SERVICE_UNAVAILABLE when it could not be sent for too long
   */
  async change(
    name: string,
    roomId: RoomId,
    args: readonly (string | number)[],
    moreKeys: readonly string[] = [],
  ): Promise<ScriptReply[]> {
    const keys = [...roomKeys(roomId), ...moreKeys];
    const reply = await this.#limit.run(() =>
      this.run(name, keys, [roomFeedChannel(roomId), this.#eventLogLength, ...args]),
    );
    const [code, ...results] = Array.isArray(reply) ? reply : [reply];
    if (code === 'OK') return results;
    if (typeof code !== 'string' || !(code in errorTable)) {
      throw new Error(`Redis script ${name} answered the unknown code ${String(code)}`);
    }
    throw new AppError(code as AppCode, { details: detailsOf(code as AppCode, results) });
  }
}

/** What a script answers beside a code: of `BANNED` the end in ms (0: never) and the reason or '', else the wait in ms. */
function detailsOf(code: AppCode, [first, second]: readonly ScriptReply[]): ErrorDetails {
  if (typeof first !== 'number') return {};
  if (code !== 'BANNED') return { retryAfterMs: first };
  return { ban: { until: first === 0 ? null : first, reason: second === '' ? null : String(second) } };
}

function withIncludes(file: string): string {
  const source = readFileSync(new URL(file, luaDirectory), 'utf8');
  return source.replaceAll(/^-- @include ([a-z-]+)$/gm, (_, name: string) =>
    readFileSync(new URL(`includes/${name}.lua`, luaDirectory), 'utf8'),
  );
}
