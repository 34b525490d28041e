import type { inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../../routers/index.ts';
import { printTable } from '../table.ts';

export type ListedGifts = inferRouterOutputs<AppRouter>['admin']['gifts']['dead'];

/** Prints gifts for people, one a line. */
export function printGifts(gifts: ListedGifts): void {
  if (gifts.length === 0) return;
  printTable([
    ['transaction', 'sender', 'recipient', 'room', 'gift', 'sent', 'reason'],
    ...gifts.map((gift) => [
      gift.transactionId || '?',
      String(gift.senderId ?? '?'),
      String(gift.recipientId ?? '?'),
      gift.roomId ?? '?',
      gift.giftId === null ? '?' : gift.quantity === 1 ? gift.giftId : `${gift.giftId} x${gift.quantity}`,
      gift.sentAt.toISOString(),
      gift.reason ?? '',
    ]),
  ]);
}
