import { describe, expect, it } from 'vitest';
import type { Health, Problem, RegionNow } from './api.ts';
import { verdictOf } from './verdict.ts';

const SERVER = { reachable: true, address: 'x:1', roundTripMs: 1, reason: null };

function region(name: string, health: Health = 'good', boundMs: number | null = 400): RegionNow {
  return {
    region: name,
    role: 'replica',
    location: null,
    health,
    why: null,
    boundMs,
    servers: { redis: SERVER, nats: SERVER, postgres: SERVER },
    usedBytes: 0,
    horizon: null,
    backlog: null,
    deadLetters: 0,
    applier: 'a',
  };
}

function problem(severity: Problem['severity'], where: string | null, sinceMs: number): Problem {
  return { code: 'x', severity, region: where, text: 'it is wrong', mend: 'mend it', sinceMs };
}

describe('the verdict', () => {
  it('is coherent with the largest bound, rounded up', () => {
    const said = verdictOf([region('a', 'good', 400.2), region('b', 'good', 12)], [], true, 5, null);
    expect(said).toMatchObject({
      state: 'coherent',
      headline: 'Coherent: every region proven within 401 ms',
      sinceMs: 5,
      boundMs: 400.2,
    });
    expect(verdictOf([region('a', 'good', 1_201)], [], true, 5, null).headline).toMatch(/within 1\.3 s$/);
  });

  it('says nothing before the servers were asked', () => {
    expect(verdictOf([], [], false, 5, null).state).toBe('starting');
  });

  it.each([
    [[region('a'), region('b', 'cut')], "Not proven: b can't be reached; the others are proven"],
    [
      [region('a', 'late'), region('b', 'cut')],
      "Not proven: b can't be reached, one other region proves nothing fresh",
    ],
    [[region('a', 'late', null), region('b')], 'Not proven: a proves nothing fresh'],
    [[region('a', 'cut'), region('b', 'cut')], /no region can be reached from here; this machine may be/],
  ])('names what is wrong', (regions, headline) => {
    expect(verdictOf(regions, [], true, 5, null)).toMatchObject({
      state: 'unproven',
      headline: typeof headline === 'string' ? headline : expect.stringMatching(headline),
      boundMs: null,
    });
  });

  it('is not coherent while something is an error, and is with warnings', () => {
    const regions = [region('a')];
    const error = verdictOf(regions, [problem('error', null, 3)], true, 9, null);
    expect(error).toMatchObject({ state: 'unproven', headline: 'Not proven: it is wrong', sinceMs: 3 });
    expect(verdictOf(regions, [problem('warning', 'a', 3)], true, 9, null).state).toBe('coherent');
  });

  it('is not coherent when a verifier found something, though all is proven', () => {
    const found = { ...problem('error', 'eu', 3), code: 'verifier-stale', text: 'item:9: serves 1.2' };
    expect(verdictOf([region('eu')], [found], true, 9, null)).toMatchObject({
      state: 'unproven',
      headline: 'Not coherent: in eu the verifier found item:9: serves 1.2',
    });
  });

  it('keeps since when it holds, and begins anew when it changes', () => {
    const bad = [region('a', 'cut'), region('b')];
    const first = verdictOf(bad, [problem('error', 'a', 100)], true, 120, null);
    const later = verdictOf(bad, [problem('error', 'a', 110)], true, 200, first);
    const good = verdictOf([region('a'), region('b')], [], true, 300, later);
    expect([first.sinceMs, later.sinceMs, good.sinceMs]).toEqual([100, 100, 300]);
  });
});
