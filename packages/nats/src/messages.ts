import type { BusMessage } from '@tidemark/core';
import { type MsgHdrs, StringCodec } from 'nats';

const codec = StringCodec();

export function toBusMessage(bytes: Uint8Array, headers: MsgHdrs | undefined): BusMessage {
  const data = codec.decode(bytes);
  if (!headers) return { data };
  return { data, headers: Object.fromEntries([...headers].map(([name, values]) => [name, values[0] ?? ''])) };
}
