import { createHmac } from 'node:crypto';
import type { UserId } from '../core/ids.ts';

/** An entry of a client's `RTCConfiguration.iceServers`. */
export interface IceServer {
  readonly urls: string[];
  readonly username?: string;
  readonly credential?: string;
}

export interface IceServersOptions {
  /** `stun:`, `stuns:`, `turn:` and `turns:` URLs. */
  readonly urls: readonly string[];
  /** The secret that TURN servers share with this one (coturn: `static-auth-secret`). */
  readonly secret: string | null;
}

/** How long a credential opens new TURN allocations, s. Clients get another with every join. */
const lifetimeSeconds = 24 * 3_600;

/**
 * What clients need to reach the media through STUN and TURN servers. TURN credentials follow the TURN REST scheme
 * (draft-uberti-behave-turn-rest-00): made for one user and a time, checked by the TURN server without asking anybody.
 */
export class IceServers {
  readonly #stun: string[];
  readonly #turn: string[];
  readonly #secret: string | null;

  constructor({ urls, secret }: IceServersOptions) {
    this.#stun = urls.filter((url) => url.startsWith('stun'));
    this.#turn = urls.filter((url) => url.startsWith('turn'));
    this.#secret = secret;
  }

  /**
   * The servers, with credentials of a user.
   *
   * @param now - ms since the epoch
   */
  issueTo(userId: UserId, now = Date.now()): IceServer[] {
    const servers: IceServer[] = this.#stun.length > 0 ? [{ urls: this.#stun }] : [];
    if (this.#turn.length === 0 || this.#secret === null) return servers;
    const username = `${Math.floor(now / 1_000) + lifetimeSeconds}:${userId}`;
    const credential = createHmac('sha1', this.#secret).update(username).digest('base64');
    return [...servers, { urls: this.#turn, username, credential }];
  }
}
