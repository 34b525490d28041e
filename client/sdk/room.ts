import { v7 as uuidv7 } from 'uuid';
import type { MediaEvent, RoomActivity, RoomEvent, Topic } from '../../src/core/events.ts';
import type { SilenceCause } from '../../src/core/audio-path.ts';
import type { ChatMessage, Gift, RoomSnapshot, Seat } from '../../src/core/model.ts';
import type { Outputs } from './api.ts';
import { delay } from './back-off.ts';
import { Emitter } from './emitter.ts';
import type { FlyLiveError } from './errors.ts';
import { toFlyLiveError } from './errors.ts';
import type { Logger } from './logger.ts';
import type { JoinAnswer, Membership } from './membership.ts';
import type { RoomAudio } from './room-audio.ts';
import { RoomFeeds } from './room-feeds.ts';
import type { RoomFeedEvent } from './room-feeds.ts';
import { RoomGifts } from './room-gifts.ts';
import type { GiftOrder, GiftOrderForMany, GiftOutcome, GiftRejection } from './room-gifts.ts';
import * as reduce from './room-state.ts';
import type { RoomState } from './room-state.ts';
import { findSilenceCause } from './silence-cause.ts';

/** Why a room is over for this user. */
export interface RoomEnd {
  readonly reason: 'left' | 'roomClosed' | 'replaced' | 'refused';
  /** What was refused, with reason `refused`. */
  readonly error?: FlyLiveError;
}

interface RoomEvents extends Record<string, unknown[]> {
  /** Anything in {@link Room.state} changed. */
  change: [state: RoomState];
  message: [message: ChatMessage];
  gift: [gift: Gift];
  /** A gift that was shown has been rejected: undo whatever counted it. */
  giftWithdrawn: [transactionId: string];
  giftSettled: [outcome: GiftOutcome];
  giftRejected: [rejection: GiftRejection];
  /** Loudness and head count, about four times a second while somebody speaks. */
  activity: [activity: RoomActivity];
  /** Back after a lost connection; `resumed` is false when the absence outlasted the session, and so often the seat. */
  resumed: [info: { resumed: boolean }];
  /** Something in the background does not work and will not mend itself, e.g. the microphone was unplugged. */
  problem: [error: FlyLiveError];
  ended: [end: RoomEnd];
}

/** How long an answered call waits for the event that shows its effect. */
const echoTimeoutMs = 5_000;
const historyPage = 50;
const participantPage = 100;

/** A room that the user has joined: its state, its events, and everything that can be done in it. */
export class Room extends Emitter<RoomEvents> {
  readonly #membership: Membership;
  readonly #audio: RoomAudio;
  readonly #feeds: RoomFeeds;
  readonly #logger: Logger;
  readonly #gifts: RoomGifts;
  #state: RoomState;
  /** Where the next page of members begins; null when all were read. */
  #nextParticipants: number | null = 0;

  /** Made by `FlyLive.join` only. */
  constructor(membership: Membership, answer: JoinAnswer, audio: RoomAudio, logger: Logger) {
    super((error) => logger.warn('A listener of the room threw', error));
    this.#membership = membership;
    this.#audio = audio;
    this.#logger = logger;
    this.#state = { ...reduce.fromSnapshot(answer.snapshot, answer.user), audioBlocked: audio.blocked };
    this.#gifts = new RoomGifts(membership, logger);
    this.#gifts.on('received', (gift) => this.emit('gift', gift));
    this.#gifts.on('withdrawn', (transactionId) => this.emit('giftWithdrawn', transactionId));
    this.#gifts.on('settled', (outcome) => this.emit('giftSettled', outcome));
    this.#gifts.on('rejected', (rejection) => this.emit('giftRejected', rejection));
    this.#feeds = new RoomFeeds({
      roomId: membership.roomId,
      cursor: answer.snapshot.cursor,
      api: membership.api,
      onEvent: (event) => this.#receive(event),
      onActivity: (activity) => {
        this.#update(reduce.applyActivity(this.#state, activity));
        this.emit('activity', activity);
      },
      onOutcome: (outcome, id) => this.#gifts.receiveOutcome(outcome, id),
      onRefused: (error) => this.#onFeedRefused(error),
    });
    membership.on('lost', () => {
      this.#feeds.stop();
      this.#update({ ...this.#state, status: 'reconnecting', levels: new Map() });
    });
    membership.on('rejoined', (rejoined) => this.#onRejoined(rejoined));
    membership.on('refused', (error) => {
      this.#end({ reason: error.code === 'SESSION_REPLACED' ? 'replaced' : 'refused', error });
    });
    audio.on('problem', (error) => this.emit('problem', error));
    audio.on('muted', (muted) => this.#update({ ...this.#state, muted }));
    audio.on('blocked', (audioBlocked) => this.#update({ ...this.#state, audioBlocked }));
    audio.start(this.#state.producers, answer.media);
    this.#feeds.start();
    this.#background(this.loadOlderMessages());
    if (this.#state.mySeat !== null) this.#background(this.#continueOnSeat());
  }

  /** The room as it is now; a new object with every change. */
  get state(): RoomState {
    return this.#state;
  }

  /**
   * Takes a seat and speaks from it. Asks for the microphone first.
   *
   * @param seat - 0-based; left out: the first free one
   * @returns the seat's index
   * @throws {FlyLiveError} of the microphone or of `seat.take` (`SEAT_TAKEN`, `NO_FREE_SEAT`, ...)
   */
  async takeSeat(seat?: number, options: { muted?: boolean } = {}): Promise<number> {
    await this.#audio.prepare();
    try {
      const taken = await this.#claimSeat(seat);
      this.#audio.speak(options.muted ?? false);
      await this.#shown(({ mySeat }) => mySeat === taken);
      return taken;
    } catch (error) {
      if (this.#state.mySeat === null) this.#audio.silence();
      throw error;
    }
  }

  /** Gives the seat back and stops the microphone. @throws {FlyLiveError} of `seat.leave` */
  async leaveSeat(): Promise<void> {
    this.#audio.silence();
    const { roomId } = this.#membership;
    await this.#membership
      .retry((api) => api.seat.leave.mutate({ roomId }))
      .catch((thrown: unknown) => {
        // A repeated call whose first answer was lost.
        const error = toFlyLiveError(thrown);
        if (error.code !== 'NOT_SEATED') throw error;
      });
    await this.#shown(({ mySeat }) => mySeat === null);
  }

  mute(): void {
    this.#audio.setMuted(true);
  }

  unmute(): void {
    this.#audio.setMuted(false);
  }

  /** Speaks through another microphone of `listMicrophones`. @throws {FlyLiveError} when it cannot be opened */
  async selectMicrophone(deviceId: string): Promise<void> {
    await this.#audio.selectMicrophone(deviceId);
  }

  /** Starts sound while `state.audioBlocked`; call it inside a user gesture. */
  async unlockAudio(): Promise<void> {
    await this.#audio.unlock();
  }

  /**
   * Says something; said once, however often it has to be sent.
   *
   * @param content - 1 to 500 characters
   * @throws {FlyLiveError} of `chat.send` (`RATE_LIMITED`, `BAD_INPUT`, ...)
   */
  async sendChat(content: string): Promise<ChatMessage> {
    const { roomId } = this.#membership;
    const clientMessageId = uuidv7();
    const message = await this.#membership.retry((api) => api.chat.send.mutate({ roomId, content, clientMessageId }));
    this.#addMessage(message);
    return message;
  }

  /** Reads one more page of the chat's past into `state.messages`. */
  async loadOlderMessages(): Promise<void> {
    const { roomId } = this.#membership;
    const before = this.#state.messages[0]?.id;
    const page = await this.#membership.retry((api) =>
      api.chat.history.query({ roomId, limit: historyPage, ...(before === undefined ? {} : { before }) }),
    );
    this.#update(reduce.addHistory(this.#state, page.messages, page.hasMore));
  }

  /** Reads one more page of the member list into `state.participants`. @returns whether there are more */
  async loadMoreParticipants(): Promise<boolean> {
    const cursor = this.#nextParticipants;
    if (cursor === null) return false;
    const { roomId } = this.#membership;
    const page = await this.#membership.retry((api) =>
      api.room.participants.query({ roomId, cursor, limit: participantPage }),
    );
    this.#nextParticipants = page.nextCursor;
    this.#update(reduce.addParticipants(this.#state, page.participants));
    return page.nextCursor !== null;
  }

  /** The gifts that can be sent. */
  async giftCatalogue(): Promise<Outputs['gift']['catalogue']> {
    return this.#membership.retry((api) => api.gift.catalogue.query());
  }

  /**
   * Sends a gift; charged at most once, however often it has to be sent. The outcome comes as `giftSettled` or
   * `giftRejected` with the answered `transactionId`, in this room or the next one that this user joins.
   *
   * @throws {FlyLiveError} of `gift.send`; after `CONNECTION_LOST` or `TIMED_OUT` the gift may still be given
   */
  async sendGift(order: GiftOrder): Promise<Outputs['gift']['send']> {
    return this.#gifts.send(order);
  }

  /**
   * Sends the same gift to several members, a gift each; as {@link sendGift} otherwise.
   *
   * @returns for each what became of it: accepted, or refused by a code of its own
   * @throws {FlyLiveError} of `gift.sendToMany`
   */
  async sendGiftToMany(order: GiftOrderForMany): Promise<Outputs['gift']['sendToMany']> {
    return this.#gifts.sendToMany(order);
  }

  /**
   * Finds out why somebody is not heard here, or why the user is not heard by the others; takes a second.
   *
   * @returns the one cause, or null when all is well
   * @throws {FlyLiveError} of `media.diagnose`
   */
  async diagnose(userId: number): Promise<SilenceCause | null> {
    const { roomId } = this.#membership;
    const facts = await this.#audio.listenFor(userId);
    const path = await this.#membership.retry((api) => api.media.diagnose.query({ roomId, userId }));
    const seat: (Seat & { readonly mutedByHost?: boolean }) | undefined = this.#state.seats.find(
      (candidate) => candidate.userId === userId,
    );
    return findSilenceCause(path, { ...facts, mutedByHost: seat?.mutedByHost ?? false });
  }

  /** Leaves; the object is of no use afterwards. Never fails. */
  async leave(): Promise<void> {
    const left = this.#membership.leave();
    this.#end({ reason: 'left' });
    await left;
  }

  /**
   * How much of each voice was played in the last 0.7 s, by user id: mean square of the samples, 0 in silence, above
   * 0.00001 for audible speech. For tests and diagnostics.
   */
  inboundAudioEnergy(): Record<number, number> {
    return this.#audio.energy();
  }

  #receive({ topic, event }: RoomFeedEvent): void {
    if (event.type === 'subscribed') return;
    if (event.type === 'resync') {
      this.#resync(topic, event.snapshot);
      return;
    }
    switch (topic) {
      case 'room':
        this.#onRoomEvent(event);
        break;
      case 'media':
        this.#onMediaEvent(event);
        break;
      case 'chat':
        this.#addMessage(event.message);
        break;
      case 'gift':
        this.#gifts.receive(event);
        break;
    }
  }

  #onRoomEvent(event: RoomEvent): void {
    this.#update(reduce.applyRoomEvent(this.#state, event));
    if (event.type === 'roomClosed') this.#end({ reason: 'roomClosed' });
    if (event.type === 'sessionReplaced' && event.sessionId === this.#membership.sessionId) {
      this.#end({ reason: 'replaced' });
    }
  }

  #onMediaEvent(event: MediaEvent): void {
    this.#update(reduce.applyMediaEvent(this.#state, event));
    if (event.type === 'producerClosed' && event.reason === 'failed') this.#audio.producerFailed(event.producerId);
    if (event.type === 'routersReplaced') this.#audio.routersReplaced(event.routerIds);
  }

  /** Events of this topic are lost for good; the snapshot takes their place. */
  #resync(topic: Topic, snapshot: RoomSnapshot): void {
    this.#update(reduce.applySnapshot(this.#state, snapshot));
    if (topic === 'chat') this.#background(this.#reloadChat());
  }

  #onRejoined({ snapshot, resumed, media }: JoinAnswer): void {
    this.#nextParticipants = 0;
    const next: RoomState = { ...reduce.applySnapshot(this.#state, snapshot), status: 'joined' };
    if (!resumed) this.#audio.start(next.producers, media);
    this.#update(next);
    // Chat and gifts are replayed from where they broke off; of everything else the snapshot tells the outcome.
    this.#feeds.skipTo(snapshot.cursor, ['room', 'media']);
    this.#feeds.start();
    if (resumed) this.#audio.resume(snapshot.producers);
    this.emit('resumed', { resumed });
  }

  #onFeedRefused(error: FlyLiveError): void {
    if (error.code === 'NOT_IN_ROOM') this.#membership.rejoin();
    else this.#end({ reason: error.code === 'SESSION_REPLACED' ? 'replaced' : 'refused', error });
  }

  async #claimSeat(seat: number | undefined): Promise<number> {
    const { roomId } = this.#membership;
    const take = () =>
      this.#membership.call((api) => api.seat.take.mutate({ roomId, ...(seat === undefined ? {} : { seat }) }));
    try {
      return (await take()).seat;
    } catch (thrown) {
      const { code } = toFlyLiveError(thrown);
      if (code !== 'CONNECTION_LOST' && code !== 'TIMED_OUT') throw thrown;
      // Only the answer may have been lost; the same wish is granted again.
      await this.#membership.joined();
      return (await take()).seat;
    }
  }

  /** The page was reloaded, or opened elsewhere, and the seat is still ours. Muted: nobody expects to be on air. */
  async #continueOnSeat(): Promise<void> {
    try {
      await this.#audio.prepare();
      this.#audio.speak(true);
    } catch (error) {
      await this.leaveSeat();
      throw error;
    }
  }

  async #reloadChat(): Promise<void> {
    this.#update({ ...this.#state, messages: [] });
    await this.loadOlderMessages();
  }

  #addMessage(message: ChatMessage): void {
    const next = reduce.addMessage(this.#state, message);
    if (next === this.#state) return;
    this.#update(next);
    this.emit('message', message);
  }

  #update(next: RoomState): void {
    const previous = this.#state;
    if (next === previous || previous.status === 'ended') return;
    this.#state = next;
    if (next.producers !== previous.producers) this.#audio.hear(next.producers);
    if (previous.mySeat !== null && next.mySeat === null) this.#audio.silence();
    this.emit('change', next);
  }

  /** Waits until the state shows what a call has done: the event may be a moment behind the answer. */
  async #shown(isShown: (state: RoomState) => boolean): Promise<void> {
    if (isShown(this.#state)) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const stop = this.on('change', (state) => {
      if (isShown(state)) resolve(undefined);
    });
    await Promise.race([promise, delay(echoTimeoutMs)]);
    stop();
  }

  /** Runs what nobody waits for; a failure is told as a problem unless it only means that there is no connection. */
  #background(work: Promise<void>): void {
    work.catch((thrown: unknown) => {
      const error = toFlyLiveError(thrown);
      this.#logger.debug('Background work failed', error);
      if (this.#state.status !== 'ended' && error.code !== 'CONNECTION_LOST') this.emit('problem', error);
    });
  }

  #end(end: RoomEnd): void {
    if (this.#state.status === 'ended') return;
    this.#feeds.stop();
    this.#membership.end();
    this.#audio.close();
    this.#update({ ...this.#state, status: 'ended', levels: new Map() });
    this.emit('ended', end);
    this.clear();
  }
}
