import { toFlyLiveError } from '~~/sdk/index.ts';
import type { FlyLiveCode, RoomEnd } from '~~/sdk/index.ts';

/** What each error means to the person in front of the screen, and what they can do. */
const sentences: Record<FlyLiveCode, string> = {
  UNAUTHENTICATED: 'Please sign in first.',
  INVALID_CREDENTIALS: 'This token is not valid. Please sign in again.',
  TOKEN_REVOKED: 'You were signed out. Please sign in again.',
  AUTH_UNAVAILABLE: 'We cannot check who you are right now. Trying again.',
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
  SESSION_REPLACED: 'You joined this room in another tab or on another device.',
  SEAT_TAKEN: 'Somebody was faster. Please choose another seat.',
  SEAT_NOT_FOUND: 'This room has no such seat.',
  NO_FREE_SEAT: 'Every seat is taken right now.',
  ALREADY_SEATED: 'You already have a seat.',
  NOT_SEATED: 'Take a seat first.',
  TRANSPORT_NOT_FOUND: 'The audio connection was lost. Rebuilding it.',
  TRANSPORT_WRONG_DIRECTION: 'Audio could not be set up. Please reload the page.',
  PRODUCER_NOT_FOUND: 'That voice is no longer there.',
  CONSUMER_NOT_FOUND: 'That voice is no longer there.',
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
  MICROPHONE_DENIED: 'The microphone is blocked. Allow it in the browser’s address bar, then take a seat again.',
  MICROPHONE_NOT_FOUND: 'No microphone was found. Plug one in and try again.',
  MICROPHONE_UNAVAILABLE: 'The microphone cannot be opened. Another app may be using it.',
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
  if (code === 'RATE_LIMITED' && retryAfterMs !== undefined) {
    return `That was a bit fast. Please wait ${Math.ceil(retryAfterMs / 1000)} s.`;
  }
  return sentences[code];
}

/** Why a gift was not given. */
export function explainRejection({ code, reason }: { code: string; reason: string }): string {
  return rejections[code] ?? reason;
}

/** Why the room is over. */
export function explainEnd({ reason, error }: RoomEnd): string {
  switch (reason) {
    case 'left':
      return 'You left the room.';
    case 'roomClosed':
      return 'The room has been closed.';
    case 'replaced':
      return sentences.SESSION_REPLACED;
    case 'refused':
      return error ? sentences[error.code] : 'You are not in this room any more.';
  }
}
