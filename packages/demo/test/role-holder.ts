/** A process that takes its region's roles and holds them until it is killed. */
import { noTelemetry } from '@tidemark/core';
import { type Addresses, openNode } from './regions-harness.ts';

const leading = new Set<string>();
const { node } = await openNode(JSON.parse(process.env['ADDRESSES']!) as Addresses, {
  telemetry: {
    ...noTelemetry,
    record(event) {
      if (event.type !== 'role' || !event.leading) return;
      leading.add(event.role);
      if (leading.size === 2) process.stdout.write('leading both roles\n');
    },
  },
});
setInterval(() => node.stats(), 1_000);
