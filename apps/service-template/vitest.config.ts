import { testConfig } from '@catalog/testing/vitest-config';

export default testConfig({ postgres: true });
