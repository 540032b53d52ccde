import type { SourceFacts, TrackingProblem } from '@tidemark/postgres';
import type { MeshView } from './mesh-view.ts';
import type { Reached } from './reached.ts';

/** What the rules of `findingsOf` look at. */
export interface MeshFacts {
  readonly view: MeshView;
  /** What each region finds at its own address of the source, and how its clock differs from the one here. */
  readonly sources: readonly ({ readonly region: string } & Reached<
    SourceFacts & { readonly skewMs: number }
  >)[];
  /** Null: the source is away. */
  readonly tracking: readonly TrackingProblem[] | null;
}
