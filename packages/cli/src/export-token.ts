import { ConfigurationError } from '@tidemark/core';

/** Of both sides of an export: from the environment, since arguments can be seen by all users of a machine. */
export const EXPORT_TOKEN_VARIABLE = 'TIDEMARK_EXPORT_TOKEN';

/** @throws ConfigurationError when there is none */
export function exportToken(for_: string): string {
  const token = process.env[EXPORT_TOKEN_VARIABLE];
  if (token) return token;
  throw new ConfigurationError(
    `${for_} needs a token in ${EXPORT_TOKEN_VARIABLE}, the same on both sides, such as from openssl rand -hex 32`,
  );
}
