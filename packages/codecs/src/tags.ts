/*
 * The first byte tells whose bytes they are, so that one codec refuses what another has written instead of
 * reading something into it. JSON begins with a printable character; these begin no UTF-8 text, and MessagePack
 * itself has no use for either in first place.
 */

/** MessagePack in our use of its extensions; a byte with the format follows. */
export const MESSAGE_PACK = 0xc1;
/** Compressed bytes of another codec; a byte with the algorithm follows. */
export const COMPRESSED = 0xfe;
