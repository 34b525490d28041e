import { describe, expect, it } from 'vitest';
import { encodeBindingRequest, isBindingSuccess } from './stun.ts';

/** The IPv4 response of RFC 5769, section 2.2. */
const response = Buffer.from(
  '0101003c2112a442b7e7a701bc34d686fa87dfae' +
    '8022000b7465737420766563746f7220' +
    '002000080001a147e112a643' +
    '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7' +
    '80280004c07d4c96',
  'hex',
);
const transactionId = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex');
const password = 'VOkJxbRl1RmTxUk/WvJxBt';

describe('STUN', () => {
  it("accepts the RFC's response", () => {
    expect(isBindingSuccess(response, transactionId, password)).toBe(true);
  });

  it('refuses what is not signed with the password, answers something else or is cut off', () => {
    expect(isBindingSuccess(response, transactionId, 'guessed')).toBe(false);
    expect(isBindingSuccess(response, Buffer.alloc(12), password)).toBe(false);
    for (let length = 0; length < 70; length += 1) {
      expect(isBindingSuccess(response.subarray(0, length), transactionId, password)).toBe(false);
    }
  });

  it('writes a request whose length counts everything after the header', () => {
    const tieBreaker = Buffer.alloc(8, 1);
    const request = encodeBindingRequest({ transactionId, username: 'evtj:h6vY', password, tieBreaker });
    expect(request.readUInt16BE(0)).toBe(0x0001);
    expect(request.readUInt16BE(2)).toBe(request.length - 20);
    expect(request.readUInt16BE(request.length - 8)).toBe(0x8028);
  });
});
