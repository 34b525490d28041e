import type { PacketTime, TalkPattern } from './talk.ts';

/** Somebody whom a client process plays. */
export interface MemberPlan {
  readonly token: string;
  readonly roomId: string;
}

export interface StartOrder {
  readonly type: 'start';
  readonly url: string;
  readonly allowRemote: boolean;
  readonly talk: TalkPattern;
  readonly packetTime: PacketTime;
  /** Whether speakers leave out most packets of silence. */
  readonly dtx: boolean;
  /** Members who join at a time. */
  readonly parallel: number;
  /** All speakers of a room are of one process. */
  readonly speakers: readonly MemberPlan[];
  readonly listeners: readonly MemberPlan[];
}

/** What a client process is told; each is answered once, in order. */
export type Order = StartOrder | { readonly type: 'speak' | 'hear' | 'listen' | 'count' | 'leave' };

/** How members got in. */
export interface JoinResult {
  /** From the first packet of the connection until audio could flow, for each who got in, ms. */
  readonly joinMs: readonly number[];
  /** Why others did not, by message. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What a client process has counted since it began. */
export interface ClientCounts {
  readonly received: number;
  /** Of them, by listeners who do not speak. */
  readonly receivedByListeners: number;
  readonly lost: number;
  readonly sent: number;
  /** Listeners who received nothing since the count before. */
  readonly deaf: number;
  /** Members whose socket or path was lost. */
  readonly gone: number;
  /** CPU time of the process, us. */
  readonly cpu: number;
}

export type Answer = JoinResult | ClientCounts | { readonly done: true };
