import { mayDelete } from '~~/sdk/index.ts';
import type { ChatMessage, Room, RoomState } from '~~/sdk/index.ts';

interface Openers {
  /** Shows several choices beside `anchor`. */
  readonly menu: (anchor: HTMLElement, title: string, items: readonly MenuItem[]) => void;
  readonly gift: (userId: number) => void;
  readonly ban: (userId: number, name: string) => void;
}

/**
 * What pressing a seat, a name or a message does: the one thing that there is to do, or a menu of several.
 *
 * @param attempt - runs a call and tells its failure
 */
export function useRoomMenu(
  room: Room,
  state: () => RoomState,
  attempt: (work: () => Promise<unknown>) => Promise<boolean>,
  open: Openers,
) {
  const { say } = useNotices();

  function onMember(userId: number, action: RoomAction): void {
    const { host } = room;
    const name = nameOf(state(), userId);
    const calls: Partial<Record<RoomAction, () => Promise<unknown>>> = {
      approve: () => host.approve(userId),
      reject: () => host.reject(userId),
      invite: async () => {
        await host.invite(userId);
        say(`${name} is invited to speak.`);
      },
      mute: () => host.mute(userId),
      unmute: () => host.unmute(userId),
      removeFromSeat: () => host.removeFromSeat(userId),
      muteChat: () => host.muteChat(userId),
      unmuteChat: () => host.unmuteChat(userId),
      kick: () => host.kick(userId),
    };
    const call = calls[action];
    if (call) void attempt(call);
    else if (action === 'gift') open.gift(userId);
    else if (action === 'ban') open.ban(userId, name);
  }

  function onSeat(seat: number, action: RoomAction): void {
    const calls: Partial<Record<RoomAction, () => Promise<unknown>>> = {
      take: () => room.takeSeat(seat),
      move: () => room.moveSeat(seat),
      raiseHand: () => room.raiseHand(),
      lock: () => room.host.lockSeat(seat),
      unlock: () => room.host.unlockSeat(seat),
    };
    const call = calls[action];
    if (call) void attempt(call);
  }

  function items(actions: readonly RoomAction[], run: (action: RoomAction) => void): MenuItem[] {
    return actions.map((action) => ({ id: action, ...actionWords[action], run: () => run(action) }));
  }

  /** A seat was pressed. */
  function pressSeat(seat: number, tile: HTMLElement): void {
    const now = state();
    const { userId = null, locked = false } = now.seats[seat] ?? {};
    const choices = items(actionsOnSeat(now, seat), (action) =>
      userId === null ? onSeat(seat, action) : onMember(userId, action),
    );
    const [first] = choices;
    if (choices.length > 1) open.menu(tile, userId === null ? `Seat ${seat + 1}` : nameOf(now, userId), choices);
    else if (first) first.run();
    else if (locked && userId === null) say(sentenceOf('SEAT_LOCKED'));
  }

  /** A name was pressed. */
  function pressMember(userId: number, chip: HTMLElement): void {
    open.menu(chip, nameOf(state(), userId), memberItems(userId));
  }

  /** More about a message was asked for. */
  function pressMessage(message: ChatMessage, button: HTMLElement): void {
    const now = state();
    const { id, sender } = message;
    const remove = { id: 'delete', label: 'Delete the message', icon: 'trash', isHarsh: true } as const;
    const choices: MenuItem[] = mayDelete(now, message)
      ? [{ ...remove, run: () => void attempt(() => room.deleteMessage(id)) }]
      : [];
    if (sender !== null) choices.push(...memberItems(sender.id));
    open.menu(button, sender === null ? 'Message' : sender.name, choices);
  }

  function memberItems(userId: number): MenuItem[] {
    return items(actionsOnMember(state(), userId), (action) => onMember(userId, action));
  }

  return { pressSeat, pressMember, pressMessage };
}
