import { randomUUID } from 'node:crypto';

/**
 * An event of a gift that nobody has given, as rooms log it.
 *
 * @param padding - makes it as long as wanted
 */
export function makeGiftEvent(padding = ''): object {
  return {
    type: 'giftReceived',
    gift: {
      transactionId: randomUUID(),
      gift: { id: '1', name: padding, price: 1, icon: '👏' },
      quantity: 1,
      sender: { id: 1, name: 'Somebody', avatar: null },
      recipientId: 2,
      sentAt: Date.now(),
    },
  };
}
