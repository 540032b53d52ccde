import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Agents, cli } from './agent-harness.ts';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 60_000, interval: 20 };
/** Every agent and every command is a process that loads all of its sources. */
vi.setConfig({ testTimeout: 180_000 });
const NO_ROLES = { roles: { relay: false, applier: false } } as const;

let regions: Regions;
let agents: Agents;
/** Arguments that choose a region. */
let inUs: string[];
let inEu: string[];
let us: OpenNode;
let eu: OpenNode;

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
  agents = await Agents.inTempDir();
  const files = { us: regions.addresses('us'), eu: regions.addresses('eu') };
  inUs = await agents.place('us', files);
  inEu = await agents.place('eu', files);
});
beforeEach(async () => {
  await regions.sql(1, 'old');
  us = await regions.node('us', NO_ROLES);
  eu = await regions.node('eu', NO_ROLES);
});
afterEach(async () => {
  agents.kill();
  await regions.closeNodes();
});
afterAll(async () => {
  await regions.close();
  await agents.close();
});

async function follows(value: string): Promise<void> {
  await us.node.write((tx) => tx.query('update items set value = $1 where id = 1', [value]));
  await vi.waitFor(async () => {
    const result = await eu.node.read(items, { id: 1 });
    expect([result.value?.value, result.tier]).toEqual([value, 'l1']);
  }, WAIT);
}

it('keeps regions coherent whose services offer no roles; killed or ended, another takes over', async () => {
  const [first, other] = [await agents.ready(...inUs), await agents.ready(...inEu)];
  await follows('one');
  await vi.waitFor(
    () => expect([...first.roles(), ...other.roles()].toSorted()).toEqual(['applier', 'applier', 'relay']),
    WAIT,
  );
  const second = await agents.ready(...inEu);
  other.child.kill('SIGKILL');
  await vi.waitFor(() => expect(second.roles()).toContain('applier'), WAIT);
  await follows('two');
  const third = await agents.ready(...inEu);
  expect(await second.end('SIGTERM')).toBe(0);
  await vi.waitFor(() => expect(third.roles()).toContain('applier'), WAIT);
  await follows('three');
});

it.each(['SIGTERM', 'SIGINT'] as const)('%s: gives its roles back before it ends', async (signal) => {
  const agent = await agents.ready(...inUs, '--roles', 'applier,relay');
  await vi.waitFor(() => expect(agent.roles()).toEqual(['applier', 'relay']), WAIT);
  expect(await agent.end(signal)).toBe(0);
  expect(agent.roles()).toEqual([]);
  expect(await us.store.claim('applier', 'somebody', 1_000)).toBe(true);
  await us.store.resign('applier', 'somebody');
  const leadership = await us.source.lead('relay');
  expect(leadership).not.toBeNull();
  await leadership?.resign();
});

it.each([
  [
    ['--roles', 'applier,relay'],
    ['applier', 'relay'],
  ],
  [
    ['--roles', 'applier', 'relay'],
    ['applier', 'relay'],
  ],
  [
    ['--roles', 'relay', '--roles', 'relay,applier'],
    ['relay', 'applier'],
  ],
  [['--roles=applier'], ['applier']],
  [[], ['relay', 'applier']],
])('offers the roles of %j', async (flags, roles) => {
  const agent = await agents.ready(...inEu, ...flags);
  expect(agent.events()).toContainEqual({ type: 'ready', region: 'eu', roles });
});

it('shows a row that can not be applied, and gives it up only when told twice', async () => {
  await agents.ready(...inUs);
  await agents.ready(...inEu);
  await follows('before');
  await regions.admin.query(
    `insert into tidemark.versions values ('Not A Key', nextval('tidemark.version_seq'), pg_current_xact_id(), now(), false)`,
  );
  const letters = async (): Promise<unknown> =>
    JSON.parse((await cli('dead-letters', 'list', ...inEu, '--json')).out);
  await vi.waitFor(async () => {
    const { code, out } = await cli('dead-letters', 'list', ...inEu, '--json');
    expect([code, out]).toEqual([0, expect.stringContaining('"key":"Not A Key"')]);
  }, WAIT);
  expect(await cli('dead-letters', 'discard', ...inEu)).toMatchObject({
    code: 2,
    err: expect.stringContaining('--yes') as string,
  });
  expect(await letters()).toMatchObject({ letters: [{ change: { key: 'Not A Key' } }] });

  // What an older transaction keeps at the changelog's edge is given up by a later try.
  await vi.waitFor(async () => {
    const { code, out } = await cli('dead-letters', 'discard', ...inEu, '--yes', '--json');
    expect([code, JSON.parse(out)]).toEqual([0, { open: [] }]);
  }, WAIT);
  expect(await letters()).toEqual({ letters: [] });
  const elsewhere = JSON.parse((await cli('dead-letters', 'list', ...inUs, '--json')).out) as unknown;
  expect(elsewhere).toMatchObject({ letters: [{ change: { key: 'Not A Key' } }] });
  await regions.admin.query(`delete from tidemark.versions where key = 'Not A Key'`);
  await follows('after');
});
