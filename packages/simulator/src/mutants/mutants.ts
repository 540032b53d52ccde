import { ENGINE_MUTANTS } from './engine-mutants.ts';
import type { Mutant } from './mutant.ts';
import { RELEASE_MUTANTS } from './release-mutants.ts';
import { ROLE_MUTANTS } from './role-mutants.ts';
import { STORE_MUTANTS } from './store-mutants.ts';

/** Every rule that is taken away, one by one. */
export const MUTANTS: readonly Mutant[] = [
  ...STORE_MUTANTS,
  ...RELEASE_MUTANTS,
  ...ENGINE_MUTANTS,
  ...ROLE_MUTANTS,
];
