import { type Generation, memberPrefix, parseGeneration, pointerKey } from '@tidemark/core';

/**
 * The generation that a value is of: a member's key names it, a pointer's value says which one is current. Null for keys
 * of keyspaces, and for what is no pointer's value.
 */
export function generationOf(key: string, data: Uint8Array | null): Generation | null {
  const [kind, group = '', generation] = key.split(':');
  if (parseGeneration(generation) && key.startsWith(`${memberPrefix(group, generation!)}:`)) {
    return generation!;
  }
  if (kind !== 'group' || key !== pointerKey(group) || data === null) return null;
  try {
    const said = (JSON.parse(new TextDecoder().decode(data)) as { generation?: unknown } | null)?.generation;
    return parseGeneration(said) ? (said as Generation) : null;
  } catch {
    return null; // Foreign: the verdict says so.
  }
}
