import type { Params, ParamTypes } from '../keyspace/params.ts';
import { readMany } from '../node/read-many.ts';
import type { ReadPath } from '../node/read-path.ts';
import { ViewExpiredError } from '../ports/group-errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Generation } from '../protocol/generation.ts';
import type { Group } from './group.ts';
import type { MemberKeyspace } from './group-keyspaces.ts';

/** What a view works with. */
export interface ViewParts {
  readonly reads: ReadPath;
  readonly runtime: Runtime;
  /** @throws ClosedError */
  readonly assertOpen: () => void;
}

/**
 * One generation of a group. The pointer was read once, when the view was opened, and every member
 * is read under a key that names the generation: members of two generations never mix.
 *
 * Open one for each unit of work, such as a request; it has no resources to give back.
 */
export class GroupView<P extends ParamTypes = ParamTypes, V = unknown> {
  readonly #group: Group<P, V>;
  readonly #members: MemberKeyspace<P, V>;
  readonly #parts: ViewParts;
  readonly #openedAtMs: number;

  /** @internal use `node.view` */
  constructor(group: Group<P, V>, members: MemberKeyspace<P, V>, parts: ViewParts, openedAtMs: number) {
    this.#group = group;
    this.#members = members;
    this.#parts = parts;
    this.#openedAtMs = openedAtMs;
  }

  get generation(): Generation {
    return this.#members.generation;
  }

  /**
   * One member, frozen; null when the generation has none.
   *
   * Rejects with a `ViewExpiredError` once the view is too old, and with a `GenerationGoneError`
   * when the generation was collected and no cache has the member.
   */
  get(params: Params<P>): Promise<V | null> {
    const key = this.#members.key(params);
    const expired = this.#expired();
    if (expired) return Promise.reject(expired);
    // Members are immutable: a cached one is right at every consistency.
    const hit = this.#parts.reads.l1Reader.hit(this.#members, params, key, 'eventual');
    if (hit !== undefined) return Promise.resolve(hit.value as V | null);
    return this.#miss(params, key);
  }

  /** Many members in the order asked: one store command, and one batched load. Rejects as `get` does. */
  async getMany(params: readonly Params<P>[]): Promise<(V | null)[]> {
    const keys = params.map((each) => this.#members.key(each));
    const expired = this.#expired();
    if (expired) throw expired;
    return (await readMany(this.#parts.reads, this.#members, params, keys, 'eventual')) as (V | null)[];
  }

  async #miss(params: Params<P>, key: string): Promise<V | null> {
    const { value } = await this.#parts.reads.miss(this.#members, params, key, 'eventual');
    return value as V | null;
  }

  #expired(): ViewExpiredError | null {
    this.#parts.assertOpen();
    const { name, viewLifeMs } = this.#group;
    if (this.#parts.runtime.monoMs() - this.#openedAtMs <= viewLifeMs) return null;
    return new ViewExpiredError(name, this.generation, viewLifeMs);
  }
}
