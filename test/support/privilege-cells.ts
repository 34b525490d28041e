import type { RoomRole } from '../../src/core/model.ts';
import { hasRole, outranks, type Permission, permissions } from '../../src/core/permissions.ts';
import { listProcedures, type ProcedureDescription } from './procedures.ts';

/*
 * The table of permissions, written out: each procedure is called by each role, by somebody who is not in the room and by
 * somebody who has not said who it is, on each kind of object.
 */

/** Who has a token. Of admins and members there are two, so that there is an equal. */
export const people = ['owner', 'admin', 'otherAdmin', 'member', 'otherMember', 'stranger'] as const;
export type Person = (typeof people)[number];
export const insiders = people.filter((person) => person !== 'stranger');

/** The stranger is the owner of another room and nothing here. */
const roles: Readonly<Record<Person, RoomRole>> = {
  owner: 'owner',
  admin: 'admin',
  otherAdmin: 'admin',
  member: 'member',
  otherMember: 'member',
  stranger: 'member',
};
const callers = ['owner', 'admin', 'member', 'stranger'] as const satisfies readonly Person[];

/** One call and the refusal that it must meet. */
export interface Cell {
  readonly path: string;
  /** The guest has no token. */
  readonly caller: Person | 'guest';
  readonly over: 'WebSocket' | 'HTTP';
  /** What is named: nothing, a room of another owner (`elsewhere`), or what belongs to somebody. */
  readonly object: 'none' | 'elsewhere' | 'system' | Person;
  /** The field that names it; null for `none` and `elsewhere`. All other fields name what is the caller's own. */
  readonly field: string | null;
  /** The code that the call must be refused with; null when it is allowed. */
  readonly refusal: string | null;
}

/** What a procedure answers to the caller of one role who names what belongs to `target`. */
type Rule = (caller: (typeof callers)[number], target: Person) => string | null;

/** Fields that name something of one session or one sender, and what somebody else's is refused with. */
const ownObjects: Readonly<Record<string, Rule>> = {
  transportId: ownOnly('TRANSPORT_NOT_FOUND'),
  producerId: ownOnly('PRODUCER_NOT_FOUND'),
  consumerIds: ownOnly('CONSUMER_NOT_FOUND'),
  transactionId: ownOnly('GIFT_ID_CONFLICT'),
  /** Everybody hears everybody of the room, and nobody of another. */
  producerIds: (_, target) => (target === 'stranger' ? 'PRODUCER_NOT_FOUND' : null),
};
/** Done to users who are not in the room, too. */
const reachesAbsent = new Set(['room.ban', 'room.unban', 'seat.unmute', 'chat.unmute', 'media.diagnose']);

export const procedures = listProcedures();
const table = Object.entries(permissions as Readonly<Record<string, Permission>>);
const operatorsProcedures = procedures.filter(({ path }) => path.startsWith('admin.'));
const usersProcedures = procedures.filter(({ path }) => !path.startsWith('admin.'));

export function described(path: string): ProcedureDescription {
  const procedure = procedures.find((one) => one.path === path);
  if (procedure === undefined) throw new Error(`There is no procedure ${path}`);
  return procedure;
}

/** How a cell is called in what a test prints. */
export function nameOf({ path, caller, over, object, field }: Cell): string {
  return `${path} by ${caller} over ${over} on ${object}${field === null ? '' : ` (${field})`}`;
}

/** The procedures of a room, by the table. */
export const roomCells: readonly Cell[] = table.flatMap(([path, permission]) =>
  callers.flatMap((caller) => cellsOf(path, permission, caller)),
);

/** Procedures of whoever is a user, wherever. Of gifts only one's own can be asked for: others' are as if never sent. */
export const userCells: readonly Cell[] = usersProcedures
  .filter(({ path }) => !(path in permissions))
  .flatMap(({ path }) =>
    callers.flatMap((caller) =>
      path === 'gift.status'
        ? onObjects(path, caller, 'transactionIds', ownOnly('unknown'))
        : [cellOf(path, caller, 'none', null, null)],
    ),
  );

/** Nobody but operators calls these, whatever somebody is in a room. */
export const operatorCells: readonly Cell[] = operatorsProcedures.flatMap(({ path }) =>
  ([...callers, 'guest'] as const).flatMap((caller) =>
    (['WebSocket', 'HTTP'] as const).map((over) => ({
      ...cellOf(path, caller, 'none', null, 'ADMIN_KEY_REQUIRED'),
      over,
    })),
  ),
);

/** Whoever has not said who it is calls nothing, and HTTP is for operators. */
export const guestCells: readonly Cell[] = usersProcedures.flatMap(({ path }): Cell[] => [
  cellOf(path, 'guest', 'none', null, 'UNAUTHENTICATED'),
  { ...cellOf(path, 'member', 'none', null, 'WEBSOCKET_REQUIRED'), over: 'HTTP' },
]);

/** Every cell of one caller of a room's procedure. */
function cellsOf(path: string, permission: Permission, caller: (typeof callers)[number]): Cell[] {
  if (caller === 'stranger') return [cellOf(path, caller, 'none', null, 'NOT_IN_ROOM')];
  const elsewhere = cellOf(path, caller, 'elsewhere', null, 'NOT_IN_ROOM');
  const { inputKeys } = described(path);
  const denied = hasRole(roles[caller], permission.role) ? null : 'NOT_ALLOWED';
  if (path === 'chat.delete') {
    return [
      elsewhere,
      ...onObjects(path, caller, 'messageId', mayDelete),
      cellOf(path, caller, 'system', 'messageId', 'NOT_ALLOWED'),
    ];
  }
  if (inputKeys.includes('userId')) {
    const rule: Rule = (_, target) => {
      if (denied !== null) return denied;
      if (permission.outranks === true && !outranks(roles[caller], roles[target])) return 'NOT_ALLOWED';
      return target === 'stranger' && !reachesAbsent.has(path) ? 'MEMBER_NOT_FOUND' : null;
    };
    return [elsewhere, ...onObjects(path, caller, 'userId', rule)];
  }
  const named = Object.entries(ownObjects).filter(([field]) => inputKeys.includes(field));
  if (named.length > 0) return [elsewhere, ...named.flatMap(([field, rule]) => onObjects(path, caller, field, rule))];
  return [elsewhere, cellOf(path, caller, 'none', null, denied)];
}

/** A message goes by its author, or by a host who outranks the author; that of another room is none of this one. */
function mayDelete(caller: Person, author: Person): string | null {
  if (author === 'stranger') return 'MESSAGE_NOT_FOUND';
  const may = author === caller || (hasRole(roles[caller], 'admin') && outranks(roles[caller], roles[author]));
  return may ? null : 'NOT_ALLOWED';
}

function ownOnly(refusal: string): Rule {
  return (caller, target) => (target === caller ? null : refusal);
}

/** One cell for each person whose object a field can name. */
function onObjects(path: string, caller: (typeof callers)[number], field: string, rule: Rule): Cell[] {
  return people.map((target) => cellOf(path, caller, target, field, rule(caller, target)));
}

function cellOf(
  path: string,
  caller: Cell['caller'],
  object: Cell['object'],
  field: string | null,
  refusal: string | null,
): Cell {
  return { path, caller, over: 'WebSocket', object, field, refusal };
}
