export type { CopiedBlock } from './copied-block.ts';
