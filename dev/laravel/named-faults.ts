import type { Fault } from './faults.ts';

const batch = '/internal/gifts/batch';

/**
 * The ways in which a back end can be at fault, by name; each is one that the conformance checker must find
 * (dev/laravel-check).
 *
 * @param timeoutMs - how long the caller waits for an answer
 */
export function namedFaults(timeoutMs: number): Record<string, { readonly prefix: string; readonly fault: Fault }> {
  return {
    delay: { prefix: '/internal', fault: { delayMs: timeoutMs + 500 } },
    'error-500': { prefix: '/internal', fault: { status: 500 } },
    'error-429': { prefix: '/internal', fault: { status: 429 } },
    'commit-then-time-out': { prefix: batch, fault: { answerLateMs: timeoutMs + 500 } },
    'commit-then-hang-up': { prefix: batch, fault: { loseAnswer: true } },
    'drop-items': { prefix: batch, fault: { dropItems: true } },
    'wrong-shape': { prefix: '/internal', fault: { body: { data: [] } } },
    'html-page': { prefix: '/internal', fault: { body: '<!doctype html><title>Login</title>' } },
    'charge-twice': { prefix: batch, fault: { money: 'forgetIds' } },
    'stale-balance': { prefix: batch, fault: { money: 'staleBalance' } },
    'ignore-quantity': { prefix: batch, fault: { money: 'ignoreQuantity' } },
    'no-credit': { prefix: batch, fault: { money: 'noCredit' } },
    'batch-once': { prefix: batch, fault: { money: 'batchOnce' } },
    'compare-little': { prefix: batch, fault: { money: 'compareLittle' } },
    'cast-ids': { prefix: batch, fault: { money: 'castIds' } },
    deadlock: { prefix: batch, fault: { deadlock: true } },
    down: { prefix: '/internal', fault: { down: true } },
  };
}
