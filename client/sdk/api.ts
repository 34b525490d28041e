import type { TRPCClient } from '@trpc/client';
import type { inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../../src/routers/index.ts';

/** The server's procedures as typed calls; nothing of the server itself is imported. */
export type Api = TRPCClient<AppRouter>;

/** What each procedure answers. */
export type Outputs = inferRouterOutputs<AppRouter>;

/** Runs one call on the current connection; rejects with a `FlyLiveError`. */
export type Call = <T>(run: (api: Api) => Promise<T>) => Promise<T>;
