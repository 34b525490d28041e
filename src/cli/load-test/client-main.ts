/** A process of the load tester: plays members as it is told over the channel of its parent, and ends with it. */
import { MemberGroup } from './member-group.ts';
import type { Answer, Order } from './messages.ts';

let group: MemberGroup | undefined;

async function follow(order: Order): Promise<Answer> {
  if (order.type === 'start') group = new MemberGroup(order);
  if (!group) throw new Error('There is nobody yet');
  switch (order.type) {
    case 'speak':
      return group.speak();
    case 'hear':
      return group.hear();
    case 'listen':
      return group.listen();
    case 'count':
      return group.count();
    case 'leave':
      await group.leave();
  }
  return { done: true };
}

process.on('message', (order: Order) => {
  void follow(order).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole group; the parent decides.
process.on('SIGINT', () => undefined);
