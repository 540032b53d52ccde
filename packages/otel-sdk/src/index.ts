export { type Sdk, SdkError, type SdkOptions, startSdk } from './start-sdk.ts';
