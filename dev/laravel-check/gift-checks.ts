import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { demand, Miss, Skip } from './back-end.ts';
import type { Check } from './checks.ts';
import { fit, type Result, validationShape } from './shapes.ts';
import type { SentGift, Subject } from './subject.ts';

/** Larger than any key that a user could have, and still exact in JSON. */
const noUser = Number.MAX_SAFE_INTEGER;
const concurrent = 10;
const largestBatch = 100;
/** Enough for a share of a few percent to be whole coins. */
const several = 10;
/** How often a gift that is answered with `retry` is sent again. */
const mostRetries = 5;

/** How many of the cheapest gift the sender must be able to pay for, when the recipient gets all of it. */
export const giftsNeeded = 164;

/** Money: POST /internal/gifts/batch. */
export const giftChecks: readonly Check[] = [
  {
    name: 'gifts: one is settled, charged once, and answered with the balance',
    run: (subject) =>
      subject.charges(1, async () => {
        const { status, code, reason } = await subject.settleOne(await subject.gift());
        demand(status === 'settled' && code === null && reason === null, `it is ${status} (${code ?? 'no code'})`);
      }),
  },
  {
    name: 'gifts: three of one are charged three times',
    run: (subject) =>
      subject.charges(3, async () => {
        await subject.pay({ quantity: 3 });
      }),
  },
  {
    name: 'gifts: two of one send (batch_id) are both settled and charged',
    run: (subject) =>
      subject.charges(2, async () => {
        const batch_id = randomUUID();
        const results = await subject.settle([await subject.gift({ batch_id }), await subject.gift({ batch_id })]);
        const statuses = results.map(({ status }) => status);
        demand(statuses.join() === 'settled,settled', `they are ${statuses.join(' and ')}`);
      }),
  },
  {
    name: 'gifts: the recipient is credited',
    run: async (subject) => {
      const { sharePercent } = subject;
      if (sharePercent === 0) throw new Skip('recipients get no coins (--share 0)');
      const { price } = (await subject.gifts()).cheapest;
      const back = await subject.back();
      // Balances are told to those who give, so the recipient gets the coins for that first.
      await subject.pay({ quantity: several });
      const before = await subject.pay(back);
      await subject.pay({ quantity: several });
      const credited = (await subject.pay(back)) + price - before;
      const expected = (several * price * sharePercent) / 100;
      const what = `of ${several * price} coins the recipient got ${credited} instead of ${expected}`;
      demand(Math.abs(credited - expected) < 1, what);
    },
  },
  {
    name: `gifts: ${concurrent} in each of two opposite directions at the same moment are all settled`,
    run: async (subject) => {
      const { sharePercent } = subject;
      if (sharePercent === 0) throw new Skip('recipients get no coins to give back (--share 0)');
      const back = await subject.back();
      // Who gets a share only must have what is given back.
      const quantity = Math.ceil((2 * concurrent * 100) / sharePercent);
      if (sharePercent < 100) await subject.pay({ quantity });
      const giveAll = async (): Promise<void> => {
        const gifts = [await many(subject, concurrent), await many(subject, concurrent, back)].flat();
        // All of them, so that none is still at work when the next check begins.
        const settling = await Promise.allSettled(gifts.map((gift) => settleAtLast(subject, gift)));
        for (const one of settling) if (one.status === 'rejected') throw one.reason;
      };
      await (sharePercent === 100 ? subject.charges(0, giveAll) : giveAll());
    },
  },
  {
    name: 'duplicates: the same gift again is `duplicate` with the balance of now, charged once',
    run: (subject) =>
      subject.charges(2, async () => {
        const gift = await subject.gift();
        await subject.settleOne(gift);
        const balance = await subject.pay();
        const again = await subject.settleOne(gift);
        demand(again.status === 'duplicate', `the second answer is ${again.status}`);
        const what = `sender_balance is ${String(again.sender_balance)} and not the balance of now, ${balance}`;
        demand(again.sender_balance === balance, what);
      }),
  },
  {
    name: 'duplicates: twice in one batch is charged once',
    run: (subject) =>
      subject.charges(1, async () => {
        const gift = await subject.gift();
        const statuses = (await subject.settle([gift, gift])).map(({ status }) => status).sort();
        demand(statuses.join() === 'duplicate,settled', `they are ${statuses.join(' and ')}`);
      }),
  },
  {
    name: `duplicates: ${concurrent} requests at the same moment are charged once`,
    run: (subject) =>
      subject.charges(1, async () => {
        const gift = await subject.gift();
        const results = await Promise.all(Array.from({ length: concurrent }, () => subject.settleOne(gift)));
        const settled = results.filter(({ status }) => status === 'settled').length;
        // A lock that was not had in time may be answered with `retry`.
        const unclear = results.filter(({ status }) => status === 'rejected').length;
        demand(settled === 1 && unclear === 0, `${settled} are settled, ${unclear} rejected`);
      }),
  },
  {
    name: 'duplicates: another gift under a known id is rejected (ID_CONFLICT), nothing charged',
    run: (subject) =>
      subject.charges(1, async () => {
        const gift = await subject.gift();
        await subject.settleOne(gift);
        const { cheapest, dearest } = await subject.gifts();
        const changes = [
          { quantity: 2 },
          { gift_id: dearest.id === cheapest.id ? randomUUID() : dearest.id },
          { room_id: await subject.otherRoomId() },
          { recipient_id: noUser },
          await subject.back(),
        ];
        const wrong: string[] = [];
        for (const change of changes) {
          const { status, code } = await subject.settleOne({ ...gift, ...change });
          if (code !== 'ID_CONFLICT') wrong.push(`${Object.keys(change).join(' and ')} (${code ?? status})`);
        }
        demand(wrong.length === 0, `not found to be another one by ${wrong.join(', ')}`);
      }),
  },
  {
    name: 'partial batches: each gift is decided for itself, the bad ones with their codes',
    run: (subject) =>
      subject.charges(2, async () => {
        const { sender } = await subject.users();
        const results = await subject.settle([
          await subject.gift(),
          await subject.gift({ gift_id: '9223372036854775807' }),
          await subject.gift({ recipient_id: noUser }),
          await subject.gift({ recipient_id: sender }),
          await subject.gift(),
        ]);
        const codes = results.map(({ status, code }) => code ?? status);
        const expected = ['settled', 'UNKNOWN_GIFT', 'UNKNOWN_RECIPIENT', 'SELF_GIFT', 'settled'];
        demand(codes.join() === expected.join(), `they are ${codes.join(', ')}`);
        demandReasons(results);
      }),
  },
  {
    name: 'rejections: a gift id of the other form is UNKNOWN_GIFT, whatever number it begins with',
    run: (subject) =>
      subject.charges(0, async () => {
        const { status, code } = await subject.settleOne(
          await subject.gift({ gift_id: await subject.otherFormOfGiftId() }),
        );
        demand(code === 'UNKNOWN_GIFT', `it is ${status} (${code ?? 'no code'})`);
      }),
  },
  {
    name: 'rejections: beyond the balance is INSUFFICIENT_BALANCE, and stays so',
    run: (subject) =>
      subject.charges(0, async () => {
        const { dearest } = await subject.gifts();
        const gift = await subject.gift({ gift_id: dearest.id, quantity: 9_999 });
        const first = await subject.settleOne(gift);
        if (first.status === 'settled') throw new Skip('the sender can pay for 9,999 of the dearest gift');
        const again = await subject.settleOne(gift);
        for (const { status, code } of [first, again]) {
          const what = `${status} (${code ?? 'no code'})`;
          demand(status === 'rejected' && code === 'INSUFFICIENT_BALANCE', `it is ${what}`);
        }
        demandReasons([first]);
      }),
  },
  {
    name: `batches: ${largestBatch} gifts are answered with ${largestBatch} results`,
    run: (subject) =>
      subject.charges(largestBatch, async () => {
        const results = await subject.settle(await many(subject, largestBatch));
        demand(
          results.every(({ status }) => status === 'settled'),
          'not all are settled',
        );
      }),
  },
  {
    name: `batches: ${largestBatch + 1} gifts are refused as a whole (422 or 413), nothing charged`,
    run: (subject) =>
      subject.charges(0, async () => {
        const gifts = await many(subject, largestBatch + 1);
        const { status } = await subject.backEnd.call('POST', '/gifts/batch', { gifts });
        demand(status === 422 || status === 413, `status ${status}`);
      }),
  },
  {
    name: 'batches: a malformed one is refused as a whole (422), nothing charged',
    run: (subject) =>
      subject.charges(0, async () => {
        const good = await subject.gift();
        const wrongs = [
          { gift_tx_id: 'none' },
          { quantity: 0 },
          { quantity: 10_000 },
          { quantity: 1.5 },
          { sender_id: 0 },
          { recipient_id: null },
          { sent_at: 'no date' },
        ];
        const bodies = wrongs.map((wrong) => ({ gifts: [good, { ...good, gift_tx_id: randomUUID(), ...wrong }] }));
        for (const body of [{}, { gifts: [] }, ...bodies]) {
          const answer = await subject.backEnd.call('POST', '/gifts/batch', body);
          demand(answer.status === 422, `${JSON.stringify(body).slice(-60)}: status ${answer.status}`);
          fit(validationShape, answer.json());
        }
      }),
  },
  {
    name: 'time-outs: a request that nobody waits for, sent again, is charged once',
    run: (subject) =>
      subject.charges(3, async () => {
        for (const abandonAfterMs of [1, 5, 20]) {
          const gift = await subject.gift();
          await subject.backEnd
            .call('POST', '/gifts/batch', { gifts: [gift] }, { abandonAfterMs })
            .catch((error: unknown) => {
              // Hanging up is the point; so is being answered before that.
              if (!(error instanceof Miss)) throw error;
            });
          const { status } = await subject.settleOne(gift);
          demand(status === 'settled' || status === 'duplicate', `the second request is answered with ${status}`);
          // What was hung up on may still be at work.
          await sleep(50);
        }
      }),
  },
];

async function many(subject: Subject, count: number, changes = {}): Promise<SentGift[]> {
  return Promise.all(Array.from({ length: count }, () => subject.gift(changes)));
}

/** Sends a gift until it is decided, as the audio server does; a lock that was not had in time may need that. */
async function settleAtLast(subject: Subject, gift: SentGift): Promise<void> {
  for (let left = mostRetries; ; left -= 1) {
    const { status, code } = await subject.settleOne(gift);
    if (status === 'settled' || status === 'duplicate') return;
    demand(status === 'retry' && left > 0, `one of them is ${status} (${code ?? 'no code'})`);
    await sleep(50);
  }
}

function demandReasons(results: readonly Result[]): void {
  const silent = results.filter(({ status, reason }) => status === 'rejected' && (reason ?? '') === '');
  demand(silent.length === 0, 'a rejection has no reason');
}
