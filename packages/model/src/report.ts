import type { Searched } from './spin.ts';

/** What people read about one search. */
export function formatSearched(title: string, result: Searched & { readonly asExpected: boolean }): string {
  const { verdict, states, depth, ms, cutShort, invariant, trail, unreached, asExpected } = result;
  const lines = [`${title}: ${verdict}${asExpected ? '' : ', which is NOT as expected'}`];
  lines.push(`  ${states.toLocaleString('en')} states, ${depth} steps deep, ${(ms / 1_000).toFixed(1)} s`);
  if (verdict === 'incomplete') lines.push(`  not everything was searched: ${cutShort}`);
  if (verdict === 'violated')
    lines.push(`  ${invariant ?? 'an assertion'}`, ...trail.map((step) => `    ${step}`));
  if (verdict === 'holds' && unreached.length > 0) {
    lines.push('  never happened:', ...unreached.map((text) => `    ${text}`));
  }
  return `${lines.join('\n')}\n`;
}
