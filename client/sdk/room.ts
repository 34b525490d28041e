import type { SilenceCause } from '../../src/core/audio-path.ts';
import type { MediaEvent, ReactionKind, RoomActivity, RoomEvent, Topic } from '../../src/core/events.ts';
import type { ChatMessage, Gift, RoomSnapshot } from '../../src/core/model.ts';
import type { Outputs } from './api.ts';
import { Emitter } from './emitter.ts';
import type { FlyLiveError } from './errors.ts';
import { toFlyLiveError } from './errors.ts';
import type { GiftJournal } from './gift-journal.ts';
import { LiveState } from './live-state.ts';
import type { Logger } from './logger.ts';
import type { JoinAnswer, Membership } from './membership.ts';
import type { RoomAudio } from './room-audio.ts';
import { RoomChat } from './room-chat.ts';
import { endByEvent, endByRefusal } from './room-end.ts';
import type { RoomEnd } from './room-end.ts';
import { RoomFeeds } from './room-feeds.ts';
import type { RoomFeedEvent } from './room-feeds.ts';
import { RoomGifts } from './room-gifts.ts';
import type { GiftNotSent, GiftOrder, GiftOrderForMany, GiftOutcome, GiftRejection } from './room-gifts.ts';
import { RoomHost } from './room-host.ts';
import { RoomMembers } from './room-members.ts';
import { RoomSeating } from './room-seating.ts';
import * as reduce from './room-state.ts';
import type { RoomState } from './room-state.ts';
import { ServerClock } from './server-clock.ts';
import { findSilenceCause } from './silence-cause.ts';

interface RoomEvents extends Record<string, unknown[]> {
  /** Anything in {@link Room.state} changed. */
  change: [state: RoomState];
  /** Something happened to members, seats or rules; {@link Room.state} shows it already, `before` does not. */
  event: [event: RoomEvent, before: RoomState];
  message: [message: ChatMessage];
  gift: [gift: Gift];
  /** A gift that was shown has been rejected: undo whatever counted it. */
  giftWithdrawn: [transactionId: string];
  /** The server's answer to the user's gifts is overdue; one of the next three will tell what became of each. */
  giftUnanswered: [transactionIds: readonly string[]];
  /** A gift whose answer was missing was accepted after all; its outcome follows. */
  giftSent: [transactionId: string];
  /** A gift whose answer was missing was not accepted; nothing was charged. */
  giftNotSent: [notSent: GiftNotSent];
  giftSettled: [outcome: GiftOutcome];
  giftRejected: [rejection: GiftRejection];
  /** Loudness, head count and reactions, about four times a second while there is something to tell. */
  activity: [activity: RoomActivity];
  /** Back after a lost connection; `resumed` is false when the absence outlasted the session, and so often the seat. */
  resumed: [info: { resumed: boolean }];
  /** Something in the background does not work and will not mend itself, e.g. the microphone was unplugged. */
  problem: [error: FlyLiveError];
  ended: [end: RoomEnd];
}

/** A room that the user has joined: its state, its events, and everything that can be done in it. */
export class Room extends Emitter<RoomEvents> {
  /** What hosts can do here. */
  readonly host: RoomHost;
  readonly #membership: Membership;
  readonly #audio: RoomAudio;
  readonly #feeds: RoomFeeds;
  readonly #logger: Logger;
  readonly #state: LiveState;
  readonly #seating: RoomSeating;
  readonly #chat: RoomChat;
  readonly #gifts: RoomGifts;
  readonly #members: RoomMembers;
  readonly #clock = new ServerClock();

  /** Made by `FlyLive.join` only. */
  constructor(membership: Membership, answer: JoinAnswer, audio: RoomAudio, journal: GiftJournal, logger: Logger) {
    super((error) => logger.warn('A listener of the room threw', error));
    this.#membership = membership;
    this.#audio = audio;
    this.#logger = logger;
    const { snapshot } = answer;
    this.#clock.observe(snapshot.cursor);
    const initial = { ...reduce.fromSnapshot(snapshot, answer.user), audioBlocked: audio.blocked };
    this.#state = new LiveState(initial, logger);
    this.#state.on('change', (next, previous) => {
      if (next.producers !== previous.producers) audio.hear(next.producers);
      this.emit('change', next);
    });
    this.host = new RoomHost(membership);
    this.#seating = new RoomSeating(membership, audio, this.#state, (error) => this.#report(error));
    this.#chat = new RoomChat(membership, this.#state, this.#clock, (message) => this.emit('message', message));
    this.#members = new RoomMembers(membership, this.#state, (error) => this.#report(error));
    this.#gifts = new RoomGifts(membership, journal, logger);
    this.#gifts.on('received', (gift) => this.emit('gift', gift));
    this.#gifts.on('withdrawn', (transactionId) => this.emit('giftWithdrawn', transactionId));
    this.#gifts.on('unanswered', (transactionIds) => this.emit('giftUnanswered', transactionIds));
    this.#gifts.on('sent', (transactionId) => this.emit('giftSent', transactionId));
    this.#gifts.on('notSent', (notSent) => this.emit('giftNotSent', notSent));
    this.#gifts.on('settled', (outcome) => this.emit('giftSettled', outcome));
    this.#gifts.on('rejected', (rejection) => this.emit('giftRejected', rejection));
    this.#feeds = new RoomFeeds({
      roomId: membership.roomId,
      cursor: snapshot.cursor,
      api: membership.api,
      onEvent: (event, id) => this.#receive(event, id),
      onActivity: (activity) => {
        this.#state.update(reduce.applyActivity(this.state, activity));
        this.#members.observe(activity.participantCount);
        this.emit('activity', activity);
      },
      onOutcome: (outcome, id) => this.#gifts.receiveOutcome(outcome, id),
      onRefused: (error) => this.#onFeedRefused(error),
    });
    membership.on('lost', () => {
      this.#feeds.stop();
      this.#state.update({ ...this.state, status: 'reconnecting', levels: new Map() });
    });
    membership.on('rejoined', (rejoined) => this.#onRejoined(rejoined));
    membership.on('refused', (error) => this.#end(endByRefusal(error)));
    audio.on('problem', (error) => this.#onAudioProblem(error));
    audio.on('muted', (muted) => this.#state.update({ ...this.state, muted }));
    audio.on('blocked', (audioBlocked) => this.#state.update({ ...this.state, audioBlocked }));
  }

  /**
   * For `FlyLive.join` only, once. Audio first: whatever the page does as soon as it has the room would hold up the
   * browser's part of it.
   *
   * @param answer - the one that the room was made with
   */
  async begin({ media }: JoinAnswer): Promise<void> {
    await this.#audio.start(this.state.producers, media);
    if (this.state.status === 'ended') return;
    if (this.state.status === 'joined') this.#feeds.start();
    this.#background(this.#chat.loadOlder());
    this.#gifts.start();
    // The page was reloaded, or opened elsewhere.
    if (this.state.mySeat !== null) this.#background(this.#seating.continue());
  }

  /** The room as it is now; a new object with every change. */
  get state(): RoomState {
    return this.#state.value;
  }

  /** The server's clock as far as it can be known here, ms since the epoch: what its times are to be compared with. */
  get serverNow(): number {
    return this.#clock.now();
  }

  /**
   * Takes a seat and speaks from it. Asks for the microphone first.
   *
   * @param seat - 0-based; left out: the first free one
   * @returns the seat's index
   * @throws {FlyLiveError} of the microphone or of `seat.take` (`SEAT_TAKEN`, `NO_FREE_SEAT`, ...)
   */
  takeSeat(seat?: number, options: { muted?: boolean } = {}): Promise<number> {
    return this.#seating.take(seat, options.muted ?? false);
  }

  /** Gives the seat back and stops the microphone. @throws {FlyLiveError} of `seat.leave` */
  leaveSeat(): Promise<void> {
    return this.#seating.leave();
  }

  /** Changes the seat and goes on speaking. @throws {FlyLiveError} of `seat.move` (`SEAT_TAKEN`, `SEAT_LOCKED`, ...) */
  moveSeat(seat: number): Promise<void> {
    return this.#seating.move(seat);
  }

  /**
   * Asks the hosts for a seat, and the browser for the microphone so that it is there then. When a host approves, the
   * user is on a seat and muted: `unmute` begins to speak.
   *
   * @throws {FlyLiveError} of the microphone or of `seat.request`
   */
  raiseHand(): Promise<void> {
    return this.#seating.raiseHand();
  }

  /** Takes the raised hand down. @throws {FlyLiveError} of `seat.cancel` */
  lowerHand(): Promise<void> {
    return this.#seating.lowerHand();
  }

  /**
   * Takes the seat of `state.myInvitation` and speaks from it. Asks for the microphone first.
   *
   * @returns the seat's index
   * @throws {FlyLiveError} of the microphone or of `seat.accept` (`INVITATION_NOT_FOUND` when it has ended, ...)
   */
  acceptInvitation(options: { muted?: boolean } = {}): Promise<number> {
    return this.#seating.accept(options.muted ?? false);
  }

  /** @throws {FlyLiveError} of `seat.decline` */
  declineInvitation(): Promise<void> {
    return this.#seating.decline();
  }

  mute(): void {
    this.#audio.setMuted(true);
  }

  /** @throws {FlyLiveError} `MUTED_BY_HOST`, at once, while a host's mute holds */
  unmute(): void {
    this.#seating.unmute();
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
   * @param options - `replyTo`: id of the message that this one answers
   * @throws {FlyLiveError} of `chat.send` (`RATE_LIMITED`, `SLOW_MODE`, `CHAT_MUTED`, `BAD_INPUT`, ...)
   */
  sendChat(content: string, options: { replyTo?: string | undefined } = {}): Promise<ChatMessage> {
    return this.#chat.send(content, options.replyTo);
  }

  /** Deletes a message for everybody. @throws {FlyLiveError} of `chat.delete` (`NOT_ALLOWED`, `MESSAGE_NOT_FOUND`) */
  deleteMessage(messageId: string): Promise<void> {
    return this.#chat.delete(messageId);
  }

  /** How long slow mode holds the user's next message back, ms; 0 when it does not. */
  chatWaitMs(): number {
    return this.#chat.waitMs();
  }

  /** Reads one more page of the chat's past into `state.messages`. */
  loadOlderMessages(): Promise<void> {
    return this.#chat.loadOlder();
  }

  /** Shows a reaction to everybody. @throws {FlyLiveError} of `room.react`: `RATE_LIMITED` when it is too soon */
  async react(kind: ReactionKind): Promise<void> {
    const { roomId } = this.#membership;
    await this.#membership.call((api) => api.room.react.mutate({ roomId, kind }));
  }

  /** Reads members who are not known yet into `state.participants`, a page or so. @returns whether there are more */
  loadMoreParticipants(): Promise<boolean> {
    return this.#members.loadMore();
  }

  /** The gifts that can be sent. */
  async giftCatalogue(): Promise<Outputs['gift']['catalogue']> {
    return this.#membership.retry((api) => api.gift.catalogue.query());
  }

  /**
   * Sends a gift; charged at most once, however often it has to be sent. The outcome comes as `giftSettled` or
   * `giftRejected` with the answered `transactionId`, in this room or the next one that this user joins.
   *
   * An order without a `transactionId` that is the same as an earlier one whose answer is overdue (`giftUnanswered`) is
   * that earlier one, sent again.
   *
   * @throws {FlyLiveError} of `gift.send`: refused, nothing was charged
   * @throws {GiftError} `GIFT_UNANSWERED` when there was no answer for a minute; what became of the gift is told by
   *   `giftSent`, `giftNotSent`, `giftSettled` or `giftRejected`, also after a reload of the page
   */
  async sendGift(order: GiftOrder): Promise<Outputs['gift']['send']> {
    return this.#gifts.send(order);
  }

  /**
   * Sends the same gift to several members, a gift each; as {@link sendGift} otherwise.
   *
   * @returns for each what became of it: accepted, or refused by a code of its own
   * @throws {FlyLiveError} of `gift.sendToMany`
   * @throws {GiftError} as {@link sendGift}
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
    return findSilenceCause(path, facts);
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

  #receive({ topic, event }: RoomFeedEvent, id: string): void {
    this.#clock.observe(id);
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
        this.#chat.receive(event);
        break;
      case 'gift':
        this.#gifts.receive(event);
        break;
    }
  }

  #onRoomEvent(event: RoomEvent): void {
    const before = this.state;
    this.#state.update(reduce.applyRoomEvent(before, event));
    const end = endByEvent(event, this.state.me.id, this.#membership.sessionId);
    if (end) this.#end(end);
    else this.emit('event', event, before);
  }

  #onMediaEvent(event: MediaEvent): void {
    this.#state.update(reduce.applyMediaEvent(this.state, event));
    if (event.type === 'producerClosed' && event.reason === 'failed') this.#audio.producerFailed(event.producerId);
    if (event.type === 'routersReplaced') this.#audio.routersReplaced(event.routerIds);
  }

  /** The server refused to let a host's mute be lifted, of which the event may still be on its way. */
  #onAudioProblem(error: FlyLiveError): void {
    if (error.code === 'MUTED_BY_HOST') this.#audio.setMuted(true);
    this.emit('problem', error);
  }

  /**
   * Events of this topic are lost for good; the topic's part of the snapshot takes their place. Of the other topics newer
   * events may have been seen already.
   */
  #resync(topic: Topic, snapshot: RoomSnapshot): void {
    switch (topic) {
      case 'room':
        this.#members.restart();
        this.#state.update(reduce.applyRoomSnapshot(this.state, snapshot));
        break;
      case 'media':
        this.#state.update(reduce.applyMediaSnapshot(this.state, snapshot));
        this.#audio.checkProducer(snapshot.producers);
        break;
      case 'chat':
        this.#background(this.#chat.reload());
        break;
      case 'gift':
        // What others gave was shown then or never; the user's own outcomes have a feed of their own.
        break;
    }
  }

  #onRejoined({ snapshot, resumed, addressChanged, media, transportIds }: JoinAnswer): void {
    this.#clock.observe(snapshot.cursor);
    this.#members.restart();
    const next: RoomState = { ...reduce.applySnapshot(this.state, snapshot), status: 'joined' };
    if (!resumed) void this.#audio.start(next.producers, media);
    this.#state.update(next);
    // Chat and gifts are replayed from where they broke off; of everything else the snapshot tells the outcome.
    this.#feeds.skipTo(snapshot.cursor, ['room', 'media']);
    this.#feeds.start();
    if (resumed) this.#audio.resume(snapshot.producers, { transportIds, moved: addressChanged });
    this.emit('resumed', { resumed });
  }

  #onFeedRefused(error: FlyLiveError): void {
    if (error.code === 'NOT_IN_ROOM') this.#membership.rejoin();
    else this.#end(endByRefusal(error));
  }

  /** Runs what nobody waits for. */
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#report(error));
  }

  /** Tells of a failure that nobody waits for, unless it only means that there is no connection. */
  #report(thrown: unknown): void {
    const error = toFlyLiveError(thrown);
    this.#logger.debug('Background work failed', error);
    if (this.state.status !== 'ended' && error.code !== 'CONNECTION_LOST') this.emit('problem', error);
  }

  #end(end: RoomEnd): void {
    if (this.state.status === 'ended') return;
    this.#feeds.stop();
    this.#members.close();
    this.#gifts.stop();
    this.#membership.end();
    this.#audio.close();
    this.#state.update({ ...this.state, status: 'ended', levels: new Map() });
    this.emit('ended', end);
    this.clear();
  }
}
