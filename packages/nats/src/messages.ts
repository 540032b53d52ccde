import type { BusMessage } from '@tidemark/core';
import { headers, type MsgHdrs, StringCodec } from 'nats';

const codec = StringCodec();

/** What came over NATS, as the bus shows it. Of a header with several values the first one counts. */
export function toBusMessage(bytes: Uint8Array, carried: MsgHdrs | undefined): BusMessage {
  const data = codec.decode(bytes);
  if (!carried) return { data };
  return { data, headers: Object.fromEntries([...carried].map(([name, values]) => [name, values[0] ?? ''])) };
}

/** Payload and options to publish a message with. */
export function fromBusMessage(message: BusMessage): readonly [Uint8Array, { headers?: MsgHdrs }] {
  const payload = codec.encode(message.data);
  if (!message.headers) return [payload, {}];
  const carried = headers();
  for (const [name, value] of Object.entries(message.headers)) carried.set(name, value);
  return [payload, { headers: carried }];
}
