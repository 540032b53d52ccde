import {
  type Bus,
  type BusMessage,
  decodeMessage,
  encodeMessage,
  POSITION_NONE,
  type Store,
  type StoreMeta,
} from '@tidemark/core';

/** Rules that can be switched off, and what each is for. */
export const RULES = {
  tidemark: 'readers compare a value with its tidemark',
  fills: 'the store refuses fills below the tidemark or from before a loss (base, incarnation, revision)',
  gaps: 'an applier notices holes, lost batches and barriers that do not chain',
  feed: 'nodes drop from L1 what the feed tells them',
  claims: 'a proof of freshness counts only for the life and revision of the store it speaks of',
} as const;

export type Rule = keyof typeof RULES;

/**
 * The faults without which a broken rule may go unnoticed. A stream's holes alone stay unseen: what the feed
 * told is chained as well, and that rule is inside the engine.
 */
export const FAULTS_FOR: Readonly<Partial<Record<Rule, readonly string[]>>> = {
  gaps: ['redis-rolled-back'],
  claims: ['redis-rolled-back'],
};

/** A region's ports as a process would see them if the rule did not exist. */
export function breakRule(rule: Rule | null, store: Store, bus: Bus): { store: Store; bus: Bus } {
  switch (rule) {
    case null:
      return { store, bus };
    case 'tidemark':
      return { store: withoutTidemarks(store), bus };
    case 'fills':
      return { store: withoutFillRules(store), bus };
    case 'gaps':
      return { store: withoutChaining(store), bus: withoutHoles(bus) };
    case 'feed':
      return { store, bus: withoutFeedEvents(bus) };
    case 'claims':
      return withoutClaimRules(store, bus);
  }
}

/** An object whose methods are those of another, but for some. */
export function overlay<T extends object>(base: T, own: Partial<T>): T {
  return new Proxy(base, {
    get(target, property) {
      if (property in own) return own[property as keyof T];
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

function withoutTidemarks(store: Store): Store {
  return overlay(store, {
    async read(keys, schema) {
      const answer = await store.read(keys, schema);
      return {
        ...answer,
        records: answer.records.map((record) =>
          record?.value ? { ...record, tidemark: record.value.version } : null,
        ),
      };
    },
  });
}

/** A fill that always carries what the store wants to see; the tidemark is stepped over with it. */
function withoutFillRules(store: Store): Store {
  return overlay(store, {
    async fill(fill) {
      const { meta, records } = await store.read([fill.key]);
      if (!meta) return store.fill(fill);
      const tidemark = records[0]?.tidemark ?? fill.version;
      return store.fill({
        ...fill,
        version: tidemark,
        incarnation: meta.incarnation,
        epoch: meta.epoch,
        revision: meta.revision,
        replaces: 'any',
        asOf: meta.horizon,
      });
    },
  });
}

/** Every batch starts a chain of its own, and every barrier begins at the beginning. */
function withoutChaining(store: Store): Store {
  return overlay(store, {
    apply: (batch) =>
      store.apply({
        ...batch,
        expect: null,
        ...(batch.advance && { advance: { from: POSITION_NONE, to: batch.advance.to } }),
      }),
  });
}

/** Relay messages are renumbered as they come, and followers never doubt. */
function withoutHoles(bus: Bus): Bus {
  return overlay(bus, {
    follow(region, handler) {
      const numbers = new Map<string, number>();
      const renumber = (message: BusMessage): BusMessage => {
        const decoded = decodeMessage(message.data);
        if (!decoded.ok || !('life' in decoded.message) || !('seq' in decoded.message)) return message;
        const seq = (numbers.get(decoded.message.life) ?? 0) + 1;
        numbers.set(decoded.message.life, seq);
        return { ...message, data: encodeMessage({ ...decoded.message, seq }) };
      };
      return bus.follow(region, {
        onMessage: (message) => handler.onMessage(renumber(message)),
        onDiscontinuity: () => {},
      });
    },
  });
}

/** The feed's numbers arrive whole, its news do not. */
function withoutFeedEvents(bus: Bus): Bus {
  return overlay(bus, {
    listen: (region, channel, handler) =>
      bus.listen(region, channel, (message) => {
        const decoded = channel === 'feed' ? decodeMessage(message.data) : null;
        if (!decoded?.ok || decoded.message.kind !== 'feed') return handler(message);
        handler({ ...message, data: encodeMessage({ ...decoded.message, invalidations: [] }) });
      }),
  });
}

/** Whatever state the store shows, it shows what the latest claim speaks of. */
function withoutClaimRules(store: Store, bus: Bus): { store: Store; bus: Bus } {
  let claimed: Pick<StoreMeta, 'incarnation' | 'lineage' | 'revision'> | null = null;
  return {
    store: overlay(store, {
      async read(keys, schema) {
        const answer = await store.read(keys, schema);
        // Keys: a reader, and not an applier that wants to know where the store stands.
        if (keys.length === 0 || !answer.meta || !claimed) return answer;
        return { ...answer, meta: { ...answer.meta, ...claimed } };
      },
    }),
    bus: overlay(bus, {
      listen: (region, channel, handler) =>
        bus.listen(region, channel, (message) => {
          const decoded = channel === 'feed' ? decodeMessage(message.data) : null;
          if (decoded?.ok && decoded.message.kind === 'feed' && decoded.message.claim) {
            // A run's stores have one part each.
            claimed = decoded.message.claim.shown[0] ?? claimed;
          }
          handler(message);
        }),
    }),
  };
}
