/** Swaps two generations back and forth until it is killed; says which ones first. */
import { stageAll, prices } from './groups-harness.ts';
import { type Addresses, openNode } from './regions-harness.ts';

const addresses = JSON.parse(process.env['ADDRESSES']!) as Addresses;
const { node } = await openNode(addresses, { groups: [prices] });
const generations = await stageAll(node, ['even', 'odd']);
const ids = [...generations.keys()];
await node.swap(prices, ids[0]!);
process.stdout.write(`${JSON.stringify([...generations])}\n`);
for (let turn = 1; ; turn += 1) await node.swap(prices, ids[turn % 2]!);
