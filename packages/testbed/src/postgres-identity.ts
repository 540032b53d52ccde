import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const IDENTIFIER_BYTES = 8;
/** Where a WAL segment's first page repeats the identifier (XLogLongPageHeaderData). */
const WAL_OFFSET = 24;
const WAL_SEGMENT = /^[0-9A-F]{24}$/;

/**
 * Gives a copied cluster, not running, a system identifier of its own, as initdb would have done:
 * Tidemark tells a restored or exchanged database by it.
 * @throws Error when the control file is not laid out as expected
 */
export async function renewIdentity(cluster: string): Promise<void> {
  const identifier = randomBytes(IDENTIFIER_BYTES);
  const controlFile = join(cluster, 'global/pg_control');
  const control = await readFile(controlFile);
  const crcOffset = findCrc(control);
  identifier.copy(control);
  control.writeUInt32LE(crc32c(control.subarray(0, crcOffset)), crcOffset);
  await writeFile(controlFile, control);
  const wal = join(cluster, 'pg_wal');
  for (const name of await readdir(wal)) {
    if (!WAL_SEGMENT.test(name)) continue;
    const segment = await open(join(wal, name), 'r+');
    try {
      await segment.write(identifier, 0, IDENTIFIER_BYTES, WAL_OFFSET);
    } finally {
      await segment.close();
    }
  }
}

/** The checksum is the last field; where that is differs between versions of Postgres. */
function findCrc(control: Buffer): number {
  for (let offset = 4 * IDENTIFIER_BYTES; offset <= 512; offset += 4) {
    if (control.readUInt32LE(offset) === crc32c(control.subarray(0, offset))) return offset;
  }
  throw new Error('found no checksum in pg_control');
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
