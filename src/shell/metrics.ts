import { inside } from '../input/errors.ts';
import type { Options } from '../config/resolve.ts';
import type { MetricsServer } from '../report/metrics.ts';
import type { Vitals } from '../report/vitals.ts';

type Wanted = Pick<Options, 'metrics'>;

/** The metrics, where they are wanted; nothing is loaded where they are not. */
export interface Metrics {
  /** From now on they are to be had there, and nowhere else. Throws a `FullmonError` for a place that is none. */
  readonly change: (wanted: Wanted) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Throws a `FullmonError` for a place that is none. */
export const checkMetrics = async ({ metrics }: Wanted): Promise<void> => {
  if (metrics === undefined) return;
  const { readMetricsPlace } = await import('../report/metrics.ts');
  inside('--metrics', () => readMetricsPlace(metrics));
};

export const metricsOf = (vitals: () => Vitals, notice: (text: string) => void): Metrics => {
  let current: string | undefined;
  let server: MetricsServer | undefined;
  return {
    async change({ metrics }) {
      if (metrics === current) return;
      const { readMetricsPlace, serveMetrics } = await import('../report/metrics.ts');
      const next = metrics === undefined ? undefined : readMetricsPlace(metrics);
      await server?.stop();
      current = metrics;
      server = next && (await serveMetrics(next, vitals, notice));
    },
    stop: async () => server?.stop(),
  };
};
