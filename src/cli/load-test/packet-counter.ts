/** What arrived. */
export interface PacketCounts {
  /** RTP packets. */
  readonly received: number;
  /**
   * Those that are missing between the first and the last one of each stream: what was lost at its end, and a stream that
   * never came, are not among them. Which streams a listener should have, the server decides anew all the time.
   */
  readonly lost: number;
}

interface Stream {
  /** Sequence numbers, counted on over their end. */
  first: number;
  last: number;
  received: number;
}

/** Smallest RTP header, bytes. */
const headerSize = 12;
/** Sequence numbers of RTP. */
const modulus = 2 ** 16;

/** Counts RTP packets by their sequence numbers, which SRTP leaves in the clear. */
export class PacketCounter {
  readonly #streams = new Map<number, Stream>();

  /** Takes an SRTP or SRTCP packet. */
  count(packet: Buffer): void {
    const second = packet[1] ?? 0;
    // RTCP's packet types (RFC 5761, section 4).
    if (packet.length < headerSize || (second >= 192 && second < 224)) return;
    const sequence = packet.readUInt16BE(2);
    const ssrc = packet.readUInt32BE(8);
    const stream = this.#streams.get(ssrc);
    if (stream === undefined) {
      this.#streams.set(ssrc, { first: sequence, last: sequence, received: 1 });
      return;
    }
    stream.received += 1;
    // Less than half of all numbers ahead is newer; what is behind is late, or a repetition.
    const ahead = (sequence - stream.last + 2 * modulus) % modulus;
    if (ahead < modulus / 2) stream.last += ahead;
  }

  /** Everything so far. */
  get counts(): PacketCounts {
    let received = 0;
    let expected = 0;
    for (const stream of this.#streams.values()) {
      received += stream.received;
      expected += stream.last - stream.first + 1;
    }
    return { received, lost: expected - received };
  }
}
