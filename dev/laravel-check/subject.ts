import { randomUUID } from 'node:crypto';
import { type BackEnd, demand, Miss } from './back-end.ts';
import { fit, type Gift, giftsShape, type Result, resultsShape, type Room, roomsShape } from './shapes.ts';

export interface SubjectOptions {
  /** A token that is good. */
  readonly token: string | null;
  /** User ids; owners of rooms by default. */
  readonly sender: number | null;
  readonly recipient: number | null;
  /** What a recipient is credited with of what the sender pays, percent; 0: nothing, or not in coins. */
  readonly sharePercent: number;
}

/** A gift as it is sent; `unknown` fields so that wrong ones can be sent too. */
export type SentGift = Readonly<Record<string, unknown>> & { readonly gift_tx_id: string };

/** The back end under test with what the checks need to know of its data. */
export class Subject {
  readonly backEnd: BackEnd;
  readonly token: string | null;
  readonly sharePercent: number;
  readonly #options: SubjectOptions;
  #rooms: readonly Room[] | null = null;
  #gifts: readonly Gift[] | null = null;

  constructor(backEnd: BackEnd, options: SubjectOptions) {
    this.backEnd = backEnd;
    this.token = options.token;
    this.sharePercent = options.sharePercent;
    this.#options = options;
  }

  /** A room that is open. */
  async room(): Promise<Room> {
    const [room] = await this.#listRooms();
    demand(room !== undefined, 'there is no room to test with');
    return room;
  }

  /** Two users with wallets. */
  async users(): Promise<{ sender: number; recipient: number }> {
    const { sender, recipient } = this.#options;
    if (sender !== null && recipient !== null) return { sender, recipient };
    const owners = new Set((await this.#listRooms()).map(({ owner_id }) => owner_id));
    const giver = sender ?? [...owners].find((id) => id !== recipient);
    const taker = recipient ?? [...owners].find((id) => id !== giver);
    if (giver === undefined || taker === undefined) {
      throw new Miss('there are no two users to test with: name them by --sender and --recipient');
    }
    return { sender: giver, recipient: taker };
  }

  /** The cheapest gift that costs something, and the dearest. */
  async gifts(): Promise<{ cheapest: Gift; dearest: Gift }> {
    this.#gifts ??= fit(giftsShape, (await this.backEnd.expect(200, 'GET', '/gifts')).json()).gifts;
    const sorted = this.#gifts.filter(({ price }) => price > 0).sort((a, b) => a.price - b.price);
    const [cheapest] = sorted;
    const dearest = sorted.at(-1);
    demand(cheapest !== undefined && dearest !== undefined, 'the catalogue has no gift that costs something');
    return { cheapest, dearest };
  }

  /** One of the cheapest gifts, under an id of its own. */
  async gift(changes: Readonly<Record<string, unknown>> = {}): Promise<SentGift> {
    const { sender, recipient } = await this.users();
    return {
      gift_tx_id: randomUUID(),
      gift_id: (await this.gifts()).cheapest.id,
      sender_id: sender,
      recipient_id: recipient,
      room_id: (await this.room()).id,
      quantity: 1,
      batch_id: null,
      sent_at: new Date().toISOString(),
      ...changes,
    };
  }

  /** Sends a batch. @returns the results in the order of the gifts; those of one id in the order of the answer */
  async settle(gifts: readonly SentGift[]): Promise<Result[]> {
    const answer = await this.backEnd.expect(200, 'POST', '/gifts/batch', { gifts });
    const { results } = fit(resultsShape, answer.json());
    demand(results.length === gifts.length, `${results.length} results for ${gifts.length} gifts`);
    const left = [...results];
    return gifts.map(({ gift_tx_id }) => {
      const index = left.findIndex((result) => result.gift_tx_id === gift_tx_id.toLowerCase());
      const [result] = index === -1 ? [] : left.splice(index, 1);
      demand(result !== undefined, `no result for ${gift_tx_id}`);
      return result;
    });
  }

  /** Sends one gift. */
  async settleOne(gift: SentGift): Promise<Result> {
    const [result] = await this.settle([gift]);
    demand(result !== undefined, 'no result');
    return result;
  }

  /**
   * Demands that `act` charges the sender for so many of the cheapest gift. The balance is learned by giving one before
   * and one after.
   */
  async charges(count: number, act: () => Promise<void>): Promise<void> {
    const { price } = (await this.gifts()).cheapest;
    const before = await this.pay();
    await act();
    const charged = before - (await this.pay()) - price;
    demand(charged === price * count, `the sender was charged ${charged} coins instead of ${price * count}`);
  }

  /** Gives one of the cheapest gift, or another one. @returns the balance afterwards */
  async pay(changes: Readonly<Record<string, unknown>> = {}): Promise<number> {
    const gift = await this.gift(changes);
    const { status, code, sender_balance: balance } = await this.settleOne(gift);
    const what = `${status} (${code ?? 'no code'})`;
    demand(status === 'settled', `a good gift is ${what}; user ${String(gift['sender_id'])} needs coins`);
    demand(balance !== null, 'sender_balance is null for a gift that was settled');
    return balance;
  }

  /** The changes that make a gift one from the recipient to the sender. */
  async back(): Promise<{ readonly sender_id: number; readonly recipient_id: number }> {
    const { sender, recipient } = await this.users();
    return { sender_id: recipient, recipient_id: sender };
  }

  /** An id of the other form than that of {@link gifts}' cheapest, of no gift, which begins with its number. */
  async otherFormOfGiftId(): Promise<string> {
    const { id } = (await this.gifts()).cheapest;
    if (!/^\d{1,8}$/.test(id)) return /^\d+$/.test(id) ? randomUUID() : '9223372036854775807';
    return `${id.padStart(8, '0')}-0000-4000-8000-000000000000`;
  }

  /** The id of another room than {@link room}; of none when there is only one. */
  async otherRoomId(): Promise<string> {
    return (await this.#listRooms())[1]?.id ?? randomUUID();
  }

  async #listRooms(): Promise<readonly Room[]> {
    this.#rooms ??= fit(roomsShape, (await this.backEnd.expect(200, 'GET', '/rooms')).json()).rooms;
    return this.#rooms;
  }
}
