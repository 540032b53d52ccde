export type { VerifiedAge } from './api.ts';
export { ConsoleError, type ConsoleErrorCode } from './console-error.ts';
export type { VerifierReport } from './lookout.ts';
export type { Cuts } from './routes.ts';
export { type ConsoleOptions, type RunningConsole, startConsole } from './start-console.ts';
