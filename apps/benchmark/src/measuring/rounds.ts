/**
 * Measures several servers in turn, so that other work of the machine disturbs all alike. What counts is the CPU time of
 * the server for a request. It does not depend on the client.
 */
import { median, percentile } from '../report/percentiles.ts';
import { cpuBetween, cpuTime, interruptTime_us } from './cpu.ts';
import type { Route } from './paths.ts';
import { runLoad } from './load.ts';
import { cores } from './machine.ts';
import { aside, onMeasuredCore } from './pinning.ts';

export interface Contestant {
  readonly name: string;
  readonly label: string;
  readonly url: string;
  readonly pid: number;
  /** It is measured on all cores, not alone on one. */
  readonly usesAllCores?: boolean;
  /** The servers of the cache, if it uses one. */
  readonly redisPids?: readonly number[];
  readonly route: Route;
  /** That the load generator opens; 32 unless set. */
  readonly connections?: number;
  /** @throws if its answers are wrong, or do not come from the expected source */
  check(): Promise<void>;
}

export interface Round {
  readonly requests: number;
  readonly perSecond: number;
  /** CPU time for a request; NaN where it cannot be read, or when the paths ran out. */
  readonly cpu_us: number;
  readonly redisCpu_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
  /**
   * `client-bound`: the client was the bottleneck. `disturbed`: other processes had the core of the server. `failed`: not
   * every request was answered, for example because the machine was too busy for the stores, or the paths ran out.
   */
  readonly verdict: 'counted' | 'client-bound' | 'disturbed' | 'failed';
}

/** A busier client limits the server. */
const mostClientShare = 0.85;
/** A server that is less busy, of the time that interrupts leave of its core, could have answered more. */
const leastServerShare = 0.95;

const measureRound = (contestant: Contestant, seconds: number): Promise<Round> =>
  contestant.usesAllCores === true
    ? measureHere(contestant, seconds)
    : onMeasuredCore(contestant.pid, () => measureHere(contestant, seconds));

async function measureHere(contestant: Contestant, seconds: number): Promise<Round> {
  const { url, pid, redisPids = [], usesAllCores = false, connections } = contestant;
  const load = await contestant.route.load();
  const taken_us = () => (cores === undefined || usesAllCores ? 0 : interruptTime_us(cores.measured));
  const takenBefore_us = taken_us();
  const [before, redisBefore] = [cpuTime([pid]), cpuTime(redisPids)];
  const result = await runLoad({
    url,
    seconds,
    ...(connections && { connections }),
    ...load,
  });
  const isRight = contestant.route.ran(result.requests);
  const [used, redisUsed] = [cpuBetween(before, cpuTime([pid])), cpuBetween(redisBefore, cpuTime(redisPids))];
  const { requests, duration_us, failed } = result;
  const left_us = duration_us - (taken_us() - takenBefore_us);
  const share = (used?.used_us ?? Number.NaN) / left_us;
  const withWaiting = ((used?.used_us ?? 0) + (used?.waited_us ?? 0)) / left_us;
  const isClientBusy = result.cpu_us / duration_us > mostClientShare;
  return {
    requests,
    perSecond: requests / (duration_us / 1e6),
    cpu_us: isRight ? (used?.used_us ?? Number.NaN) / requests : Number.NaN,
    redisCpu_us: isRight ? (redisUsed?.used_us ?? Number.NaN) / requests : Number.NaN,
    p50_us: result.p50_us,
    p99_us: result.p99_us,
    verdict:
      failed > 0 || requests === 0 || !isRight ? 'failed' : verdictOf(share, withWaiting, isClientBusy),
  };
}

function verdictOf(share: number, withWaiting: number, isClientBusy: boolean): Round['verdict'] {
  if (isClientBusy) return 'client-bound';
  if (share >= leastServerShare) return 'counted';
  return withWaiting >= leastServerShare ? 'disturbed' : 'client-bound';
}

/** Loads the server in runs until one is no longer 5 % cheaper than the run before: compiled code, full caches. */
async function warmUp(contestant: Contestant, seconds: number): Promise<void> {
  let last = Number.NaN;
  for (let stretch = 0; stretch < 8; stretch++) {
    const { cpu_us, perSecond } = await measureRound(contestant, seconds);
    const value = Number.isNaN(cpu_us) ? 1e6 / perSecond : cpu_us;
    if (value > last * 0.95) return;
    last = value;
  }
}

export interface Rounds {
  readonly of: (name: string) => readonly Round[];
  /** In each round, `read` of `above` divided by `read` of `below`. */
  ratio(above: string, below: string, read: (round: Round) => number): Ratio;
}

export interface Ratio {
  readonly median: number;
  /** The quartiles. */
  readonly low: number;
  readonly high: number;
}

export async function measureInTurn(
  contestants: readonly Contestant[],
  options: {
    readonly rounds: number;
    readonly seconds: number;
    readonly warm_s: number;
    readonly say: (line: string) => void;
  },
): Promise<Rounds> {
  const { rounds, seconds, warm_s, say } = options;
  for (const { pid, usesAllCores } of contestants) if (usesAllCores !== true) await aside(pid);
  for (const contestant of contestants) {
    say(`warming ${contestant.label}`);
    await warmUp(contestant, warm_s);
    await contestant.check();
  }
  const results = new Map<string, Round[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const contestant of contestants)
      results.get(contestant.name)?.push(await measureRound(contestant, seconds));
  }
  for (const { name, label } of contestants) {
    if (results.get(name)?.every(({ verdict }) => verdict === 'failed') === true)
      throw new Error(`${label}: requests failed in each round.`);
  }
  const of = (name: string): readonly Round[] => results.get(name) ?? [];
  return {
    of,
    ratio(above, below, read) {
      const others = of(below);
      const ratios = of(above).map((round, index) => {
        const other = others[index];
        return other === undefined ? Number.NaN : read(round) / read(other);
      });
      return { median: median(ratios), low: percentile(ratios, 0.25), high: percentile(ratios, 0.75) };
    },
  };
}

export const cpuOf = ({ cpu_us }: Round): number => cpu_us;
export const redisCpuOf = ({ redisCpu_us }: Round): number => redisCpu_us;

/** Requests a second on one core: the measured number if the round counts, otherwise computed from the CPU time of a request. */
export const capacityOf = ({ verdict, perSecond, cpu_us }: Round): number =>
  verdict === 'counted' ? perSecond : 1e6 / cpu_us;

/** The median of the counted rounds; without one, what a core could answer at the measured CPU time. */
export function throughputOf(rounds: readonly Round[]): { perSecond: number; isEstimate: boolean } {
  const counted = rounds.filter(({ verdict }) => verdict === 'counted');
  return counted.length > 0
    ? { perSecond: median(counted.map(({ perSecond }) => perSecond)), isEstimate: false }
    : { perSecond: 1e6 / median(rounds.map(cpuOf)), isEstimate: true };
}
