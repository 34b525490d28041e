import { setTimeout as delay } from 'node:timers/promises';
import { LoadMember, type MemberOptions } from './member.ts';
import type { ClientCounts, JoinResult, MemberPlan, StartOrder } from './messages.ts';
import { createTalk, type Talk } from './talk.ts';
import { createCertificate } from './webrtc/certificate.ts';

/** How long one may take to get in, ms. */
const joinTimeout = 30_000;

/** The members whom one process plays, and what is done with them. */
export class MemberGroup {
  readonly #order: StartOrder;
  readonly #certificate = createCertificate('FlyLive load test');
  readonly #speakers: LoadMember[] = [];
  readonly #listeners: LoadMember[] = [];
  /** What each had received at the last count. */
  readonly #counted = new Map<LoadMember, number>();

  constructor(order: StartOrder) {
    this.#order = order;
  }

  /** Speakers join and begin to send. */
  speak(): Promise<JoinResult> {
    const { speakers, packetTime, dtx, talk } = this.#order;
    const places = new Map<string, number>();
    const talks = new Map<string, Talk>();
    const sizes = new Map<string, number>();
    for (const { roomId } of speakers) sizes.set(roomId, (sizes.get(roomId) ?? 0) + 1);
    for (const [roomId, size] of sizes) talks.set(roomId, createTalk(talk, size));
    return this.#join(speakers, this.#speakers, async (member, { roomId }) => {
      const place = places.get(roomId) ?? 0;
      places.set(roomId, place + 1);
      const ofRoom = talks.get(roomId);
      if (ofRoom) await member.speak({ packetTime, dtx }, ofRoom, place);
    });
  }

  /** Speakers begin to hear each other. */
  async hear(): Promise<JoinResult> {
    const failures: Record<string, number> = {};
    await inParallel(this.#speakers, this.#order.parallel, async (member) => {
      await member.hearOthers().catch((error: unknown) => note(failures, error));
    });
    return { joinMs: [], failures };
  }

  /** Listeners join. */
  listen(): Promise<JoinResult> {
    return this.#join(this.#order.listeners, this.#listeners, (member) => member.listen());
  }

  count(): ClientCounts {
    const counts = { received: 0, receivedByListeners: 0, lost: 0, sent: 0, deaf: 0, gone: 0 };
    for (const member of [...this.#speakers, ...this.#listeners]) {
      const { received, lost, sent } = member.counts;
      counts.received += received;
      if (!member.speaks) {
        counts.receivedByListeners += received;
        if (received === (this.#counted.get(member) ?? 0)) counts.deaf += 1;
        this.#counted.set(member, received);
      }
      counts.lost += lost;
      counts.sent += sent;
      if (!member.alive) counts.gone += 1;
    }
    const { user, system } = process.cpuUsage();
    return { ...counts, cpu: user + system };
  }

  async leave(): Promise<void> {
    // Speakers last: nobody should miss them while being counted elsewhere.
    const members = [...this.#listeners, ...this.#speakers];
    await inParallel(members, this.#order.parallel, (member) => Promise.race([member.leave(), delay(2_000)]));
    for (const member of members) member.cut();
  }

  async #join(
    plans: readonly MemberPlan[],
    members: LoadMember[],
    enter: (member: LoadMember, plan: MemberPlan) => Promise<void>,
  ): Promise<JoinResult> {
    const joinMs: number[] = [];
    const failures: Record<string, number> = {};
    const { url, allowRemote, parallel } = this.#order;
    await inParallel(plans, parallel, async (plan) => {
      const options: MemberOptions = { ...plan, url, allowRemote, certificate: this.#certificate };
      const startedAt = performance.now();
      let member: LoadMember | undefined;
      try {
        const entered = LoadMember.connect(options).then(async (connected) => {
          member = connected;
          await enter(connected, plan);
          return connected;
        });
        members.push(await withinTime(entered));
        joinMs.push(performance.now() - startedAt);
      } catch (error) {
        member?.cut();
        note(failures, error);
      }
    });
    return { joinMs, failures };
  }
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const timeout = delay(joinTimeout, undefined, { signal: over.signal }).then(() => {
    throw new Error(`Not in after ${joinTimeout / 1_000} s`);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    over.abort();
  }
}

/** Works through a list, some at a time. */
async function inParallel<T>(list: readonly T[], width: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const items = list.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of items) await work(item);
    }),
  );
}

function note(failures: Record<string, number>, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  failures[message] = (failures[message] ?? 0) + 1;
}
