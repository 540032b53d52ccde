import { runs } from '@tidemark/conformance/property';
import { bounded, group, keyspace, type LoadContext, startNode, type TidemarkNode } from '@tidemark/core';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type MemoryDb,
  type MemoryMesh,
  memoryMesh,
  memorySource,
  memoryStore,
  type MemoryTx,
} from '../src/index.ts';
import { VirtualRuntime } from './virtual-runtime.ts';

const IDS = [1, 2] as const;
const NODES = 4;
const BOUND_MS = 500;

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  ttl: '1h',
  load: ({ id }, { db }: LoadContext<MemoryDb>) => db.get<number>(`row:${id}`),
});
const prices = group<{ id: 'int' }, number>({ name: 'price', params: { id: 'int' } });

/** All that a database without caches knows: what each row ever was, and until when. */
class Model {
  /** Of each row: its values, and when each was acknowledged. The place in the list is its age. */
  readonly rows = new Map<number, { readonly value: number | null; readonly atMs: number }[]>(
    IDS.map((id) => [id, [{ value: null, atMs: 0 }]]),
  );
  /** Places that the session may not go back behind. */
  readonly session = new Map<number, number>();
  generations: number[] = [];
  values = 0;
}

interface Real {
  readonly runtime: VirtualRuntime;
  readonly nodes: readonly TidemarkNode<MemoryTx>[];
  readonly mesh: MemoryMesh;
  token: string | null;
}

type Level = 'eventual' | 'bounded' | 'session' | 'latest';
type Command = fc.AsyncCommand<Model, Real>;

function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => text };
}

function write(by: number, id: number, removes: boolean, inSession: boolean): Command {
  return command(
    `node ${by} ${removes ? 'removes' : 'writes'} ${id}${inSession ? ' in the session' : ''}`,
    async (model, real) => {
      const { runtime, nodes } = real;
      const node = nodes[by]!;
      const session = inSession ? node.session(real.token ?? undefined) : undefined;
      model.values += 1;
      const value = removes ? null : model.values;
      await runtime.settle(
        node.write(
          (tx) => (value === null ? tx.delete(`row:${id}`) : tx.set(`row:${id}`, value)),
          session ? { session } : {},
        ),
      );
      const history = model.rows.get(id)!;
      history.push({ value, atMs: runtime.monoMs() });
      if (!session) return;
      model.session.set(id, history.length - 1);
      real.token = session.token();
    },
  );
}

/** A value may be any of its places: the newest counts, and below `from` it is a broken promise. */
function place(model: Model, id: number, value: number | null, from: number): number {
  const found = model.rows.get(id)!.findLastIndex((each) => each.value === value);
  expect(found).toBeGreaterThanOrEqual(from);
  return found;
}

async function read(
  { model, real }: { readonly model: Model; readonly real: Real },
  by: number,
  ids: readonly number[],
  level: Level,
): Promise<void> {
  const { runtime, nodes } = real;
  const node = nodes[by]!;
  const askedAtMs = runtime.monoMs();
  const session = level === 'session' ? node.session(real.token ?? undefined) : null;
  const consistency = session ?? (level === 'bounded' ? bounded(BOUND_MS) : (level as 'eventual' | 'latest'));
  const params = ids.map((id) => ({ id }));
  const values =
    params.length === 1
      ? [await runtime.settle(node.get(rows, params[0]!, { consistency }))]
      : await runtime.settle(node.getMany(rows, params, { consistency }));
  for (const [i, id] of ids.entries()) {
    const history = model.rows.get(id)!;
    const from = {
      eventual: () => 0,
      latest: () => history.length - 1,
      session: () => model.session.get(id) ?? 0,
      // What was there already when the bound began has been superseded for too long.
      bounded: () =>
        Math.max(
          0,
          history.findLastIndex(({ atMs }) => atMs < askedAtMs - BOUND_MS),
        ),
    }[level]();
    const found = place(model, id, values[i] ?? null, from);
    if (session && values[i] !== null) model.session.set(id, Math.max(model.session.get(id) ?? 0, found));
  }
  if (session) real.token = session.knows ? session.token() : real.token;
}

/** By all nodes one after the other: what one of them loads, the next one may find. */
function readAll(first: number, ids: readonly number[], level: Level): Command {
  return command(`all nodes from ${first} on read ${ids.join(' and ')}, ${level}`, async (model, real) => {
    for (let i = 0; i < NODES; i += 1) await read({ model, real }, (first + i) % NODES, ids, level);
  });
}

function publish(by: number): Command {
  return command(`node ${by} publishes a generation`, async (model, { runtime, nodes }) => {
    model.values += 1;
    const label = model.values;
    const entries = IDS.map((id) => [{ id }, label * 10 + id] as const);
    const generation = await runtime.settle(nodes[by]!.stage(prices, entries));
    await runtime.settle(nodes[by]!.swap(prices, generation));
    model.generations.push(label);
  });
}

function view(by: number, pauseMs: number): Command {
  return command(
    `node ${by} views the group, with a pause of ${pauseMs} ms`,
    async (model, { runtime, nodes }) => {
      if (model.generations.length === 0) return;
      const seen = await runtime.settle(nodes[by]!.view(prices)).catch((error: unknown) => {
        // A region that has not heard of the first one yet says that there is none.
        expect(error).toMatchObject({ code: 'E_GROUP_EMPTY' });
        return null;
      });
      if (!seen) return;
      const first = await runtime.settle(seen.get({ id: IDS[0] }));
      await runtime.advance(pauseMs);
      const rest = await runtime.settle(seen.getMany(IDS.map((id) => ({ id }))));
      const label = (first! - IDS[0]) / 10;
      expect(model.generations).toContain(label);
      expect(rest).toEqual(IDS.map((id) => label * 10 + id));
    },
  );
}

/** Within a region everything goes on, and the source can be reached from both. */
function cut(region: 'us' | 'eu', heals: boolean): Command {
  return command(`${region} is ${heals ? 'joined again' : 'cut off'}`, async (_, { mesh }) =>
    heals ? mesh.heal(region) : mesh.cut(region),
  );
}

function pass(ms: number): Command {
  return command(`${ms} ms pass`, (_, { runtime }) => runtime.advance(ms));
}

/** What a promise is broken by, so often that few histories are enough. */
function inOrder(...steps: readonly Command[]): Command {
  return command(steps.join(', then '), async (model, real) => {
    for (const each of steps) await each.run(model, real);
  });
}

const by = fc.nat(NODES - 1);
const id = fc.constantFrom(...IDS);
const level = fc.constantFrom<Level>('eventual', 'bounded', 'bounded', 'session', 'session', 'latest');
const commands = fc.commands(
  [
    fc.tuple(by, id, fc.boolean(), fc.boolean()).map(([b, i, removes, s]) => write(b, i, removes, s)),
    fc.tuple(by, id, fc.boolean(), fc.boolean()).map(([b, i, removes, s]) => write(b, i, removes, s)),
    fc.tuple(by, id, level).map(([b, i, l]) => readAll(b, [i], l)),
    fc.tuple(by, id, level).map(([b, i, l]) => readAll(b, [i], l)),
    fc.tuple(by, level).map(([b, l]) => readAll(b, IDS, l)),
    fc
      .tuple(by, id, fc.constantFrom(60, 700, 1_500), level)
      .map(([b, i, ms, l]) =>
        inOrder(
          readAll(b, [i], 'eventual'),
          write(b, i, false, l === 'session'),
          pass(ms),
          readAll(b, [i], l),
        ),
      ),
    by.map(publish),
    fc.tuple(by, fc.constantFrom(0, 50, 1_000)).map(([b, ms]) => view(b, ms)),
    fc.tuple(fc.constantFrom('us' as const, 'eu'), fc.nat(2)).map(([r, n]) => cut(r, n === 0)),
    fc.constantFrom(1, 10, 60, 700, 700, 2_500, 20_000).map(pass),
    fc.constantFrom(60, 700).map(pass),
  ],
  { maxCommands: 40, size: 'max' },
);

/** Two regions of two nodes, far from each other, on a clock of their own. */
async function open(): Promise<{ real: Real; close(): Promise<void> }> {
  const runtime = new VirtualRuntime();
  const source = memorySource({ runtime });
  const mesh = memoryMesh({ runtime, regions: ['us', 'eu'], delayMs: () => 40 });
  const stores = [memoryStore({ runtime }), memoryStore({ runtime })];
  const buses = Array.from({ length: NODES }, (_, i) => mesh.bus(i % 2 === 0 ? 'us' : 'eu'));
  const nodes = await runtime.settle(
    Promise.all(
      buses.map((bus, i) =>
        startNode({
          runtime,
          source,
          bus,
          store: stores[i % 2]!,
          keyspaces: [rows],
          groups: [prices],
          sessionSecrets: ['a secret of this test'],
        }),
      ),
    ),
  );
  return {
    real: { runtime, nodes, mesh, token: null },
    async close() {
      await runtime.settle(Promise.all([...nodes, ...buses].map((each) => each.close())));
      await source.close();
    },
  };
}

it('a fleet of nodes does what a database without caches does, at every level, and ends equal to it', async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      const { real, close } = await open();
      const model = new Model();
      try {
        await fc.asyncModelRun(() => ({ model, real }), steps);
        for (const region of ['us', 'eu']) real.mesh.heal(region);
        await real.runtime.advance(30_000);
        for (const [node] of real.nodes.entries()) {
          for (const each of IDS) {
            const value = await real.runtime.settle(real.nodes[node]!.get(rows, { id: each }));
            expect(value).toBe(model.rows.get(each)!.at(-1)!.value);
          }
          const label = model.generations.at(-1);
          if (label === undefined) continue;
          const last = await real.runtime.settle(real.nodes[node]!.view(prices));
          expect(await real.runtime.settle(last.get({ id: 1 }))).toBe(label * 10 + 1);
        }
      } finally {
        await close();
      }
    }),
    runs(40),
  );
}, 120_000);
