/** Searches every state of a small model of a protocol. Only tests and proofs use it. */
export { numberedStates, type Model, type StateCodec, type StateCode, type VisitStep } from './model.ts';
export { prove, type Claim, type Proof } from './prove.ts';
export { search, type SearchResult } from './search.ts';
