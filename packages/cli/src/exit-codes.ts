/** Of commands that either work or fail. */
export const EXIT_CODES =
  '\nExit codes: 0 done or ended by a signal, 1 failed, 2 wrong usage or configuration.\n';
