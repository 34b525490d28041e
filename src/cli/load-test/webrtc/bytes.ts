/** Writing and reading of the length-prefixed, big-endian structures of TLS (RFC 8446, section 3). */

/** A whole number of `size` bytes, 1 to 6. */
export function uint(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
}

/** Content with its length before it, in `lengthSize` bytes. */
export function vector(lengthSize: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([uint(body.length, lengthSize), body]);
}

/** Reads from the front of a buffer on. Every method throws RangeError when too little is left. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint(size: number): number {
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  /** A view, no copy. */
  bytes(count: number): Buffer {
    if (count > this.left) throw new RangeError(`${count} bytes are wanted, ${this.left} are left`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** What {@link vector} wrote. */
  vector(lengthSize: number): Buffer {
    return this.bytes(this.uint(lengthSize));
  }
}
