import type { Store, StoreAnswer } from '@tidemark/core';

/**
 * A store whose readers can't see tidemarks: a value counts as fresh until its TTL, whatever was
 * invalidated. What every cache without versions does; the report must show it.
 */
export function withoutTidemarks(store: Store): Store {
  const read = async (keys: readonly string[], schema?: number): Promise<StoreAnswer> => {
    const answer = await store.read(keys, schema);
    return {
      ...answer,
      records: answer.records.map((record) =>
        record?.value ? { ...record, tidemark: record.value.version } : null,
      ),
    };
  };
  return new Proxy(store, {
    get(target, property) {
      if (property === 'read') return read;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}
