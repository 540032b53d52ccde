/** A process that offers to take its region's roles, says when it took or lost one, and lives until it is killed. */
import { noTelemetry } from '@tidemark/core';
import { type Addresses, openNode } from './regions-harness.ts';

const leading = new Set<string>();
const { node } = await openNode(JSON.parse(process.env['ADDRESSES']!) as Addresses, {
  telemetry: {
    ...noTelemetry,
    record(event) {
      if (event.type !== 'role' || event.leading === leading.has(event.role)) return;
      if (!event.leading) {
        leading.delete(event.role);
        process.stdout.write(`lost ${event.role}\n`);
        return;
      }
      leading.add(event.role);
      if (leading.size === 2) process.stdout.write('leading both roles\n');
    },
  },
});
setInterval(() => node.stats(), 1_000);
