import { vi } from 'vitest';
import { main } from '../src/main.ts';

/** Runs the command in this process. */
export async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((said.out += String(text)), true)),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((said.err += String(text)), true)),
    // What completes prints with it, and vitest takes it before it gets to stdout.
    vi.spyOn(console, 'log').mockImplementation((text) => void (said.out += `${String(text)}\n`)),
  ];
  try {
    const code = await main(['node', 'tidemark', ...args]);
    return { code, ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
