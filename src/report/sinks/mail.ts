import { closeSync, readFileSync, renameSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Line } from '../../detect/line.ts';
import { isHigh, SEVERITIES } from '../../detect/severity.ts';
import { openTrusted, writeNew } from '../../input/files.ts';
import { gravityOf } from '../gravity.ts';
import { toText } from './format.ts';
import type { SinkOptions } from './schema.ts';
import { secretIn } from './secrets.ts';
import type { Entry, Sink } from './sink.ts';

type MailOptions = Extract<SinkOptions, { readonly type: 'mail' }>;

const HOUR = 3_600_000;
/** Lines in one mail, at most; characters of one. */
const MAX_LINES = 1000;
const MAX_TEXT = 16_000;
/** Ms for each step of the conversation. */
const PATIENCE = 20_000;

/** What of a host's name stands in a header. */
const here = (): string => hostname().replaceAll(/[^\w.-]/g, '');

/** Nothing that a log says: who chooses names may not choose what stands above them. */
const subjectOf = (line: Line): string => {
  switch (line.type) {
    case 'incident': return `${line.incident.severity} incident ${line.incident.id} ${line.state}`;
    case 'finding': return `${gravityOf(line)} finding: ${line.kind}`;
    case 'phase': case 'ignore': case 'coverage': case 'heartbeat': case 'relearned': case 'edge': return line.type === 'phase' && line.phase === 'baseline' ? 'begins to learn' : line.type;
  }
};

const parse = ({ body }: Entry): { readonly subject: string; readonly text: string } => {
  const mail: unknown = JSON.parse(body);
  return typeof mail === 'object' && mail !== null && 'subject' in mail && 'text' in mail ? { subject: String(mail.subject), text: String(mail.text) } : { subject: '', text: '' };
};

/** How many of each severity, the gravest first. */
const tally = (entries: readonly Entry[]): string =>
  SEVERITIES.toReversed().map((severity) => [entries.filter((entry) => entry.severity === severity).length, severity] as const).filter(([n]) => n > 0).map(([n, severity]) => `${n} ${severity}`).join(', ');

/** The times of the last mails, ms, which outlive a restart: who can make fullmon start again may not make it send more. */
const timesIn = (file: string | undefined): readonly number[] => {
  if (file === undefined) return [];
  try {
    const fd = openTrusted(file);
    const times: unknown = JSON.parse(readFileSync(fd, 'utf8'));
    closeSync(fd);
    return Array.isArray(times) ? times.map(Number) : [];
  } catch {
    return [];
  }
};

/**
 * Mails what waits, all of it at once: one line as itself, several as a digest. In no hour there are more mails than `hourly`; the last one of
 * several is kept for what is high or critical. `directory`: where the times of mails are kept.
 */
export const openMail = (options: MailOptions, directory: string | undefined, clock = Date.now): Sink => {
  const { host, port, user, hourly, from, to } = options;
  const tls = options.tls ?? (/^(?:localhost|127\..*|::1)$/.test(host) ? 'none' : 'starttls');
  const file = directory === undefined ? undefined : join(directory, 'times');
  let times = timesIn(file);

  const remember = (): void => {
    if (file === undefined) return;
    try {
      writeNew(`${file}.new`, Buffer.from(JSON.stringify(times)));
      renameSync(`${file}.new`, file);
    } catch {
      // Counted in memory as long as the disk is full.
    }
  };

  return {
    render: (line) => JSON.stringify({ subject: subjectOf(line), text: toText(line).slice(0, MAX_TEXT) }),
    batch: MAX_LINES,

    pause(entries) {
      const now = clock();
      times = times.filter((time) => time > now - HOUR && time <= now);
      const slots = hourly === 1 || entries.some(({ severity }) => severity !== undefined && isHigh(severity)) ? hourly : hourly - 1;
      const leaving = times[times.length - slots];
      return leaving === undefined ? 0 : leaving + HOUR - now;
    },

    async send(entries, signal) {
      const [first] = entries;
      if (first === undefined) return;
      const password = secretIn(options['password-file']) ?? '';
      const transport = createTransport({
        host, port, secure: tls === 'implicit', requireTLS: tls === 'starttls', ignoreTLS: tls === 'none', disableFileAccess: true, disableUrlAccess: true,
        connectionTimeout: PATIENCE, greetingTimeout: PATIENCE, socketTimeout: PATIENCE, ...(user === undefined ? {} : { auth: { user, pass: password } }),
      });
      const giveUp = (): void => transport.close();
      signal.addEventListener('abort', giveUp, { once: true });
      // It counts before it is sent, lest a kill in between makes it one too many.
      const now = clock();
      times = [...times, now];
      remember();
      try {
        const mails = entries.map(parse);
        await transport.sendMail({
          from: { name: `fullmon on ${here()}`, address: from }, to: [...to], messageId: `<${first.id}.${entries.length}@${here()}>`, headers: { 'Auto-Submitted': 'auto-generated', 'X-Fullmon-Id': first.id },
          subject: `[fullmon] ${here()}: ${entries.length === 1 ? mails[0]?.subject : `${entries.length} alerts: ${tally(entries)}`}`,
          text: `${mails.map(({ text }) => text).join('\n\n')}\n`,
        });
      } catch (error) {
        times = times.filter((time) => time !== now);
        remember();
        throw error;
      } finally {
        signal.removeEventListener('abort', giveUp);
        transport.close();
      }
    },
  };
};
