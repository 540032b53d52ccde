import { AckPolicy, connect, DeliverPolicy, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Server, startNats } from '../src/index.ts';

// The example is what operators copy: it must let a region do all it needs, and nothing else.
const STREAM = 'TM_shop_us-east';
const LOG = 'tidemark.shop.us-east.log';
const encoder = new TextEncoder();
let server: Server;
let owner: NatsConnection;
let peer: NatsConnection;

async function dial(user: string): Promise<NatsConnection> {
  return connect({
    servers: server.url,
    user,
    pass: `secret-${user}`,
    inboxPrefix: `_INBOX_${user}`,
    timeout: 2_000,
  });
}

/** The subject of the next violation that the server reports to this connection, caused by `act`. */
async function violation(connection: NatsConnection, act: () => unknown): Promise<unknown> {
  const statuses = connection.status()[Symbol.asyncIterator]();
  await act();
  for (;;) {
    const { value, done } = await statuses.next();
    if (done) throw new Error('the connection closed');
    if (value.type === 'error' && value.data === 'PERMISSIONS_VIOLATION') return value.permissionContext;
  }
}

beforeAll(async () => {
  const users = ['us-east', 'eu-west', 'ap-south'];
  const variable = (user: string): string => `TIDEMARK_NATS_PASSWORD_${user.toUpperCase().replace('-', '_')}`;
  server = await startNats({
    name: 'us-east',
    config: 'production-example.conf',
    env: Object.fromEntries(users.map((user) => [variable(user), `secret-${user}`])),
  });
  owner = await dial('us-east');
  peer = await dial('eu-west');
  const manager = await owner.jetstreamManager({ checkAPI: false });
  await manager.streams.add({ name: STREAM, subjects: [LOG], deny_delete: true });
});

afterAll(async () => {
  await Promise.all([owner?.close(), peer?.close()]);
  await server?.close();
});

describe('the region itself', () => {
  it('appends to its stream and signals on its channels, which peers follow and hear', async () => {
    await owner.jetstream().publish(LOG, encoder.encode('a'));
    const manager = await peer.jetstreamManager({ checkAPI: false });
    await manager.streams.info(STREAM);
    await manager.consumers.add(STREAM, {
      name: 'tm-peer',
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: 1,
      mem_storage: true,
    });
    const consumer = await peer.jetstream().consumers.get(STREAM, 'tm-peer');
    const messages = await consumer.consume({ bind: true, max_messages: 10, expires: 2_000 });
    for await (const message of messages) {
      expect(message.string()).toBe('a');
      break;
    }
    const heard = peer.subscribe('tidemark.shop.us-east.feed', { max: 1 });
    await peer.flush();
    owner.publish('tidemark.shop.us-east.feed', 'tick');
    for await (const message of heard) expect(message.string()).toBe('tick');
  });

  it.each([
    ['another region', 'tidemark.shop.eu-west.log'],
    ['another source', 'tidemark.bank.us-east.log'],
    ['the removal of its stream', `$JS.API.STREAM.DELETE.${STREAM}`],
    ['its purge', `$JS.API.STREAM.PURGE.${STREAM}`],
    ['a change of it', `$JS.API.STREAM.UPDATE.${STREAM}`],
    ['another stream', '$JS.API.STREAM.CREATE.TM_shop_eu-west'],
  ])('may not publish %s', async (_, subject) => {
    expect(await violation(owner, () => owner.publish(subject))).toMatchObject({
      operation: 'publish',
      subject,
    });
  });

  it('may see who follows its stream', async () => {
    const manager = await owner.jetstreamManager({ checkAPI: false });
    const page = await manager.consumers.list(STREAM).next();
    expect(page.map(({ name }) => name)).toContain('tm-peer');
  });
});

describe('a peer', () => {
  it.each([
    ['events', LOG],
    ['signals', 'tidemark.shop.us-east.feed'],
    ['its own subject, on a server that is not its own', 'tidemark.shop.eu-west.log'],
    ['a new stream', '$JS.API.STREAM.CREATE.X'],
    ['the removal of the stream', `$JS.API.STREAM.DELETE.${STREAM}`],
    ['the removal of a consumer', `$JS.API.CONSUMER.DELETE.${STREAM}.tm-peer`],
    ['an answer to another region', '_INBOX_us-east.x'],
  ])('may not publish %s', async (_, subject) => {
    expect(await violation(peer, () => peer.publish(subject))).toMatchObject({
      operation: 'publish',
      subject,
    });
  });

  it.each(['_INBOX_us-east.>', '_INBOX_ap-south.>', 'tidemark.shop.>', '>'])(
    'may not listen to %s',
    async (subject) => {
      const act = (): unknown => peer.subscribe(subject, { callback: () => {} });
      expect(await violation(peer, act)).toMatchObject({ operation: 'subscription', subject });
    },
  );

  it('gets a rejected append, not a lost one', async () => {
    await expect(peer.jetstream().publish(LOG, encoder.encode('forged'))).rejects.toMatchObject({
      code: 'PERMISSIONS_VIOLATION',
    });
    const { state } = await (await owner.jetstreamManager({ checkAPI: false })).streams.info(STREAM);
    expect(state.messages).toBe(1);
  });
});

it('does not keep a peer from having the log repeated on a channel, unaltered, as the file says', async () => {
  const heard = owner.subscribe('tidemark.shop.us-east.feed', { max: 1 });
  await owner.flush();
  const manager = await peer.jetstreamManager({ checkAPI: false });
  await manager.consumers.add(STREAM, {
    name: 'repeater',
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    deliver_subject: 'tidemark.shop.us-east.feed',
  });
  for await (const message of heard) expect(message.string()).toBe('a');
});

it('nobody gets in without a password', async () => {
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(
    /Authorization Violation/i,
  );
});
