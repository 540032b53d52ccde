export { NatsBus, natsBus } from './nats-bus.ts';
export type { NatsBusOptions, NatsServerOptions } from './options.ts';
