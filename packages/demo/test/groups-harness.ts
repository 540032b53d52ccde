import { group, type GroupEntry, type GroupView, type TidemarkNode } from '@tidemark/core';

/** A member that says which generation it belongs to. */
export interface Price {
  readonly list: string;
}

export const MEMBERS = 200;
export const SKUS: readonly { readonly sku: number }[] = Array.from({ length: MEMBERS }, (_, sku) => ({
  sku,
}));

type PriceParams = { readonly sku: 'int' };
export const prices = group<PriceParams, Price>({ name: 'price', params: { sku: 'int' } });

export function* priceList(list: string): Generator<GroupEntry<PriceParams, Price>> {
  for (const params of SKUS) yield [params, { list }];
}

/** The list that all members of the view belong to; rejects when they are of several. */
export async function listOf(view: GroupView<PriceParams, Price>): Promise<string | undefined> {
  const [first, ...others] = new Set((await view.getMany(SKUS)).map((price) => price?.list));
  if (others.length > 0)
    throw new Error(`a view of ${view.generation} shows ${[first, ...others].join(', ')}`);
  return first;
}

/** The members of each of these lists, staged; by generation. */
export async function stageAll<Tx>(
  node: TidemarkNode<Tx>,
  lists: readonly string[],
): Promise<Map<string, string>> {
  const generations = new Map<string, string>();
  for (const list of lists) generations.set(await node.stage(prices, priceList(list)), list);
  return generations;
}
