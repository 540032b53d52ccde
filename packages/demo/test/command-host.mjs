// Runs commands of the program in its first argument, several at a time, for whoever forked it; see running-demo.ts.
import { AsyncLocalStorage } from 'node:async_hooks';

/** @type {{ main(argv: readonly string[]): Promise<number> }} */
const { main } = await import(process.argv[2] ?? '');
/** @type {AsyncLocalStorage<Record<'stdout' | 'stderr', string>>} */
const saying = new AsyncLocalStorage();

for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
  const stream = process[name];
  const write = stream.write.bind(stream);
  stream.write = (/** @type {string | Uint8Array} */ text) => {
    const said = saying.getStore();
    if (!said) return write(text);
    said[name] += String(text);
    return true;
  };
}

process.on('message', (/** @type {{ id: number, args: readonly string[] }} */ { id, args }) => {
  const said = { stdout: '', stderr: '' };
  void saying
    .run(said, () => main(['node', 'tidemark', ...args]))
    .then((code) => process.send?.({ id, code, out: said.stdout, err: said.stderr }));
});
