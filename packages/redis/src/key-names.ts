/**
 * Names of the Redis keys of one store. Keys have no braces, so that a key is its own hash tag: record, lease,
 * history, bodies and what is beside the record lie in one slot, and no name can be read as another one's.
 */
export class KeyNames {
  readonly meta: string;
  /** The store's own state; one script changes all of it. */
  readonly state: readonly [meta: string, mark: string, history: string];
  /** When nodes reported what they read most. */
  readonly reports: string;
  /** The pattern that the names of all records match. */
  readonly records: string;
  readonly #namespace: string;
  readonly #before: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
    this.meta = `${namespace}:meta`;
    this.state = [this.meta, `${namespace}:mark`, `${namespace}:history`];
    this.reports = `${namespace}:reads`;
    this.records = `${namespace}:{*}`;
    this.#before = `${namespace}:{`;
  }

  record(key: string): string {
    return `${this.#before}${key}}`;
  }

  lease(key: string): string {
    return `${this.record(key)}:lease`;
  }

  history(key: string): string {
    return `${this.record(key)}:history`;
  }

  /** A value that is too large for its record. The scripts build the same name. */
  body(key: string, id: string): string {
    return `${this.record(key)}:value:${id}`;
  }

  /** The record of an older schema version, while two releases run. The scripts build the same name. */
  beside(key: string): string {
    return `${this.record(key)}:beside`;
  }

  /** What a node reads most. */
  report(node: string): string {
    return `${this.reports}:${node}`;
  }

  role(role: string): string {
    return `${this.#namespace}:role:${role}`;
  }

  /** The key of a record's name. */
  keyOf(record: string): string {
    return record.slice(this.#namespace.length + 2, -1);
  }
}
