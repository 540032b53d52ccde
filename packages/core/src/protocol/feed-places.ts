import type { Numbering } from './wire-envelope.ts';

/** Feed lives remembered by one node; the longest unheard is forgotten first. */
const LIVES_MAX = 8;

export type FeedStep =
  | 'next' // the expected message of a known life
  | 'duplicate' // seen before
  | 'joined' // the first message of this life that the node hears
  | 'gap'; // messages of this life are missing

/**
 * A node's places in its region's feed, one for each life.
 *
 * Normally one applier feeds. While the role moves there may be two: one that was stopped goes on,
 * one that lost its store still passes on what the streams say. Each life is complete by itself
 * (see `ApplierTerm`), so lives may interleave in any way: only a life that is new to the node, or a
 * hole within one, leaves anything unproven. To take every change of life for a new one would be
 * as safe, but two senders would then keep every L1 empty for as long as both are there.
 */
export class FeedPlaces {
  readonly #seqs = new Map<string, number>();

  /** Whether the node has a place at all. */
  get joined(): boolean {
    return this.#seqs.size > 0;
  }

  /** Where the message leaves the node. On `joined` and `gap` nothing in its L1 is proven. */
  step({ life, seq }: Numbering): FeedStep {
    const known = this.#seqs.get(life);
    if (known !== undefined && seq <= known) return 'duplicate';
    this.#seqs.delete(life);
    this.#seqs.set(life, seq);
    if (this.#seqs.size > LIVES_MAX) this.#seqs.delete(this.#seqs.keys().next().value!);
    if (known === undefined) return 'joined';
    return seq === known + 1 ? 'next' : 'gap';
  }

  /** The node heard nothing for too long: whoever speaks next is new to it. */
  leave(): void {
    this.#seqs.clear();
  }
}
