/** A column whose parameter has the type `digest`. */
export interface DigestColumn {
  readonly digest: string;
}

/** A table whose writes invalidate keys of a keyspace, whoever writes. */
export interface TrackedTable {
  /** `table` or `schema.table`, quoted where SQL needs it. */
  readonly table: string;
  readonly keyspace: string;
  /** Columns that make the key, in the order of the keyspace's parameters. */
  readonly keys: readonly (string | DigestColumn)[];
}

/** Arguments of the trigger: an empty one, which is no column, stands before a column that is digested. */
export function toArguments(keys: TrackedTable['keys']): readonly string[] {
  return keys.flatMap((key) => (typeof key === 'string' ? [key] : ['', key.digest]));
}

/** What a trigger was installed with: its arguments are NUL-terminated texts. */
export function fromArguments(args: Buffer): Pick<TrackedTable, 'keyspace' | 'keys'> {
  const [keyspace = '', ...names] = args.toString('utf8').split('\0').slice(0, -1);
  const keys = names.flatMap<string | DigestColumn>((name, i) => {
    if (name === '') return [];
    return names[i - 1] === '' ? [{ digest: name }] : [name];
  });
  return { keyspace, keys };
}

export function sameKeys(a: TrackedTable['keys'], b: TrackedTable['keys']): boolean {
  return toArguments(a).join('\0') === toArguments(b).join('\0');
}
