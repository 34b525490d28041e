import { describe, expect, it } from 'vitest';
import { PacketCounter } from './packet-counter.ts';

function rtp(sequence: number, ssrc = 1): Buffer {
  const packet = Buffer.alloc(40);
  packet.writeUInt8(0x80, 0);
  packet.writeUInt8(111, 1);
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

function count(...packets: readonly Buffer[]): { received: number; lost: number } {
  const counter = new PacketCounter();
  for (const packet of packets) counter.count(packet);
  return counter.counts;
}

describe('PacketCounter', () => {
  it('counts nothing before the first packet', () => {
    expect(count()).toEqual({ received: 0, lost: 0 });
  });

  it('finds gaps', () => {
    expect(count(rtp(7), rtp(8), rtp(10), rtp(13))).toEqual({ received: 4, lost: 3 });
  });

  it('counts on where sequence numbers begin again', () => {
    expect(count(rtp(65_534), rtp(65_535), rtp(0), rtp(2))).toEqual({ received: 4, lost: 1 });
  });

  it('takes a late packet for what was missing', () => {
    expect(count(rtp(1), rtp(3), rtp(2))).toEqual({ received: 3, lost: 0 });
    expect(count(rtp(0), rtp(2), rtp(65_535 + 2 - 65_536))).toEqual({ received: 3, lost: 0 });
  });

  it('keeps streams apart', () => {
    expect(count(rtp(1, 1), rtp(500, 2), rtp(2, 1), rtp(502, 2))).toEqual({ received: 4, lost: 1 });
  });

  it('leaves RTCP out', () => {
    const senderReport = rtp(1);
    senderReport.writeUInt8(200, 1);
    expect(count(senderReport, Buffer.alloc(4))).toEqual({ received: 0, lost: 0 });
  });
});
