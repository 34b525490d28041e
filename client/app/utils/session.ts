import { createFlyLive } from '~~/sdk/index.ts';
import type { ConnectionState, FlyLive, Room, RoomEnd, RoomState, UserProfile } from '~~/sdk/index.ts';

const tokenKey = 'flylive.token';

/**
 * Who is using this tab and which room they are in, as refs over the SDK. The token lives in sessionStorage, so that
 * each tab can be another user and closing the tab forgets it.
 */
export function createSession(serverUrl: string) {
  const token = ref(sessionStorage.getItem(tokenKey));
  const connection = shallowRef<ConnectionState>({ status: 'connecting' });
  const room = shallowRef<Room | null>(null);
  const roomState = shallowRef<RoomState | null>(null);
  const roomEnd = shallowRef<RoomEnd | null>(null);
  /** Known soon after the connection is up. */
  const me = shallowRef<UserProfile | null>(null);
  const client = shallowRef<FlyLive | null>(null);
  /** A refused token is as good as none: the page asks for another. */
  const isSignedIn = computed(() => token.value !== null && connection.value.status !== 'refused');

  function connect(): void {
    if (token.value === null) return;
    const flylive = createFlyLive({ url: serverUrl, token: token.value, logger: console });
    flylive.onConnection((state) => {
      if (client.value !== flylive) return;
      connection.value = state;
      if (state.status === 'connected' && me.value === null) void introduce(flylive);
    });
    connection.value = flylive.connection;
    client.value = flylive;
  }

  /** Finds out whose token it is; a connection lost meanwhile brings the next try. */
  async function introduce(flylive: FlyLive): Promise<void> {
    try {
      const profile = await flylive.me();
      if (client.value === flylive) me.value = profile;
    } catch (error) {
      console.debug('The profile could not be read', error);
    }
  }

  function disconnect(): void {
    void client.value?.close();
    client.value = null;
    room.value = null;
    roomState.value = null;
    me.value = null;
  }

  function signIn(newToken: string): void {
    if (newToken === token.value && client.value && connection.value.status !== 'refused') return;
    disconnect();
    sessionStorage.setItem(tokenKey, newToken);
    token.value = newToken;
    connect();
  }

  function signOut(): void {
    disconnect();
    sessionStorage.removeItem(tokenKey);
    token.value = null;
  }

  /** Call it in the click handler itself: sound is unlocked by the click. */
  async function join(roomId: string): Promise<Room> {
    if (!client.value) throw new Error('Sign in before joining a room');
    const joined = await client.value.join(roomId);
    room.value = joined;
    roomState.value = joined.state;
    roomEnd.value = null;
    joined.on('change', (state) => {
      if (room.value === joined) roomState.value = state;
    });
    joined.on('ended', (end) => {
      if (room.value === joined) roomEnd.value = end;
    });
    return joined;
  }

  async function leave(): Promise<void> {
    const left = room.value;
    room.value = null;
    roomState.value = null;
    roomEnd.value = null;
    await left?.leave();
  }

  connect();
  return { token, isSignedIn, connection, client, room, roomState, roomEnd, me, signIn, signOut, join, leave };
}

export type Session = ReturnType<typeof createSession>;
