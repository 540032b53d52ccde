import { describe, expect, it } from 'vitest';
import { PingLog } from './ping-log.ts';
import { RelayChain } from './relay-chain.ts';

describe('RelayChain', () => {
  it('counts a barrier when everything since the last one, or the start, was seen', () => {
    const chain = new RelayChain();
    expect(chain.note('a', 1, false)).toBe('whole');
    expect(chain.note('a', 2, true)).toBe('whole');
    expect(chain.note('a', 3, false)).toBe('whole');
    expect(chain.note('a', 4, true)).toBe('whole');
  });

  it('begun in the middle, it counts from the second barrier on', () => {
    const chain = new RelayChain();
    expect(chain.note('a', 7, true)).toBe('hole');
    expect(chain.note('a', 8, true)).toBe('whole');
  });

  it('does not count a barrier after a hole, and ignores what came before', () => {
    const chain = new RelayChain();
    chain.note('a', 1, true);
    expect(chain.note('a', 3, false)).toBe('hole');
    expect(chain.note('a', 2, false)).toBe('duplicate');
    expect(chain.note('a', 4, true)).toBe('hole');
    expect(chain.note('a', 4, true)).toBe('duplicate');
    expect(chain.note('a', 5, true)).toBe('whole');
  });

  it('keeps the lives of several relays apart, and a break concerns all', () => {
    const chain = new RelayChain();
    chain.note('a', 1, true);
    chain.note('b', 1, true);
    expect(chain.note('a', 2, true)).toBe('whole');
    chain.break();
    expect(chain.note('b', 2, true)).toBe('hole');
    expect(chain.note('a', 3, true)).toBe('hole');
    expect(chain.note('a', 4, true)).toBe('whole');
  });

  it('a message that can not be read keeps the numbers dense, but the next barrier of its life does not count', () => {
    const chain = new RelayChain();
    chain.note('a', 1, true);
    chain.note('b', 1, true);
    chain.skip('a', 2);
    expect(chain.note('b', 2, true)).toBe('whole');
    expect(chain.note('a', 3, false)).toBe('hole');
    expect(chain.note('a', 4, true)).toBe('hole');
    expect(chain.note('a', 5, true)).toBe('whole');
    chain.skip('a', 5); // Seen before, and counted.
    chain.skip('a', 4);
    expect(chain.note('a', 6, true)).toBe('whole');
  });

  it('a life that begins with one does not count its first barrier', () => {
    const chain = new RelayChain();
    chain.skip('a', 1);
    expect(chain.note('a', 2, true)).toBe('hole');
    expect(chain.note('a', 3, true)).toBe('whole');
  });

  it('forgets the longest unheard life: it then counts as begun in the middle', () => {
    const chain = new RelayChain();
    chain.note('old', 1, true);
    for (let i = 0; i < 16; i += 1) chain.note(`life ${i}`, 1, true);
    expect(chain.note('old', 2, true)).toBe('hole');
  });
});

describe('PingLog', () => {
  it('gives the time of a ping once, and forgets the earlier ones', () => {
    const log = new PingLog<string>();
    const [one, two, three] = [log.send(10, 'one'), log.send(20, 'two'), log.send(30, 'three')];
    expect(log.echo(two)).toEqual({ atMs: 20, note: 'two' });
    expect(log.echo(two)).toBeNull();
    expect(log.echo(one)).toBeNull();
    expect(log.echo(three)).toEqual({ atMs: 30, note: 'three' });
    expect(log.echo(99)).toBeNull();
  });

  it('remembers a bounded number', () => {
    const log = new PingLog();
    const first = log.send(0, undefined);
    for (let i = 0; i < 64; i += 1) log.send(i, undefined);
    expect(log.echo(first)).toBeNull();
  });
});
