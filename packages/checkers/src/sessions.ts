import type { Eras, State } from './eras.ts';
import { type History, type ReadLine, SETTINGS_KEY, type WriteLine } from './history.ts';
import { Known, type Lack } from './known.ts';
import type { Violation } from './violation.ts';

/**
 * I7: a session reads its own writes and never goes back, on whatever process its reads land. What a restore
 * undid is no floor any more once it did, but nothing goes back from a newer era to what is undone.
 */
export function checkSessions(history: History, eras: Eras): Violation[] {
  const sessions = new Map<string, (ReadLine | WriteLine)[]>();
  for (const lines of [history.reads, history.writes]) {
    for (const line of lines) {
      if (line.session === undefined || line.outcome !== 'ok') continue;
      const list = sessions.get(line.session);
      if (list) list.push(line);
      else sessions.set(line.session, [line]);
    }
  }
  return [...sessions].flatMap(([session, lines]) => new SessionCheck(session, eras).check(lines));
}

class SessionCheck {
  readonly #session: string;
  readonly #eras: Eras;
  readonly #known = new Map<string, Known>();
  /** Of the settings, by the key that showed them: a newer one says nothing about the values of other keys. */
  readonly #settings = new Map<string, Known>();

  constructor(session: string, eras: Eras) {
    this.#session = session;
    this.#eras = eras;
  }

  check(lines: readonly (ReadLine | WriteLine)[]): Violation[] {
    // A session does one thing after the other; should two overlap, neither binds the other.
    const begun = lines
      .toSorted((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)
      .map((line, place) => ({ line, place }));
    const ended = begun.toSorted((a, b) => a.line.endMs - b.line.endMs || a.place - b.place);
    let next = 0;
    return begun.flatMap(({ line, place }) => {
      for (; next < ended.length; next += 1) {
        const other = ended[next]!;
        const isBefore =
          other.line.endMs < line.startMs || (other.line.endMs === line.startMs && other.place < place);
        if (!isBefore) break;
        this.#learn(other.line);
      }
      return line.type === 'read' ? this.#judge(line) : [];
    });
  }

  #learn(line: ReadLine | WriteLine): void {
    if (line.type === 'write') {
      const state = this.#eras.made(line.key, line.write);
      if (state) this.#of(this.#known, line.key, line.key).learn(state, '');
      return;
    }
    const { key, value, endMs } = line;
    if (value === undefined) return;
    const learn = (known: Known, of: string): void => {
      const state: State | undefined = this.#eras.shown(of, value, endMs, ({ place }) =>
        known.floorIn(place),
      );
      if (state) known.learn(state, '');
    };
    learn(this.#of(this.#known, key, key), key);
    if (value) learn(this.#of(this.#settings, key, SETTINGS_KEY), SETTINGS_KEY);
  }

  #judge(line: ReadLine): Violation[] {
    const { value } = line;
    if (value === undefined) return [];
    const found = this.#lack(line, line.key, this.#known.get(line.key));
    if (!value) return found;
    const settings = this.#settings.get(line.key);
    // Settings that it wrote itself invalidate everything.
    return [...found, ...this.#lack(line, SETTINGS_KEY, settings, this.#known.get(SETTINGS_KEY))];
  }

  #lack(
    { value, region, process, endMs }: ReadLine,
    key: string,
    ...known: (Known | undefined)[]
  ): Violation[] {
    let lack: Lack | null = null;
    for (const each of known) lack ??= each?.lackOf(value ?? null, endMs) ?? null;
    if (!lack) return [];
    const after =
      lack.floor === null ? 'which was undone before what it knew came to be' : `after it knew ${lack.floor}`;
    const what = `session ${this.#session} read counter ${lack.shown} of ${key} at ${process}, ${after}`;
    return [{ invariant: 'I7', key, region, process, atMs: endMs, what }];
  }

  #of(map: Map<string, Known>, name: string, key: string): Known {
    let known = map.get(name);
    if (!known) map.set(name, (known = new Known(this.#eras, key)));
    return known;
  }
}
