export { SdkError } from './metrics-server.ts';
export { type Sdk, type SdkOptions, startSdk } from './start-sdk.ts';
