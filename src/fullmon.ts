import { Has } from './audit/event.ts';
import { noLosses, saveLosses } from './audit/losses.ts';
import type { Losses, LossesState } from './audit/losses.ts';
import type { Mount } from './audit/mounts.ts';
import { reassemble } from './audit/reassembler.ts';
import type { Break, ReassemblerState } from './audit/reassembler.ts';
import { watchSerials } from './audit/serials.ts';
import type { SerialsState } from './audit/serials.ts';
import type { AuditStatus } from './audit/status.ts';
import { bytes, ms } from './audit/units.ts';
import type { Ms, Pid } from './audit/units.ts';
import { newBaseline } from './baseline/baseline.ts';
import type { BaselineState } from './baseline/baseline.ts';
import { unitOf } from './baseline/coverage.ts';
import { MAX_EDGES } from './baseline/room.ts';
import type { Schedule } from './baseline/coverage.ts';
import { deriveEdges } from './behaviour/derive.ts';
import { ARROW, printObject } from './behaviour/edge.ts';
import type { NodeText, Subject } from './behaviour/edge.ts';
import { Trait } from './behaviour/handler.ts';
import { auditFact } from './behaviour/health.ts';
import type { AuditFact, ChangedFact } from './behaviour/health.ts';
import { openHostnames } from './behaviour/hostnames.ts';
import type { Hostnames, HostnamesState } from './behaviour/hostnames.ts';
import { resolveNames } from './behaviour/names.ts';
import type { NamesState } from './behaviour/names.ts';
import { trackProcesses } from './behaviour/processes.ts';
import type { Lookup, ProcessesState, ProcessFact } from './behaviour/processes.ts';
import { openRoster, readRoster } from './behaviour/roster.ts';
import type { RosterState } from './behaviour/roster.ts';
import { collectSightings } from './behaviour/sightings.ts';
import type { Sighting, SightingsState } from './behaviour/sightings.ts';
import { watchBounds } from './detect/bounds.ts';
import type { BoundsState } from './detect/bounds.ts';
import { watchLog } from './detect/completeness.ts';
import type { LogWatchState } from './detect/completeness.ts';
import { companyOf } from './detect/company.ts';
import { explain } from './detect/explain.ts';
import { describeFlood, watchFloods } from './detect/floods.ts';
import type { FloodsState } from './detect/floods.ts';
import { findingOf } from './detect/health.ts';
import { trackIncidents } from './detect/incidents.ts';
import type { Alert, Change, IncidentsState, KeptIncident, Rate } from './detect/incidents.ts';
import type { Line } from './detect/line.ts';
import { watchMounts } from './detect/mounts.ts';
import type { MountWatchState } from './detect/mounts.ts';
import { watchShutdown } from './detect/shutdown.ts';
import type { ShutdownState } from './detect/shutdown.ts';
import { isGrave, isHigh, rate } from './detect/severity.ts';
import { withoutSteps } from './detect/steps.ts';
import { watchAudit } from './detect/status.ts';
import type { AuditWatchState } from './detect/status.ts';

//   bytes -> records -> events -> edges -> [ learn | compare ] -> unseen edges -> incidents -> report
//
// The whole way on one page. Nothing here reads a file or a clock: time is the stamp of the records, so following a live log and
// replaying an old one are the same code with another feeder.

export interface Settings {
  /** Length of the learning window, seconds of the audit clock; 0 learns nothing. */
  readonly baseline: number;
  /** Length of a cycle, seconds; 0 compares each event by itself. */
  readonly monitor: number;
  /** Learn unseen edges of low and medium severity once they have been told. */
  readonly rebase: boolean;
  /** Low and medium edges that are told within an hour of one subject, kind and directory, see `detect/floods.ts`; 0 tells all. */
  readonly flood?: number;
  /** Edges that the graph may hold, see `baseline/room.ts`. */
  readonly maxEdges?: number;
  /** Jobs that this machine is going to run, for the list of what has not been seen yet. */
  readonly schedules?: readonly Schedule[];
  /** What the operator never wants to see, or accepts at that time. */
  readonly ignored: (subject: NodeText, object: NodeText, time: Ms) => boolean;
  /** Why the unusual is expected at that time: alerts are marked with it. */
  readonly maintenance?: (time: Ms) => string | undefined;
  /** The name by which a service is to be learned again at that time, if the subject is of one. */
  readonly relearns?: (subject: Subject, time: Ms) => string | undefined;
}

type Phase = 'waiting' | 'learning' | 'monitoring';

/** Counts the shapes that {@link Snapshot} has had. */
export const SNAPSHOT = 8;

/** So often one thing about auditing was changed. */
interface AuditChange {
  readonly fact: ChangedFact;
  readonly times: number;
}

/** The state between two chunks, as plain data for JSON, or what has changed in its tables. Names are bytes, one char each. */
export interface Snapshot {
  readonly shape: typeof SNAPSHOT;
  readonly clock: {
    readonly phase: Phase;
    readonly time: Ms;
    readonly learnUntil: Ms;
    /** As it was asked for, seconds. */
    readonly baseline: number;
    readonly start: Ms;
    /** Of a slice of the learning time; that of a cycle follows from its length. */
    readonly end: Ms;
    readonly behind: number;
    readonly heard: Ms;
    readonly longest: Ms;
    readonly isSilent: boolean;
  };
  readonly losses: LossesState;
  readonly serials: SerialsState;
  readonly log: LogWatchState;
  readonly events: ReassemblerState;
  readonly roster: RosterState;
  readonly processes: ProcessesState;
  readonly names: NamesState;
  readonly hostnames: HostnamesState;
  readonly sightings: SightingsState;
  readonly baseline: BaselineState;
  readonly incidents: IncidentsState;
  readonly floods: FloodsState;
  readonly bounds: BoundsState;
  readonly changes: readonly AuditChange[];
  readonly audit?: AuditWatchState;
  readonly mounts?: MountWatchState;
  readonly shutdown?: ShutdownState;
}

export interface Fullmon {
  /** The next bytes of the log; not kept. */
  readonly feed: (chunk: Buffer) => void;
  /** All that was written so far has been fed, and it is `now` (audit clock): closes what lies {@link GRACE} behind. */
  readonly tick: (now: Ms) => void;
  /** The current file has ended; the next one may follow. */
  readonly endFile: () => void;
  /** The log is over: finishes open events and the open cycle. */
  readonly end: () => void;
  /** Learns what the open window has seen so far, but for what is grave: that is told as a whole when the window ends. */
  readonly learn: () => void;
  /** Nothing may come for long: tells what the open cycle has seen so far, and keeps open events. */
  readonly pause: () => void;
  /** What follows does not go on where the log was left: passes over what has been read, and tells how much is missing. */
  readonly resume: (why: 'lost' | 'paused') => void;
  /** Takes in the processes that run already, parents first. */
  readonly know: (running: readonly ProcessFact[], lastPid?: Pid) => void;
  /** Takes in who is behind an address; what is said of the time up to a second after an event has to come before it. */
  readonly hostnames: Pick<Hostnames, 'learn' | 'replace' | 'dropped'>;
  /** How auditing stands `now` (audit clock), asked again and again; what is not recorded is told, and that time not learned. */
  readonly audit: (status: AuditStatus, now: Ms) => void;
  /** These settings count from now on. */
  readonly change: (settings: Required<Pick<Settings, 'rebase' | 'flood'>>) => void;
  /** What is mounted `now` (audit clock), asked again and again: what rules do not hold for is told. */
  readonly mounted: (mounts: readonly Mount[], now: Ms) => void;
  readonly losses: Losses;
  /** Those that are remembered, as they stand. */
  readonly incidents: () => readonly KeptIncident[];
  /** All there is to know, to go on from as if nothing had happened; shares its parts with what is running, so print it at once. */
  readonly save: () => Snapshot;
  /** The same, but of its tables only what has changed since the last call of one of the two. */
  readonly saveChanges: () => Snapshot;
  /** Names the open cycle. */
  readonly cycle: () => Ms;
  readonly state: () => {
    readonly phase: Phase;
    /** Edges that the open cycle has seen. */
    readonly open: number;
    readonly time: Ms;
    readonly edges: number;
    readonly learnUntil: Ms;
    /** Since the start. */
    readonly events: number;
    /** Numbered events that never came, since the start. */
    readonly holes: number;
    /** The latest record; 0 before the first. */
    readonly heard: Ms;
    /** So long nothing may come. Ms. */
    readonly patience: number;
  };
}

/** Records of one moment may be this much late, ms. */
const GRACE = 2000;
/** A clock this far behind the open window (ms), seen by the shell or in this many events on end, was set back. */
const SET_BACK = 60_000;
const SET_BACK_EVENTS = 100;
/** While learning, edges go to the graph at least this often, in seconds. So long is a window too where each event is compared by itself. */
const SLICE = 60;
/** No server that is audited says nothing for so long, unless it did so while learning. Ms. */
const SILENT = 600_000;
/** A log that nobody read may have been silent for so long. Ms. */
const SILENCE = 60_000;

/** The name of a kernel edge that takes a mount away, before its path. */
const UMOUNT = 'umount:';

/** Worth a word only if there are any. */
const counted = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> => Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));

const minutes = (time: number): string => `${Math.round(time / 60_000)} min`;

export const createFullmon = (settings: Settings, tell: (line: Line) => void, lookup?: Lookup, before?: Snapshot | 'damaged'): Fullmon => {
  // What was normal is not known any more, and what happens now may be the reason: nothing is learned, only what is grave in itself is told.
  const isDamaged = before === 'damaged';
  const saved = isDamaged ? undefined : before;
  const processOf = readRoster(saved?.roster);
  const losses = noLosses(saved?.losses);
  const serials = watchSerials(saved?.serials);
  const log = watchLog(saved?.log);
  const processes = trackProcesses(lookup, saved && { state: saved.processes, processOf });
  const names = resolveNames(saved?.names);
  const hostnames = openHostnames(saved?.hostnames);
  const sightings = collectSightings(saved && { state: saved.sightings, processOf });
  const derive = deriveEdges(processes, names, hostnames, sightings.add);
  const baseline = newBaseline(unitOf(settings.baseline), saved?.baseline, settings.maxEdges);
  const floods = watchFloods(settings.flood, saved?.floods);
  const incidents = trackIncidents(floods, saved?.incidents);
  const bounds = watchBounds(() => ({
    events: losses.evicted, ...processes.forgotten(), directories: names.dropped(), answers: hostnames.dropped(), edges: baseline.refused().count, incidents: incidents.crowded(),
  }), saved?.bounds);

  /** What changed about auditing in this window, where no call tells who did it. */
  const changes = new Map<string, AuditChange>(saved?.changes.map((change) => [change.fact.change, change]));

  const auditing = watchAudit(saved?.audit);
  const mounts = watchMounts(saved?.mounts);
  const shutdown = watchShutdown(saved?.shutdown);
  let rules: AuditStatus['rules'];
  let asked: Ms | undefined;

  const monitor = settings.monitor * 1000;
  const cycle = monitor === 0 ? SLICE * 1000 : monitor;
  let { rebase } = settings;
  let { phase, time, learnUntil, behind }: Pick<Snapshot['clock'], 'phase' | 'time' | 'learnUntil' | 'behind'> = saved?.clock ?? { phase: 'waiting', time: ms(0), learnUntil: ms(0), behind: 0 };
  /** The latest record, the longest time without one while learning (ms), and whether it has been told that none come. */
  let heard = saved?.clock.heard ?? ms(0);
  let longest = saved?.clock.longest ?? ms(0);
  let isSilent = saved?.clock.isSilent ?? false;
  /** The open window is [start, end): a slice of the learning time, or a cycle. */
  let start = saved?.clock.start ?? ms(0);
  let end = saved?.clock.end ?? ms(0);
  // The lengths may be others now.
  if (saved && phase === 'learning') learnUntil = ms(learnUntil + (settings.baseline - saved.clock.baseline) * 1000);
  if (phase === 'monitoring') end = ms(start + cycle);

  /** Nobody watched: that is told, and not taken for time in which something could have been learned. */
  const breaks = ({ why, from, to }: Break): void => {
    if (why === 'paused' && to - from < SILENCE) return;
    if (why === 'reboot') {
      processes.reboot();
      mounts.reboot();
    }
    serials.restart();
    if (phase === 'learning') learnUntil = ms(learnUntil + to - from);
    const what = { lost: 'a part of the log is missing', paused: 'the log was not read', reboot: 'the machine was started anew' }[why];
    tell({ type: 'finding', time: to, kind: 'gap', text: `${what}: nothing is known of the ${((to - from) / 1000).toFixed(3)} s before this` });
    if (why === 'reboot') follow('boot', to);
  };

  const patience = (): number => Math.max(SILENT, 3 * longest);

  let delivered = 0;
  let holes = 0;

  const events = reassemble(losses, serials, (event) => {
    delivered++;
    if (event.time > heard) hearAt(event.time);
    reach(event.time);
    derive(event);
    const fact = auditFact(event);
    if (fact !== undefined) hear(fact, event.time);
    if (fact?.kind !== 'daemon') follow('record', event.time);
    if ((event.has & Has.config) !== 0 && event.config.change === 'add_rule') mounts.loaded();
    if (sightings.isFull() || (monitor === 0 && phase === 'monitoring' && (sightings.size() > 0 || fact !== undefined))) settle(time);
  }, breaks, saved?.events);

  const reach = (now: Ms): void => {
    if (phase === 'waiting') {
      phase = 'learning';
      start = end = now;
      // A baseline that was brought along is not added to.
      const isLearned = baseline.graph.size > 0;
      learnUntil = ms(isDamaged ? Infinity : isLearned ? now : now + settings.baseline * 1000);
      if (!isDamaged && !isLearned) tell({ type: 'phase', time: now, phase: 'baseline', facts: { seconds: settings.baseline, until: learnUntil } });
    }
    // One old stamp is a call that took long; nothing but old stamps is a clock that was set back, and would leave us waiting in the future.
    behind = now < start - SET_BACK ? behind + 1 : 0;
    if (behind >= SET_BACK_EVENTS) setBack(now);
    if (now > time) time = now;
    while (now >= end) {
      close(end);
      if (phase === 'learning') {
        start = end;
        end = ms(Math.min(Math.max(start + SLICE * 1000, now), learnUntil));
        if (start >= learnUntil) prepare();
      } else {
        start = ms(start + Math.floor((now - start) / cycle) * cycle);
        end = ms(start + cycle);
        if (monitor > 0) tell({ type: 'phase', time: start, phase: 'collect', facts: { seconds: settings.monitor } });
      }
    }
  };

  /** The window is over, and all that it was to see has been seen. */
  const close = (until: Ms): void => {
    checkLog(until);
    settle(until);
    tellBounds(until);
  };

  const setBack = (now: Ms): void => {
    tell({ type: 'finding', time: now, kind: 'clock', text: `the clock was set back by ${Math.round((time - now) / 1000)} s` });
    close(time);
    if (phase === 'learning') learnUntil = ms(learnUntil - start + now);
    start = end = time = heard = now;
    behind = 0;
  };

  const hearAt = (now: Ms): void => {
    const pause = heard === 0 ? 0 : now - heard;
    heard = now;
    if (pause > longest && phase === 'learning') longest = ms(pause);
    if (!isSilent) return;
    isSilent = false;
    tell({ type: 'finding', time: now, kind: 'audit', severity: 'low', text: `records come again, after ${minutes(pause)}` });
  };

  /** Daemons are told of at once; a change of rules is one of many, and waits for the end of the window. */
  const hear = (fact: AuditFact, now: Ms): void => {
    if (fact.kind === 'shutdown') return shutdown.announce(now);
    if (fact.kind === 'daemon') {
      follow(fact.what === 'start' ? 'start' : 'record', now);
      if (fact.what !== 'end' || !shutdown.stop(fact, now)) tell({ type: 'finding', time: now, kind: 'audit', ...findingOf(fact) });
    } else changes.set(fact.change, { fact, times: (changes.get(fact.change)?.times ?? 0) + 1 });
  };

  /** The machine has gone down, or has not: what came of auditd's stop. */
  const follow = (...[next, now]: Parameters<typeof shutdown.follow>): void => {
    const finding = shutdown.follow(next, now);
    if (finding !== undefined) tell({ type: 'finding', time: now, kind: 'audit', ...finding });
  };

  const tellChanges = (now: Ms): void => {
    if (changes.size === 0) return;
    for (const { fact, times } of changes.values()) tell({ type: 'finding', time: now, kind: 'audit', ...findingOf(fact, times) });
    changes.clear();
  };

  /** Looks at the numbers of the window that ends, once: while something is missing nothing can be learned from what is not seen. */
  const checkLog = (now: Ms): void => {
    const numbers = serials.take();
    holes += numbers.missing;
    const { finding, isWhole } = log.judge(numbers, phase === 'learning');
    if (finding !== undefined) tell({ type: 'finding', time: now, kind: 'audit', ...finding });
    if (!isWhole && phase === 'learning') learnUntil = ms(learnUntil + now - start);
  };

  const takeSightings = (): readonly Sighting[] => {
    const seen = sightings.take();
    for (const { kind, name, traits, last } of seen) if (kind === 'kernel' && name.startsWith(UMOUNT) && (traits & Trait.denied) === 0) mounts.gone(bytes(name.slice(UMOUNT.length)), last);
    return seen;
  };

  /** Returns what is too grave to be learned. */
  const learn = (): readonly Sighting[] => {
    const grave: Sighting[] = [];
    for (const seen of takeSightings()) {
      if (isGrave(seen) && !isIgnored(seen)) grave.push(seen);
      else if (!isDamaged) baseline.learn(seen);
    }
    return grave;
  };

  /** What was seen is learned or compared, before the window ends. */
  const settle = (now: Ms): void => {
    if (phase === 'monitoring') return detect(now);
    alert(incidents.add(learn(), rateEdge, time, settings.maintenance), time);
    tellChanges(time);
  };

  /** What there was no room for. */
  const tellBounds = (now: Ms): void => {
    for (const { severity, text } of bounds.judge(now, { maxEdges: settings.maxEdges ?? MAX_EDGES, refused: baseline.refused().first })) tell({ type: 'finding', time: now, kind: 'flood', severity, text });
  };

  const isIgnored = (s: Sighting): boolean => settings.ignored(s.node, printObject(s), s.last);

  const rateEdge: Rate = (seen, after, inRow) => rate(seen, baseline.novelty(seen), companyOf(seen, baseline.knowsLogin, after, inRow));

  /** Tells what has become of the incidents; returns the edges that were told. */
  const alert = (changes: readonly Change[], now: Ms): readonly Alert[] => {
    for (const change of changes) {
      announce(change, now);
      for (const one of change.alerts) tell({ type: 'edge', time: now, alert: one });
    }
    for (const { incident } of incidents.close(now)) tell({ type: 'incident', time: now, state: 'closed', incident });
    for (const flood of floods.report(now)) {
      const { count, grave, incident } = flood;
      tell({ type: 'finding', time: now, kind: 'flood', severity: grave > 0 ? 'high' : 'medium', text: describeFlood(flood), facts: { count, ...(incident === undefined ? {} : { incident }) } });
    }
    return changes.flatMap(({ alerts }) => alerts);
  };

  const announce = ({ state, incident, alerts }: Change, now: Ms): void => {
    const gravest = alerts.reduce<Alert | undefined>((most, one) => (most === undefined || one.score > most.score ? one : most), undefined);
    if (gravest === undefined || (state !== 'opened' && state !== 'risen')) return;
    const explanation = explain(gravest, baseline.novelty(gravest.seen), baseline.nearest(gravest.seen), processes.originOf(gravest.seen.actor.ses));
    tell({ type: 'incident', time: now, state, incident, explanation });
  };

  const normalise = (now: Ms): void => {
    for (const pattern of baseline.generalise()) tell({ type: 'ignore', time: now, pattern });
  };

  const prepare = (): void => {
    tell({ type: 'phase', time: learnUntil, phase: 'normalize', facts: { edges: baseline.graph.size } });
    normalise(learnUntil);
    tell({ type: 'phase', time: learnUntil, phase: 'prepare', facts: { nodes: baseline.graph.order, edges: baseline.graph.size, ...counted({ refused: baseline.refused().count, held: floods.counted() }) } });
    if (settings.baseline > 0) tell({ type: 'coverage', time: learnUntil, coverage: baseline.coverage(settings.schedules) });
    phase = 'monitoring';
    start = end = learnUntil;
  };

  /**
   * Learns what a service has begun to do where a person said so, and tells that; returns all else. Nothing that comes with something grave: an
   * intruder would like to be taken for a deploy.
   */
  const relearn = (unseen: readonly Sighting[], now: Ms): readonly Sighting[] => {
    const services = new Map<Sighting, string>();
    for (const seen of unseen) {
      const service = settings.relearns?.(seen.subject, seen.last);
      if (service !== undefined) services.set(seen, service);
    }
    if (services.size === 0 || isDamaged) return unseen;
    const judged = unseen.map((seen) => ({ seen, ...incidents.judge(seen, rateEdge) }));
    const grave = new Set(judged.filter(({ isGrave: is }) => is).map(({ seen }) => seen.actor.lineage));
    const learned = new Map<string, string[]>();
    const rest: Sighting[] = [];
    for (const { seen, lowered } of judged) {
      const service = services.get(seen);
      if (service === undefined || lowered || grave.has(seen.actor.lineage)) {
        rest.push(seen);
        continue;
      }
      baseline.learn(seen);
      const edges = learned.get(service) ?? [];
      learned.set(service, edges);
      edges.push(seen.node + ARROW + printObject(seen));
    }
    for (const [service, edges] of learned) tell({ type: 'relearned', time: now, service, edges });
    if (learned.size > 0) normalise(now);
    return rest;
  };

  const detect = (now: Ms): void => {
    const seen = takeSightings();
    const unknown = seen.filter((s) => !baseline.knows(s) && !isIgnored(s));
    // Who learns nothing wants to see all there is.
    const unseen = settings.baseline > 0 ? withoutSteps(unknown) : unknown;
    const found = incidents.add(relearn(unseen, now), rateEdge, now, settings.maintenance);
    const held = floods.counted();
    if (seen.length > 0 && monitor > 0) tell({ type: 'phase', time: now, phase: 'detect', facts: { edges: seen.length, unseen: unseen.length, ...counted({ held }) } });
    const alerts = alert(found, now);
    tellChanges(now);
    if (!rebase || alerts.length === 0) return;
    for (const { seen: s, severity, lowered } of alerts) if (!isHigh(severity) && !lowered) baseline.learn(s);
    normalise(now);
  };

  const roster = openRoster();

  const save = (whole: boolean): Snapshot => {
    roster.begin(whole);
    return {
      shape: SNAPSHOT,
      clock: { phase, time, learnUntil, baseline: settings.baseline, start, end, behind, heard, longest, isSilent },
      losses: saveLosses(losses),
      serials: serials.save(),
      log: log.save(),
      events: events.save(),
      processes: processes.save(whole, roster),
      names: names.save(whole),
      hostnames: hostnames.save(whole),
      sightings: sightings.save(roster.idOf),
      roster: roster.take(),
      baseline: baseline.save(whole),
      incidents: incidents.save(whole),
      floods: floods.save(whole),
      bounds: bounds.save(),
      changes: [...changes.values()],
      audit: auditing.save(),
      mounts: mounts.save(),
      shutdown: shutdown.save(),
    };
  };

  return {
    feed: events.feed,
    tick(now) {
      events.idle(now);
      if (phase === 'waiting') return;
      follow('nothing', now);
      if (now < start - SET_BACK) setBack(now);
      if (!isSilent && now - heard > patience()) {
        isSilent = true;
        tell({ type: 'finding', time: now, kind: 'audit', severity: 'high', text: `nothing has been recorded for ${minutes(now - heard)}: does auditd run, are its rules loaded?` });
      }
      if (now - GRACE >= end) reach(ms(now - GRACE));
    },
    endFile: events.endFile,
    end() {
      events.end();
      follow('end', time);
      if (phase !== 'waiting') close(time);
      for (const { incident } of incidents.close(ms(Infinity))) tell({ type: 'incident', time, state: 'closed', incident });
    },
    learn() {
      if (phase === 'learning') sightings.putBack(learn());
    },
    pause() {
      if (phase !== 'waiting') settle(time);
    },
    resume: events.resume,
    know: processes.learn,
    hostnames,
    audit(status, now) {
      ({ rules } = status);
      const { findings, blind } = auditing.look(status);
      for (const finding of findings) tell({ type: 'finding', time: now, kind: 'audit', ...finding });
      if (blind && phase === 'learning' && asked !== undefined && now > asked) learnUntil = ms(learnUntil + now - asked);
      asked = now;
    },
    change(next) {
      rebase = next.rebase;
      floods.change(next.flood);
    },
    mounted(all, now) {
      for (const finding of mounts.look(all, rules, now)) tell({ type: 'finding', time: now, kind: 'audit', ...finding });
    },
    losses,
    incidents: incidents.kept,
    save: () => save(true),
    saveChanges: () => save(false),
    cycle: () => start,
    state: () => ({ phase, open: sightings.size(), time, edges: baseline.graph.size, learnUntil, events: delivered, holes, heard, patience: patience() }),
  };
};
