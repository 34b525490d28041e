/**
 * Whether a dialogue keeps its places among the loudest: `node bench/dialogue.ts [seconds]` (60 by default).
 *
 * Of 15 speakers two talk by turns of 1 to 4 s, ten have open microphones that let nothing through but noise, and three are
 * muted. 12 others listen, so many that a place is given back after 1.5 s of silence. Counted, as a member is told by
 * `room.onActivity`: how often those who are forwarded change, and how often one of the two loses the place before having
 * been silent for that long. Levels are averages over 250 ms, so the silence that the server counts begins up to that much
 * before the last word ends. The speakers are bare peers, which send packets and audio levels.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { addRoom } from '../test/support/members.ts';
import { openRtpSpeaker, type RtpSpeaker } from '../test/support/rtp-speaker.ts';
import { startTestServer, type TestServer } from '../test/support/server.ts';
import { report, round } from './support/report.ts';
import { listenSilently } from './support/silent-listener.ts';

const seconds = Number(process.argv[2] ?? 60);
assert(seconds >= 1, 'usage: node bench/dialogue.ts [seconds]');

const counts = { talking: 2, silent: 10, muted: 3, listening: 12 };
const turnMs = { least: 1_000, most: 4_000 };
/** Between two turns. */
const mostPauseMs = 300;
/** So long a speaker keeps the place after the last sound. */
const keptMs = 1_500;
/** Activity is told every 250 ms; a change may be older than it looks by this much at most, on a busy machine. */
const toldLateMs = 500;
/** Levels change with every packet. */
const packetMs = 20;
/** Of speech, whose words have pauses between them, ms. */
const rhythm = { word: 700, pause: 200 };

/** One of the two. Times as `performance.now()` tells them. */
interface Talker {
  readonly speaker: RtpSpeaker;
  /** Whether it is this one's turn. */
  speaking: boolean;
  /** When the newest turn began, and the last word before it ended. */
  beganAt: number;
  heardBefore: number;
  /** When the last packet of a word was sent. */
  heardAt: number;
  /** Whether this one was forwarded at any time of the newest turn. */
  forwarded: boolean;
}

/** Levels of a few dB around a middle, as no room is quite still. */
const around = (level: number): number => Math.round(level + 6 * (Math.random() - 0.5));

function talk(talker: Talker): void {
  const { speaking, beganAt, speaker } = talker;
  const inWord = speaking && (performance.now() - beganAt) % (rhythm.word + rhythm.pause) < rhythm.word;
  if (inWord) talker.heardAt = performance.now();
  if (inWord) speaker.level = around(-28);
  else speaker.level = around(speaking ? -58 : -75);
}

/** How a place was lost of which it is told now. */
function lossOf({ speaking, beganAt, heardBefore, heardAt }: Talker): {
  readonly speaking: boolean;
  silenceMs: number;
} {
  const now = performance.now();
  // Lost before the turn began, and told now.
  if (speaking && now - beganAt < toldLateMs) return { speaking: false, silenceMs: beganAt - heardBefore };
  return { speaking, silenceMs: now - heardAt };
}

async function openSpeakers(server: TestServer, roomId: string, stack: AsyncDisposableStack): Promise<RtpSpeaker[]> {
  const speakers: RtpSpeaker[] = [];
  for (let index = 0; index < counts.talking + counts.silent + counts.muted; index += 1) {
    speakers.push(stack.use(await openRtpSpeaker(server, roomId, 1_000 + index)));
  }
  for (const { member, producerId } of speakers.slice(counts.talking + counts.silent)) {
    await member.trpc.media.pauseProducer.mutate({ roomId, producerId });
  }
  return speakers;
}

await using server = await startTestServer();
await using stack = new AsyncDisposableStack();
const roomId = addRoom(server);
const watcher = stack.use(await listenSilently(server, roomId));
for (let n = 1; n < counts.listening; n += 1) stack.use(await listenSilently(server, roomId));
const speakers = await openSpeakers(server, roomId, stack);
const talkers = speakers.slice(0, counts.talking).map((speaker): Talker => {
  const never = -Infinity;
  return { speaker, speaking: false, beganAt: never, heardBefore: never, heardAt: never, forwarded: false };
});
const silent = speakers.slice(counts.talking, counts.talking + counts.silent);
const levels = setInterval(() => {
  for (const talker of talkers) talk(talker);
  for (const speaker of silent) speaker.level = around(-75);
}, packetMs);
stack.defer(() => clearInterval(levels));
// Whoever has just taken the microphone is let through for a while.
await sleep(2 * keptMs);

let forwarded: ReadonlySet<number> = new Set();
let changes = 0;
const losses: ReturnType<typeof lossOf>[] = [];
let silentForwarded = 0;
const activity = watcher.trpc.room.onActivity.subscribe(
  { roomId },
  {
    onData: ({ forwarded: userIds }) => {
      const next = new Set<number>(userIds);
      if (next.size !== forwarded.size || [...next].some((id) => !forwarded.has(id))) changes += 1;
      for (const talker of talkers) {
        const { id } = talker.speaker.member.user;
        if (forwarded.has(id) && !next.has(id)) losses.push(lossOf(talker));
        talker.forwarded ||= next.has(id);
      }
      for (const { member } of silent)
        if (next.has(member.user.id) && !forwarded.has(member.user.id)) silentForwarded += 1;
      forwarded = next;
    },
  },
);
stack.defer(() => activity.unsubscribe());

let turns = 0;
let unheardTurns = 0;
const end = performance.now() + seconds * 1_000;
for (; performance.now() < end; turns += 1) {
  const talker = talkers[turns % talkers.length] ?? assert.fail();
  talker.forwarded = forwarded.has(talker.speaker.member.user.id);
  talker.heardBefore = talker.heardAt;
  talker.beganAt = performance.now();
  talker.speaking = true;
  await sleep(turnMs.least + Math.random() * (turnMs.most - turnMs.least));
  talker.speaking = false;
  if (!talker.forwarded) unheardTurns += 1;
  await sleep(Math.random() * mostPauseMs);
}
report(`Two of ${speakers.length} speakers talk by turns for ${seconds} s`, [
  {
    turns,
    'not forwarded': unheardTurns,
    'changes of forwarded': changes,
    'places lost while speaking': losses.filter(({ speaking }) => speaking).length,
    [`... within ${keptMs / 1_000} s of it`]: losses.filter(({ silenceMs }) => silenceMs < keptMs).length,
    'shortest silence, s':
      losses.length > 0 ? round(Math.min(...losses.map(({ silenceMs }) => silenceMs)) / 1_000) : '-',
    'places given to silent microphones': silentForwarded,
  },
]);
