/** nginx with `proxy_cache` in front of catalog-read. Nothing ever tells it of a change. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type RunningScript } from '@catalog/testing';
import { onCores } from '../measuring/machine.ts';

const configuration = (folder: string, port: number, origin: string): string => `
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache keys_zone=products:64m max_size=1g inactive=1h;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / {
      proxy_pass ${origin};
      proxy_cache products;
      proxy_cache_valid 200 1h;
      proxy_cache_lock on;
      proxy_ignore_headers Cache-Control Expires Vary Set-Cookie;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
`;

/** Debian keeps it in a folder that an ordinary user's PATH lacks. */
const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

/** @returns undefined if nginx is not installed */
export async function startNginx(options: {
  readonly port: number;
  readonly origin: string;
  readonly core: number | undefined;
}): Promise<RunningScript | undefined> {
  const { port, origin, core } = options;
  const folder = await mkdtemp(join(tmpdir(), 'catalog-nginx-'));
  // As root, nginx gives its worker another user, who must be able to write here.
  await chmod(folder, 0o777);
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(folder, port, origin));
  const [program = '', ...args] = onCores(core === undefined ? undefined : String(core), [
    'nginx',
    '-e',
    'stderr',
    '-c',
    file,
  ]);
  const child = spawn(program, args, {
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  }).then(() => void (hasEnded = true));
  const running: RunningScript = {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
  await eventually(async () => hasEnded || (await fetch(`${running.url}/readyz`)).ok, { timeout_ms: 20_000 });
  if (!hasEnded) return running;
  await running[Symbol.asyncDispose]();
  return undefined;
}
