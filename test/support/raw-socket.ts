import { once } from 'node:events';
import { WebSocket } from 'ws';
import { z } from 'zod';

const answerSchema = z.object({
  id: z.union([z.string(), z.number(), z.null()]),
  result: z.object({ type: z.string().optional(), data: z.unknown().optional() }).optional(),
  error: z
    .object({ json: z.object({ message: z.string(), data: z.object({ appCode: z.string() }).loose() }).loose() })
    .optional(),
});

/** One message of the server to a client. */
export type Answer = z.infer<typeof answerSchema>;

const answerMs = 10_000;

/** A WebSocket to the server without a tRPC client, for frames that such a client would never send. */
export class RawSocket implements AsyncDisposable {
  /** Everything received, oldest first. */
  readonly received: string[] = [];
  readonly #socket: WebSocket;
  readonly #listeners = new Set<(text: string) => void>();
  #closeCode: number | null = null;
  #lastId = 0;

  /**
   * @param url - the server's base address
   * @param token - shown at once; null: the first frame is up to the caller
   */
  static async open(url: string, token: string | null): Promise<RawSocket> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/trpc?connectionParams=1`);
    await once(socket, 'open');
    const raw = new RawSocket(socket);
    if (token !== null) raw.send(JSON.stringify({ method: 'connectionParams', data: { token } }));
    return raw;
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      this.received.push(text);
      for (const listener of this.#listeners) listener(text);
    });
    socket.on('close', (code: number) => (this.#closeCode = code));
    socket.on('error', () => undefined);
  }

  /** Null while the socket is open. */
  get closeCode(): number | null {
    return this.#closeCode;
  }

  /** An id that no call of this socket has had. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  send(frame: string | Buffer): void {
    this.#socket.send(frame);
  }

  /**
   * Sends frames and waits until each of their calls has been answered.
   *
   * @param ids - of the calls in the frames
   * @returns the first answer of each call; one without an id for a frame that the server could not read
   * @throws Error when the socket is closed or an answer does not come in time
   */
  ask(frames: readonly (string | Buffer)[], ids: readonly number[]): Promise<Answer[]> {
    const missing = new Set<unknown>(ids);
    return this.#collect(
      () => frames.forEach((frame) => this.send(frame)),
      (answer) => answer.id === null || missing.delete(answer.id),
      (answers) => answers.length === ids.length,
    );
  }

  /** Ends subscriptions and waits until the server says that they have ended. */
  async stopSubscriptions(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    const missing = new Set<unknown>(ids);
    await this.#collect(
      () => this.send(JSON.stringify(ids.map((id) => ({ id, method: 'subscription.stop' })))),
      (answer) => (answer.result?.type === 'stopped' || answer.error !== undefined) && missing.delete(answer.id),
      () => missing.size === 0,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closeCode !== null) return;
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #collect(
    begin: () => void,
    wanted: (answer: Answer) => boolean,
    complete: (answers: readonly Answer[]) => boolean,
  ): Promise<Answer[]> {
    return new Promise((resolve, reject) => {
      const answers: Answer[] = [];
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        this.#socket.off('close', onClose);
        settle();
      };
      const listener = (text: string): void => {
        if (text === 'PING' || text === 'PONG') return;
        const { data: answer, error } = answerSchema.safeParse(JSON.parse(text));
        if (answer === undefined)
          return finish(() => reject(new Error(`No answer of tRPC: ${text}`, { cause: error })));
        if (!wanted(answer)) return;
        answers.push(answer);
        if (complete(answers)) finish(() => resolve(answers));
      };
      const onClose = (code: number): void => finish(() => reject(new Error(`The server closed the socket: ${code}`)));
      const timer = setTimeout(() => finish(() => reject(new Error('The server did not answer'))), answerMs);
      this.#listeners.add(listener);
      this.#socket.on('close', onClose);
      begin();
    });
  }
}
