import { toFlyLiveError } from '~~/sdk/index.ts';
import type { BanFacts, FlyLiveCode, GiftNotSent, RoomEnd } from '~~/sdk/index.ts';

/** What each error means to the person in front of the screen, and what they can do. */
const sentences: Record<FlyLiveCode, string> = {
  UNAUTHENTICATED: 'Please sign in first.',
  INVALID_CREDENTIALS: 'This token is not valid. Please sign in again.',
  TOKEN_REVOKED: 'You were signed out. Please sign in again.',
  AUTH_UNAVAILABLE: 'We cannot check who you are right now. Trying again.',
  ADMIN_LOCKED_OUT: 'Too many wrong keys. Please wait.',
  ADMIN_KEY_REQUIRED: 'Only administrators can do that.',
  BAD_INPUT: 'That did not look right. Please check it and try again.',
  RATE_LIMITED: 'That was a bit fast. Please wait a moment.',
  TOO_MANY_CONNECTIONS: 'You have too many tabs or devices open. Please close one.',
  TOO_MANY_SUBSCRIPTIONS: 'Something went wrong on our side. Please reload the page.',
  WEBSOCKET_REQUIRED: 'This needs a live connection. Please reload the page.',
  ROOM_NOT_FOUND: 'This room does not exist or is no longer open.',
  ROOM_FULL: 'This room is full. Try again in a while.',
  NOT_IN_ROOM: 'You are not in this room any more. Please join again.',
  ALREADY_IN_ANOTHER_ROOM: 'Leave the other room first.',
  BANNED: 'You are banned from this room.',
  KICKED: 'A host has removed you from this room.',
  ROOM_CLOSED: 'The room has been closed.',
  NOT_ALLOWED: 'You are not allowed to do that.',
  MEMBER_NOT_FOUND: 'That person is not in the room any more.',
  SESSION_REPLACED: 'You joined this room in another tab or on another device.',
  SEAT_TAKEN: 'Somebody was faster. Please choose another seat.',
  SEAT_NOT_FOUND: 'This room has no such seat.',
  NO_FREE_SEAT: 'Every seat is taken right now.',
  ALREADY_SEATED: 'You already have a seat.',
  NOT_SEATED: 'Take a seat first.',
  SEAT_LOCKED: 'That seat is locked.',
  SEAT_NEEDS_APPROVAL: 'Raise your hand: hosts assign seats in this room.',
  REQUEST_NOT_FOUND: 'That hand is no longer raised.',
  INVITATION_NOT_FOUND: 'The invitation is no longer open.',
  MUTED_BY_HOST: 'A host has muted you. Only a host can undo that.',
  CHAT_MUTED: 'A host has muted you in chat.',
  SLOW_MODE: 'Slow mode is on. Please wait a moment.',
  MESSAGE_NOT_FOUND: 'That message no longer exists.',
  TRANSPORT_NOT_FOUND: 'The audio connection was lost. Rebuilding it.',
  TRANSPORT_WRONG_DIRECTION: 'Audio could not be set up. Please reload the page.',
  PRODUCER_NOT_FOUND: 'That speaker is no longer available.',
  CONSUMER_NOT_FOUND: 'That speaker is no longer available.',
  CANNOT_CONSUME: 'This browser cannot play one of the voices.',
  MEDIA_REJECTED: 'Audio could not be set up. Please reload the page.',
  MEDIA_UNAVAILABLE: 'Audio is not available right now. Trying again.',
  GIFT_NOT_FOUND: 'This gift is no longer available.',
  GIFT_TO_SELF: 'You cannot give a gift to yourself.',
  RECIPIENT_NOT_IN_ROOM: 'That person has left the room.',
  GIFT_ID_CONFLICT: 'The gift could not be sent. Please try again.',
  UPSTREAM_UNAVAILABLE: 'Our back end cannot be reached right now. Please try again soon.',
  SERVICE_UNAVAILABLE: 'The service is busy. Please try again soon.',
  INTERNAL: 'Something went wrong on our side. Please try again.',
  CONNECTION_LOST: 'The connection was lost. Please try again when it is back.',
  TIMED_OUT: 'The server did not answer in time. Please try again.',
  CLOSED: 'The room is closed.',
  GIFT_UNANSWERED: 'We do not know yet whether your gift was sent. We will tell you.',
  GIFT_NOT_SENT: 'Your gift was not sent. Nothing was charged.',
  MICROPHONE_DENIED: 'The microphone is blocked. Allow it in the browser’s address bar, then take a seat again.',
  MICROPHONE_NOT_FOUND: 'No microphone was found. Plug one in and try again.',
  MICROPHONE_UNAVAILABLE: 'The microphone cannot be opened. Another app may be using it.',
  MEDIA_BLOCKED: 'No sound gets through at the moment. Your network may block it; we keep trying.',
  AUDIO_UNSUPPORTED: 'This browser cannot take part in audio rooms.',
};

/** Reasons with which the back end turns a gift down; anything else is told in its own words. */
const rejections: Record<string, string> = {
  INSUFFICIENT_BALANCE: 'Not enough coins for this gift.',
  UNKNOWN_GIFT: 'This gift is no longer available.',
  UNKNOWN_RECIPIENT: 'That person can no longer receive gifts.',
  SELF_GIFT: 'You cannot give a gift to yourself.',
};

/** The sentence for an error code. */
export function sentenceOf(code: FlyLiveCode): string {
  return sentences[code];
}

/** The sentence for anything that was thrown. */
export function explain(thrown: unknown): string {
  const { code, retryAfterMs } = toFlyLiveError(thrown);
  if (retryAfterMs !== undefined) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    if (code === 'RATE_LIMITED') return `That was a bit fast. Please wait ${seconds} s.`;
    if (code === 'SLOW_MODE') return `Slow mode is on. Please wait ${seconds} s.`;
  }
  return sentences[code];
}

/** Why a gift was not given. */
export function explainRejection({ code, reason }: { code: string; reason: string }): string {
  return rejections[code] ?? reason;
}

/** Why a gift whose answer was missing was not sent after all. */
export function explainNotSent({ code }: GiftNotSent): string {
  return code === 'GIFT_NOT_SENT' ? sentences[code] : `Your gift was not sent. ${sentences[code]}`;
}

/** What a page says when a room is over. */
export interface EndWords {
  readonly title: string;
  readonly text: string;
  readonly icon: IconName;
  readonly isHarsh: boolean;
  /** What the button to join again says; null when there is no use in one. */
  readonly again: string | null;
}

const endOfBan = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' });

/** How long a ban lasts and why, as far as that is known here. */
function explainBan(ban: BanFacts | undefined): string {
  if (ban === undefined) return 'You can join again when the ban has ended.';
  const until =
    ban.until === null ? 'It has no end, unless it is lifted.' : `It ends on ${endOfBan.format(ban.until)}.`;
  return ban.reason === null ? until : `${until} Reason: “${ban.reason}”`;
}

/** Why the room is over, and what can be done about it. */
export function explainEnd({ reason, message, error }: RoomEnd): EndWords {
  switch (reason) {
    case 'left':
      return {
        title: 'You left the room',
        text: 'Come back any time.',
        icon: 'leave',
        isHarsh: false,
        again: 'Join again',
      };
    case 'roomClosed':
      return {
        title: 'The room has been closed',
        text: message ? `“${message}”` : 'Thank you for being here.',
        icon: 'close',
        isHarsh: false,
        again: null,
      };
    case 'kicked':
      return {
        title: 'A host has removed you from the room',
        text: 'You may join again. Please keep to what the hosts ask for.',
        icon: 'out',
        isHarsh: true,
        again: 'Join again',
      };
    case 'banned':
      return {
        title: 'You are banned from this room',
        text: explainBan(error?.ban),
        icon: 'ban',
        isHarsh: true,
        again: 'Try again',
      };
    case 'replaced':
      return {
        title: 'You are in this room somewhere else',
        text: `${sentences.SESSION_REPLACED} Only one can be in the room at a time.`,
        icon: 'move',
        isHarsh: false,
        again: 'Use it here',
      };
    case 'refused':
      if (error?.code === 'ROOM_NOT_FOUND') {
        return {
          title: 'There is no such room',
          text: 'It may have been closed, or the address is mistyped.',
          icon: 'close',
          isHarsh: false,
          again: null,
        };
      }
      return {
        title: 'You are not in the room any more',
        text: error ? sentences[error.code] : 'You can join it again.',
        icon: 'close',
        isHarsh: true,
        again: 'Join again',
      };
  }
}
