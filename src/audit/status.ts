/** How auditing stands in the kernel. */
export interface AuditStatus {
  /** 0 off, 1 on, 2 on and locked until the next boot. */
  readonly enabled: number;
  /** Of the daemon that gets the records; 0: nobody. */
  readonly pid: number;
  /** Records that the kernel threw away since it was booted, or since the count was reset. */
  readonly lost: number;
  /** Records that wait for the daemon, and how many may. */
  readonly backlog: number;
  readonly backlogLimit: number;
  /** As `auditctl -l` prints them, one an item; undefined when it could not be asked. */
  readonly rules: readonly string[] | undefined;
}

/** Reads what `auditctl -s` and `auditctl -l` print; undefined when that is something else. */
export const parseStatus = (status: string, rules?: string): AuditStatus | undefined => {
  // One value a line; auditctl 2 printed them all as name=value behind AUDIT_STATUS.
  const values = new Map([...status.matchAll(/\b([a-z_]+)[ =](\d{1,15})\b/g)].map(([, name, value]) => [name, Number(value)]));
  const [enabled, pid, lost, backlog, backlogLimit] = ['enabled', 'pid', 'lost', 'backlog', 'backlog_limit'].map((name) => values.get(name));
  if (enabled === undefined || pid === undefined || lost === undefined || backlog === undefined || backlogLimit === undefined) return undefined;
  return { enabled, pid, lost, backlog, backlogLimit, rules: rules?.split('\n').filter((line) => line.startsWith('-')) };
};
