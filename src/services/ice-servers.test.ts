import { describe, expect, it } from 'vitest';
import { userIdSchema } from '../core/ids.ts';
import { IceServers } from './ice-servers.ts';

const ada = userIdSchema.parse(7);

describe('IceServers', () => {
  it('has none without URLs', () => {
    expect(new IceServers({ urls: [], secret: null }).issueTo(ada)).toEqual([]);
  });

  it('makes the credential of the TURN REST scheme, for a day and one user', () => {
    const urls = ['stun:stun.example.com', 'turn:turn.example.com:3478?transport=udp', 'turns:turn.example.com:5349'];
    expect(new IceServers({ urls, secret: 'north' }).issueTo(ada, 1_700_000_000_500)).toEqual([
      { urls: ['stun:stun.example.com'] },
      {
        urls: ['turn:turn.example.com:3478?transport=udp', 'turns:turn.example.com:5349'],
        username: '1700086400:7',
        // printf 1700086400:7 | openssl dgst -sha1 -hmac north -binary | base64
        credential: 'VQBoFbUjwRf6jg8ak5HeALvzb34=',
      },
    ]);
  });
});
