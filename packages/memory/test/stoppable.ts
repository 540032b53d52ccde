import type { Bus, Runtime, StreamHandler } from '@tidemark/core';
import { systemRuntime } from '@tidemark/core';

/**
 * What a process sees of the world, and can be stopped like by SIGSTOP: its timers wait, signals
 * that are sent to it are lost, and its streams have run over when it goes on.
 */
export class Stoppable {
  readonly #handlers = new Set<StreamHandler>();
  #stopped = false;
  #due: (() => void)[] = [];
  /** Swallows what it sends to the nodes, as a network may. */
  mute = false;

  readonly runtime: Runtime = {
    ...systemRuntime,
    timer: (ms, task) => systemRuntime.timer(ms, () => this.#run(task)),
  };

  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    this.#stopped = false;
    for (const handler of this.#handlers) handler.onDiscontinuity('overrun while it was stopped');
    for (const task of this.#due.splice(0)) task();
  }

  bus(bus: Bus): Bus {
    return {
      region: bus.region,
      regions: bus.regions,
      append: (message) => bus.append(message),
      follow: (region, handler) => {
        this.#handlers.add(handler);
        return bus.follow(region, {
          onMessage: (message) => (this.#stopped ? undefined : handler.onMessage(message)),
          onDiscontinuity: (reason) => handler.onDiscontinuity(reason),
        });
      },
      send: (channel, message) => {
        if (!this.mute) bus.send(channel, message);
      },
      listen: (region, channel, handler) =>
        bus.listen(region, channel, (message) => {
          if (!this.#stopped) handler(message);
        }),
      close: () => bus.close(),
    };
  }

  #run(task: () => void): void {
    if (this.#stopped) this.#due.push(task);
    else task();
  }
}
