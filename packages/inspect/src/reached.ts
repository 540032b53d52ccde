import { StoreUnavailableError, TidemarkError } from '@tidemark/core';

/** What a server answered, or why it did not. */
export type Reached<T> =
  | ({ readonly reachable: true } & T)
  | { readonly reachable: false; readonly code: string; readonly reason: string };

/** Asks a server; whatever goes wrong, or takes longer than `ms`, becomes a reason. Never rejects. */
export async function ask<T extends object>(ms: number, work: () => Promise<T>): Promise<Reached<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StoreUnavailableError(`no answer within ${ms} ms`)), ms);
  });
  try {
    const answer = await Promise.race([work(), late]);
    return { reachable: true, ...answer };
  } catch (error) {
    return away(error);
  } finally {
    clearTimeout(timer);
  }
}

function away(error: unknown): { readonly reachable: false; readonly code: string; readonly reason: string } {
  const code = error instanceof TidemarkError ? error.code : 'E_UNEXPECTED';
  return { reachable: false, code, reason: error instanceof Error ? error.message : String(error) };
}
