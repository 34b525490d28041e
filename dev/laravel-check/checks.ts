import { randomUUID } from 'node:crypto';
import { demand, Skip } from './back-end.ts';
import { giftChecks } from './gift-checks.ts';
import {
  fit,
  giftsShape,
  invalidTokenShape,
  messageShape,
  roleShape,
  roomShape,
  roomsShape,
  validationShape,
  validTokenShape,
} from './shapes.ts';
import type { Subject } from './subject.ts';

/** One demand of docs/LARAVEL_REQUIREMENTS.md. */
export interface Check {
  readonly name: string;
  /** @throws Miss, Skip */
  readonly run: (subject: Subject) => Promise<void>;
}

/** Keys of no row: the largest bigint, the nil-like UUID of this moment. */
const strangers = ['9223372036854775807', randomUUID()];
const live = { is_live: true, participant_count: 3, closed_at: null };
const closed = { is_live: false, participant_count: 0, closed_at: '2026-01-02T03:04:05.678Z' };

const endpoints = [
  ['POST', '/auth/validate'],
  ['GET', '/rooms'],
  ['GET', '/rooms/1'],
  ['GET', '/rooms/1/members/1/role'],
  ['POST', '/rooms/1/status'],
  ['GET', '/gifts'],
  ['POST', '/gifts/batch'],
] as const;

const keyChecks = endpoints.map(([method, path]): Check => ({
  name: `key: ${method} ${path} answers 401 without it and with a wrong one`,
  run: async ({ backEnd }) => {
    for (const key of [null, 'wrong-key-of-at-least-32-characters-in-length']) {
      const answer = await backEnd.expect(401, method, path, method === 'POST' ? {} : undefined, { key });
      fit(messageShape, answer.json());
    }
  },
}));

const tokenChecks: Check[] = [
  {
    name: 'token: an unknown one is { valid: false }',
    run: async ({ backEnd }) => {
      for (const token of ['x', '|', '1|wrong', `999999999|${'x'.repeat(40)}`]) {
        fit(invalidTokenShape, (await backEnd.expect(200, 'POST', '/auth/validate', { token })).json());
      }
    },
  },
  {
    name: 'token: a request without one is malformed (422)',
    run: async ({ backEnd }) => {
      fit(validationShape, (await backEnd.expect(422, 'POST', '/auth/validate', {})).json());
    },
  },
  {
    name: 'token: a good one names its user, whole and by its secret alone',
    run: async ({ backEnd, token }) => {
      if (token === null) throw new Skip('needs --token');
      for (const form of [token, token.slice(token.indexOf('|') + 1)]) {
        fit(validTokenShape, (await backEnd.expect(200, 'POST', '/auth/validate', { token: form })).json());
      }
    },
  },
];

const roomChecks: Check[] = [
  {
    name: 'rooms: the list has its shape, ids as strings',
    run: async ({ backEnd }) => {
      fit(roomsShape, (await backEnd.expect(200, 'GET', '/rooms')).json());
    },
  },
  {
    name: 'rooms: one is found by its id, as the list has it',
    run: async (subject) => {
      const room = await subject.room();
      const found = fit(roomShape, (await subject.backEnd.expect(200, 'GET', `/rooms/${room.id}`)).json()).room;
      demand(found.id === room.id && found.owner_id === room.owner_id, 'it is described as another room');
    },
  },
  {
    name: 'rooms: an id of no room is 404, in either form',
    run: async ({ backEnd }) => {
      for (const id of strangers) {
        fit(messageShape, (await backEnd.expect(404, 'GET', `/rooms/${id}`)).json());
      }
    },
  },
  {
    name: 'role: of the owner is owner, in its shape',
    run: async (subject) => {
      const { id, owner_id: ownerId } = await subject.room();
      const answer = await subject.backEnd.expect(200, 'GET', `/rooms/${id}/members/${ownerId}/role`);
      demand(fit(roleShape, answer.json()).role === 'owner', 'the owner has another role');
    },
  },
  {
    name: 'role: of a stranger is member, or 404',
    run: async (subject) => {
      const { id } = await subject.room();
      const answer = await subject.backEnd.call('GET', `/rooms/${id}/members/${Number.MAX_SAFE_INTEGER}/role`);
      if (answer.status === 404) return;
      demand(answer.status === 200, `answered ${answer.status}`);
      demand(fit(roleShape, answer.json()).role === 'member', 'a stranger has a role');
    },
  },
  {
    name: 'status: is taken with 204 and no body, again too',
    run: async (subject) => {
      const { id } = await subject.room();
      for (const status of [live, live, closed]) {
        const answer = await subject.backEnd.expect(204, 'POST', `/rooms/${id}/status`, status);
        demand(answer.text === '', 'there is a body');
      }
    },
  },
  {
    name: 'status: a malformed one is 422',
    run: async (subject) => {
      const { id } = await subject.room();
      for (const wrong of [{ is_live: 'maybe' }, { participant_count: -1 }, { closed_at: 'soon' }]) {
        await subject.backEnd.expect(422, 'POST', `/rooms/${id}/status`, { ...live, ...wrong });
      }
    },
  },
  {
    name: 'status: of no room is 404',
    run: async ({ backEnd }) => {
      for (const id of strangers) await backEnd.expect(404, 'POST', `/rooms/${id}/status`, live);
    },
  },
];

const catalogueChecks: Check[] = [
  {
    name: 'catalogue: has its shape, ids as strings, whole prices',
    run: async ({ backEnd }) => {
      fit(giftsShape, (await backEnd.expect(200, 'GET', '/gifts')).json());
    },
  },
];

/** Everything that is checked, in order; later checks build on earlier ones. */
export const checks: readonly Check[] = [
  ...keyChecks,
  ...tokenChecks,
  ...roomChecks,
  ...catalogueChecks,
  ...giftChecks,
];
