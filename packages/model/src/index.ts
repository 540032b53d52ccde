export { type Figures, readOutput } from './read-output.ts';
export { type Rule, RULES, type Scope, SCOPES } from './rules.ts';
export { search, type Searched, type SearchOptions, SpinError } from './spin.ts';
