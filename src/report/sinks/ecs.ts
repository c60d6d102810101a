import { isSet } from '../../audit/units.ts';
import { isFile, parseEdge, parseSubject } from '../../behaviour/edge.ts';
import type { Edge, EdgeKind } from '../../behaviour/edge.ts';
import type { Line } from '../../detect/line.ts';
import { SEVERITIES } from '../../detect/severity.ts';
import { describeCoverage } from '../coverage.ts';
import { gravityOf } from '../gravity.ts';
import { marked, relearned } from '../json.ts';
import { show, showCommand } from '../show.ts';

/** The version of the Elastic Common Schema whose names are used. */
const VERSION = '8.11.0';

/** `event.type`, and `event.category` beside intrusion_detection. */
const KINDS: Readonly<Record<EdgeKind, readonly [type: string, category: string]>> = {
  exec: ['start', 'process'], trace: ['access', 'process'], kernel: ['change', 'host'],
  connect: ['connection', 'network'], listen: ['start', 'network'], sock: ['connection', 'network'],
  create: ['creation', 'file'], write: ['change', 'file'], rename: ['change', 'file'], link: ['creation', 'file'], attr: ['change', 'file'], delete: ['deletion', 'file'], read: ['access', 'file'],
};

const iso = (time: number): string => new Date(time).toISOString();

/** `address:port`, of which the address may hold colons. */
const peerOf = (peer: string): { readonly host: string; readonly port?: number } => {
  const [, host = peer, port = ''] = /^(.*):(\d+|\*)$/.exec(peer) ?? [];
  return /^\d+$/.test(port) ? { host, port: Number(port) } : { host };
};

const isAddress = (text: string): boolean => /^[\d.]+$|^[\da-f:.]*:[\da-f:.]*$/i.test(text);

/** Who did it and to what, as far as the edge tells. `address`: behind a name. */
const deed = ({ subject, object: { kind, name } }: Edge, command: string, pids: object, address: string): object => {
  const target = kind === 'exec' ? parseSubject(name) : undefined;
  const program = show((target ?? subject).exe);
  const { host, port } = peerOf(show(name));
  const ip = isAddress(host) ? host : peerOf(show(address)).host;
  return {
    process: { executable: program, name: program.slice(program.lastIndexOf('/') + 1), command_line: showCommand(command), ...pids, ...(target === undefined ? {} : { parent: { executable: show(subject.exe) } }) },
    user: { id: String(target?.euid ?? subject.euid) },
    ...(subject.container === '' ? {} : { container: { id: show(subject.container) } }),
    ...(isFile(kind) || kind === 'sock' ? { file: { path: show(name) } } : {}),
    ...(kind === 'connect' ? { destination: { address: host, ...(isAddress(ip) ? { ip } : {}), ...(isAddress(host) ? {} : { domain: host }), ...(port === undefined ? {} : { port }) } } : {}),
    ...(kind === 'listen' ? { server: { address: host, ...(port === undefined ? {} : { port }) } } : {}),
  };
};

const loginOf = ({ subject: { login } }: Edge): { readonly login?: string } => (isSet(login) ? { login: String(login) } : {});

const threat = (tactics: readonly string[], techniques: readonly string[]): object =>
  tactics.length + techniques.length === 0 ? {} : { threat: { framework: 'MITRE ATT&CK', ...(tactics.length === 0 ? {} : { tactic: { name: tactics } }), ...(techniques.length === 0 ? {} : { technique: { id: techniques } }) } };

/** A line in the names of the Elastic Common Schema; what has no name there stands below `fullmon`. */
export const ecs = (line: Line, host: string, id: string): object => {
  const severity = gravityOf(line);
  const event = (more: object): object => ({
    id, module: 'fullmon', dataset: `fullmon.${line.type === 'ignore' || line.type === 'relearned' ? 'phase' : line.type}`, kind: 'event', category: ['host'], type: ['info'],
    ...(severity === undefined ? {} : { severity: SEVERITIES.indexOf(severity) + 1 }), ...more,
  });
  const common = (message: string) => ({
    '@timestamp': iso(line.time), ecs: { version: VERSION }, message, log: { level: severity ?? 'info' }, host: { name: host, hostname: host }, agent: { type: 'fullmon', name: host },
  });
  switch (line.type) {
    case 'edge': {
      const { edge, seen, incident, score, reasons, tactic, technique, maintenance } = line.alert;
      const [type, category] = KINDS[seen.kind];
      return {
        ...common(edge),
        event: event({ kind: 'alert', category: ['intrusion_detection', category], type: [type], action: seen.kind, risk_score: score, start: iso(seen.first), end: iso(seen.last), reason: reasons.join('; ') }),
        ...deed({ subject: seen.subject, object: seen }, seen.actor.command, { pid: seen.actor.pid }, seen.address),
        ...threat(tactic === undefined ? [] : [tactic], technique === undefined ? [] : [technique]),
        fullmon: { incident, severity, edge, count: seen.count, ...(seen.from === '' ? {} : { from: show(seen.from) }), ...marked(maintenance), ...loginOf({ subject: seen.subject, object: seen }) },
      };
    }
    case 'incident': {
      const { incident, state } = line;
      const { first, last, score, count, repeats, tactics, techniques, after, maintenance } = incident;
      const explanation = line.state === 'closed' ? undefined : line.explanation;
      const edge = explanation && parseEdge(explanation.edge);
      const origin = show(explanation?.session?.address ?? '');
      return {
        ...common(`${state} ${severity} incident ${incident.id}: ${count} ${count === 1 ? 'edge' : 'edges'}`),
        event: event({ kind: 'alert', category: ['intrusion_detection'], action: `incident-${state}`, risk_score: score, start: iso(first), end: iso(last), ...(explanation === undefined ? {} : { reason: explanation.why }) }),
        ...(edge === undefined ? {} : deed(edge, explanation?.command ?? '', {}, explanation?.address ?? '')),
        ...(isAddress(origin) && origin !== '' ? { source: { address: origin, ip: origin } } : {}),
        ...threat(tactics, techniques),
        fullmon: {
          incident: incident.id, state, severity, edges: count, repeats, ...(after === undefined ? {} : { after }), ...marked(maintenance),
          ...(explanation === undefined ? {} : { edge: explanation.edge, ancestry: explanation.ancestry.map(show) }), ...(edge === undefined ? {} : loginOf(edge)),
        },
      };
    }
    case 'finding':
      return { ...common(line.text), event: event({ action: line.kind }), fullmon: { severity, ...line.facts } };
    case 'heartbeat':
      return { ...common(line.text), event: event({ action: 'heartbeat' }), fullmon: { ...line.facts } };
    case 'phase':
      return { ...common(line.phase), event: event({ action: line.phase }), fullmon: { ...line.facts } };
    case 'ignore':
      return { ...common(`+ignore ${show(line.pattern.source).replaceAll('>', '%3E')}`), event: event({ action: 'ignore' }), fullmon: { subject: line.pattern.subject, action: line.pattern.kind, names: line.pattern.names } };
    case 'relearned':
      return { ...common('relearn'), event: event({ action: 'relearn' }), fullmon: relearned(line) };
    case 'coverage':
      return { ...common(describeCoverage(line.coverage)), event: event({ action: 'coverage' }), fullmon: { coverage: line.coverage.coverage, expectedPerDay: line.coverage.expectedPerDay } };
  }
};
