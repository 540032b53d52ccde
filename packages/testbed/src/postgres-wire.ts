import { connect } from 'node:net';

/** The first message of a client, which a serving Postgres answers with `R`. */
export function startupPacket(database: string): Buffer {
  const text = Buffer.from(`user\0postgres\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + text.length, 0);
  head.writeInt32BE(196_608, 4); // Protocol 3.0.
  return Buffer.concat([head, text]);
}

/** Runs one statement by the simple protocol: the test bed needs no more of a client. */
export function runSql(port: number, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(startupPacket('postgres')));
    let rest = Buffer.alloc(0);
    let asked = false;
    let failure: string | null = null;
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
        if (kind === 'E') failure = body.toString().replaceAll('\0', ' ');
        if (kind !== 'Z' && !(kind === 'E' && !asked)) continue;
        if (asked || failure !== null) {
          socket.end();
          if (failure === null) resolve();
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
