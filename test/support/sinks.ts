import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server as HttpServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as v from 'valibot';
import type { Line } from '../../src/detect/line.ts';
import type { Timing } from '../../src/report/sinks/deliver.ts';
import { openSinks } from '../../src/report/sinks/open.ts';
import type { Hearers } from '../../src/report/sinks/open.ts';
import { SINKS } from '../../src/report/sinks/schema.ts';
import type { SinkOptions } from '../../src/report/sinks/schema.ts';

/** Settings as the file gives them. */
export const settings = (...sinks: readonly object[]): SinkOptions[] => v.parse(SINKS, sinks);

/** Ms: nobody waits for a second here. */
export const QUICK: Timing = { base: 4, longest: 20, timeout: 2000 };

export interface Heard {
  readonly hearers: Hearers;
  /** What was found about the sinks, which hear of it, too. */
  readonly findings: string[];
}

export const hear = async (sinks: readonly SinkOptions[], directory: string | undefined, timing = QUICK): Promise<Heard> => {
  const findings: string[] = [];
  const tell = (line: Line): void => {
    if (line.type === 'finding') findings.push(`${line.severity}: ${line.text}`);
    hearers.tell(line);
  };
  const hearers = await openSinks(sinks, directory, tell, timing);
  return { hearers, findings };
};

export interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly posted: Posted[];
  readonly close: () => Promise<void>;
}

/** A web server that takes what is posted, on a port or the one it had before. `answer`: its status. */
export const receive = async (port = 0, answer: (posted: Posted) => number = () => 204): Promise<Receiver> => {
  const posted: Posted[] = [];
  const server: HttpServer = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const one = { headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      const status = answer(one);
      if (status < 300) posted.push(one);
      response.writeHead(status).end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${portOf(server)}/fullmon`,
    posted,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

export const portOf = (server: { readonly address: () => AddressInfo | string | null }): number => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

/** A port on which nobody listens. */
export const freePort = async (): Promise<number> => {
  const { url, close } = await receive();
  await close();
  return Number(new URL(url).port);
};
