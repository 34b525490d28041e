import type { inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../../routers/index.ts';
import { printTable } from '../table.ts';
import { print } from '../server.ts';

type UserLimits = inferRouterOutputs<AppRouter>['admin']['rateLimits']['get'];

/** Prints what a user may do. */
export function printLimits({ userId, perMinute, overridden }: UserLimits, json: boolean): void {
  if (json) return print(JSON.stringify({ userId, perMinute, overridden }));
  printTable([
    ['limit', 'a minute', 'set by'],
    ...(['chat', 'gift'] as const).map((name) => [
      name,
      String(perMinute[name]),
      overridden.includes(name) ? 'operator' : 'configuration',
    ]),
  ]);
}
