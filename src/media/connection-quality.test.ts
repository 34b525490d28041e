import { describe, expect, it } from 'vitest';
import type { ConnectionMeasure } from '../core/events.ts';
import { classify, QualityTrend } from './connection-quality.ts';

const measure = (values: Partial<ConnectionMeasure> = {}): ConnectionMeasure => ({
  loss: 0,
  jitterMs: 5,
  rttMs: 40,
  ...values,
});

describe('the class of a measure', () => {
  it.each([
    [{}, 'good'],
    [{ loss: 0.03 }, 'good'],
    [{ loss: 0.031 }, 'fair'],
    [{ loss: 0.1 }, 'fair'],
    [{ loss: 0.101 }, 'poor'],
    [{ loss: 1 }, 'poor'],
    [{ jitterMs: 30 }, 'good'],
    [{ jitterMs: 31 }, 'fair'],
    [{ jitterMs: 61 }, 'poor'],
    [{ rttMs: 150 }, 'good'],
    [{ rttMs: 151 }, 'fair'],
    [{ rttMs: 401 }, 'poor'],
    [{ rttMs: null }, 'good'],
  ] as const)('of %o is %s', (values, quality) => {
    expect(classify(measure(values))).toBe(quality);
  });

  it('is that of the worst value', () => {
    expect(classify(measure({ loss: 0.04, rttMs: 500 }))).toBe('poor');
    expect(classify(measure({ loss: 0.04, rttMs: null }))).toBe('fair');
  });

  it('stays as it was until values are well below the bound', () => {
    expect(classify(measure({ loss: 0.025 }), 'fair')).toBe('fair');
    expect(classify(measure({ loss: 0.02 }), 'fair')).toBe('good');
    expect(classify(measure({ loss: 0.08 }), 'poor')).toBe('poor');
    expect(classify(measure({ loss: 0.06 }), 'poor')).toBe('fair');
    // Being fair makes poor no nearer.
    expect(classify(measure({ loss: 0.08 }), 'fair')).toBe('fair');
  });
});

describe('the class over time', () => {
  const follow = (losses: readonly number[]) => {
    const trend = new QualityTrend();
    return losses.map((loss) => trend.update(measure({ loss })));
  };

  it('is that of the first measure', () => {
    expect(follow([0])).toEqual(['good']);
    expect(follow([0.5])).toEqual(['poor']);
  });

  it('gets worse at once and better with the second better measure', () => {
    expect(follow([0, 0.2, 0, 0, 0])).toEqual(['good', 'poor', 'poor', 'good', 'good']);
  });

  it('does not flap when every other measure is bad, or about a bound', () => {
    expect(follow([0.2, 0, 0.2, 0, 0.2, 0])).toEqual(Array<string>(6).fill('poor'));
    expect(follow([0.031, 0.029, 0.029, 0.031, 0.029])).toEqual(Array<string>(5).fill('fair'));
  });
});
