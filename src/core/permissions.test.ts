import { describe, expect, it } from 'vitest';
import { permissions } from './permissions.ts';

/*
 * Who may do what, said a second time: the test that walks the table finds a procedure that does not obey it, and only
 * this one finds an entry that is wrong.
 */

const ofOwners = ['room.close'];
const ofHosts = [
  ...['room.unban', 'room.bans'],
  ...['seat.approve', 'seat.invite', 'seat.lock', 'seat.unlock', 'seat.setCount', 'seat.setMode'],
  'chat.setSlowMode',
];
const ofHostsDownwards = [
  ...['room.kick', 'room.ban'],
  ...['seat.reject', 'seat.remove', 'seat.mute', 'seat.unmute'],
  ...['chat.mute', 'chat.unmute'],
];
const ofMembers = [
  ...['room.leave', 'room.participants', 'room.onEvent', 'room.onActivity', 'room.react'],
  ...['seat.take', 'seat.leave', 'seat.move', 'seat.request', 'seat.cancel', 'seat.accept', 'seat.decline'],
  ...['media.createTransport', 'media.connectTransport', 'media.restartIce', 'media.start', 'media.diagnose'],
  ...['media.produce', 'media.pauseProducer', 'media.resumeProducer', 'media.closeProducer'],
  ...['media.consume', 'media.resume', 'media.onEvent'],
  ...['chat.send', 'chat.history', 'chat.onMessage', 'chat.delete'],
  ...['gift.send', 'gift.sendToMany', 'gift.onEvent'],
];

describe('the table of permissions', () => {
  it('lets owners, hosts and members do what they are meant to, and nobody more', () => {
    expect(permissions).toEqual(
      Object.fromEntries([
        ...ofOwners.map((path) => [path, { role: 'owner' }]),
        ...ofHosts.map((path) => [path, { role: 'admin' }]),
        ...ofHostsDownwards.map((path) => [path, { role: 'admin', outranks: true }]),
        ...ofMembers.map((path) => [path, { role: 'member' }]),
      ]),
    );
  });
});
