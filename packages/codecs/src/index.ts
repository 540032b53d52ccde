export { compressed, type CompressionAlgorithm, type CompressionOptions } from './compressed.ts';
export { messagePackCodec } from './message-pack.ts';
