import { TidemarkError } from '@tidemark/core';

/** What the console refuses, with the HTTP status that says so. */
export class ConsoleError extends TidemarkError {
  readonly status: number;

  constructor(code: ConsoleErrorCode, status: number, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.status = status;
  }
}

export type ConsoleErrorCode =
  /** The page was not built. */
  | 'E_CONSOLE_NOT_BUILT'
  /** The port is taken, or may not be used. */
  | 'E_CONSOLE_PORT'
  /** A request without the token, or with a wrong one. */
  | 'E_CONSOLE_TOKEN'
  /** A request for another host, or from another page. */
  | 'E_CONSOLE_FOREIGN'
  /** An action, and the console was started without it. */
  | 'E_CONSOLE_READ_ONLY'
  /** More pages, or more questions, than are answered at once. */
  | 'E_CONSOLE_BUSY'
  /** A request that can't be meant. */
  | 'E_CONSOLE_REQUEST';
