export { NatsBus, natsBus } from './nats-bus.ts';
export { NatsObserver, type NatsObserverOptions, type NatsServerFacts } from './observer.ts';
export type { Follower, LogEntry, LogQuery, StreamLook } from './stream-look.ts';
export type { NatsBusOptions, NatsServerOptions } from './options.ts';
