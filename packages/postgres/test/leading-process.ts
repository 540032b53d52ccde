/** Leads `relay` of the database in its first argument, and says when that begins and ends. */
import { postgresSource } from '@tidemark/postgres';

const source = postgresSource({ connectionString: process.argv[2]! });
const leadership = await source.lead('relay');
if (!leadership) throw new Error('somebody else leads');
process.stdout.write('leading\n');
leadership.lost.addEventListener('abort', () => process.stdout.write('lost\n'));
setInterval(() => {}, 1_000);
