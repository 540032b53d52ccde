import { connect, type NatsConnection } from 'nats';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Server, startNats } from '../src/index.ts';

const encoder = new TextEncoder();
let server: Server;
let nats: NatsConnection;

beforeAll(async () => {
  server = await startNats({ name: 'eu-west' });
  await dial();
});

afterEach(() => dial());

afterAll(async () => {
  await nats.close();
  await server.close();
});

async function dial(): Promise<void> {
  await nats?.close();
  nats = await connect({ servers: server.url });
}

it('has the given name, JetStream, and the settings of deploy/', async () => {
  expect(nats.info).toMatchObject({ server_name: 'eu-west', jetstream: true, max_payload: 2 * 2 ** 20 });
  expect(nats.info?.port).toBe(server.port);
  const manager = await nats.jetstreamManager();
  expect((await manager.getAccountInfo()).streams).toBe(0);
});

it('keeps its streams across a stop and a kill, and loses them when wiped', async () => {
  const manager = await nats.jetstreamManager();
  await manager.streams.add({ name: 'S', subjects: ['s.>'] });
  await nats.jetstream().publish('s.1', encoder.encode('a'));
  for (const end of ['stop', 'kill'] as const) {
    await server[end]();
    await server.start();
    await dial();
    const info = await (await nats.jetstreamManager()).streams.info('S');
    expect(info.state.messages).toBe(1);
  }
  await server.stop();
  await server.wipe();
  await server.start();
  await dial();
  await expect((await nats.jetstreamManager()).streams.info('S')).rejects.toThrow(/stream not found/);
});

it('runs beside another one', async () => {
  await using other = await startNats();
  expect(other.url).not.toBe(server.url);
  const connection = await connect({ servers: other.url });
  expect(connection.info?.server_name).toBe('test');
  await connection.close();
});
