import { FlyLiveError, toFlyLiveError } from './errors.ts';
import type { LiveState } from './live-state.ts';
import type { Membership } from './membership.ts';
import type { RoomAudio } from './room-audio.ts';
import type { RoomState } from './room-state.ts';

/** The user's own way to a seat and off it, and the microphone that goes with it. */
export class RoomSeating {
  readonly #membership: Membership;
  readonly #audio: RoomAudio;
  readonly #state: LiveState;
  readonly #onProblem: (error: unknown) => void;
  /** How many calls are under way by which the user asks for a seat to speak from at once. */
  #claims = 0;

  /** @param onProblem - told when a seat that a host gave cannot be spoken from */
  constructor(membership: Membership, audio: RoomAudio, state: LiveState, onProblem: (error: unknown) => void) {
    this.#membership = membership;
    this.#audio = audio;
    this.#state = state;
    this.#onProblem = onProblem;
    state.on('change', (next, previous) => this.#follow(next, previous));
  }

  /** See `Room.takeSeat`. */
  take(seat: number | undefined, muted: boolean): Promise<number> {
    const input = { roomId: this.#membership.roomId, ...(seat === undefined ? {} : { seat }) };
    return this.#claim(muted, () => this.#membership.repeat((api) => api.seat.take.mutate(input)));
  }

  /** See `Room.acceptInvitation`. */
  accept(muted: boolean): Promise<number> {
    const { roomId } = this.#membership;
    return this.#claim(muted, () => this.#membership.repeat((api) => api.seat.accept.mutate({ roomId })));
  }

  /** See `Room.declineInvitation`. */
  async decline(): Promise<void> {
    const { roomId } = this.#membership;
    await this.#unless('INVITATION_NOT_FOUND', (api) => api.seat.decline.mutate({ roomId }));
    await this.#state.shown(({ myInvitation }) => myInvitation === null);
  }

  /** See `Room.moveSeat`. */
  async move(seat: number): Promise<void> {
    const { roomId } = this.#membership;
    await this.#membership.repeat((api) => api.seat.move.mutate({ roomId, seat }));
    await this.#state.shown(({ mySeat }) => mySeat === seat);
  }

  /** See `Room.leaveSeat`. */
  async leave(): Promise<void> {
    this.#audio.silence();
    const { roomId } = this.#membership;
    await this.#unless('NOT_SEATED', (api) => api.seat.leave.mutate({ roomId }));
    await this.#state.shown(({ mySeat }) => mySeat === null);
  }

  /** See `Room.raiseHand`. */
  async raiseHand(): Promise<void> {
    await this.#audio.checkMicrophone();
    const { roomId } = this.#membership;
    await this.#membership.repeat((api) => api.seat.request.mutate({ roomId }));
    await this.#state.shown(({ myRequest, mySeat }) => myRequest !== null || mySeat !== null);
  }

  /** See `Room.lowerHand`. */
  async lowerHand(): Promise<void> {
    const { roomId } = this.#membership;
    await this.#unless('REQUEST_NOT_FOUND', (api) => api.seat.cancel.mutate({ roomId }));
    await this.#state.shown(({ myRequest }) => myRequest === null);
  }

  /** See `Room.unmute`. */
  unmute(): void {
    if (this.#state.value.mutedByHost) {
      throw new FlyLiveError('MUTED_BY_HOST', { message: 'A host has muted you', retryable: false });
    }
    this.#audio.setMuted(false);
  }

  /** A seat that the user has without having asked for it just now. Muted: nobody is put on air by somebody else. */
  async continue(): Promise<void> {
    await this.#prepare();
    this.#audio.speak(true);
  }

  #follow(next: RoomState, previous: RoomState): void {
    if (previous.mySeat !== null && next.mySeat === null) this.#audio.silence();
    if (previous.mySeat === null && next.mySeat !== null && this.#claims === 0) {
      // A host approved the raised hand.
      this.continue().catch(this.#onProblem);
    }
    // When the host lifts it, the speaker decides when to be heard again.
    if (!previous.mutedByHost && next.mutedByHost) this.#audio.setMuted(true);
  }

  /** Opens the microphone; without one there is nothing to do on a seat. */
  async #prepare(): Promise<void> {
    try {
      await this.#audio.prepare();
    } catch (error) {
      if (this.#state.value.mySeat !== null) await this.leave();
      throw error;
    }
  }

  /** Asks for the microphone, then for the seat, then speaks. */
  async #claim(muted: boolean, ask: () => Promise<{ readonly seat: number }>): Promise<number> {
    // From here on a seat that a host gives is this claim's to speak from.
    this.#claims += 1;
    try {
      await this.#prepare();
      const { seat } = await ask();
      this.#audio.speak(muted || this.#state.value.mutedByHost);
      await this.#state.shown(({ mySeat }) => mySeat === seat);
      return seat;
    } catch (error) {
      if (this.#state.value.mySeat === null) {
        // Another one that is under way may be granted yet.
        if (this.#claims === 1) this.#audio.silence();
      }
      // The answer was lost and the event tells that it was granted.
      else this.#audio.speak(muted || this.#state.value.mutedByHost);
      throw error;
    } finally {
      this.#claims -= 1;
    }
  }

  /** Runs a call of which `done` says that an earlier one, whose answer was lost, has had the effect. */
  async #unless(done: FlyLiveError['code'], run: Parameters<Membership['retry']>[0]): Promise<void> {
    try {
      await this.#membership.retry(run);
    } catch (thrown) {
      const error = toFlyLiveError(thrown);
      if (error.code !== done) throw error;
    }
  }
}
