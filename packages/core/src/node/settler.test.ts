import { expect, it } from 'vitest';
import type { StoredValue } from '../protocol/record.ts';
import { seenIn } from './settler.ts';

const version = { era: 1, n: 1 };
const meta = {
  incarnation: 'life',
  epoch: 0,
  lineage: 'life',
  revision: 0,
  horizon: { era: 1, xid: 1 },
  base: { era: 1, xid: 1 },
  scopes: new Map<string, number>(),
};
const value: StoredValue = {
  version,
  scope: 0,
  epoch: 0,
  schema: 2,
  filledAtMs: 7,
  freshMs: 1,
  staleMs: 0,
  data: null,
  dependencies: [],
};
const answer = { meta, record: { tidemark: version, value }, nowMs: 7 };

it('a fill replaces what was seen of its own release, not what another one filled in the same millisecond', () => {
  expect(seenIn(answer, 2)).toEqual({ meta, replaces: 7 });
  expect(seenIn(answer, 1)).toEqual({ meta, replaces: null });
  expect(seenIn(null, 1)).toEqual({ meta: null, replaces: null });
});
