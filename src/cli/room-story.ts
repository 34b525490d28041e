import type { WatchedEvent } from '../routers/admin.ts';
import { plain } from './server.ts';

export type Watched = WatchedEvent;

type Fields = Readonly<Record<string, unknown>>;

/** Fields that hold a user's id. */
const userFields = new Set(['userId', 'by', 'invitedBy', 'senderId', 'recipientId']);

/** Tells for people what happens in a room, with the names of its members. */
export class RoomStory {
  readonly #names = new Map<number, string>();

  /** @returns lines */
  tell(watched: Watched): string[] {
    if (watched.type === 'snapshot') {
      const { title, roomId, participantCount, participants, seats } = watched.snapshot;
      for (const { userId, name } of participants) this.#names.set(userId, plain(name));
      const seated = seats.flatMap(({ index, userId }) => (userId === null ? [] : `${index}: ${this.#user(userId)}`));
      return [
        `${plain(title)} (${roomId}): ${participantCount} members`,
        `On seats: ${seated.length === 0 ? 'nobody' : seated.join(', ')}`,
      ];
    }
    const { type, ...fields } = watched.event as { type: string } & Fields;
    this.#learn(fields);
    const time = new Date(watched.at).toISOString().slice(11, 23);
    return [[time, watched.topic.padEnd(5), type, ...this.#describe(fields)].join(' ').trimEnd()];
  }

  #learn({ participant }: Fields): void {
    if (!isFields(participant)) return;
    this.#names.set(Number(participant['userId']), plain(String(participant['name'])));
  }

  #describe(fields: Fields): string[] {
    return Object.entries(fields).map(([name, value]) => {
      if (name === 'participant' && isFields(value)) return this.#user(Number(value['userId']));
      if (name === 'message' && isFields(value)) return describeMessage(value);
      if (userFields.has(name) && typeof value === 'number') {
        return name === 'userId' ? this.#user(value) : `${name}=${this.#user(value)}`;
      }
      if (isFields(value)) return `${name}(${this.#describe(value).join(' ')})`;
      return `${name}=${JSON.stringify(value)}`;
    });
  }

  #user(userId: number): string {
    const name = this.#names.get(userId);
    return name === undefined ? `user ${userId}` : `${name} (${userId})`;
  }
}

function describeMessage({ sender, content }: Fields): string {
  const from = isFields(sender) ? `${plain(String(sender['name']))} (${String(sender['id'])})` : 'the server';
  return `${from}: ${JSON.stringify(content)}`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
