import type { TrackedTable } from '@tidemark/postgres';

/** What installs the triggers of a table anew, as a shell takes it. */
export function trackCommand({ table, keyspace, keys }: TrackedTable): string {
  const columns = keys.map((key) => (typeof key === 'string' ? key : `digest:${key.digest}`));
  return ['tidemark postgres track', word(table), '--keyspace', keyspace, '--key', ...columns.map(word)].join(
    ' ',
  );
}

function word(text: string): string {
  return /^[\w.:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
