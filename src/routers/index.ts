import { adminRouter } from './admin.ts';
import { chatRouter } from './chat.ts';
import { giftRouter } from './gift.ts';
import { mediaRouter } from './media.ts';
import { roomRouter } from './room.ts';
import { seatRouter } from './seat.ts';
import { router } from './trpc.ts';
import { userRouter } from './user.ts';

/** Everything that clients can call. */
export const appRouter = router({
  user: userRouter,
  room: roomRouter,
  seat: seatRouter,
  media: mediaRouter,
  chat: chatRouter,
  gift: giftRouter,
  admin: adminRouter,
});

export type AppRouter = typeof appRouter;
