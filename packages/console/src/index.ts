export type { Verified, VerifiedAge, VerifiedFinding } from './api.ts';
export { ConsoleError, type ConsoleErrorCode } from './console-error.ts';
export type { RunningVerifier } from './lookout.ts';
export type { Cuts } from './routes.ts';
export { type ConsoleOptions, type RunningConsole, startConsole } from './start-console.ts';
export { type VerifierBeside, verifyBeside } from './verify-beside.ts';
