import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, ClientCounts, JoinResult, Order, StartOrder } from './messages.ts';

/** In this checkout a .ts file, in a build a .js one. */
const entry = fileURLToPath(new URL(`client-main${import.meta.url.slice(-3)}`, import.meta.url));

/** One client process; they end with this one. */
export class ClientProcess implements Disposable {
  readonly #child: ChildProcess;
  /** Rejects when the process ends. */
  readonly #ended: Promise<never>;

  /** Starts the process with the members whom it will play. */
  static async start(order: Omit<StartOrder, 'type'>): Promise<ClientProcess> {
    const clients = new ClientProcess(fork(entry, { execArgv: [] }));
    try {
      await clients.#ask({ type: 'start', ...order });
      return clients;
    } catch (error) {
      clients[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit').then(() => {
      throw new Error('A client process ended by itself');
    });
    // Whoever asks it something sees the failure.
    this.#ended.catch(() => undefined);
  }

  join(step: 'speak' | 'hear' | 'listen'): Promise<JoinResult> {
    return this.#ask({ type: step }) as Promise<JoinResult>;
  }

  count(): Promise<ClientCounts> {
    return this.#ask({ type: 'count' }) as Promise<ClientCounts>;
  }

  /** Members say good-bye and go. */
  async leave(): Promise<void> {
    await this.#ask({ type: 'leave' });
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  /** One question at a time. */
  async #ask(order: Order): Promise<Answer> {
    this.#child.send(order);
    const [answer] = (await Promise.race([once(this.#child, 'message'), this.#ended])) as [Answer];
    return answer;
  }
}
