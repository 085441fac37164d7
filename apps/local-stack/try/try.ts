import { createStack } from '../src/stack.ts';
import { stackFolder } from '../src/machine/stack-folder.ts';
import { portsFrom } from '../src/machine/ports.ts';
import { services } from '../src/services/service-table.ts';
const stack = createStack({ folder: stackFolder(47000, '/tmp/try-stack'), ports: portsFrom(47000), external: {} as never,
  services: services.filter((s) => s.name === 'catalog-write'), redisProgram: 'redis-server', prefix: 'PORT_BASE=47000 ', marker: import.meta.filename, say: (l) => console.log(l) });
try { await stack.run(); } catch (e) { console.error(e); }
console.log('---- stopping');
process.on('SIGTERM', () => { void stack.stop().then(() => process.exit()); });
if (process.argv[2] === 'stay') setInterval(() => {}, 1000); else { console.time('stop'); await stack.stop(); console.timeEnd('stop'); process.exit(); }
