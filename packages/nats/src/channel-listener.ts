import type { BusMessage, Subscription } from '@tidemark/core';
import { delay, type Link } from './link.ts';
import { toBusMessage } from './messages.ts';

/** How long a listener waits for the server to know of it. */
const KNOWN_MS = 2_000;

/** Listens to a channel, across reconnects, also when there is no connection yet. */
export async function listenOn(
  link: Link,
  subject: string,
  handler: (message: BusMessage) => void,
): Promise<Subscription> {
  let stop = (): void => {};
  let stopped = false;
  link.onceConnected((connection) => {
    if (stopped) return;
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error && !stopped) handler(toBusMessage(message.data, message.headers));
      },
    });
    stop = () => subscription.unsubscribe();
  });
  // The server must know of it before a caller relies on hearing.
  const connection = link.up;
  if (connection) {
    const limit = delay(KNOWN_MS);
    await Promise.race([
      Promise.resolve()
        .then(() => connection.flush())
        .catch(() => {}),
      limit.promise,
    ]);
    limit.cancel();
  }
  return {
    stop: async () => {
      stopped = true;
      stop();
    },
  };
}
