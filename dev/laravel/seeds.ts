import type { DatabaseSync } from 'node:sqlite';
import type { Gift, Gifts } from './gifts.ts';
import type { NewRoom, Rooms } from './rooms.ts';
import type { NewUser, UserWithToken, Users } from './users.ts';

/**
 * What a fresh stand-in holds. Tokens are fixed so that an open tab stays logged in over restarts; they are worth
 * nothing elsewhere.
 */
const users = [
  { id: 1, name: 'Ada', avatar: initialOn('A', '#8b5cf6'), secret: 'development-only-secret-of-ada' },
  { id: 2, name: 'Grace', avatar: initialOn('G', '#0ea5e9'), secret: 'development-only-secret-of-grace' },
  { id: 3, name: 'Linus', avatar: null, secret: 'development-only-secret-of-linus' },
] as const satisfies NewUser[];

/** Both forms of id that Laravel may use. */
const rooms = [
  { id: '1', title: 'The Living Room', ownerId: 1 },
  { id: '0197a3c4-5e6f-7b28-9d0e-1f2a3b4c5d6e', title: 'Late Night Radio', ownerId: 2 },
] as const satisfies NewRoom[];

const gifts = [
  { id: '1', name: 'Clap', price: 1, icon: '👏' },
  { id: '2', name: 'Rose', price: 10, icon: '🌹' },
  { id: '3', name: 'Coffee', price: 50, icon: '☕' },
  { id: '4', name: 'Cake', price: 100, icon: '🎂' },
  { id: '5', name: 'Rocket', price: 500, icon: '🚀' },
  { id: '0197a3c4-5e70-7c31-8a4b-2c3d4e5f6071', name: 'Crown', price: 1_000, icon: '👑' },
] as const satisfies Gift[];

/**
 * Fills an empty database; one that has users is left alone.
 *
 * @returns the seeded users that still have their token
 */
export function seed(
  database: DatabaseSync,
  tables: { readonly users: Users; readonly rooms: Rooms; readonly gifts: Gifts },
): UserWithToken[] {
  const isEmpty = database.prepare('SELECT 1 FROM users LIMIT 1').get() === undefined;
  if (isEmpty) {
    for (const user of users) tables.users.add(user);
    for (const room of rooms) tables.rooms.add(room);
    // Grace helps Ada in the Living Room.
    tables.rooms.setAdmin('1', 2, true);
    for (const gift of gifts) tables.gifts.add(gift);
  }
  return users.flatMap(({ id, name, avatar, secret }) => {
    // On a fresh database the token's id is the user's.
    const token = `${id}|${secret}`;
    return tables.users.findByToken(token)?.id === id ? [{ id, name, avatar, token }] : [];
  });
}

/** A round picture with one letter, as a data URI. */
function initialOn(letter: string, colour: string): string {
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><circle cx="32" cy="32" r="32" fill="${colour}"/>` +
    `<text x="32" y="43" text-anchor="middle" font-family="sans-serif" font-size="32" fill="#fff">${letter}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
