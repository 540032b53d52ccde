import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { confirm } from '../src/confirm.ts';

function terminal(answer: string, isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  input.write(answer);
  return { input, output, said: () => String(output.read() ?? '') };
}

it.each(['y\n', 'Yes\n', ' y \n'])('goes on after %j', async (answer) => {
  const asked = terminal(answer);
  await confirm({}, 'this empties it', asked);
  expect(asked.said()).toContain('this empties it. Really? [y/N]');
});

it.each(['\n', 'n\n', 'yeah?\n'])('does nothing after %j', async (answer) => {
  const asked = terminal(answer);
  await expect(confirm({}, 'this empties it', asked)).rejects.toMatchObject({ exitCode: 4 });
  expect(asked.said()).toContain('nothing was done');
});

it('asks nobody who said --yes', async () => {
  const asked = terminal('');
  await confirm({ yes: true }, 'this empties it', asked);
  expect(asked.said()).toBe('');
});

it.each([
  [{}, false],
  [{ json: true as const }, true],
])('wants --yes where nobody can answer: %j, terminal %s', async (flags, isTTY) => {
  await expect(confirm(flags, 'this empties it', terminal('y\n', isTTY))).rejects.toThrow(/say --yes/);
});
