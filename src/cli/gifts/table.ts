import type { inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../../routers/index.ts';
import { print } from '../server.ts';

export type ListedGifts = inferRouterOutputs<AppRouter>['admin']['gifts']['dead'];

/** Prints gifts for people, one a line. */
export function printGifts(gifts: ListedGifts): void {
  if (gifts.length === 0) return;
  const rows = [
    ['transaction', 'sender', 'recipient', 'room', 'gift', 'sent', 'reason'],
    ...gifts.map((gift) => [
      gift.transactionId,
      String(gift.senderId),
      String(gift.recipientId),
      gift.roomId,
      gift.quantity === 1 ? gift.giftId : `${gift.giftId} x${gift.quantity}`,
      gift.sentAt.toISOString(),
      gift.reason ?? '',
    ]),
  ];
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  for (const row of rows)
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
