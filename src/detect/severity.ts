import type { Sighting } from '../behaviour/sightings.ts';
import { Trait } from '../behaviour/handler.ts';
import { isInterpreter } from '../behaviour/script.ts';
import { isProtected } from '../behaviour/places.ts';
import { parseSubject } from '../behaviour/edge.ts';

export type Severity = 'low' | 'medium' | 'high' | 'critical';

export interface Rating {
  readonly severity: Severity;
  /** 0 to 100. */
  readonly score: number;
  readonly reasons: readonly string[];
}

const severityOf = (score: number): Severity => (score >= 70 ? 'critical' : score >= 45 ? 'high' : score >= 25 ? 'medium' : 'low');

/** Where programs do not belong: anybody may write there. */
const SCRATCH = /^\/(?:tmp|var\/tmp|dev\/shm)\/|\/\.[^/]+$|^\/memfd:|\(deleted\)$/;

/** A first, coarse rating: what kind of edge it is, and of what. */
export const rate = (seen: Sighting): Rating => {
  const reasons: string[] = [];
  let score = 10;
  const because = (points: number, reason: string): void => {
    score += points;
    reasons.push(reason);
  };
  switch (seen.kind) {
    case 'exec': {
      const target = parseSubject(seen.name);
      because(10, 'a program this subject has never run');
      if (target && SCRATCH.test(target.exe)) because(40, 'the program lies where anybody can write, is hidden or deleted');
      else if (target && SCRATCH.test(target.script)) because(30, 'the script lies where anybody can write, or is hidden');
      if (target && isInterpreter(target.exe) && target.login === target.euid) because(5, 'an interpreter');
      break;
    }
    case 'connect':
      because(isInterpreter(seen.subject.exe) ? 30 : 20, 'a peer this subject has never talked to');
      break;
    case 'listen':
      because(20, 'a port this subject has never listened on');
      break;
    case 'sock':
    case 'read':
      because(20, 'access to a secret or a privileged socket');
      break;
    case 'trace':
      because(50, 'takes hold of another process');
      break;
    case 'kernel':
      because(30, 'changes kernel, mounts or namespaces');
      break;
    default:
      because(0, 'a file this subject has never touched in this way');
      if (isProtected(seen.name)) because(35, 'a protected place');
      if ((seen.traits & Trait.setId) !== 0) because(50, 'set-user-ID or set-group-ID');
      else if ((seen.traits & Trait.executable) !== 0) because(20, 'made executable');
  }
  if ((seen.traits & Trait.denied) !== 0) because(5, 'denied, which shows intent');
  score = Math.min(score, 100);
  return { severity: severityOf(score), score, reasons };
};
