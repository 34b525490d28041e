/**
 * A client's socket, as fan-out sees it: bytes that were made once are written to many. The bytes are whole messages of
 * the wire format ({@link WireFormat}).
 */
export interface ByteSink {
  /** False once the socket is closing: bytes would be lost. */
  readonly writable: boolean;
  /** Bytes that wait in this process because the client does not read them. */
  readonly bufferedBytes: number;
  /** Queues the bytes; they are shared with other sinks and must not be changed. */
  write(bytes: Uint8Array): void;
  /** Keeps back what is written from now on, so that it leaves in one write. */
  cork(): void;
  /** Writes what was kept back. */
  uncork(): void;
  /** Cuts the connection at once. */
  terminate(): void;
}

/** A client with more than this unread gets nothing more until it has read most of it, bytes. */
export const pauseAboveBytes = 256 * 1024;
export const resumeBelowBytes = 32 * 1024;
/** A client that stays behind for longer is cut; it comes back and resumes by its cursor, ms. */
export const longestPauseMs = 10_000;
/** How often a paused client is looked at, ms. */
export const pauseCheckMs = 100;

/** Waits until a client has read most of what was written to it or is gone, and cuts it when it takes too long. */
export async function untilRead(sink: ByteSink): Promise<void> {
  const deadline = performance.now() + longestPauseMs;
  while (sink.writable && sink.bufferedBytes >= resumeBelowBytes) {
    if (performance.now() > deadline) return sink.terminate();
    await new Promise((resolve) => setTimeout(resolve, pauseCheckMs));
  }
}
