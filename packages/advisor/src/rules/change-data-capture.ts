import type { Facts, Verdict } from './rule.ts';

/**
 * Writers that neither use the library nor write to tables that may have triggers leave one witness, the database's log. Whatever reads it has
 * to bump keys; until it has, nothing is proven, so this comes only where nothing simpler does.
 */
export function changeDataCapture({ work }: Facts): Verdict {
  if (work.writers === 'outside')
    return {
      fits: true,
      why: 'writers go past the library, and their tables may not have triggers: only the log of the database tells of their writes',
    };
  return {
    fits: false,
    why:
      work.writers === 'triggers'
        ? 'triggers see every writer, in the transaction itself'
        : 'all writes go through the library, which tells of them in their own transaction',
  };
}
