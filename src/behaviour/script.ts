import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { NONE } from './edge.ts';
import { absolute, baseName } from './paths.ts';

/** How one family of interpreters finds its program among its arguments. */
interface Family {
  readonly exe: RegExp;
  /** Short options that mean "the program is the next argument", or part of this one. */
  readonly inline: string;
  /** Short options that take a value: the argument's rest or the next one. */
  readonly valued: string;
  /** Short options whose value, if any, is the argument's rest. */
  readonly attached?: string;
  /** Long options that take the next argument as their value. */
  readonly valuedLong?: readonly string[];
  readonly inlineLong?: readonly string[];
  /** The option that names a module to run instead of a file. */
  readonly module?: string;
  /** `-s` stands for stdin, a lone `-` ends the options; elsewhere `-` stands for stdin. */
  readonly shell?: true;
}

const FAMILIES: readonly Family[] = [
  { exe: /^(?:r?bash|dash|sh|ash|zsh[\d.-]*|[mo]?ksh[\d.]*|pdksh|t?csh|fish)$/, inline: 'c', valued: 'oO', valuedLong: ['--rcfile', '--init-file'], shell: true },
  { exe: /^(?:python|pypy)[\d.]*$/, inline: 'c', valued: 'WXQ', module: 'm' },
  { exe: /^perl[\d.]*$/, inline: 'eE', valued: 'I', attached: 'CDFMVimx' },
  { exe: /^ruby[\d.]*$/, inline: 'e', valued: 'ICrE', attached: 'FKTWix' },
  { exe: /^(?:node|nodejs|bun)$/, inline: 'ep', valued: 'rC', valuedLong: ['--require', '--import', '--loader', '--experimental-loader', '--conditions', '--input-type'], inlineLong: ['--eval', '--print'] },
  { exe: /^php(?:-cgi)?[\d.]*$/, inline: 'rRBE', valued: 'dczgtS' },
  { exe: /^lua(?:jit)?[\d.]*$/, inline: 'e', valued: 'l' },
  { exe: /^(?:tclsh|wish)[\d.]*$|^expect$/, inline: 'c', valued: '' },
];

const MULTI_CALL = /^(?:busybox|toybox|coreutils)$/;
const COMMAND_STRING: Readonly<Record<string, string>> = { c: '-c', r: '-r', R: '-r', B: '-r', E: '-e', e: '-e', p: '-e' };

/** Programs change with their script: the base name decides, since interpreters live anywhere. */
export const isInterpreter = (exe: Bytes): boolean => {
  const base = baseName(exe);
  return FAMILIES.some((f) => f.exe.test(base));
};

export const isShell = (exe: Bytes): boolean => {
  const base = baseName(exe);
  return FAMILIES.some((f) => f.shell === true && f.exe.test(base));
};

/**
 * The script an interpreter was started for: its absolute path, `-c`, `-e` or `-r` for code on the command line, `-m NAME` for a module,
 * `-` for code from a pipe; the applet of a multi-call binary; empty for an interactive shell and for every other program.
 */
export const scriptOf = (exe: Bytes, argv: readonly Bytes[], cwd: Bytes, notty: boolean): Bytes => {
  const base = baseName(exe);
  if (MULTI_CALL.test(base)) {
    const called = baseName(argv[0] ?? NONE).replace(/^-/, '');
    return bytes(MULTI_CALL.test(called) ? baseName(argv[1] ?? NONE) : called);
  }
  const family = FAMILIES.find((f) => f.exe.test(base));
  return family && argv.length > 0 ? programOf(family, argv, cwd, notty) : NONE;
};

const programOf = (family: Family, argv: readonly Bytes[], cwd: Bytes, notty: boolean): Bytes => {
  let interactive = false;
  let i = 1;
  for (; i < argv.length; i++) {
    const arg = argv[i] ?? NONE;
    if (arg === '-' && family.shell !== true) return bytes('-');
    if (arg === '--' || arg === '-') {
      i++;
      break;
    }
    if (arg.startsWith('--')) {
      const [name = ''] = arg.split('=', 1);
      if (family.inlineLong?.includes(name)) return bytes('-e');
      if (family.valuedLong?.includes(arg)) i++;
      continue;
    }
    if (!/^[-+]./.test(arg)) break;
    for (let k = 1; k < arg.length; k++) {
      const letter = arg.charAt(k);
      if (letter === 'i') interactive = true;
      if (letter === 's' && family.shell === true) return bytes('-');
      const rest = arg.slice(k + 1);
      if (family.inline.includes(letter)) return bytes(COMMAND_STRING[letter] ?? '-c');
      if (letter === family.module) return bytes(`-m ${rest || (argv[i + 1] ?? '')}`);
      if (family.attached?.includes(letter) === true) break;
      if (family.valued.includes(letter)) {
        if (rest === '') i++;
        break;
      }
    }
  }
  const program = argv[i];
  if (program !== undefined && program !== '') return absolute(program, cwd);
  return notty && !interactive ? bytes('-') : NONE;
};
