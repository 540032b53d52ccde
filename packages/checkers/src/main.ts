import { checkFiles } from './command.ts';

process.exitCode = await checkFiles(process.argv.slice(2), process);
