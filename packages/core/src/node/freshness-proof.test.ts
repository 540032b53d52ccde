import { describe, expect, it } from 'vitest';
import type { StoreMeta } from '../protocol/record.ts';
import { initState } from '../protocol/store-state.ts';
import { FreshnessProof } from './freshness-proof.ts';

const { meta } = initState('life', { era: 1, xid: 1 }, 0);
const state = (incarnation: string, revision: number, lineage = 'chain'): StoreMeta => ({
  ...meta,
  incarnation,
  lineage,
  revision,
});
const claim = (...shown: (readonly [incarnation: string, revision: number, lineage?: string])[]) => ({
  shown: shown.map(([incarnation, revision, lineage = 'chain']) => ({ incarnation, lineage, revision })),
  whole: true,
  echoes: [],
});

describe('FreshnessProof', () => {
  it('is borrowed only by states of a life that the claim names, and at least its revision', () => {
    const proof = new FreshnessProof();
    expect(proof.closedFor(state('a', 9))).toBe(Number.NEGATIVE_INFINITY);
    proof.accept(claim(['a', 5], ['b', 7]), 100);
    expect(proof.closedFor(state('a', 5))).toBe(100);
    expect(proof.closedFor(state('b', 8))).toBe(100);
    expect(proof.closedFor(state('b', 6))).toBe(Number.NEGATIVE_INFINITY);
    expect(proof.closedFor(state('c', 9))).toBe(Number.NEGATIVE_INFINITY);
  });

  it('is not borrowed by the other half of a split, however far that one is', () => {
    const proof = new FreshnessProof();
    proof.accept(claim(['a', 500, 'old half'], ['b', 7]), 100);
    expect(proof.closedFor(state('a', 500, 'old half'))).toBe(100);
    proof.accept(claim(['a', 400, 'new half'], ['b', 7]), 200);
    expect(proof.closedFor(state('a', 999, 'old half'))).toBe(Number.NEGATIVE_INFINITY);
    expect(proof.shows(state('a', 999, 'old half'))).toBe(false);
    expect(proof.closedFor(state('a', 400, 'new half'))).toBe(200);
    expect(proof.closedFor(state('b', 7))).toBe(200);
  });

  it('tells a takeover, which goes on, from a copy of before a takeover', () => {
    const proof = new FreshnessProof();
    proof.accept(claim(['a', 5, 'second']), 100);
    expect(proof.wentBack(state('a', 4, 'first'), proof.claims)).toBe(true);
    expect(proof.wentBack(state('a', 6, 'third'), proof.claims)).toBe(false);
    expect(proof.closedFor(state('a', 6, 'third'))).toBe(Number.NEGATIVE_INFINITY);
  });

  it('a partition that the latest claim leaves out has no proof', () => {
    const proof = new FreshnessProof();
    proof.accept(claim(['a', 5], ['b', 7]), 100);
    proof.accept({ ...claim(['a', 6]), whole: false }, 200);
    expect(proof.closedFor(state('a', 6))).toBe(200);
    expect(proof.closedFor(state('b', 7))).toBe(Number.NEGATIVE_INFINITY);
  });

  it('never goes back', () => {
    const proof = new FreshnessProof();
    proof.accept(claim(['a', 5]), 200);
    proof.accept(claim(['a', 4]), 100);
    expect(proof.closedMs).toBe(200);
    expect(proof.shows(state('a', 4))).toBe(false);
  });

  it('knows that a store went back, also when nothing is proven any more', () => {
    const proof = new FreshnessProof();
    proof.accept(claim(['a', 5], ['b', 5]), 100);
    proof.accept(claim(['b', 6]), 200);
    proof.drop();
    expect(proof.wentBack(state('a', 4), proof.claims)).toBe(true);
    expect(proof.wentBack(state('a', 5), proof.claims)).toBe(false);
    expect(proof.wentBack(state('new', 0), proof.claims)).toBe(false);
  });

  it('trusts a store again that went back and was mended: the next claim says where it is', () => {
    const proof = new FreshnessProof();
    proof.accept(claim(['a', 500]), 100);
    expect(proof.wentBack(state('a', 400), proof.claims)).toBe(true);
    proof.accept(claim(['a', 401]), 200);
    expect(proof.wentBack(state('a', 401), proof.claims)).toBe(false);
    expect(proof.closedFor(state('a', 401))).toBe(200);
    expect(proof.wentBack(state('a', 401), proof.claims - 1)).toBe(false);
  });

  it('does not take an answer that was under way when a claim came for a store that went back', () => {
    const proof = new FreshnessProof();
    proof.accept(claim(['a', 5]), 100);
    const asked = proof.claims;
    proof.accept(claim(['a', 6]), 200);
    expect(proof.wentBack(state('a', 5), asked)).toBe(false);
    expect(proof.wentBack(state('a', 4), asked)).toBe(true);
    expect(proof.wentBack(state('a', 5), proof.claims)).toBe(true);
  });
});
