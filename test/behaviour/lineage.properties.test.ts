import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNSET } from '../../src/audit/units.ts';
import { parseSubject } from '../../src/behaviour/edge.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { openScene } from '../support/scene.ts';
import type { Actor } from '../support/scene.ts';

// A made-up world of processes beside the log that a kernel would write of it: no forks, no exits. What is told about each exec is held
// against what happened.

const INIT = '/sbin/init';
const PID_MAX = 32768;
const RESERVED = 300;
/** Nothing shows forks, so a world that starts no program for a whole turn of the pid counter cannot be told from one that stands still. */
const MOST_SILENT = 3000;

/** A program that runs in a process, from the moment `since` on. */
interface Image {
  readonly exe: string;
  readonly since: number;
  /** The daemon or login it works for; empty on a daemon itself. */
  readonly service: string;
}

interface Body {
  readonly pid: number;
  parent: Body;
  /** Who forked it, and when; undefined once it has executed a program itself. */
  origin: Body | undefined;
  readonly forked: number;
  images: readonly Image[];
  /** Whom it descends from, init first. */
  readonly line: readonly Body[];
  ses: number;
  auid: number;
  euid: number;
}

/** What may be said of one exec. */
interface Truth {
  /** Its own program before, and what runs in its parent. */
  readonly parents: readonly string[];
  readonly service: string;
  /** What may stand for the service where forks were not seen: nothing, or a program of those it descends from. */
  readonly fallbacks: readonly string[];
}

type Step =
  | { readonly act: 'fork' | 'exec' | 'exit' | 'work' | 'daemon' | 'job' | 'login' | 'setuid'; readonly who: number }
  | { readonly act: 'burn'; readonly who: number; readonly count: number };

const base = (exe: string): string => exe.slice(exe.lastIndexOf('/') + 1);

interface World {
  readonly lines: readonly string[];
  /** By serial number of the exec. */
  readonly truths: ReadonlyMap<number, Truth>;
}

const START: Image = { exe: INIT, since: 0, service: '' };

const play = (steps: readonly Step[], firstPid: number): World => {
  const scene = openScene();
  const truths = new Map<number, Truth>();
  let [lastPid, clock, serial, programs, sessions] = [firstPid, 0, 0, 0, 0];
  const init: Omit<Body, 'parent'> & { parent?: Body } = { pid: 1, origin: undefined, forked: 0, images: [START], line: [], ses: UNSET, auid: UNSET, euid: 0 };
  const root = Object.assign(init, { parent: init }) as Body;
  let alive: Body[] = [root];

  const imageOf = (b: Body): Image => b.images.at(-1) ?? START;
  const actor = (b: Body): Actor => ({ pid: b.pid, ppid: b === root ? 0 : b.parent.pid, exe: imageOf(b).exe, euid: b.euid, auid: b.auid, ses: b.ses });

  /** Programs that started, in processes that did, since pids began anew: from so few nobody can tell that, and who has a pid under the same parent again may be the old one just as well. */
  let [started, turned] = [Infinity, 0];
  const FEW = 3;
  const dead: Body[] = [];

  const newPid = (): number => {
    do {
      if (lastPid >= PID_MAX) [started, turned] = [0, clock];
      lastPid = lastPid >= PID_MAX ? RESERVED + 1 : lastPid + 1;
    } while (alive.some(({ pid }) => pid === lastPid));
    return lastPid;
  };

  const fork = (parent: Body): Body => {
    const child: Body = { ...parent, pid: newPid(), parent, origin: parent, forked: ++clock, images: [imageOf(parent)], line: [...parent.line, parent] };
    alive.push(child);
    return child;
  };

  const exit = (b: Body): void => {
    if (b === root) return;
    alive = alive.filter((other) => other !== b);
    dead.push(b);
    for (const child of alive) if (child.parent === b) child.parent = root;
  };

  /** The programs that may be taken for the one that calls: its own, and that of its parent as it is now. */
  const callers = (b: Body): readonly Image[] => [imageOf(b), imageOf(b.parent)];

  const exec = (b: Body): void => {
    if (b === root) return;
    const from = callers(b);
    const became = b.origin === undefined;
    const serviceFrom = ({ exe, service }: Image): string => (became ? service : exe === INIT ? '' : service === '' ? base(exe) : service);
    const services = b.ses === UNSET ? from.map(serviceFrom) : [imageOf(b).service];
    const mistaken = started < FEW ? dead.filter(({ pid, parent }) => pid === b.pid && parent.pid === b.parent.pid) : [];
    if (b.forked >= turned) started++;
    truths.set(++serial, {
      parents: [...from, ...mistaken.flatMap(({ images }) => images)].map(({ exe }) => exe), service: services[0] ?? '',
      fallbacks: ['?', ...services, ...[...b.line, b, ...mistaken.flatMap((m) => [...m.line, m])].flatMap(({ images }) => images.map(({ exe }) => base(exe)))],
    });
    const exe = `/opt/p${++programs}`;
    b.images = [...b.images, { exe, since: ++clock, service: services[0] ?? '' }];
    b.origin = undefined;
    scene.exec(actor(b), [base(imageOf(b).exe)]);
  };

  const choose = (who: number): Body => alive[who % alive.length] ?? root;
  for (const { act, who, ...more } of steps) {
    const b = choose(who);
    switch (act) {
      // What init forks it executes at once.
      case 'fork': if (b !== root) fork(b); break;
      case 'exec': exec(b); break;
      case 'exit': exit(b); break;
      case 'setuid': b.euid = who % 3; break;
      case 'daemon': exec(fork(root)); break;
      case 'job': exec(fork(b)); break;
      case 'work': serial++; scene.create(actor(b), '/srv/a'); break;
      case 'login': {
        if (b === root) break;
        const child = fork(b);
        child.ses = ++sessions;
        child.auid = who % 3;
        child.images = [{ ...imageOf(child), service: base(imageOf(child).exe) }];
        serial++;
        scene.login(actor(child), child.auid, child.ses);
        break;
      }
      case 'burn': {
        const { count = 0 } = more as { readonly count?: number };
        for (let i = 0; i < count; i++) newPid();
        const short = fork(b);
        exec(short);
        exit(short);
      }
    }
  }
  return { lines: scene.lines, truths };
};

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constantFrom('fork', 'exec', 'exit', 'exit', 'work', 'daemon', 'job', 'login', 'setuid'), who: fc.nat(1000) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('burn'), who: fc.nat(1000), count: fc.nat(MOST_SILENT) }) },
);

/** Nothing but daemons and what they start, which is all seen. */
const visible: fc.Arbitrary<Step> = fc.record({ act: fc.constantFrom('daemon', 'job', 'exec', 'work'), who: fc.nat(1000) });

interface Answer {
  readonly serial: number;
  readonly parent: string;
  readonly service: string;
}

/** Every program is another one, so that each exec is an edge of its own. */
const answers = (lines: readonly string[]): readonly Answer[] =>
  alertsOf(replay(lines)).flatMap(({ seen: { kind, serial, subject, name } }) => (kind === 'exec' ? [{ serial, parent: subject.exe, service: parseSubject(name)?.service ?? '' }] : []));

describe('who started a program', () => {
  // What is promised: the program named ran in the process itself or runs in its parent, or it is `?`; never a stranger's that had the pid before.
  it('is told as it was, or as unknown, whatever processes do and however often pids come round', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 300, size: 'max' }), fc.integer({ min: RESERVED, max: PID_MAX }), (steps, firstPid) => {
        const { lines, truths } = play(steps, firstPid);
        for (const { serial, parent, service } of answers(lines)) {
          const truth = truths.get(serial);
          if (parent !== '?') expect(truth?.parents).toContain(parent);
          expect(truth?.fallbacks).toContain(service);
        }
      }),
      // To make a long story short takes minutes, and nothing else could stop it.
      { numRuns: 30, interruptAfterTimeLimit: 20_000 },
    );
  });

  it('is told as it was while no pid comes round', () => {
    fc.assert(
      fc.property(fc.array(visible, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
        const { lines, truths } = play([{ act: 'work', who: 0 }, ...steps], RESERVED);
        for (const { serial, parent, service } of answers(lines)) {
          expect(truths.get(serial)?.parents).toContain(parent);
          expect(truths.get(serial)?.service).toBe(service);
        }
      }),
      { numRuns: 30 },
    );
  });
});
