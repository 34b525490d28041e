import { BackEnd, type BackEndOptions, Skip } from './back-end.ts';
import { checks } from './checks.ts';
import { Subject, type SubjectOptions } from './subject.ts';

/** How one check went. */
export interface CheckResult {
  readonly name: string;
  readonly outcome: 'pass' | 'MISS' | 'skip';
  /** Why it did not pass; empty when it did. */
  readonly why: string;
  readonly ms: number;
}

/**
 * Checks a back end against docs/LARAVEL_REQUIREMENTS.md, one demand after the other.
 *
 * @param onResult - told of each as it is known
 */
export async function checkBackEnd(
  options: BackEndOptions & SubjectOptions,
  onResult: (result: CheckResult) => void,
): Promise<CheckResult[]> {
  const subject = new Subject(new BackEnd(options), options);
  const results: CheckResult[] = [];
  for (const { name, run } of checks) {
    const startedAt = performance.now();
    let outcome: CheckResult['outcome'] = 'pass';
    let why = '';
    try {
      await run(subject);
    } catch (error) {
      outcome = error instanceof Skip ? 'skip' : 'MISS';
      why = error instanceof Error ? error.message : String(error);
    }
    const result = { name, outcome, why, ms: performance.now() - startedAt };
    results.push(result);
    onResult(result);
  }
  return results;
}

/** One line of the table. */
export function formatResult({ name, outcome, why, ms }: CheckResult): string {
  const line = `${outcome.padEnd(4)} ${ms.toFixed(0).padStart(6)} ms  ${name}`;
  return why === '' ? line : `${line}\n                ${why}`;
}

/** The last line. */
export function formatSummary(results: readonly CheckResult[]): string {
  const count = (outcome: CheckResult['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  const summary = `${results.length} checks: ${count('pass')} passed, ${count('MISS')} missed, ${count('skip')} skipped`;
  return count('skip') === 0 ? summary : `${summary}: not everything was checked`;
}

/** What the command ends with: 1 when something is missed, 3 when nothing is but not everything was checked. */
export function exitCodeOf(results: readonly CheckResult[]): 0 | 1 | 3 {
  const has = (outcome: CheckResult['outcome']): boolean => results.some((result) => result.outcome === outcome);
  if (has('MISS')) return 1;
  return has('skip') ? 3 : 0;
}
