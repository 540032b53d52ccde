import type { Finding, Trouble } from '@tidemark/inspect';
import { describe, expect, it } from 'vitest';
import { currentFindings, Problems, verifierFindings } from './problems.ts';

function finding(
  code: string,
  severity: Finding['severity'] = 'error',
  region: string | null = 'eu',
): Finding {
  return { code, severity, region, text: `${code} in ${region}`, mend: 'mend it' };
}

describe('what is wrong now', () => {
  const unreachable: Trouble = { region: 'eu', code: 'unreachable', text: 'NATS: away' };

  it('is the latest troubles, and what only the examination finds', () => {
    const found = currentFindings([unreachable], [finding('unproven'), finding('redis-full', 'warning')]);
    expect(found.map(({ code }) => code)).toEqual(['unreachable', 'redis-full']);
    expect(found[0]!.mend).not.toBe('');
  });

  it('leaves out a trouble that the examination saw, and that is over', () => {
    expect(currentFindings([], [finding('dead-letters'), finding('empty-store')])).toEqual([]);
  });

  it('says once that the source is away', () => {
    const source: Trouble = { region: null, code: 'unreachable', text: 'the source: away' };
    const away = finding('source-away', 'error', null);
    expect(currentFindings([source], [away]).map(({ code }) => code)).toEqual(['source-away']);
    expect(currentFindings([source], []).map(({ code }) => code)).toEqual(['unreachable']);
  });
});

it('what a verifier found lately needs somebody', () => {
  const latest = [
    {
      kind: 'stale',
      severity: 'error' as const,
      region: 'eu',
      key: 'item:9',
      text: 'serves 1.2',
      mend: 'do it',
    },
  ].flatMap((each) => [
    { ...each, atMs: 700_000 },
    { ...each, atMs: 1, key: 'item:1' },
  ]);
  expect(verifierFindings({ ages: [], findings: 2, latest }, 700_001)).toEqual([
    { code: 'verifier-stale', severity: 'error', region: 'eu', text: 'item:9: serves 1.2', mend: 'do it' },
  ]);
  expect(verifierFindings(null, 1)).toEqual([]);
});

describe('problems', () => {
  it('are there since they were first seen, though their text moves', () => {
    const problems = new Problems();
    problems.update([finding('unproven')], 10);
    problems.update([{ ...finding('unproven'), text: 'for longer' }], 20);
    expect(problems.open).toMatchObject([{ text: 'for longer', sinceMs: 10 }]);
  });

  it('of the same code and region are told apart, and the worst comes first', () => {
    const problems = new Problems();
    problems.update([finding('note', 'note'), finding('a'), finding('a'), finding('w', 'warning')], 10);
    expect(problems.open.map(({ code }) => code)).toEqual(['a', 'a', 'w', 'note']);
  });

  it('that are over are remembered, notes are not', () => {
    const problems = new Problems();
    problems.update([finding('a'), finding('n', 'note')], 10);
    problems.update([], 30);
    problems.update([finding('a')], 40);
    expect(problems.past).toMatchObject([{ code: 'a', sinceMs: 10, untilMs: 30 }]);
    expect(problems.open).toMatchObject([{ code: 'a', sinceMs: 40 }]);
  });

  it('that come and go keep to the last fifty', () => {
    const problems = new Problems();
    for (let at = 0; at < 300; at += 1) problems.update(at % 2 === 0 ? [finding('a')] : [], at);
    expect(problems.past).toHaveLength(50);
    expect(problems.past[0]).toMatchObject({ sinceMs: 298, untilMs: 299 });
  });
});
