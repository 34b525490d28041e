import { commonArgs, roomArg, userArg } from '../server.ts';

/** What commands about one user in one room take. */
export const userInRoomArgs = {
  ...commonArgs,
  room: roomArg,
  user: userArg,
} as const;
