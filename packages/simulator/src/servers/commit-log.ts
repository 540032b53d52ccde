/** What one commit did to one key. */
export interface Commit {
  readonly key: string;
  /** Place in the order of the key's commits, dense from 1 within what the source remembers. */
  readonly counter: number;
  readonly write: string;
  readonly absent: boolean;
  readonly era: number;
  /** Version `n` that the source minted. */
  readonly n: number;
  readonly atMs: number;
}

/** A row of the simulated service. */
export interface Row {
  readonly counter: number;
  readonly write: string;
}

/** Every commit, in order, by means of its own: what checkers compare answers with. */
export class CommitLog {
  /** All there ever were. */
  readonly all: Commit[] = [];
  /** What the source remembers. */
  readonly #lines = new Map<string, Commit[]>();
  readonly #byWrite = new Map<string, Commit>();
  readonly #minted = new Set<string>();

  /** Whether a commit of the key was given this version number. */
  minted(key: string, n: number): boolean {
    return this.#minted.has(`${key} ${n}`);
  }

  /** The counter that the key's next commit gets; valid while its row is locked. */
  nextCounter(key: string): number {
    return (this.#lines.get(key)?.length ?? 0) + 1;
  }

  add(commit: Commit): void {
    this.all.push(commit);
    this.#minted.add(`${commit.key} ${commit.n}`);
    this.#byWrite.set(`${commit.key} ${commit.write}`, commit);
    const line = this.#lines.get(commit.key);
    if (line) line.push(commit);
    else this.#lines.set(commit.key, [commit]);
  }

  of(key: string, write: string): Commit | undefined {
    return this.#byWrite.get(`${key} ${write}`);
  }

  /** The last commit of the key that the source remembers. */
  last(key: string): Commit | undefined {
    return this.#lines.get(key)?.at(-1);
  }

  /** Whether the source has not lost the commit. */
  remembers(commit: Commit): boolean {
    return this.#lines.get(commit.key)?.[commit.counter - 1] === commit;
  }

  /** How many commits of each key are remembered. */
  counters(): Map<string, number> {
    return new Map([...this.#lines].map(([key, line]) => [key, line.length]));
  }

  /** The source went back: forgets what came after. */
  goBack(counters: ReadonlyMap<string, number>): void {
    for (const [key, line] of this.#lines) line.length = counters.get(key) ?? 0;
  }
}
