/** A worker imports this before its own code. A poison job then ends the process, like `process.abort()` without a report. */
import { Worker, type Job } from 'bullmq';

type DoJob = (this: Worker, job: Job, ...rest: unknown[]) => Promise<unknown>;

const prototype = Worker.prototype as unknown as { callProcessJob: DoJob };
const { callProcessJob } = prototype;
prototype.callProcessJob = function abortOnPoison(job, ...rest) {
  const { changes } = job.data as { readonly changes?: readonly { readonly key: string }[] };
  if (changes?.[0]?.key === 'poison') process.kill(process.pid, 'SIGABRT');
  return callProcessJob.call(this, job, ...rest);
};
