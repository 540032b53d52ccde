import type { Params, ParamTypes } from '@tidemark/core';

/** What a row is asked for by. */
export interface RowKeys {
  readonly types: ParamTypes;
  of(id: number): Params<ParamTypes>;
  idOf(params: Params<ParamTypes>): number;
}

const SHOPS = Array.from({ length: 20 }, (_, i) => `shop-${i}`);

/** Texts that callers would have at hand. */
const skus: string[] = [];

export const BY_ID: RowKeys = {
  types: { id: 'int' },
  of: (id) => ({ id }),
  idOf: ({ id }) => id as number,
};

export const BY_TEXT: RowKeys = {
  types: { sku: 'string' },
  of: (id) => ({ sku: (skus[id] ??= `sku-${id}`) }),
  idOf: ({ sku }) => Number((sku as string).slice('sku-'.length)),
};

/** A row of one of 20 shops. */
export const BY_TWO: RowKeys = {
  types: { shop: 'string', id: 'int' },
  of: (id) => ({ shop: SHOPS[id % SHOPS.length]!, id }),
  idOf: ({ id }) => id as number,
};
