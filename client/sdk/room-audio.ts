import type { ProducerDescription } from '../../src/core/model.ts';
import type { Outputs } from './api.ts';
import { delay } from './back-off.ts';
import { Emitter } from './emitter.ts';
import type { FlyLiveError } from './errors.ts';
import { localError, toFlyLiveError } from './errors.ts';
import type { MediaContext, Resumption } from './media-transport.ts';
import { openMicrophone } from './microphone.ts';
import type { Playback } from './playback.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import type { PageFacts } from './silence-cause.ts';
import { onNetworkChange } from './wake-ups.ts';

/** How long packets are waited for; with DTX they are 0.4 s apart in silence, ms. */
const packetWaitMs = 1_000;
/** Mean square of samples from which on a voice is heard. */
const heardEnergy = 0.000_001;

type Producers = ReadonlyMap<string, ProducerDescription>;

/** Everything audible in one room: the voices of the others and the own microphone. */
export class RoomAudio extends Emitter<{
  /** Audio does not work and trying again by itself will not help. */
  problem: [FlyLiveError];
  muted: [boolean];
  /** The browser withholds sound until the user touches the page, or no longer does. */
  blocked: [boolean];
}> {
  readonly #userId: number;
  readonly #playback: Playback;
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #stopNetworkChanges: () => void;
  #microphone: MediaStreamTrack | undefined;
  /** Being opened; the browser may be asking the user. */
  #opening: Promise<MediaStreamTrack> | undefined;
  #deviceId: string | undefined;
  #muted = false;
  #speaking = false;
  #closed = false;

  /** @param userId - the own user, whose producers are not played */
  constructor(context: MediaContext, playback: Playback, userId: number) {
    super((error) => context.logger.warn('A listener of the audio threw', error));
    this.#userId = userId;
    this.#playback = playback;
    playback.on('blocked', (blocked) => this.emit('blocked', blocked));
    const onProblem = (error: FlyLiveError) => this.emit('problem', error);
    this.#receiver = new Receiver(context, playback, onProblem);
    this.#sender = new Sender(context, onProblem);
    this.#stopNetworkChanges = onNetworkChange(() => {
      this.#sender.networkChanged();
      this.#receiver.networkChanged();
    });
  }

  /**
   * Begins a session: the server has nothing of an earlier one any more.
   *
   * @param offer - what `room.join` answered of the media; it saves the first calls
   * @returns as soon as the first voices are on their way, after a moment in any case
   */
  start(producers: Producers, offer: Outputs['room']['join']['media']): Promise<void> {
    this.#sender.rebuild();
    return this.#receiver.start(this.#others(producers), offer);
  }

  /** Hears these producers, the own ones excepted. */
  hear(producers: Producers): void {
    this.#receiver.want(this.#others(producers));
  }

  /**
   * Opens the microphone without sending it yet, so that a denial is known before a seat is taken.
   *
   * @throws {FlyLiveError} of {@link openMicrophone}, or `CLOSED` when the room was left meanwhile
   */
  async prepare(): Promise<void> {
    if (this.#microphone) return;
    this.#opening ??= openMicrophone(this.#deviceId).finally(() => (this.#opening = undefined));
    const track = await this.#opening;
    if (this.#closed) {
      track.stop();
      throw localError('CLOSED');
    }
    this.#microphone ??= this.#watch(track);
  }

  /**
   * Finds out whether there is a microphone to speak with later, and asks for the permission, without keeping it open.
   *
   * @throws {FlyLiveError} of {@link openMicrophone}
   */
  async checkMicrophone(): Promise<void> {
    if (!this.#microphone) (await openMicrophone(this.#deviceId)).stop();
  }

  /** Sends the prepared microphone. */
  speak(muted: boolean): void {
    this.#speaking = true;
    this.setMuted(muted);
  }

  /** Stops sending and gives the microphone back to the device. */
  silence(): void {
    this.#speaking = false;
    this.#sender.stop();
    this.#microphone?.stop();
    this.#microphone = undefined;
  }

  /** Mutes or unmutes; silent here at once, told to the server as soon as it can be. */
  setMuted(muted: boolean): void {
    this.#muted = muted;
    if (this.#speaking && this.#microphone) this.#sender.send(this.#microphone, muted);
    this.emit('muted', muted);
  }

  /**
   * Uses another microphone, now if one is in use and from now on.
   *
   * @throws {FlyLiveError} of {@link openMicrophone}; the old one stays in use then
   */
  async selectMicrophone(deviceId: string): Promise<void> {
    if (this.#microphone) this.#replace(await openMicrophone(deviceId));
    this.#deviceId = deviceId;
  }

  /**
   * After a resumed session.
   *
   * @param producers - what the server has
   */
  resume(producers: readonly ProducerDescription[], resumption: Resumption): void {
    this.#sender.resume(producers, resumption);
    this.#receiver.resume(resumption);
  }

  /** The server closed a producer because its media path broke. */
  producerFailed(producerId: string): void {
    this.#sender.producerFailed(producerId);
  }

  /**
   * Events about producers were missed: sends the microphone anew if the server has closed its producer meanwhile.
   *
   * @param producers - what the server has
   */
  checkProducer(producers: readonly ProducerDescription[]): void {
    this.#sender.checkProducer(producers);
  }

  /** The server lost routers with a worker, and has others. */
  routersReplaced(routerIds: readonly string[]): void {
    this.#sender.routersReplaced(routerIds);
    this.#receiver.routersReplaced(routerIds);
  }

  /** Whether the browser withholds sound. */
  get blocked(): boolean {
    return this.#playback.blocked;
  }

  /** Starts sound that the browser withheld; call it inside a user gesture. */
  unlock(): Promise<void> {
    return this.#playback.resume();
  }

  /** See `Room.inboundAudioEnergy`. */
  energy(): Record<number, number> {
    return this.#receiver.energy();
  }

  /** What this page sees of a voice, the own one too; takes a second. */
  async listenFor(userId: number): Promise<PageFacts> {
    const before = await this.#receiver.packetsReceived(userId);
    await delay(packetWaitMs);
    const after = await this.#receiver.packetsReceived(userId);
    const { readyState, muted = true } = this.#microphone ?? {};
    return {
      heard: (this.energy()[userId] ?? 0) > heardEnergy,
      audioBlocked: this.blocked,
      packetsArrive: after > before,
      microphoneLive: userId === this.#userId ? readyState === 'live' && !muted : null,
    };
  }

  close(): void {
    this.#stopNetworkChanges();
    this.#closed = true;
    this.silence();
    this.#sender.close();
    this.#receiver.close();
    this.#playback.close();
  }

  #others(producers: Producers): Producers {
    return new Map([...producers].filter(([, { userId }]) => userId !== this.#userId));
  }

  /** Falls back to the default microphone when the one in use is unplugged. */
  #watch(track: MediaStreamTrack): MediaStreamTrack {
    track.addEventListener('ended', () => {
      if (this.#microphone !== track) return;
      openMicrophone().then(
        (other) => this.#replace(other),
        (error: unknown) => this.emit('problem', toFlyLiveError(error)),
      );
    });
    return track;
  }

  #replace(track: MediaStreamTrack): void {
    const old = this.#microphone;
    if (!old) {
      // The seat was left while the microphone was being opened.
      track.stop();
      return;
    }
    this.#microphone = this.#watch(track);
    if (this.#speaking) this.#sender.send(track, this.#muted);
    old.stop();
  }
}
