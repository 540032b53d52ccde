import { describe, expect, it } from 'vitest';
import { findingsOf } from '../src/find.ts';
import type { MeshFacts } from '../src/facts.ts';
import { pairsOf } from '../src/pairs.ts';
import { troublesOf } from '../src/troubles.ts';

type Deep<T> = T extends readonly (infer E)[]
  ? Deep<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Deep<T[K]> }
    : T;

const HORIZON = { era: 1, xid: 50 };
const AWAY = { reachable: false, code: 'E_X', reason: 'gone' } as const;

/** Two regions in order, to be broken. */
function inOrder(): Deep<MeshFacts> {
  const truth = {
    reachable: true as const,
    through: 'us',
    horizon: HORIZON,
    top: HORIZON,
    atMs: 0,
    version: '15',
    system: '1',
    isReplica: false,
    synchronousCommit: 'on',
    connections: 1,
    connectionsMax: 100,
    oldestWriterAgeMs: null,
    leader: null,
    slots: [],
  };
  const region = (id: string): Deep<MeshFacts['view']['regions'][number]> => ({
    region: id,
    role: id === 'us' ? 'home' : 'replica',
    redis: {
      reachable: true,
      address: 'x:1',
      server: {
        roundTripMs: 1,
        skewMs: 0,
        version: '7.0.15',
        uptimeMs: 1,
        usedBytes: 10,
        maxBytes: 100,
        policy: 'volatile-lru',
        evictedKeys: 0,
        clients: 1,
        role: 'master',
      },
      meta: {
        incarnation: `life of ${id}`,
        lineage: 'l',
        epoch: 0,
        revision: 1,
        horizon: HORIZON,
        base: HORIZON,
        scopes: {},
      },
      applier: { holder: 'somebody', leftMs: 1 },
    },
    nats: {
      reachable: true,
      address: 'x:2',
      server: { name: id, version: '2.10', roundTripMs: 1, payloadMaxBytes: 2_000_000, jetStream: true },
      stream: {
        messages: 2,
        bytes: 10,
        firstSeq: 1,
        lastSeq: 2,
        firstAtMs: 0,
        lastAtMs: 7_200_000,
        maxAgeMs: 86_400_000,
        maxBytes: 1_000,
        maxMessages: 0,
        replicas: 1,
        discardsOld: true,
      },
      barrier: null,
    },
    postgres: { reachable: true, address: 'x:3', roundTripMs: 1 },
    freshness: { boundMs: 100, reason: null },
    backlog: { changes: 0, oldestAgeMs: null },
    deadLetters: 0,
  });
  return {
    view: {
      atMs: 0,
      source: 'shop',
      namespace: 'shop',
      truth,
      relay: { region: 'us', ageMs: 10 },
      regions: [region('us'), region('eu')],
      pairs: [],
      troubles: [],
    },
    sources: ['us', 'eu'].map((id) => ({ region: id, ...truth, skewMs: 0 })),
    tracking: [],
  };
}

/** Codes of what is found in a mesh that was broken in one way. */
function found(breaking: (facts: Deep<MeshFacts>) => void): string[] {
  const facts = inOrder();
  breaking(facts);
  const view = { ...facts.view, troubles: troublesOf(facts.view as MeshFacts['view']) };
  return findingsOf({ ...facts, view } as MeshFacts).map(
    ({ severity, code, region }) => `${severity} ${code} ${region ?? 'mesh'}`,
  );
}

function redis(
  facts: Deep<MeshFacts>,
): Deep<MeshFacts['view']['regions'][number]['redis']> & { reachable: true } {
  const each = facts.view.regions[1]!.redis;
  if (!each.reachable) throw new Error('it is');
  return each;
}

function nats(
  facts: Deep<MeshFacts>,
): Deep<MeshFacts['view']['regions'][number]['nats']> & { reachable: true } {
  const each = facts.view.regions[1]!.nats;
  if (!each.reachable) throw new Error('it is');
  return each;
}

describe('findings', () => {
  it('in order: none', () => expect(found(() => {})).toEqual([]));

  it.each<[string, (facts: Deep<MeshFacts>) => void]>([
    ['error redis-policy eu', (facts) => (redis(facts).server.policy = 'allkeys-lfu')],
    ['warning redis-policy eu', (facts) => (redis(facts).server.policy = 'volatile-ttl')],
    ['warning redis-evicts eu', (facts) => (redis(facts).server.evictedKeys = 1)],
    ['warning redis-full eu', (facts) => (redis(facts).server.usedBytes = 95)],
    ['note redis-no-limit eu', (facts) => (redis(facts).server.maxBytes = 0)],
    ['warning redis-version eu', (facts) => (redis(facts).server.version = '6.2.1')],
    ['note redis-forbidden eu', (facts) => (redis(facts).server.version = null)],
    ['error redis-replica eu', (facts) => (redis(facts).server.role = 'slave')],
    ['warning clock-skew eu', (facts) => (redis(facts).server.skewMs = -5_000)],
    ['error redis-shared eu', (facts) => (redis(facts).meta!.incarnation = 'life of us')],
    ['error store-ahead eu', (facts) => (redis(facts).meta!.horizon = { era: 2, xid: 1 })],
    ['error empty-store eu', (facts) => (redis(facts).meta = null)],
    ['error no-applier eu', (facts) => (redis(facts).applier = null)],
    ['error unreachable eu', (facts) => (facts.view.regions[1]!.redis = AWAY)],
    ['error unproven eu', (facts) => (facts.view.regions[1]!.freshness = { boundMs: null, reason: 'no' })],
    ['error unproven eu', (facts) => (facts.view.regions[1]!.freshness.boundMs = 60_000)],
    ['error dead-letters eu', (facts) => (facts.view.regions[1]!.deadLetters = 2)],
    ['error no-relay mesh', (facts) => (facts.view.relay = null)],
    ['error nats-no-jetstream eu', (facts) => (nats(facts).server.jetStream = false)],
    ['warning nats-payload eu', (facts) => (nats(facts).server.payloadMaxBytes = 1_000)],
    ['warning nats-no-stream eu', (facts) => (nats(facts).stream = null)],
    ['error nats-discard eu', (facts) => (nats(facts).stream!.discardsOld = false)],
    ['warning nats-short eu', (facts) => (nats(facts).stream!.maxAgeMs = 60_000)],
    ['warning nats-short eu', (facts) => Object.assign(nats(facts).stream!, { bytes: 999, lastAtMs: 1_000 })],
    ['error source-away mesh', (facts) => (facts.view.truth = AWAY)],
    ['error source-replica eu', (facts) => Object.assign(facts.sources[1]!, { isReplica: true })],
    ['error source-split eu', (facts) => Object.assign(facts.sources[1]!, { system: '2' })],
    ['warning clock-skew eu', (facts) => Object.assign(facts.sources[1]!, { skewMs: 9_000 })],
    [
      'error source-schema eu',
      (facts) => (facts.sources[1] = { region: 'eu', ...AWAY, code: 'E_SCHEMA_MISSING' }),
    ],
    [
      'error source-forbidden eu',
      (facts) => (facts.sources[1] = { region: 'eu', ...AWAY, code: 'E_CONFIGURATION' }),
    ],
    ['warning source-connections mesh', (facts) => Object.assign(facts.view.truth, { connections: 95 })],
    [
      'warning source-long-write mesh',
      (facts) => Object.assign(facts.view.truth, { oldestWriterAgeMs: 61_000 }),
    ],
    [
      'warning source-slot mesh',
      (facts) =>
        Object.assign(facts.view.truth, {
          slots: [{ name: 'a', active: false, status: 'lost', keptBytes: null }],
        }),
    ],
    [
      'error trigger-missing mesh',
      (facts) =>
        (facts.tracking = [
          {
            table: 't',
            keyspace: 'k',
            statement: 'insert',
            problem: 'missing',
            tracked: { table: 'a', keyspace: 'a', keys: ['id'] },
          },
        ]),
    ],
    [
      'warning trigger-partial mesh',
      (facts) =>
        (facts.tracking = [
          {
            table: 't',
            keyspace: 'k',
            statement: 'delete',
            problem: 'partial',
            tracked: { table: 'a', keyspace: 'a', keys: ['id'] },
          },
        ]),
    ],
    [
      'note trigger-outdated mesh',
      (facts) =>
        (facts.tracking = [
          {
            table: 't',
            keyspace: 'k',
            statement: 'update',
            problem: 'outdated',
            tracked: { table: 't', keyspace: 'k', keys: ['id'] },
          },
        ]),
    ],
  ])('%s', (expected, breaking) => expect(found(breaking)).toEqual([expected]));
});

describe('pairs', () => {
  const stream = { region: 'us', away: null, hasStream: true, ages: new Map([['eu', 70]]) };
  const live = { region: 'us', live: true, pending: 0, givenSeq: 9 };
  const pair = (...followers: (typeof live)[]) =>
    pairsOf(
      [
        { ...stream, followers },
        { ...stream, region: 'eu', followers: [] },
      ],
      () => 5,
    ).find(({ from, to }) => from === 'us' && to === 'eu');

  it('say who follows whom, and how far behind', () => {
    expect(pair(live, { ...live, region: 'eu', pending: 3 })).toMatchObject({
      following: true,
      messages: 3,
      behindMs: 70,
    });
    expect(pair(live)).toMatchObject({ following: false, messages: null });
    expect(pair({ ...live, region: 'eu', live: false, pending: 2 })).toMatchObject({
      following: false,
      messages: 2,
    });
  });

  it('say nothing of what can not be asked', () => {
    for (const more of [
      { away: 'gone', followers: null },
      { followers: null },
      { hasStream: false, followers: null },
    ])
      expect(pairsOf([{ ...stream, ...more }], () => 0)[0]).toMatchObject({
        following: null,
        reason: expect.any(String),
      });
  });
});
