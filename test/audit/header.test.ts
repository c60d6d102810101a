import { describe, expect, it } from 'vitest';
import { newHeader, readHeader } from '../../src/audit/header.ts';
import { raw } from '../support/log.ts';

const header = (line: string) => {
  const into = newHeader();
  const verdict = readHeader(raw(line), 0, line.length, into);
  return verdict === true ? { ...into, body: line.slice(into.body) } : verdict;
};

describe('the header of a record', () => {
  it('tells type, time and serial', () => {
    expect(header('type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e')).toEqual({
      node: '', type: 'SYSCALL', time: 1_700_000_000_123, serial: 456, body: ' arch=c000003e',
    });
  });

  it('may have a node in front', () => {
    expect(header('node=web1.example.test type=CWD msg=audit(1.000:1): cwd="/"')).toMatchObject({ node: 'web1.example.test', type: 'CWD' });
  });

  it('may lack the colon', () => {
    expect(header('type=CONFIG_CHANGE msg=audit(1.000:4920) op=set')).toMatchObject({ serial: 4920, body: ' op=set' });
    expect(header('type=EOE msg=audit(1.000:1)')).toMatchObject({ type: 'EOE', body: '' });
  });

  it.each(['SYSCALL', 'CWD', 'PATH', 'EXECVE', 'SOCKADDR', 'PROCTITLE', 'LOGIN', 'OBJ_PID', 'KERN_MODULE', 'OPENAT2', 'EOE'])('knows %s', (type) => {
    expect(header(`type=${type} msg=audit(1.000:1): x=1`)).toMatchObject({ type });
  });

  it.each(['USER_CMD', 'UNKNOWN[1334]', 'UNKNOWN[1300]', 'AVC_PATH', 'SYSCALLS', 'syscall', 'PAT'])('takes %s for a record that tells nothing', (type) => {
    expect(header(`type=${type} msg=audit(1.000:1): x=1`)).toMatchObject({ type: 'other' });
  });

  it('ends with the line, whatever stands behind it in memory', () => {
    const into = newHeader();
    for (const [line, verdict] of [['type=EOE msg=audit(1.000:1)', true], ['type=EOE msg=audit(1.000:1', false], ['type=EOE msg=audit(1.0', false], ['type=EOE', false], ['ty', undefined]] as const) {
      for (const behind of [':00:1): x=', '00:1): x=', '):', ' msg=audit(1.000:1):', 'pe=EOE msg=audit(1.000:1):']) {
        expect(readHeader(raw(line + behind), 0, line.length, into)).toBe(verdict);
        if (verdict === true) expect(into.body).toBe(line.length);
      }
    }
  });

  it.each([
    ['no type', 'type= msg=audit(1.000:1): x=1'],
    ['no stamp', 'type=SYSCALL'],
    ['an empty stamp', 'type=SYSCALL msg=audit(): x=1'],
    ['no milliseconds', 'type=SYSCALL msg=audit(1:1): x=1'],
    ['one digit of milliseconds', 'type=SYSCALL msg=audit(1.0:1): x=1'],
    ['four digits of milliseconds', 'type=SYSCALL msg=audit(1.0000:1): x=1'],
    ['no serial', 'type=SYSCALL msg=audit(1.000): x=1'],
    ['an empty serial', 'type=SYSCALL msg=audit(1.000:): x=1'],
    ['a negative serial', 'type=SYSCALL msg=audit(1.000:-1): x=1'],
    ['a letter in the time', 'type=SYSCALL msg=audit(1x.000:1): x=1'],
    ['a letter in the serial', 'type=SYSCALL msg=audit(1.000:1a): x=1'],
    ['a blank in the stamp', 'type=SYSCALL msg=audit(1.000: 1): x=1'],
    ['a time beyond all time', 'type=SYSCALL msg=audit(123456789012.000:1): x=1'],
    ['a serial beyond all numbers', 'type=SYSCALL msg=audit(1.000:1234567890123456): x=1'],
    ['no end of the stamp', 'type=SYSCALL msg=audit(1.000:1 x=1'],
    ['another stamp', 'type=SYSCALL msg=kernel(1.000:1): x=1'],
    ['two blanks', 'type=SYSCALL  msg=audit(1.000:1): x=1'],
    ['nothing but a node', 'node=web1'],
  ])('is bad with %s', (_, line) => {
    expect(header(line)).toBe(false);
  });

  it.each([
    ['text', 'Nov 20 12:00:00 web1 kernel: hello'],
    ['a record in a syslog line', 'Nov 20 12:00:00 web1 audispd: type=SYSCALL msg=audit(1.000:1): arch=c000003e'],
    ['a stamp alone', 'msg=audit(1.000:1): x=1'],
    ['NULs before a record', '\0\0\0type=SYSCALL msg=audit(1.000:1): x=1'],
    ['a blank before a record', ' type=SYSCALL msg=audit(1.000:1): x=1'],
    ['a node alone', 'node=web1 something else'],
    ['binary', '\x1f\x8b\x08\0\xff\xfe'],
  ])('is missing in %s', (_, line) => {
    expect(header(line)).toBeUndefined();
  });
});
