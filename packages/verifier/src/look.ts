import {
  isScopeKey,
  keyspaceOf,
  type NodeAnswer,
  QUESTION_KEYS_MAX,
  type StoreMeta,
  type StoreView,
} from '@tidemark/core';
import { askNodes, type Mesh, type MeshRegion } from '@tidemark/inspect';
import type { ChangelogRow } from '@tidemark/postgres';
import type { SourceLook, StoreLook } from './judge.ts';
import { Patience } from './patience.ts';
import { Roster } from './roster.ts';

/** Keys of one look. */
export const LOOK_KEYS_MAX = QUESTION_KEYS_MAX;
const NODES_WAIT_MS = 600;
/** How often it is waited for nodes that nobody knows yet, ms. */
const DISCOVER_MS = 3_000;

/** What a region says of some keys at about the same time. Null: not asked, or no answer. */
export interface RegionLook {
  readonly source: SourceLook | null;
  readonly store: {
    readonly meta: StoreMeta | null;
    /** Every write acknowledged longer ago is proven to be applied in what it showed, ms. */
    readonly boundMs: number;
    readonly looks: ReadonlyMap<string, StoreLook>;
  } | null;
  readonly nodes: { readonly answers: readonly NodeAnswer[]; readonly silent: number } | null;
}

/** Asks one region's tiers as its readers would, and the source before and after them. */
export class RegionWatch {
  readonly member: MeshRegion;
  readonly #mesh: Mesh;
  readonly #monoMs: () => number;
  readonly #roster = new Roster();
  readonly #storePatience: Patience;
  readonly #nodesPatience: Patience;
  readonly #sourcePatience: Patience;
  #discoveredAtMs = Number.NEGATIVE_INFINITY;

  constructor(mesh: Mesh, member: MeshRegion, monoMs: () => number) {
    this.#mesh = mesh;
    this.member = member;
    this.#monoMs = monoMs;
    this.#storePatience = new Patience(monoMs);
    this.#nodesPatience = new Patience(monoMs);
    this.#sourcePatience = new Patience(monoMs);
  }

  get region(): string {
    return this.member.region.id;
  }

  /** @param keys encoded keys, at most `LOOK_KEYS_MAX`; scope keys only as far as rows are wanted */
  async look(keys: readonly string[]): Promise<RegionLook> {
    const rows = await this.#rows([...new Set(keys.flatMap((key) => [key, keyspaceOf(key)]))]);
    const plain = keys.filter((key) => !isScopeKey(key));
    const [store, nodes] = await Promise.all([
      this.#storePatience.ask(() => this.#store(plain, rows)),
      plain.length === 0 ? null : this.#nodesPatience.ask(() => this.#nodes(plain)),
    ]);
    const labels = rows && (await this.#sourcePatience.ask(() => this.#labels(keys)));
    if (!labels) return { source: null, store, nodes };
    const after = new Map(
      keys.map((key, i) => [key, { version: labels.versions[i]!, scope: labels.scopes[i]! }]),
    );
    return { source: { rows, after, asOf: labels.asOf }, store, nodes };
  }

  async #labels(keys: readonly string[]) {
    return (await this.#mesh.truth(({ source }) => source.labels(keys))).answer;
  }

  async #rows(keys: readonly string[]): Promise<Map<string, ChangelogRow | null> | null> {
    return this.#sourcePatience.ask(async () => {
      const { answer } = await this.#mesh.truth(({ inspector }) => inspector.keys(keys));
      return new Map(keys.map((key, i) => [key, answer.rows[i] ?? null]));
    });
  }

  async #store(
    keys: readonly string[],
    rows: Map<string, ChangelogRow | null> | null,
  ): Promise<NonNullable<RegionLook['store']>> {
    const { store, freshness } = this.member;
    const [answer, facts] = await Promise.all([store.read(keys), store.diagnostics.records(keys)]);
    const boundMs = answer.meta ? freshness.boundOf(answer.meta) : Number.POSITIVE_INFINITY;
    const looks = new Map<string, StoreLook>();
    const made: string[] = [];
    keys.forEach((key, i) => {
      const record = answer.records[i] ?? null;
      const view: StoreView = { meta: answer.meta, record, nowMs: answer.nowMs };
      if (record?.value && record.value.dependencies.length > 0) made.push(key);
      looks.set(key, { view, dependencies: [], facts: facts[i]! });
    });
    for (const key of made) await this.#withDependencies(key, looks, rows);
    return { meta: answer.meta, boundMs, looks };
  }

  /** A value that was made from others is judged by what is read in the same step as they are. */
  async #withDependencies(
    key: string,
    looks: Map<string, StoreLook>,
    rows: Map<string, ChangelogRow | null> | null,
  ): Promise<void> {
    const { store } = this.member;
    const { view, facts } = looks.get(key)!;
    const made = view.record!.value!.dependencies.map((each) => each.key);
    const unknown = rows
      ? made.flatMap((each) => [each, keyspaceOf(each)]).filter((each) => !rows.has(each))
      : [];
    for (const [name, row] of (unknown.length > 0 && (await this.#rows([...new Set(unknown)]))) || [])
      rows!.set(name, row);
    const { meta, records, nowMs } = await store.read([key, ...made]);
    const viewOf = (i: number): StoreView => ({ meta, record: records[i] ?? null, nowMs });
    const own = viewOf(0);
    const same = own.record?.value?.dependencies.map((each) => each.key).join(' ') === made.join(' ');
    // It was filled anew meanwhile: then nothing can be told of it in this look.
    const shown = same ? own : { ...own, record: null };
    looks.set(key, { view: shown, dependencies: made.map((_, i) => viewOf(i + 1)), facts });
  }

  async #nodes(keys: readonly string[]): Promise<NonNullable<RegionLook['nodes']>> {
    const nowMs = this.#monoMs();
    const discovers = nowMs - this.#discoveredAtMs >= DISCOVER_MS;
    if (discovers) this.#discoveredAtMs = nowMs;
    const answers = await askNodes(
      this.#mesh,
      this.region,
      { keys },
      { waitMs: NODES_WAIT_MS, ...(!discovers && this.#roster.size > 0 && { expected: this.#roster.size }) },
    );
    this.#roster.heard(answers, this.#monoMs());
    return { answers, silent: this.#roster.silent(answers) };
  }
}
