import { newestOf } from '../audit/oldest.ts';
import { ms } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import { readAddress } from './address.ts';
import { hostName } from './answer.ts';
import type { Answer } from './answer.ts';
import { daysTo, readStamp } from './calendar.ts';
import type { Stamp } from './calendar.ts';

/** Queries without an answer kept in mind; the oldest go first. */
const MAX_QUERIES = 4096;

/** A line is longer only by its name. */
const MAX_LINE = 1024;

const LINE = /^(.{0,128}?)\bdnsmasq\[(\d{1,10})\]: (?:(\d{1,10}) \S+\/\d{1,5} )?(.*)$/;
const QUERY = /^query\[(A|AAAA)\] (\S+) from \S+$/;
const REPLY = /^(?:reply|cached|cached-stale|config|auth|DHCP|\/\S+) (\S+) is (\S+)$/;
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d(?:\.\d{1,9})?)(?:Z|([+-])(\d\d):?(\d\d))/;

const readTime = (text: string): Ms | Stamp | undefined => {
  const m = RFC3339.exec(text);
  if (!m) return readStamp(text);
  const [, year, month, day, hour, minute, second, sign, ahead = '0', minutes = '0'] = m;
  const zone = (sign === '-' ? -1 : 1) * (Number(ahead) * 60 + Number(minutes));
  return ms(Math.floor(((daysTo(Number(year), Number(month), Number(day)) * 24 + Number(hour)) * 60 + Number(minute) - zone) * 60_000 + Number(second) * 1000));
};

/**
 * Reads dnsmasq's log, line by line: `log-queries=extra`, where a number joins a query and its replies, and plain `log-queries`, where names
 * do. A reply that nobody asked for is none. It says no TTL.
 */
export const dnsmasqLog = (found: (answer: Answer<Ms | Stamp>) => void): ((line: string) => void) => {
  const queries = new Map<string, Bytes>();
  const trim = newestOf(queries, MAX_QUERIES);
  /** What the last line replied to, when it named an alias: without numbers, the next line is about what that stands for. */
  let alias: { readonly pid: string; readonly question: Bytes } | undefined;

  const ask = (key: string, question: Bytes): void => {
    queries.delete(key);
    queries.set(key, question);
    trim();
  };

  /** The query that a reply belongs to. */
  const questionOf = (pid: string, serial: string | undefined, name: Bytes): Bytes | undefined => {
    if (serial !== undefined) return queries.get(`${pid} ${serial}`);
    const own = queries.get(`${pid} ${name}`);
    return own ?? (alias?.pid === pid ? alias.question : undefined);
  };

  return (line) => {
    const m = line.length > MAX_LINE ? null : LINE.exec(line);
    if (!m) return;
    const [, stamp = '', pid = '', serial, said = ''] = m;
    const query = QUERY.exec(said);
    if (query) {
      alias = undefined;
      const question = hostName(query[2] ?? '');
      if (question !== undefined) ask(`${pid} ${serial ?? question}`, question);
      // Numbers begin anew with the program; the replies to this one belong to no other.
      else if (serial !== undefined) queries.delete(`${pid} ${serial}`);
      return;
    }
    if (serial !== undefined && said.startsWith('query[')) {
      queries.delete(`${pid} ${serial}`);
      return;
    }
    const reply = REPLY.exec(said);
    const name = reply && hostName(reply[1] ?? '');
    const question = name ? questionOf(pid, serial, name) : undefined;
    alias = undefined;
    if (!reply || question === undefined) return;
    if (serial === undefined) alias = { pid, question };
    const address = readAddress(reply[2] ?? '');
    const time = address === undefined ? undefined : readTime(stamp);
    if (time !== undefined && address !== undefined) found({ time, name: question, addresses: [address], ttl: 0 });
  };
};
