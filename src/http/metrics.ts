// Prometheus text (https://prometheus.io/docs/instrumenting/exposition_formats/): metrics in, lines out.

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One metric; `samples` is its value, or one value a set of labels (and, for a summary, a suffix of the name). */
export type Metric = {
  /** With its unit at the end: `xs_database_bytes`. */
  readonly name: string;
  readonly kind: "counter" | "gauge" | "summary";
  readonly help: string;
  readonly samples: number | readonly Sample[];
};

export type Sample = {
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
};

/** The metrics as a scraper reads them. */
export const formatMetrics = (metrics: readonly Metric[]): string => metrics.map(formatMetric).join("");

function formatMetric({ name, kind, help, samples }: Metric): string {
  const all = typeof samples === "number" ? [{ value: samples }] : samples;
  const lines = all.map(
    ({ suffix = "", labels = {}, value }: Sample) => `${name}${suffix}${formatLabels(labels)} ${value}\n`,
  );
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${kind}\n${lines.join("")}`;
}

function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
