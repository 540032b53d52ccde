/** What SQL loaders and writers are given; adapters of SQL sources provide it. */
export interface SqlExecutor {
  /** All rows. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The only row; rejects when there is none or more than one. */
  one<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row>;
  /** The only row, or null; rejects when there is more than one. */
  maybeOne<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row | null>;
}
