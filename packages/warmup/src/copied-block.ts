import type { CopiedValue, Position } from '@tidemark/core';

/** Values that were right together, as of one horizon. */
export interface CopiedBlock {
  readonly asOf: Position;
  readonly values: readonly CopiedValue[];
}
