import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLaravelStandIn } from './index.ts';
import type { LaravelStandIn } from './index.ts';

/** The stand-in against docs/LARAVEL_REQUIREMENTS.md, over HTTP. */

const KEY = 'k'.repeat(64);
let laravel: LaravelStandIn;

beforeEach(async () => {
  laravel = createLaravelStandIn({ database: ':memory:', internalKey: KEY });
  await laravel.start();
});

afterEach(() => laravel.close());

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function call(method: string, path: string, body?: unknown, key: string | null = KEY): Promise<Answer> {
  const response = await fetch(laravel.url + path, {
    method,
    headers: {
      ...(key === null ? {} : { 'X-Internal-Key': key }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

const roomDefaults = { seat_count: 15, seat_mode: 'free', blocked_user_ids: [] };

/** Ada (1) gives Grace (2) a rose (10 coins). */
function rose(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    gift_tx_id: randomUUID(),
    gift_id: '2',
    sender_id: 1,
    recipient_id: 2,
    room_id: '1',
    quantity: 1,
    sent_at: '2026-01-02T03:04:05.678Z',
    ...changes,
  };
}

async function send(...gifts: unknown[]): Promise<Record<string, unknown>[]> {
  const { status, body } = await call('POST', '/internal/gifts/batch', { gifts });
  expect(status).toBe(200);
  return (body as { results: Record<string, unknown>[] }).results;
}

describe('the internal key', () => {
  test.each([
    ['GET', '/internal/rooms'],
    ['GET', '/internal/gifts'],
    ['POST', '/internal/auth/validate'],
    ['POST', '/internal/gifts/batch'],
    ['POST', '/internal/rooms/1/status'],
    ['GET', '/internal/nothing'],
  ])('%s %s needs it', async (method, path) => {
    for (const key of [null, '', 'wrong', `${KEY}k`, KEY.slice(1)]) {
      const { status, body } = await call(method, path, method === 'POST' ? {} : undefined, key);
      expect(status).toBe(401);
      expect(body).toEqual({ message: expect.any(String) });
    }
  });
});

describe('auth/validate', () => {
  const validate = (token: unknown) => call('POST', '/internal/auth/validate', { token });

  test('knows the whole token and the bare secret', async () => {
    const [ada] = laravel.users;
    const user = { id: ada!.id, name: 'Ada', avatar: ada!.avatar };
    expect(user.avatar).toMatch(/^data:image\/svg\+xml,/);
    for (const token of [ada!.token, ada!.token.split('|')[1]]) {
      expect(await validate(token)).toEqual({ status: 200, body: { valid: true, user } });
    }
  });

  test("answers null for a user's missing avatar", async () => {
    const { token, id } = laravel.addUser({ name: 'Margaret' });
    expect(await validate(token)).toEqual({
      status: 200,
      body: { valid: true, user: { id, name: 'Margaret', avatar: null } },
    });
  });

  test("refuses unknown tokens, another user's secret and a stored hash", async () => {
    const [ada, grace] = laravel.users;
    const secretOfGrace = grace!.token.split('|')[1];
    for (const token of ['x', '|', '1|', '1|wrong', `1|${secretOfGrace}`, `999|${secretOfGrace}`, `${ada!.token} `]) {
      expect(await validate(token)).toEqual({ status: 200, body: { valid: false } });
    }
    const key = await laravel.revokeToken(ada!.token);
    expect(await validate(key.replace('auth:revoked:', ''))).toEqual({ status: 200, body: { valid: false } });
  });

  test('answers 422 without a token, 400 to broken JSON', async () => {
    expect(await call('POST', '/internal/auth/validate', {})).toMatchObject({ status: 422 });
    expect(await validate(7)).toMatchObject({ status: 422, body: { errors: { token: [expect.any(String)] } } });
    expect(await call('POST', '/internal/auth/validate', '{"token":')).toMatchObject({ status: 400 });
  });
});

describe('rooms', () => {
  test('lists and finds rooms with either form of id', async () => {
    const { body } = await call('GET', '/internal/rooms');
    const { rooms } = body as { rooms: { id: string }[] };
    expect(rooms).toEqual([
      { ...roomDefaults, id: '1', title: 'The Living Room', owner_id: 1 },
      { ...roomDefaults, id: expect.stringMatching(/^[0-9a-f-]{36}$/), title: 'Late Night Radio', owner_id: 2 },
    ]);
    for (const room of rooms) {
      expect(await call('GET', `/internal/rooms/${room.id.toUpperCase()}`)).toEqual({ status: 200, body: { room } });
    }
  });

  test('answers 404 for rooms that are not there or closed', async () => {
    const room = laravel.addRoom({ title: 'Short', ownerId: 3, seatCount: 2 });
    expect(await call('GET', `/internal/rooms/${room.id}`)).toMatchObject({ status: 200 });
    laravel.closeRoom(room.id);
    for (const id of [room.id, '999', randomUUID(), 'x%27y']) {
      expect(await call('GET', `/internal/rooms/${id}`)).toEqual({
        status: 404,
        body: { message: expect.any(String) },
      });
    }
    expect(laravel.rooms).not.toContainEqual(room);
  });

  test('takes a status, again and again', async () => {
    const live = { is_live: true, participant_count: 3, closed_at: null };
    const over = { is_live: false, participant_count: 0, closed_at: '2026-01-02T03:04:05+00:00' };
    for (const status of [live, live, over]) {
      expect(await call('POST', '/internal/rooms/1/status', status)).toEqual({ status: 204, body: null });
    }
    expect(laravel.statusCalls()).toMatchObject([live, live, over].map((status) => ({ roomId: '1', ...status })));
  });

  test('refuses a status that is malformed or of no room', async () => {
    const right = { is_live: true, participant_count: 3, closed_at: null };
    for (const wrong of [{ is_live: 1 }, { participant_count: -1 }, { participant_count: 1.5 }, { closed_at: 'now' }]) {
      const { status } = await call('POST', '/internal/rooms/1/status', { ...right, ...wrong });
      expect(status).toBe(422);
    }
    expect(await call('POST', '/internal/rooms/999/status', right)).toMatchObject({ status: 404 });
    expect(laravel.statusCalls()).toEqual([]);
  });
});

describe('gifts', () => {
  test('lists the catalogue', async () => {
    const { status, body } = await call('GET', '/internal/gifts');
    expect(status).toBe(200);
    const { gifts } = body as { gifts: { price: number }[] };
    expect(gifts).toContainEqual({ id: '2', name: 'Rose', price: 10, icon: '🌹' });
    expect(gifts).toHaveLength(6);
    for (const gift of gifts) {
      expect(Object.keys(gift)).toEqual(['id', 'name', 'price', 'icon']);
      expect(Number.isInteger(gift.price)).toBe(true);
    }
  });

  test('moves the coins from sender to recipient', async () => {
    const gift = rose({ quantity: 3 });
    expect(await send(gift)).toEqual([
      { gift_tx_id: gift['gift_tx_id'], status: 'settled', code: null, reason: null, sender_balance: 9_970 },
    ]);
    expect([laravel.balance(1), laravel.balance(2)]).toEqual([9_970, 10_030]);
    expect(laravel.ledger()).toEqual([
      {
        ...gift,
        batch_id: null,
        status: 'settled',
        code: null,
        reason: null,
        coins: 30,
        sender_balance: 9_970,
        decided_at: expect.any(String),
      },
    ]);
  });

  test('charges one id once, however often and however concurrently it comes', async () => {
    const gift = rose();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(gift)));
    const statuses = answers.flat().map(({ status }) => status);
    expect(statuses.filter((status) => status === 'settled')).toHaveLength(1);
    expect(statuses.filter((status) => status === 'duplicate')).toHaveLength(19);
    expect([laravel.balance(1), laravel.balance(2)]).toEqual([9_990, 10_010]);

    // The balance of now, not the one of then; ids of either case are one id.
    await send(rose({ quantity: 5 }));
    const again = await send({ ...gift, gift_tx_id: String(gift['gift_tx_id']).toUpperCase() });
    expect(again).toMatchObject([{ gift_tx_id: gift['gift_tx_id'], status: 'duplicate', sender_balance: 9_940 }]);
  });

  test('charges an id once that comes twice in one batch', async () => {
    const gift = rose();
    const statuses = (await send(gift, rose(), gift)).map(({ status }) => status);
    expect(statuses).toEqual(['settled', 'settled', 'duplicate']);
    expect(laravel.balance(1)).toBe(9_980);
  });

  test('rejects what cannot be, and moves nothing', async () => {
    const poor = laravel.addUser({ name: 'Alan', balance: 9 });
    const results = await send(
      rose({ sender_id: poor.id }),
      rose({ gift_id: '999' }),
      rose({ gift_id: randomUUID() }),
      rose({ recipient_id: 999 }),
      rose({ recipient_id: 1 }),
      rose({ sender_id: 999 }),
    );
    expect(results.map(({ status, code, sender_balance }) => [status, code, sender_balance])).toEqual([
      ['rejected', 'INSUFFICIENT_BALANCE', 9],
      ['rejected', 'UNKNOWN_GIFT', 10_000],
      ['rejected', 'UNKNOWN_GIFT', 10_000],
      ['rejected', 'UNKNOWN_RECIPIENT', 10_000],
      ['rejected', 'SELF_GIFT', 10_000],
      ['rejected', 'INSUFFICIENT_BALANCE', null],
    ]);
    for (const { reason } of results) expect(reason).toEqual(expect.any(String));
    expect([1, 2, 3, poor.id].map((id) => laravel.balance(id))).toEqual([10_000, 10_000, 10_000, 9]);
  });

  test('stays with a rejection even when the coins are there later', async () => {
    const poor = laravel.addUser({ name: 'Alan', balance: 5 });
    const gift = rose({ sender_id: poor.id });
    const [first] = await send(gift);
    await send(rose({ recipient_id: poor.id, quantity: 10 }));
    expect(await send(gift)).toEqual([{ ...first, sender_balance: 105 }]);
    expect(laravel.balance(poor.id)).toBe(105);
  });

  test('spends exactly what is there', async () => {
    const { id } = laravel.addUser({ name: 'Alan', balance: 100 });
    const results = await send(...Array.from({ length: 15 }, () => rose({ sender_id: id })));
    expect(results.filter(({ status }) => status === 'settled')).toHaveLength(10);
    expect(results.filter(({ code }) => code === 'INSUFFICIENT_BALANCE')).toHaveLength(5);
    expect([laravel.balance(id), laravel.balance(2)]).toEqual([0, 10_100]);
  });

  test('takes 100 gifts, not 101', async () => {
    expect(await send(...Array.from({ length: 100 }, () => rose()))).toHaveLength(100);
    const gifts = Array.from({ length: 101 }, () => rose());
    expect(await call('POST', '/internal/gifts/batch', { gifts })).toMatchObject({ status: 422 });
    expect(laravel.ledger()).toHaveLength(100);
  });

  test('refuses a malformed batch as a whole', async () => {
    const wrong: [string, unknown][] = [
      ['gift_tx_id', 'not-a-uuid'],
      ['gift_id', 2],
      ['sender_id', '1'],
      ['recipient_id', 0],
      ['room_id', '01'],
      ['quantity', 0],
      ['quantity', 1.5],
      ['sent_at', 'yesterday'],
    ];
    for (const [field, value] of wrong) {
      const { status, body } = await call('POST', '/internal/gifts/batch', {
        gifts: [rose(), rose({ [field]: value })],
      });
      expect(status).toBe(422);
      expect(body).toEqual({ message: expect.any(String), errors: { [`gifts.1.${field}`]: [expect.any(String)] } });
    }
    for (const body of [{}, { gifts: [] }, { gifts: {} }, []]) {
      expect(await call('POST', '/internal/gifts/batch', body)).toMatchObject({ status: 422 });
    }
    expect(laravel.ledger()).toEqual([]);
    expect(laravel.balance(1)).toBe(10_000);
  });
});

describe('roles', () => {
  test('are owner, admin or none', async () => {
    const room = laravel.addRoom({ title: 'Ranks', ownerId: 1 });
    laravel.setAdmin(room.id, 2);
    const roleOf = (userId: number) => call('GET', `/internal/rooms/${room.id}/members/${userId}/role`);
    expect(await roleOf(1)).toEqual({ status: 200, body: { role: 'owner' } });
    expect(await roleOf(2)).toEqual({ status: 200, body: { role: 'admin' } });
    expect(await roleOf(3)).toMatchObject({ status: 404 });
    laravel.setAdmin(room.id, 2, false);
    expect(await roleOf(2)).toMatchObject({ status: 404 });
  });

  test('and blocks are part of a room', async () => {
    const room = laravel.addRoom({ title: 'Strict', ownerId: 1, seatMode: 'apply' });
    laravel.setBlocked(room.id, 3);
    const { body } = await call('GET', `/internal/rooms/${room.id}`);
    expect(body).toMatchObject({ room: { seat_mode: 'apply', blocked_user_ids: [3] } });
    laravel.setBlocked(room.id, 3, false);
    laravel.setSeatMode(room.id, 'free');
    expect((await call('GET', `/internal/rooms/${room.id}`)).body).toEqual({ room: { ...room, seat_mode: 'free' } });
  });
});
