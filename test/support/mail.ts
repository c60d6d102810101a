import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerOptions } from 'smtp-server';
import { portOf } from './sinks.ts';

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly headers: string;
  readonly subject: string;
  /** As it is read: what was folded or quoted for the way is not any more. */
  readonly text: string;
  readonly user: string | undefined;
}

export const unquote = (text: string): string => text.replaceAll('=\r\n', '').replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

export interface MailServer {
  readonly port: number;
  readonly mails: Mail[];
  readonly stop: () => Promise<void>;
}

/** A mail server on loopback, on a port or any. */
export const serveMail = async (port = 0, options: SMTPServerOptions = {}): Promise<MailServer> => {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true, disabledCommands: ['STARTTLS'], disableReverseLookup: true, logger: false, closeTimeout: 1,
    onData(stream, session, done) {
      const take = async (): Promise<void> => {
        const [headers = '', ...body] = (await buffer(stream)).toString('latin1').split('\r\n\r\n');
        const [, subject = ''] = /^Subject: (.*(?:\r\n[ \t].*)*)/m.exec(headers) ?? [];
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({ from: mailFrom === false ? '' : mailFrom.address, to: rcptTo.map(({ address }) => address), headers, subject: subject.replaceAll(/\r\n\s*/g, ' '), text: unquote(body.join('\r\n\r\n')), user: session.user === undefined ? undefined : String(session.user) });
        done();
      };
      void take();
    },
    ...options,
  });
  server.on('error', () => undefined);
  const listening = server.listen(port, '127.0.0.1');
  await once(listening, 'listening');
  return { port: portOf(listening), mails, stop: () => new Promise((resolve) => server.close(() => resolve())) };
};
