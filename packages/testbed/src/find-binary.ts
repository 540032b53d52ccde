import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Full path of a program on PATH, or in one of the extra folders; null when there is none. */
export async function findBinary(name: string, extraDirs: readonly string[] = []): Promise<string | null> {
  for (const dir of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', ...extraDirs]) {
    if (!dir) continue;
    const path = join(dir, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return null;
}

/** @throws when the program is missing, saying how to get it */
export async function needBinary(name: string): Promise<string> {
  const path = await findBinary(name, ['/opt/homebrew/bin', '/usr/local/bin']);
  if (path) return path;
  throw new Error(
    `${name} is not installed. Debian, Ubuntu: apt-get install redis-server nats-server postgresql prometheus. ` +
      `macOS: brew install redis nats-server postgresql prometheus.`,
  );
}
