import { describe, expect, it } from 'vitest';
import { SeenFloors } from './seen-floors.ts';

const label = (key: string, n: number) => ({ key, version: { era: 1, n }, scope: 0 });

describe('what a node wrote, and its store was not told of', () => {
  it('overtakes everything once it is forgotten for want of room, until a claim covers it', () => {
    const floors = new SeenFloors(2);
    floors.raise('a:1', { era: 1, n: 5 }, 10);
    floors.untold(10);
    expect([floors.isOvertaken(label('a:1', 4)), floors.isOvertaken(label('a:2', 4))]).toEqual([true, false]);
    floors.raise('a:2', { era: 1, n: 6 }, 11);
    expect(floors.raise('a:3', { era: 1, n: 7 }, 12)).toBe(false);
    expect([floors.isOvertaken(label('a:1', 4)), floors.isOvertaken(label('b:1', 9))]).toEqual([true, true]);
    floors.forget(10);
    expect(floors.isOvertaken(label('a:1', 4))).toBe(true);
    floors.forget(11);
    expect(floors.isOvertaken(label('a:1', 4))).toBe(false);
  });

  it('is remembered as forgotten also if that was known only after the room was gone', () => {
    const floors = new SeenFloors(1);
    floors.raise('a:1', { era: 1, n: 5 }, 10);
    expect(floors.raise('a:2', { era: 1, n: 6 }, 10)).toBe(false);
    floors.untold(10);
    expect(floors.isOvertaken(label('a:1', 4))).toBe(true);
  });

  it('is no reason when the store was told of all, or a claim came meanwhile', () => {
    const floors = new SeenFloors(1);
    floors.raise('a:1', { era: 1, n: 5 }, 10);
    expect(floors.raise('a:2', { era: 1, n: 6 }, 11)).toBe(false);
    floors.raise('a:3', { era: 1, n: 7 }, 12);
    floors.untold(12);
    floors.forget(13);
    floors.raise('a:4', { era: 1, n: 8 }, 14);
    expect(floors.raise('a:5', { era: 1, n: 9 }, 15)).toBe(false);
    expect(floors.isOvertaken(label('a:1', 4))).toBe(false);
  });
});
