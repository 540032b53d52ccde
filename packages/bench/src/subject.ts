/** A cache under test, in a process of its own. Values are the rows of `load`. */
export interface Subject {
  /** Through all its tiers, loader included. */
  get(id: number): Promise<unknown>;
  /** Without a promise, where it has a way. */
  peek?(id: number): unknown;
  getMany?(ids: readonly number[]): Promise<readonly unknown[]>;
  /** What its users do after they changed a row. */
  invalidate?(id: number): Promise<void>;
  close(): Promise<void>;
}

/** What a subject is opened with. */
export interface SubjectOptions {
  /** Null: in this process only. */
  readonly redisPort: number | null;
  /** Off: every read goes to Redis. */
  readonly l1: boolean;
  /** Whether processes tell each other of invalidations. */
  readonly bus: boolean;
  readonly entriesMax: number;
  readonly ttlMs: number;
  /** For subjects with versions; null: loads have none. */
  readonly coherence: CoherenceOptions | null;
  /** Client settings that users with an eye on failures would choose: no offline queue, short timeouts. */
  readonly tuned: boolean;
}

export interface CoherenceOptions {
  readonly natsUrl: string;
  readonly postgresUrl: string;
}

export type Load = (id: number) => Promise<unknown>;

export type OpenSubject = (options: SubjectOptions, load: Load) => Promise<Subject>;
