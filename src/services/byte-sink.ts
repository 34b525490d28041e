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
  /** Cuts the connection at once. */
  terminate(): void;
}
