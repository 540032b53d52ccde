import { expect, it } from 'vitest';
import { readOutput } from './read-output.ts';

const WHOLE = `
Full statespace search for:
State-vector 108 byte, depth reached 7041, errors: 0
   555767 states, stored
  3555767 transitions (= stored+matched)
unreached in proctype Applier
\t/x/protocol.pml:184, state 71, "gap[a] = 1"
\t/x/protocol.pml:184, state 72, "printf('  gap: the store lost a batch\\n')"
\t/x/protocol.pml:427, state 348, "-end-"
`;

it('reads the figures, and what was never reached', () => {
  expect(readOutput(WHOLE)).toEqual({
    errors: 0,
    states: 555_767,
    transitions: 3_555_767,
    depth: 7_041,
    cutShort: null,
    unreached: ['gap: the store lost a batch'],
  });
});

it.each(['error: max search depth too small', 'pan: out of memory', 'Warning: Search not completed'])(
  'does not take a search that was cut short for a whole one: %s',
  (sign) => {
    expect(readOutput(`${sign}\n${WHOLE}`)?.cutShort).not.toBeNull();
  },
);

it('takes what is no result for none', () => {
  expect(readOutput('Segmentation fault')).toBeNull();
});
