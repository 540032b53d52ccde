import type { Bus, BusMessage } from '@tidemark/core';

/**
 * How a later release might write: `readable` for readers from format 1 on, with fields and kinds that are
 * unknown today; `unreadable` for its own kind only.
 */
export type Dialect = 'readable' | 'unreadable';

/** A bus that speaks as a later release would, and understands what that release wrote. */
export function nextRelease(bus: Bus, dialect: Dialect): Bus {
  const own = { next: true };
  return {
    region: bus.region,
    regions: bus.regions,
    async append(message) {
      // What has no number may come at any time, from any release.
      await bus.append({ data: JSON.stringify({ f: 2, r: 1, k: 'hint', ...own }) });
      await bus.append({ data: JSON.stringify({ f: 2, ...own, body: 'what nobody knows yet' }) });
      await bus.append(translate(message, dialect));
    },
    follow: (region, handler) =>
      bus.follow(region, {
        onMessage: (message) => handler.onMessage(understand(message)),
        onDiscontinuity: (reason) => handler.onDiscontinuity(reason),
      }),
    send(channel, message) {
      bus.send(channel, { data: JSON.stringify({ f: 2, r: 1, k: 'hint', ...own }) });
      bus.send(channel, translate(message, dialect));
    },
    listen: (region, channel, handler) =>
      bus.listen(region, channel, (message) => handler(understand(message))),
    close: () => bus.close(),
  };
}

function translate(message: BusMessage, dialect: Dialect): BusMessage {
  if (message.data === '') return message;
  const fields = JSON.parse(message.data) as Record<string, unknown>;
  const { l, s } = fields;
  const next =
    dialect === 'readable'
      ? { ...fields, f: 2, r: 1, extra: [{ of: 'a later release' }], ev2: 'x' }
      : {
          f: 2,
          k: fields['k'],
          ...(l === undefined ? {} : { l, s }),
          ev: { not: 'a list' },
          own: message.data,
        };
  return { ...message, data: JSON.stringify(next) };
}

function understand(message: BusMessage): BusMessage {
  if (!message.data.includes('"own":')) return message;
  const { own } = JSON.parse(message.data) as { own: string };
  return { ...message, data: own };
}
