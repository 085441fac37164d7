export { startPostgres, type PostgresServer } from './postgres/server.ts';
export { createTestDatabase, type TestDatabase } from './postgres/database.ts';
export { startRedis, type RedisServer } from './redis/server.ts';
export { tcpProxy, type TcpProxy } from './network/tcpProxy.ts';
export { rawHttp } from './network/rawHttp.ts';
export { freePort } from './network/freePort.ts';
export { manualClock, type ManualClock } from './time/manualClock.ts';
export { eventually } from './time/eventually.ts';
