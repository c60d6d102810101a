import { bytes } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import { NONE, parseSubject, printSubject } from '../behaviour/edge.ts';
import type { NodeText, Subject } from '../behaviour/edge.ts';
import { isProtected } from '../behaviour/places.ts';
import { isInterpreter } from '../behaviour/script.ts';
import { generaliseScripts, isPattern } from './generalise.ts';

// Tools that deploy copy a script to a name of its own and run it once: ansible, salt, cloud-init, the runners of Jenkins and GitLab. To
// each of them the next run would be a program never seen, and all it does new. So their names are one node, the pattern in the place of
// the script: for one parent, one interpreter, one user and service.

/** Script names that it takes where only the owner may write, and where anybody may. */
const NAMES = 4;
const NAMES_SCRATCH = 16;
const SCRATCH = /^\/(?:tmp|var\/tmp|dev\/shm|run\/shm|dev\/mqueue)\//;

/** A subject with a pattern in the place of its script. */
export interface StandIn {
  readonly subject: Subject;
  readonly node: NodeText;
}

/** What one parent has run under names that a machine made. */
export interface ScriptPattern extends StandIn {
  /** Anchored regular expression over scripts. */
  readonly source: string;
  /** The nodes it stands for. */
  readonly covers: readonly NodeText[];
}

export interface Scripts {
  /** Takes in a node that stands for scripts; ignores others. */
  readonly add: (node: Bytes) => void;
  /** The subject that stands for this one, with its pattern in the place of the script. */
  readonly standFor: (subject: Subject) => StandIn | undefined;
}

const withoutScript = (subject: Subject): NodeText => printSubject({ ...subject, script: NONE });

/** May this program be one of many under generated names? */
export const canVaryByScript = ({ exe, script }: Subject): boolean => script.startsWith('/') && isInterpreter(exe) && !isProtected(script);

export const openScripts = (): Scripts => {
  const byProgram = new Map<NodeText, (StandIn & { readonly regex: RegExp })[]>();
  return {
    add(text) {
      const subject = parseSubject(text);
      // The applet of a multi-call binary may be called anything.
      if (!subject || !isInterpreter(subject.exe) || !isPattern(subject.script)) return;
      const key = withoutScript(subject);
      const node = printSubject(subject);
      const some = byProgram.get(key);
      const pattern = { subject, node, regex: new RegExp(subject.script) };
      if (some === undefined) byProgram.set(key, [pattern]);
      else if (!some.some((one) => one.node === node)) some.push(pattern);
    },
    standFor: (subject) =>
      byProgram.size === 0 || !subject.script.startsWith('/') ? undefined : byProgram.get(withoutScript(subject))?.find(({ regex }) => regex.test(subject.script)),
  };
};

/** Patterns among the programs that one parent has run; `first`: when each was first seen. */
export const findScripts = (children: Iterable<readonly [node: Bytes, first: Ms]>): readonly ScriptPattern[] => {
  const byProgram = new Map<NodeText, { readonly subject: Subject; readonly node: NodeText; readonly first: Ms }[]>();
  for (const [node, first] of children) {
    const subject = parseSubject(node);
    if (!subject || !canVaryByScript(subject)) continue;
    const key = withoutScript(subject);
    const some = byProgram.get(key);
    if (some) some.push({ subject, node: printSubject(subject), first });
    else byProgram.set(key, [{ subject, node: printSubject(subject), first }]);
  }
  return [...byProgram.values()].flatMap((some) => {
    const [{ subject } = { subject: undefined }] = some;
    if (subject === undefined || some.length < NAMES) return [];
    const nodes = new Map(some.map((one) => [one.subject.script, one.node]));
    return generaliseScripts(some.map(({ subject: { script }, first }) => ({ name: script, first })))
      .filter(({ covers }) => covers.length >= (covers.some(({ name }) => SCRATCH.test(name)) ? NAMES_SCRATCH : NAMES))
      .map(({ source, covers }) => {
        const standIn = { ...subject, script: bytes(`^${source}$`) };
        return { subject: standIn, node: printSubject(standIn), source: `^${source}$`, covers: covers.flatMap(({ name }) => nodes.get(name) ?? []) };
      });
  });
};
