import { bytes, ms, pid, ses, UNSET } from '../../src/audit/units.ts';
import { parseEdge, printSubject } from '../../src/behaviour/edge.ts';
import type { Process } from '../../src/behaviour/processes.ts';
import type { Sighting } from '../../src/behaviour/sightings.ts';

/** The edge that a text stands for, seen once; `at`: ms. */
export const sighting = (text: string, at = 0, traits = 0): Sighting => {
  const edge = parseEdge(text);
  if (edge === undefined) throw new TypeError(`no edge: ${text}`);
  const { subject, object: { kind, name } } = edge;
  const node = printSubject(subject);
  const actor: Process = {
    pid: pid(1000), ppid: pid(1), exe: subject.exe, script: subject.script, service: subject.service, daemon: false, container: subject.container, ses: ses(UNSET),
    lineage: 1, parent: undefined, command: bytes(''), confirmed: 0, active: false, id: -1, isSaved: false, isHeard: false, subject, node,
  };
  return { subject, node, kind, name, first: ms(at), last: ms(at), count: 1, traits, from: bytes(''), address: bytes(''), actor, serial: 1, end: undefined };
};
