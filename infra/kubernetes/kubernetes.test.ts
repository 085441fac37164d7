/** What `kubectl apply -k` would send must follow the published schemas, and our own rules. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { violations } from './published-schemas.ts';

interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: object;
  readonly resources?: { readonly limits?: { readonly memory?: string } };
  readonly startupProbe?: object;
  readonly livenessProbe?: object;
  readonly readinessProbe?: object;
  readonly lifecycle?: object;
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly scaleTargetRef?: { readonly name: string };
    readonly template: {
      readonly spec: { readonly securityContext?: object; readonly containers: readonly Container[] };
    };
  };
}

function build(overlay: string): readonly Manifest[] {
  const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', overlay], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`kubectl kustomize ${overlay}: ${stderr}`);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

const overlays = ['base', 'small', 'large'].map((name) => ({ name, objects: build(name) }));
const services = ['catalog-read', 'catalog-write', 'console', 'invalidation-worker', 'orders'];

test.each(overlays.flatMap(({ name, objects }) => objects.map((object) => ({ name, object }))))(
  '$name: $object.kind $object.metadata.name follows the published schema',
  async ({ object }) => {
    expect(await violations(object)).toEqual([]);
  },
);

describe('the check finds', () => {
  const [deployment] = build('base').filter(({ kind }) => kind === 'Deployment');

  test.each([
    ['a misspelt field', 'readinessProbe', 'readynessProbe', '/readynessProbe is not in the schema'],
    ['a wrong type', '"replicas":2', '"replicas":"two"', 'replicas'],
    ['a missing field', '"selector"', '"selected"', 'selector'],
    ['an unknown kind', '"kind":"Deployment"', '"kind":"Deploiment"', 'no kind Deploiment'],
  ])('%s', async (_what, from, to, message) => {
    const good = JSON.stringify(deployment);
    expect(good).toContain(from);
    const spoilt = JSON.parse(good.replace(from, to)) as Manifest;
    expect((await violations(spoilt)).join('\n')).toContain(message);
  });
});

describe.each(overlays)('$name', ({ name, objects }) => {
  const named = (kind: string): string[] =>
    objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
  const workloads = objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind));

  test('has every service, with a Service and a disruption budget each', () => {
    expect(named('Deployment').sort()).toEqual(services);
    expect(named('Service')).toEqual(expect.arrayContaining(services));
    expect(named('PodDisruptionBudget')).toEqual(expect.arrayContaining(services));
  });

  test('puts everything into one namespace', () => {
    const elsewhere = objects.filter(
      ({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'catalog',
    );
    expect(elsewhere).toEqual([]);
  });

  test.each(workloads)('$kind $metadata.name runs without rights, with a limit of memory', ({ spec }) => {
    const pod = spec.template.spec;
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources?.limits?.memory).toMatch(/^\d+[MG]i$/);
    }
  });

  test.each(objects.filter(({ kind }) => kind === 'Deployment'))(
    'Deployment $metadata.name has probes and drains, and has no secret in its environment',
    ({ spec }) => {
      const [container] = spec.template.spec.containers;
      for (const part of ['startupProbe', 'livenessProbe', 'readinessProbe', 'lifecycle'] as const)
        expect(container?.[part], part).toBeDefined();
      const exposed = (container?.env ?? []).filter(
        ({ name: variable, value = '' }) =>
          /PASSWORD|SECRET|DATABASE_URL|REDIS_URL|KEY/.test(variable) && !value.startsWith('/run/secrets/'),
      );
      expect(exposed).toEqual([]);
    },
  );

  test('leaves the number of pods to the autoscaler where there is one', () => {
    const scaled = objects.flatMap(({ spec }) => spec?.scaleTargetRef?.name ?? []);
    expect(scaled.length > 0).toBe(name === 'large');
    const fixed = objects.filter(
      ({ kind, metadata, spec }) =>
        kind === 'Deployment' && scaled.includes(metadata.name) && spec.replicas !== undefined,
    );
    expect(fixed.map(({ metadata }) => metadata.name)).toEqual([]);
  });

  test('denies every connection that no policy allows', () => {
    const all = objects.find(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'deny-all',
    );
    expect(all?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });
});
