import { describe, expect, it } from 'vitest';
import type { ChatMessage, UserProfile } from '../../src/core/model.ts';
import { addHistory, addMessage, removeMessage, slowModeEndsAt } from './message-state.ts';
import { me, message, participant, snapshot } from './room-state.fixtures.ts';
import { fromSnapshot } from './room-state.ts';

const start = fromSnapshot(snapshot(), me);
const ids = (messages: readonly ChatMessage[]) => messages.map(({ id }) => id);

describe('messages', () => {
  it('stay in the order of the log, by number and not by text', () => {
    const state = ['10-0', '9-2', '9-10'].reduce((known, id) => addMessage(known, message(id)), start);
    expect(ids(state.messages)).toEqual(['9-2', '9-10', '10-0']);
  });

  it('are shown once, whether live, replayed or from the history', () => {
    const live = addMessage(start, message('5-0'));
    expect(addMessage(live, message('5-0'))).toBe(live);
    const state = addHistory(live, [message('4-0'), message('5-0')], false);
    expect(ids(state.messages)).toEqual(['4-0', '5-0']);
    expect(state.hasOlderMessages).toBe(false);
  });

  it('push the oldest out when there are very many', () => {
    let state = addHistory(start, [], false);
    for (let index = 1; index <= 600; index += 1) state = addMessage(state, message(`${index}-0`));
    expect(state.messages).toHaveLength(500);
    expect(state.messages[0]?.id).toBe('101-0');
    expect(state.hasOlderMessages).toBe(true);
  });

  it('go when deleted, and only that one', () => {
    const state = addMessage(addMessage(start, message('4-0')), message('5-0'));
    expect(ids(removeMessage(state, '4-0').messages)).toEqual(['5-0']);
    expect(removeMessage(state, '6-0')).toBe(state);
  });

  it('take their text along out of the answers to them when deleted, which say still whom they answer', () => {
    const quote = { id: '4-0', senderName: 'Grace', excerpt: 'Something rude' };
    const answered = [
      message('4-0'),
      message('5-0', { replyTo: quote }),
      message('6-0', { replyTo: { ...quote, id: '3-0' } }),
    ];
    const state = removeMessage(addHistory(start, answered, true), '4-0');
    expect(state.messages.map(({ replyTo }) => replyTo)).toEqual([
      { ...quote, excerpt: '' },
      { ...quote, id: '3-0' },
    ]);
    // The message itself is on a page of the history that was not read.
    const answersOnly = removeMessage(addHistory(start, answered.slice(1), true), '4-0');
    expect(answersOnly.messages[0]?.replyTo?.excerpt).toBe('');
    expect(removeMessage(answersOnly, '4-0')).toBe(answersOnly);
  });
});

describe('slow mode', () => {
  const slow = fromSnapshot(snapshot({ slowModeSeconds: 10 }), me);
  const other = { id: 2, name: 'Grace', avatar: null } as UserProfile;

  it('counts from the own newest message', () => {
    const mine = addMessage(addMessage(slow, message('4-0', { sentAt: 4_000 })), message('5-0', { sentAt: 5_000 }));
    const state = addMessage(mine, message('6-0', { sentAt: 6_000, sender: other }));
    expect(slowModeEndsAt(state)).toBe(15_000);
  });

  it('holds nobody back who has said nothing, who is a host, or while it is off', () => {
    const said = message('5-0', { sentAt: 5_000 });
    expect(slowModeEndsAt(addMessage(slow, { ...said, sender: other }))).toBe(0);
    expect(slowModeEndsAt(addMessage(slow, { ...said, type: 'system', sender: null }))).toBe(0);
    expect(slowModeEndsAt(addMessage(start, said))).toBe(0);
    const participants = [participant(1, { role: 'admin' })];
    const host = fromSnapshot(snapshot({ slowModeSeconds: 10, participants }), me);
    expect(slowModeEndsAt(addMessage(host, said))).toBe(0);
  });
});
