import type { Version } from '@tidemark/core';
import type { AppliedIn, KeyStore, KeyView } from '@tidemark/inspect';
import { expect } from 'vitest';
import type { Ran } from './running-demo.ts';

/** The key's record in the store of a region that was reached. */
export function storeIn(view: KeyView, region: string): KeyStore {
  const found = view.regions.find((each) => each.region === region);
  if (!found?.reachable) throw new Error(`${region} was not reached: ${JSON.stringify(found)}`);
  return found;
}

/** What a command that wrote says. */
export interface Written {
  readonly invalidations: readonly { readonly key: string; readonly version: Version }[];
  readonly regions: readonly AppliedIn[];
}

/** What a command said line by line. */
export function lines({ code, out, err }: Ran): { type: string }[] {
  expect(out, `exit code ${code}: ${err}`).not.toBe('');
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string });
}
