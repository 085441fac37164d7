export { backoff, reconnectDelay_ms } from './backoff.ts';
export { type Deadline, withDeadline } from './deadline.ts';
export { Flag, untilAborted } from './flag.ts';
export { type Part, type RunningPart, startPart, together } from './part.ts';
export { PassingMap } from './passing-map.ts';
export { pause } from './pause.ts';
export { runCommand } from './run-command.ts';
export { repeat, type RepeatOptions } from './repeat.ts';
export { TextHash } from './text-hash.ts';
