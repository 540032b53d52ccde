/*
 * What an exporting region answers over HTTP. All but `about` (JSON) is a stream of frames, gzipped where the client
 * takes that: length of the payload (4 bytes, big-endian), payload (MessagePack). A frame of length 0 is the last
 * one: without it an answer is cut short.
 *
 * | request | frames |
 * |---|---|
 * | `GET /v1/about` | (JSON) format, source, region, and how long a read of the store takes now |
 * | `GET /v1/hot-keys?limit=N` | `[[key, reads]…]`, most read first |
 * | `GET /v1/keys` | `[key…]`, every key that has a record |
 * | `POST /v1/copies`, body: JSON array of keys | blocks, see `snapshot-block.ts`; keys without a fresh value are in none |
 *
 * Each carries `Authorization: Bearer TOKEN`.
 */
export const EXPORT_FORMAT = 1;
/** Keys of one request for copies. */
export const EXPORT_KEYS_MAX = 1_000;
/** Of the body of such a request: keys are at most 1,024 UTF-16 code units. */
export const EXPORT_BODY_MAX = 4 * 1024 * 1024;
/** Of one frame. */
export const EXPORT_FRAME_MAX = 64 * 1024 * 1024;
/** So that nobody guesses it. */
export const EXPORT_TOKEN_LENGTH_MIN = 16;

/** What `about` says. */
export interface ExportAbout {
  readonly format: number;
  readonly source: string;
  readonly region: string;
  readonly readMs: number;
}
