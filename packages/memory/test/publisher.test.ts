import { decodeMessage, keyspace, startNode, type Store, type TidemarkNode } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryMesh, memorySource, memoryStore, type MemoryTx } from '../src/index.ts';
import { VirtualRuntime } from './virtual-runtime.ts';

const rows = keyspace({ name: 'row', params: { id: 'int' }, load: async () => 1 });

let runtime: VirtualRuntime;
let node: TidemarkNode<MemoryTx>;
/** The keys of each message that a peer got, in order. */
let heard: string[][];
/** Lets the raises that wait in the region's store go on; null: none has to wait. */
let hung: (() => void)[] | null;
let close: (() => Promise<unknown>)[];

beforeEach(async () => {
  runtime = new VirtualRuntime();
  heard = [];
  hung = null;
  const source = memorySource({ runtime });
  const mesh = memoryMesh({ runtime, regions: ['us', 'eu'] });
  const memory = memoryStore({ runtime });
  const store = new Proxy(memory, {
    get(target, name) {
      if (name !== 'raise') return Reflect.get(target, name, target) as unknown;
      return async (...[events]: Parameters<Store['raise']>) => {
        if (hung) await new Promise<void>((resolve) => hung!.push(resolve));
        return target.raise(events);
      };
    },
  });
  const [us, eu] = [mesh.bus('us'), mesh.bus('eu')];
  await eu.follow('us', {
    onMessage: ({ data }) => {
      const decoded = decodeMessage(data);
      if (decoded.ok && decoded.message.kind === 'bump')
        heard.push(decoded.message.invalidations.map(({ key }) => key));
    },
    onDiscontinuity: () => {},
  });
  node = await startNode({
    keyspaces: [rows],
    store,
    bus: us,
    source,
    runtime,
    roles: { relay: false, applier: false },
  });
  close = [() => node.close(), () => us.close(), () => eu.close(), () => source.close()];
});
afterEach(async () => {
  for (const each of close) await runtime.settle(each());
});

const write = (id: number): Promise<unknown> => node.write((tx) => tx.set(`row:${id}`, id));
const nothingMoves = (): Promise<void> => runtime.advance(0);

describe('what was committed', () => {
  it('is on its way at once when it comes alone', async () => {
    await runtime.advance(100);
    await runtime.settle(write(1));
    await nothingMoves();
    expect(heard).toEqual([['row:1']]);
  });

  it('goes in one message with what comes within 2 ms', async () => {
    await runtime.advance(100);
    await runtime.settle(write(1));
    for (const id of [2, 3, 4]) await runtime.settle(write(id));
    await nothingMoves();
    expect(heard).toEqual([['row:1']]);
    await runtime.advance(2);
    expect(heard).toEqual([['row:1'], ['row:2', 'row:3', 'row:4']]);
    await runtime.advance(2);
    await runtime.settle(write(5));
    await nothingMoves();
    expect(heard.at(-1)).toEqual(['row:5']);
  });

  it('is told to the peers while the region’s own store hangs', async () => {
    await runtime.advance(100);
    hung = [];
    const writing = write(1);
    await nothingMoves();
    expect(hung).toHaveLength(1);
    expect(heard).toEqual([['row:1']]);
    for (const goOn of hung.splice(0)) goOn();
    await runtime.settle(writing);
  });
});
