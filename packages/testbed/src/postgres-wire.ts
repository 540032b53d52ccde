import { connect } from 'node:net';

/** The first message of a client, which a serving Postgres answers with `R`. */
export function startupPacket(database: string): Buffer {
  const text = Buffer.from(`user\0postgres\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + text.length, 0);
  head.writeInt32BE(196_608, 4); // Protocol 3.0.
  return Buffer.concat([head, text]);
}

/**
 * Runs one statement by the simple protocol: the test bed needs no more of a client.
 * @returns the first column of the last row, as text; null when there is none
 */
export function runSql(port: number, sql: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(startupPacket('postgres')));
    let rest = Buffer.alloc(0);
    let asked = false;
    let failure: string | null = null;
    let answer: string | null = null;
    socket.once('error', reject);
    socket.once('close', () =>
      reject(new Error(`Postgres closed the connection instead of answering: ${sql}`)),
    );
    socket.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
        const kind = String.fromCharCode(rest[0]!);
        const body = rest.subarray(5, 1 + rest.readInt32BE(1));
        rest = rest.subarray(1 + rest.readInt32BE(1));
        if (kind === 'D') answer = firstColumn(body);
        if (kind === 'E') failure = body.toString().replaceAll('\0', ' ');
        if (kind !== 'Z' && !(kind === 'E' && !asked)) continue;
        if (asked || failure !== null) {
          socket.end();
          if (failure === null) resolve(answer);
          else reject(new Error(failure));
          return;
        }
        asked = true;
        const text = Buffer.from(`${sql}\0`);
        const head = Buffer.alloc(5);
        head.write('Q', 0);
        head.writeInt32BE(4 + text.length, 1);
        socket.write(Buffer.concat([head, text]));
      }
    });
  });
}

/** A row: number of columns (16 bits), then length (32 bits, -1 for null) and text of each. */
function firstColumn(row: Buffer): string | null {
  const length = row.readInt16BE(0) > 0 ? row.readInt32BE(2) : -1;
  return length < 0 ? null : row.toString('utf8', 6, 6 + length);
}
