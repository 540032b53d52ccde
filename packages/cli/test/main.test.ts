import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { run } from './run.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LOCAL = ['--regions', join(ROOT, 'regions/local'), '--region', 'eu-west', '--source', 'shop'];

const TOKEN = 'of-both-sides-0123456789';

describe('errors', () => {
  it.each([
    [['agent', '--region', 'eu-west'], 'E_USAGE', /--regions <dir>' not specified/],
    [['agent', ...LOCAL, '--roles', 'relay,boss'], 'E_USAGE', /Allowed choices are relay, applier/],
    [['agent', ...LOCAL, '--roles', ''], 'E_USAGE', /Allowed choices are relay, applier/],
    [['agent', ...LOCAL, '--colour'], 'E_USAGE', /unknown option '--colour'/],
    [['agent', ...LOCAL, '--region', 'nowhere'], 'E_REGION_UNKNOWN', /there is no region nowhere/],
    [['agent', ...LOCAL, '--regions', '/nonexistent'], 'E_REGION_UNREADABLE', /no such folder/],
    [['agent', ...LOCAL, '--namespace', 'a:b'], 'E_CONFIGURATION', /redis namespace/],
    [['dead-letters', 'discard', ...LOCAL], 'E_USAGE', /say --yes/],
  ])('%j: %s, as text and as one JSON object', async (args, code, message) => {
    const text = await run(...args);
    expect(text).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
    if (code !== 'E_USAGE') expect(text.err).toMatch(new RegExp(`^${code}: `));
    const json = await run(...args, '--json');
    expect(json).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^[^\n]*\n$/) });
    expect(JSON.parse(json.err)).toEqual({ error: { code, message: expect.stringMatching(message) } });
  });

  it.each([
    [['agent', ...LOCAL, '--export', '0'], '', /TIDEMARK_EXPORT_TOKEN/],
    [['agent', ...LOCAL, '--export', '0'], 'short', /at least 16 visible ASCII characters/],
    [['agent', ...LOCAL, '--export', '70000'], TOKEN, /Give a port/],
    [['agent', ...LOCAL, '--export', '0', '--export-cert', 'a.pem'], TOKEN, /belong together/],
    [
      ['agent', ...LOCAL, '--export', '0', '--export-cert', 'no.pem', '--export-key', 'no.pem'],
      TOKEN,
      /no.pem can't be read/,
    ],
    [['warm', ...LOCAL, '--from', 'https://us-east:8443'], '', /TIDEMARK_EXPORT_TOKEN/],
    [['warm', ...LOCAL, '--from', 'http://'], TOKEN, /no address of an export/],
    [['warm', ...LOCAL, '--from', 'nowhere'], TOKEN, /--from takes peer:REGION/],
    [['warm', ...LOCAL, '--from', 'peer:eu-west'], TOKEN, /can't be warmed from itself/],
    [['warm', ...LOCAL, '--from', 'source'], TOKEN, /needs --keyspaces/],
    [['warm', ...LOCAL, '--from', 'peer:us-east', '--live-slowdown', '1'], TOKEN, /above 1/],
    [['warm', ...LOCAL, '--from', 'peer:us-east', '--until', 'coverage=0'], TOKEN, /a gate is/],
    [['warm', ...LOCAL, '--from', 'peer:us-east', '--shard', '4/4'], TOKEN, /index\/count/],
  ])('%j with the token %j is a wrong usage', async (args, token, message) => {
    vi.stubEnv('TIDEMARK_EXPORT_TOKEN', token);
    const { code, err } = await run(...args);
    vi.unstubAllEnvs();
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  it('help is none', async () => {
    const { code, out, err } = await run('agent', '--help');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('Examples:');
    expect(out).toContain('Exit codes:');
  });
});

it('says what to do when it was not built', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-bin-'));
  try {
    await cp(join(ROOT, 'packages/cli/bin'), join(dir, 'bin'), { recursive: true });
    const bin = async (...args: string[]): Promise<[unknown, string]> =>
      new Promise((resolve) => {
        execFile(process.execPath, [join(dir, 'bin/tidemark.mjs'), ...args], (error, _, err) =>
          resolve([error?.code, err]),
        );
      });
    expect(await bin('agent')).toEqual([1, expect.stringMatching(/^E_NOT_BUILT: .*npm run build.*\n$/)]);
    const [, json] = await bin('agent', '--json');
    expect(JSON.parse(json)).toMatchObject({ error: { code: 'E_NOT_BUILT' } });
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('systemd does not restart what a restart can not help', async () => {
  const unit = await readFile(join(ROOT, 'deploy/agent/tidemark-agent.service'), 'utf8');
  const [head, service] = unit.split('[Service]');
  expect(service).toMatch(/^RestartPreventExitStatus=2$/m); // Wrong usage or configuration.
  expect(head).toMatch(/^StartLimitIntervalSec=\d+$/m);
  expect(head).toMatch(/^StartLimitBurst=\d+$/m);
});
