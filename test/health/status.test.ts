import { array, assert, constant, constantFrom, nat, option, property, record as object, string, subarray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStatus } from '../../src/audit/status.ts';
import type { AuditStatus } from '../../src/audit/status.ts';
import { ms } from '../../src/audit/units.ts';
import { watchAudit } from '../../src/detect/status.ts';
import { record, syscall, T0 } from '../support/log.ts';
import { openFullmon } from '../support/replay.ts';

const RULES = [
  '-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F key=PROCESS',
  '-a always,exit -F arch=b64 -S truncate,rename,openat -F perm=wa -F dir=/ -F key=FILEMOD',
  '-a always,exit -F arch=b64 -S connect,sendto -F saddr_fam=2 -F key=NETCONN',
  '-a always,exclude -F msgtype=BPRM_FCAPS',
];
const WELL: AuditStatus = { enabled: 1, pid: 700, lost: 0, backlog: 3, backlogLimit: 8192, rules: RULES };

/** What is told of each look: a list for one, ['critical: ...']. */
const told = (...looks: readonly Partial<AuditStatus>[]): readonly (readonly string[])[] => {
  const audit = watchAudit();
  return looks.map((look) => audit.look({ ...WELL, ...look }).findings.map(({ severity, text }) => `${severity}: ${text}`));
};

describe('auditctl -s and -l', () => {
  it('are read as auditctl 3 and 4 print them', () => {
    const status = 'enabled 1\nfailure 1\npid 17654\nrate_limit 0\nbacklog_limit 16384\nlost 12\nbacklog 5\nbacklog_wait_time 15000\nbacklog_wait_time_actual 7\nloginuid_immutable 0 unlocked\n';
    expect(parseStatus(status, `${RULES.join('\n')}\n`)).toEqual({ enabled: 1, pid: 17654, lost: 12, backlog: 5, backlogLimit: 16384, rules: RULES });
    expect(parseStatus(status, 'No rules\n')?.rules).toEqual([]);
    expect(parseStatus(status)?.rules).toBeUndefined();
  });

  it('are read as auditctl 2 printed them', () => {
    expect(parseStatus('AUDIT_STATUS: enabled=2 flag=1 pid=1 rate_limit=0 backlog_limit=64 lost=3 backlog=0')).toMatchObject({ enabled: 2, pid: 1, lost: 3, backlogLimit: 64 });
  });

  it('say nothing when they are something else', () => {
    expect(parseStatus('')).toBeUndefined();
    assert(property(string(), (text) => {
      const status = parseStatus(text);
      expect(status === undefined || Number.isSafeInteger(status.lost)).toBe(true);
    }));
  });
});

describe('what the kernel says of auditing', () => {
  it('is not worth a word when all is well, locked or not', () => {
    expect(told({}, { enabled: 2 }, { pid: 800 }, { backlog: 900 })).toEqual([[], [], [], []]);
  });

  it('is told once when it is switched off, and when it is back', () => {
    expect(told({}, { enabled: 0 }, { enabled: 0 }, {}, {})).toEqual([[], [expect.stringMatching(/^critical: auditing is switched off/)], [], ['low: auditing is switched on again'], []]);
  });

  it('is told when no daemon listens, at the first look too', () => {
    expect(told({ pid: 0 }, { pid: 0 }, {})).toEqual([[expect.stringMatching(/^critical: no audit daemon runs/)], [], ['low: an audit daemon runs again']]);
  });

  it('is told when the rules are gone, all or those of one kind', () => {
    const [none, part, more, back] = told({ rules: ['-a always,exclude -F msgtype=EOE'] }, { rules: RULES.slice(1) }, { rules: RULES.slice(2) }, {});
    expect(none).toEqual([expect.stringMatching(/^critical: there are no audit rules/)]);
    expect(part).toEqual([expect.stringMatching(/^high: no audit rule records what is executed/), 'low: there are audit rules again']);
    expect(more).toEqual([expect.stringMatching(/^high: no audit rule records which files are changed/)]);
    expect(back).toEqual(['low: what is executed is recorded again', 'low: which files are changed is recorded again']);
  });

  it('is told when a rule exempts every process', () => {
    expect(told({ rules: ['-a never,task', ...RULES] })).toEqual([[expect.stringMatching(/^critical: the audit rule '-a never,task'/)]]);
  });

  it("is content with other people's rules", () => {
    expect(told({ rules: ['-w /etc -p wa -k etc', '-a always,exit -S all -F euid=0 -F key=root'] }, { rules: ['-a always,exit -F arch=b64 -S execve -F key=a', '-w /etc -p rwxa -k b', '-a always,exit -F arch=b64 -S socket,connect -F key=c'] })).toEqual([[], []]);
  });

  it('keeps to what it knows of the rules while they cannot be listed', () => {
    expect(told({ rules: undefined }, { rules: [] }, { rules: undefined }, { rules: RULES }).map((found) => found.length)).toEqual([0, 1, 0, 1]);
  });

  it('is told when records are lost, once until no more are', () => {
    expect(told({ lost: 5 }, { lost: 12 }, { lost: 40 }, { lost: 40 }, { lost: 41 })).toEqual([
      [], ['high: the kernel has thrown 7 audit records away: what they told is not known'], [], ['low: no more audit records are lost, 40 in all'],
      ['high: the kernel has thrown 1 audit record away: what they told is not known'],
    ]);
  });

  it('is told when records were lost after the count was begun anew', () => {
    expect(told({ lost: 5 }, { lost: 2 }).map((found) => found.length)).toEqual([0, 1]);
  });

  it('is told when the daemon hardly keeps up, and not again while it is still far behind', () => {
    expect(told({ backlog: 8000 }, { backlog: 5000 }, { backlog: 8100 }, { backlog: 10 })).toEqual([[expect.stringMatching(/^medium: the audit daemon hardly keeps up/)], [], [], ['low: the audit daemon keeps up again']]);
    expect(told({ backlog: 0, backlogLimit: 0 })).toEqual([[]]);
  });

  it('is never told twice, whatever happens', () => {
    const look = object({ enabled: constantFrom(0, 1, 2), pid: constantFrom(0, 7), lost: nat(20), backlog: nat(100), backlogLimit: constant(100), rules: option(subarray(RULES), { nil: undefined }) });
    assert(property(array(look, { maxLength: 20 }), (looks) => {
      const audit = watchAudit();
      for (const one of looks) {
        audit.look(one);
        expect(audit.look(one).findings.filter(({ text }) => !text.startsWith('no more audit records'))).toEqual([]);
      }
    }));
  });

  it('goes on after a restart: what was told is not told again, what was lost meanwhile is', () => {
    const before = watchAudit();
    before.look({ ...WELL, pid: 0, lost: 3 });
    const after = watchAudit(before.save());
    expect(after.look({ ...WELL, pid: 0, lost: 5 }).findings.map(({ text }) => text)).toEqual([expect.stringContaining('thrown 2 audit records away')]);
  });
});

const at = (after: number) => ms(T0 + after);

describe('learning', () => {
  const event = Buffer.from(`${record('SYSCALL', syscall())}\n${record('PROCTITLE', 'proctitle="ls"')}\n`);

  it('does not count the time in which something was not recorded', () => {
    const fullmon = openFullmon({ baseline: 100 });
    fullmon.feed(event);
    fullmon.tick(at(3000));
    const { learnUntil } = fullmon.state();
    for (const [after, status] of [[0, {}], [30, {}], [60, { enabled: 0 }], [90, {}], [120, {}]] as const) fullmon.audit({ ...WELL, ...status }, at(after * 1000));
    // From the last look at which all was well to the next one.
    expect(fullmon.state().learnUntil - learnUntil).toBe(60_000);
    expect(fullmon.said.flatMap((line) => (line.type === 'finding' ? [`${line.kind} ${line.severity}`] : []))).toEqual(['audit critical', 'audit low']);
  });

  it('counts all of it while nothing but the backlog is amiss', () => {
    const fullmon = openFullmon({ baseline: 100 });
    fullmon.feed(event);
    const { learnUntil } = fullmon.state();
    for (const after of [0, 30]) fullmon.audit({ ...WELL, backlog: 8190 }, at(after * 1000));
    expect(fullmon.state().learnUntil).toBe(learnUntil);
  });
});
